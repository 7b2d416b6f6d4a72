// Rows and columns through windows: the numbers of whole probes, for every output and input of networks that a window can
// be followed through, and windows that stay small where it can.
#include <gtest/gtest.h>

#include "descrambler/frozen.hpp"
#include "graph/reach.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

Tensor weights(const Shape& shape, double phase) {
    const Matrix<double> numbers = wave(volume(shape), 1, phase);
    return tensor(shape, std::vector<double>(numbers.values().begin(), numbers.values().end()));
}

// Builds a graph value by value.
struct Builder {
    Graph graph;
    explicit Builder(const Shape& input) { graph.values.push_back({"x", input}); }
    int add(Operator op, std::vector<int> inputs, Shape shape) {  // a copy: it may be that of a value
        const int value = static_cast<int>(graph.values.size());
        graph.values.push_back({std::to_string(value), shape});
        graph.nodes.push_back({std::to_string(value), "", std::move(op), std::move(inputs), value, -1});
        graph.output = value;
        graph.output_shape = std::move(shape);
        return value;
    }
    int convolve(int from, Index channels, Index kernel, Index stride, Index pad, Index dilation, Index groups,
                 bool transposed = false) {
        const Shape in = graph.values[static_cast<std::size_t>(from)].shape;
        const auto extent = [&](Index n) {
            const Index span = (kernel - 1) * dilation + 1;
            return transposed ? (n - 1) * stride - 2 * pad + span : (n + 2 * pad - span) / stride + 1;
        };
        Convolution s;
        s.groups = groups;
        s.in_channels = transposed ? channels : in[1];
        s.out_channels = transposed ? in[1] : channels;
        s.kernel = {1, kernel, kernel};
        s.stride = {1, stride, stride};
        s.dilation = {1, dilation, dilation};
        s.pad = {0, pad, pad};
        const Shape out{1, channels, extent(in[2]), extent(in[3])};
        s.in = {1, in[2], in[3]};
        s.out = {1, out[2], out[3]};
        if (transposed)
            std::swap(s.in, s.out);
        Convolve op{s,
                    transposed,
                    weights({s.out_channels, s.in_channels / groups, kernel, kernel}, static_cast<double>(channels)),
                    {}};
        return add(std::move(op), {from}, out);
    }
    int relu(int from) { return add(Pointwise{}, {from}, graph.values[static_cast<std::size_t>(from)].shape); }
};

template <class T>
void expect_same(const Graph& graph, const FreezeOptions& options = {}) {
    const auto on = make_cpu_backend<T>(2);
    const auto exact = make_cpu_backend<double>(2);
    const Matrix<double> x = wave(graph.inputs(), 1, .4);
    const FrozenNetwork<T> frozen(*on, *exact, graph, x.values(), options);
    const auto all = [](Index n) {
        std::vector<Index> places;
        for (Index i = 0; i < n; ++i)
            places.push_back(i * 7919 % n);  // neighbours apart, n no multiple of the prime
        return places;
    };
    const auto units = [](Index n, const std::vector<Index>& places) {
        Matrix<T> result(n, std::ssize(places));
        for (Index k = 0; k < result.cols(); ++k)
            result(places[static_cast<std::size_t>(k)], k) = 1;
        return result;
    };
    const std::vector<Index> rows = all(graph.outputs()), columns = all(graph.inputs());
    EXPECT_EQ(frozen.rows(rows), frozen.adjoint(units(graph.outputs(), rows)));
    EXPECT_EQ(frozen.columns(columns), frozen.apply(units(graph.inputs(), columns)));
}

Graph local_network() {
    Builder b({1, 2, 13, 11});
    int v = b.convolve(0, 6, 3, 1, 1, 1, 1);
    v = b.relu(v);
    const int skip = v;
    v = b.convolve(v, 6, 3, 1, 1, 1, 6);  // channel by channel
    v = b.relu(v);
    v = b.add(Sum{{1, -1}}, {v, skip}, {1, 6, 13, 11});
    v = b.convolve(v, 4, 3, 2, 1, 1, 2);
    v = b.convolve(v, 3, 4, 2, 1, 1, 1, true);
    v = b.relu(v);
    b.convolve(v, 2, 3, 1, 2, 2, 1);
    return b.graph;
}

TEST(Windows, EveryRowAndColumnOfAConvolutionalNetwork) {
    expect_same<double>(local_network());
    expect_same<float>(local_network());
}

