// `interpret --split` as a user runs it.
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

// y = W2 relu(W1 x + b) + s, s = 2 x1 goes past the first layer where `skip` is set. x = (1, 2), W1 = [3 0; 0 2; -1 -1],
// b = (.5, -1, 0): the third unit is off. W2 = [1 -2 5]: y = 3.5 - 2 * 3 = -2.5, of it 3 - 8 by the input.
class SplitTest : public CliTest {
protected:
    std::string net = folder / "net.onnx", x = folder / "x.npy", out = folder / "r.h5";

    void write_net(bool skip) {
        using namespace onnx;
        const std::string transposed = attribute("transB", 2, field(3, std::int64_t{1}));
        std::string graph = node("Gemm", {"x", "W1", "b"}, {"h"}, transposed) + node("Relu", {"h"}, {"a"}) +
                            node("Gemm", {"a", "W2"}, {skip ? "t" : "y"}, transposed);
        if (skip)
            graph += node("Gemm", {"x", "S"}, {"s"}, transposed) + node("Add", {"t", "s"}, {"y"}) +
                     initialiser(tensor("S", {1, 2}, {2, 0}));
        graph += initialiser(tensor("W1", {3, 2}, {3, 0, 0, 2, -1, -1})) + initialiser(tensor("b", {3}, {.5f, -1, 0})) +
                 initialiser(tensor("W2", {1, 3}, {1, -2, 5})) + input("x", {1, 2}) + output("y", {1, 1});
        write_file(net, model(graph));
    }
    void SetUp() override {
        write_net(false);
        Matrix<double> one(1, 2);
        one(0, 0) = 1;
        one(0, 1) = 2;
        write_npy(x, one);
    }
    Json answer(const std::vector<std::string>& more) {
        std::vector<std::string> asked{"interpret", net, "--input", x, "--json", "--force"};
        asked.insert(asked.end(), more.begin(), more.end());
        const Outcome outcome = run(asked);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome.code == 0 ? Json::parse(outcome.out) : Json();
    }
};

TEST_F(SplitTest, TermsByHand) {
    const Json json = answer({"--split", "a", "--split", "output", "--out", out});
    ASSERT_EQ(json["splits"].size(), 2U);
    const Json& at = json["splits"][0];  // R = diag(3, 2) and a row of zeros
    EXPECT_EQ(at["shape"], (Json{1, 3}));
    EXPECT_EQ(at["all_triplets"], true);
    EXPECT_NEAR(at["sigma"][0], 3, 1e-14);
    EXPECT_NEAR(at["sigma"][1], 2, 1e-14);
    EXPECT_EQ(at["sigma"].size(), 2U);
    EXPECT_NEAR(at["bias"], 2.5, 1e-14);  // .5 + 2
    EXPECT_EQ(at["terms"][0]["component"], 1);
    EXPECT_NEAR(at["terms"][0]["alpha"], -8, 1e-14);
    EXPECT_NEAR(at["terms"][0]["psi"], -2, 1e-14);
    EXPECT_NEAR(at["terms"][1]["alpha"], 3, 1e-14);
    EXPECT_EQ(at["reduced"]["rounds"], 1);
    EXPECT_EQ(at["reduced"]["terms"].size(), 1U);
    EXPECT_EQ(at["reduced"]["terms"][0]["component"], 1);
    EXPECT_NEAR(at["reduced"]["terms"][0]["value"], -5, 1e-14);
    EXPECT_EQ(at["reduced"]["effective_terms"], 1);
    for (const Json& split : json["splits"]) {
        EXPECT_LE(split["identity_error"], 1e-15);
        EXPECT_NEAR(split["y"], -2.5, 1e-14);
        EXPECT_NEAR(split["symbolic"]["value"], -2.5, 1e-14);
        EXPECT_NEAR(split["symbolic_reduced"]["value"], -2.5, 1e-14);
        EXPECT_NEAR(split["linear"], -5, 1e-14);
    }
    const Hdf5File file = Hdf5File::open(out);
    const Hdf5Group first = file.root().group("splits/0");
    EXPECT_EQ(first.text_attribute("", "node"), "Relu_1");
    EXPECT_EQ(first.shape("right"), (std::vector<Index>{2, 2}));
    EXPECT_EQ(first.shape("left"), (std::vector<Index>{2, 3}));
    EXPECT_EQ(first.read_vector<std::int64_t>("reduced_index"), std::vector<std::int64_t>{1});
    const std::vector<double> gradient = file.root().read_vector<double>("gradient_x_input");
    EXPECT_NEAR(gradient[0], 3, 1e-14);
    EXPECT_NEAR(gradient[1], -8, 1e-14);
    EXPECT_EQ(file.root().read_vector<double>("gradient_x_input_positive")[1], 0);
}

