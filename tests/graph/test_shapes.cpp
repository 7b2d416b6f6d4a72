// Networks of known shapes that come without weights: with random ones, and fewer channels, what holds for every frozen
// network holds for them. Depth, kernels, strides and how the parts hang together are those of the publications.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using namespace test::onnx;

std::string ints(std::string_view name, const std::vector<std::int64_t>& values) {
    std::string bytes;
    for (const std::int64_t value : values)
        bytes += field(8, value);
    return attribute(name, 7, bytes);
}
std::string integer(std::string_view name, std::int64_t value) {
    return attribute(name, 2, field(3, value));
}
std::string text(std::string_view name, std::string_view value) {
    return attribute(name, 3, field(4, value));
}

struct Value {
    std::string name;
    std::int64_t channels = 0;
};
using Pair = std::pair<std::int64_t, std::int64_t>;  // of rows, of columns

// A file, operator by operator. Weights are zeros of the right shape: the import draws others.
class File {
public:
    explicit File(std::int64_t channels, std::int64_t side) : input_({"x", channels}), side_(side) {}
    [[nodiscard]] Value x() const { return input_; }

    Value apply(std::string_view op, const std::vector<std::string>& from, std::int64_t channels,
                const std::string& more = "") {
        const std::string name = next('v');
        nodes_ += node(op, from, {name}, more);
        return {name, channels};
    }
    std::string weight(const std::vector<std::int64_t>& dims) {
        const std::string name = next('w');
        std::int64_t size = 1;
        for (const std::int64_t dim : dims)
            size *= dim;
        constants_ += initialiser(tensor(name, dims, std::vector<float>(static_cast<std::size_t>(size), .01F)));
        return name;
    }
    std::string numbers(const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
        const std::string name = next('c');
        constants_ += initialiser(tensor(name, dims, values));
        return name;
    }
    Value conv(const Value& from, std::int64_t channels, Pair kernel, std::int64_t stride = 1, Pair pad = {0, 0},
               bool bias = true) {
        std::vector<std::string> inputs{from.name, weight({channels, from.channels, kernel.first, kernel.second})};
        if (bias)
            inputs.push_back(weight({channels}));
        return apply("Conv", inputs, channels,
                     ints("strides", {stride, stride}) + ints("pads", {pad.first, pad.second, pad.first, pad.second}));
    }
    Value norm(const Value& from) {  // batch normalisation
        return apply("BatchNormalization",
                     {from.name, weight({from.channels}), weight({from.channels}), weight({from.channels}),
                      weight({from.channels})},
                     from.channels);
    }
    Value instance(const Value& from) {
        return apply("InstanceNormalization", {from.name, weight({from.channels}), weight({from.channels})},
                     from.channels);
    }
    Value relu(const Value& from) { return apply("Relu", {from.name}, from.channels); }
    Value add(const Value& a, const Value& b) { return apply("Add", {a.name, b.name}, a.channels); }
    Value concat(const std::vector<Value>& parts) {
        std::vector<std::string> names;
        std::int64_t channels = 0;
        for (const Value& part : parts) {
            names.push_back(part.name);
            channels += part.channels;
        }
        return apply("Concat", names, channels, integer("axis", 1));
    }
    Value pool(const Value& from, std::string_view op, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
        return apply(op, {from.name}, from.channels,
                     ints("kernel_shape", {kernel, kernel}) + ints("strides", {stride, stride}) +
                         ints("pads", {pad, pad, pad, pad}));
    }
    Value classify(const Value& from, std::int64_t classes) {
        const Value mean = apply("GlobalAveragePool", {from.name}, from.channels);
        const Value flat = apply("Flatten", {mean.name}, from.channels);
        return apply("Gemm", {flat.name, weight({classes, from.channels}), weight({classes})}, classes,
                     integer("transB", 1));
    }
    Value reflect(const Value& from, std::int64_t pad) {
        const std::string name = next('p');
        constants_ += initialiser(
            tensor(name, {8}, int64, field(raw_data, raw(std::vector<std::int64_t>{0, 0, pad, pad, 0, 0, pad, pad}))));
        return apply("Pad", {from.name, name}, from.channels, text("mode", "reflect"));
    }
    [[nodiscard]] Graph import(const Value& out) const {
        const OnnxModel read =
            parse_onnx(model(nodes_ + constants_ + onnx::input("x", {1, input_.channels, side_, side_}) +
                             onnx::output(out.name, {})),
                       "shapes.onnx", {});
        ImportOptions options;
        options.random_weights = true;
        options.seed = 3;
        return import_onnx(read, options);
    }

private:
    std::string next(char kind) {
        std::string name(1, kind);
        name += std::to_string(made_++);
        return name;
    }

    Value input_;
    std::int64_t side_;
    int made_ = 0;
    std::string nodes_, constants_;
};

