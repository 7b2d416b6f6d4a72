// `interpret --all` as a user runs it: what the file holds, and what comes of stops, kills and bad input.
#include <nlohmann/json.hpp>
#include <thread>

#include "image_net.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;
namespace fs = std::filesystem;

using InterpretAllTest = ImageNetTest;

TEST_F(InterpretAllTest, HoldsEveryBitOfEveryItem) {
    write_net(18);  // three parts of rows, two of columns
    for (const std::string precision : {"f32", "f64"})
        for (const std::string kind : {"rows", "columns"}) {
            const Index count = kind == "rows" ? outputs() : inputs();
            Outcome outcome = run(asked({"--all", kind, "--precision", precision, "--out", out, "--force", "--quiet"}));
            ASSERT_EQ(outcome.code, 0) << outcome.err;
            const std::string few = folder / "few.h5";
            outcome = run(asked(
                {std::string("--").append(kind), all_below(count), "--precision", precision, "--out", few, "--force"}));
            ASSERT_EQ(outcome.code, 0) << outcome.err;
            const std::vector<double> expected = Hdf5File::open(few).root().read<double>(kind).values;
            std::vector<double> found;
            if (precision == "f32")
                for (const auto& item : items<float>(out))
                    found.insert(found.end(), item.begin(), item.end());
            else
                for (const auto& item : items<double>(out))
                    found.insert(found.end(), item.begin(), item.end());
            EXPECT_EQ(found, expected) << kind << ", " << precision;
            EXPECT_FALSE(fs::exists(out + ".parts"));
        }
}

TEST_F(InterpretAllTest, ColumnsAndResidualMakeTheOutput) {
    for (const std::string origin : {"input", "raw"}) {
        const Outcome outcome = run(asked({"--all", "columns", "--out", out, "--mean", "10,20", "--scale", "3,5",
                                           "--layout", "nchw", "--origin", origin, "--force"}));
        ASSERT_EQ(outcome.code, 0) << outcome.err;
        const auto columns = items<double>(out);
        const Hdf5File file = Hdf5File::open(out);
        const std::vector<double> at = file.root().read_vector<double>("input"),
                                  y = file.root().read_vector<double>("output");
        std::vector<double> sum = file.root().read_vector<double>("residual");
        for (std::size_t k = 0; k < columns.size(); ++k)
            for (std::size_t i = 0; i < sum.size(); ++i)
                sum[i] += at[k] * columns[k][i];
        for (std::size_t i = 0; i < sum.size(); ++i)
            EXPECT_NEAR(sum[i], y[i], 1e-11) << origin;
        EXPECT_EQ(at[0], origin == "raw" ? 100 : 30);
    }
}

TEST_F(InterpretAllTest, WindowsAreSmall) {
    write_net(30);
    const Outcome outcome = run(asked({"--all", "columns", "--out", out, "--json"}));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out)["items"], inputs());
    const auto index = Hdf5File::open(out).root().read<std::int64_t>("index");
    ASSERT_EQ(index.shape, (std::vector<Index>{inputs(), 8}));
    for (Index item = 0; item < inputs(); ++item) {
        EXPECT_LE(index.values[static_cast<std::size_t>(8 * item + 6)], 10);
        EXPECT_LE(index.values[static_cast<std::size_t>(8 * item + 7)], 10);
    }
}

TEST_F(InterpretAllTest, VectorsAreALine) {
    using namespace onnx;
    write_file(net, model(node("Gemm", {"x", "w"}, {"y"}) + initialiser(tensor("w", {3, 2}, {1, 0, 2, 3, 0, 0})) +
                          input("x", {1, 3}) + output("y", {1, 2})));
    write_input({0, 0, 0});
    ASSERT_EQ(run(asked({"--all", "columns", "--out", out})).code, 0);
    const auto index = Hdf5File::open(out).root().read<std::int64_t>("index").values;
    EXPECT_EQ(std::vector<std::int64_t>(index.begin() + 4, index.begin() + 8), (std::vector<std::int64_t>{0, 1, 1, 1}));
    EXPECT_EQ(std::vector<std::int64_t>(index.begin() + 10, index.begin() + 16),
              (std::vector<std::int64_t>{0, 0, 0, 1, 1, 2}));
    EXPECT_EQ(std::vector<std::int64_t>(index.begin() + 17, index.end()),
              (std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 0}));  // the last column is 0
}

TEST_F(InterpretAllTest, TheSameRequestIsNotMadeAgain) {
    ASSERT_EQ(run(asked({"--all", "rows", "--out", out})).code, 0);
    const std::string before = slurp(out);
    Outcome outcome = run(asked({"--all", "rows", "--out", out}));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.err.find("finished before by the same request"), std::string::npos) << outcome.err;
    expect_refusal(asked({"--all", "columns", "--out", out}), "of another request");
    outcome = run(asked({"--all", "rows", "--out", out, "--force", "--threads", "1"}));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    // another content under the same name is another request
    std::vector<double> other(static_cast<std::size_t>(inputs()));
    other[0] = 1;
    write_input(other);
    expect_refusal(asked({"--all", "rows", "--out", out}), "of another request");
}

