// Frozen networks: what a record, rows, columns and parts of a convolutional network take, and what it costs to keep the
// decisions of a network in different ways.
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "bench.hpp"
#include "descrambler/frozen.hpp"

namespace descrambler::bench {
namespace {

constexpr Index channels = 64, kernel = 3;

Convolution layer(Index in, Index out, Index side) {
    Convolution s{.in_channels = in, .out_channels = out};
    s.in = s.out = {1, side, side};
    s.kernel = {1, kernel, kernel};
    s.pad = {0, 1, 1};
    return s;
}

// Weights that keep the size of what passes.
Tensor weights(const Convolution& s, std::uint64_t stream) {
    std::vector<float> w = normals<float>(s.depth() * s.out_channels, stream);
    for (float& number : w)
        number *= std::sqrt(2.0F / static_cast<float>(s.depth()));
    return tensor({s.out_channels, s.in_channels, kernel, kernel}, std::move(w));
}

// 3 channels, `layers` times 64, 3 channels: the shape of a network that magnifies or denoises.
Graph image_network(Index side, int layers) {
    Graph graph;
    graph.values.push_back({"x", {1, 3, side, side}});
    const auto add = [&](Operator op, Index out) {
        const int value = static_cast<int>(graph.values.size());
        graph.values.push_back({std::to_string(value), {1, out, side, side}});
        graph.nodes.push_back({std::to_string(value), "", std::move(op), {value - 1}, value});
        graph.output = value;
        graph.output_shape = graph.values.back().shape;
    };
    for (int l = 0; l <= layers; ++l) {
        const Convolution s = layer(l == 0 ? 3 : channels, l == layers ? 3 : channels, side);
        add(Convolve{s,
                     false,
                     weights(s, static_cast<std::uint64_t>(l)),
                     {normals<double>(s.out_channels, 100 + static_cast<std::uint64_t>(l)), side * side}},
            s.out_channels);
        if (l < layers)
            add(Pointwise{}, channels);
    }
    return graph;
}

template <class T>
cost::Cost passes(const Graph& graph, Index K) {
    cost::Cost work;
    for (const GraphNode& node : graph.nodes)
        if (const auto* op = std::get_if<Convolve>(&node.op)) {
            const cost::Cost one = cost::convolve(op->shape, K, sizeof(T));
            work.flops += one.flops;
            work.bytes += one.bytes;
        }
    return work;
}

enum class Ask { record, dense_rows, rows, dense_columns, columns, parts };

// As whole probes would cost: windows make less work of it, and reach more than the ceiling.
template <class T, Ask ask>
void network(benchmark::State& state) {
    constexpr const char* names[] = {"graph_record",        "graph_dense_rows", "graph_rows",
                                     "graph_dense_columns", "graph_columns",    "graph_parts"};
    const Index side = state.range(0), K = 16;
    const auto on = make_cpu_backend<T>(threads());
    const Graph graph = image_network(side, 16);
    const auto exact = make_cpu_backend<double>(threads());
    const std::vector<double> x0 = normals<double>(graph.inputs(), 7);
    const FrozenNetwork<T> frozen(*on, *exact, graph, x0, {});
    std::vector<Index> places;
    Matrix<T> units(graph.outputs(), K);
    for (Index k = 0; k < K; ++k) {  // neighbours in the middle
        places.push_back(side / 2 * side + side / 2 - K / 2 + k);
        units(places.back(), k) = 1;
    }
    for (auto _ : state)
        switch (ask) {
            case Ask::record:
                benchmark::DoNotOptimize(FrozenNetwork<T>(*on, *exact, graph, x0, {}).recorded_bytes());
                break;
            case Ask::dense_rows:
                benchmark::DoNotOptimize(frozen.adjoint(units));
                break;
            case Ask::rows:
                benchmark::DoNotOptimize(frozen.rows(places));
                break;
            case Ask::dense_columns:
                benchmark::DoNotOptimize(frozen.apply(units));
                break;
            case Ask::columns:
                benchmark::DoNotOptimize(frozen.columns(places));
                break;
            case Ask::parts:
                benchmark::DoNotOptimize(frozen.contributions(places));
                break;
        }
    const Matrix<T> rows = frozen.rows(places), dense = frozen.adjoint(units);
    double off = 0;
    for (Index i = 0; i < rows.size(); ++i)
        off = std::max(off, std::abs(static_cast<double>(rows.data()[i]) - static_cast<double>(dense.data()[i])));
    describe(state, {names[static_cast<int>(ask)], channels, side, K, dtype<T>(),
                     passes<T>(graph, ask == Ask::record ? 1 : K), off});
}
void sides(benchmark::internal::Benchmark* b) {
    for (const Index side : {64, 128})
        b->Args({side})->Unit(benchmark::kMillisecond)->UseRealTime();
}
BENCHMARK_TEMPLATE(network, float, Ask::record)->Apply(sides);
BENCHMARK_TEMPLATE(network, float, Ask::dense_rows)->Apply(sides);
BENCHMARK_TEMPLATE(network, float, Ask::rows)->Apply(sides);
BENCHMARK_TEMPLATE(network, float, Ask::dense_columns)->Apply(sides);
BENCHMARK_TEMPLATE(network, float, Ask::columns)->Apply(sides);
BENCHMARK_TEMPLATE(network, float, Ask::parts)->Apply(sides);
BENCHMARK_TEMPLATE(network, double, Ask::dense_rows)->Apply(sides);
BENCHMARK_TEMPLATE(network, double, Ask::rows)->Apply(sides);

// ---- where the decisions lie -----------------------------------------------------------------------------------------

// The same probes through the same layers; the decisions are bits, numbers in memory, numbers in a file (of the system's
// cache, unless it has none), or are made again beside the probes. In blocks of 16 probes.
enum class Keep { bits, numbers, file, nothing };

void storage(benchmark::State& state, const char* name, Keep keep) {
    constexpr Index side = 64, block = 16;
    constexpr int layers = 8;
    const Index K = state.range(0), n = channels * side * side;
    const auto on = make_cpu_backend<float>(threads());
    const Convolution s = layer(channels, channels, side);
    std::vector<std::vector<float>> w, slopes;
    std::vector<std::vector<std::uint32_t>> bits;
    const std::vector<float> x0 = normals<float>(n, 3);
    std::vector<float> primal = x0, next(primal.size());
    const auto matrix = [&](int l) { return Batch<const float>(w[l].data(), s.depth(), channels); };
    FILE* const file = std::tmpfile();
    for (int l = 0; l < layers; ++l) {
        w.push_back(weights(s, static_cast<std::uint64_t>(l)).as<float>());
        on->convolve(s, matrix(l), {primal.data(), n, 1}, 0, {next.data(), n, 1});
        std::vector<float>& slope = slopes.emplace_back(next.size());
        std::vector<std::uint32_t>& mask = bits.emplace_back(next.size() / 32);
        for (std::size_t i = 0; i < next.size(); ++i) {
            slope[i] = next[i] > 0 ? 1 : 0;
            mask[i / 32] |= static_cast<std::uint32_t>(next[i] > 0) << i % 32;
            primal[i] = slope[i] * next[i];
        }
        if (std::fwrite(slope.data(), 4, slope.size(), file) != slope.size())
            return state.SkipWithError("no room for the file");
    }
    std::fflush(file);
    const float zero = 0;
    std::vector<float> probes = normals<float>(n * block, 5), x(probes.size()), y(probes.size()), read(next.size());
    const auto pass = [&](Index count) {
        primal = x0;
        std::copy_n(probes.begin(), n * count, x.begin());
        for (int l = 0; l < layers; ++l) {
            on->convolve(s, matrix(l), {x.data(), n, count}, 0, {y.data(), n, count});
            const float* slope = slopes[static_cast<std::size_t>(l)].data();
            if (keep == Keep::file) {
                const auto bytes = static_cast<ssize_t>(4 * read.size());
                if (pread(fileno(file), read.data(), read.size() * 4, l * bytes) != bytes)
                    return false;
                slope = read.data();
            } else if (keep == Keep::nothing) {
                on->convolve(s, matrix(l), {primal.data(), n, 1}, 0, {next.data(), n, 1});
                for (std::size_t i = 0; i < next.size(); ++i) {
                    read[i] = next[i] > 0 ? 1 : 0;
                    primal[i] = read[i] * next[i];
                }
                slope = read.data();
            }
            if (keep == Keep::bits)
                on->masked_product(bits[static_cast<std::size_t>(l)].data(), {&zero, 1, n}, {y.data(), n, count}, 0,
                                   {x.data(), n, count});
            else
                on->diagonal_product({slope, n, 1}, {y.data(), n, count}, 0, {x.data(), n, count});
        }
        return true;
    };
    for (auto _ : state)
        for (Index first = 0; first < K; first += block)
            if (!pass(std::min(block, K - first)))
                return state.SkipWithError("the file cannot be read");
    std::fclose(file);
    cost::Cost work = cost::convolve(s, K, 4);
    work.flops *= layers;
    work.bytes *= layers;
    const Index kept = keep == Keep::bits ? n / 8 * layers : keep == Keep::nothing ? 0 : 4 * n * layers;
    state.counters["bytes_kept"] = static_cast<double>(kept);
    describe(state, {name, channels, side, K, "f32", work, 0});
}
void probes(benchmark::internal::Benchmark* b) {
    for (const Index K : {1, 16, 64})
        b->Args({K})->Unit(benchmark::kMillisecond)->UseRealTime();
}
BENCHMARK_CAPTURE(storage, bits, "storage_bits", Keep::bits)->Apply(probes);
BENCHMARK_CAPTURE(storage, numbers, "storage_numbers", Keep::numbers)->Apply(probes);
BENCHMARK_CAPTURE(storage, file, "storage_file", Keep::file)->Apply(probes);
BENCHMARK_CAPTURE(storage, two_batch, "storage_two_batch", Keep::nothing)->Apply(probes);

}  // namespace
}  // namespace descrambler::bench
