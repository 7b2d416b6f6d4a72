// Dense networks to ONNX and back, graphs that are dense networks, dense nodes of others.
#include "descrambler/dense_graph.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "data.hpp"
#include "descrambler/executor.hpp"
#include "descrambler/frozen.hpp"
#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using onnx::attribute;
using onnx::field;
using onnx::node;

constexpr double u = 0x1p-53;
constexpr Activation all[] = {Activation::identity, Activation::tanh, Activation::logistic, Activation::softplus,
                              Activation::relu};

// Every activation, with and without bias, and one layer that renormalises something positive.
Network every_activation() {
    Network network;
    Index width = 6;
    for (const Activation f : all) {
        DenseLayer layer{
            wave(7, width, .3 * static_cast<double>(network.layers.size())), {}, f, f == Activation::softplus};
        if (f != Activation::tanh)
            for (Index i = 0; i < 7; ++i)
                layer.bias.push_back(.1 * static_cast<double>(i) - .2);
        network.layers.push_back(std::move(layer));
        width = 7;
    }
    return network;
}

Network back(const Network& network, ElementType type) {
    const Scratch folder("dense_graph");
    write_onnx(folder / "net.onnx", onnx_of(network, type));
    return network_of(import_onnx(read_onnx(folder / "net.onnx"), {}));
}

// Both are products of rounded numbers in some order: at each layer an error of (n + 8) u times what the sum may be,
// which later layers, whose slopes are at most 1, enlarge by the sum of a row of their weights. y / mean(y) has the
// error of y over the mean, and that of the mean times y / mean(y).
double rounding(const Network& network, const Matrix<double>& x) {
    const auto on = make_cpu_backend<double>(1);
    double error = 0, size = largest({x.values().begin(), x.values().end()});
    for (std::size_t k = 0; k < network.layers.size(); ++k) {
        const DenseLayer& layer = network.layers[k];
        double row = 0;
        for (Index i = 0; i < layer.weight.rows(); ++i) {
            double sum = 0;
            for (Index j = 0; j < layer.weight.cols(); ++j)
                sum += std::abs(layer.weight(i, j));
            row = std::max(row, sum);
        }
        error = row * error + static_cast<double>(layer.weight.cols() + 8) * u * (row * size + largest(layer.bias) + 1);
        const Matrix<double> h = forward(*on, network, x, static_cast<Index>(k) + 1);
        size = largest({h.values().begin(), h.values().end()});
        if (layer.renorm) {
            const Matrix<double> z =
                Executor(*on, std::span(&network, 1), {static_cast<Index>(k) + 1, Tap::before}).run(x);
            double mean = 0;
            for (const double number : z.values())
                mean += activation_value(layer.activation, number) / static_cast<double>(z.size());
            error = (1 + size) * error / mean + 3 * u * size;
        }
    }
    return error;
}

TEST(DenseGraph, WeightsComeBackWithTheirBits) {
    const Network network = every_activation(), same = back(network, ElementType::f64);
    EXPECT_EQ(shape_of(same), shape_of(network));
    EXPECT_EQ(pack<double>(same), pack<double>(network));
    EXPECT_TRUE(same.layers[1].bias.empty());
    const Network narrow = back(network, ElementType::f32);
    EXPECT_EQ(shape_of(narrow), shape_of(network));
    EXPECT_EQ(pack<float>(narrow), pack<float>(network));
    EXPECT_NE(pack<double>(narrow), pack<double>(network));
}

TEST(DenseGraph, OutputsOfTheGraphAreThoseOfTheNetwork) {
    const Network network = every_activation();
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(6, 1, .7), y = forward(*on, network, x);
    const OnnxModel model = onnx_of(network, ElementType::f64);
    for (const Graph& graph : {import_onnx(model, {}), graph_of(network)}) {
        const FrozenNetwork<double> frozen(*on, graph, x.values(), {});
        for (Index i = 0; i < y.rows(); ++i)
            EXPECT_NEAR(frozen.output()[static_cast<std::size_t>(i)], y(i, 0), rounding(network, x));
    }
    // names that stay
    EXPECT_EQ(model.graph.nodes.front().name, "layer_1");
    EXPECT_EQ(model.graph.nodes[2].name, "layer_2_tanh");
    EXPECT_TRUE(model.graph.constants.contains("layer_1.weight"));
    EXPECT_EQ(network_of(graph_of(network)).layers[3].renorm, true);
}

// ---- graphs by hand --------------------------------------------------------------------------------------------------

