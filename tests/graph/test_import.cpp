// What the import makes of a graph, and what it refuses, of models written by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"
#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using onnx::attribute;
using onnx::field;
using onnx::initialiser;
using onnx::node;

OnnxModel model_of(const std::string& graph, std::int64_t opset = 17) {
    return parse_onnx(onnx::model(graph, onnx::opset("", opset)), "net.onnx", ".");
}
// x [1, 4] through some nodes to y.
Graph import(const std::string& nodes, const ImportOptions& options = {}, std::int64_t opset = 17) {
    return import_onnx(model_of(nodes + onnx::input("x", {1, 4}) + onnx::output("y", {1, 4}), opset), options);
}
std::string refusal(const std::string& nodes, const ImportOptions& options = {}, std::int64_t opset = 17) {
    try {
        (void)import(nodes, options, opset);
    } catch (const InputError& error) {
        return error.what();
    }
    return "accepted";
}
std::string constant(const std::string& name, const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
    return initialiser(onnx::tensor(name, dims, values));
}
std::string number(const std::string& attribute_name, float value) {
    return attribute(attribute_name, 1, field(2, value));
}
std::string integer(const std::string& attribute_name, std::int64_t value) {
    return attribute(attribute_name, 2, field(3, value));
}
std::vector<std::string_view> operators(const Graph& graph) {
    std::vector<std::string_view> names;
    for (const GraphNode& one : graph.nodes)
        names.push_back(operator_name(one.op));
    return names;
}
using Names = std::vector<std::string_view>;

TEST(Import, NothingUnknownPasses) {
    EXPECT_EQ(refusal(node("Frobnicate", {"x"}, {"y"})),
              "net.onnx: node \"Frobnicate_0\" (Frobnicate): the operator is not known");
    EXPECT_NE(refusal(node("TopK", {"x"}, {"y"})).find("(TopK): a choice that is no linear map"), std::string::npos);
    EXPECT_NE(refusal(node("Relu", {"x"}, {"y"}, number("alpha", 1))).find("attribute alpha is not known"),
              std::string::npos);
    EXPECT_NE(refusal(node("Add", {"x", "x"}, {"y"}), {}, 6).find("opset 6 has another meaning of it"),
              std::string::npos);
    EXPECT_NE(
        refusal(node("Relu", {"x"}, {"y"}), {}, 27).find("opset 27 is newer than 26; --assume-opset 26 reads it as 26"),
        std::string::npos);
    EXPECT_EQ(operators(import(node("Relu", {"x"}, {"y"}), {.assume_opset = 26}, 27)), Names{"Pointwise"});
}

// Windows follow the last two axes of a value: those of the file, not of the steps in between.
TEST(Import, AShuffledValueHasTheShapeOfTheFile) {
    const std::string graph = node("DepthToSpace", {"x"}, {"y"}, integer("blocksize", 2)) +
                              onnx::input("x", {1, 4, 3, 5}) + onnx::output("y", {1, 1, 6, 10});
    const Graph imported = import_onnx(model_of(graph), {});
    EXPECT_EQ(imported.values[static_cast<std::size_t>(imported.output)].shape, (Shape{1, 1, 6, 10}));
}

TEST(Import, NoNumberOfAnOperatorMayBeNaN) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const char* op : {"HardSigmoid", "ThresholdedRelu", "LeakyRelu", "Elu"})
        EXPECT_NE(refusal(node(op, {"x"}, {"y"}, number("alpha", nan))).find("not finite"), std::string::npos) << op;
}

