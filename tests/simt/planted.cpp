// Runs one planted fault: planted NAME. Exit code 0: nothing noticed; 3: a wrong result; 4: an Error, which is printed;
// anything else is a sanitizer's or a signal's.
#include "planted.hpp"

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

using namespace descrambler;
using cuda::Context;
using cuda::Memory;

namespace {

using Kernel = void (*)(const double*, double*);
struct Fault {
    const char* name;
    Kernel kernel;
    double (*expected)(int t);  // out[t] of a right kernel
    unsigned blocks = 1;
};

double same(int t) {
    return t + 1.0;
}

constexpr Fault faults[] = {
    {"tile_read_too_early", planted::tile_read_too_early, [](int t) { return planted::threads - t + 0.0; }},
    {"tile_overwritten", planted::tile_overwritten, [](int t) { return 2.0 * ((t + 1) % planted::threads + 1) + 1; }},
    {"no_syncwarp", planted::no_syncwarp, [](int t) { return (t ^ 1) + 1.0; }},
    {"divergent_barrier", planted::divergent_barrier, same},
    {"early_return", planted::early_return, same},
    {"shuffle_in_a_branch", planted::shuffle_in_a_branch, [](int t) { return (t % 32 < 16 ? t ^ 1 : t) + 1.0; }},
    {"lane_not_in_its_mask", planted::lane_not_in_its_mask, [](int t) { return (t ^ 1) + 1.0; }},
    {"shuffle_from_outside_the_mask", planted::shuffle_from_outside_the_mask,
     [](int t) { return t % 32 < 15 ? t + 2.0 : 0.0; }},
    {"shared_never_written", planted::shared_never_written, [](int) { return 0.0; }},
    {"shared_overflow", planted::shared_overflow, same},
    {"global_overflow", planted::global_overflow, [](int t) { return t == 0 ? 0.0 : t + 0.0; }},
    {"global_read_beyond", planted::global_read_beyond, [](int t) { return t + 2.0; }},
    {"same_value", planted::same_value, same},
    {"blocks_add", planted::blocks_add, same, 2},
};

int run(const Fault& fault) {
    std::vector<double> in, out(planted::threads);
    for (int t = 0; t < planted::threads; ++t)
        in.push_back(t + 1.0);
    Context on(0);
    {
        const Memory<double> x(on, planted::threads), y(on, planted::threads);
        on.to_device(x.data(), in.data(), in.size() * sizeof(double));
        on.zero(y.data(), in.size() * sizeof(double));
        cuda::launch(on, fault.kernel, dim3(fault.blocks), planted::threads, planted::threads * sizeof(double),
                     x.data(), y.data());
        y.download(out.data());
    }
    for (int t = 0; t < planted::threads; ++t)
        if (!(out[static_cast<std::size_t>(t)] == fault.expected(t))) {
            std::printf("wrong result: element %d is %g, expected %g\n", t, out[static_cast<std::size_t>(t)],
                        fault.expected(t));
            return 3;
        }
    return 0;
}

// Faults of host code.
int run_host(const std::string& name) {
    Context on(0);
    if (name == "host_reads_device_memory") {
        const Memory<double> x(on, 4);
        volatile double* const at = x.data();
        return *at == 0 ? 0 : 3;
    }
    if (name == "host_array_to_a_kernel") {
        const std::vector<double> in(planted::threads);
        const Memory<double> y(on, planted::threads);
        cuda::launch(on, planted::early_return, dim3(1), planted::threads, 0, in.data(), y.data());
        return 0;
    }
    if (name == "memory_after_release") {
        std::optional<Memory<double>> x(std::in_place, on, planted::threads + 1);
        const Memory<double> y(on, planted::threads);
        const double* const gone = x->data();
        x.reset();
        cuda::launch(on, planted::global_read_beyond, dim3(1), planted::threads, 0, gone, y.data());
        return 0;
    }
    if (name == "too_many_threads") {
        const Memory<double> x(on, planted::threads);
        cuda::launch(on, planted::early_return, dim3(1), 1025, 0, x.data(), x.data());
        return 0;
    }
    if (name == "too_much_shared_memory") {
        const Memory<double> x(on, planted::threads);
        cuda::launch(on, planted::early_return, dim3(1), 32, simt::shared_limit() + 1, x.data(), x.data());
        return 0;
    }
    std::fprintf(stderr, "planted: no fault '%s'\n", name.c_str());
    return 2;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string name = count == 2 ? arguments[1] : "";
    try {
        for (const Fault& fault : faults)
            if (name == fault.name)
                return run(fault);
        return run_host(name);
    } catch (const Error& error) {
        std::printf("%s\n", error.what());
        return 4;
    }
}
