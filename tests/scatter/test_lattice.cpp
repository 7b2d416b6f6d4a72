#include "descrambler/lattice.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "descrambler/atrous.hpp"
#include "scatter/differences.hpp"

namespace descrambler {
namespace {

using namespace test;

double lag(const std::vector<double>& a, const std::vector<double>& b, std::size_t by) {
    double sum = 0;
    for (std::size_t n = 0; n + by < b.size(); ++n)
        sum += a[n] * b[n + by];
    return sum;
}

std::vector<double> random_angles(std::mt19937& draw, std::size_t count) {
    std::uniform_real_distribution<double> uniform(-std::numbers::pi, std::numbers::pi);
    std::vector<double> angles(count);
    for (double& angle : angles)
        angle = uniform(draw);
    return angles;
}

TEST(Lattice, IsOrthonormalForAnyAngles) {
    std::mt19937 draw(1);
    double worst = 0;
    for (int trial = 0; trial < 100; ++trial) {
        const TwoChannel f = lattice_filters(random_angles(draw, static_cast<std::size_t>(trial % 6)));
        double sum_h = 0, sum_g = 0;
        for (std::size_t n = 0; n < f.h.size(); ++n) {
            sum_h += f.h[n];
            sum_g += f.g[n];
        }
        worst = std::max({worst, std::abs(sum_h - std::numbers::sqrt2), std::abs(sum_g)});
        for (std::size_t k = 0; k < f.h.size(); k += 2) {
            const double unit = k == 0 ? 1 : 0;
            worst = std::max({worst, std::abs(lag(f.h, f.h, k) - unit), std::abs(lag(f.g, f.g, k) - unit),
                              std::abs(lag(f.h, f.g, k)), std::abs(lag(f.g, f.h, k))});
        }
        const std::vector<double> flip = alternating_flip(f.h);  // up to its sign
        for (std::size_t n = 0; n < flip.size(); ++n)
            worst = std::max(worst, std::abs(flip[n] + f.g[n]));
    }
    EXPECT_LE(worst, 12 * 16 * 2.2e-16);  // 12 products of eps each, of numbers up to 1, summed over 12 taps
}

TEST(Lattice, ContainsDaubechies) {
    const double root = std::sqrt(3.), unit = 4 * std::sqrt(2.);
    const TwoChannel f = lattice_filters(std::vector{std::numbers::pi / 3});
    EXPECT_NEAR(f.h[0], (1 + root) / unit, 1e-15);
    EXPECT_NEAR(f.h[1], (3 + root) / unit, 1e-15);
    EXPECT_NEAR(f.h[2], (3 - root) / unit, 1e-15);
    EXPECT_NEAR(f.h[3], (1 - root) / unit, 1e-15);
    const TwoChannel haar = lattice_filters({});
    EXPECT_NEAR(haar.h[0], std::sqrt(.5), 1e-15);
    EXPECT_NEAR(haar.h[1], std::sqrt(.5), 1e-15);
}

TEST(Lattice, DerivativesMatchDifferences) {
    std::mt19937 draw(2);
    for (const std::size_t count : {1U, 2U, 5U}) {
        const std::vector<double> angles = random_angles(draw, count);
        const std::vector<TwoChannel> derivatives = lattice_derivatives(angles);
        ASSERT_EQ(derivatives.size(), count);
        for (std::size_t k = 0; k < count; ++k) {
            const Function h = [](const std::vector<double>& t) { return lattice_filters(t).h; };
            const Function g = [](const std::vector<double>& t) { return lattice_filters(t).g; };
            EXPECT_LE(off(derivatives[k].h, difference(h, angles, k)), 1e-10);
            EXPECT_LE(off(derivatives[k].g, difference(g, angles, k)), 1e-10);
        }
    }
    EXPECT_THROW((void)lattice_filters(std::vector{double(INFINITY)}), InputError);
}

}  // namespace
}  // namespace descrambler
