// What write_onnx writes, read_onnx reads.
#include <gtest/gtest.h>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "descrambler/onnx.hpp"

namespace descrambler {
namespace {

void expect_same(const OnnxGraph& a, const OnnxGraph& b);

void expect_same(const OnnxAttribute& a, const OnnxAttribute& b) {
    using Inner = std::shared_ptr<const OnnxGraph>;
    EXPECT_EQ(a.name, b.name);
    if (const Inner* inner = std::get_if<Inner>(&a.value))
        expect_same(**inner, *std::get<Inner>(b.value));
    else
        EXPECT_TRUE(a.value == b.value) << a.name;
}
void expect_same(const std::vector<OnnxValue>& a, const std::vector<OnnxValue>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].name, b[i].name);
        EXPECT_EQ(a[i].type, b[i].type);
        EXPECT_EQ(a[i].dims, b[i].dims);
    }
}
void expect_same(const OnnxGraph& a, const OnnxGraph& b) {
    EXPECT_EQ(a.constants, b.constants);
    expect_same(a.inputs, b.inputs);
    expect_same(a.outputs, b.outputs);
    ASSERT_EQ(a.nodes.size(), b.nodes.size());
    for (std::size_t i = 0; i < a.nodes.size(); ++i) {
        EXPECT_EQ(a.nodes[i].name, b.nodes[i].name);
        EXPECT_EQ(a.nodes[i].op, b.nodes[i].op);
        EXPECT_EQ(a.nodes[i].domain, b.nodes[i].domain);
        EXPECT_EQ(a.nodes[i].inputs, b.nodes[i].inputs);
        EXPECT_EQ(a.nodes[i].outputs, b.nodes[i].outputs);
        ASSERT_EQ(a.nodes[i].attributes.size(), b.nodes[i].attributes.size());
        for (std::size_t k = 0; k < a.nodes[i].attributes.size(); ++k)
            expect_same(a.nodes[i].attributes[k], b.nodes[i].attributes[k]);
    }
}

Tensor whole(ElementType type, std::vector<std::int64_t> numbers) {
    return {type, {std::ssize(numbers)}, std::move(numbers)};
}

// Every type of element and of attribute, a graph inside a node, extents that are free.
OnnxModel everything() {
    OnnxModel model;
    model.producer = "by hand";
    model.producer_version = "1.2";
    model.metadata = {{"network", "3"}, {"source", "net.h5"}};
    model.ir_version = 8;
    model.opset = 17;
    model.other_opsets = {{"mine", 2}};
    OnnxGraph inner;
    inner.nodes = {{"inner", "Identity", "", {"w"}, {"z"}, {}}};
    inner.outputs = {{"z", ElementType::f32, std::nullopt}};
    OnnxGraph& graph = model.graph;
    graph.constants["w"] = tensor({2, 2}, std::vector<float>{1, -2.5f, 1e-40f, 3e38f});
    graph.constants["d"] = tensor({3}, std::vector<double>{1.0 / 3, -0.0, 1e300});
    graph.constants["scalar"] = tensor({}, std::vector<std::int64_t>{-9007199254740993});
    graph.constants["i32"] = whole(ElementType::i32, {-2147483648, 2147483647});
    graph.constants["i16"] = whole(ElementType::i16, {-32768, 32767});
    graph.constants["i8"] = whole(ElementType::i8, {-128, 127});
    graph.constants["u8"] = whole(ElementType::u8, {0, 255});
    graph.constants["b"] = whole(ElementType::boolean, {0, 1, 1});
    graph.constants["nothing"] = tensor({0, 4}, std::vector<double>());
    const std::vector<OnnxAttribute> attributes{{"i", std::int64_t{-7}},
                                                {"f", 0.1f},
                                                {"s", std::string("text")},
                                                {"is", std::vector<std::int64_t>{1, -1}},
                                                {"fs", std::vector<float>{.5f}},
                                                {"ss", std::vector<std::string>{"a", ""}},
                                                {"t", tensor({1}, std::vector<float>{4})},
                                                {"g", std::make_shared<const OnnxGraph>(inner)}};
    graph.nodes = {{"first", "Gemm", "", {"x", "w", ""}, {"h"}, {}},
                   {"second", "Own", "mine", {"h"}, {"", "y"}, attributes}};
    using Dims = std::vector<std::variant<Index, std::string>>;
    graph.inputs = {{"x", ElementType::f32, Dims{"batch", Index{2}, ""}}, {"bare", std::nullopt, std::nullopt}};
    graph.outputs = {{"y", ElementType::f64, Dims{Index{0}}}};
    return model;
}

TEST(OnnxWriting, ComesBackAsItWas) {
    const test::Scratch folder("onnx_write");
    const std::filesystem::path path = folder / "net.onnx", again = folder / "again.onnx";
    const OnnxModel model = everything();
    write_onnx(path, model);
    const OnnxModel read = read_onnx(path);
    EXPECT_EQ(read.producer, model.producer);
    EXPECT_EQ(read.producer_version, model.producer_version);
    EXPECT_EQ(read.metadata, model.metadata);
    EXPECT_EQ(read.ir_version, model.ir_version);
    EXPECT_EQ(read.opset, model.opset);
    EXPECT_EQ(read.other_opsets, model.other_opsets);
    expect_same(read.graph, model.graph);
    write_onnx(again, read);
    EXPECT_EQ(read_file(again), read_file(path));  // the same bytes for the same model
}

TEST(OnnxWriting, WholeOrNotAtAll) {
    const test::Scratch folder("onnx_write_none");
    EXPECT_THROW(write_onnx(folder / "missing/net.onnx", everything()), Error);
    std::filesystem::create_directory(folder / "net.onnx");
    EXPECT_THROW(write_onnx(folder / "net.onnx", everything()), Error);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace descrambler
