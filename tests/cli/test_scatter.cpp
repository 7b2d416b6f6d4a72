// `scatter` as a user runs it.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;

class ScatterTest : public CliTest {
protected:
    std::string signals = folder / "signals.npy", images = folder / "images.h5", out = folder / "S.h5";

    void SetUp() override {
        Matrix<double> x(3, 50);  // [batch, N]
        for (Index i = 0; i < x.size(); ++i)
            x.data()[i] = std::sin(.3 * static_cast<double>(i * i % 97));
        write_npy(signals, x);
        std::vector<double> pictures(2 * 12 * 16);
        for (std::size_t i = 0; i < pictures.size(); ++i)
            pictures[i] = std::cos(.7 * static_cast<double>(i * i % 89));
        Hdf5File file = Hdf5File::create(images);
        file.root().write("pictures", {2, 12, 16}, pictures.data(), {"1", "pictures", "batch,rows,columns"});
        file.commit();
    }
    std::vector<std::string> transform(const std::string& of, std::vector<std::string> more) {
        more.insert(more.begin(), {"scatter", "transform", of, "--out", out, "--force"});
        return more;
    }
};

TEST_F(ScatterTest, CoefficientsAndPathsAreInTheFile) {
    const Outcome images_done = run(transform(images, {"--scales", "2", "--angles", "4", "--json"}));
    ASSERT_EQ(images_done.code, 0) << images_done.err;
    const auto json = nlohmann::json::parse(images_done.out);
    EXPECT_EQ(json["paths"], 1 + 8 + 16);
    {
        const Hdf5File file = Hdf5File::open(out);
        EXPECT_EQ(file.root().shape("coefficients"), (std::vector<Index>{2, 25, 3, 4}));
        EXPECT_EQ(file.root().text_attribute("", "convention"), "exact");
        EXPECT_EQ(file.root().text_attribute("", "padding"), "reflect");
        const Matrix<double> paths = file.root().read_matrix<double>("paths");
        ASSERT_EQ(paths.cols(), 9);
        EXPECT_EQ(paths(0, 0), 0);
        EXPECT_TRUE(std::isnan(paths(0, 1)));
        EXPECT_EQ(paths(24, 0), 2);
        EXPECT_EQ(paths(24, 1), 0);
        EXPECT_EQ(paths(24, 5), 1);
    }
    const Outcome signals_done = run(transform(signals, {"--scales", "3", "--output", "global", "--precision", "f32"}));
    ASSERT_EQ(signals_done.code, 0) << signals_done.err;
    const Hdf5File file = Hdf5File::open(out);
    EXPECT_EQ(file.root().shape("coefficients").size(), 2u);
    EXPECT_EQ(file.root().shape("coefficients")[0], 3);
}

TEST_F(ScatterTest, EveryFamilyAndAConstantOrZeroSignalIsServed) {
    Matrix<double> x(2, 32);
    for (Index i = 0; i < 32; ++i)
        x(1, i) = 1;
    write_npy(folder / "plain.npy", x);
    for (const std::string family : {"morlet", "lattice", "daubechies", "coiflet"}) {
        const Outcome done = run(transform(folder / "plain.npy", {"--scales", "2", "--family", family}));
        ASSERT_EQ(done.code, 0) << done.err;
        const FileArray<double> S = Hdf5File::open(out).root().read<double>("coefficients");
        const Index each = std::ssize(S.values) / 2, window = S.shape[2];
        for (Index i = 0; i < each; ++i) {
            EXPECT_EQ(S.values[static_cast<std::size_t>(i)], 0) << family;
            EXPECT_NEAR(S.values[static_cast<std::size_t>(each + i)], i < window ? 1 : 0, 1e-12) << family;
        }
    }
}

TEST_F(ScatterTest, ABankIsTold) {
    const Outcome done = run({"scatter", "bank", "--size", "32,32", "--scales", "3", "--padding", "periodic", "--json",
                              "--out", folder / "bank.h5"});
    ASSERT_EQ(done.code, 0) << done.err;
    const auto json = nlohmann::json::parse(done.out);
    EXPECT_NEAR(json["layers"][0]["littlewood_paley"][0].get<double>(), .123, 1e-3);
    EXPECT_NEAR(json["layers"][0]["littlewood_paley"][1].get<double>(), 1.0108, 1e-4);
    const Hdf5File file = Hdf5File::open(folder / "bank.h5");
    EXPECT_EQ(file.root().shape("layer_1/spectra"), (std::vector<Index>{25, 32, 32}));
}

TEST_F(ScatterTest, BadRequestsAreRefusedInOneLine) {
    expect_refusal(transform(signals, {"--scales", "6"}), "--scales");
    expect_refusal(transform(signals, {"--scales", "0"}), "--scales");
    expect_refusal(transform(images, {"--scales", "2", "--angles", "0"}), "--angles");
    expect_refusal(transform(signals, {"--scales", "2", "--angles", "4"}), "--angles");
    expect_refusal(transform(images, {"--scales", "2", "--per-octave", "4"}), "--per-octave");
    expect_refusal(transform(signals, {"--scales", "2", "--per-octave", "0"}), "--per-octave");
    expect_refusal(transform(signals, {"--scales", "2", "--per-octave", "100000"}), "--per-octave");
    expect_refusal(transform(signals, {"--scales", "2", "--padding", "periodic"}), "--padding periodic");
    expect_refusal(transform(signals, {"--scales", "2", "--padding", "mirror"}), "--padding");
    expect_refusal(transform(signals, {"--scales", "2", "--convention", "torch"}), "--convention");
    expect_refusal(transform(signals, {"--scales", "2", "--normalisation", "l2"}), "--normalisation");
    expect_refusal(transform(signals, {"--scales", "2", "--family", "haar"}), "--family");
    expect_refusal(transform(signals, {"--scales", "2", "--family", "coiflet", "--shape", "9"}), "expected");
    expect_refusal(transform(signals, {"--scales", "2", "--family", "lattice", "--convention", "kymatio"}),
                   "--convention");
    expect_refusal(transform(signals, {"--scales", "2", "--orders", "4"}), "--orders");
    expect_refusal(transform(signals, {"--scales", "2", "--all-paths"}), "--all-paths");
    expect_refusal(transform(signals, {"--scales", "2", "--memory", "0"}), "MiB");
    expect_refusal(transform(folder / "absent.npy", {"--scales", "2"}), "absent.npy");
    expect_refusal({"scatter", "bank", "--size", "1", "--scales", "1"}, "--size");
    Matrix<double> x(2, 8);
    x(1, 3) = NAN;
    write_npy(folder / "nan.npy", x);
    expect_refusal(transform(folder / "nan.npy", {"--scales", "1"}), "signal 1");
    expect_refusal(transform(write("text.npy", "no numbers"), {"--scales", "1"}), "text.npy");
}

}  // namespace
}  // namespace descrambler