// softmax(x W) x^T of more tokens than channels: the weights of attention are kept, its values carried.
TEST(Import, AttentionKeepsItsWeights) {
    const std::string graph =
        node("MatMul", {"x", "W"}, {"q"}) +
        node("Transpose", {"x"}, {"k"}, attribute("perm", 7, field(8, std::int64_t{1}) + field(8, std::int64_t{0}))) +
        node("MatMul", {"q", "k"}, {"s"}) + node("Softmax", {"s"}, {"a"}, integer("axis", 1)) +
        node("Mul", {"a", "c"}, {"scaled"}) + node("MatMul", {"scaled", "x"}, {"y"}) +
        constant("W", {2, 2}, {1, .5F, -.25F, 1}) + constant("c", {1}, {2}) + onnx::input("x", {5, 2}) +
        onnx::output("y", {5, 2});
    const Graph imported = import_onnx(model_of(graph), {});
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x{.3, -.2, .5, .1, -.4, .7, .2, .2, -.6, .1};
    const FrozenNetwork<double> frozen(*on, imported, x, {});
    for (const double number : frozen.residual())
        EXPECT_EQ(number, 0);  // y = A x with the weights of attention at x0
    EXPECT_LE(scope_errors(frozen, x).identity, 1e-14);
    EXPECT_GT(frozen.rows(std::vector<Index>{0})(0, 0), .2);
}

TEST(Import, WholeNumbersHaveTheirTypes) {
    const std::string cast =
        node("Constant", {}, {"c"},
             attribute("value", 4,
                       field(5, onnx::tensor("", {1}, onnx::int64,
                                             field(onnx::raw_data, onnx::raw(std::vector<std::int64_t>{300})))))) +
        node("Cast", {"c"}, {"u"}, integer("to", onnx::uint8)) +
        node("Cast", {"u"}, {"f"}, integer("to", onnx::float32)) + node("Mul", {"x", "f"}, {"y"});
    const Graph graph = import(cast);
    EXPECT_EQ(std::get<Affine>(graph.nodes.back().op).scale.at(0), 44);
}

TEST(Import, TheLargestOfWholeNumbersIsAConstant) {
    for (const auto& [op, expected] : {std::pair{"ReduceMax", 7.}, {"ReduceMin", -3.}, {"ReduceSum", 6.}}) {
        const std::string graph =
            initialiser(onnx::tensor("c", {3}, onnx::int64,
                                     field(onnx::raw_data, onnx::raw(std::vector<std::int64_t>{2, -3, 7})))) +
            node(op, {"c"}, {"m"}, integer("keepdims", 0)) + node("Cast", {"m"}, {"f"}, integer("to", onnx::float32)) +
            node("Mul", {"x", "f"}, {"y"});
        EXPECT_EQ(std::get<Affine>(import(graph).nodes.back().op).scale.at(0), expected) << op;
    }
}

// The end of a slice may be nothing: exporters join it to what is there all the same.
TEST(Import, WhatIsEmptyAddsNothingToAConcat) {
    const auto slice = [](const char* name, const char* from, const char* to) {
        return node("Slice", {"x", from, to, "axes"}, {name});
    };
    const auto place = [](const char* name, std::int64_t at) {
        return initialiser(onnx::tensor(name, {1}, onnx::int64, field(onnx::raw_data, onnx::raw(std::vector{at}))));
    };
    const std::string ends = place("0", 0) + place("4", 4) + place("9", 9) + place("axes", 1) +
                             slice("none", "4", "9") + slice("all", "0", "9");
    EXPECT_EQ(operators(import(ends + node("Concat", {"none", "all"}, {"c"}, integer("axis", 1)) +
                               node("Relu", {"c"}, {"y"})))
                  .back(),
              "Pointwise");
    const Graph twice = import(ends + node("Concat", {"all", "none", "x"}, {"y"}, integer("axis", 1)));
    EXPECT_EQ(std::get<Concat>(twice.nodes.back().op).runs, (std::vector<Index>{4, 4}));
    EXPECT_NE(refusal(ends + node("Concat", {"none", "none"}, {"c"}, integer("axis", 1)) + node("Relu", {"c"}, {"y"}))
                  .find("expected one with numbers"),
              std::string::npos);
}

