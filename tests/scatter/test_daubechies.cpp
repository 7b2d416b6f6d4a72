#include "descrambler/daubechies.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <random>

#include "descrambler/error.hpp"
#include "scatter/differences.hpp"

namespace descrambler {
namespace {

using namespace test;

// Largest |sum h[n] h[n + 2k] - delta_k|.
double orthonormality(const std::vector<double>& h) {
    double worst = 0;
    for (std::size_t k = 0; k < h.size(); k += 2) {
        double sum = k == 0 ? -1 : 0;
        for (std::size_t n = 0; n + k < h.size(); ++n)
            sum += h[n] * h[n + k];
        worst = std::max(worst, std::abs(sum));
    }
    return worst;
}

std::complex<double> response(const std::vector<double>& h, std::complex<double> z) {  // sum h[n] z^-n
    std::complex<double> sum = 0, power = 1;
    for (const double tap : h) {
        sum += tap * power;
        power /= z;
    }
    return sum;
}

// Daubechies, Ten Lectures on Wavelets (1992), table 6.1.
TEST(Daubechies, ZerosGiveTheTables) {
    const std::vector<double> db2{.4829629131445341, .8365163037378077, .2241438680420134, -.1294095225512603};
    const std::vector<double> db3{.3326705529500825,  .8068915093110924,  .4598775021184914,
                                  -.1350110200102546, -.0854412738820267, .0352262918857095};
    const DaubechiesFilter two = daubechies_filter({.zeros = 2}), three = daubechies_filter({.zeros = 3});
    for (std::size_t n = 0; n < 4; ++n)
        EXPECT_NEAR(two.h[n], db2[n], 1e-15);
    for (std::size_t n = 0; n < 6; ++n)
        EXPECT_NEAR(three.h[n], db3[n], 3e-15);  // 13 digits of the table, and those beyond from PyWavelets
    EXPECT_NEAR(daubechies_filter({.zeros = 1}).h[0], std::sqrt(.5), 1e-15);
}

const std::vector<Exponentials> cases{{2, {}, {}},           {3, {}, {}},        {0, {}, {{0, .3}}},
                                      {0, {.2, -.5}, {}},    {1, {}, {{0, .8}}}, {0, {.6, .6, -.1, -.1}, {}},
                                      {1, {.1}, {{-.1, .5}}}};

TEST(Daubechies, IsOrthonormalAndKeepsItsExponentials) {
    for (const Exponentials& alphas : cases)
        for (const double step : {1., .5}) {
            const DaubechiesFilter filter = daubechies_filter(alphas, step);
            EXPECT_EQ(std::ssize(filter.h), 2 * alphas.count());
            EXPECT_LE(orthonormality(filter.h), 1e-13);  // eps over the square root of the least S
            EXPECT_GT(filter.least, 1e-4);
            std::vector<std::complex<double>> all(static_cast<std::size_t>(alphas.zeros));
            all.insert(all.end(), alphas.real.begin(), alphas.real.end());
            for (const auto& [re, im] : alphas.pairs)
                all.emplace_back(re, im);
            for (const std::complex<double> alpha : all)
                EXPECT_LE(std::abs(response(filter.h, -std::exp(alpha * step))), 2e-14);
            double sum = 0;
            for (const double tap : filter.h)
                sum += tap;
            if (alphas.zeros > 0) {
                EXPECT_NEAR(sum, std::numbers::sqrt2, 1e-14);
            } else if (step == 1) {
                EXPECT_GT(std::abs(sum - std::numbers::sqrt2), 1e-7);
            }
        }
}

TEST(Daubechies, DerivativesMatchDifferences) {
    for (const Exponentials& alphas : {Exponentials{1, {.2, -.5}, {}}, {1, {}, {{0.05, .8}}}, {1, {.1}, {{-.1, .5}}}})
        for (const double step : {1., .5}) {
            const Function h = [&](const std::vector<double>& p) { return daubechies_filter(alphas.with(p), step).h; };
            const std::vector<double> at = alphas.parameters();
            const DaubechiesFilter filter = daubechies_filter(alphas, step);
            ASSERT_EQ(filter.derivatives.size(), at.size());
            for (std::size_t p = 0; p < at.size(); ++p)
                EXPECT_LE(off(filter.derivatives[p], difference(h, at, p)), 1e-8) << p;  // q has eps / sqrt(least S)
        }
}

// Two alphas of which no positive S exists, in words that say how far; and the share of random ones, a quarter in the notes.
TEST(Daubechies, RefusesWhereTheSpectralFactorIsNotPositive) {
    std::mt19937 draw(5);
    std::uniform_real_distribution<double> real(-2, 2), imaginary(-3, 3);
    int refused = 0;
    std::string message;
    for (int trial = 0; trial < 1000; ++trial) {
        Exponentials alphas{1, {}, {}};
        for (int i = 0; i < trial % 3; ++i)
            alphas.real.push_back(real(draw));
        for (int i = 0; i < (trial / 3) % 3; ++i)
            alphas.pairs.push_back({real(draw), imaginary(draw)});
        try {
            const DaubechiesFilter filter = daubechies_filter(alphas);
            EXPECT_LE(orthonormality(filter.h), 1e-10);
        } catch (const InputError& error) {
            ++refused;
            message = error.what();
        }
    }
    EXPECT_GT(refused, 150);
    EXPECT_LT(refused, 500);
    RecordProperty("refused", refused);
    EXPECT_NE(message.find("expected a spectral factor of at least 1e-06, found "), std::string::npos) << message;
    EXPECT_THROW((void)daubechies_filter({0, {}, {}}), InputError);
    EXPECT_THROW((void)daubechies_filter({13, {}, {}}), InputError);
    EXPECT_THROW((void)daubechies_filter({1, {NAN}, {}}), InputError);
    EXPECT_THROW((void)daubechies_filter({1, {20}, {}}), InputError);
    EXPECT_THROW((void)daubechies_filter({0, {}, {{0, std::numbers::pi / 2}}}), InputError);  // the system is singular
}

}  // namespace
}  // namespace descrambler
