// What every offset of a frozen network adds to all outputs.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

// Column by column those of the reverse pass; rows sum to r. Blocks of a few probes and of one give the same bits.
TEST(OffsetImages, AreThePartsOfTheReversePass) {
    for (const std::string name : {"digits_cnn", "waifu2x_resnet10_noise1_y"}) {
        const std::string file = "interpreters/onnx/" + name + ".onnx";
        if (!has_data(file))
            GTEST_SKIP() << no_data(file);
        ImportOptions import;
        const OnnxModel model = read_onnx(data(file));
        if (name != "digits_cnn")
            import.shapes[model.graph.inputs.front().name] = {1, 1, 48, 48};
        const Graph graph = import_onnx(model, import);
        const auto on = make_cpu_backend<double>(1);
        const Matrix<double> x = wave(graph.inputs(), 1, .3);
        FrozenNetwork<double> frozen(*on, graph, x.column(0), {});
        const OffsetImages offsets = frozen.offset_images();
        const std::vector<Index> some{0, frozen.outputs() / 2, frozen.outputs() - 1};
        const Contributions parts = frozen.contributions(some);
        ASSERT_EQ(offsets.names.size() + 1, parts.names.size());
        const std::vector<double> r = frozen.residual();
        double size = 0;
        for (const double part : parts.values.values())
            size = std::max(size, std::abs(part));
        for (std::size_t k = 0; k < some.size(); ++k) {
            double sum = 0;
            for (std::size_t i = 0; i < offsets.names.size(); ++i) {
                EXPECT_EQ(offsets.names[i], parts.names[i + 1]);
                const double part = offsets.images(some[k], static_cast<Index>(i));
                EXPECT_NEAR(part, parts.values(static_cast<Index>(i) + 1, static_cast<Index>(k)), 1e-12 * size);
                sum += part;
            }
            EXPECT_NEAR(sum, r[static_cast<std::size_t>(some[k])], 1e-12 * size);
        }
        frozen.set_memory(live_numbers(graph) * 2 * static_cast<Index>(sizeof(double)));
        EXPECT_EQ(frozen.offset_images().images, offsets.images);
    }
}

}  // namespace
}  // namespace descrambler