// He et al. 2015: bottlenecks, 3 + 8 + 36 + 3 of them; 64 channels here 4.
Graph resnet152() {
    File f(3, 48);
    constexpr std::int64_t width = 4;
    Value v = f.relu(f.norm(f.conv(f.x(), width, {7, 7}, 2, {3, 3}, false)));
    v = f.pool(v, "MaxPool", 3, 2, 1);
    std::int64_t inner = width;
    for (const int count : {3, 8, 36, 3}) {
        for (int i = 0; i < count; ++i) {
            const std::int64_t stride = i == 0 && inner > width ? 2 : 1;
            Value path = f.relu(f.norm(f.conv(v, inner, {1, 1}, 1, {0, 0}, false)));
            path = f.relu(f.norm(f.conv(path, inner, {3, 3}, stride, {1, 1}, false)));
            path = f.norm(f.conv(path, 4 * inner, {1, 1}, 1, {0, 0}, false));
            const Value skip = i == 0 ? f.norm(f.conv(v, 4 * inner, {1, 1}, stride, {0, 0}, false)) : v;
            v = f.relu(f.add(path, skip));
        }
        inner *= 2;
    }
    return f.import(f.classify(v, 10));
}

// Huang et al. 2017: dense blocks of 6, 12, 36, 24 layers; growth 48 here 2.
Graph densenet161() {
    File f(3, 48);
    constexpr std::int64_t growth = 2;
    Value v = f.pool(f.relu(f.norm(f.conv(f.x(), 2 * growth, {7, 7}, 2, {3, 3}, false))), "MaxPool", 3, 2, 1);
    const int blocks[] = {6, 12, 36, 24};
    for (const int& layers : blocks) {
        for (int i = 0; i < layers; ++i) {
            const Value inner = f.conv(f.relu(f.norm(v)), 4 * growth, {1, 1}, 1, {0, 0}, false);
            v = f.concat({v, f.conv(f.relu(f.norm(inner)), growth, {3, 3}, 1, {1, 1}, false)});
        }
        if (&layers != std::end(blocks) - 1)
            v = f.pool(f.conv(f.relu(f.norm(v)), v.channels / 2, {1, 1}, 1, {0, 0}, false), "AveragePool", 2, 2, 0);
    }
    return f.import(f.classify(f.relu(f.norm(v)), 10));
}

// Szegedy et al. 2016, from the first mixed layer on, with kernels of 1 x 7, 7 x 1, 1 x 3 and 3 x 1; a tenth of the
// channels.
Graph inception_v3() {
    File f(3, 60);
    const auto unit = [&f](const Value& from, std::int64_t channels, Pair kernel, std::int64_t stride = 1,
                           Pair pad = {0, 0}) {
        return f.relu(f.norm(f.conv(from, channels, kernel, stride, pad, false)));
    };
    Value v = unit(f.x(), 3, {3, 3}, 2);
    v = unit(unit(v, 3, {3, 3}), 6, {3, 3}, 1, {1, 1});
    v = f.pool(v, "MaxPool", 3, 2, 0);
    for (int i = 0; i < 3; ++i)
        v = f.concat({unit(v, 6, {1, 1}), unit(unit(v, 5, {1, 1}), 6, {5, 5}, 1, {2, 2}),
                      unit(unit(unit(v, 6, {1, 1}), 10, {3, 3}, 1, {1, 1}), 10, {3, 3}, 1, {1, 1}),
                      unit(f.pool(v, "AveragePool", 3, 1, 1), 3, {1, 1})});
    v = f.concat({unit(v, 38, {3, 3}, 2), unit(unit(unit(v, 6, {1, 1}), 10, {3, 3}, 1, {1, 1}), 10, {3, 3}, 2),
                  f.pool(v, "MaxPool", 3, 2, 0)});
    for (int i = 0; i < 4; ++i) {
        const Value tall = unit(unit(unit(v, 13, {1, 1}), 13, {1, 7}, 1, {0, 3}), 19, {7, 1}, 1, {3, 0});
        Value twice = unit(unit(v, 13, {1, 1}), 13, {7, 1}, 1, {3, 0});
        twice = unit(unit(unit(twice, 13, {1, 7}, 1, {0, 3}), 13, {7, 1}, 1, {3, 0}), 19, {1, 7}, 1, {0, 3});
        v = f.concat({unit(v, 19, {1, 1}), tall, twice, unit(f.pool(v, "AveragePool", 3, 1, 1), 19, {1, 1})});
    }
    v = f.concat({unit(unit(v, 19, {1, 1}), 32, {3, 3}, 2, {1, 1}), f.pool(v, "MaxPool", 3, 2, 1)});
    for (int i = 0; i < 2; ++i) {
        const Value one = unit(v, 38, {1, 1}), two = unit(unit(v, 45, {1, 1}), 38, {3, 3}, 1, {1, 1});
        v = f.concat({unit(v, 32, {1, 1}), unit(one, 38, {1, 3}, 1, {0, 1}), unit(one, 38, {3, 1}, 1, {1, 0}),
                      unit(two, 38, {1, 3}, 1, {0, 1}), unit(two, 38, {3, 1}, 1, {1, 0})});
    }
    return f.import(f.classify(v, 10));
}

Value shuffled(File& f, const Value& from, std::int64_t factor) {
    return f.apply("DepthToSpace", {from.name}, from.channels / factor / factor,
                   integer("blocksize", factor) + text("mode", "CRD"));
}

