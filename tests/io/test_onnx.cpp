#include "descrambler/onnx.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "fuzz.hpp"
#include "io/half.hpp"
#include "onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test::onnx;

OnnxModel parse(const std::string& bytes) {
    return parse_onnx(bytes, "a.onnx", ".");
}
const std::string ends = input("x", {1, 3}) + output("y", {1, 2});

TEST(OnnxFiles, GivesWhatIsWritten) {
    const std::string graph =
        node("Gemm", {"x", "w", "b"}, {"h"}, field(3, "first") + attribute("transB", 2, field(3, 1))) +
        node("Custom", {"h", "", "b"}, {"", "y"}, field(7, "mine")) +
        initialiser(test::onnx::tensor("w", {2, 3}, {1, 2, 3, 4, 5, 6})) +
        initialiser(test::onnx::tensor("b", {2}, {-1, 1})) + ends + field(2, "a graph") + field(10, "a comment") +
        field(13, value("h", {1}, 8)) + field(14, field(1, "nobody")) + field(16, field(1, "key"));  // not read
    const OnnxModel model = parse(test::onnx::model(graph, opset("", 17) + opset("mine", 3)) + field(2, "by hand") +
                                  field(5, 1) + field(20, ""));
    EXPECT_EQ(model.path, "a.onnx");
    EXPECT_EQ(model.producer, "by hand");
    EXPECT_EQ(model.ir_version, 8);
    EXPECT_EQ(model.opset, 17);
    EXPECT_EQ(model.other_opsets, (std::map<std::string, std::int64_t>{{"mine", 3}}));
    ASSERT_EQ(model.graph.nodes.size(), 2u);
    const OnnxNode& first = model.graph.nodes[0];
    EXPECT_EQ(first.name, "first");
    EXPECT_EQ(first.op, "Gemm");
    EXPECT_EQ(first.domain, "");
    EXPECT_EQ(first.inputs, (std::vector<std::string>{"x", "w", "b"}));
    EXPECT_EQ(first.outputs, (std::vector<std::string>{"h"}));
    ASSERT_EQ(first.attributes.size(), 1u);
    EXPECT_EQ(first.attributes[0].name, "transB");
    EXPECT_EQ(std::get<std::int64_t>(first.attributes[0].value), 1);
    const OnnxNode& second = model.graph.nodes[1];
    EXPECT_EQ(second.name, "Custom_1");
    EXPECT_EQ(second.domain, "mine");
    EXPECT_EQ(second.inputs, (std::vector<std::string>{"h", "", "b"}));
    EXPECT_EQ(second.outputs, (std::vector<std::string>{"", "y"}));
    ASSERT_EQ(model.graph.constants.size(), 2u);
    EXPECT_EQ(model.graph.constants.at("w"), tensor(Shape{2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(model.graph.constants.at("b"), tensor(Shape{2}, std::vector<float>{-1, 1}));
}

TEST(OnnxFiles, InputsAreThoseWithoutInitialiser) {
    const std::string relu = node("Relu", {"x"}, {"y"});
    const std::string w = initialiser(test::onnx::tensor("w", {1}, {1}));
    std::string dims = field(1, field(2, "N")) + field(1, "") + field(1, field(1, -1)) + field(1, field(1, 0));
    const std::string free = field(11, field(1, "free") + field(2, field(1, field(1, float16) + field(2, dims))));
    const std::string bare =
        field(11, field(1, "bare")) + field(11, field(1, "flat") + field(2, field(1, field(1, 7))));
    const OnnxGraph graph = parse(test::onnx::model(relu + w + input("w") + ends + free + bare)).graph;
    ASSERT_EQ(graph.inputs.size(), 4u);
    EXPECT_EQ(graph.inputs[0].name, "x");
    EXPECT_EQ(graph.inputs[0].type, ElementType::f32);
    using Dims = std::vector<std::variant<Index, std::string>>;
    EXPECT_EQ(graph.inputs[0].dims, (Dims{Index{1}, Index{3}}));
    EXPECT_EQ(graph.inputs[1].type, ElementType::f32);
    EXPECT_EQ(graph.inputs[1].dims, (Dims{"N", "", "", Index{0}}));
    EXPECT_EQ(graph.inputs[2].type, std::nullopt);
    EXPECT_EQ(graph.inputs[2].dims, std::nullopt);
    EXPECT_EQ(graph.inputs[3].type, ElementType::i64);
    EXPECT_EQ(graph.inputs[3].dims, std::nullopt);
    ASSERT_EQ(graph.outputs.size(), 1u);
    EXPECT_EQ(graph.outputs[0].dims, (Dims{Index{1}, Index{2}}));
}

TEST(OnnxFiles, AttributesOfEveryType) {
    const std::string graph = node("Exp", {"x"}, {"e"}) + output("e");
    const std::string all =
        attribute("i", 2, field(3, -5)) + attribute("f", 1, field(2, 0.5F)) + attribute("s", 3, field(4, "DCR")) +
        attribute("is", 7, field(8, 1) + field(8, -2)) + attribute("packed", 7, field(8, packed({3, -4}))) +
        attribute("fs", 6, field(7, 1.5F) + field(7, -2.5F)) + attribute("ss", 8, field(9, "a") + field(9, "")) +
        attribute("t", 4, field(5, test::onnx::tensor("", {}, {7}))) + attribute("g", 5, field(6, graph)) +
        attribute("zero", 2, "") + attribute("nothing", 1, "") + attribute("blank", 3, "") + attribute("none", 7, "");
    const OnnxModel model = parse(test::onnx::model(node("Any", {"x"}, {"y"}, all) + ends));
    std::map<std::string, OnnxAttribute::Value> values;
    for (const OnnxAttribute& attribute : model.graph.nodes.at(0).attributes)
        values[attribute.name] = attribute.value;
    using Value = OnnxAttribute::Value;
    EXPECT_EQ(values["i"], Value(std::int64_t{-5}));
    EXPECT_EQ(values["f"], Value(0.5F));
    EXPECT_EQ(values["s"], Value(std::string("DCR")));
    EXPECT_EQ(values["is"], Value(std::vector<std::int64_t>{1, -2}));
    EXPECT_EQ(values["packed"], Value(std::vector<std::int64_t>{3, -4}));
    EXPECT_EQ(values["fs"], Value(std::vector<float>{1.5F, -2.5F}));
    EXPECT_EQ(values["ss"], Value(std::vector<std::string>{"a", ""}));
    EXPECT_EQ(values["t"], Value(tensor(Shape{}, std::vector<float>{7})));
    EXPECT_EQ(std::get<std::shared_ptr<const OnnxGraph>>(values["g"])->nodes.at(0).op, "Exp");
    EXPECT_EQ(values["zero"], Value(std::int64_t{0}));
    EXPECT_EQ(values["nothing"], Value(0.0F));
    EXPECT_EQ(values["blank"], Value(std::string()));
    EXPECT_EQ(values["none"], Value(std::vector<std::int64_t>{}));
}

TEST(OnnxFiles, SortsNodesThatWantLaterOnes) {
    const auto order = [](const std::string& nodes) {
        std::string names;
        for (const OnnxNode& node : parse(test::onnx::model(nodes + ends)).graph.nodes)
            names += node.name + " ";
        return names;
    };
    const auto named = [](const char* name, const std::vector<std::string>& from, const std::string& to,
                          const std::string& more = "") { return node("Sum", from, {to}, field(3, name) + more); };
    const std::string a = named("a", {"x"}, "1"), b = named("b", {"x"}, "2"), c = named("c", {"1", "2", "1"}, "3"),
                      d = named("d", {"3", "1"}, "y");
    EXPECT_EQ(order(a + b + c + d), "a b c d ");
    EXPECT_EQ(order(b + a + c + d), "b a c d ");  // as the file has it where it may
    EXPECT_EQ(order(d + c + b + a), "b a c d ");
    EXPECT_EQ(order(d + a + c + b), "a b c d ");
    // what a graph inside wants counts
    const std::string branch = node("Exp", {"2"}, {"e"}) + output("e");
    const std::string deeper = node("If", {"x"}, {"f"}, attribute("then_branch", 5, field(6, branch))) + output("f");
    EXPECT_EQ(order(named("if", {"x"}, "y", attribute("else_branch", 5, field(6, deeper))) + b), "b if ");
    // and inside a graph nodes are sorted too
    const std::string backwards = node("Log", {"e"}, {"l"}) + node("Exp", {"x"}, {"e"}) + output("l");
    const OnnxModel model =
        parse(test::onnx::model(named("if", {"x"}, "y", attribute("a", 5, field(6, backwards))) + ends));
    const auto inside = std::get<std::shared_ptr<const OnnxGraph>>(model.graph.nodes[0].attributes[0].value);
    EXPECT_EQ(inside->nodes.at(0).op, "Exp");
    EXPECT_EQ(inside->nodes.at(1).op, "Log");
}

TEST(OnnxFiles, BranchesMayUseTheSameNamesAndGiveOuterOnes) {
    const std::string branch = node("Exp", {"x"}, {"e"}) + output("e");
    const std::string nothing = output("x");
    const std::string both = attribute("then_branch", 5, field(6, branch)) +
                             attribute("else_branch", 5, field(6, branch)) + attribute("other", 5, field(6, nothing));
    const OnnxModel model = parse(test::onnx::model(node("If", {"x"}, {"y"}, both) + ends));
    EXPECT_EQ(model.graph.nodes.at(0).attributes.size(), 3u);
}

TEST(OnnxTensors, EveryTypeInBothForms) {
    const auto read = [](const std::vector<std::int64_t>& dims, int type, const std::string& data) {
        const std::string w = initialiser(test::onnx::tensor("w", dims, type, data));
        return parse(test::onnx::model(node("Relu", {"x"}, {"y"}) + w + ends)).graph.constants.at("w");
    };
    const auto whole = [](ElementType type, std::vector<std::int64_t> values) {
        return Tensor{type, {std::ssize(values)}, std::move(values)};
    };
    const float inf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(read({2}, float32, field(raw_data, raw<float>({1.5F, -inf}))),
              tensor(Shape{2}, std::vector<float>{1.5F, -inf}));
    EXPECT_EQ(read({2}, float32, field(float_data, raw<float>({1.5F, 0}))),
              tensor(Shape{2}, std::vector<float>{1.5F, 0}));
    EXPECT_EQ(read({2}, float32, field(float_data, 1.5F) + field(float_data, 0.0F)),  // not packed
              tensor(Shape{2}, std::vector<float>{1.5F, 0}));
    EXPECT_EQ(read({1, 2}, float64, field(raw_data, raw<double>({1e300, 2}))),
              tensor(Shape{1, 2}, std::vector<double>{1e300, 2}));
    EXPECT_EQ(read({2}, float64, field(double_data, raw<double>({1e-300, 2}))),
              tensor(Shape{2}, std::vector<double>{1e-300, 2}));
    const std::int64_t least = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(read({2}, int64, field(raw_data, raw<std::int64_t>({least, 3}))), whole(ElementType::i64, {least, 3}));
    EXPECT_EQ(read({2}, int64, field(int64_data, packed({least, 3}))), whole(ElementType::i64, {least, 3}));
    EXPECT_EQ(read({2}, int32, field(raw_data, raw<std::int32_t>({-7, 3}))), whole(ElementType::i32, {-7, 3}));
    EXPECT_EQ(read({2}, int32, field(int32_data, packed({-7, 3}))), whole(ElementType::i32, {-7, 3}));
    EXPECT_EQ(read({2}, int16, field(raw_data, raw<std::int16_t>({-300, 3}))), whole(ElementType::i16, {-300, 3}));
    EXPECT_EQ(read({2}, int16, field(int32_data, packed({-300, 3}))), whole(ElementType::i16, {-300, 3}));
    EXPECT_EQ(read({2}, int8, field(raw_data, raw<std::int8_t>({-100, 3}))), whole(ElementType::i8, {-100, 3}));
    EXPECT_EQ(read({2}, int8, field(int32_data, packed({-100, 3}))), whole(ElementType::i8, {-100, 3}));
    EXPECT_EQ(read({2}, uint8, field(raw_data, raw<std::uint8_t>({200, 3}))), whole(ElementType::u8, {200, 3}));
    EXPECT_EQ(read({2}, uint8, field(int32_data, packed({200, 3}))), whole(ElementType::u8, {200, 3}));
    EXPECT_EQ(read({2}, boolean, field(raw_data, raw<std::uint8_t>({1, 0}))), whole(ElementType::boolean, {1, 0}));
    EXPECT_EQ(read({2}, boolean, field(int32_data, packed({1, 0}))), whole(ElementType::boolean, {1, 0}));
    EXPECT_EQ(read({2}, float16, field(raw_data, raw<std::uint16_t>({0x3c00, 0xc000}))),
              tensor(Shape{2}, std::vector<float>{1, -2}));
    EXPECT_EQ(read({2}, float16, field(int32_data, packed({0x3c00, 0xc000}))),
              tensor(Shape{2}, std::vector<float>{1, -2}));
    EXPECT_EQ(read({2}, bfloat16, field(raw_data, raw<std::uint16_t>({0x3f80, 0xc000}))),
              tensor(Shape{2}, std::vector<float>{1, -2}));
    EXPECT_EQ(read({2}, bfloat16, field(int32_data, packed({0x3f80, 0xc000}))),
              tensor(Shape{2}, std::vector<float>{1, -2}));
    EXPECT_EQ(read({}, int64, field(int64_data, packed({5}))).shape, Shape{});
    EXPECT_EQ(read({3, 0, 2}, float32, "").shape, (Shape{3, 0, 2}));
    EXPECT_EQ(read({3, 0, 2}, float32, "").size(), 0);
    const Tensor nan = read({1}, float32, field(raw_data, raw<float>({std::numeric_limits<float>::quiet_NaN()})));
    EXPECT_TRUE(std::isnan(nan.as<float>().at(0)));
}

TEST(OnnxTensors, NumbersOf16Bits) {
    const float inf = std::numeric_limits<float>::infinity();
    const std::pair<std::uint16_t, float> halves[] = {
        {0x0000, 0.0F},         {0x3c00, 1.0F},      {0xbc00, -1.0F},     {0x3555, 0x1.554p-2F},  // 0.33325195
        {0x7bff, 65504.0F},     {0xfbff, -65504.0F}, {0x7c00, inf},       {0xfc00, -inf},        {0x0400, 0x1p-14F},
        {0x03ff, 0x1.ff8p-15F}, {0x0001, 0x1p-24F},  {0x8001, -0x1p-24F}, {0x0200, 0x1p-15F}};
    for (const auto& [bits, value] : halves)
        EXPECT_EQ(from_float16(bits), value) << bits;
    EXPECT_TRUE(std::signbit(from_float16(0x8000)) && from_float16(0x8000) == 0);
    for (const std::uint16_t bits : std::initializer_list<std::uint16_t>{0x7c01, 0x7e00, 0xffff})
        EXPECT_TRUE(std::isnan(from_float16(bits))) << bits;
    // all others, by their definition
    for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
        const int exponent = static_cast<int>(bits >> 10);
        const double fraction = bits & 0x3ff;
        const double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
        ASSERT_EQ(from_float16(static_cast<std::uint16_t>(bits)), value) << bits;
        ASSERT_EQ(from_float16(static_cast<std::uint16_t>(bits | 0x8000)), -value) << bits;
    }
    const std::pair<std::uint16_t, float> brains[] = {{0x0000, 0.0F},      {0x3f80, 1.0F},     {0xc000, -2.0F},
                                                      {0x7f80, inf},       {0xff80, -inf},     {0x0001, 0x1p-133F},
                                                      {0x0080, 0x1p-126F}, {0x4049, 3.140625F}};
    for (const auto& [bits, value] : brains)
        EXPECT_EQ(from_bfloat16(bits), value) << bits;
    EXPECT_TRUE(std::signbit(from_bfloat16(0x8000)));
    EXPECT_TRUE(std::isnan(from_bfloat16(0x7fc0)));
}

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

TEST(OnnxFiles, ReadsTheValuesOfANetwork) {
    if (!test::has_data("interpreters"))
        GTEST_SKIP() << test::no_data("interpreters");
    // numpy's views of what the onnx package reads: the first element, and the sum in double precision
    const std::tuple<const char*, Shape, float, double> tensors[] = {
        {"conv1.weight", {32, 1, 3, 3}, -0.048746057F, -8.237956420867704},
        {"conv2.weight", {64, 32, 3, 3}, 0.007888983F, -493.56552299400573},
        {"fc2.bias", {10}, -0.028048977F, -0.12110746093094349},
    };
    const OnnxModel model = read_onnx(test::data("interpreters/onnx/digits_cnn.onnx"));
    EXPECT_EQ(model.producer, "h5-convert");
    for (const auto& [name, shape, first, sum] : tensors) {
        const Tensor& tensor = model.graph.constants.at(name);
        EXPECT_EQ(tensor.shape, shape) << name;
        const std::vector<double> values = tensor.as<double>();
        EXPECT_EQ(values.at(0), first) << name;
        EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0), sum, 1e-10) << name;  // another order: 1e4 ulp
    }
    const Tensor output = read_onnx_tensor(test::data("interpreters/onnx_light/light_vgg19_output_0.pb"));
    EXPECT_EQ(output.shape, (Shape{1, 1000}));
    EXPECT_EQ(output.as<float>().at(999), 0.001F);
}

