// `layer` with every criterion and method, and what it refuses.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "descrambler/stencil.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;

// Two networks 24-12-12-6 and 600 inputs with a falling spectrum.
class LayerTest : public CliTest {
protected:
    std::string net = folder / "net.h5", inputs = folder / "inputs.npy", out = folder / "layer.h5";

    void SetUp() override {
        Ensemble ensemble;
        ensemble.precision = "f64";
        const std::vector<Layer> layers{
            {24, 12, Activation::tanh, false}, {12, 12, Activation::tanh, false}, {12, 6, Activation::identity, false}};
        for (const std::uint64_t member : {0, 1})
            ensemble.networks.push_back(unpack(layers, initial_parameters<double>(layers, 3, member).data()));
        write_ensemble(net, ensemble);
        RandomStream random(1, stream::analysis);
        Matrix<double> X(600, 24);
        for (Index i = 0; i < X.rows(); ++i)
            for (Index j = 0; j < X.cols(); ++j)
                X(i, j) = std::exp(random.normal() - 0.2 * static_cast<double>(j));
        write_npy(inputs, X);
    }
    std::vector<std::string> layer(std::vector<std::string> more, bool with_inputs = true) {
        std::vector<std::string> all{"layer", net, "--out", out, "--force"};
        if (with_inputs)
            all.insert(all.end(), {"--inputs", inputs});
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    nlohmann::json result(std::vector<std::string> more, bool with_inputs = true) {
        more.push_back("--json");
        const Outcome outcome = run(layer(std::move(more), with_inputs));
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome.code == 0 ? nlohmann::json::parse(outcome.out) : nlohmann::json();
    }
};

TEST_F(LayerTest, IterativeMethodsReportTheirWay) {
    const auto closed = result({"--layer", "1", "--tap", "after"});
    const auto ours =
        result({"--layer", "1", "--tap", "after", "--method", "riemannian", "--start", "random", "--seed", "4"});
    const auto published = result({"--layer", "1", "--tap", "after", "--method", "cayley", "--iterations", "40"});
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_NEAR(ours["eta"][i].get<double>(), closed["eta"][i].get<double>(),
                    1e-9 * closed["eta"][i].get<double>());
        EXPECT_EQ(ours["converged"][i], 1);
        EXPECT_GT(ours["evaluations_to_gap"][i], 0);
        EXPECT_LE(ours["evaluations"][i], 150);
        EXPECT_EQ(published["converged"][i], 0);
        EXPECT_EQ(published["iterations"][i], 40);
        EXPECT_GT(published["gap"][i], 0);
    }
    EXPECT_EQ(closed["evaluations"][0], 0);
    const Hdf5File file = Hdf5File::open(out);
    EXPECT_EQ(file.root().shape("history/001"), (std::vector<Index>{41, 4}));
    EXPECT_EQ(file.root().text_attribute("", "method"), "cayley");
    // a warning, on standard error, in words
    const Outcome warned = run(layer({"--layer", "1", "--method", "cayley", "--iterations", "3"}));
    EXPECT_EQ(warned.code, 0);
    EXPECT_NE(warned.err.find("did not converge"), std::string::npos);
    EXPECT_EQ(result({"--layer", "2", "--method", "riemannian", "--precision", "f32"})["converged"][0], 1);
}

TEST_F(LayerTest, EveryCriterionIsReachable) {
    for (const char* criterion : {"tv", "fourth"}) {
        const auto found = result(
            {"--layer", "2", "--criterion", criterion, "--stencil", "dct", "--network", "1", "--check-gradient"});
        EXPECT_EQ(found["method"], "riemannian");
        EXPECT_TRUE(found["gap"].is_null());
        EXPECT_LT(found["eta"], found["eta_raw"]);
    }
    const auto sum = result({"--layer", "2", "--criterion", "mds"}, false);
    const auto proper = result({"--layer", "2", "--criterion", "mds", "--group", "so"}, false);
    const auto norm = result({"--layer", "2", "--criterion", "mdn"}, false);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_GT(sum["eta"][i], sum["eta_raw"][i]);
        EXPECT_GE(sum["eta"][i], proper["eta"][i]);
        EXPECT_NEAR(norm["gap"][i].get<double>(), 0, 1e-6);
    }
    EXPECT_EQ(norm["method"], "polar");
    const auto shared = result({"--layer", "1", "--tap", "after", "--share", "2:after:0.5", "--share", "2:before"});
    EXPECT_NEAR(shared["gap"][0].get<double>(), 0, 1e-12);
    const auto joint = result({"--layer", "2", "--tap", "after", "--criterion", "joint", "--balance", "trace"});
    EXPECT_NEAR(joint["gap"][0].get<double>(), 0, 1e-12);
    write_npy(folder / "D.npy", differentiation_matrix(StencilKind::diff2, 12));
    EXPECT_NEAR(result({"--layer", "1", "--stencil", folder / "D.npy"})["gap"][0].get<double>(), 0, 1e-10);
}