TEST_F(SplitTest, SinglePrecisionAndTangents) {
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{"--precision", "f32"}, {"--freeze", "taylor"}}) {
        std::vector<std::string> asked{"--split", "a", "--split", "h"};
        asked.insert(asked.end(), more.begin(), more.end());
        const Json json = answer(asked);
        for (const Json& split : json["splits"]) {
            EXPECT_LE(split["identity_error"], 1e-6);
            EXPECT_NEAR(split["linear"], -5, 1e-6);
        }
    }
}

// All units off: nothing but biases, and those of dead units are gone too.
TEST_F(SplitTest, ADeadFrontHasNoTerms) {
    Matrix<double> off(1, 2);
    off(0, 0) = -.2, off(0, 1) = .2;
    write_npy(x, off);
    for (const std::string full : {"4096", "0"}) {
        const Json split = answer({"--split", "a", "--split-full", full, "--out", out})["splits"][0];
        EXPECT_EQ(split["sigma"], Json::array());
        EXPECT_EQ(split["y"], 0);
        EXPECT_EQ(split["identity_error"], 0);
        EXPECT_EQ(split["reduced"]["terms"], Json::array());
        EXPECT_EQ(run({"interpret", net, "--input", x, "--split", "a", "--split-full", full}).code, 0);
    }
    expect_refusal({"interpret", net, "--input", x, "--split", "a", "--split-top", "1"},
                   "--split-top 1: the network in front of Relu_1 has rank 0");
}

// "A c0[p] - B c2[p] + C": evaluated from the text and the maps of the file.
TEST_F(SplitTest, TheWrittenFormulaEvaluatesToTheOutput) {
    (void)answer({"--split", "h", "--out", out});
    const Hdf5File file = Hdf5File::open(out);
    const Hdf5Group split = file.root().group("splits/0");
    const FileArray<double> maps = split.read<double>("reduced_maps");
    const std::vector<std::int64_t> index = split.read_vector<std::int64_t>("reduced_index");
    const auto pixels = static_cast<double>(maps.shape[1]);
    std::istringstream words(split.read_text("symbolic")[1]);
    double value = 0, sign = 1, number = 0;
    for (std::string word; words >> word;)
        if (word == "-" || word == "+") {
            value += sign * number * pixels;  // the number before stood alone
            sign = word == "-" ? -1 : 1;
            number = 0;
        } else if (word.starts_with("c")) {
            const auto k = std::ranges::find(index, std::stol(word.substr(1))) - index.begin();
            const auto row = maps.values.begin() + k * maps.shape[1];
            value += sign * number * std::accumulate(row, row + maps.shape[1], 0.0);
            number = 0;
        } else {
            number = std::stod(word);
        }
    EXPECT_NEAR(value + sign * number * pixels, -2.5, 1e-13);
}

TEST_F(SplitTest, PruningAndLeadingComponents) {
    const Json pruned = answer({"--split", "a", "--prune-threshold", "4"})["splits"][0];
    EXPECT_EQ(pruned["pruned"]["count"], 1);
    EXPECT_NEAR(pruned["pruned"]["sum"], 3, 1e-14);
    EXPECT_EQ(pruned["terms"][1]["component"], "rest");
    EXPECT_NEAR(pruned["terms"][1]["alpha"], 3, 1e-14);
    EXPECT_NEAR(pruned["symbolic"]["value"], -2.5, 1e-14);
    EXPECT_NEAR(pruned["symbolic_reduced"]["value"], -2.5, 1e-14);
    const Json half = answer({"--split", "a", "--prune-quantile", "0.5"})["splits"][0];
    EXPECT_NEAR(half["pruned"]["threshold"], 8, 1e-13);
    for (const std::string full : {"0", "4096"}) {  // by Lanczos, and the leading one of all
        const Json top = answer({"--split", "a", "--split-top", "1", "--split-full", full})["splits"][0];
        EXPECT_EQ(top["all_triplets"], full != "0");
        EXPECT_NEAR(top["sigma"][0], 3, 1e-10);
        EXPECT_EQ(top["terms"].size(), 2U);
        EXPECT_EQ(top["terms"][0]["component"], "rest");
        EXPECT_NEAR(top["terms"][0]["alpha"], -8, 1e-6);
        EXPECT_LE(top["identity_error"], 1e-14);
        EXPECT_EQ(top["reduced"]["terms"][0]["component"], 0);  // the rest is larger and takes no index
        EXPECT_EQ(top["reduced"]["terms"][0]["with_rest"], true);
        EXPECT_NEAR(top["symbolic_reduced"]["value"], -2.5, 1e-13);
    }
}