// Every kind of field that is read.
std::string everything() {
    const std::string branch = node("Exp", {"c"}, {"e"}) + output("e");
    return test::onnx::model(
        node("Conv", {"x", "w"}, {"c"},
             attribute("pads", 7, field(8, 1) + field(8, 2)) + attribute("auto_pad", 3, field(4, "NOTSET"))) +
            node("If", {"t"}, {"i"},
                 attribute("then_branch", 5, field(6, branch)) +
                     attribute("value", 4, field(5, test::onnx::tensor("", {1}, {1})))) +
            node("LRN", {"i"}, {"y"}, attribute("alpha", 1, field(2, 0.5F)) + attribute("size", 2, field(3, 5))) +
            initialiser(test::onnx::tensor("w", {1, 2}, float32, field(float_data, raw<float>({1, 2})))) +
            initialiser(test::onnx::tensor("t", {}, boolean, field(int32_data, packed({1})))) +
            initialiser(test::onnx::tensor("h", {2}, float16, field(raw_data, raw<std::uint16_t>({1, 2})))) +
            initialiser(test::onnx::tensor("o", {2}, float32,
                                           field(14, 1) + field(13, field(1, "location") + field(2, "o.bin")))) +
            ends,
        opset("", 17) + opset("ai.onnx.ml", 2));
}

