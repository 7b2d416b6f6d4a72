// `interpret --baselines` and `--deconvolution` as a user runs them.
#include <nlohmann/json.hpp>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/picture.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

class InterpretBaselinesTest : public CliTest {
protected:
    std::string net = folder / "net.onnx", x = folder / "x.npy", picture = folder / "x.png", out = folder / "r.h5";
    const std::vector<std::string> all{"deconvolution",
                                       "gradient",
                                       "gradient_x_input",
                                       "integrated_gradients",
                                       "integrated_gradients_mean",
                                       "lrp",
                                       "grad_cam",
                                       "lime",
                                       "rows",
                                       "discussion"};

    // y = [2 3] relu([1 1; 1 -1] x + (.25, .5)) at (1, 2): y = 6.5, F = (2, 2)
    void write_dense() {
        using namespace onnx;
        const std::string turned = attribute("transB", 2, field(3, std::int64_t{1}));
        write_file(net,
                   model(node("Gemm", {"x", "W1", "b"}, {"h"}, turned) + node("Relu", {"h"}, {"a"}) +
                         node("Gemm", {"a", "W2"}, {"y"}, turned) + initialiser(tensor("W1", {2, 2}, {1, 1, 1, -1})) +
                         initialiser(tensor("b", {2}, {.25F, .5F})) + initialiser(tensor("W2", {1, 2}, {2, 3})) +
                         input("x", {1, 2}) + output("y", {1, 1})));
        Matrix<double> one(1, 2);
        one(0, 0) = 1;
        one(0, 1) = 2;
        write_npy(x, one);
    }
    // Pictures of 10 x 12 pixels: a convolution of two channels, the mean of what is above 0, two outputs.
    void write_image() {
        using namespace onnx;
        const std::string turned = attribute("transB", 2, field(3, std::int64_t{1}));
        write_file(net,
                   model(node("Conv", {"x", "w", "b"}, {"c"}) + node("Relu", {"c"}, {"r"}) +
                         node("GlobalAveragePool", {"r"}, {"p"}) + node("Flatten", {"p"}, {"f"}) +
                         node("Gemm", {"f", "v"}, {"y"}, turned) +
                         initialiser(tensor("w", {2, 3, 1, 1}, {1, 1, 1, -1, 2, -1})) +
                         initialiser(tensor("b", {2}, {-300, 20})) + initialiser(tensor("v", {2, 2}, {1, -1, 1, 2})) +
                         input("x", {1, 3, 10, 12}) + output("y", {1, 2})));
        Picture drawn{10, 12, 3, {}};
        for (int i = 0; i < 360; ++i)
            drawn.values.push_back(i % 36 < 18 ? 40 + i % 3 : 200 + i % 7);
        write_png(picture, drawn);
    }
    [[nodiscard]] std::vector<std::string> asked(const std::vector<std::string>& more, bool dense) const {
        std::vector<std::string> words{"interpret", net, "--input", dense ? x : picture};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    [[nodiscard]] static std::vector<std::string> names(const Json& baselines) {
        std::vector<std::string> result;
        for (const Json& one : baselines["methods"])
            result.push_back(one["method"]);
        return result;
    }
};

TEST_F(InterpretBaselinesTest, AllMethodsOfAPicture) {
    write_image();
    const Outcome outcome =
        run(asked({"--baselines", "1", "--out", out, "--json", "--pictures", folder / "p", "--seed", "3"}, false));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json json = Json::parse(outcome.out)["baselines"];
    EXPECT_EQ(json["output"], 1);
    EXPECT_EQ(names(json), all);
    EXPECT_EQ(json["left_out"], Json::array());
    EXPECT_EQ(json["lime_segments"], 2);
    EXPECT_EQ(json["deletion_share"].size(), 11U);
    for (const Json& one : json["methods"]) {
        // kernels of one pixel bring the same back everywhere
        EXPECT_EQ(one["spearman"][one["method"].get<std::string>()], one["method"] == "deconvolution" ? 0. : 1.) << one;
        EXPECT_EQ(one["deletion"][0], json["y"]);
        EXPECT_TRUE(std::filesystem::exists(
            folder / "p" / std::string("baseline_").append(one["method"].get<std::string>()).append(".png")));
    }
    EXPECT_LE(json["methods"][9]["conservation_error"].get<double>(), 1e-12);  // the discussion
    EXPECT_EQ(json["methods"][8]["spearman"]["gradient_x_input"], 1);          // piecewise linear
    const Hdf5File file = Hdf5File::open(out);
    EXPECT_EQ(file.root().read<double>("baselines").shape, (std::vector<Index>{10, 360}));
    EXPECT_EQ(file.root().read<double>("baseline_agreement").shape, (std::vector<Index>{10, 10}));
    EXPECT_EQ(file.root().read<double>("baseline_deletion").shape, (std::vector<Index>{10, 11}));
    // the same twice and for any number of threads, LIME's draws and the random order included
    const std::vector<std::string> again{"--baselines", "top", "--json", "--seed", "3", "--threads", "1"};
    const Json first = Json::parse(run(asked(again, false)).out);
    EXPECT_EQ(first["baselines"]["methods"], json["methods"]);
    EXPECT_EQ(first["baselines"]["random_order"], json["random_order"]);
}

TEST_F(InterpretBaselinesTest, WithoutAConvolution) {
    write_dense();
    const Outcome outcome = run(asked({"--baselines", "top", "--json", "--precision", "f32"}, true));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json json = Json::parse(outcome.out)["baselines"];
    ASSERT_EQ(json["left_out"].size(), 1U);
    EXPECT_EQ(json["left_out"][0]["method"], "grad_cam");
    EXPECT_EQ(json["methods"].size(), all.size() - 1);
    const Outcome table = run(asked({"--baselines", "0", "--methods", "rows,lrp"}, true));
    ASSERT_EQ(table.code, 0) << table.err;
    EXPECT_NE(table.out.find("1 lrp"), std::string::npos) << table.out;  // in our order
    EXPECT_NE(table.out.find("2 rows"), std::string::npos) << table.out;
    EXPECT_EQ(table.out.find("discussion"), std::string::npos) << table.out;
    expect_refusal(asked({"--baselines", "0", "--methods", "grad_cam"}, true), "net.onnx: no convolution");
}

TEST_F(InterpretBaselinesTest, Deconvolution) {
    write_dense();
    const Outcome outcome = run(asked({"--deconvolution", "0", "--out", out, "--json"}, true));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    // (2 3) comes back as 2 (1 1) + 3 (1 -1), the second unit is off at x0
    EXPECT_EQ(Hdf5File::open(out).root().read<double>("deconvolutions").values, (std::vector<double>{5, -1}));
    EXPECT_NEAR(Json::parse(outcome.out)["deconvolutions"][0]["cosine_with_row"].get<double>(), 8 / std::sqrt(26 * 8.),
                1e-15);
    EXPECT_NE(run(asked({"--deconvolution", "top"}, true)).out.find("deconvolution of output 0: cosine 0.5547"),
              std::string::npos);
}

TEST_F(InterpretBaselinesTest, MeansOverAList) {
    write_image();
    write("list.txt", "x.png\nx.png\n");
    const Outcome outcome = run({"interpret", net, "--input", std::string("@").append((folder / "list.txt").string()),
                                 "--baselines", "0", "--methods", "gradient,discussion", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json json = Json::parse(outcome.out);
    EXPECT_EQ(json["deviation"]["deletion_area_gradient"], 0);
    EXPECT_LE(json["mean"]["conservation_error_discussion"].get<double>(), 1e-12);
    EXPECT_TRUE(json["mean"].contains("deletion_area_random"));
}

TEST_F(InterpretBaselinesTest, WhatCannotBeAsked) {
    write_dense();
    const auto refused = [&](const std::vector<std::string>& more, const std::string& words) {
        expect_refusal(asked(more, true), words);
    };
    refused({"--baselines", "1"}, "--baselines 1: 1 is out of range, expected 0 to 0");
    refused({"--baselines", "0,0"}, "--baselines 0,0: expected one output, or top");
    refused({"--baselines", ""}, "--baselines: expected a value, found nothing");
    refused(
        {"--baselines", "0", "--methods", "rows,mine"},
        "--methods: expected some of deconvolution,gradient,gradient_x_input,integrated_gradients,lrp,grad_cam,lime,"
        "rows,discussion, found \"mine\"");
    refused({"--methods", "rows"}, "--methods: expected --baselines");
    refused({"--baselines", "0", "--grad-cam-node", "none"}, "--grad-cam-node none: no node of this name");
    refused({"--baselines", "0", "--two-batch"}, "--two-batch: expected no");
    refused({"--deconvolution", "3"}, "--deconvolution 3: 3 is out of range");
    refused({"--deconvolution", "0", "--all", "rows", "--out", out}, "--all: expected no --deconvolution beside it");
}

}  // namespace
}  // namespace descrambler
