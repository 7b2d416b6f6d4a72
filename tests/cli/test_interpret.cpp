// `interpret` as a user runs it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

// y = W2 relu(W1 x + b), by hand: x = (1, 2), W1 = [1 1; 1 -1], b = (0, .5), W2 = [2 3].
class InterpretTest : public CliTest {
protected:
    std::string net = folder / "net.onnx", x = folder / "x.npy", out = folder / "r.h5";

    void SetUp() override {
        using namespace onnx;
        const std::string graph =
            node("Gemm", {"x", "W1", "b"}, {"h"}, attribute("transB", 2, field(3, std::int64_t{1}))) +
            node("Relu", {"h"}, {"a"}) +
            node("Gemm", {"a", "W2"}, {"y"}, attribute("transB", 2, field(3, std::int64_t{1}))) +
            initialiser(tensor("W1", {2, 2}, {1, 1, 1, -1})) + initialiser(tensor("b", {2}, {.25f, .5f})) +
            initialiser(tensor("W2", {1, 2}, {2, 3})) + input("x", {1, 2}) + output("y", {1, 1});
        write_file(net, model(graph));
        Matrix<double> one(1, 2);
        one(0, 0) = 1;
        one(0, 1) = 2;
        write_npy(x, one);
    }
};

// y = 1e30 (1e30 x) 1e-60: fine in double precision, beyond single precision on the way.
TEST_F(InterpretTest, WhatSinglePrecisionCannotHoldIsRefused) {
    using namespace onnx;
    const std::string graph = node("Mul", {"x", "k"}, {"a"}) + node("Mul", {"a", "k"}, {"b"}) +
                              node("Mul", {"b", "l"}, {"c"}) + node("Mul", {"c", "l"}, {"y"}) +
                              initialiser(tensor("k", {1}, {1e30F})) + initialiser(tensor("l", {1}, {1e-30F})) +
                              input("x", {1, 2}) + output("y", {1, 2});
    write_file(net, model(graph));
    EXPECT_EQ(run({"interpret", net, "--input", x}).code, 0);
    for (const bool beside : {false, true}) {
        std::vector<std::string> asked{"interpret", net, "--input", x, "--precision", "f32"};
        if (beside)
            asked.push_back("--two-batch");
        const Outcome outcome = run(asked);
        EXPECT_EQ(outcome.code, 2);
        EXPECT_NE(outcome.err.find("not finite in f32, expected --precision f64"), std::string::npos) << outcome.err;
    }
}

TEST_F(InterpretTest, FilesThatAreReadStay) {
    write_file(folder / "z.npy", "");
    const auto refused = [&](const std::vector<std::string>& more, const std::string& words) {
        std::vector<std::string> asked{"interpret", net, "--input", x, "--force"};
        asked.insert(asked.end(), more.begin(), more.end());
        const Outcome outcome = run(asked);
        EXPECT_EQ(outcome.code, 2);
        EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
    };
    const std::string z = folder / "z.npy", pictures = folder / "p", here = folder.path();
    std::filesystem::create_directory(pictures);
    refused({"--set", "z=" + z, "--out", z}, "expected another file than the input");
    refused({"--pictures", here}, "expected another folder than that of");
    refused({"--pictures", pictures, "--out", pictures + "/x0.png"}, "expected another folder than that of");
    refused({"--rows", ""}, "--rows: expected a value, found nothing");
    refused({"--svd", "0"}, "--svd 0: expected 1 or more");
    refused({"--random-weights", "-1"}, "--random-weights");
    refused({"--assume-opset", "12"}, "opset 17 is read as it is");
    refused({"--shape", "x=1x2x"}, "expected whole numbers with 'x' between them");
}