// Lim et al. 2017: 32 blocks without norms, their results times .1, two pixel shuffles; 256 channels here 6.
Graph edsr() {
    File f(3, 12);
    constexpr std::int64_t width = 6;
    const Value head = f.conv(f.x(), width, {3, 3}, 1, {1, 1});
    Value v = head;
    for (int i = 0; i < 32; ++i) {
        const Value path = f.conv(f.relu(f.conv(v, width, {3, 3}, 1, {1, 1})), width, {3, 3}, 1, {1, 1});
        v = f.add(v, f.apply("Mul", {path.name, f.numbers({}, {.1F})}, width));
    }
    v = f.add(f.conv(v, width, {3, 3}, 1, {1, 1}), head);
    for (int i = 0; i < 2; ++i)
        v = shuffled(f, f.conv(v, 4 * width, {3, 3}, 1, {1, 1}), 2);
    return f.import(f.conv(v, 3, {3, 3}, 1, {1, 1}));
}

// Zhu et al. 2017, nine blocks: borders that reflect, instance norms, transposed convolutions, tanh; 64 channels here 4.
Graph cyclegan() {
    File f(3, 32);
    constexpr std::int64_t width = 4;
    Value v = f.relu(f.instance(f.conv(f.reflect(f.x(), 3), width, {7, 7})));
    for (const std::int64_t channels : {2 * width, 4 * width})
        v = f.relu(f.instance(f.conv(v, channels, {3, 3}, 2, {1, 1})));
    for (int i = 0; i < 9; ++i) {
        Value path = f.relu(f.instance(f.conv(f.reflect(v, 1), 4 * width, {3, 3})));
        path = f.instance(f.conv(f.reflect(path, 1), 4 * width, {3, 3}));
        v = f.add(v, path);
    }
    for (const std::int64_t channels : {2 * width, width}) {
        v = f.apply("ConvTranspose", {v.name, f.weight({v.channels, channels, 3, 3}), f.weight({channels})}, channels,
                    ints("strides", {2, 2}) + ints("pads", {1, 1, 1, 1}) + ints("output_padding", {1, 1}));
        v = f.relu(f.instance(v));
    }
    return f.import(f.apply("Tanh", {f.conv(f.reflect(v, 3), 3, {7, 7}).name}, 3));
}

// Shi et al. 2016, the four layers of the tutorials.
Graph pixel_shuffle() {
    File f(1, 16);
    Value v = f.relu(f.conv(f.x(), 16, {5, 5}, 1, {2, 2}));
    v = f.relu(f.conv(v, 16, {3, 3}, 1, {1, 1}));
    v = f.relu(f.conv(v, 8, {3, 3}, 1, {1, 1}));
    return f.import(shuffled(f, f.conv(v, 16, {3, 3}, 1, {1, 1}), 4));
}

Graph bicubic() {
    File f(3, 14);
    return f.import(f.apply("Resize", {f.x().name, "", f.numbers({4}, {1, 1, 4, 4})}, 3,
                            text("mode", "cubic") + text("coordinate_transformation_mode", "half_pixel")));
}

struct Architecture {
    const char* name;
    Graph (*make)();
    Index outputs;
};
void PrintTo(const Architecture& architecture, std::ostream* to) {
    *to << architecture.name;
}
class ShapesTest : public testing::TestWithParam<Architecture> {};

TEST_P(ShapesTest, HasTheSameAnswerInTwoWays) {
    const Graph graph = GetParam().make();
    EXPECT_EQ(graph.outputs(), GetParam().outputs);
    const auto on = make_cpu_backend<double>(2);
    const Matrix<double> x = wave(graph.inputs(), 1, .1);
    const std::vector<double> x0(x.values().begin(), x.values().end());
    for (const FreezeOptions options : {FreezeOptions{}, FreezeOptions{FreezeRule::frozen, NormRule::mean_std},
                                        FreezeOptions{FreezeRule::taylor, NormRule::none}}) {
        const FrozenNetwork<double> frozen(*on, graph, x0, options);
        EXPECT_GT(largest(frozen.output()), 0);
        const ScopeErrors errors = scope_errors(frozen, x0);
        EXPECT_LE(errors.identity, 1e-12);
        EXPECT_LE(errors.adjoint, 1e-12);
        EXPECT_LE(errors.conservation, 1e-12);
        EXPECT_EQ(errors.windows, 0);
        EXPECT_EQ(facts_error(graph, options, frozen), "");
    }
}

INSTANTIATE_TEST_SUITE_P(All, ShapesTest,
                         testing::Values(Architecture{"resnet152", resnet152, 10},
                                         Architecture{"densenet161", densenet161, 10},
                                         Architecture{"inception_v3", inception_v3, 10},
                                         Architecture{"edsr", edsr, 3 * 48 * 48},
                                         Architecture{"cyclegan", cyclegan, 3 * 32 * 32},
                                         Architecture{"pixel_shuffle", pixel_shuffle, 64 * 64},
                                         Architecture{"bicubic", bicubic, 3 * 56 * 56}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace descrambler