// A scale of 1/3 is a little more in single precision: places are those of the runtimes, 0, 3, 6, ..
TEST(Import, NearestPixelsAreThoseOfTheRuntimes) {
    for (const float scale : {1.F / 3, .1F, 1.1F}) {
        const std::string graph =
            constant("s", {4}, {1, 1, 1, scale}) +
            node("Resize", {"x", "", "s"}, {"y"},
                 attribute("mode", 3, field(4, std::string_view("nearest"))) +
                     attribute("coordinate_transformation_mode", 3, field(4, std::string_view("asymmetric"))) +
                     attribute("nearest_mode", 3, field(4, std::string_view("floor")))) +
            onnx::input("x", {1, 1, 1, 30}) + onnx::output("y", {1, 1, 1, 10});
        const std::vector<std::uint32_t> index = std::get<Move>(import_onnx(model_of(graph), {}).nodes.back().op).index;
        ASSERT_EQ(std::ssize(index), static_cast<Index>(30 * scale));
        for (std::size_t i = 0; i < index.size(); ++i)
            EXPECT_EQ(index[i], static_cast<std::uint32_t>(std::min(29.F, static_cast<float>(i) / scale))) << scale;
    }
}

TEST(Import, InputsAreBoundByName) {
    const std::string graph = node("Mul", {"x", "gain"}, {"y"}) + onnx::input("x", {1, 4}) +
                              onnx::input("gain", {1, 1}) + onnx::output("y", {1, 4});
    EXPECT_THROW((void)import_onnx(model_of(graph), {}), InputError);
    ImportOptions options;
    options.set["gain"] = tensor({1, 1}, std::vector<double>{3});
    const Graph bound = import_onnx(model_of(graph), options);
    EXPECT_EQ(operators(bound), Names{"Affine"});
    EXPECT_EQ(bound.values[static_cast<std::size_t>(bound.input)].name, "x");
    options.input = "gain";
    options.set.clear();
    options.set["x"] = tensor({1, 4}, std::vector<double>{1, 2, 3, 4});
    EXPECT_EQ(import_onnx(model_of(graph), options).inputs(), 1);
    options.set["z"] = tensor({1}, std::vector<double>{1});
    EXPECT_THROW((void)import_onnx(model_of(graph), options), InputError);
}

TEST(Import, ALastSoftmaxIsCutUnlessItIsWanted) {
    const std::string nodes = node("Relu", {"x"}, {"a"}) + node("Softmax", {"a"}, {"y"});
    const Graph logits = import(nodes);
    EXPECT_EQ(operators(logits), Names{"Pointwise"});
    EXPECT_EQ(logits.remarks.size(), 1u);
    EXPECT_EQ(operators(import(nodes, {.logits = false})), (Names{"Pointwise", "Softmax"}));
}

TEST(Import, WhatExportersWriteOutIsOneOperatorAgain) {
    const std::string half = constant("half", {}, {.5f}), one = constant("one", {}, {1}),
                      two = constant("two", {}, {2}), three = constant("three", {}, {3}),
                      six = constant("six", {}, {6}), zero = constant("zero", {}, {0}),
                      root = constant("root", {}, {1.41421356f}), tiny = constant("tiny", {}, {1e-5f});
    const auto function = [](const Graph& graph) { return std::get<Pointwise>(graph.nodes.back().op).function; };
    const Graph silu = import(node("Sigmoid", {"x"}, {"s"}) + node("Mul", {"x", "s"}, {"y"}));
    ASSERT_EQ(operators(silu), Names{"Pointwise"});
    EXPECT_EQ(function(silu), Function::silu);
    const Graph gelu =
        import(node("Div", {"x", "root"}, {"a"}) + node("Erf", {"a"}, {"b"}) + node("Add", {"b", "one"}, {"c"}) +
               node("Mul", {"x", "c"}, {"d"}) + node("Mul", {"d", "half"}, {"y"}) + root + one + half);
    ASSERT_EQ(operators(gelu), Names{"Pointwise"});
    EXPECT_EQ(function(gelu), Function::gelu);
    const Graph swish = import(node("Add", {"x", "three"}, {"a"}) + node("Clip", {"a", "zero", "six"}, {"b"}) +
                               node("Mul", {"x", "b"}, {"c"}) + node("Div", {"c", "six"}, {"y"}) + three + zero + six);
    ASSERT_EQ(operators(swish), Names{"Pointwise"});
    EXPECT_EQ(function(swish), Function::hard_swish);
    const std::string axes = attribute("axes", 7, field(8, std::int64_t{1}));
    const Graph norm = import(node("ReduceMean", {"x"}, {"m"}, axes) + node("Sub", {"x", "m"}, {"c"}) +
                              node("Pow", {"c", "two"}, {"p"}) + node("ReduceMean", {"p"}, {"v"}, axes) +
                              node("Add", {"v", "tiny"}, {"w"}) + node("Sqrt", {"w"}, {"s"}) +
                              node("Div", {"c", "s"}, {"y"}) + two + tiny);
    ASSERT_EQ(operators(norm), Names{"Normalise"});
    EXPECT_NEAR(std::get<Normalise>(norm.nodes.back().op).epsilon, 1e-5, 1e-12);
    // what only looks like it is left as it is: the deviation of another value
    const Graph other =
        import(node("Abs", {"x"}, {"z"}) + node("ReduceMean", {"x"}, {"m"}, axes) + node("Sub", {"x", "m"}, {"c"}) +
               node("Pow", {"z", "two"}, {"p"}) + node("ReduceMean", {"p"}, {"v"}, axes) + node("Sqrt", {"v"}, {"s"}) +
               node("Div", {"c", "s"}, {"y"}) + two);
    EXPECT_EQ(std::ranges::count(operators(other), "Normalise"), 0);
}