// Where the third unit is off the first vector is e_0; at (-9, -9) all but the third are: it is (1, 1) / sqrt(2).
TEST_F(SplitTest, SimilarityOverASet) {
    Matrix<double> set(3, 2);
    set(0, 0) = 1, set(0, 1) = 2;
    set(1, 0) = 3, set(1, 1) = 1;
    set(2, 0) = -9, set(2, 1) = -9;
    write_npy(folder / "set.npy", set);
    const Json split = answer({"--split", "a", "--split-set", folder / "set.npy", "--out", out})["splits"][0];
    EXPECT_NEAR(split["similarity"][0][1], 1, 1e-14);
    EXPECT_NEAR(split["similarity"][2][0], std::sqrt(.5), 1e-14);
    EXPECT_NEAR(split["second_over_first"][0], 2. / 3, 1e-14);
    EXPECT_EQ(split["second_over_first"][2], 0);
    EXPECT_EQ(Hdf5File::open(out).root().group("splits/0").shape("similarity"), (std::vector<Index>{3, 3}));
    write_npy(folder / "one.npy", Matrix<double>(1, 2));
    expect_refusal({"interpret", net, "--input", x, "--split", "a", "--split-set", folder / "one.npy"},
                   "one.npy: one input, expected two or more");
    write_npy(folder / "wide.npy", Matrix<double>(2, 3));
    expect_refusal({"interpret", net, "--input", x, "--split", "a", "--split-set", folder / "wide.npy"},
                   "wide.npy: shape 2x3, expected several inputs of 1x2");
    set(0, 0) = -.2, set(0, 1) = .2;  // all units off
    write_npy(folder / "off.npy", set);
    expect_refusal({"interpret", net, "--input", x, "--split", "a", "--split-set", folder / "off.npy"},
                   "off.npy: input 0 leaves nothing of the network in front of Relu_1");
}

TEST_F(SplitTest, BadInputIsOneLine) {
    const auto bad = [&](std::vector<std::string> more, const std::string& about) {
        more.insert(more.begin(), {"interpret", net, "--input", x});
        expect_refusal(more, about);
    };
    bad({"--split", "z"}, "--split z: no node of this name, expected one of Gemm_0, Relu_1, Gemm_2");
    bad({"--split", "x"}, "--split x: the input itself");
    bad({"--split", "a", "--split-output", "1"}, "--split-output 1: expected 0 to 0");
    bad({"--split", "a", "--split-top", "3"}, "--split-top 3: the network in front of Relu_1 has rank 2");
    bad({"--split", "a", "--split-top", "3", "--split-full", "0"}, "--split-top 3: the network in front of Relu_1");
    bad({"--split", "a", "--prune-quantile", "1"}, "--prune-quantile 1: expected 0 or more and less than 1");
    bad({"--split", "a", "--prune-quantile", ".5", "--prune-threshold", "1"}, "--prune-threshold: expected no");
    bad({"--split", "a", "--prune-threshold", "-1"}, "--prune-threshold");
    bad({"--split", "a", "--origin", "raw"}, "--split: expected --origin input");
    bad({"--split", "a", "--two-batch"}, "--split: expected no --two-batch");
    bad({"--split", ""}, "--split: expected a value");
    bad({"--split-top", "2"}, "--split-top: expected --split NODE beside it");
    write_net(true);
    bad({"--split", "a"}, "--split a: does not separate the input from the output, Gemm_3 > Add_4 goes past it");
    EXPECT_EQ(answer({"--split", "y"})["splits"][0]["sigma"].size(), 1U);
}

