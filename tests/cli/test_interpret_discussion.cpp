// `interpret --discussion` and `--votes` as a user runs them.
#include <nlohmann/json.hpp>
#include <numeric>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/picture.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

class InterpretDiscussionTest : public CliTest {
protected:
    std::string net = folder / "net.onnx", x = folder / "x.npy", out = folder / "r.h5";

    // y = [2 3] relu([1 1; 1 -1] x + (.25, .5)) at (1, 2): y = 6.5 = 2 x0 + 2 x1 + 2 * .25
    void write_dense() {
        using namespace onnx;
        const std::string turned = attribute("transB", 2, field(3, std::int64_t{1}));
        write_file(net,
                   model(node("Gemm", {"x", "W1", "b"}, {"h"}, turned) + node("Relu", {"h"}, {"a"}) +
                         node("Gemm", {"a", "W2"}, {"y"}, turned) + initialiser(tensor("W1", {2, 2}, {1, 1, 1, -1})) +
                         initialiser(tensor("b", {2}, {.25f, .5f})) + initialiser(tensor("W2", {1, 2}, {2, 3})) +
                         input("x", {1, 2}) + output("y", {1, 1})));
        Matrix<double> one(1, 2);
        one(0, 0) = 1;
        one(0, 1) = 2;
        write_npy(x, one);
    }
    // Pictures of 4 x 4 pixels of three channels; output 0 sums the left half, output 1 the right half, both + .5.
    void write_halves() {
        using namespace onnx;
        std::vector<float> W(2 * 48);
        for (std::size_t i = 0; i < 48; ++i)
            W[(i % 4 < 2 ? 0 : 48) + i] = 1;
        write_file(net, model(node("Flatten", {"x"}, {"f"}) +
                              node("Gemm", {"f", "W", "b"}, {"y"}, attribute("transB", 2, field(3, std::int64_t{1}))) +
                              initialiser(tensor("W", {2, 48}, W)) + initialiser(tensor("b", {2}, {.5f, .5f})) +
                              input("x", {1, 3, 4, 4}) + output("y", {1, 2})));
        Picture picture{4, 4, 3, {}};
        for (int i = 0; i < 48; ++i)
            picture.values.push_back(10 + i);
        write_png(folder / "x.png", picture);
    }
};

TEST_F(InterpretDiscussionTest, MapsSumToTheOutput) {
    write_dense();
    for (const std::string precision : {"f64", "f32"}) {
        const Outcome outcome = run({"interpret", net, "--input", x, "--discussion", "0", "--out", out, "--force",
                                     "--json", "--precision", precision});
        ASSERT_EQ(outcome.code, 0) << outcome.err;
        const Json json = Json::parse(outcome.out)["discussions"][0];
        EXPECT_EQ(json["y"], 6.5);
        EXPECT_EQ(json["sum_error"], 0);
        EXPECT_EQ(json["rest"], 0);
        const Hdf5File file = Hdf5File::open(out);
        EXPECT_EQ(file.root().read<double>("discussions").values, (std::vector<double>{2.25, 4.25}));
    }
    const Outcome paper = run({"interpret", net, "--input", x, "--discussion", "0", "--discussion-rule", "paper"});
    EXPECT_EQ(paper.code, 0) << paper.err;
    EXPECT_NE(paper.out.find("the map was multiplied by 1.4444"), std::string::npos) << paper.out;  // 6.5 / (2 * 2.25)
}

