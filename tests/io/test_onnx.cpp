#include "descrambler/onnx.hpp"

#include <gtest/gtest.h>

#include "data.hpp"
#include "fuzz.hpp"
#include "onnx_bytes.hpp"

namespace descrambler {
namespace {

struct Network {
    const char* file;
    std::int64_t ir_version, opset;
    std::ptrdiff_t nodes, constants;
    Index elements;  // of all constants
    std::ptrdiff_t inputs, outputs;
};

TEST(OnnxFiles, ReadsTheNetworks) {
    // as the onnx package of Python 1.23 counts them
    const Network networks[] = {
        {"onnx/ch_PP-OCRv4_det_infer.onnx", 8, 12, 672, 0, 0, 1, 1},
        {"onnx/demosaicnet_bayer.onnx", 8, 17, 39, 40, 560886, 1, 1},
        {"onnx/digits_cnn.onnx", 8, 17, 13, 10, 390410, 1, 1},
        {"onnx/edsr8_x4.onnx", 8, 17, 50, 44, 232967, 1, 1},
        {"onnx/efficientnet_lite0.onnx", 8, 17, 143, 249, 4694026, 1, 1},
        {"onnx/multistyle26.onnx", 8, 17, 709, 54, 166104, 2, 1},
        {"onnx/pixelshuffle4_x4.onnx", 8, 17, 8, 8, 61680, 1, 1},
        {"onnx/realesr_animevideov3_x4.onnx", 8, 17, 38, 54, 621428, 1, 1},
        {"onnx/waifu2x_resnet10_noise1_y.onnx", 8, 17, 37, 44, 407461, 1, 1},
        {"onnx/waifu2x_upconv7_scale_rgb.onnx", 8, 17, 13, 13, 994976, 1, 1},
        {"onnx_light/light_bvlc_alexnet.onnx", 3, 9, 40, 17, 36, 1, 1},
        {"onnx_light/light_densenet121.onnx", 3, 9, 1746, 848, 1967, 1, 1},
        {"onnx_light/light_inception_v1.onnx", 3, 9, 237, 118, 1343, 1, 1},
        {"onnx_light/light_inception_v2.onnx", 3, 9, 916, 486, 5417, 1, 1},
        {"onnx_light/light_resnet50.onnx", 3, 9, 415, 269, 2194, 1, 1},
        {"onnx_light/light_shufflenet.onnx", 3, 9, 446, 281, 657, 1, 1},
        {"onnx_light/light_squeezenet.onnx", 3, 9, 105, 52, 757, 1, 1},
        {"onnx_light/light_vgg19.onnx", 3, 9, 82, 39, 217, 1, 1},
        {"onnx_light/light_zfnet512.onnx", 3, 9, 38, 18, 37, 1, 1},
    };
    if (!test::has_data("interpreters"))
        GTEST_SKIP() << test::no_data("interpreters");
    for (const Network& network : networks) {
        const OnnxModel model = read_onnx(test::data("interpreters") / network.file);
        EXPECT_EQ(model.ir_version, network.ir_version) << network.file;
        EXPECT_EQ(model.opset, network.opset) << network.file;
        EXPECT_EQ(std::ssize(model.graph.nodes), network.nodes) << network.file;
        EXPECT_EQ(std::ssize(model.graph.constants), network.constants) << network.file;
        EXPECT_EQ(std::ssize(model.graph.inputs), network.inputs) << network.file;
        EXPECT_EQ(std::ssize(model.graph.outputs), network.outputs) << network.file;
        Index elements = 0;
        for (const auto& [name, tensor] : model.graph.constants) {
            EXPECT_EQ(tensor.size(), volume(tensor.shape));
            elements += tensor.size();
        }
        EXPECT_EQ(elements, network.elements) << network.file;
    }
}

}  // namespace
}  // namespace descrambler
