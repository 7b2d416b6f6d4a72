// Many inputs at once give what each gives alone.
#include "descrambler/evaluator.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using onnx::node;

std::string constant(const std::string& name, const std::vector<std::int64_t>& dims, double phase) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims)
        count *= dim;
    const Matrix<double> numbers = wave(count, 1, phase);
    return onnx::initialiser(onnx::tensor(name, dims, {numbers.values().begin(), numbers.values().end()}));
}
// The operators that are the same affine map everywhere, functions of one number, and those of several.
Graph graph() {
    const std::string nodes =
        node("Conv", {"x", "K", "k"}, {"a"}) + node("PRelu", {"a", "slope"}, {"b"}) + node("Tanh", {"b"}, {"c"}) +
        node("Mul", {"b", "c"}, {"d"}) + node("Add", {"d", "k2"}, {"e"}) + node("Relu", {"e"}, {"f"}) +
        node("Add", {"f", "a"}, {"g"}) + node("GlobalAveragePool", {"g"}, {"m"}) + node("Sub", {"g", "m"}, {"n"}) +
        node("Max", {"n", "g"}, {"o"}) + node("Softmax", {"o"}, {"p"}) +
        node("Concat", {"p", "o"}, {"q"}, onnx::attribute("axis", 2, onnx::field(3, std::int64_t{1}))) +
        node("Flatten", {"q"}, {"r"}) + node("MatMul", {"r", "W"}, {"y"}) + constant("K", {2, 1, 2, 2}, .3) +
        constant("k", {2}, .8) + constant("k2", {1, 2, 4, 4}, .6) + constant("slope", {2, 1, 1}, .2) +
        constant("W", {64, 7}, 1.1);
    return import_onnx(
        parse_onnx(onnx::model(nodes + onnx::input("x", {1, 1, 5, 5}) + onnx::output("y", {1, 7})), "net.onnx", "."),
        {});
}

TEST(Evaluator, SwitchesHaveTheBitsOfFreezing) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x{-3, -1, -.25, -0., 0, 1e-320, .25, 1, 6, 7};
    for (const Pointwise& op : {Pointwise{Function::relu, 0, 0, {}}, Pointwise{Function::leaky_relu, .1, 0, {}},
                                Pointwise{Function::clip, 0, 6, {}}, Pointwise{Function::clip, -1, 1, {}},
                                Pointwise{Function::clip, 2, 1, {}}}) {
        Graph net;
        net.values = {{"x", {1, 10}}, {"y", {1, 10}}};
        net.nodes.push_back({"y", "", op, {0}, 1, -1});
        net.output = 1;
        net.output_shape = {1, 10};
        const FrozenNetwork<double> frozen(*on, net, x, {});
        const Matrix<double> y = Evaluator(net, 1).run({x.data(), 10, 1});
        for (std::size_t i = 0; i < x.size(); ++i)
            EXPECT_EQ(std::bit_cast<std::uint64_t>(y.values()[i]), std::bit_cast<std::uint64_t>(frozen.output()[i]))
                << op.a << " to " << op.b << " at " << x[i];
    }
}

TEST(Evaluator, AColumnHasTheBitsOfTheNetworkAtThatInput) {
    const Graph net = graph();
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = wave(25, 70, .1);  // more than a block of columns
    const Evaluator together(net, 2);
    EXPECT_EQ(together.inputs(), 25);
    EXPECT_EQ(together.outputs(), 7);
    const Matrix<double> Y = together.run(X.view());
    const Evaluator alone(net, 1);
    for (const Index k : {0, 1, 15, 16, 64, 69}) {
        const FrozenNetwork<double> frozen(*on, net, X.column(k), {});
        const Matrix<double> one = alone.run(X.view().columns(k, 1));
        for (Index i = 0; i < 7; ++i) {
            EXPECT_EQ(Y(i, k), frozen.output()[static_cast<std::size_t>(i)]) << k;
            EXPECT_EQ(one(i, 0), Y(i, k)) << k;
        }
    }
    EXPECT_EQ(together.run(X.view().columns(0, 0)).cols(), 0);
    EXPECT_THROW((void)together.run(wave(24, 1, 0).view()), std::invalid_argument);
}

TEST(Evaluator, ANetworkWithoutNodesGivesItsInput) {
    Graph net;
    net.values.push_back({"x", {1, 3}});
    const Matrix<double> X = wave(3, 2, .1);
    EXPECT_EQ(Evaluator(net).run(X.view()), X);
}

}  // namespace
}  // namespace descrambler