TEST_F(LayerTest, RepresentableMinimisersComeWithTheirGenerator) {
    const auto found = result({"--layer", "1", "--representable", "--network", "0"});
    EXPECT_LE(found["generator"]["largest_entry"][0].get<double>(), 1 + 1e-10);
    const Hdf5File file = Hdf5File::open(out);
    const Matrix<double> P = file.root().read_matrix<double>("descrambler_cayley"),
                         Q = file.root().read_matrix<double>("generator");
    for (Index i = 0; i < 12; ++i)  // P (1 + Q) = 1 - Q
        for (Index j = 0; j < 12; ++j) {
            double left = P(i, j);
            for (Index k = 0; k < 12; ++k)
                left += P(i, k) * Q(k, j);
            EXPECT_NEAR(left, (i == j ? 1 : 0) - Q(i, j), 1e-12);
        }
}

TEST_F(LayerTest, JacobianTapsSayWhatTheyAreWorth) {
    const auto found = result({"--layer", "2", "--tap", "after", "--jacobian"});
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_GE(found["surrogate_ratio"][i].get<double>(), 1 - 1e-9);
        EXPECT_LT(found["surrogate_ratio"][i].get<double>(), 1e3);
    }
    EXPECT_FALSE(result({"--layer", "2", "--tap", "after"}).contains("surrogate_ratio"));
}

TEST_F(LayerTest, APluginOfOnesOwnIsCheckedAndMinimised) {
    const std::string source = write("own.c", R"(#include <stdint.h>
double descrambler_criterion(int64_t n, int64_t samples, const double* s, const double* P, double* gradient) {
    double value = 0;  /* - sum of the fourth powers of the first row */
    if (gradient) for (int64_t e = 0; e < n * n; ++e) gradient[e] = 0;
    for (int64_t j = 0; j < samples; ++j) {
        double y = 0;
        for (int64_t k = 0; k < n; ++k) y += P[k * n] * s[j * n + k];
        value -= y * y * y * y;
        if (gradient) for (int64_t k = 0; k < n; ++k) gradient[k * n] -= SLOPE * y * y * y * s[j * n + k];
    }
    return value;
}
)");
    const auto compile = [&](const std::string& slope, const std::string& to) {
        return std::system(("cc -shared -fPIC -O2 -DSLOPE=" + slope + " " + source + " -o " + to).c_str());
    };
    if (compile("4", folder / "own.so") != 0)
        GTEST_SKIP() << "no C compiler under the name cc";
    ASSERT_EQ(compile("5", folder / "wrong.so"), 0);
    const auto found = result({"--layer", "1", "--criterion", folder / "own.so", "--check-gradient"});
    EXPECT_LT(found["eta"][0], found["eta_raw"][0]);
    expect_refusal(layer({"--layer", "1", "--criterion", folder / "wrong.so", "--check-gradient"}),
                   "finite differences");
    EXPECT_NE(run(layer({"--layer", "1", "--criterion", folder / "wrong.so"})).code, 127);
    expect_refusal(layer({"--layer", "1", "--criterion", folder / "none.so"}), "shared object");
    expect_refusal(layer({"--layer", "1", "--criterion", source}), "shared object");
}

TEST_F(LayerTest, RefusesWhatMeansNothingInOneLine) {
    std::filesystem::remove(out);
    expect_refusal(layer({"--layer", "1", "--criterion", "smooth"}),
                   "expected smoothness, joint, mds, mdn, tv or fourth");
    expect_refusal(layer({"--layer", "1", "--method", "newton"}), "expected automatic, closed, riemannian or cayley");
    expect_refusal(layer({"--layer", "1", "--criterion", "tv", "--method", "closed"}), "no closed form");
    expect_refusal(layer({"--layer", "1", "--method", "cayley", "--start", "random"}), "Q = 0");
    expect_refusal(layer({"--layer", "1", "--criterion", "mds"}, false), "12 x 24");
    expect_refusal(layer({"--layer", "1"}, false), "--inputs");
    expect_refusal(layer({"--layer", "1", "--share", "2"}), "LAYER:TAP[:WEIGHT]");
    expect_refusal(layer({"--layer", "1", "--share", "2:during"}), "LAYER:TAP[:WEIGHT]");
    expect_refusal(layer({"--layer", "1", "--share", "2:after:-1"}), "LAYER:TAP[:WEIGHT]");
    expect_refusal(layer({"--layer", "1", "--share", "3:before"}), "6 signals, expected 12");
    expect_refusal(layer({"--layer", "1", "--evaluations", "0"}), "--evaluations");
    expect_refusal(layer({"--layer", "1", "--balance", "even"}), "norm, trace or none");
    expect_refusal(layer({"--layer", "1", "--stencil", folder / "none.npy"}), "none.npy");
    write_npy(folder / "wide.npy", differentiation_matrix(StencilKind::diff2, 13));
    expect_refusal(layer({"--layer", "1", "--stencil", folder / "wide.npy"}), "13 columns, expected 12");
    Matrix<double> central(12, 12);
    for (Index i = 0; i < 12; ++i) {
        central(i, (i + 1) % 12) = 1;
        central(i, (i + 11) % 12) = -1;
    }
    write_npy(folder / "central.npy", central);
    expect_refusal(layer({"--layer", "1", "--stencil", folder / "central.npy"}), "not monotone");
    expect_refusal(layer({"--layer", "1", "--precision", "f32"}), "f32");
    EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace descrambler