TEST(Windows, OneAxis) {
    Builder b({1, 3, 29});
    Convolution s;
    s.in_channels = 3;
    s.out_channels = 5;
    s.in[2] = 29;
    s.kernel[2] = 4;
    s.pad[2] = 1;
    s.stride[2] = 3;
    s.out[2] = (29 + 2 - 4) / 3 + 1;
    const int v = b.add(Convolve{s, false, weights({5, 3, 4}, .3), {}}, {0}, {1, 5, s.out[2]});
    b.relu(v);
    expect_same<double>(b.graph);
}

// Pixel shuffling, a border that repeats, and a mean over a window are sparse maps.
TEST(Windows, SparseMaps) {
    Builder b({1, 8, 6, 7});
    Move shuffle;
    for (Index c = 0; c < 2; ++c)
        for (Index y = 0; y < 12; ++y)
            for (Index x = 0; x < 14; ++x)
                shuffle.index.push_back(
                    static_cast<std::uint32_t>(((c * 4 + y % 2 * 2 + x % 2) * 6 + y / 2) * 7 + x / 2));
    int v = b.add(shuffle, {0}, {1, 2, 12, 14});
    Sparse mean;
    mean.starts.push_back(0);
    for (Index c = 0; c < 2; ++c)
        for (Index y = 0; y < 10; ++y)
            for (Index x = 0; x < 12; ++x) {
                for (Index dy = 0; dy < 3; ++dy)
                    for (Index dx = 0; dx < 3; ++dx) {
                        mean.index.push_back(static_cast<std::uint32_t>((c * 12 + y + dy) * 14 + x + dx));
                        mean.weight.push_back(1. / 9 + .01 * static_cast<double>(dx));
                    }
                mean.starts.push_back(static_cast<std::uint32_t>(mean.index.size()));
            }
    v = b.add(mean, {v}, {1, 2, 10, 12});
    const int scaled = b.add(Affine{{{2, 3}, 120}, {}}, {v}, {1, 2, 10, 12});
    b.add(Concat{1, {240, 240}}, {scaled, v}, {1, 4, 10, 12});
    expect_same<double>(b.graph);
}

// What couples everything is whole, and so is what lies behind it.
TEST(Windows, DenseNodesAndNorms) {
    Builder b({1, 2, 8, 8});
    int v = b.convolve(0, 4, 3, 1, 1, 1, 1);
    v = b.add(Normalise{64, 1e-5, true, {{1, 2, 3, 4}, 64}, {}}, {v}, {1, 4, 8, 8});
    v = b.relu(v);
    v = b.convolve(v, 2, 3, 2, 1, 1, 1);
    b.add(Product{weights({5, 32}, .9), {}}, {v}, {1, 5});
    expect_same<double>(b.graph);
    expect_same<double>(b.graph, {FreezeRule::frozen, NormRule::mean_std});
    expect_same<double>(b.graph, {FreezeRule::taylor, NormRule::none});
}

// A value that is used twice, once through a window and once whole.
TEST(Windows, BesideAWholeValue) {
    Builder b({1, 2, 9, 9});
    const int v = b.convolve(0, 3, 3, 1, 1, 1, 1);
    const int n = b.add(Normalise{81, 1e-5, true, {}, {}}, {v}, {1, 3, 9, 9});
    b.add(Sum{{1, 1}}, {b.convolve(v, 3, 3, 1, 1, 1, 1), n}, {1, 3, 9, 9});
    expect_same<double>(b.graph);
}

