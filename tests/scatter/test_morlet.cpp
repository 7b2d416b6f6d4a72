#include "descrambler/morlet.hpp"

#include <gtest/gtest.h>

#include <numbers>

#include "descrambler/filter_bank.hpp"
#include "scatter/differences.hpp"
#include "scatter/naive_scattering.hpp"

namespace descrambler {
namespace {

using namespace test;
constexpr double pi = std::numbers::pi;

// (4) by its sum over so many aliases that nothing is missing.
std::vector<double> plain(const Grid& grid, const Morlet& m, Index K) {
    const auto gaussian = [&](double w1, double w2, double xi) {
        double sum = 0;
        for (Index k1 = -K; k1 <= K; ++k1)
            for (Index k2 = -K; k2 <= K; ++k2) {
                const double u = w1 + 2 * pi * static_cast<double>(k1), v = w2 + 2 * pi * static_cast<double>(k2);
                const double a = u * std::cos(m.theta) + v * std::sin(m.theta),
                             b = v * std::cos(m.theta) - u * std::sin(m.theta);
                sum += std::exp(-m.sigma * m.sigma / 2 * ((a - xi) * (a - xi) + b * b / (m.slant * m.slant)));
            }
        return sum;
    };
    const double kappa = gaussian(0, 0, m.xi) / gaussian(0, 0, 0);
    std::vector<double> psi;
    for (Index k1 = 0; k1 < grid.n1; ++k1)
        for (Index k2 = 0; k2 < grid.n2; ++k2) {
            const double w1 = angular_frequency(k1, grid.n1), w2 = angular_frequency(k2, grid.n2);
            psi.push_back(gaussian(w1, w2, m.xi) - kappa * gaussian(w1, w2, 0));
        }
    return psi;
}

TEST(Morlet, AliasesAreAsManyAsCount) {
    EXPECT_EQ(morlet_aliases(.8, .5, .75 * pi), 2);
    EXPECT_EQ(morlet_aliases(.8, 4, .75 * pi), 7);
    EXPECT_EQ(morlet_aliases(.3, 1, .75 * pi), 5);
    EXPECT_EQ(morlet_aliases(12.8, .5, .1), 0);
    const Grid grid{12, 15};
    for (const Morlet& m : {Morlet{.3, .8, .75 * pi, .5}, Morlet{-1.1, .8, .75 * pi, 4}, Morlet{2, .3, .75 * pi, 1},
                            Morlet{.7, 3.2, .2, .6}}) {
        // against the peak of ghat, 1 and more: what kappa takes away does not count. Exponents are wrong by some eps of
        // themselves, which weighs with x exp(-x) <= .37, and twice ten aliases may count
        const std::vector<double> psi = morlet_filter(grid, m).re, full = plain(grid, m, 20);
        for (std::size_t k = 0; k < psi.size(); ++k)
            EXPECT_NEAR(psi[k], full[k], 20 * 2.2e-16);
        const Index K = morlet_aliases(m.sigma, m.slant, m.xi);
        EXPECT_LE(off(plain(grid, m, K), plain(grid, m, 20)), 1e-15);
        if (K > 2) {  // fewer are not enough
            EXPECT_GT(off(plain(grid, m, 2), plain(grid, m, 20)), 1e-4);
        }
    }
}

// In space: g(u) (exp(i xi u . e) - kappa), g a Gaussian of unit integral; kappa as the mean of the sampled one demands.
TEST(Morlet, IsAGaussianTimesAWave) {
    const Grid grid{24, 30};
    const Morlet m{.4, 1.6, 1.1, .7};
    const SpectralFilter psi = morlet_filter(grid, m);
    Field spectrum;
    for (Index k = 0; k < grid.size(); ++k)
        spectrum.push_back(psi[k]);
    const Field in_space = dft(spectrum, grid, 1);
    Field band(spectrum.size()), low(spectrum.size());
    for (int i = -60; i <= 60; ++i)
        for (int j = -60; j <= 60; ++j) {
            const double a = i * std::cos(m.theta) + j * std::sin(m.theta),
                         b = j * std::cos(m.theta) - i * std::sin(m.theta);
            const double g = m.slant / (2 * pi * m.sigma * m.sigma) *
                             std::exp(-(a * a + m.slant * m.slant * b * b) / (2 * m.sigma * m.sigma));
            const Index at = (i + 240) % 24 * 30 + (j + 300) % 30;
            band[at] += g * std::polar(1., m.xi * a);
            low[at] += g;
        }
    Complex above = 0, below = 0;
    for (std::size_t k = 0; k < band.size(); ++k) {
        above += band[k];
        below += low[k];
    }
    for (std::size_t k = 0; k < band.size(); ++k)
        EXPECT_LE(std::abs(in_space[k] - (band[k] - above / below * low[k])), 1e-15);
}

TEST(Morlet, HasZeroMean) {
    for (const std::vector<Morlet>& scale : morlet_constants(3, {8}))
        for (const Morlet& m : scale)
            EXPECT_EQ(morlet_filter({32, 20}, m).re[0], 0);
    EXPECT_NEAR(gaussian_low_pass({32, 32}, 3.2).re[0], 1, 1e-15);
}

TEST(Morlet, DerivativesMatchDifferences) {
    const Grid grid{16, 20};
    for (const Morlet& m : {Morlet{.3, .8, .75 * pi, .5}, Morlet{-1.1, .9, 2, 3}, Morlet{2, 1.7, .8, .6}}) {
        const std::vector<double> at{m.theta, std::log(m.sigma), std::log(m.xi), std::log(m.slant)};
        const Function f = [&](const std::vector<double>& p) {
            return morlet_filter(grid, {p[0], std::exp(p[1]), std::exp(p[2]), std::exp(p[3])}).re;
        };
        const auto derivatives = morlet_derivatives(grid, m);
        for (std::size_t p = 0; p < 4; ++p)
            EXPECT_LE(off(derivatives[p].re, difference(f, at, p)), 1e-10) << p;
    }
}

// Smallest and largest A of the usual bank (notes, section 1.3 and 2.18).
TEST(Morlet, LittlewoodPaleyOfTheUsualBank) {
    const auto check = [](Index n, Index J, Index L, double least, double most, double tolerance) {
        const FilterBank bank = morlet_bank_2d({n, n}, {.scales = J, .angles = {L}});
        const PaleyBounds found = bounds(bank.layers[0].paley);
        EXPECT_NEAR(found.least, least, 5e-4) << n << " " << J << " " << L;
        EXPECT_NEAR(found.most, most, tolerance) << n << " " << J << " " << L;
    };
    check(32, 3, 8, .1230, 1.0108, 5e-5);  // as printed, to half of the last digit
    check(64, 3, 8, .1230, 1.0136, 5e-5);
    check(64, 4, 8, .1230, 1.0352, 5e-5);
    check(32, 1, 8, .1230, 1, 5e-5);
    check(32, 2, 8, .1230, 1, 5e-5);
    check(32, 2, 4, .132, 1, 5e-4);
    check(64, 3, 4, .132, 1, 1);
    check(64, 3, 6, .054, 1, 1);
    check(64, 3, 16, .066, 1.065, 1);
}

TEST(Morlet, ConstantsOfTheBank) {
    const auto bank = morlet_constants(3, {8, 4, 1});
    ASSERT_EQ(bank.size(), 3U);
    EXPECT_EQ(bank[0].size(), 8U);
    EXPECT_EQ(bank[1].size(), 4U);
    EXPECT_EQ(bank[2].size(), 1U);
    EXPECT_NEAR(bank[0][0].theta, 3 * pi / 8, 1e-15);
    EXPECT_NEAR(bank[0][7].theta, -4 * pi / 8, 1e-15);
    EXPECT_NEAR(bank[1][0].sigma, 1.6, 1e-15);
    EXPECT_NEAR(bank[1][0].xi, 3 * pi / 8, 1e-15);
    EXPECT_EQ(bank[1][0].slant, 1);
    EXPECT_EQ(bank[2][0].theta, 0);
    EXPECT_EQ(bank[2][0].slant, 4);
}

TEST(Morlet, Refuses) {
    const Grid grid{8, 8};
    EXPECT_THROW((void)morlet_filter(grid, {0, -1, 1, 1}), InputError);
    EXPECT_THROW((void)morlet_filter(grid, {0, 1, 0, 1}), InputError);
    EXPECT_THROW((void)morlet_filter(grid, {0, 1, 4.5, 1}), InputError);
    EXPECT_THROW((void)morlet_filter(grid, {0, 1, 1, 0}), InputError);
    EXPECT_THROW((void)morlet_filter(grid, {NAN, 1, 1, 1}), InputError);
    EXPECT_THROW((void)morlet_filter(grid, {0, .05, 1, 1}), InputError);  // more than 16 aliases
    EXPECT_THROW((void)morlet_filter(grid, {0, 1, 1, 20}), InputError);
    EXPECT_THROW((void)morlet_constants(0, {8}), InputError);
    EXPECT_THROW((void)morlet_constants(2, {0}), InputError);
    EXPECT_THROW((void)morlet_constants(3, {8, 8}), InputError);
}

TEST(SpectralFilter, LevelsFoldAndCrop) {
    SpectralFilter f{{0, 1, 2, 3, 4, 5, 6, 7}, {}};
    EXPECT_EQ(periodised(f, {1, 8}, 2).re, (std::vector<double>{4, 6, 8, 10}));
    EXPECT_EQ(cropped(f, {1, 8}, 2).re, (std::vector<double>{0, 1, 6, 7}));  // 2 is zeroed, its mirror 6 is kept
    EXPECT_EQ(cropped(f, {1, 8}, 1).re, f.re);
    EXPECT_EQ(at_level(f, {1, 8}, 2, Convention::kymatio).re, (std::vector<double>{4, 6, 8, 10}));
    f.im = f.re;
    EXPECT_EQ(periodised(f, {2, 4}, 2).im, (std::vector<double>{12, 16}));
    EXPECT_EQ(at_level(f, {2, 4}, 2, Convention::kymatio).im, (std::vector<double>{4, 7}));
    EXPECT_EQ(opposite(1, {2, 4}), 3);
    EXPECT_EQ(opposite(5, {2, 4}), 7);
    EXPECT_THROW((void)periodised(f, {1, 8}, 3), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
