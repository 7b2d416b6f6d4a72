// What becomes of results: progress while they are made, and nothing finished is overwritten silently.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "descrambler/npy.hpp"
#include "descrambler/stencil.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;

class ResultsTest : public CliTest {
protected:
    std::string config =
        write("small.toml",
              "[training]\niterations = 40\n[ensemble]\nnetworks = 2\n[controls]\nuntrained = 2\nshuffled = 2\n"
              "iterations = 20\n[analysis]\nlibrary = 256\nvalidation = 20\ntikhonov = 1\n"
              "chart_iterations = 0\nbootstrap = 0\n");
    std::vector<std::string> study(const std::string& out) {
        return {"study", config, "--out", folder / out, "--quiet"};
    }
};

// Where there is no terminal: a line when a stage begins, and nothing with --quiet.
TEST_F(ResultsTest, TellsItsProgressInPlainLines) {
    std::vector<std::string> arguments = study("told");
    std::erase(arguments, "--quiet");
    const Outcome told = run(arguments);
    ASSERT_EQ(told.code, 0) << told.err;
    EXPECT_EQ(told.err.rfind("training: 0 %\n", 0), 0u) << told.err;
    EXPECT_EQ(told.err.find_first_of("\r\033"), std::string::npos);
    const auto lines = std::count(told.err.begin(), told.err.end(), '\n');
    EXPECT_GE(lines, 2) << told.err;
    EXPECT_LE(lines, 40) << told.err;  // of a stage the first and one each 30 s, not one a step
    EXPECT_EQ(run(study("quiet")).err, "");
}

// train, layer, gram, spectrum and predict: another request is refused, the same one is told, --force replaces.
TEST_F(ResultsTest, NothingFinishedIsOverwrittenSilently) {
    const std::string ensemble = folder / "e.h5", out = folder / "out.h5";
    const std::vector<std::string> train{"train", config, "--out", ensemble, "--set", "training.iterations=40"};
    const auto with = [](std::vector<std::string> arguments, std::vector<std::string> more) {
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    };
    ASSERT_EQ(run(train).code, 0);
    const std::string before = slurp(ensemble);
    expect_refusal(
        with(train, {"--set", "training.iterations=41"}),
        "another request: 'iterations = 40', this one has 'iterations = 41': expected another --out, or --force");
    const Outcome same = run(train);
    EXPECT_EQ(same.code, 0);
    EXPECT_NE(same.err.find("finished before by the same request"), std::string::npos) << same.err;
    EXPECT_EQ(slurp(ensemble), before);
    ASSERT_EQ(run(with(train, {"--set", "training.iterations=41", "--force"})).code, 0);
    EXPECT_NE(slurp(ensemble), before);

    for (const std::string command : {"layer", "gram", "spectrum"}) {
        std::vector<std::string> arguments{command, ensemble, "--layer", "1", "--out", out, "--force"};
        if (command == "spectrum")
            arguments.insert(arguments.end(), {"--rank", "3"});
        else
            arguments.insert(arguments.end(), {"--inputs", "deer:300"});
        ASSERT_EQ(run(arguments).code, 0) << command;
        std::erase(arguments, "--force");
        const Outcome again = run(arguments);
        EXPECT_EQ(again.code, 0) << command;
        EXPECT_NE(again.err.find("the same request"), std::string::npos) << command << again.err;
        const std::string kept = slurp(out);
        expect_refusal(with(arguments, {"--network", "1"}), "is there already, of another request");
        EXPECT_EQ(slurp(out), kept) << command;
        ASSERT_EQ(run(with(train, {"--set", "training.iterations=42", "--force"})).code, 0);
        expect_refusal(arguments, "networks = 2 of digest");  // the same words, other networks
        ASSERT_EQ(run(with(train, {"--set", "training.iterations=41", "--force"})).code, 0);
    }
    write_file(out, "mine");
    expect_refusal({"layer", ensemble, "--layer", "1", "--inputs", "deer:300", "--out", out},
                   "out.h5: is there already");
    EXPECT_EQ(slurp(out), "mine");

    std::string trace;
    for (int i = 0; i < 60; ++i)
        trace += std::to_string(40 * i) + " " + std::to_string(0.6 + 0.4 * std::exp(-0.01 * i * i)) + "\n";
    const std::vector<std::string> predict{"predict", ensemble, write("trace.dat", trace), "--out",
                                           folder / "predicted"};
    ASSERT_EQ(run(predict).code, 0);
    EXPECT_EQ(run(predict).code, 0);
    ASSERT_EQ(run(with(train, {"--set", "training.iterations=43", "--force"})).code, 0);
    const std::string kept = slurp(folder / "predicted" / "trace.json");
    expect_refusal(predict, "trace.json: is there already");
    EXPECT_EQ(slurp(folder / "predicted" / "trace.json"), kept);
    EXPECT_EQ(run(with(predict, {"--force"})).code, 0);
}