// Weights beside the network are files that are read, also where --force would let something be replaced.
TEST_F(InterpretTest, ExternalWeightsStay) {
    using namespace onnx;
    const std::string weights = raw<float>({2, 3}), beside = folder / "w.bin";
    write_file(beside, weights);
    const std::string outside = field(14, 1) + field(13, field(1, "location") + field(2, "w.bin"));
    write_file(net, model(node("MatMul", {"x", "W"}, {"y"}) + initialiser(tensor("W", {2, 1}, float32, outside)) +
                          input("x", {1, 2}) + output("y", {1, 1})));
    ASSERT_EQ(run({"interpret", net, "--input", x}).code, 0);
    const Outcome outcome = run({"interpret", net, "--input", x, "--out", beside, "--force"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find("expected another file than the input"), std::string::npos) << outcome.err;
    EXPECT_EQ(read_file(beside), weights);
}

TEST_F(InterpretTest, WhatIsNotFiniteIsToldWithTheFile) {
    using namespace onnx;
    write_file(net, model(node("Log", {"x"}, {"y"}) + input("x", {1, 2}) + output("y", {1, 2})));
    write_npy(x, Matrix<double>(1, 2));
    const Outcome outcome = run({"interpret", net, "--input", x});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find(net + ": node \"Log_0\" (Log): its value at this input is not finite"),
              std::string::npos)
        << outcome.err;
}

// The same bits as with a record, and nothing that needs one.
TEST_F(InterpretTest, TwoBatches) {
    const std::vector<std::string> asked{"interpret", net,       "--input", x,       "--columns", "1,0",   "--mean",
                                         "1",         "--scale", "2",       "--out", out,         "--json"};
    for (const std::string origin : {"input", "raw"}) {
        std::vector<std::string> recorded = asked;
        recorded.insert(recorded.end(), {"--origin", origin, "--force"});
        std::vector<std::string> beside = recorded;
        beside.push_back("--two-batch");
        const Outcome first = run(recorded);
        ASSERT_EQ(first.code, 0) << first.err;
        const std::vector<double> columns = Hdf5File::open(out).root().read<double>("columns").values,
                                  r = Hdf5File::open(out).root().read_vector<double>("residual");
        const Outcome second = run(beside);
        ASSERT_EQ(second.code, 0) << second.err;
        EXPECT_EQ(Hdf5File::open(out).root().read<double>("columns").values, columns);
        EXPECT_EQ(Hdf5File::open(out).root().read_vector<double>("residual"), r);
        Json a = Json::parse(first.out), b = Json::parse(second.out);
        EXPECT_GT(b["two_batch_bytes"], 0);
        EXPECT_EQ(b["recorded_bytes"], 0);
        for (const char* other : {"recorded_bytes", "two_batch_bytes"})
            a.erase(other), b.erase(other);
        EXPECT_EQ(a, b);
    }
    for (const auto& [option, value] : {std::pair{"--rows", "0"}, {"--contributions", "0"}, {"--svd", "1"}}) {
        const Outcome refused = run({"interpret", net, "--input", x, "--two-batch", option, value});
        EXPECT_EQ(refused.code, 2);
        EXPECT_NE(refused.err.find("--two-batch: expected no --rows"), std::string::npos) << refused.err;
    }
}

