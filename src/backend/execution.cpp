// The choice of a backend by name, and what a job keeps of them.
#include "descrambler/execution.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "descrambler/backend.hpp"
#include "descrambler/communicator.hpp"

namespace descrambler {

template <class T>
std::unique_ptr<Backend<T>> make_backend(const std::string& device, int threads) {
    if (device == "cpu")
        return make_cpu_backend<T>(threads);
    if (device == "auto")
        try {
            return make_cuda_backend<T>();
        } catch (const InputError&) {  // a build without CUDA, or a machine without a device that it can use
            return make_cpu_backend<T>(threads);
        }
    if (device == "cuda")
        return make_cuda_backend<T>();
    if (device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
        device.find_first_not_of("0123456789", 5) == std::string_view::npos)
        return make_cuda_backend<T>(std::stoi(device.substr(5)));
    throw InputError("--device " + device + ": expected auto, cpu, cuda or cuda:N");
}

// By device and threads: a copy of an execution may be given others. Pointers to what is borrowed own nothing.
struct Execution::Backends {
    using Key = std::pair<std::string, int>;
    std::mutex mutex;
    std::map<Key, std::shared_ptr<Backend<float>>> singles;
    std::map<Key, std::shared_ptr<Backend<double>>> doubles;
    template <class T>
    auto& of() {
        if constexpr (std::is_same_v<T, float>)
            return singles;
        else
            return doubles;
    }
};

Execution::Execution() : backends_(std::make_shared<Backends>()) {}

Execution Execution::on_cpu(int threads) {
    return on_device("cpu", threads);
}

Execution Execution::on_device(std::string device, int threads) {
    Execution execution;
    execution.device = std::move(device);
    execution.threads = threads;
    return execution;
}

Execution Execution::on(Backend<double>& backend) {
    const std::string name = backend.name();
    Execution execution = on_device(name.substr(0, name.find(' ')), backend.threads());  // "cuda:0 (NVIDIA H100)"
    execution.backends_->doubles[{execution.device, execution.threads}] =
        std::shared_ptr<Backend<double>>(std::shared_ptr<void>(), &backend);
    return execution;
}

template <class T>
Backend<T>& Execution::backend() const {
    const std::lock_guard lock(backends_->mutex);
    std::shared_ptr<Backend<T>>& found = backends_->of<T>()[{device, threads}];
    if (!found)
        found = make_backend<T>(device, threads);
    return *found;
}

std::string settle_device(Execution& execution) {
    Communicator& ranks = *execution.ranks;
    bool on_host = true;
    const std::string mine = together(ranks, [&] {
        const Backend<double>& backend = execution.backend<double>();
        on_host = backend.on_host();
        const std::string name = backend.name();  // "cuda:1 (NVIDIA H100)": the ranks of a node have a device each
        const std::size_t colon = name.find(':');
        return colon == name.npos ? name : name.substr(0, colon) + name.substr(name.find(' ', colon));
    });
    const std::vector<std::string> all = all_gather(ranks, mine);
    together(ranks, [&] {
        for (std::size_t i = 1; i < all.size(); ++i)
            if (all[i] != all.front())
                throw InputError("--device " + execution.device + ": rank " + std::to_string(i) + " has " + all[i] +
                                 ", rank 0 " + all.front() + "; expected one kind of device on all ranks");
    });
    if (execution.device == "auto") {
        execution.device = on_host ? "cpu" : "cuda";
        const auto known_as = [&](auto& made) {  // not made once more
            if (const auto at = made.find({"auto", execution.threads}); at != made.end())
                made.try_emplace({execution.device, execution.threads}, at->second);
        };
        const std::lock_guard lock(execution.backends_->mutex);
        known_as(execution.backends_->singles);
        known_as(execution.backends_->doubles);
    }
    return mine;
}

int threads_of(const Execution& execution) {
    if (execution.threads > 0)
        return execution.threads;
    return execution.ranks->size() > 1 ? node_share(*execution.ranks).cores : make_cpu_backend<double>(0)->threads();
}

int local_rank() {
    for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK", "SLURM_LOCALID"})
        if (const char* text = std::getenv(name)) {
            int rank = 0;
            const char* end = text + std::strlen(text);
            if (const auto [last, error] = std::from_chars(text, end, rank);
                error == std::errc() && last == end && rank >= 0)
                return rank;
        }
    return 0;
}

template std::unique_ptr<Backend<float>> make_backend<float>(const std::string&, int);
template std::unique_ptr<Backend<double>> make_backend<double>(const std::string&, int);
template Backend<float>& Execution::backend<float>() const;
template Backend<double>& Execution::backend<double>() const;

}  // namespace descrambler
