// What is no ONNX model, or one that is not served: each refusal in its own words.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "descrambler/onnx.hpp"
#include "fuzz.hpp"
#include "onnx_bytes.hpp"

namespace descrambler {
namespace {

using namespace test::onnx;

// The message without the name of the file, "" if the model is read.
std::string refusal(const std::string& bytes, const std::filesystem::path& folder = ".") {
    const std::string message = test::input_error([&] { (void)parse_onnx(bytes, "a.onnx", folder); });
    EXPECT_TRUE(message.empty() || message.starts_with("a.onnx: ")) << message;
    return message.substr(std::min<std::size_t>(8, message.size()));
}

const std::string ends = input("x") + output("y");
const std::string relu = node("Relu", {"x"}, {"y"});
const std::string good = relu + ends;

std::string of_graph(const std::string& more) {  // beside a graph that is good
    return refusal(model(good + more));
}
std::string of_node(const std::string& more) {
    return refusal(model(node("Relu", {"x"}, {"y"}, field(3, "n") + more) + ends));
}
std::string of_tensor(const std::string& bytes) {
    return of_graph(initialiser(bytes));
}

TEST(OnnxRefusals, WhatIsGoodIsRead) {
    EXPECT_EQ(refusal(model(good)), "");
    EXPECT_EQ(of_graph(""), "");
    EXPECT_EQ(of_node(""), "");
    EXPECT_EQ(of_tensor(tensor("w", {2}, {1, 2})), "");
}

TEST(OnnxRefusals, BytesThatAreNoModel) {
    const std::string none = "expected an ONNX model, found bytes that are none";
    EXPECT_EQ(refusal("\x89PNG\r\n"), none);
    EXPECT_EQ(refusal(model(good) + field(7, "ab").substr(0, 3)), none);  // cut short
    EXPECT_EQ(refusal(model(good) + "\x0c"), none);                       // the end of a group that was never begun
    std::string type = field(1, field(1, 1));  // a sequence of sequences of ... tensors, and the frames of its model
    for (int depth = 0; depth < 46; ++depth)
        type = field(4, field(1, type));
    const auto output = [&] { return refusal(model(relu + input("x") + field(12, field(1, "y") + field(2, type)))); };
    EXPECT_EQ(output(),
              "output 'y': expected a tensor, found a sequence, a map, an optional, a sparse or an opaque value");
    for (int depth = 0; depth < 3; ++depth)
        type = field(4, field(1, type));
    EXPECT_EQ(output(), none);  // messages in messages, more than a hundred
}

TEST(OnnxRefusals, VersionsAndOperatorSets) {
    EXPECT_EQ(refusal(""), "ir_version: expected 3 to 14, found none");
    EXPECT_EQ(refusal(model(good, opset("", 17), 2)), "ir_version: expected 3 to 14, found 2");
    EXPECT_EQ(refusal(model(good, opset("", 17), 15)), "ir_version: expected 3 to 14, found 15");
    EXPECT_EQ(refusal(model(good, opset("", 17), -1)), "ir_version: expected 3 to 14, found -1");
    EXPECT_EQ(refusal(model(good, opset("", 17), 14)), "");
    EXPECT_EQ(refusal(model(good, opset("", 17), 3)), "");
    EXPECT_EQ(refusal(model(good, "")), "expected an import of the operator set ai.onnx");
    EXPECT_EQ(refusal(model(good, opset("ai.onnx.ml", 3))), "expected an import of the operator set ai.onnx");
    EXPECT_EQ(refusal(model(good, opset("", 0))), "operator set '': expected a version from 1, found 0");
    EXPECT_EQ(refusal(model(good, opset("a", 1) + opset("a", 2))), "operator set 'a': imported twice");
    EXPECT_EQ(refusal(model(good, opset("", 9) + opset("ai.onnx", 9))), "operator set 'ai.onnx': imported twice");
    EXPECT_EQ(refusal(field(1, 8) + opset("", 17)), "expected a graph");
}

TEST(OnnxRefusals, NamesThatAreMissing) {
    const std::string expected =
        "expected an initialiser, an input of the graph or an output of a node, found none of this name";
    EXPECT_EQ(refusal(model(node("Relu", {"z"}, {"y"}) + ends)), "node 'Relu_0' (Relu): input 'z': " + expected);
    EXPECT_EQ(refusal(model(relu + input("x") + output("z"))), "output 'z': " + expected);
    EXPECT_EQ(refusal(model(relu + input("x") + output(""))), "output '': expected a name");
    EXPECT_EQ(refusal(model(relu + input("x"))), "expected a graph with an output");
    EXPECT_EQ(refusal(model(good + input(""))), "input '': expected a name");
    EXPECT_EQ(of_tensor(tensor("", {1}, {1})), "initialiser '': expected a name");
    EXPECT_EQ(refusal(model(node("", {"x"}, {"y"}) + ends)), "node '_0' (): expected an operator");
    // the first that is missing is told, and a name is told whole up to 200 characters
    const std::string longer = std::string(150, 'n');
    EXPECT_EQ(refusal(model(node("Add", {longer, "q"}, {"y"}) + ends)),
              "node 'Add_0' (Add): input '" + longer + "': " + expected);
    EXPECT_EQ(refusal(model(node("Add", {longer + longer}, {"y"}) + ends)),
              "node 'Add_0' (Add): input '" + std::string(200, 'n') + "...': " + expected);
    EXPECT_EQ(refusal(model(node("A\nb", {"x\n"}, {"y"}) + ends)), "node 'A?b_0' (A?b): input 'x?': " + expected);
}

TEST(OnnxRefusals, NamesThatAreMadeTwice) {
    const std::string expected = "made twice, expected a name of its own";
    EXPECT_EQ(of_graph(input("x")), "input 'x': " + expected);
    EXPECT_EQ(of_graph(node("Neg", {"x"}, {"y"})), "node 'Neg_1' (Neg): output 'y': " + expected);
    EXPECT_EQ(of_graph(node("Neg", {"x"}, {"x"})), "node 'Neg_1' (Neg): output 'x': " + expected);
    EXPECT_EQ(of_graph(node("Split", {"x"}, {"a", "a"})), "node 'Split_1' (Split): output 'a': " + expected);
    EXPECT_EQ(of_tensor(tensor("y", {1}, {1})), "node 'Relu_0' (Relu): output 'y': " + expected);
    const std::string w = initialiser(tensor("w", {1}, {1}));
    EXPECT_EQ(of_graph(w + w), "initialiser 'w': " + expected);
}

TEST(OnnxRefusals, Cycles) {
    const std::string expected = ": what it wants is made of its own output, expected a graph without cycles";
    EXPECT_EQ(refusal(model(node("Add", {"x", "y"}, {"y"}, field(3, "n")) + ends)), "node 'n' (Add)" + expected);
    // 'after' waits for the cycle and is not on it
    const std::string after = node("Neg", {"b"}, {"y"}, field(3, "after"));
    const std::string cycle =
        node("Add", {"x", "b"}, {"a"}, field(3, "one")) + node("Exp", {"a"}, {"b"}, field(3, "two"));
    EXPECT_EQ(refusal(model(after + cycle + ends)), "node 'two' (Exp)" + expected);
    // through a graph inside
    const std::string branch = node("Exp", {"y"}, {"e"}) + output("e");
    EXPECT_EQ(of_node(attribute("then_branch", 5, field(6, branch))), "node 'n' (Relu)" + expected);
}

TEST(OnnxRefusals, NodesThatAreNotServed) {
    const std::string function = field(25, field(1, "F") + field(10, "mine"));
    const std::string call = node("F", {"x"}, {"y"}, field(3, "n") + field(7, "mine"));
    const std::string sets = opset("", 17) + opset("mine", 1);
    EXPECT_EQ(refusal(model(call + ends, sets) + function),
              "node 'n' (mine.F): expected an operator, found a function of the model");
    EXPECT_EQ(refusal(model(call + ends, sets)), "");
    EXPECT_EQ(refusal(model(good, sets) + function), "");  // nobody asks for it
    EXPECT_EQ(refusal(model(good) + field(25, field(1, "Relu") + field(10, "ai.onnx"))),
              "node 'Relu_0' (Relu): expected an operator, found a function of the model");
    EXPECT_EQ(refusal(model(call + ends)), "node 'n' (mine.F): expected an operator of a set that the model imports");
    EXPECT_EQ(of_graph(field(15, field(1, field(8, "s")))),
              "initialiser 's': expected a dense tensor, found a sparse one");
}

TEST(OnnxRefusals, Attributes) {
    const std::string n = "node 'n' (Relu): attribute 'a': ";
    EXPECT_EQ(of_node(attribute("", 2, field(3, 1))), "node 'n' (Relu): attribute '': expected a name");
    EXPECT_EQ(of_node(attribute("a", 2, field(3, 1)) + attribute("a", 2, field(3, 1))), n + "given twice");
    EXPECT_EQ(of_node(attribute("a", 2, field(21, "b"))),
              n + "expected a value, found a reference to an attribute of a function");
    EXPECT_EQ(of_node(attribute("a", 2, field(2, 1.0F))),
              n + "expected a value of the declared type, found one of type float");
    EXPECT_EQ(of_node(attribute("a", 7, field(8, 1) + field(3, 1))),
              n + "expected a value of the declared type, found one of type int");
    EXPECT_EQ(of_node(attribute("a", 4, "")), n + "expected a tensor, found none");
    EXPECT_EQ(of_node(attribute("a", 5, "")), n + "expected a graph, found none");
    const std::string types = "expected an int, a float, a string, lists of these, a tensor or a graph, found ";
    EXPECT_EQ(of_node(attribute("a", 0, "")), n + types + "no type");
    EXPECT_EQ(of_node(attribute("a", 99, "")), n + types + "no type");  // protobuf keeps no value it does not know
    EXPECT_EQ(of_node(attribute("a", 9, field(10, ""))), n + types + "tensors");
    EXPECT_EQ(of_node(attribute("a", 10, field(11, ""))), n + types + "graphs");
    EXPECT_EQ(of_node(attribute("a", 11, field(22, ""))), n + types + "sparse_tensor");
    EXPECT_EQ(of_node(attribute("a", 13, field(14, ""))), n + types + "type_proto");
    EXPECT_EQ(of_node(attribute("a", 4, field(5, tensor("", {2}, {1})))), n + "dims 2: expected 8 bytes, found 4");
}

TEST(OnnxRefusals, GraphsInsideNodes) {
    const auto inside = [](const std::string& graph) { return attribute("a", 5, field(6, graph)); };
    const std::string n = "node 'n' (Relu)";
    EXPECT_EQ(of_node(inside(node("Exp", {"x"}, {"e"}) + output("e"))), "");
    EXPECT_EQ(of_node(inside(node("Exp", {"x"}, {"e"}))), n + ": attribute 'a': expected a graph with an output");
    EXPECT_EQ(
        of_node(inside(node("Exp", {"q"}, {"e"}) + output("e"))),
        n + ": attribute 'a': node 'Exp_0' (Exp): input 'q': expected an initialiser, an input of the graph or an "
            "output of a node, found none of this name");
    EXPECT_EQ(of_node(inside(node("Exp", {"x"}, {"y"}) + output("y"))),
              n + ": a graph inside it makes 'y', expected a name that no graph around it has");
    EXPECT_EQ(of_node(inside(node("Exp", {"x"}, {"e"}) + input("x") + output("e"))),
              n + ": a graph inside it makes 'x', expected a name that no graph around it has");
    std::string graph = node("Exp", {"x"}, {"e"}) + output("e");
    for (int depth = 1; depth < 16; ++depth) {
        const std::string name(static_cast<std::size_t>(depth) + 1, 'e');
        graph = node("If", {"x"}, {name}, inside(graph)) + output(name);
    }
    const std::string message = refusal(model(relu + node("If", {"x"}, {"z"}, inside(graph)) + ends));
    EXPECT_TRUE(message.ends_with("attribute 'a': expected at most 16 graphs inside one another")) << message;
    EXPECT_EQ(refusal(model(graph + node("Relu", {std::string(16, 'e')}, {"y"}) + ends)), "");  // sixteen
}

TEST(OnnxRefusals, TypesOfTensors) {
    const std::string expected =
        "initialiser 'w': expected float, double, float16, bfloat16, int64, int32, int16, "
        "int8, uint8 or bool, found ";
    const std::pair<int, const char*> types[] = {
        {0, "no type"},     {4, "uint16"},        {8, "string"}, {12, "uint32"},  {13, "uint64"}, {14, "complex64"},
        {15, "complex128"}, {17, "float8e4m3fn"}, {22, "int4"},  {99, "type 99"}, {-1, "type -1"}};
    for (const auto& [type, name] : types)
        EXPECT_EQ(of_tensor(tensor("w", {0}, type, "")), expected + name);
    EXPECT_EQ(
        of_graph(input("z") + field(11, value("v", {1}, 8))),
        "input 'v': expected float, double, float16, bfloat16, int64, int32, int16, int8, uint8 or bool, found string");
}

TEST(OnnxRefusals, ShapesOfTensors) {
    const std::string w = "initialiser 'w': ";
    EXPECT_EQ(of_tensor(tensor("w", {-1}, {1})), w + "shape -1: a negative extent");
    EXPECT_EQ(of_tensor(tensor("w", {1 << 20, 1 << 21}, {})), w + "shape 1048576x2097152: more than 2^40 elements");
    EXPECT_EQ(of_tensor(tensor("w", {std::int64_t{1} << 62, 4, 0}, {})),  // their product is 0 in 64 bits
              w + "shape 4611686018427387904x4x0: more than 2^40 elements");
    EXPECT_EQ(of_tensor(tensor("w", std::vector<std::int64_t>(33, 1), {1})),
              w + "expected at most 32 dimensions, found 33");
    EXPECT_EQ(of_tensor(tensor("w", std::vector<std::int64_t>(32, 1), {1})), "");
    EXPECT_EQ(of_tensor(tensor("w", {2, 3}, {1, 2})), w + "dims 2x3: expected 24 bytes, found 8");
    EXPECT_EQ(of_tensor(tensor("w", {1 << 20, 1 << 20}, {1})),
              w + "dims 1048576x1048576: expected 4398046511104 bytes, found 4");
    EXPECT_EQ(of_tensor(tensor("w", {}, {1, 2})), w + "dims scalar: expected 4 bytes, found 8");
    EXPECT_EQ(of_tensor(tensor("w", {0}, {1})), w + "dims 0: expected 0 bytes, found 4");
    EXPECT_EQ(of_tensor(tensor("w", {3}, int64, field(int64_data, packed({1, 2})))),
              w + "dims 3: expected 3 values, found 2");
    EXPECT_EQ(of_tensor(tensor("w", {0}, int64, field(int64_data, packed({1})))),
              w + "dims 0: expected 0 values, found 1");
    EXPECT_EQ(of_graph(field(11, value("v", std::vector<std::int64_t>(33, 1)))),
              "input 'v': expected at most 32 dimensions, found 33");
    EXPECT_EQ(of_graph(field(11, value("v", {1, -2}))), "input 'v': expected extents from 0, found -2");
}

TEST(OnnxRefusals, ValuesOfTensors) {
    const std::string w = "initialiser 'w': ";
    const auto listed = [](int type, std::int64_t value) {
        return of_tensor(tensor("w", {2}, type, field(int32_data, packed({0, value}))));
    };
    const std::pair<int, std::int64_t> fitting[] = {{uint8, 255}, {int8, -128},     {int16, -32768},  {boolean, 1},
                                                    {int32, -1},  {float16, 65535}, {bfloat16, 65535}};
    for (const auto& [type, value] : fitting)
        EXPECT_EQ(listed(type, value), "") << type;
    EXPECT_EQ(listed(uint8, 256), w + "value 1: expected 8 bits, found 256");
    EXPECT_EQ(listed(uint8, -1), w + "value 1: expected 8 bits, found -1");
    EXPECT_EQ(listed(int8, 128), w + "value 1: expected 8 bits, found 128");
    EXPECT_EQ(listed(int16, 32768), w + "value 1: expected 16 bits, found 32768");
    EXPECT_EQ(listed(float16, -1), w + "value 1: expected 16 bits, found -1");
    EXPECT_EQ(listed(bfloat16, 65536), w + "value 1: expected 16 bits, found 65536");
    EXPECT_EQ(listed(boolean, 2), w + "expected truths as 0 or 1, found another number");
    EXPECT_EQ(of_tensor(tensor("w", {1}, boolean, field(raw_data, "\x02"))),
              w + "expected truths as 0 or 1, found another number");
    EXPECT_EQ(of_tensor(tensor("w", {1}, float32, field(int32_data, packed({1})))),
              w + "expected values in the field of float, found some in another");
    EXPECT_EQ(of_tensor(tensor("w", {1}, float32, field(float_data, raw<float>({1})) + field(string_data, "a"))),
              w + "expected values in the field of float, found some in another");
    EXPECT_EQ(of_tensor(tensor("w", {1}, int64, field(uint64_data, packed({1})))),
              w + "expected values in the field of int64, found some in another");
    EXPECT_EQ(
        of_tensor(tensor("w", {1}, float64, field(double_data, raw<double>({1})) + field(float_data, raw<float>({1})))),
        w + "expected values in the field of double, found some in another");
    const std::string both = w + "expected raw data, a list of values or external data, found more than one";
    EXPECT_EQ(of_tensor(tensor("w", {1}, {1}) + field(float_data, raw<float>({1}))), both);
    EXPECT_EQ(of_tensor(tensor("w", {1}, {1}) + field(14, 1)), both);
    EXPECT_EQ(of_tensor(tensor("w", {1}, float32, field(float_data, raw<float>({1})) + field(14, 1))), both);
    EXPECT_EQ(of_tensor(tensor("w", {1}, {1}) + field(3, "")), w + "expected a whole tensor, found a segment");
}

TEST(OnnxRefusals, Files) {
    const test::Scratch scratch("onnx_files");
    const auto error = [&](const std::string& name) {
        const std::string message = test::input_error([&] { (void)read_onnx(scratch / name); });
        EXPECT_EQ(test::input_error([&] { (void)read_onnx_tensor(scratch / name); }), message);
        EXPECT_TRUE(message.starts_with((scratch / name).string() + ": ")) << message;
        return message.substr((scratch / name).string().size() + 2);
    };
    EXPECT_EQ(error("absent"), "cannot be read: No such file or directory");
    std::filesystem::create_directory(scratch / "folder");
    EXPECT_EQ(error("folder"), "expected a regular file");
    ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(error("pipe"), "expected a regular file");
    test::put(scratch / "large", "");
    std::filesystem::resize_file(scratch / "large", std::uintmax_t{1} << 31);  // a hole
    EXPECT_EQ(error("large"), "expected at most 2147483647 bytes, and external data beyond");
    const std::size_t size = std::size_t{1} << 31;
    void* const nothing = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(nothing, MAP_FAILED);
    EXPECT_EQ(test::input_error([&] {
                  (void)parse_onnx({static_cast<char*>(nothing), size}, "a", ".");
              }),
              "a: expected at most 2147483647 bytes, and external data beyond");
    ::munmap(nothing, size);
    test::put(scratch / "a.pb", "\x89PNG");
    EXPECT_EQ(test::input_error([&] { (void)read_onnx_tensor(scratch / "a.pb"); }),
              (scratch / "a.pb").string() + ": expected an ONNX tensor, found bytes that are none");
    test::put(scratch / "a.pb", tensor("w", {2}, {1}));
    EXPECT_EQ(test::input_error([&] { (void)read_onnx_tensor(scratch / "a.pb"); }),
              (scratch / "a.pb").string() + ": dims 2: expected 8 bytes, found 4");
}

class OnnxExternalData : public testing::Test {
protected:
    OnnxExternalData() {
        std::filesystem::create_directories(scratch_ / "model/deeper");
        for (const char* name : {"model/w.bin", "model/deeper/w.bin", "outside.bin"})
            test::put(scratch_ / name, raw<float>({1, 2, 3, 4}));
    }
    // An initialiser of `count` numbers, and the tensor of one.
    static std::string external(const std::string& location, const std::string& offset, const std::string& length,
                                std::int64_t count = 2, const std::string& name = "w") {
        return initialiser(outside(location, offset, length, count, name));
    }
    static std::string outside(const std::string& location, const std::string& offset, const std::string& length,
                               std::int64_t count, const std::string& name) {
        std::string more = field(14, 1);
        const std::pair<const char*, std::string> entries[] = {
            {"location", location}, {"offset", offset}, {"length", length}, {"checksum", "not looked at"}};
        for (const auto& [key, text] : entries)
            if (!text.empty())
                more += field(13, field(1, key) + field(2, text));
        return tensor(name, {count}, float32, more);
    }
    std::string error(const std::string& location, const std::string& offset = "4", const std::string& length = "8") {
        const std::string message = refusal(model(good + external(location, offset, length)), scratch_ / "model");
        EXPECT_TRUE(message.empty() || message.starts_with("initialiser 'w': ")) << message;
        return message.substr(std::min<std::size_t>(17, message.size()));
    }
    test::Scratch scratch_{"onnx_external"};
};

TEST_F(OnnxExternalData, LiesInsideTheFolder) {
    const auto beyond = [](const std::string& name) {
        return "external data '" + name + "': expected a file inside the folder of the model";
    };
    std::filesystem::create_symlink(scratch_ / "outside.bin", scratch_ / "model/link");
    std::filesystem::create_symlink(scratch_.path(), scratch_ / "model/up");
    std::filesystem::create_symlink("w.bin", scratch_ / "model/inside");
    std::filesystem::create_symlink("round", scratch_ / "model/round");
    for (const std::string name : {"../outside.bin", "deeper/../w.bin", "link", "up/outside.bin", "round", ""})
        EXPECT_EQ(error(name), beyond(name)) << name;
    const std::string absolute = (scratch_ / "model/w.bin").string();
    EXPECT_EQ(error(absolute), beyond(absolute));
    EXPECT_EQ(error(std::string("w.bin\0", 6)), beyond("w.bin?"));
    for (const std::string name : {"w.bin", "./w.bin", "deeper/w.bin", "inside", "up/model/w.bin"})
        EXPECT_EQ(error(name), "") << name;
    EXPECT_EQ(error("deeper"), "external data 'deeper': expected a regular file");
    EXPECT_EQ(error("none.bin"), "external data 'none.bin': cannot be read: No such file or directory");
    ASSERT_EQ(::mkfifo((scratch_ / "model/pipe").c_str(), 0600), 0);
    EXPECT_EQ(error("pipe"), "external data 'pipe': expected a regular file");
}

TEST_F(OnnxExternalData, IsAsLongAsItsFile) {
    EXPECT_EQ(error("w.bin", "8", "8"), "");
    EXPECT_EQ(error("w.bin", "8", ""), "");  // to the end
    const std::string beyond = "external data 'w.bin': expected an offset and a length inside its 16 bytes";
    EXPECT_EQ(error("w.bin", "12", "8"), beyond);
    EXPECT_EQ(error("w.bin", "17", ""), beyond);
    EXPECT_EQ(error("w.bin", "9223372036854775807", "9223372036854775807"), beyond);
    EXPECT_EQ(error("w.bin", "16", ""), "external data 'w.bin': expected 8 bytes, found 0");
    EXPECT_EQ(error("w.bin", "0", "4"), "external data 'w.bin': expected 8 bytes, found 4");
    EXPECT_EQ(error("w.bin", "", ""), "external data 'w.bin': expected 8 bytes, found 16");
    EXPECT_EQ(error("w.bin", "-1", "8"), "offset of external data: expected a whole number, found '-1'");
    EXPECT_EQ(error("w.bin", "0", "9223372036854775808"),
              "length of external data: expected a whole number, found '9223372036854775808'");
    // few bytes, named by many
    std::string many;
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(refusal(model(good + many), scratch_ / "model"), "") << i;
        many += external("w.bin", "", "", 4, std::string(static_cast<std::size_t>(i) + 1, 'w'));
    }
    EXPECT_EQ(refusal(model(good + many), scratch_ / "model"),
              "initialiser 'wwwwwwwww': external data 'w.bin': expected tensors that take each byte at most 8 times");
}

TEST_F(OnnxExternalData, LiesBesideTheFileThatIsRead) {
    test::put(scratch_ / "model/a.onnx", model(good + external("w.bin", "4", "8")));
    const OnnxModel read = read_onnx(scratch_ / "model/a.onnx");
    EXPECT_EQ(read.graph.constants.at("w"), descrambler::tensor(Shape{2}, std::vector<float>{2, 3}));
    test::put(scratch_ / "model/a.pb", outside("deeper/w.bin", "8", "8", 2, "w"));
    EXPECT_EQ(read_onnx_tensor(scratch_ / "model/a.pb"), descrambler::tensor(Shape{2}, std::vector<float>{3, 4}));
}

}  // namespace
}  // namespace descrambler
