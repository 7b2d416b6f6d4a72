// Receptive fields against where rows of F are not 0, on small networks whose weights are random and which have no switch:
// what can be reached is reached.
#include <gtest/gtest.h>

#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using onnx::attribute;
using onnx::field;
using onnx::node;

std::string integers(const std::string& name, const std::vector<std::int64_t>& values) {
    std::string bytes;
    for (const std::int64_t value : values)
        bytes += field(8, value);
    return attribute(name, 7, bytes);
}
std::string integer(const std::string& name, std::int64_t value) {
    return attribute(name, 2, field(3, value));
}
std::string weight(const std::string& name, const std::vector<std::int64_t>& dims) {
    Index count = 1;
    for (const std::int64_t dim : dims)
        count *= dim;
    return onnx::initialiser(onnx::tensor(name, dims, std::vector<float>(static_cast<std::size_t>(count), 1)));
}
std::string numbers(const std::string& name, const std::vector<std::int64_t>& values) {
    return onnx::initialiser(
        onnx::tensor(name, {std::ssize(values)}, onnx::int64, field(onnx::int64_data, onnx::packed(values))));
}
std::string scales(const std::vector<float>& values) {
    return onnx::initialiser(onnx::tensor("scales", {std::ssize(values)}, values));
}

Graph import(const std::string& nodes, const std::vector<std::int64_t>& input) {
    ImportOptions options;
    options.random_weights = true;
    return import_onnx(parse_onnx(onnx::model(nodes + onnx::input("x", input) + onnx::output("y")), "net.onnx", "."),
                       options);
}

struct Box {
    Index first, last;
    bool operator==(const Box&) const = default;
};

// The fields of the last node along both axes of x [1, C, H, W]: every row lies inside, and, where `exact`, each that
// does not touch the border is as large; at the border a field counts what paddings would reach.
std::vector<ReceptiveField> checked(const Graph& graph, bool exact = true, const FreezeOptions& options = {}) {
    const Shape& in = graph.values[static_cast<std::size_t>(graph.input)].shape;
    const Shape& out = graph.output_shape;
    const std::vector<ReceptiveField> fields = receptive_fields(graph, options, {2, 3}).back();
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(graph.inputs(), 1, .2);
    const FrozenNetwork<double> frozen(*on, graph, {x.data(), static_cast<std::size_t>(x.size())}, options);
    std::vector<Index> all(static_cast<std::size_t>(frozen.outputs()));
    std::iota(all.begin(), all.end(), Index{0});
    const Matrix<double> rows = frozen.rows(all);
    std::array<Index, 2> largest{0, 0};
    for (Index j = 0; j < rows.cols(); ++j)
        for (std::size_t axis = 0; axis < 2; ++axis) {
            const Index extent = in[axis + 2], behind = axis == 0 ? in[3] : 1;
            const Index place = axis == 0 ? j / out[3] % out[2] : j % out[3];
            Box found{extent, -1};
            for (Index i = 0; i < rows.rows(); ++i)
                if (rows(i, j) != 0)
                    found = {std::min(found.first, i / behind % extent), std::max(found.last, i / behind % extent)};
            const auto begin =
                static_cast<Index>(std::floor(fields[axis].offset + fields[axis].stride * static_cast<double>(place)));
            const Box told{std::max<Index>(begin, 0), std::min(begin + fields[axis].size - 1, extent - 1)};
            largest[axis] = std::max(largest[axis], found.last - found.first + 1);
            EXPECT_TRUE(found.first >= told.first && found.last <= told.last)
                << j << ": " << found.first << ".." << found.last << " in " << told.first << ".." << told.last;
            if (exact && begin >= 0 && begin + fields[axis].size <= extent) {
                EXPECT_EQ(found, told) << j << ": " << found.first << ".." << found.last << ", told " << told.first
                                       << ".." << told.last;
            }
        }
    for (std::size_t axis = 0; axis < 2; ++axis)
        EXPECT_EQ(largest[axis], std::min(fields[axis].size, in[axis + 2]));
    return fields;
}
ReceptiveField window(Index size, double stride, double offset) {
    return {size, stride, offset, false};
}

