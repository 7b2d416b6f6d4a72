// The program as a user runs it: exit codes, one-line messages, and small studies end to end.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "descrambler/ensemble.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "program.hpp"
#include "tasks/task.hpp"

namespace descrambler {
namespace {

using namespace test;

TEST_F(CliTest, HelpTellsEveryCommand) {
    const Outcome help = run({"--help"});
    EXPECT_EQ(help.code, 0);
    for (const char* command : {"study", "train", "layer", "spectrum", "predict", "report", "verify", "info"}) {
        EXPECT_NE(help.out.find(command), std::string::npos);
        const Outcome own = run({command, "--help"});
        EXPECT_EQ(own.code, 0);
        EXPECT_NE(own.out.find("--json"), std::string::npos) << command;
    }
}

TEST_F(CliTest, HelpIsACommandToo) {
    EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
    EXPECT_EQ(run({"help", "layer"}).out, run({"layer", "--help"}).out);
    expect_refusal({"help", "fly"}, "fly");
}

TEST_F(CliTest, BadUsageIsRefusedInOneLine) {
    expect_refusal({}, "A subcommand is required");
    expect_refusal({"fly"}, "fly");
    expect_refusal({"info", "--speed", "9"}, "--speed");
    expect_refusal({"study", "x.toml"}, "--out");
    expect_refusal({"info", "--device", "tpu"}, "expected auto, cpu, cuda");
    expect_refusal({"info", "--device", "cuda"}, "cuda");
    expect_refusal({"study", folder / "none.toml", "--out", folder / "s"}, "none.toml");
    const std::string config = write("bad.toml", "[training]\niteration = 3\n");
    expect_refusal({"study", config, "--out", folder / "s"}, "training.iterations");
    EXPECT_FALSE(std::filesystem::exists(folder / "s"));
    const std::string good = write("good.toml", "");
    expect_refusal({"study", good, "--out", folder / "s", "--members", "3:3"}, "--members");
    for (const char* wrong : {"a:b", "1", "1/", "1/1", "-1/2", "0/0", "1-2", "1/2 "})
        expect_refusal({"study", good, "--out", folder / "s", std::string("--members=") + wrong}, "--members");
    expect_refusal({"study", good, "--out", folder / "s", "--members", "0:1", "--reduce-only"}, "--members");
    expect_refusal({"study", good, "--out", folder / "s", "--device", "cuda"}, "cuda");
    expect_refusal({"study", good, "--out", folder / "s", "--seed", "-3"}, "--seed");
    EXPECT_FALSE(std::filesystem::exists(folder / "s"));
    expect_refusal(
        {"layer", write("net.h5", "not HDF5"), "--inputs", "deer:10", "--layer", "1", "--out", folder / "o.h5"},
        "net.h5");
    expect_refusal({"predict", folder / "none.h5", "trace.dat", "--out", folder / "p"}, "none.h5");
    expect_refusal({"report", folder / "empty"}, "summary.json");
}

TEST_F(CliTest, InfoSpeaksJson) {
    const auto info = nlohmann::json::parse(run({"info", "--json"}).out);
    EXPECT_EQ(info["device"], "cpu");
    EXPECT_FALSE(info["version"].get<std::string>().empty());
}

TEST_F(CliTest, VerifyFindsTheoryAndMeasurementAlike) {
    const Outcome outcome = run({"verify", "--json", "--quiet", "--seed", "1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const auto rows = nlohmann::json::parse(outcome.out)["rows"];
    ASSERT_GE(rows.size(), 12u);
    std::size_t printed = 0;
    for (const auto& row : rows) {
        for (const char* key : {"predicted", "measured", "tolerance", "margin"})
            EXPECT_TRUE(row[key].is_number()) << row["name"] << " " << key;
        EXPECT_FALSE(row["statement"].get<std::string>().empty());
        EXPECT_NE(row["holds"].get<bool>(), row["as_printed"].get<bool>()) << row["name"];
        printed += row["as_printed"].get<bool>() ? 1 : 0;
    }
    EXPECT_GE(printed, 8u);
    EXPECT_LT(printed, rows.size() / 2);
    expect_refusal({"verify", "--seed", "x"}, "--seed");
    expect_refusal({"verify", "--device", "cuda"}, "cuda");
}

// ---- studies -------------------------------------------------------------------------------------------------------

// Every data set of two files, bit for bit, without /timing.
void expect_same_arrays(const Hdf5Group& a, const Hdf5Group& b, const std::string& at = "") {
    ASSERT_EQ(a.names(), b.names()) << at;
    for (const std::string& name : a.names()) {
        if (at.empty() && name == "timing")
            continue;
        bool is_group = true;
        try {
            (void)a.shape(name);
            is_group = false;
        } catch (const InputError&) {
        }
        if (is_group) {
            expect_same_arrays(a.group(name), b.group(name), at + "/" + name);
            continue;
        }
        const FileArray<double> x = a.read<double>(name), y = b.read<double>(name);
        ASSERT_EQ(x.shape, y.shape) << at << "/" << name;
        EXPECT_EQ(std::memcmp(x.values.data(), y.values.data(), x.values.size() * sizeof(double)), 0)
            << at << "/" << name;
    }
}

class StudyTest : public CliTest {
protected:
    std::string config =
        write("small.toml",
              "title = \"small\"\n[training]\niterations = 240\n[ensemble]\nnetworks = 2\n[controls]\n"
              "untrained = 2\nshuffled = 2\niterations = 160\n[analysis]\nlibrary = 1024\nvalidation = 60\n"
              "tikhonov = 2\n");
    std::vector<std::string> study(const std::string& out, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"study", config, "--out", folder / out, "--quiet"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }
    void expect_same_study(const std::string& a, const std::string& b) {
        const Hdf5File first = Hdf5File::open((folder / a / "study.h5").string()),
                       second = Hdf5File::open((folder / b / "study.h5").string());
        expect_same_arrays(first.root(), second.root());
    }
    // Arguments of `study` that write checkpoints all the time, with more to train after the first.
    std::vector<std::string> slow{"--set", "training.iterations=6000",     "--set", "controls.iterations=1000",
                                  "--set", "training.checkpoint_seconds=0"};
    // Whether the file is there before the program ends.
    static bool appears(const std::filesystem::path& file, pid_t child) {
        while (!std::filesystem::exists(file)) {
            siginfo_t ended = {};
            if (waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0)
                return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }
};

TEST_F(StudyTest, WritesEverythingAndDoesNotDependOnThreads) {
    const Outcome one = run(study("one", {"--threads", "1", "--json"}));
    ASSERT_EQ(one.code, 0) << one.err;
    const auto summary = nlohmann::json::parse(one.out);
    EXPECT_EQ(summary, nlohmann::json::parse(slurp(folder / "one" / "summary.json")));
    for (const char* key : {"version", "commit", "device", "precision", "seed", "ranks", "networks", "training",
                            "tikhonov", "layers", "findings", "alignment", "timing"})
        EXPECT_TRUE(summary.contains(key)) << key;
    for (const char* name : {"eta_gain",
                             "E6",
                             "top1",
                             "HFrej",
                             "edge",
                             "DCmarg",
                             "g_dip_bg",
                             "g_dip_noise",
                             "DC16",
                             "cube_root_exponent",
                             "cube_root_residual",
                             "J_MAE",
                             "J_rank",
                             "Sturm6",
                             "DCT20",
                             "chebyshev_r2",
                             "legendre_r2",
                             "covariance_r2",
                             "link_orthogonality",
                             "link_frequency",
                             "right_vector_purity",
                             "rank12",
                             "r_pair",
                             "r_pair_against_shuffled",
                             "replica_ratio"}) {
        ASSERT_TRUE(summary["findings"].contains(name)) << name;
        const auto& finding = summary["findings"][name];
        EXPECT_TRUE(finding["raw"].contains("median")) << name;
        if (finding["invariant"]) {
            EXPECT_EQ(finding["raw"], finding["descrambled"]) << name;
        }
    }
    EXPECT_TRUE(summary["deep"].is_null());
    const auto& alignment = summary["alignment"];
    EXPECT_GT(alignment["threshold"]["s"], 0);
    EXPECT_LE(alignment["threshold"]["s"], alignment["threshold"]["itself"]["trained"]["s"]["median"]);
    EXPECT_EQ(alignment["same_function"]["trained_against_shuffled"]["pairs"], 4);
    EXPECT_EQ(alignment["clusters"]["all"]["networks"], 7);
    EXPECT_TRUE(alignment["clusters"]["trained"]["real"].is_boolean());
    for (const auto& layer : summary["layers"]) {
        EXPECT_LE(layer["gap"]["max"], 1e-8);
        EXPECT_LE(layer["orthogonality"]["max"], 1e-12);
    }
    EXPECT_NE(slurp(folder / "one" / "report.html").find("</html>"), std::string::npos);

    ASSERT_EQ(run(study("two", {"--threads", "2"})).code, 0);
    expect_same_study("one", "two");

    // a study's folder is not overwritten by accident, and its report can be rebuilt
    expect_refusal(study("one"), "--resume");
    EXPECT_EQ(run({"report", folder / "one", "--quiet"}).code, 0);
}

TEST_F(StudyTest, IsANetworkFileOfLayer) {
    ASSERT_EQ(run(study("one", {"--threads", "2"})).code, 0);
    const std::string net = folder / "one" / "study.h5", out = folder / "layer.h5";
    const Outcome layer = run({"layer", net, "--inputs", "deer:1500", "--layer", "1", "--tap", "before", "--network",
                               "1", "--out", out, "--json"});
    ASSERT_EQ(layer.code, 0) << layer.err;
    EXPECT_LE(nlohmann::json::parse(layer.out)["gap"], 1e-8);
    const Hdf5File result = Hdf5File::open(out);
    EXPECT_EQ(result.root().shape("descrambler"), (std::vector<Index>{80, 80}));
    EXPECT_EQ(result.root().shape("descrambled_weight"), (std::vector<Index>{80, 256}));
    EXPECT_EQ(result.root().number_attribute("gram", "samples"), 1500);
    for (const char* name : {"eta_raw", "eta", "eta_bound", "gap", "offdiagonal", "rank"})
        EXPECT_TRUE(result.root().has_attribute("", name)) << name;
    ASSERT_EQ(run({"layer", net, "--inputs", "deer:300", "--layer", "2", "--tap", "after", "--out", out, "--quiet",
                   "--force"})
                  .code,
              0);
    EXPECT_EQ(Hdf5File::open(out).root().shape("descrambler"), (std::vector<Index>{2, 256, 256}));
    EXPECT_FALSE(Hdf5File::open(out).root().has("descrambled_weight"));
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "3", "--out", out}, "layer");
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "1", "--network", "2", "--out", out},
                   "--network 2");
    expect_refusal({"layer", net, "--inputs", "deer:0", "--layer", "1", "--out", out}, "deer:N");
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "1", "--stencil", "fourier1", "--out", out},
                   "fourier1");
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "2", "--tap", "after", "--criterion", "joint",
                    "--out", out, "--force"},
                   "joint");
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "1", "--out", net}, "another file");
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "1", "--out", folder.path().string()},
                   "expected a file");
    expect_refusal(
        {"layer", net, "--inputs", "deer:300", "--layer", "1", "--out", (folder / "no" / "such.h5").string()},
        "existing folder");
    Matrix<double> huge(2, 256);
    std::fill(huge.values().begin(), huge.values().end(), 1e300);
    write_npy(folder / "huge.npy", huge);
    expect_refusal({"layer", net, "--inputs", folder / "huge.npy", "--layer", "1", "--out", folder / "huge.h5"},
                   "large");
    EXPECT_FALSE(std::filesystem::exists(folder / "huge.h5"));
    const std::string pipe = folder / "pipe";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    expect_refusal({"layer", net, "--inputs", "deer:300", "--layer", "1", "--out", pipe}, "expected a file");
    EXPECT_TRUE(std::filesystem::is_fifo(pipe));
    Matrix<double> narrow(40, 255);
    write_npy(folder / "narrow.npy", narrow);
    expect_refusal({"layer", net, "--inputs", folder / "narrow.npy", "--layer", "1", "--out", out}, "256");
}