// Other readings of the members that are there want --force; the same ones are made again to the same numbers.
TEST_F(ResultsTest, AFinishedStudyIsNotReadOtherwiseSilently) {
    ASSERT_EQ(run(study("s")).code, 0);
    const auto again = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments = study("s");
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    };
    const auto file = [&](const std::string& name) { return slurp(folder / ("s/" + name)); };
    const std::string results = file("study.h5"), summary = file("summary.json"), member = file("members/000.h5");
    for (const std::string how : {"--resume", "--reduce-only"}) {
        expect_refusal(again({how, "--set", "analysis.library=300"}),
                       "study.h5: is there already, of another configuration: it has 'library = 256', this one has "
                       "'library = 300': expected another --out, or --force");
    }
    expect_refusal(again({"--resume", "--set", "training.iterations=41"}), "000.h5: belongs to another configuration");
    EXPECT_TRUE(file("study.h5") == results);
    EXPECT_TRUE(file("summary.json") == summary);
    EXPECT_EQ(run(again({"--resume", "--set", "training.checkpoint_seconds=7"})).code, 0);
    EXPECT_EQ(run(again({"--resume", "--set", "analysis.library=300", "--force"})).code, 0);
    EXPECT_NE(file("summary.json").find("library = 300"), std::string::npos);
    EXPECT_TRUE(file("members/000.h5") == member);
}

// A request is the same however its files are named, and another one when what they hold has changed.
TEST_F(ResultsTest, ARequestIsKnownByItsFilesAndTheirContent) {
    const std::string net = folder / "net.h5", out = folder / "out.h5", source = write("own.c", R"(#include <stdint.h>
double descrambler_criterion(int64_t n, int64_t samples, const double* s, const double* P, double* gradient) {
    if (gradient) for (int64_t e = 0; e < n * n; ++e) gradient[e] = 0;
    return VALUE;
}
)");
    const auto respelt = [&](const std::string& name) { return folder / ("./" + name); };
    const auto compile = [&](const std::string& value) {
        return std::system(
            ("cc -shared -fPIC -DVALUE=" + value + " " + source + " -o " + (folder / "own.so").string()).c_str());
    };
    const auto expect_same = [&](const std::vector<std::string>& arguments) {
        const Outcome again = run(arguments);
        EXPECT_EQ(again.code, 0) << again.err;
        EXPECT_NE(again.err.find("the same request"), std::string::npos) << again.err;
    };
    ASSERT_EQ(run({"train", config, "--out", net}).code, 0);
    const Index width = 256, links = 80;
    Matrix<double> X(300, width);
    for (Index e = 0; e < X.size(); ++e)
        X.data()[e] = std::sin(0.1 * static_cast<double>(e * (e % 7)));
    write_npy(folder / "X.npy", X);
    const auto arguments = [&](const std::string& command, const std::string& n, const std::string& x,
                               std::vector<std::string> more) {
        more.insert(more.begin(), {command, n, "--layer", "1", "--inputs", x, "--network", "0", "--out", out});
        return more;
    };

    for (const std::string command : {"layer", "gram"}) {
        std::vector<std::string> first = arguments(command, net, folder / "X.npy", {"--force"});
        ASSERT_EQ(run(first).code, 0);
        expect_same(arguments(command, respelt("net.h5"), respelt("X.npy"), {}));
        std::filesystem::copy_file(folder / "X.npy", folder / "Y.npy", std::filesystem::copy_options::skip_existing);
        expect_refusal(arguments(command, net, folder / "Y.npy", {}), "of another request");
    }

    const auto with_stencil = [&](const std::string& name) {
        return arguments("layer", net, "deer:300", {"--stencil", name});
    };
    std::filesystem::remove(out);
    write_npy(folder / "D.npy", differentiation_matrix(StencilKind::diff2, links));
    ASSERT_EQ(run(with_stencil(folder / "D.npy")).code, 0);
    expect_same(with_stencil(respelt("D.npy")));
    write_npy(folder / "D.npy", differentiation_matrix(StencilKind::dct, links));
    expect_refusal(with_stencil(folder / "D.npy"), "content of the stencil = checksum");

    if (compile("1") != 0)
        GTEST_SKIP() << "no C compiler under the name cc";
    const auto with_criterion = [&](const std::string& name) {
        return arguments("layer", net, "deer:300", {"--criterion", name, "--evaluations", "2"});
    };
    std::filesystem::remove(out);
    ASSERT_EQ(run(with_criterion(folder / "own.so")).code, 0);
    expect_same(with_criterion(respelt("own.so")));
    ASSERT_EQ(compile("2"), 0);
    expect_refusal(with_criterion(folder / "own.so"), "content of the criterion = checksum");
}

}  // namespace
}  // namespace descrambler