TEST(Receptive, ConvolutionsMultiplyTheirStrides) {
    // 3 x 5 with stride 2 x 1, then 3 x 3 dilated by 2
    const auto fields = checked(
        import(node("Conv", {"x", "v"}, {"h"}, integers("pads", {1, 2, 1, 2}) + integers("strides", {2, 1})) +
                   node("Conv", {"h", "w"}, {"y"}, integers("pads", {2, 2, 2, 2}) + integers("dilations", {2, 2})) +
                   weight("v", {2, 1, 3, 5}) + weight("w", {2, 2, 3, 3}),
               {1, 1, 24, 20}));
    EXPECT_EQ(fields[0], window(3 + 2 * 4, 2, -1 - 2 * 2));
    EXPECT_EQ(fields[1], window(5 + 4, 1, -2 - 2));
    const auto valid = checked(import(
        node("Conv", {"x", "v"}, {"y"}, integers("strides", {3, 3}) + integer("group", 2)) + weight("v", {4, 1, 2, 2}),
        {1, 2, 14, 14}));
    EXPECT_EQ(valid[0], window(2, 3, 0));
}

TEST(Receptive, TransposedConvolutionsAndPixelShufflesHaveStridesBelowOne) {
    const auto up = checked(
        import(node("ConvTranspose", {"x", "v"}, {"y"}, integers("strides", {2, 2})) + weight("v", {1, 1, 4, 4}),
               {1, 1, 9, 9}));
    EXPECT_EQ(up[0], window(2, .5, -1));
    const auto shuffled = checked(
        import(node("Conv", {"x", "v"}, {"h"}, integers("pads", {1, 1, 1, 1})) +
                   node("DepthToSpace", {"h"}, {"y"}, integer("blocksize", 2) + attribute("mode", 3, field(4, "CRD"))) +
                   weight("v", {4, 1, 3, 3}),
               {1, 1, 8, 8}));
    EXPECT_EQ(shuffled[1], window(3, .5, -1));
    // the nearest pixel four times, and a kernel over them: where it lies decides how many it reaches
    const auto nearest = checked(
        import(node("Resize", {"x", "", "scales"}, {"h"},
                    attribute("mode", 3, field(4, "nearest")) + attribute("nearest_mode", 3, field(4, "floor")) +
                        attribute("coordinate_transformation_mode", 3, field(4, "asymmetric"))) +
                   node("Conv", {"h", "v"}, {"y"}, integers("pads", {1, 1, 1, 1})) + weight("v", {1, 1, 3, 3}) +
                   scales({1, 1, 4, 4}),
               {1, 1, 8, 8}),
        false);
    EXPECT_EQ(nearest[0], window(2, .25, -.25));
}

TEST(Receptive, PoolsMovesAndSums) {
    const auto pooled = checked(
        import(node("AveragePool", {"x"}, {"h"}, integers("kernel_shape", {2, 2}) + integers("strides", {2, 2})) +
                   node("Conv", {"h", "v"}, {"y"}, integers("pads", {1, 1, 1, 1})) + weight("v", {1, 1, 3, 3}),
               {1, 1, 12, 12}));
    EXPECT_EQ(pooled[0], window(6, 2, -2));
    // a sum has the larger field, a slice another place
    const auto summed =
        checked(import(node("Conv", {"x", "v"}, {"h"}) + node("Slice", {"x", "from", "to", "axes"}, {"s"}) +
                           node("Add", {"h", "s"}, {"y"}) + weight("v", {1, 1, 3, 3}) + numbers("from", {2, 0}) +
                           numbers("to", {9, 7}) + numbers("axes", {2, 3}),
                       {1, 1, 9, 9}));
    EXPECT_EQ(summed[0], window(3, 1, 0));
    EXPECT_EQ(summed[1], window(3, 1, 0));
    const auto moved = checked(import(node("Slice", {"x", "from", "to", "axes"}, {"y"}) + numbers("from", {2}) +
                                          numbers("to", {9}) + numbers("axes", {2}),
                                      {1, 2, 9, 5}));
    EXPECT_EQ(moved[0], window(1, 1, 2));
    EXPECT_EQ(moved[1], window(1, 1, 0));
}