TEST_F(StudyTest, DeeperNetworksAreReadLayerByLayer) {
    const std::vector<std::string> deep{"--set", "network.hidden=[24, 20, 16]", "--set", "training.iterations=60",
                                        "--set", "controls.no_decay=0",         "--set", "analysis.bootstrap=3"};
    std::vector<std::string> one = deep, two = deep;
    one.insert(one.end(), {"--threads", "1", "--json"});
    two.insert(two.end(), {"--threads", "2"});
    const Outcome first = run(study("one", one));
    ASSERT_EQ(first.code, 0) << first.err;
    ASSERT_EQ(run(study("two", two)).code, 0);
    expect_same_study("one", "two");

    const auto summary = nlohmann::json::parse(first.out);
    EXPECT_TRUE(summary["findings"].empty());
    EXPECT_EQ(summary["deep"]["taps"].size(), 4u * 2 + 3);  // before and after, and joint where a layer follows
    for (const auto& tap : summary["deep"]["taps"]) {
        for (const char* group : {"trained", "untrained", "shuffled"}) {
            EXPECT_GE(tap["eta_gain_db"][group]["min"], 0) << tap;
            EXPECT_LE(tap["gap"][group]["max"], 1e-8) << tap;
        }
        EXPECT_TRUE(tap["eta_gain_db"]["no_decay"].is_null());
        const bool last = tap["layer"] == 4 && tap["tap"] == "after";
        EXPECT_EQ(tap["s"]["within_trained"].is_null(), last) << tap;
        EXPECT_EQ(tap["s"]["trained_against_shuffled"].is_null(), last) << tap;
    }
    // the first tap is compared as everywhere else
    EXPECT_NEAR(summary["deep"]["taps"][0]["s"]["within_trained"]["median"].get<double>(),
                summary["alignment"]["descrambled"]["s"]["median"].get<double>(), 1e-10);
    ASSERT_EQ(summary["deep"]["layers"].size(), 4u);
    for (const int k : {0, 3})
        EXPECT_TRUE(summary["deep"]["layers"][k]["embedding"].is_null());
    for (const int k : {1, 2})
        EXPECT_LE(summary["deep"]["layers"][k]["embedding"]["permutation"]["trained"]["max"], 1);
    for (const char* name : {"HFrej", "DCmarg", "g_dip_bg", "J_MAE", "J_rank", "Sturm6", "DCT20"})
        EXPECT_TRUE(summary["deep"]["network"][name]["trained"].contains("median")) << name;
    const Hdf5File file = Hdf5File::open((folder / "one" / "study.h5").string());
    EXPECT_EQ(file.root().shape("deep/layer_2/shuffled/embedding"), (std::vector<Index>{2, 20, 24}));
    EXPECT_FALSE(file.root().has("deep/layer_1/trained/embedding"));
    EXPECT_EQ(file.root().shape("analysis/shuffled/descrambled_last"), (std::vector<Index>{1, 256, 16}));
    EXPECT_EQ(file.root().shape("alignment/networks/s"), (std::vector<Index>{6, 6}));
    EXPECT_EQ(file.root().shape("alignment/itself/trained/s"), (std::vector<Index>{2, 3}));
    EXPECT_NE(slurp(folder / "one" / "report.html").find("3 Deeper layers"), std::string::npos);
}