TEST(Import, TheGateIsTheSmallerFactor) {
    const std::string nodes = node("ReduceMean", {"x"}, {"m"}, attribute("axes", 7, field(8, std::int64_t{1}))) +
                              node("Mul", {"m", "x"}, {"y"});
    const Graph graph = import(nodes);
    EXPECT_EQ(graph.nodes.back().gate, 0);
    EXPECT_TRUE(graph.remarks.empty());
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x{1, 2, 3, 6};
    const FrozenNetwork<double> frozen(*on, graph, x, {});
    const Matrix<double> row = frozen.rows(std::vector<Index>{1});
    EXPECT_EQ(row.values()[0], 0);
    EXPECT_EQ(row.values()[1], 3);
    const FrozenNetwork<double> jacobian(*on, graph, x, {FreezeRule::taylor, NormRule::none});
    const Matrix<double> slope = jacobian.rows(std::vector<Index>{1});
    EXPECT_EQ(slope.values()[0], .5);
    EXPECT_EQ(slope.values()[1], 3.5);
    EXPECT_EQ(import(node("Abs", {"x"}, {"z"}) + node("Mul", {"x", "z"}, {"y"})).remarks.size(), 1u);
}

// The derivative of what is one, by differences, and the secant through h(0) of what is that.
TEST(Freezing, TangentsAreDerivatives) {
    const auto on = make_cpu_backend<double>(1);
    for (const char* const op :
         {"Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Selu", "Celu", "Exp", "Erf", "Mish", "HardSwish"}) {
        const std::int64_t opset = op == std::string("Mish") ? 18 : 17;
        const Graph graph = import(node(op, {"x"}, {"y"}), {}, opset);
        const std::vector<double> x{-1.3, -.2, .4, 1.7};
        const FrozenNetwork<double> tangent(*on, graph, x, {FreezeRule::taylor, NormRule::none});
        const FrozenNetwork<double> secant(*on, graph, x, {});
        const std::vector<double> zero(4);
        const double at_zero = FrozenNetwork<double>(*on, graph, zero, {}).output()[0];
        for (Index i = 0; i < 4; ++i) {
            const auto e = static_cast<std::size_t>(i);
            constexpr double h = 1e-5;
            std::vector<double> above = x, below = x;
            above[e] += h;
            below[e] -= h;
            const double difference = (FrozenNetwork<double>(*on, graph, above, {}).output()[e] -
                                       FrozenNetwork<double>(*on, graph, below, {}).output()[e]) /
                                      (2 * h);
            EXPECT_NEAR(tangent.rows(std::vector<Index>{i})(i, 0), difference, 1e-9) << op << " at " << x[e];
            EXPECT_NEAR(secant.rows(std::vector<Index>{i})(i, 0), (secant.output()[e] - at_zero) / x[e], 1e-14) << op;
        }
        const ScopeErrors errors = scope_errors(FrozenNetwork<double>(*on, graph, zero, {}), zero);
        EXPECT_LE(errors.identity, 1e-15) << op;
    }
}