TEST(Receptive, WhatGoesOverTheImageIsWhole) {
    const std::string norm = node("Conv", {"x", "v"}, {"h"}, integers("pads", {1, 1, 1, 1})) +
                             node("InstanceNormalization", {"h", "s", "t"}, {"y"}) + weight("v", {1, 1, 3, 3}) +
                             weight("s", {1}) + weight("t", {1});
    const Graph graph = import(norm, {1, 1, 7, 6});
    EXPECT_TRUE(receptive_fields(graph, {}, {2, 3}).back()[0].whole);
    // the mean is kept too: no further than the convolution
    const auto kept = checked(graph, true, {FreezeRule::frozen, NormRule::mean_std});
    EXPECT_EQ(kept[0], window(3, 1, -1));
    const Graph dense =
        import(node("Flatten", {"x"}, {"h"}) + node("Gemm", {"h", "w"}, {"y"}) + weight("w", {12, 2}), {1, 1, 3, 4});
    EXPECT_TRUE(receptive_fields(dense, {}, {2, 3}).back()[1].whole);
    // a gate that is kept carries nothing
    const Graph gated =
        import(node("GlobalAveragePool", {"x"}, {"m"}) + node("Sigmoid", {"m"}, {"g"}) + node("Mul", {"x", "g"}, {"y"}),
               {1, 1, 4, 4});
    EXPECT_EQ(receptive_fields(gated, {}, {2, 3}).back()[0], window(1, 1, 0));
    EXPECT_TRUE(receptive_fields(gated, {FreezeRule::taylor, NormRule::std}, {2, 3}).back()[0].whole);
    EXPECT_EQ(
        receptive_fields(import(node("Softmax", {"x"}, {"s"}) + node("Neg", {"s"}, {"y"}), {1, 3}), {}, {1}).back()[0],
        window(0, 0, 0));
}

TEST(Receptive, AxesOfInputs) {
    EXPECT_EQ(spatial_axes({1, 3, 20, 30}), (std::vector<Index>{2, 3}));
    EXPECT_EQ(spatial_axes({1, 20, 30, 3}), (std::vector<Index>{1, 2}));
    EXPECT_EQ(spatial_axes({1, 3, 20, 3}), (std::vector<Index>{2, 3}));
    EXPECT_EQ(spatial_axes({1, 4, 20}), (std::vector<Index>{2}));
    EXPECT_EQ(spatial_axes({1, 20}), (std::vector<Index>{1}));
    EXPECT_TRUE(spatial_axes({}).empty());
}

// Two bits a number instead of numbers, and the same answers: x - below, inside and above both bounds.
TEST(Facts, ClipIsRecordedInTwoBits) {
    const Graph graph = import(node("Clip", {"x", "low", "high"}, {"y"}) +
                                   onnx::initialiser(onnx::tensor("low", {}, std::vector<float>{-.5f})) +
                                   onnx::initialiser(onnx::tensor("high", {}, std::vector<float>{2})),
                               {1, 5});
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x0{-3, -.5, .25, 2, 7};
    const FrozenNetwork<double> frozen(*on, graph, x0, {});
    EXPECT_EQ(frozen.output(), (std::vector<double>{-.5, -.5, .25, 2, 2}));
    EXPECT_EQ(frozen.residual(), (std::vector<double>{-.5, -.5, 0, 2, 2}));
    const std::vector<Index> all{0, 1, 2, 3, 4};
    const Matrix<double> rows = frozen.rows(all);
    for (Index i = 0; i < 5; ++i)
        for (Index j = 0; j < 5; ++j)
            EXPECT_EQ(rows(i, j), i == 2 && j == 2 ? 1 : 0);
    EXPECT_EQ(frozen.recorded_bytes(), 2);
    EXPECT_EQ(node_facts(graph, {}, 8)[0].mask_bytes, 2);
    const Contributions parts = frozen.contributions(all);
    EXPECT_EQ(parts.nodes, (std::vector<Index>{-1, 0}));
    EXPECT_EQ(parts.values(1, 0), -.5);
    EXPECT_EQ(parts.values(1, 2), 0);
    EXPECT_EQ(parts.values(1, 4), 2);
}

TEST(Facts, WorkOfAProbe) {
    const Graph graph =
        import(node("Conv", {"x", "v"}, {"h"}) + node("Relu", {"h"}, {"r"}) + node("Flatten", {"r"}, {"f"}) +
                   node("Gemm", {"f", "w"}, {"y"}) + weight("v", {2, 3, 3, 3}) + weight("w", {8, 5}),
               {1, 3, 4, 4});
    const std::vector<NodeFacts> facts = node_facts(graph, {}, 4);
    ASSERT_EQ(facts.size(), 3U);
    EXPECT_EQ(facts[0].flops, 2 * 27 * 8);
    EXPECT_EQ(facts[1].flops, 8);
    EXPECT_EQ(facts[1].mask_bytes, 1);
    EXPECT_EQ(facts[1].rule, "switch");
    EXPECT_EQ(facts[2].flops, 2 * 8 * 5);
}

}  // namespace
}  // namespace descrambler