TEST_F(StudyTest, SigtermLeavesACheckpointThatResumesToTheSameBits) {
    ASSERT_EQ(run(study("whole", slow)).code, 0);
    const pid_t child = start(study("cut", slow), folder / "cut.out", folder / "cut.err");
    ASSERT_TRUE(appears(folder / "cut" / "members" / "000.h5", child)) << slurp(folder / "cut.err");
    kill(child, SIGTERM);
    EXPECT_EQ(code_of(child), 85) << slurp(folder / "cut.err");
    EXPECT_FALSE(std::filesystem::exists(folder / "cut" / "study.h5"));
    std::vector<std::string> resume = slow;
    resume.push_back("--resume");
    const Outcome second = run(study("cut", resume));
    ASSERT_EQ(second.code, 0) << second.err;
    expect_same_study("whole", "cut");
}

TEST_F(StudyTest, MembersTrainedApartReduceToTheSameStudy) {
    ASSERT_EQ(run(study("whole")).code, 0);
    ASSERT_EQ(run(study("apart", {"--members", "3:5"})).code, 0);
    EXPECT_EQ(run(study("nothing", {"--reduce-only"})).code, 1);
    EXPECT_FALSE(std::filesystem::exists(folder / "nothing"));
    const Outcome early = run(study("apart", {"--reduce-only"}));
    EXPECT_EQ(early.code, 1);
    for (const char* missing : {"000: missing", "001: missing", "shuffled_000: missing"})
        EXPECT_NE(early.err.find(missing), std::string::npos) << early.err;
    EXPECT_EQ(early.err.find("shuffled_001"), std::string::npos) << early.err;
    // in parts of equal size: 0:2 and 2:5 of five, and nothing where there are more parts than members
    ASSERT_EQ(run(study("apart", {"--members", "0/2"})).code, 0);
    EXPECT_FALSE(std::filesystem::exists(folder / "apart" / "members" / "shuffled_000.h5"));
    ASSERT_EQ(run(study("apart", {"--members", "1/2"})).code, 0);
    EXPECT_EQ(run(study("nothing", {"--members", "0/9"})).code, 0);
    EXPECT_FALSE(std::filesystem::exists(folder / "nothing"));
    const Outcome reduced = run(study("apart", {"--reduce-only"}));
    ASSERT_EQ(reduced.code, 0) << reduced.err;
    expect_same_study("whole", "apart");
}

