// What every benchmark says about itself besides its time. The work comes from cost.hpp and nowhere else; the reporter
// (main.cpp) turns it into rates and into the fraction of the floor, floor = max(flops / gemm ceiling, bytes / copy
// ceiling), both ceilings measured in the same run with the same number of threads.
#pragma once

#include <benchmark/benchmark.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "descrambler/cost.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler::bench {

struct Case {
    std::string kernel;
    Index n = 0, d = 0, batch = 1;
    std::string dtype = "f64";
    cost::Cost work;      // of one iteration, whole batch
    double residual = 0;  // what the result leaves, relative; checked outside the timed loop
    std::string provider = "descrambler";
};

inline void describe(benchmark::State& state, const Case& c) {
    state.SetLabel(nlohmann::json{
        {"kernel", c.kernel},
        {"n", c.n},
        {"d", c.d},
        {"batch", c.batch},
        {"dtype", c.dtype},
        {"flops", c.work.flops},
        {"bytes", c.work.bytes},
        {"residual", c.residual},
        {"provider",
         c.provider}}.dump());
}

// Threads of every benchmark: --threads of the program.
int& threads();

template <class T>
constexpr const char* dtype() {
    return sizeof(T) == 4 ? "f32" : "f64";
}

template <class T>
std::vector<T> normals(Index n, std::uint64_t stream) {
    std::vector<T> x(static_cast<std::size_t>(n));
    make_cpu_backend<T>(1)->random_normal(11, stream, 0, {x.data(), n, 1});
    return x;
}

}  // namespace descrambler::bench