// y = 6.5 at (1, 2) with F = (2, 2), r = .5; at (3, -1): h = (2.25, 4.5), F = (5, -1), y = 18, r = 2.
TEST_F(InterpretTest, ManyInputs) {
    Matrix<double> other(1, 2);
    other(0, 0) = 3;
    other(0, 1) = -1;
    write_npy(folder / "other.npy", other);
    const std::string list = folder / "list.txt";
    write_file(list, "# inputs\nx.npy\n\n  other.npy\n");
    const std::vector<std::string> asked{"interpret", net,     "--input", "@" + list, "--contributions",
                                         "top",       "--out", out,       "--json"};
    const Outcome outcome = run(asked);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json json = Json::parse(outcome.out);
    EXPECT_EQ(json["files"].size(), 2);
    EXPECT_DOUBLE_EQ(json["files"][0]["residual_over_output"], .5 / 6.5);
    EXPECT_DOUBLE_EQ(json["mean"]["residual_over_output"], (.5 / 6.5 + 2. / 18) / 2);
    EXPECT_DOUBLE_EQ(json["deviation"]["residual_over_output"], (2. / 18 - .5 / 6.5) / std::sqrt(2));
    EXPECT_EQ(json["contributions"][0]["name"], "input");
    EXPECT_DOUBLE_EQ(json["contributions"][0]["mean"], (6 / 6.5 + 16. / 18) / 2);
    const Hdf5File file = Hdf5File::open(out);
    EXPECT_EQ(file.root().read_vector<double>("y"), (std::vector<double>{6.5, 18}));
    EXPECT_EQ(file.root().read<double>("contributions").values.size(), 4);
    // one that cannot be asked is named, and the others are done
    write_file(list, "x.npy\nmissing.npy\nother.npy\n");
    std::vector<std::string> again = asked;
    again.push_back("--force");
    const Outcome partly = run(again);
    EXPECT_EQ(partly.code, 1);
    EXPECT_NE(partly.err.find("missing.npy: cannot be read"), std::string::npos) << partly.err;
    EXPECT_NE(partly.err.find("1 of 3 inputs failed"), std::string::npos) << partly.err;
    EXPECT_EQ(Json::parse(partly.out)["files"].size(), 2);
    EXPECT_EQ(Json::parse(partly.out)["failed"].size(), 1);
    const auto refused = [&](const std::vector<std::string>& more, const std::string& words) {
        std::vector<std::string> one{"interpret", net, "--input", "@" + list};
        one.insert(one.end(), more.begin(), more.end());
        const Outcome found = run(one);
        EXPECT_EQ(found.code, 2) << words;
        EXPECT_NE(found.err.find(words), std::string::npos) << found.err;
    };
    refused({"--rows", "0"}, "--rows: expected one input, not a list");
    write_file(list, "missing.npy\n");
    refused({}, "none of 1 inputs could be asked");
    write_file(list, "\n# nothing\n");
    refused({}, "no file, expected a file of an input on each line");
    // the largest output by name
    const Json top = Json::parse(run({"interpret", net, "--input", x, "--contributions", "top", "--json"}).out);
    EXPECT_EQ(top["contributions"][0]["output"], 0);
}