std::string constant(const std::string& name, const std::vector<std::int64_t>& dims, double phase) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims)
        count *= dim;
    const Matrix<double> numbers = wave(count, 1, phase);
    return onnx::initialiser(onnx::tensor(name, dims, {numbers.values().begin(), numbers.values().end()}));
}
Graph import(const std::string& nodes, const std::vector<std::int64_t>& x = {1, 4}, const std::string& output = {}) {
    ImportOptions options;
    options.output = output;
    return import_onnx(
        parse_onnx(onnx::model(nodes + onnx::input("x", x) + onnx::output("y", {1, 4})), "net.onnx", "."), options);
}
template <class Make>
std::string refusal(const Make& make) {
    try {
        (void)make();
    } catch (const InputError& error) {
        return error.what();
    }
    return "accepted";
}
void expect_same_outputs(const Graph& graph, const Network& network) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(graph.inputs(), 1, .4), y = forward(*on, network, x);
    const FrozenNetwork<double> frozen(*on, graph, x.values(), {});
    ASSERT_EQ(y.rows(), frozen.outputs());
    for (Index i = 0; i < y.rows(); ++i)  // constants that were folded are rounded once more
        EXPECT_NEAR(frozen.output()[static_cast<std::size_t>(i)], y(i, 0), 4 * rounding(network, x));
}

const std::string square = constant("W", {4, 4}, .1) + constant("V", {4, 4}, .5) + constant("b", {4}, .9),
                  norms = onnx::initialiser(onnx::tensor("gamma", {4}, {1, -.5f, 2, .25f})) +
                          constant("beta", {4}, 1.3) + constant("mean", {4}, 1.7) +
                          onnx::initialiser(onnx::tensor("var", {4}, {1, .5f, 2, 4}));
const std::vector<std::string> norm{"gamma", "beta", "mean", "var"};
std::string batch_norm(const std::string& from, const std::string& to) {
    return node("BatchNormalization", {from, norm[0], norm[1], norm[2], norm[3]}, {to});
}

TEST(DenseGraph, ConstantMapsGoIntoTheNeighbours) {
    // in front of the first layer, in front of an activation, behind one, and a bias that stands alone
    const Graph graph =
        import(batch_norm("x", "x1") + node("MatMul", {"x1", "W"}, {"h"}) + node("Add", {"h", "b"}, {"h1"}) +
               batch_norm("h1", "h2") + node("Tanh", {"h2"}, {"a"}) + batch_norm("a", "a1") +
               node("Mul", {"a1", "gamma"}, {"a2"}) + node("Gemm", {"a2", "V", "b"}, {"g"}) +
               node("Sub", {"g", "mean"}, {"y"}) + square + norms);
    const Network network = network_of(graph);
    ASSERT_EQ(network.layers.size(), 2u);
    EXPECT_EQ(network.layers[0].activation, Activation::tanh);
    EXPECT_EQ(network.layers[1].activation, Activation::identity);
    expect_same_outputs(graph, network);
}

TEST(DenseGraph, WhatMovesNothingPasses) {
    const std::string shape = onnx::initialiser(
        onnx::tensor("shape", {2}, onnx::int64, field(onnx::raw_data, onnx::raw(std::vector<std::int64_t>{1, 4}))));
    const std::string zero = onnx::initialiser(onnx::tensor("zero", {}, {0}));
    const Graph graph =
        import(node("Flatten", {"x"}, {"f"}) + node("Identity", {"f"}, {"i"}) + node("Gemm", {"i", "W"}, {"h"}) +
                   node("Dropout", {"h"}, {"d"}) + node("Clip", {"d", "zero"}, {"c"}) +
                   node("Reshape", {"c", "shape"}, {"r"}) + node("Gemm", {"r", "V"}, {"g"}) +
                   node("Softplus", {"g"}, {"p"}) + node("Softmax", {"p"}, {"y"}) + square + shape + zero,
               {1, 1, 2, 2});
    const Network network = network_of(graph);
    ASSERT_EQ(network.layers.size(), 2u);
    EXPECT_EQ(network.layers[0].activation, Activation::relu);
    EXPECT_EQ(network.layers[1].activation, Activation::softplus);
    expect_same_outputs(graph, network);
}