TEST(Freezing, AProbeHasTheSameBitsInAnyBlockAndForAnyNumberOfThreads) {
    std::vector<float> weights(36), more(36);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = std::sin(static_cast<float>(i));
        more[i] = std::cos(static_cast<float>(i));
    }
    const std::string graph = node("Conv", {"x", "W"}, {"a"}) + node("Relu", {"a"}, {"b"}) +
                              node("Flatten", {"b"}, {"c"}) + node("Gemm", {"c", "V"}, {"y"}, integer("transB", 1)) +
                              constant("W", {1, 1, 3, 3}, {weights.begin(), weights.begin() + 9}) +
                              constant("V", {4, 9}, more) + onnx::input("x", {1, 1, 5, 5}) + onnx::output("y", {1, 4});
    const Graph imported = import_onnx(model_of(graph), {});
    std::vector<double> x(25);
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = std::sin(static_cast<double>(3 * i));
    const auto exact = make_cpu_backend<double>(1);
    Matrix<float> probes(25, 37), outputs(4, 37);
    for (Index i = 0; i < probes.size(); ++i)
        probes.values()[static_cast<std::size_t>(i)] = std::cos(static_cast<float>(i));
    for (Index i = 0; i < outputs.size(); ++i)
        outputs.values()[static_cast<std::size_t>(i)] = std::sin(static_cast<float>(i));
    const auto one = make_cpu_backend<float>(1), three = make_cpu_backend<float>(3);
    const FrozenNetwork<float> frozen(*one, *exact, imported, x, {}), threaded(*three, *exact, imported, x, {});
    const Matrix<float> y = frozen.apply(probes), z = frozen.adjoint(outputs);
    EXPECT_EQ(threaded.apply(probes), y);
    EXPECT_EQ(threaded.adjoint(outputs), z);
    for (const Index k : {0, 7, 8, 36}) {
        Matrix<float> probe(25, 1), output(4, 1);
        std::ranges::copy(probes.column(k), probe.data());
        std::ranges::copy(outputs.column(k), output.data());
        EXPECT_TRUE(std::ranges::equal(frozen.apply(probe).values(), y.column(k))) << k;
        EXPECT_TRUE(std::ranges::equal(frozen.adjoint(output).values(), z.column(k))) << k;
    }
}

TEST(Freezing, RefusesInputsThatAreNone) {
    const auto on = make_cpu_backend<double>(1);
    const Graph graph = import(node("Log", {"x"}, {"y"}));
    EXPECT_THROW(FrozenNetwork<double>(*on, graph, std::vector<double>(3, 1), {}), InputError);
    EXPECT_THROW(FrozenNetwork<double>(*on, graph, std::vector<double>{1, 1, 1, std::nan("")}, {}), InputError);
    EXPECT_THROW(FrozenNetwork<double>(*on, graph, std::vector<double>{1, 1, 1, 0}, {}), InputError);
    FrozenNetwork<double> frozen(*on, graph, std::vector<double>{1, 2, 3, 4}, {});
    frozen.set_memory(8);
    EXPECT_THROW((void)frozen.residual(), InputError);
}

