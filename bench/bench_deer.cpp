// The generator of DEER traces on one core.
#include "bench.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::bench {
namespace {

template <class T>
void deer_traces(benchmark::State& state) {
    const auto on = make_cpu_backend<T>(1);
    const DeerSource<T> source(make_deer_tables(deer_preset("pnas")));
    const Index count = 8192;
    Matrix<T> input(256, count), target(256, count);
    Index first = 0;
    for (auto _ : state) {
        source.traces(*on, 1, 1, first, {.input = input.view(), .target = target.view()});
        first += count;
    }
    describe(state, {"deer_traces", 256, 256, count, dtype<T>(),
                     cost::deer_trace(256, 256, sizeof(T)) * static_cast<double>(count)});
}
BENCHMARK(deer_traces<float>)->UseRealTime();
BENCHMARK(deer_traces<double>)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
