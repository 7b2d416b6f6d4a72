// A build without MPI: one process, and an error where a launcher started several.
#include "mpi/launcher.hpp"

namespace descrambler {

std::shared_ptr<Communicator> make_communicator() {
    if (const int started = processes_started(); started > 1)
        throw InputError("started as one of " + std::to_string(started) +
                         " processes, but this build has no MPI: expected a build with DESCRAMBLER_MPI=ON, or one "
                         "process");
    return single_process();
}

std::string mpi_version() {
    return "off";
}

}  // namespace descrambler