TEST_F(InterpretTest, RowsColumnsPartsAndSingularValuesByHand) {
    const Outcome outcome = run({"interpret", net, "--input", x, "--rows", "0", "--columns", "0,1", "--contributions",
                                 "0", "--svd", "1", "--out", out, "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json json = Json::parse(outcome.out);
    // the second unit is off: y = 2 (x1 + x2 + .25)
    EXPECT_DOUBLE_EQ(json["norm_y"], 6.5);
    EXPECT_DOUBLE_EQ(json["norm_r"], .5);
    EXPECT_EQ(json["conservation_error"], 0);
    EXPECT_NEAR(json["sigma"][0], std::sqrt(8), 1e-12);
    const Json& parts = json["contributions"][0]["parts"];
    EXPECT_EQ(parts[0]["name"], "input");
    EXPECT_EQ(parts[0]["value"], 6);
    EXPECT_EQ(parts[1]["name"], "Gemm_0");
    EXPECT_EQ(parts[1]["value"], .5);
    EXPECT_EQ(parts[1]["field"], (Json{{{"size", 2}, {"stride", 0}, {"offset", 0}, {"whole", true}}}));
    EXPECT_FALSE(json.contains("origins"));  // no --mean and no --scale
    const Hdf5File file = Hdf5File::open(out);
    const Hdf5Group& root = file.root();
    EXPECT_EQ(root.read_vector<double>("output"), std::vector<double>{6.5});
    EXPECT_EQ(root.read_vector<double>("residual"), std::vector<double>{.5});
    EXPECT_EQ(root.read<double>("rows").values, (std::vector<double>{2, 2}));
    EXPECT_EQ(root.shape("columns"), (std::vector<Index>{2, 1}));
    EXPECT_EQ(root.read_text("contribution_names"), (std::vector<std::string>{"input", "Gemm_0"}));
    EXPECT_EQ(root.text_attribute("", "freeze"), "frozen");
}

TEST_F(InterpretTest, ExplainNeedsNoInput) {
    const Outcome outcome = run({"interpret", net, "--explain"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    for (const char* const word : {"Gemm_0", "Relu_1", "Product", "Pointwise", "input x: 1x2", "output: 1x1", "switch",
                                   "whole", "recorded in f64: 1 bytes, of them 1 of switches", "takes 14 flops"})
        EXPECT_NE(outcome.out.find(word), std::string::npos) << word << "\n" << outcome.out;
    const Json json = Json::parse(run({"interpret", net, "--explain", "--json"}).out);
    EXPECT_EQ(json["nodes"].size(), 3U);
    EXPECT_EQ(json["nodes"][1]["frozen_as"], "switch");
    EXPECT_EQ(json["mask_bytes"], 1);
    const Outcome both = run({"interpret", net, "--explain", "--json", "--input", x});
    EXPECT_EQ(Json::parse(both.out)["graph"]["nodes"], json["nodes"]) << both.err;
}

TEST_F(InterpretTest, ResidualIsToldAndWritten) {
    const Outcome outcome = run({"interpret", net, "--input", x, "--residual", "--out", out});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("residual r: norm 0.5, from 0.5 to 0.5, mean 0.5"), std::string::npos) << outcome.out;
    EXPECT_EQ(Hdf5File::open(out).root().read_vector<double>("residual"), std::vector<double>{.5});
    const Json json = Json::parse(run({"interpret", net, "--input", x, "--residual", "--json"}).out);
    EXPECT_EQ(json["residual"]["mean"], .5);
}

// The numbers of a file of numbers are raw too: x0 = (raw - mean) / scale.
TEST_F(InterpretTest, NumbersMayBeShiftedAndScaled) {
    const Outcome outcome = run({"interpret", net, "--input", x, "--mean", "-1", "--scale", "2", "--out", out});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(Hdf5File::open(out).root().read_vector<double>("input"), (std::vector<double>{1, 1.5}));
    EXPECT_NE(outcome.out.find("origin input (used): "), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("origin raw: "), std::string::npos) << outcome.out;
}

TEST_F(InterpretTest, BadInputIsOneLine) {
    const auto bad = [&](std::vector<std::string> more, const std::string& about) {
        more.insert(more.begin(), {"interpret", net});
        const Outcome outcome = run(more);
        EXPECT_EQ(outcome.code, 2) << about;
        EXPECT_NE(outcome.err.find(about), std::string::npos) << outcome.err;
        EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    };
    bad({}, "--input: expected a file");
    bad({"--input", x, "--rows", "1"}, "--rows 1: 1 is out of range, expected 0 to 0");
    bad({"--input", x, "--rows", "0,,1"}, "--rows 0,,1: expected whole numbers");
    bad({"--input", x, "--svd", "2"}, "--svd 2: expected 1 to 1");
    bad({"--input", x, "--freeze", "cold"}, "--freeze: expected frozen or taylor");
    bad({"--input", x, "--set", "x"}, "--set x: expected NAME=VALUE");
    bad({"--input", x, "--output-name", "z"}, "--output-name z: no value of this name");
    bad({"--input", folder / "missing.npy"}, "missing.npy: cannot be read");
    Matrix<double> three(3, 1);
    write_npy(folder / "three.npy", three);
    bad({"--input", folder / "three.npy"}, "three.npy: shape 3x1, expected 1x2");
    bad({"--input", x, "--mean", "1", "--scale", "1e-320"},
        "--scale 1e-320: --mean or the input over it is not finite");
    // a probe has 200000 numbers in and out, and an adjoint as many again: 6.4 MB
    write_file(net, onnx::model(onnx::node("Relu", {"x"}, {"y"}) + onnx::input("x", {1, 200000}) + onnx::output("y")));
    write_npy(folder / "long.npy", Matrix<double>(1, 200000));
    bad({"--input", folder / "long.npy", "--memory", "1"}, "--memory: 1 MiB are less than one probe takes, 7 MiB");
    bad({"--input", folder / "long.npy", "--memory", "6", "--two-batch"},  // the network beside the probe: as much
        "--memory: 6 MiB are less than one probe takes, 7 MiB");
}

}  // namespace
}  // namespace descrambler
