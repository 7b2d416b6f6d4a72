// Where a job runs: device, threads, the processes that share it, and the backends that it uses from start to end.
#pragma once

#include <memory>
#include <string>

namespace descrambler {

class Communicator;  // communicator.hpp
[[nodiscard]] std::shared_ptr<Communicator> single_process();
template <class T>
class Backend;  // backend.hpp

struct Execution {
    std::string device = "auto";                             // a name of make_backend
    int threads = 0;                                         // of the CPU; 0: all
    std::shared_ptr<Communicator> ranks = single_process();  // that share the job

    Execution();
    // One process on the CPU, or on a device by a name of make_backend.
    [[nodiscard]] static Execution on_cpu(int threads = 0);
    [[nodiscard]] static Execution on_device(std::string device, int threads = 0);
    // One process on a backend that the caller keeps alive, for what is done in double precision.
    [[nodiscard]] static Execution on(Backend<double>& backend);

    // The backend of this device and number of threads: made when first asked for, destroyed with the last copy of the
    // execution. Copies share it. For one thread at a time. Throws as make_backend: InputError.
    template <class T>  // float, double
    [[nodiscard]] Backend<T>& backend() const;

private:
    friend std::string settle_device(Execution& execution);
    struct Backends;
    std::shared_ptr<Backends> backends_;
};

// One kind of device for the whole job: "auto" becomes what every rank has found. Returns the kind, without the number
// of the device: "cpu", "cuda (NVIDIA H100 80GB HBM3)". All ranks call. Throws InputError, on all of them, where the
// device is not there and where ranks have devices of different kinds: these give different bits, and sum over a
// library by leaves of different length.
std::string settle_device(Execution& execution);
// Threads of the CPU that the execution means: its number if above 0; otherwise all of the machine, or of several ranks
// the share of this one (node_share). All ranks call.
[[nodiscard]] int threads_of(const Execution& execution);
// Place of this process among those of its node, from 0, by the environment of the launcher (Open MPI, MPICH, Slurm);
// 0 where there is none.
[[nodiscard]] int local_rank();

}  // namespace descrambler