// Units: h = (3.5, 3, -3). Along (1, 0): the third falls further, none of the others turns; along (-1, -1) the third turns
// at 1.5, the second at 1.5 too, the first at 3.5 / 3.
TEST_F(SplitTest, KinkByHand) {
    Matrix<double> d(1, 2);
    d(0, 0) = 1;
    write_npy(folder / "d.npy", d);
    EXPECT_TRUE(answer({"--kink", folder / "d.npy"})["kink"].is_null());
    d(0, 0) = d(0, 1) = -1;
    write_npy(folder / "d.npy", d);
    const Json kink = answer({"--kink", folder / "d.npy", "--out", out})["kink"];
    EXPECT_NEAR(kink["distance"], 3.5 / 3, 1e-14);
    EXPECT_NEAR(kink["length"], 3.5 / 3 * std::sqrt(2), 1e-14);
    EXPECT_EQ(kink["node"], "Relu_1");
    EXPECT_EQ(kink["number"], 0);
    EXPECT_EQ(kink["changed_before"], Json::array());
    EXPECT_EQ(kink["changed_behind"], Json{"Relu_1"});
    EXPECT_NEAR(Hdf5File::open(out).root().number_attribute("", "kink_distance"), 3.5 / 3, 1e-14);
    const Outcome told = run({"interpret", net, "--input", x, "--kink", folder / "d.npy"});
    EXPECT_NE(told.out.find("in front of it 0 nodes decide otherwise than at x0, behind it 1"), std::string::npos)
        << told.out;
    EXPECT_TRUE(answer({"--kink", "x0"})["kink"].is_null());
    write_npy(folder / "d.npy", Matrix<double>(1, 2));
    expect_refusal({"interpret", net, "--input", x, "--kink", folder / "d.npy"},
                   "expected finite numbers that are not all 0");
    write_npy(folder / "d.npy", Matrix<double>(1, 3));
    expect_refusal({"interpret", net, "--input", x, "--kink", folder / "d.npy"}, "d.npy: shape 1x3, expected 1x2");
    expect_refusal({"interpret", net, "--input", x, "--kink", "x0", "--origin", "raw"},
                   "--kink: expected --origin input");
    using namespace onnx;
    write_file(net, model(node("Tanh", {"x"}, {"y"}) + input("x", {1, 2}) + output("y", {1, 2})));
    expect_refusal({"interpret", net, "--input", x, "--kink", "x0"},
                   net + ": node \"Tanh_0\" (Tanh): not piecewise linear");
}

// y = relu(x + 1) + 2 on an image of 2 x 2: the first bias adds 1 where the unit is on, at (0, 0), (0, 1) and (1, 0).
TEST_F(SplitTest, BiasImagesByHandAndPictures) {
    using namespace onnx;
    write_file(net, model(node("Add", {"x", "one"}, {"h"}) + node("Relu", {"h"}, {"a"}) +
                          node("Add", {"a", "two"}, {"y"}) + initialiser(tensor("one", {1}, {1})) +
                          initialiser(tensor("two", {1}, {2})) + input("x", {1, 1, 2, 2}) + output("y", {1, 1, 2, 2})));
    Matrix<double> image(2, 2);
    image(0, 0) = image(0, 1) = image(1, 0) = 1;
    image(1, 1) = -5;
    write_npy(x, image);
    const Json json = answer({"--bias-images", "--split", "h", "--out", out, "--pictures", folder / "pictures"});
    ASSERT_EQ(json["bias_images"].size(), 2U);
    EXPECT_EQ(json["bias_images"][0]["name"], "Add_0");
    EXPECT_NEAR(json["bias_images"][0]["norm"], std::sqrt(3), 1e-14);
    EXPECT_NEAR(json["bias_images"][0]["roughness"], 2. / 3, 1e-14);  // two differences of 1 over a sum of 3
    EXPECT_EQ(json["bias_images"][1]["roughness"], 0);
    EXPECT_NEAR(json["bias_sum"]["roughness"], 2. / 11, 1e-14);
    EXPECT_EQ(json["bias_sum"]["error"], 0);
    const FileArray<double> images = Hdf5File::open(out).root().read<double>("bias_images");
    EXPECT_EQ(images.shape, (std::vector<Index>{2, 4}));
    EXPECT_EQ(images.values, (std::vector<double>{1, 1, 1, 0, 2, 2, 2, 2}));
    for (const char* const name :
         {"bias_0.png", "bias_1.png", "split_0_right_0.png", "split_0_map_0.png", "split_0_mean_0.png",
          "split_0_reduced_0.png", "gradient_x_input.png", "gradient_x_input_positive.png"})
        EXPECT_TRUE(std::filesystem::exists(folder / "pictures" / name)) << name;
    expect_refusal({"interpret", net, "--input", x, "--bias-images", "--two-batch"},
                   "--bias-images: expected no --two-batch");
}

TEST_F(SplitTest, IsTold) {
    const Outcome outcome = run({"interpret", net, "--input", x, "--split", "a"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    for (const char* const words :
         {"split at Relu_1 (1x3), all 2 triplets", "y_0 = -2.5 = -5 by the input + 2.5 by biases",
          "without cancellation (1 rounds): 1 terms of one sign", "y_0[p] = -2.5 c1[p] + 1.25", "guarded: 0"})
        EXPECT_NE(outcome.out.find(words), std::string::npos) << words << "\n" << outcome.out;
}

}  // namespace
}  // namespace descrambler
