#include "descrambler/kinks.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;
using Numbers = std::vector<double>;

// y = op(x), n numbers in.
Graph graph_of_node(Operator op, Index inputs, Index outputs, std::vector<int> takes = {0}) {
    Graph graph;
    graph.values = {{"x", {1, inputs}}, {"y", {1, outputs}}};
    graph.nodes = {{"N", "Op", std::move(op), std::move(takes), 1}};
    graph.output = 1;
    graph.output_shape = {1, outputs};
    return graph;
}

class KinksTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    [[nodiscard]] std::optional<Kink> of(const Graph& graph, const Numbers& x, const Numbers& d) const {
        return nearest_kink(*on, graph, x, d);
    }
    [[nodiscard]] double distance(const Pointwise& op, double x, double d) const {
        const auto kink = of(graph_of_node(op, 1, 1), {x}, {d});
        return kink ? kink->distance : INFINITY;
    }
};

TEST_F(KinksTest, UnitsByHand) {
    EXPECT_EQ(distance({Function::relu}, 3, -2), 1.5);
    EXPECT_EQ(distance({Function::relu}, -3, 2), 1.5);
    EXPECT_EQ(distance({Function::relu}, 3, 2), INFINITY);
    EXPECT_EQ(distance({Function::relu}, 0, 1), 0);  // off, and on at once
    EXPECT_EQ(distance({Function::relu}, 0, -1), INFINITY);
    EXPECT_EQ(distance({Function::leaky_relu, .1}, 1, -4), .25);
    EXPECT_EQ(distance({Function::abs}, 0, -1), 0);
    EXPECT_EQ(distance({Function::clip, 0, 6}, 2, 1), 4);
    EXPECT_EQ(distance({Function::clip, 0, 6}, 2, -1), 2);
    EXPECT_EQ(distance({Function::clip, 0, 6}, 8, -1), 2);
    EXPECT_EQ(distance({Function::clip, 0, INFINITY}, 8, 1), INFINITY);
    EXPECT_EQ(distance({Function::clip, 0, 6}, 0, 1), 0);  // on a bound the unit is outside
    EXPECT_EQ(distance({Function::clip, 0, 6}, 0, -1), INFINITY);
    EXPECT_EQ(distance({Function::clip, 0, 6}, 6, -1), 0);
    EXPECT_EQ(distance({Function::thresholded_relu, 1}, 3, -1), 2);
    EXPECT_EQ(distance({Function::hard_sigmoid, .5, .5}, 0, 1), 1);
    EXPECT_EQ(distance({Function::neg}, 1, -1), INFINITY);
}

TEST_F(KinksTest, ChoicesByHand) {
    MaxPool pool;
    pool.window.in_channels = pool.window.out_channels = 1;
    pool.window.in = {1, 1, 4};
    pool.window.out = {1, 1, 2};
    pool.window.kernel = {1, 1, 2};
    pool.window.stride = {1, 1, 2};
    const Graph graph = graph_of_node(pool, 4, 2);
    auto kink = of(graph, {3, 1, 0, 5}, {0, 1, 2, 0});  // 1 + t = 3 and 2 t = 5
    ASSERT_TRUE(kink);
    EXPECT_EQ(kink->distance, 2);
    EXPECT_EQ(kink->number, 0);
    kink = of(graph, {3, 1, 0, 5}, {0, 1, 4, 0});  // 4 t = 5
    EXPECT_EQ(kink->distance, 1.25);
    EXPECT_EQ(kink->number, 1);
    EXPECT_EQ(of(graph, {3, 1, 0, 5}, {-1, 1, 0, 1})->distance, 1);  // both move: 1 + t = 3 - t
    EXPECT_EQ(of(graph, {2, 2, 0, 5}, {0, 1, 0, 0})->distance, 0);   // a tie that the second wins at once
    EXPECT_FALSE(of(graph, {2, 2, 0, 5}, {1, 0, 0, 0}));
    EXPECT_EQ(changed_decisions(*on, graph, Numbers{3, 1, 0, 5}, Numbers{3, 4, 0, 5}), std::vector<Index>{0});
    EXPECT_TRUE(changed_decisions(*on, graph, Numbers{3, 1, 0, 5}, Numbers{3, 2, 0, 5}).empty());
}

TEST_F(KinksTest, TheSmallestOfTwoValuesByHand) {
    Graph graph = graph_of_node(Extreme{false}, 1, 1, {0, 2});
    graph.values.push_back({"twice", {1, 1}});
    graph.nodes.insert(graph.nodes.begin(), {"Twice", "Mul", Affine{{{2}}, {{-3}}}, {0}, 2});
    EXPECT_EQ(of(graph, {1}, {1})->distance, 2);  // 2 x - 3 = -1 is the smaller one until x = 3
    EXPECT_EQ(of(graph, {1}, {1})->node, 1);
    EXPECT_FALSE(of(graph, {1}, {-1}));
    EXPECT_FALSE(of(graph, {3}, {1}));  // both are 3: x, the first, stays the smaller one
    EXPECT_EQ(of(graph, {3}, {-1})->distance, 0);
}

TEST_F(KinksTest, WhatIsNotPiecewiseLinearIsRefusedWhereItMoves) {
    EXPECT_THROW((void)of(graph_of_node(Pointwise{Function::tanh}, 1, 1), {1}, {1}), InputError);
    EXPECT_FALSE(of(graph_of_node(Pointwise{Function::tanh}, 1, 1), {1}, {0}));
    EXPECT_THROW((void)of(graph_of_node(Multiply{}, 1, 1, {0, 0}), {1}, {1}), InputError);
    EXPECT_THROW((void)of(graph_of_node(Divide{}, 1, 1, {0, 0}), {1}, {1}), InputError);
    EXPECT_THROW((void)of(graph_of_node(Softmax{2}, 2, 2), {1, 2}, {1, 0}), InputError);
    EXPECT_THROW((void)of(graph_of_node(Pointwise{}, 2, 2), {1}, {1}), InputError);
}

// The rows are those at x, bit for bit, just inside the distance; just outside a decision is another one.
TEST_F(KinksTest, ExactForATrainedNetwork) {
    if (!has_data("interpreters/onnx/digits_cnn.onnx"))
        GTEST_SKIP() << no_data("interpreters/onnx/digits_cnn.onnx");
    const Graph graph = import_onnx(read_onnx(data("interpreters/onnx/digits_cnn.onnx")), {});
    const Matrix<double> x = wave(graph.inputs(), 1, .3);
    const std::vector<Index> all{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const auto rows = [&](std::span<const double> input) {
        return FrozenNetwork<double>(*on, graph, input, {}).rows(all);
    };
    const Matrix<double> here = rows(x.column(0));
    for (const double phase : {1.1, 2.3, 4.}) {
        const Matrix<double> d = wave(graph.inputs(), 1, phase);
        const auto kink = nearest_kink(*on, graph, x.column(0), d.column(0));
        ASSERT_TRUE(kink);
        EXPECT_GT(kink->distance, 0);
        const auto moved = [&](double share) {
            Numbers input(x.column(0).begin(), x.column(0).end());
            for (std::size_t i = 0; i < input.size(); ++i)
                input[i] += share * kink->distance * d.data()[i];
            return input;
        };
        EXPECT_TRUE(changed_decisions(*on, graph, x.column(0), moved(1 - 1e-6)).empty());
        EXPECT_EQ(rows(moved(1 - 1e-6)), here);
        EXPECT_EQ(changed_decisions(*on, graph, x.column(0), moved(1 + 1e-6)).front(), kink->node);
    }
}

}  // namespace
}  // namespace descrambler
