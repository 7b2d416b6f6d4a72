// `tour` as a user runs it: what it refuses, and a whole small run.
#include <csignal>
#include <nlohmann/json.hpp>

#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

class TourTest : public CliTest {
protected:
    const std::string out = folder / "tour", none = folder / "none";
    void SetUp() override { std::filesystem::create_directory(none); }
};

TEST_F(TourTest, MakesItsPagesFromNothing) {
    const Outcome first = run({"tour", "E6", "--quick", "--out", out, "--data", none, "--json", "--quiet"});
    ASSERT_EQ(first.code, 0) << first.err;
    const Json told = Json::parse(first.out);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0]["experiment"], "E6");
    for (const Json& finding : told[0]["findings"])
        EXPECT_EQ(finding["verdict"], "withheld");
    for (const char* const file : {"index.html", "E6.html", "findings.json"})
        EXPECT_TRUE(std::filesystem::exists(out + "/" + file)) << file;
    const Json kept = Json::parse(read_file(out + "/findings.json"));
    EXPECT_EQ(kept["experiments"]["E6"]["findings"], told[0]["findings"]);
    // the same again has the same findings
    const Outcome second =
        run({"tour", "E6", "--quick", "--out", out, "--data", none, "--json", "--quiet", "--threads", "1"});
    ASSERT_EQ(second.code, 0) << second.err;
    EXPECT_EQ(Json::parse(second.out)[0]["findings"], told[0]["findings"]);
}

TEST_F(TourTest, Refusals) {
    expect_refusal({"tour", "E9", "--out", out}, "no experiment \"E9\", expected of E1, E2");
    expect_refusal({"tour"}, "--out: expected a folder");
    expect_refusal({"tour", "E1", "--out", out, "--data", folder / "nowhere"}, "nowhere: expected a folder with onnx/");
    expect_refusal({"tour", "E1", "--out", out, "--data", none}, "E1: needs");
    expect_refusal({"tour", "--out", out, "--network", "net.onnx"}, "--network: expected the experiments");
    expect_refusal({"tour", "E1", "--out", out, "--mean", "3"}, "expected --network");
    expect_refusal({"tour", "E6", "--quick", "--out", out, "--network", "net.onnx"}, "takes no --network");
    expect_refusal({"tour", "E1", "--out", out, "--network", "net.onnx", "--scale", "0"},
                   "expected numbers other than 0");
    const std::string list = write("list", "one.png\n");
    expect_refusal({"tour", "E1", "--out", out, "--network", "net.onnx", "--images", list}, "1 pictures, expected 2");
    write("other.txt", "something");
    expect_refusal({"tour", "E6", "--out", folder.path()}, "holds other files and no findings.json");
    expect_refusal({"tour", "E6", "--out", list},
                   "--out " + list + ": expected a folder, something else is in the way");
    expect_refusal(
        {"tour", "E1", "--out", folder / "new/er", "--data", folder.path(), "--network", "net.onnx", "--images", list},
        "1 pictures");
    EXPECT_FALSE(std::filesystem::exists(folder / "new"));
    const Outcome listed = run({"tour", "--list"});
    EXPECT_EQ(listed.code, 0);
    EXPECT_NE(listed.out.find("E8  Denoising"), std::string::npos);
}

TEST_F(TourTest, OffersNoPrecision) {
    EXPECT_EQ(run({"tour", "--help"}).out.find("--precision"), std::string::npos);
    expect_refusal({"tour", "E6", "--out", out, "--precision", "f32"}, "--precision f32: expected f64");
}

// One that is killed keeps nobody out.
TEST_F(TourTest, OneTourAtATimeWritesIntoAFolder) {
    const std::vector<std::string> asked{"tour", "E6", "--quick", "--out", out, "--data", none};
    const pid_t first = start(asked, folder / "first.out", folder / "first.err");
    for (int i = 0; i < 60000 && !std::filesystem::exists(out + "/findings.json"); ++i)
        usleep(1000);
    kill(first, SIGSTOP);  // in the middle of its work
    const Outcome second = run(asked);
    kill(first, SIGKILL);
    EXPECT_EQ(code_of(first), 128 + SIGKILL);
    EXPECT_EQ(second.code, 1);
    EXPECT_NE(second.err.find("descrambler: " + out + ": another tour is writing here"), std::string::npos)
        << second.err;
    EXPECT_TRUE(std::filesystem::exists(out + "/.tour.lock"));
    EXPECT_EQ(run(asked).code, 0);
    EXPECT_FALSE(std::filesystem::exists(out + "/.tour.lock"));
}

}  // namespace
}  // namespace descrambler