TEST(DenseGraph, RefusesByNameWhatIsNoDenseNetwork) {
    const auto why = [](const std::string& nodes, const std::vector<std::int64_t>& x = {1, 4}) {
        return refusal([&] { return network_of(import(nodes + square + norms, x)); });
    };
    const std::string first = node("Gemm", {"x", "W"}, {"h"});
    EXPECT_EQ(why(first + node("Elu", {"h"}, {"y"})),
              "node \"Elu_1\" (Elu): the activation is none of relu, tanh, logistic and softplus");
    EXPECT_NE(why(first + node("Add", {"h", "x"}, {"y"})).find("\"Add_1\" (Add): joins several values"),
              std::string::npos);
    EXPECT_NE(why(first + node("Relu", {"h"}, {"a"}) + batch_norm("a", "y")).find("behind the last activation"),
              std::string::npos);
    EXPECT_NE(why(first + node("Relu", {"h"}, {"a"}) + node("Tanh", {"a"}, {"y"})).find("follows no dense layer"),
              std::string::npos);
    EXPECT_NE(why(node("Relu", {"x"}, {"y"})).find("\"Relu_0\" (Relu): an activation that follows no dense layer"),
              std::string::npos);
    EXPECT_EQ(why(node("Identity", {"x"}, {"y"})), "no dense layer, expected Gemm or MatMul with constant weights");
    EXPECT_NE(why(first + node("Softmax", {"h"}, {"s"}) + node("Gemm", {"s", "V"}, {"y"})).find("(Softmax): no part"),
              std::string::npos);
    EXPECT_NE(why(first + node("Sigmoid", {"h"}, {"s"}) + node("Div", {"h", "s"}, {"y"})).find("\"Div_2\" (Div)"),
              std::string::npos);
    EXPECT_NE(why(node("MatMul", {"x", "W"}, {"y"}), {3, 4}).find("works on 3 vectors of one input"),
              std::string::npos);
    const std::string kernel = constant("K", {2, 1, 2, 2}, .2);
    EXPECT_NE(why(node("Conv", {"x", "K"}, {"y"}) + kernel, {1, 1, 3, 3}).find("\"Conv_0\" (Conv): no part"),
              std::string::npos);
    // the mean of another size, and what is no mean
    const auto divided_by = [&](const std::string& denominator) {
        return why(first + node("Sigmoid", {"h"}, {"s"}) + denominator + node("Div", {"s", "m"}, {"y"}));
    };
    const std::string axes = attribute("axes", 7, field(8, std::int64_t{1}));
    EXPECT_EQ(divided_by(node("ReduceMean", {"s"}, {"m"}, axes)), "accepted");
    EXPECT_NE(divided_by(onnx::node("ReduceMax", {"s"}, {"m"}, axes)).find("(ReduceMax)"), std::string::npos);
    EXPECT_NE(divided_by(node("ReduceMean", {"h"}, {"m"}, axes)).find("takes a value that another node takes too"),
              std::string::npos);
}

TEST(DenseTap, IsAnyDenseNodeOfAnyGraph) {
    // three vectors of one input, a bias and a norm behind the product
    const std::string nodes = node("Sigmoid", {"x"}, {"s"}) + node("Mul", {"x", "s"}, {"p"}) +
                              node("MatMul", {"p", "W"}, {"h"}) + node("Add", {"h", "b"}, {"z"}) +
                              node("Relu", {"z"}, {"y"}) + square;
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(12, 1, .4);
    for (const char* const name : {"h", "z"}) {
        const Graph graph = import(nodes, {1, 3, 4}, name);
        const DenseTap tap = dense_tap(graph);
        EXPECT_EQ(tap.rows, 3);
        EXPECT_EQ(tap.layer.bias.size(), *name == 'h' ? 0u : 4u);
        const FrozenNetwork<double> before(*on, tap.before, x.values(), {}), whole(*on, graph, x.values(), {});
        for (Index row = 0; row < 3; ++row)
            for (Index i = 0; i < 4; ++i) {
                double y = tap.layer.bias.empty() ? 0 : tap.layer.bias[static_cast<std::size_t>(i)];
                for (Index j = 0; j < 4; ++j)
                    y += tap.layer.weight(i, j) * before.output()[static_cast<std::size_t>(4 * row + j)];
                EXPECT_NEAR(whole.output()[static_cast<std::size_t>(4 * row + i)], y, 16 * u);  // 4 products of up to 1
            }
    }
    const auto why = [&](const char* name) {
        return refusal([&] { return dense_tap(import(nodes, {1, 3, 4}, name)); });
    };
    EXPECT_EQ(why("y"), "node \"Relu_4\" (Relu): is not dense, expected Gemm or MatMul with constant weights");
    EXPECT_EQ(why("x"), "value \"x\": an input, expected a dense node");
    EXPECT_NE(why("p").find("is not dense"), std::string::npos);
    // a bias of its own for each of the three
    const std::string other =
        node("MatMul", {"x", "W"}, {"h"}) + node("Add", {"h", "c"}, {"y"}) + square + constant("c", {3, 4}, .2);
    EXPECT_NE(refusal([&] {
                  return dense_tap(import(other, {1, 3, 4}));
              }).find("other constants for other rows"),
              std::string::npos);
}

}  // namespace
}  // namespace descrambler