TEST_F(StudyTest, AnEnsemblePredictsMeasuredTraces) {
    if (!test::has_data("traces/data_deeran"))
        GTEST_SKIP() << test::no_data("traces/data_deeran");
    const std::string ensemble = folder / "ensemble.h5";
    const Outcome train = run({"train", config, "--out", ensemble, "--json"});
    ASSERT_EQ(train.code, 0) << train.err;
    EXPECT_EQ(nlohmann::json::parse(train.out)["networks"], 2);
    EXPECT_EQ(read_ensemble(ensemble).networks.size(), 2u);
    EXPECT_FALSE(std::filesystem::exists(ensemble + ".members"));

    const std::string trace = test::data("traces/data_deeran/deer_bi_36_50K.DSC").string(),
                      text = test::data("traces/data_noise/SNR_50_set_1.dat").string(), out = folder / "predicted";
    const Outcome predicted = run({"predict", ensemble, trace, text, "--out", out, "--json"});
    ASSERT_EQ(predicted.code, 0) << predicted.err;
    EXPECT_EQ(nlohmann::json::parse(predicted.out).size(), 2u);
    for (const std::string stem : {"deer_bi_36_50K", "SNR_50_set_1"}) {
        const auto json = nlohmann::json::parse(slurp(out + "/" + stem + ".json"));
        for (const char* key : {"peak_distance_nm", "mean_distance_nm", "width_nm", "flags"})
            EXPECT_TRUE(json.contains(key)) << key;
        std::ifstream csv(out + "/" + stem + ".csv");
        std::string line;
        std::getline(csv, line);
        EXPECT_EQ(line, "distance_nm,p_mean,p_lower,p_upper");
        double area = 0, r0 = 0, p0 = 0, r = 0, p = 0, lower = 0, upper = 0;
        int rows = 0;
        while (std::getline(csv, line)) {
            ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf", &r, &p, &lower, &upper), 4) << line;
            EXPECT_LE(lower, p);
            EXPECT_LE(p, upper);
            EXPECT_GE(lower, 0);
            if (rows++ > 0)
                area += (r - r0) * (p + p0) / 2;
            r0 = r;
            p0 = p;
        }
        EXPECT_EQ(rows, 256);
        EXPECT_NEAR(area, 1, 1e-9);
        EXPECT_NE(slurp(out + "/" + stem + ".svg").find("</svg>"), std::string::npos);
    }

    expect_refusal({"predict", ensemble, trace, test::data("traces/data_deeran/deer_bi_36_50K.DTA").string(), "--out",
                    folder / "twice"},
                   "deer_bi_36_50K");
    std::string constant;
    for (int i = 0; i < 40; ++i)
        constant += std::to_string(8 * i) + " 1.0\n";
    expect_refusal({"predict", ensemble, trace, write("constant.dat", constant), "--out", folder / "twice"},
                   "constant");
    EXPECT_FALSE(std::filesystem::exists(folder / "twice"));
}

}  // namespace
}  // namespace descrambler
