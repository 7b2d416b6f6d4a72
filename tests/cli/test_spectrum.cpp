// `spectrum` as a user runs it.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "program.hpp"
#include "tasks/task.hpp"

namespace descrambler {
namespace {

using namespace test;

// A deer network with one hidden layer of 20, untrained, and a net without a recipe.
class SpectrumTest : public CliTest {
protected:
    std::string net = folder / "net.h5", plain = folder / "plain.h5", out = folder / "spectrum.h5";

    void SetUp() override {
        Ensemble ensemble;
        ensemble.recipe = to_recipe(TaskRecipe(DeerTask{}));
        ensemble.seed = 5;
        ensemble.precision = "f64";
        const std::vector<Layer> layers{{256, 20, Activation::tanh, false}, {20, 256, Activation::logistic, true}};
        for (const std::uint64_t member : {0, 1})
            ensemble.networks.push_back(unpack(layers, initial_parameters<double>(layers, 5, member).data()));
        write_ensemble(net, ensemble);
        ensemble.recipe.reset();
        write_ensemble(plain, ensemble);
    }
    std::vector<std::string> spectrum(std::vector<std::string> more) {
        more.insert(more.begin(), {"spectrum", net, "--layer", "2", "--rank", "7", "--force"});
        return more;
    }
    nlohmann::json result(const std::vector<std::string>& arguments) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome.code == 0 ? nlohmann::json::parse(outcome.out) : nlohmann::json();
    }
};

TEST_F(SpectrumTest, EveryOperatorHasItsErrorWithinItsBound) {
    for (const std::string kind : {"weight", "jacobian", "signals"}) {
        std::vector<std::string> arguments = spectrum({"--operator", kind, "--network", "1", "--exact", "--json"});
        if (kind != "weight")
            arguments.insert(arguments.end(), {"--inputs", "deer:1500", "--tap", "after"});
        arguments.insert(arguments.end(), {"--out", out});
        const nlohmann::json json = result(arguments);
        EXPECT_EQ(json["operator"], kind);
        EXPECT_EQ(json["rows"], 256);
        EXPECT_EQ(json["cols"], kind == "weight" ? 20 : kind == "jacobian" ? 256 : 1500);
        EXPECT_LE(json["true_error"], json["error_bound"]) << kind;
        EXPECT_GT(json["true_error"], 0) << kind;
        const auto s = json["singular_values"].get<std::vector<double>>(),
                   exact = json["exact_singular_values"].get<std::vector<double>>();
        ASSERT_EQ(s.size(), 7u);
        for (std::size_t i = 0; i < 7; ++i)  // found from within: not above the exact ones but for rounding
            EXPECT_LE(s[i], exact[i] * (1 + 1e-12)) << kind << i;
        EXPECT_LE(exact[7], json["true_error"].get<double>() * (1 + 1e-12)) << kind << ": better than the best";
        const Hdf5File file = Hdf5File::open(out);
        EXPECT_EQ(file.root().read_vector<double>("singular_values"), s);
        EXPECT_EQ(file.root().shape("left_vectors"), (std::vector<Index>{256, 7}));
        EXPECT_EQ(file.root().shape("right_vectors"), (std::vector<Index>{json["cols"].get<Index>(), 7}));
        EXPECT_EQ(file.root().number_attribute("", "error_bound"), json["error_bound"].get<double>());
    }
    const nlohmann::json both = result(spectrum({"--out", out, "--json"}));
    EXPECT_EQ(both["networks"].size(), 2u);
    EXPECT_EQ(Hdf5File::open(out).root().shape("left_vectors"), (std::vector<Index>{2, 256, 7}));
    const Outcome words = run(spectrum({"--out", out}));
    EXPECT_NE(words.out.find("at most"), std::string::npos) << words.out;
    // the bits do not depend on threads
    const auto signals = [&](const char* threads) {
        return result(spectrum({"--operator", "signals", "--inputs", "noise:3000", "--threads", threads, "--out", out,
                                "--network", "0", "--json"}));
    };
    EXPECT_EQ(signals("1"), signals("3"));
}

TEST_F(SpectrumTest, AReducedNetworkIsANetworkFile) {
    const std::string reduced = folder / "reduced.h5";
    const nlohmann::json json =
        result(spectrum({"--network", "0", "--reduce", reduced, "--inputs", "deer:1100", "--json"}));
    const nlohmann::json& cost = json["reduction"];
    EXPECT_GT(cost["outputs"]["median"], 0);
    EXPECT_LE(cost["outputs"]["median"], cost["outputs"]["max"]);
    EXPECT_TRUE(cost.contains("relative_error_before"));
    EXPECT_GT(cost["discarded_energy"], 0);
    EXPECT_LT(cost["discarded_energy"], 1);
    const Ensemble ensemble = read_ensemble(reduced);
    ASSERT_EQ(ensemble.networks.size(), 1u);
    const std::vector<Layer> shape = shape_of(ensemble.networks.front());
    ASSERT_EQ(shape.size(), 3u);
    EXPECT_EQ(shape[1], (Layer{20, 7, Activation::identity, false}));
    EXPECT_EQ(shape[2], (Layer{7, 256, Activation::logistic, true}));
    EXPECT_EQ(ensemble.seed, 5u);  // deer:N means the same data
    EXPECT_EQ(run({"layer", reduced, "--inputs", "deer:300", "--layer", "2", "--out", out, "--quiet"}).code, 0);
    // the inputs of a file have no truth
    write_npy(folder / "x.npy", Matrix<double>(12, 256));
    const nlohmann::json no_truth = result({"spectrum", plain, "--force", "--layer", "1", "--rank", "3", "--reduce",
                                            reduced, "--inputs", folder / "x.npy", "--network", "1", "--json"});
    EXPECT_FALSE(no_truth["reduction"].contains("relative_error_before"));
}

TEST_F(SpectrumTest, NoiseAndJacobiansServeLayerToo) {
    const auto eta = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"layer", net, "--network", "0", "--out", out, "--json", "--force"});
        return result(more)["eta"].get<double>();
    };
    const double signal = eta({"--layer", "1", "--inputs", "deer:2000"});
    EXPECT_EQ(eta({"--layer", "1", "--inputs", "noise:2000"}), eta({"--layer", "1", "--inputs", "noise:2000"}));
    EXPECT_NE(eta({"--layer", "1", "--inputs", "noise:2000"}),
              eta({"--layer", "1", "--inputs", "noise:2000", "--seed", "6"}));
    EXPECT_GT(eta({"--layer", "1", "--inputs", "deer:2000", "--snr", "1"}), signal);
    EXPECT_EQ(Hdf5File::open(out).root().number_attribute("", "snr"), 1);
    // before the first activation a network is linear: the same P up to the rounding of another factor
    EXPECT_NEAR(eta({"--layer", "1", "--inputs", "deer:2000", "--jacobian"}) / signal, 1, 1e-9);
    EXPECT_EQ(Hdf5File::open(out).root().number_attribute("", "jacobian"), 1);
    EXPECT_NE(eta({"--layer", "2", "--tap", "after", "--inputs", "deer:2000", "--jacobian"}),
              eta({"--layer", "2", "--tap", "after", "--inputs", "deer:2000"}));
}

