#include "descrambler/morlet_1d.hpp"

#include <gtest/gtest.h>

#include "scatter/differences.hpp"
#include "scatter/exponential.hpp"
#include "scatter/naive_scattering.hpp"

namespace descrambler {
namespace {

using namespace test;

double l1(const SpectralFilter& filter, Index n) {
    Field spectrum;
    for (Index k = 0; k < n; ++k)
        spectrum.push_back(filter[k]);
    double sum = 0;
    for (const Complex& number : dft(spectrum, {1, n}, 1))
        sum += std::abs(number);
    return sum;
}

TEST(MorletLadder, GeometricThenLinear) {
    const Index Q = 8, J = 5;
    const std::vector<Morlet1d> ladder = morlet_ladder(J, Q);
    const double least = low_pass_sigma_1d(J), ratio = std::pow(2., 1. / Q);
    EXPECT_NEAR(ladder[0].xi, 1 / (1 + std::pow(2., 3. / 8)), 1e-15);
    // neighbours cross at sqrt(1/2) of the peak: exp(-d^2 / 2) with the place between them where both are equal
    const double middle =
        (ladder[0].xi * ladder[1].sigma + ladder[1].xi * ladder[0].sigma) / (ladder[0].sigma + ladder[1].sigma);
    EXPECT_NEAR(std::exp(-std::pow((ladder[0].xi - middle) / ladder[0].sigma, 2) / 2), std::sqrt(.5), 1e-14);
    std::size_t elbow = 0;
    while (ladder[elbow].sigma > least * ratio)
        ++elbow;
    ASSERT_EQ(ladder.size(), elbow + Q);
    for (std::size_t i = 1; i <= elbow; ++i) {
        EXPECT_NEAR(ladder[i - 1].xi / ladder[i].xi, ratio, 1e-14);
        EXPECT_NEAR(ladder[i].sigma / ladder[i].xi, ladder[0].sigma / ladder[0].xi, 1e-15);
    }
    for (std::size_t i = elbow + 1; i < ladder.size(); ++i) {
        EXPECT_NEAR(ladder[i - 1].xi - ladder[i].xi, ladder[elbow].xi / Q, 1e-15);
        EXPECT_EQ(ladder[i].sigma, least);
    }
    EXPECT_EQ(morlet_ladder(3, 1)[0].xi, .35);
    const std::vector<Morlet1d> coarse = morlet_ladder(1, 16);  // even the first sigma, .0109, is below .05: xi = sigma
    ASSERT_EQ(coarse.size(), 15U);
    const double sigma = 1 / (1 + std::pow(2., 3. / 16)) * (1 - std::pow(2., -1. / 16)) /
                         ((1 + std::pow(2., -1. / 16)) * std::sqrt(std::log(2.)));
    EXPECT_NEAR(coarse[0].xi, sigma * 15 / 16, 1e-15);
    EXPECT_NEAR(coarse[0].sigma, .05, 1e-15);
}

TEST(MorletLadder, Scales) {
    EXPECT_EQ(morlet_scale({.35, .1}), 0);
    EXPECT_EQ(morlet_scale({.12, .02}), 1);   // .22 is in (.125, .25]
    EXPECT_EQ(morlet_scale({.01, .002}), 4);  // .02 in (.015625, .03125]
    EXPECT_EQ(morlet_padded_length(512, 6), 1024);
    EXPECT_THROW((void)morlet_padded_length(63, 6), InputError);
    EXPECT_EQ(morlet_padded_length(1 << 17, 8), 1 << 18);
    EXPECT_EQ(morlet_padded_length(1000, 2), 2048);
}

// Sum of |psi| 1 and mean zero. Where the sum is taken on a coarser grid it is the same: with any number of points the
// normalised filter has it. n eps for the sums of the transform.
TEST(Morlet1d, UnitNormAndZeroMean) {
    for (const Convention convention : {Convention::exact, Convention::kymatio})
        for (const Index n : {256, 384, 1000, 1024})
            for (const Index Q : {1, 3, 12})
                for (const Morlet1d& m : morlet_ladder(7, Q)) {
                    const SpectralFilter psi = morlet_filter(n, m, convention);
                    EXPECT_EQ(psi.re[0], 0);
                    // kymatio leaves out aliases of 1e-7 of the peak, the norm has them
                    EXPECT_NEAR(l1(psi, n), 1, convention == Convention::exact ? 2e-13 : 2e-7)
                        << n << " " << Q << " " << m.xi << " " << m.sigma;
                }
}

TEST(Morlet1d, IsTheSumOfItsAliases) {
    const Index n = 90;
    const Morlet1d m{.4, .17};
    const auto gaussian = [&](double f, double centre) {
        double sum = 0;
        for (int p = -9; p <= 9; ++p)
            sum += std::exp(-std::pow((f + p - centre) / m.sigma, 2) / 2);
        return sum;
    };
    const SpectralFilter psi = morlet_filter(n, m, Convention::exact);
    std::vector<double> plain;
    for (Index k = 0; k < n; ++k) {
        const double f = static_cast<double>(k) / n;
        plain.push_back(gaussian(f, m.xi) - gaussian(0, m.xi) / gaussian(0, 0) * gaussian(f, 0));
    }
    const double c = plain[30] / psi.re[30];
    for (double& number : plain)
        number /= c;
    EXPECT_LE(off(psi.re, plain), 1e-15);
    // kymatio: P = 2, aliases -1 .. 1 in [0, 1)
    EXPECT_LE(off(morlet_filter(n, m, Convention::kymatio).re, plain), 1e-7);
    EXPECT_GT(off(morlet_filter(n, m, Convention::kymatio).re, plain), 1e-16);
    EXPECT_LE(off(gaussian_low_pass(n, .1, Convention::exact).re, gaussian_low_pass(n, .1, Convention::kymatio).re),
              1e-7);
    EXPECT_EQ(gaussian_low_pass(n, .1, Convention::exact).re[0], 1);
}

TEST(Morlet1d, DerivativesMatchDifferences) {
    for (const Convention convention : {Convention::exact, Convention::kymatio})
        for (const Index n : {96, 4096})
            for (const Morlet1d& m : {Morlet1d{.35, .14}, {.1, .02}, {.02, .006}, {.004, .0016}}) {
                const std::vector<double> at{std::log(m.xi), std::log(m.sigma)};
                const Function f = [&](const std::vector<double>& p) {
                    return morlet_filter(n, {std::exp(p[0]), std::exp(p[1])}, convention).re;
                };
                const auto derivatives = morlet_derivatives(n, m, convention);
                for (std::size_t p = 0; p < 2; ++p) {
                    // against the peak of 1. kymatio's cut of the aliases leaves a jump where a tail enters
                    const std::vector<double> slopes = difference(f, at, p);
                    for (std::size_t k = 0; k < slopes.size(); ++k)
                        ASSERT_NEAR(derivatives[p].re[k], slopes[k], 1e-9) << n << " " << m.xi << " " << p;
                }
            }
}

TEST(Exponential, IsWrongByTwoEpsAtMost) {
    double worst = 0;
    for (int i = 0; i <= 700000; ++i) {
        const double x = -.001 * i, exact = std::exp(x);
        worst = std::max(worst, std::abs(scatter::exponential(x) - exact) / exact);
    }
    EXPECT_LE(worst, 2 * 2.3e-16);
    EXPECT_EQ(scatter::exponential(0), 1);
}

TEST(Morlet1d, Refuses) {
    EXPECT_THROW((void)morlet_ladder(0, 8), InputError);
    EXPECT_THROW((void)morlet_ladder(3, 0), InputError);
    EXPECT_THROW((void)morlet_filter(64, {.51, .1}, Convention::exact), InputError);
    EXPECT_THROW((void)morlet_filter(64, {0, .1}, Convention::exact), InputError);
    EXPECT_THROW((void)morlet_filter(64, {.1, 0}, Convention::exact), InputError);
    EXPECT_THROW((void)morlet_filter(64, {.0004, .5}, Convention::exact), InputError);
    EXPECT_THROW((void)morlet_filter(64, {.1, 1e-5}, Convention::exact), InputError);
}

// Few octaves and many wavelets: the last of the ladder are much wider than their frequency, and wavelets all the same.
TEST(Morlet1d, EveryLadderIsServed) {
    for (const Index scales : {1, 2, 3, 6, 10})
        for (const Index per_octave : {1, 2, 8, 16, 32})
            for (const Morlet1d& wavelet : morlet_ladder(scales, per_octave))
                EXPECT_NO_THROW(check(wavelet)) << scales << " scales, " << per_octave << " an octave";
}

}  // namespace
}  // namespace descrambler