// Networks of several parts, and a reference that nobody disturbed.
class InterpretAllPartsTest : public ImageNetTest {
protected:
    std::string reference = folder / "reference.h5";
    fs::path parts = fs::path(out + ".parts");
    std::vector<std::string> request(const std::string& to) const {
        return asked({"--all", "columns", "--out", to, "--threads", "1"});
    }
    void SetUp() override {
        ImageNetTest::SetUp();
        write_net(40);  // 3280 columns, 7 parts
        ASSERT_EQ(run(request(reference)).code, 0);
    }
    [[nodiscard]] std::vector<fs::path> parts_there() const {
        std::vector<fs::path> found;
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(parts, none))
            if (entry.path().filename().string()[0] != '.')
                found.push_back(entry.path());
        std::ranges::sort(found);
        return found;
    }
    // Starts, waits for that many parts, sends the signal; the exit code.
    int interrupt(int signal, std::size_t count) {
        const pid_t child = start(request(out), folder / "out.txt", folder / "err.txt");
        while (parts_there().size() < count && waitpid(child, nullptr, WNOHANG) == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        kill(child, signal);
        return code_of(child);
    }
    void expect_reference(const Outcome& outcome) {
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        // the request names no file that it writes to
        EXPECT_TRUE(slurp(out) == slurp(reference));
        EXPECT_FALSE(fs::exists(parts));
    }
};

TEST_F(InterpretAllPartsTest, GoesOnAfterAKill) {
    EXPECT_EQ(interrupt(SIGKILL, 2), 128 + SIGKILL);
    EXPECT_FALSE(fs::exists(out));
    EXPECT_GE(parts_there().size(), 2u);
    write_file(folder / ".all.h5.host.1.0.tmp", "what a kill within the last step leaves");
    std::vector<std::string> again = request(out);
    again.push_back("--json");
    const Outcome outcome = run(again);
    expect_reference(outcome);
    EXPECT_LE(Json::parse(outcome.out)["parts_made"], 5);
    EXPECT_FALSE(fs::exists(folder / ".all.h5.host.1.0.tmp"));
}

TEST_F(InterpretAllPartsTest, GoesOnAfterAStop) {
    EXPECT_EQ(interrupt(SIGTERM, 1), 85);
    EXPECT_NE(slurp(folder / "err.txt").find("stopped after a checkpoint; run again to go on"), std::string::npos);
    EXPECT_FALSE(fs::exists(out));
    expect_reference(run(request(out)));
}

TEST_F(InterpretAllPartsTest, DamagedPartsAreMadeAgain) {
    interrupt(SIGTERM, 2);
    const std::vector<fs::path> there = parts_there();
    ASSERT_GE(there.size(), 2u);
    std::string bytes = slurp(there[0]);
    bytes[bytes.size() * 3 / 4] ^= 4;
    write_file(there[0], bytes);
    write_file(there[1], slurp(there[1]).substr(0, 1000));
    const Outcome outcome = run(request(out));
    expect_reference(outcome);
    for (const std::size_t k : {0u, 1u})
        EXPECT_NE(outcome.err.find("warning: " + there[k].string()), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("made again"), std::string::npos) << outcome.err;
}

TEST_F(InterpretAllPartsTest, PartsOfAnotherRequestAreRefused) {
    interrupt(SIGTERM, 1);
    std::vector<std::string> other = request(out);
    other.insert(other.end(), {"--freeze", "taylor"});
    expect_refusal(other, "belongs to another request");
    other.push_back("--force");
    EXPECT_EQ(run(other).code, 0);
}

TEST_F(InterpretAllTest, RefusesWhatItCannotDo) {
    const auto all = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"--all", "columns", "--out", out});
        return asked(more);
    };
    expect_refusal(asked({"--all", "diagonals", "--out", out}), "--all");
    expect_refusal(asked({"--all", "rows"}), "--all: expected --out");
    expect_refusal(all({"--rows", "0"}), "--all: expected no --rows beside it");
    expect_refusal(all({"--columns", "0"}), "--all: expected no --columns beside it");
    expect_refusal(all({"--svd", "1"}), "--all: expected no --svd beside it");
    expect_refusal(all({"--contributions", "1"}), "--all: expected no --contributions beside it");
    expect_refusal(all({"--two-batch"}), "--all: expected no --two-batch beside it");
    expect_refusal(all({"--explain"}), "--all: expected no --explain beside it");
    expect_refusal(all({"--pictures", folder / "p"}), "--all: expected no --pictures beside it");
    expect_refusal(asked({"--all", "rows", "--out", folder / "nowhere" / "all.h5"}), "nowhere");
    expect_refusal(asked({"--all", "rows", "--out", net}), "--out");
    expect_refusal(asked({"--all", "rows", "--out", x, "--force"}), "--out");
    write_file(out + ".parts", "in the way");
    expect_refusal(all({}), "expected a folder, something else is in the way");
    EXPECT_FALSE(fs::exists(out));
}

TEST_F(InterpretAllTest, WhatSinglePrecisionCannotHoldIsRefused) {
    using namespace onnx;
    const std::string graph = node("Mul", {"x", "k"}, {"a"}) + node("Mul", {"a", "k"}, {"b"}) +
                              node("Mul", {"b", "l"}, {"c"}) + node("Mul", {"c", "l"}, {"y"}) +
                              initialiser(tensor("k", {1}, {1e30F})) + initialiser(tensor("l", {1}, {1e-30F})) +
                              input("x", {1, 2}) + output("y", {1, 2});
    write_file(net, model(graph));
    write_input({0, 0});
    expect_refusal(asked({"--all", "columns", "--precision", "f32", "--out", out}), "not finite in f32");
    EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace descrambler