TEST_F(SpectrumTest, RefusesWhatDoesNotFitInOneLine) {
    const auto refused = [&](std::vector<std::string> more, const std::string& about) {
        more.insert(more.begin(), {"spectrum", net});
        expect_refusal(more, about);
        EXPECT_FALSE(std::filesystem::exists(out)) << about;
    };
    refused({"--layer", "2", "--rank", "21", "--out", out}, "rank 21: expected 1 to 20");
    refused({"--layer", "2", "--rank", "0", "--out", out}, "rank 0");
    refused({"--layer", "2", "--rank", "2147483647", "--out", out}, "expected 1 to 20");
    refused({"--layer", "2", "--rank", "99999999999999999999", "--out", out}, "--rank");
    refused({"--layer", "3", "--rank", "2", "--out", out}, "--layer 3: out of range, expected 1 to 2");
    refused({"--layer", "0", "--rank", "2", "--out", out}, "--layer 0");
    refused({"--layer", "1", "--rank", "2"}, "--out");
    refused({"--layer", "1", "--rank", "2", "--out", net}, "another file");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--network", "2"}, "--network 2");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--operator", "hessian"}, "hessian");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--operator", "signals"}, "--inputs");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--operator", "jacobian"}, "base point");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--inputs", "deer:10"}, "--inputs deer:10");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--tap", "after"}, "--tap after");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--snr", "3"}, "--snr");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--oversampling", "-1"}, "--oversampling");
    refused({"--layer", "1", "--rank", "2", "--out", out, "--power-iterations", "-1"}, "--power-iterations");
    const std::vector<std::string> signals{"--layer", "1", "--rank", "2", "--out", out, "--operator", "signals"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), signals.begin(), signals.end());
        return more;
    };
    refused(with({"--inputs", "noise:0"}), "noise:N");
    refused(with({"--inputs", "noise:x"}), "noise:N");
    refused(with({"--inputs", "noise:1e15"}), "sketch");
    refused(with({"--inputs", "noise:10", "--snr", "2"}), "noise alone");
    refused(with({"--inputs", "deer:10", "--snr", "0"}), "--snr");
    refused(with({"--inputs", "deer:10", "--snr", "nan"}), "--snr");
    refused(with({"--inputs", "deer:10", "--tap", "between"}), "between");
    refused(with({"--inputs", folder / "none.npy"}), "none.npy");
    refused(with({"--inputs", "deer:10", "--reduce", folder / "r.h5"}), "--operator weight");
    refused({"--layer", "1", "--rank", "2", "--reduce", folder / "r.h5"}, "--inputs");
    refused(
        {"--layer", "1", "--rank", "2", "--reduce", folder / "r.h5", "--out", folder / "r.h5", "--inputs", "deer:9"},
        "another file");
    expect_refusal({"spectrum", plain, "--layer", "1", "--rank", "2", "--operator", "signals", "--inputs", "deer:10",
                    "--out", out},
                   "input recipe");
    Matrix<double> huge(2, 256);
    std::fill(huge.values().begin(), huge.values().end(), 1e308);
    write_npy(folder / "huge.npy", huge);
    refused(with({"--inputs", folder / "huge.npy"}), "not finite");
    refused(with({"--inputs", folder / "huge.npy", "--snr", "1"}), "not finite");
    EXPECT_FALSE(std::filesystem::exists(folder / "r.h5"));
}

}  // namespace
}  // namespace descrambler
