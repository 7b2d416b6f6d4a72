#include "tour/cyclegan.hpp"

namespace descrambler::tour {

namespace {

using Attributes = std::vector<OnnxAttribute>;

class Builder {
public:
    Builder() {
        model_.path = "CycleGAN";
        model_.ir_version = 8;
        model_.opset = 17;
    }
    void node(const std::string& op, const std::vector<std::string>& more, Attributes attributes) {
        std::vector<std::string> inputs{last};
        inputs.insert(inputs.end(), more.begin(), more.end());
        const std::string name = op + "_" + std::to_string(model_.graph.nodes.size());
        model_.graph.nodes.push_back({name, op, "", std::move(inputs), {name}, std::move(attributes)});
        last = name;
    }
    std::string constant(Shape shape, float value = 0) {
        const std::string name = std::string("w") + std::to_string(model_.graph.constants.size());
        const auto count = static_cast<std::size_t>(volume(shape));
        model_.graph.constants[name] = tensor(std::move(shape), std::vector<float>(count, value));
        return name;
    }
    void reflect(std::int64_t by) {
        const std::string name = std::string("pads") + std::to_string(model_.graph.constants.size());
        model_.graph.constants[name] = tensor({8}, std::vector<std::int64_t>{0, 0, by, by, 0, 0, by, by});
        node("Pad", {name}, {{"mode", std::string("reflect")}});
    }
    void convolve(Index in, Index out, Index kernel, std::int64_t stride, std::int64_t pad) {
        node("Conv", {constant({out, in, kernel, kernel}), constant({out})},
             {{"strides", std::vector<std::int64_t>{stride, stride}},
              {"pads", std::vector<std::int64_t>{pad, pad, pad, pad}}});
    }
    void enlarge(Index in, Index out) {
        node("ConvTranspose", {constant({in, out, 3, 3}), constant({out})},
             {{"strides", std::vector<std::int64_t>{2, 2}},
              {"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
              {"output_padding", std::vector<std::int64_t>{1, 1}}});
    }
    void norm(Index channels) { node("InstanceNormalization", {constant({channels}, 1), constant({channels})}, {}); }
    void relu() { node("Relu", {}, {}); }
    OnnxModel finish() {
        using Dims = std::vector<std::variant<Index, std::string>>;
        model_.graph.nodes.back().outputs = {"y"};
        model_.graph.inputs = {{"x", ElementType::f32, Dims{Index{1}, Index{3}, "height", "width"}}};
        model_.graph.outputs = {{"y", ElementType::f32, std::nullopt}};
        return std::move(model_);
    }

    std::string last = "x";

private:
    OnnxModel model_;
};

}  // namespace

OnnxModel cyclegan(int blocks) {
    Builder net;
    net.reflect(3);
    net.convolve(3, 64, 7, 1, 0);
    net.norm(64);
    net.relu();
    for (const Index channels : {64, 128}) {
        net.convolve(channels, 2 * channels, 3, 2, 1);
        net.norm(2 * channels);
        net.relu();
    }
    for (int block = 0; block < blocks; ++block) {
        const std::string before = net.last;
        net.reflect(1);
        net.convolve(256, 256, 3, 1, 0);
        net.norm(256);
        net.relu();
        net.reflect(1);
        net.convolve(256, 256, 3, 1, 0);
        net.norm(256);
        net.node("Add", {before}, {});
    }
    for (const Index channels : {256, 128}) {
        net.enlarge(channels, channels / 2);
        net.norm(channels / 2);
        net.relu();
    }
    net.reflect(3);
    net.convolve(64, 3, 7, 1, 0);
    net.node("Tanh", {}, {});
    return net.finish();
}

}  // namespace descrambler::tour