// Shapes and attributes that no network has end in a line that names the node, and nothing else.
TEST(Import, HostileShapesAreRefusedByName) {
    const std::string two_40 = std::to_string(std::int64_t{1} << 40),
                      scalar_in = onnx::input("x", {}) + onnx::output("y", {});
    const auto ints = [](const std::string& name, const std::vector<std::int64_t>& numbers) {
        return initialiser(
            onnx::tensor(name, {std::ssize(numbers)}, onnx::int64, field(onnx::raw_data, onnx::raw(numbers))));
    };
    const auto axes = [](const std::vector<std::int64_t>& numbers) {
        std::string content;
        for (const std::int64_t number : numbers)
            content += field(8, number);
        return attribute("axes", 7, content);
    };
    const auto about = [&](const std::string& nodes, const std::string& words, std::int64_t opset = 17) {
        const std::string found = refusal(nodes, {}, opset);
        EXPECT_NE(found.find("net.onnx: node \""), std::string::npos) << found;
        EXPECT_NE(found.find(words), std::string::npos) << found;
    };
    constexpr std::int64_t huge = std::int64_t{1} << 62;
    about(node("Expand", {"x", "s"}, {"y"}) + ints("s", {1 << 15, 1 << 14, 4}), "2^28");
    about(node("Expand", {"x", "s"}, {"y"}) + ints("s", {-5}), "do not broadcast");
    about(node("Reshape", {"x", "s"}, {"y"}) + ints("s", {huge, 4, -1}), "2^40");
    about(node("Reshape", {"x", "s"}, {"y"}) + ints("s", {-2, 2}), "expected extents, and one -1 at most");
    about(node("Tile", {"x", "s"}, {"y"}) + ints("s", {1, huge}), "2^40");
    about(node("Pad", {"x", "s"}, {"y"}) + ints("s", {0, huge, 0, huge}), "2^40");
    about(node("Split", {"x", "s"}, {"y", "z"}, integer("axis", 1)) + ints("s", {huge, huge}), "parts");
    about(node("Transpose", {"x"}, {"y"}, attribute("perm", 7, "")), "no order of 2 axes");
    about(node("DepthToSpace", {"x"}, {"y"}, integer("blocksize", std::int64_t{1} << 32)), "blocksize");
    about(node("Clip", {"x", "x"}, {"y"}), "expected one number");
    about(node("Gather", {"x", "s"}, {"y"}, integer("axis", 1)) + ints("s", {4}), "index 4 of an axis of 4");
    about(node("Slice", {"x", "s", "e", "a", "z"}, {"y"}) + ints("s", {0}) + ints("e", {4}) + ints("a", {1}) +
              ints("z", {0}),
          "a step of 0");
    about(node("Squeeze", {"x", "s"}, {"y"}) + ints("s", {1}), "is not 1");
    about(node("Unsqueeze", {"x", "s"}, {"y"}) + ints("s", {0, 0}), "twice");
    about(node("Resize", {"x", "", "", "s"}, {"y"}) + ints("s", {1, huge}), "a size of");
    about(node("Resize", {"x", "", "s"}, {"y"}) + constant("s", {2}, {1, std::numeric_limits<float>::quiet_NaN()}),
          "a scale of nan");
    about(node("ConvTranspose", {"x", "w"}, {"y"}) + constant("w", {5}, {1, 1, 1, 1, 1}), "expected one to three axes");
    about(node("MatMul", {"x", "w"}, {"y"}) + constant("w", {4, 0}, {}), "weights of shape 4x0");
    const std::string two_by_two = attribute("kernel_shape", 7, field(8, std::int64_t{2}) + field(8, std::int64_t{2}));
    for (const char* const pool : {"AveragePool", "MaxPool"})
        about(node(pool, {"z"}, {"y"}, two_by_two) + constant("z", {1, 0, 5, 5}, {}), "an input without numbers");
    about(node("Gemm", {"x", "w"}, {"y"}) + constant("w", {4, 1}, {1, 2, std::nanf(""), 4}),
          "a constant that is not finite");
    about(node("Add", {"x", "w"}, {"y"}) + constant("w", {3}, {1, 2, 3}), "do not broadcast");
    about(node("Where", {"c", "x", "i"}, {"y"}) + ints("i", {1}) +
              initialiser(onnx::tensor("c", {1}, onnx::boolean, field(onnx::raw_data, "\x01"))),
          "whole and other numbers together");
    about(node("ReduceMean", {"z"}, {"y"}, axes({0})) + constant("z", {}, {1}), "axis 0 of a tensor of rank 0");
    about(node("Cast", {"k"}, {"y"}, integer("to", 7)) + constant("k", {1}, {9.3e18f}), "a cast of 9.3e+18");
    about(node("LSTM", {"x"}, {"y"}), "recurrent layers are not served");
}

