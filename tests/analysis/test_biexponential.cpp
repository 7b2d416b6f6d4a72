#include "analysis/relaxometry/biexponential.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "descrambler/random.hpp"

namespace descrambler {
namespace {

std::vector<double> curve_of(Index n, double c1, double k1, double c2, double k2) {
    std::vector<double> v;
    for (Index i = 0; i < n; ++i) {
        const double s = static_cast<double>(i) / static_cast<double>(n - 1);
        v.push_back(c1 * std::exp(-k1 * s) + c2 * std::exp(-k2 * s));
    }
    return v;
}

TEST(Biexponential, FindsPlantedCurvesOfEitherSign) {
    struct Planted {
        double c1, k1, c2, k2;
    };
    for (const Planted& p :
         {Planted{0.6, 2.7, 0.4, 9.1}, {1, -1.2, -0.8, 3.3}, {-0.01, -4.4, 0.3, 0.7}, {2, 20, -1, 5}}) {
        const BiexponentialFit fit = fit_biexponential(curve_of(64, p.c1, p.k1, p.c2, p.k2));
        // 400 iterations of Nelder-Mead halve a two-dimensional simplex more than 50 times
        EXPECT_GT(fit.r2, 1 - 1e-9) << p.c1 << " " << p.k1;
        const bool swapped = std::abs(fit.k[0] - p.k1) > std::abs(fit.k[1] - p.k1);
        EXPECT_NEAR(fit.k[swapped ? 1 : 0], p.k1, 1e-3 * std::abs(p.k1));
        EXPECT_NEAR(fit.k[swapped ? 0 : 1], p.k2, 1e-3 * std::abs(p.k2));
        EXPECT_NEAR(fit.c[swapped ? 1 : 0], p.c1, 1e-2 * std::abs(p.c1));
        EXPECT_NEAR(fit.c[swapped ? 0 : 1], p.c2, 1e-2 * std::abs(p.c2));
    }
}

TEST(Biexponential, R2IsWhatTheCurveLeavesOver) {
    RandomStream random(1, 2);
    std::vector<double> v = curve_of(64, 1, 3, -0.5, 12);
    for (double& x : v)
        x += 0.1 * random.normal();
    const BiexponentialFit fit = fit_biexponential(v);
    double mean = 0, left = 0, all = 0;
    for (const double x : v)
        mean += x / 64;
    for (std::size_t i = 0; i < v.size(); ++i) {
        left += std::pow(v[i] - fit.curve[i], 2);
        all += std::pow(v[i] - mean, 2);
        const double s = static_cast<double>(i) / 63;
        EXPECT_NEAR(fit.curve[i], fit.c[0] * std::exp(-fit.k[0] * s) + fit.c[1] * std::exp(-fit.k[1] * s), 1e-9);
    }
    EXPECT_NEAR(fit.r2, 1 - left / all, 1e-12);
    EXPECT_LT(left, 64 * 0.01 * 1.6);  // not worse than the truth: 64 squares of deviation 0.1, five of their spreads
    EXPECT_EQ(fit_biexponential(std::vector<double>(10, 3.0)).r2, 0);
}

TEST(Biexponential, GenericCurvesReachTheirKnownScores) {
    const std::vector<CurveScore> scores = generic_curve_scores(64, 1);
    const auto of = [&](const std::string& name) {
        for (const CurveScore& score : scores)
            if (score.name == name)
                return score.r2;
        return std::vector<double>{};
    };
    // measured elsewhere with another optimiser to the digits given
    EXPECT_NEAR(of("DCT vector 1").at(0), 0.986, 0.0006);
    EXPECT_NEAR(of("DCT vector 2").at(0), 0.41, 0.006);
    EXPECT_NEAR(of("DCT vector 3").at(0), 0.25, 0.006);
    EXPECT_NEAR(of("Legendre P1").at(0), 1.0, 0.006);
    EXPECT_NEAR(of("Legendre P2").at(0), 0.60, 0.006);
    EXPECT_NEAR(of("Legendre P3").at(0), 0.40, 0.006);
    ASSERT_EQ(of("random walk").size(), 20u);
    ASSERT_EQ(of("white noise").size(), 20u);
    // five parameters of 64 numbers explain about 5/63 of white noise; 20 draws stay far below 1/2
    for (const double r2 : of("white noise"))
        EXPECT_LT(r2, 0.5);
    EXPECT_EQ(generic_curve_scores(64, 1).back().r2, of("white noise"));
    EXPECT_NE(generic_curve_scores(64, 2).back().r2, of("white noise"));
}

TEST(Biexponential, SignChangesAndSmoothing) {
    EXPECT_EQ(smoothed_5(std::vector<double>{1, 2, 3, 10, 5}), (std::vector<double>{1, 2, 4.2, 6, 5}));
    std::vector<double> wave;
    for (int i = 0; i < 64; ++i)
        wave.push_back(std::cos(3 * std::numbers::pi * (i + 0.5) / 64));
    EXPECT_EQ(sign_changes(wave), 3);
    EXPECT_EQ(sign_changes(curve_of(64, 1, 1, -0.6, 0)), 1);
    EXPECT_EQ(sign_changes(std::vector<double>(8, 0.0)), 0);
    std::vector<double> touching(64, 1.0);  // below 5 % of the largest: left out
    touching[30] = touching[31] = touching[32] = touching[33] = touching[34] = -0.01;
    EXPECT_EQ(sign_changes(touching), 0);
}

TEST(Biexponential, ReadsThePlantedVectorOfALayer) {
    const auto on = make_cpu_backend<double>(1);
    // rank one and a little: row space led by two halves that are biexponential
    const std::vector<double> first = curve_of(32, 1, 2, -1.5, 6), second = curve_of(32, 0.5, -1, 0.2, 4);
    Network network;
    DenseLayer layer{Matrix<double>(6, 64), {}, Activation::relu, false};
    RandomStream random(4, 5);
    for (Index i = 0; i < 6; ++i)
        for (Index j = 0; j < 64; ++j)
            layer.weight(i, j) =
                (1.0 + static_cast<double>(i)) * (j < 32 ? first[j] : second[j - 32]) + 1e-6 * random.normal();
    network.layers.push_back(layer);
    const BiexponentialReading reading = read_biexponential(*on, network);
    EXPECT_GT(reading.r2(0, 0), 1 - 1e-6);
    EXPECT_GT(reading.r2(1, 0), 1 - 1e-6);
    EXPECT_LT(reading.r2(0, 1), 0.7);  // the rest is white noise
    EXPECT_EQ(reading.sign_changes(1, 0), 0);
    double ab = 0, aa = 0, bb = 0, sum = 0;
    for (Index j = 0; j < 32; ++j) {
        ab += first[j] * second[j];
        aa += first[j] * first[j];
        bb += second[j] * second[j];
        sum += reading.vectors(j, 0);
    }
    EXPECT_NEAR(reading.half_likeness, std::abs(ab) / std::sqrt(aa * bb), 1e-5);
    EXPECT_GE(sum, 0);
    EXPECT_EQ(reading.singular.size(), 6u);
    network.layers[0].weight = Matrix<double>(6, 63);
    EXPECT_THROW((void)read_biexponential(*on, network), InputError);
    network.layers[0].weight = Matrix<double>(2, 64);
    EXPECT_THROW((void)read_biexponential(*on, network), InputError);
}

TEST(Biexponential, PrincipalComponentsOfBiexponentialTraces) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> traces(64, 400);
    RandomStream random(8, 8);
    for (Index j = 0; j < traces.cols(); ++j) {  // one varying rate: the first component is its derivative, nearly
        const std::vector<double> v = curve_of(64, 1, 2 + random.uniform(), 0, 0);
        std::copy(v.begin(), v.end(), traces.column(j).begin());
    }
    const std::vector<CurveScore> scores = principal_component_scores(*on, traces);
    ASSERT_EQ(scores.size(), 3u);
    EXPECT_EQ(scores[0].name, "PCA vector 1");
    EXPECT_GT(scores[0].r2.at(0), 0.99);
    EXPECT_LT(scores[2].r2.at(0), scores[0].r2.at(0));
}

}  // namespace
}  // namespace descrambler