TEST(OnnxFiles, SurvivesMutations) {
    const test::Scratch scratch("onnx_fuzz");
    test::put(scratch / "o.bin", raw<float>({1, 2}));
    const std::string valid = everything();
    const auto read = [&] { (void)read_onnx(scratch / "a.onnx"); };
    test::put(scratch / "a.onnx", valid);
    EXPECT_NO_THROW(read());
    const int size = static_cast<int>(valid.size());
    const int refused = test::fuzz(scratch / "a.onnx", valid, 20000, 12, read);
    EXPECT_GE(refused, size);          // no truncation is accepted: the graph comes last
    EXPECT_LT(refused, 20000 + size);  // flips of values are
}

TEST(OnnxTensors, SurviveMutations) {
    const test::Scratch scratch("onnx_tensor_fuzz");
    const std::string valid = test::onnx::tensor("w", {2, 2}, float32, field(raw_data, raw<float>({1, 2, 3, 4})));
    const auto read = [&] { (void)read_onnx_tensor(scratch / "a.pb"); };
    const int refused = test::fuzz(scratch / "a.pb", valid, 5000, 13, read);
    EXPECT_GT(refused, static_cast<int>(valid.size()) / 2);
    EXPECT_LT(refused, 5000 + static_cast<int>(valid.size()));
}

}  // namespace
}  // namespace descrambler