TEST(Windows, GrowByTheirKernelsAndStayInside) {
    Builder b({1, 1, 40, 50});
    int v = b.convolve(0, 2, 3, 1, 1, 1, 1);
    v = b.convolve(v, 2, 5, 1, 2, 1, 1);
    b.convolve(v, 1, 3, 2, 1, 1, 1);
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Index> places{0, 25 * 10 + 12};  // the corner, and the middle of [20, 25]
    std::vector<std::vector<Reach>> reaches;
    for (std::size_t n = 0; n < b.graph.nodes.size(); ++n) {
        const Convolution& s = std::get<Convolve>(b.graph.nodes[n].op).shape;
        Reach reach;
        for (Index o = 0; o < s.out[1]; ++o)
            reach.rows.push_back({std::max<Index>(o * s.stride[1] - s.pad[1], 0),
                                  std::min(o * s.stride[1] - s.pad[1] + s.kernel[1], s.in[1])});
        for (Index o = 0; o < s.out[2]; ++o)
            reach.cols.push_back({std::max<Index>(o * s.stride[2] - s.pad[2], 0),
                                  std::min(o * s.stride[2] - s.pad[2] + s.kernel[2], s.in[2])});
        reaches.push_back({reach});
    }
    const WindowPlan plan = WindowPlan::backward(
        b.graph, [&](std::size_t n) -> const std::vector<Reach>& { return reaches[n]; }, places);
    EXPECT_EQ(plan.of(3).rows, 1);
    EXPECT_EQ(plan.of(2).rows, 3);
    EXPECT_EQ(plan.of(1).rows, 7);
    EXPECT_EQ(plan.of(0).cols, 9);
    EXPECT_EQ(plan.of(0).corners[0].row, 0);
    EXPECT_EQ(plan.of(0).corners[1].row, 2 * 10 - 1 - 2 - 1);
    EXPECT_EQ(plan.of(0).corners[1].col, 2 * 12 - 1 - 2 - 1);
    const std::vector<Index> inputs{50 * 20 + 25};
    const WindowPlan ahead = WindowPlan::forward(
        b.graph, [&](std::size_t n) -> const std::vector<Reach>& { return reaches[n]; }, inputs);
    EXPECT_EQ(ahead.of(2).rows, 7);
    EXPECT_EQ(ahead.of(3).rows, 5);  // rows 16.5 .. 24.5 of the input before the stride: 9 numbers, every second one
    EXPECT_FALSE(ahead.whole(3));
}

// ---- two batches -----------------------------------------------------------------------------------------------------

TEST(TwoBatch, HasTheBitsOfTheRecord) {
    const Graph graph = local_network();
    const auto on = make_cpu_backend<double>(2);
    const Matrix<double> x = wave(graph.inputs(), 1, .4), V = wave(graph.inputs(), 3, 1.7);
    const std::vector<double> x0(x.values().begin(), x.values().end());
    for (const FreezeOptions options : {FreezeOptions{}, FreezeOptions{FreezeRule::taylor, NormRule::none}}) {
        const FrozenNetwork<double> frozen(*on, graph, x0, options);
        const TwoBatch<double> both = two_batch<double>(*on, *on, graph, x0, options, V, 0);
        EXPECT_EQ(both.output, frozen.output());
        EXPECT_EQ(both.image, frozen.apply(V));
        const Index live = 8 * live_numbers(graph);  // bytes of the network, and of one probe
        EXPECT_EQ(two_batch<double>(*on, *on, graph, x0, options, V, 0, 2 * live).image, both.image) << "one by one";
        EXPECT_THROW((void)two_batch<double>(*on, *on, graph, x0, options, V, 0, 2 * live - 1), InputError);
        const TwoBatch<double> zero =
            two_batch<double>(*on, *on, graph, x0, options, Matrix<double>(graph.inputs(), 1), 1);
        EXPECT_TRUE(std::ranges::equal(zero.image.values(), frozen.residual()));
    }
}

TEST(TwoBatch, MemoryDoesNotGrowWithTheDepth) {
    const auto on = make_cpu_backend<double>(1);
    const auto network = [](int layers) {
        Builder b({1, 3, 12, 12});
        int v = 0;
        for (int layer = 0; layer < layers; ++layer)
            v = b.relu(b.convolve(v, 3, 3, 1, 1, 1, 1));
        return b.graph;
    };
    const Graph shallow = network(3), deep = network(30);
    const Matrix<double> x = wave(shallow.inputs(), 1, .4), V = wave(shallow.inputs(), 2, 1.7);
    const std::vector<double> x0(x.values().begin(), x.values().end());
    const Index peak = two_batch<double>(*on, *on, shallow, x0, {}, V, 0).peak_bytes;
    EXPECT_EQ(two_batch<double>(*on, *on, deep, x0, {}, V, 0).peak_bytes, peak);
    EXPECT_GE(peak, 2 * 3 * 144 * 3 * 8);  // input and output of a node
    EXPECT_LE(peak, 2 * 3 * 144 * 3 * 8 + 3 * 144 / 8 + 8);
    EXPECT_GT(FrozenNetwork<double>(*on, deep, x0, {}).recorded_bytes(),
              9 * FrozenNetwork<double>(*on, shallow, x0, {}).recorded_bytes());
}

}  // namespace
}  // namespace descrambler
