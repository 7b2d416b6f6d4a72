#include "descrambler/graph_cut.hpp"

#include <gtest/gtest.h>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

Graph digits_cnn() {
    return import_onnx(read_onnx(data("interpreters/onnx/digits_cnn.onnx")), {});
}

// x -> a -> b -> c = a + b -> d, each of two numbers; all but the sum are switches.
Graph with_skip() {
    Graph graph;
    for (const char* const name : {"x", "a", "b", "c", "d"})
        graph.values.push_back({name, {1, 2}});
    graph.nodes = {{"A", "Relu", Pointwise{}, {0}, 1},
                   {"B", "Relu", Pointwise{}, {1}, 2},
                   {"C", "Add", Sum{{1, 1}}, {1, 2}, 3},
                   {"D", "Relu", Pointwise{}, {3}, 4}};
    graph.output = 4;
    graph.output_shape = {1, 2};
    return graph;
}

TEST(GraphCut, PartsHoldTheNodesOfTheirSide) {
    const GraphCut cut = cut_graph(with_skip(), "C");
    EXPECT_EQ(cut.before.nodes.size(), 3U);
    EXPECT_EQ(cut.after.nodes.size(), 1U);
    EXPECT_EQ(cut.after.nodes[0].name, "D");
    EXPECT_EQ(cut.before.output, 3);
    EXPECT_EQ(cut.after.input, 3);
    EXPECT_EQ(cut_graph(with_skip(), "c").node, "C");  // by its value
    for (const char* const last : {"D", "d", "output"})
        EXPECT_TRUE(cut_graph(with_skip(), last).after.nodes.empty());
}

void expect_refusal(const std::string& node, const std::string& words) {
    try {
        (void)cut_graph(with_skip(), node);
        FAIL() << node;
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
}

TEST(GraphCut, NamesTheWayThatMissesTheNode) {
    expect_refusal("B", "B: does not separate the input from the output, A > C > D goes past it");
}

TEST(GraphCut, NamesTheNodesThatThereAre) {
    expect_refusal("E", "E: no node of this name, expected one of A, B, C, D");
    expect_refusal("x", "x: the input itself");
}

// Frozen apart both take the decisions of the whole: the same output and, up to rounding, the same rows.
TEST(GraphCut, BothPartsFrozenAreTheNetworkFrozen) {
    if (!has_data("interpreters/onnx/digits_cnn.onnx"))
        GTEST_SKIP() << no_data("interpreters/onnx/digits_cnn.onnx");
    const Graph graph = digits_cnn();
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(graph.inputs(), 1, .3);
    const FrozenNetwork<double> whole(*on, graph, x.column(0), {});
    const std::vector<Index> some{0, 7};
    const Matrix<double> rows = whole.rows(some);
    for (const char* const node : {"conv1", "relu1", "pool2", "conv3", "fc1", "relu4", "fc2"}) {
        const GraphCut cut = cut_graph(graph, node);
        const FrozenNetwork<double> before(*on, cut.before, x.column(0), {});
        const FrozenNetwork<double> after(*on, cut.after, before.output(), {});
        EXPECT_EQ(after.output(), whole.output()) << node;
        const Matrix<double> both = before.adjoint(after.rows(some));
        for (Index i = 0; i < rows.size(); ++i)
            EXPECT_NEAR(both.data()[i], rows.data()[i], 1e-12) << node;
    }
}

}  // namespace
}  // namespace descrambler