TEST_F(InterpretDiscussionTest, HalvesVoteForTheirOutput) {
    write_halves();
    const Outcome outcome = run({"interpret", net, "--input", folder / "x.png", "--votes", "all", "--out", out,
                                 "--json", "--pictures", folder / "p"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Hdf5File file = Hdf5File::open(out);
    EXPECT_EQ(file.root().read<double>("votes").values,
              (std::vector<double>{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}));
    EXPECT_EQ(file.root().read<double>("votes_shuffled").values, file.root().read<double>("votes").values);
    const Json votes = Json::parse(outcome.out)["votes"];
    EXPECT_EQ(votes["first"], 1);
    EXPECT_EQ(votes["share_of_first"], .5);
    EXPECT_EQ(votes["chance"], .5);
    EXPECT_EQ(votes["entropy"], 1);
    EXPECT_EQ(votes["pixels"], 16);
    const Picture masked = read_picture(folder / "p/votes_0.png");
    const double nothing = masked.values[2 * 3];  // of the right half
    EXPECT_NE(masked.values[0], nothing);
    EXPECT_EQ(masked.values[3 * 3], nothing);
}

// Each of the 24 numbers of the right half is 6 above one of the left half, and the attack brings them 8 closer.
TEST_F(InterpretDiscussionTest, Attacks) {
    write_halves();
    const std::string picture = folder / "x.png";
    const Outcome outcome = run({"interpret", net, "--input", picture, "--adversarial", "4", "--votes", "all", "--json",
                                 "--out", out, "--pictures", folder / "p"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json attack = Json::parse(outcome.out)["adversarial"];
    EXPECT_EQ(attack["before"]["label"], 1);
    EXPECT_EQ(attack["before"]["margin"], 144);
    EXPECT_EQ(attack["after"]["label"], 0);
    EXPECT_EQ(attack["after"]["margin"], 48);
    EXPECT_EQ(attack["succeeded"], true);
    EXPECT_EQ(attack["after"]["votes_of_first_label"], .5);
    const std::vector<double> changed = Hdf5File::open(out).root().read_vector<double>("adversarial");
    EXPECT_EQ(changed.at(0), 14);
    EXPECT_EQ(changed.at(3), 10 + 9 - 4);  // planes of channels
    const Json towards =
        Json::parse(run({"interpret", net, "--input", picture, "--adversarial", "3", "--target", "0", "--json"}).out);
    EXPECT_EQ(towards["adversarial"]["after"]["margin"], 0);
    EXPECT_EQ(towards["adversarial"]["after"]["label"], 0);  // the first of two alike
    const auto refused = [&](const std::vector<std::string>& more, const std::string& words) {
        std::vector<std::string> asked{"interpret", net, "--input", picture};
        asked.insert(asked.end(), more.begin(), more.end());
        const Outcome found = run(asked);
        EXPECT_EQ(found.code, 2) << words;
        EXPECT_NE(found.err.find(words), std::string::npos) << found.err;
    };
    refused({"--adversarial", "0"}, "--adversarial: expected a number above 0");
    refused({"--adversarial", "1", "--target", "2"}, "--target 2: expected an output, 0 to 1");
    refused({"--adversarial", "1", "--clip", "3"}, "--clip 3: expected two numbers");
    refused({"--target", "1"}, "--target: expected --adversarial");
    write_dense();
    const Outcome one = run({"interpret", net, "--input", x, "--adversarial", "1"});
    EXPECT_EQ(one.code, 2);
    EXPECT_NE(one.err.find("net.onnx: 1 output, expected two classes or more"), std::string::npos) << one.err;
}

TEST_F(InterpretDiscussionTest, WhatCannotBeAsked) {
    write_dense();
    const auto refused = [&](std::vector<std::string> more, const std::string& words) {
        more.insert(more.begin(), {"interpret", net, "--input", x});
        const Outcome outcome = run(more);
        EXPECT_EQ(outcome.code, 2) << words;
        EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
        EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    };
    refused({"--discussion", "1"}, "--discussion 1: 1 is out of range, expected 0 to 0");
    refused({"--votes", "0,7"}, "--votes 0,7: 7 is out of range, expected 0 to 0");
    refused({"--votes", "some"}, "--votes some: expected whole numbers");
    refused({"--votes", ""}, "--votes: expected a value, found nothing");
    refused({"--discussion", "0", "--discussion-rule", "mine"},
            "--discussion-rule: expected conserving, paper or paper-x");
    refused({"--discussion-rule", "paper"}, "--discussion-rule: expected --discussion or --votes");
    refused({"--discussion", "0", "--two-batch"}, "--two-batch: expected no");
}

}  // namespace
}  // namespace descrambler