TEST(Import, WhatOnlyLooksLikeAPatternIsLeftAsItIs) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x{-4, -1, 1, 2};
    const auto value = [&](const std::string& nodes, std::size_t at) {
        const Graph graph = import(nodes);
        return FrozenNetwork<double>(*on, graph, x, {}).output().at(at);
    };
    const std::string numbers =
        constant("three", {}, {3}) + constant("six", {}, {6}) + constant("low", {}, {-1}) + constant("one", {}, {1});
    // x clip(x + 3, -1, 1) / 6
    EXPECT_DOUBLE_EQ(value(node("Add", {"x", "three"}, {"a"}) + node("Clip", {"a", "low", "one"}, {"b"}) +
                               node("Mul", {"x", "b"}, {"c"}) + node("Div", {"c", "six"}, {"y"}) + numbers,
                           2),
                     1. / 6);
    // x [1, 4] and its gate as [4, 1]: an outer product
    const std::string outer =
        node("Sigmoid", {"x"}, {"s"}) + node("Reshape", {"s", "shape"}, {"t"}) + node("Mul", {"x", "t"}, {"y"}) +
        initialiser(
            onnx::tensor("shape", {2}, onnx::int64, field(onnx::raw_data, onnx::raw(std::vector<std::int64_t>{4, 1}))));
    EXPECT_EQ(import(outer).output_shape, (Shape{4, 4}));
    // bounds that cross: the upper one holds
    EXPECT_EQ(value(node("Clip", {"x", "three", "one"}, {"y"}) + numbers, 0), 1);
}

TEST(Import, ABranchWithAConstantConditionIsTaken) {
    const auto branch = [](const char* op) {
        return field(1, field(4, op) + field(1, "x") + field(2, "z")) + field(2, op) + onnx::output("z", {1, 4});
    };
    const std::string nodes =
        node("If", {"c"}, {"y"},
             attribute("then_branch", 5, field(6, branch("Relu"))) +
                 attribute("else_branch", 5, field(6, branch("Tanh")))) +
        initialiser(onnx::tensor("c", {}, onnx::boolean, field(onnx::raw_data, std::string(1, '\0'))));
    const Graph graph = import(nodes);
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].onnx, "Tanh");
}

TEST(Import, TheLastSoftmaxIsCutOnAnyAxis) {
    const std::string graph = node("Relu", {"x"}, {"a"}) + node("Softmax", {"a"}, {"y"}, integer("axis", 1)) +
                              onnx::input("x", {1, 3, 2, 2}) + onnx::output("y", {1, 3, 2, 2});
    EXPECT_EQ(operators(import_onnx(model_of(graph), {})), Names{"Pointwise"});
}

TEST(Freezing, WhatIsNotFiniteIsNamed) {
    const auto on = make_cpu_backend<double>(1);
    const Graph graph = import(node("Relu", {"x"}, {"a"}) + node("Sqrt", {"a"}, {"y"}));
    const std::vector<double> x{-1, 1, 2, 3};
    EXPECT_EQ(FrozenNetwork<double>(*on, graph, x, {}).output()[0], 0);
    try {  // the slope of a root at 0
        FrozenNetwork<double>(*on, graph, x, {FreezeRule::taylor, NormRule::none});
        ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("\"Sqrt_1\" (Sqrt): its"), std::string::npos) << error.what();
    }
}

TEST(DenseNetworks, EnterTheSameGraph) {
    const std::vector<Layer> layers{
        {5, 7, Activation::tanh, true}, {7, 6, Activation::softplus, false}, {6, 3, Activation::logistic, true}};
    const Network network =
        unpack(layers, initial_parameters<double>(layers, 3, 0, {Initialisation::fan_in, 1}).data());
    const Graph graph = graph_of(network);
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(5, 1, .8);
    const std::vector<double> x0(x.values().begin(), x.values().end());
    const FrozenNetwork<double> frozen(*on, graph, x0, {FreezeRule::taylor, NormRule::none});
    const Matrix<double> y = forward(*on, network, x);
    for (Index i = 0; i < 3; ++i)
        EXPECT_NEAR(frozen.output()[static_cast<std::size_t>(i)], y(i, 0), 1e-14);
    const ScopeErrors errors = scope_errors(frozen, x0);
    EXPECT_LE(errors.identity, 1e-13);
    EXPECT_LE(errors.adjoint, 1e-13);
    EXPECT_LE(errors.conservation, 1e-13);
    EXPECT_EQ(errors.windows, 0);
}

}  // namespace
}  // namespace descrambler
