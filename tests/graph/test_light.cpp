// Graphs of nine well-known classifiers, which ONNX ships without their weights (all 0.02): with random ones of the same
// shapes what holds for every frozen network holds for them.
#include <gtest/gtest.h>

#include "data.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

class LightTest : public testing::TestWithParam<const char*> {};

TEST_P(LightTest, HasTheSameAnswerInTwoWays) {
    const std::string file = std::string("interpreters/onnx_light/light_") + GetParam() + ".onnx";
    if (!has_data(file))
        GTEST_SKIP() << no_data(file);
    const OnnxModel model = read_onnx(data(file));
    ImportOptions options;
    options.random_weights = true;
    options.seed = 7;
    const Graph graph = import_onnx(model, options);
    EXPECT_EQ(graph.outputs(), 1000);
    const auto on = make_cpu_backend<double>(2);
    const Matrix<double> x = wave(graph.inputs(), 1, .1);
    const std::vector<double> x0(x.values().begin(), x.values().end());
    const FrozenNetwork<double> frozen(*on, graph, x0, {});
    if (std::string(GetParam()) == "vgg19") {
        // 14 860 288 switches, a bit each, and the selections of five poolings, a byte each
        EXPECT_EQ(frozen.recorded_bytes(), 1857536 + 1530368);
        Index masks = 0;
        for (const NodeFacts& node : node_facts(graph, {}, sizeof(double)))
            masks += node.mask_bytes;
        EXPECT_EQ(masks, 1857536);
    }
    const ScopeErrors errors = scope_errors(frozen, x0);
    EXPECT_LE(errors.identity, 1e-12);
    EXPECT_LE(errors.adjoint, 1e-12);
    EXPECT_LE(errors.conservation, 1e-12);
    EXPECT_EQ(errors.windows, 0);
    EXPECT_EQ(facts_error(graph, {}, frozen), "");
}

INSTANTIATE_TEST_SUITE_P(All, LightTest,
                         testing::Values("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                                         "shufflenet", "squeezenet", "vgg19", "zfnet512"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace descrambler
