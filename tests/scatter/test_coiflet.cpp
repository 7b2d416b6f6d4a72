#include "descrambler/coiflet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "descrambler/error.hpp"
#include "scatter/differences.hpp"

namespace descrambler {
namespace {

using namespace test;

std::vector<double> taps(double centre) {
    const Coiflet coiflet = coiflet_filter(centre);
    return {coiflet.h.begin(), coiflet.h.end()};
}

TEST(Coiflet, SolvesItsEquations) {
    for (const double centre : {.565, .8, 1.7, 2., 2.2, 2.5, 3., 4.1, 4.435}) {
        const Coiflet coiflet = coiflet_filter(centre);
        EXPECT_LE(coiflet.residual, 1e-15) << centre;
        double sum = 0, moment = 0;
        for (std::size_t n = 0; n < 6; ++n) {
            sum += coiflet.h[n];
            moment += (static_cast<double>(n) - centre) * coiflet.h[n];
        }
        EXPECT_NEAR(sum, std::numbers::sqrt2, 2e-15);
        EXPECT_NEAR(moment, 0, 2e-15);
        EXPECT_GT(coiflet.condition, 1);
    }
}

TEST(Coiflet, StartsAtCoif1) {  // PyWavelets 1.9, coif1
    const std::vector<double> coif1{-.07273261951285389, .33789766245780921,  .85257202021225542,
                                    .38486484686420286,  -.07273261951285389, -.01565572813546454};
    EXPECT_LE(off(taps(2), coif1), 1e-12);  // what the table has
    EXPECT_NEAR(coiflet_filter(2).condition, 58, 1);
}

// The branch is one curve: neighbours are near, and what is told does not depend on where it was asked before.
TEST(Coiflet, KeepsItsBranch) {
    for (double centre = .6; centre < 4.42; centre += .05) {
        const std::vector<double> a = taps(centre), b = taps(centre + .01);
        EXPECT_LE(off(a, b), .1) << centre;
    }
    // next to a fold it grows as one over the square root of the distance: 4 times the distance, half of it
    EXPECT_NEAR(coiflet_filter(.5635 + .002).condition / coiflet_filter(.5635 + .008).condition, 2, .1);
    EXPECT_GT(coiflet_filter(.565).condition, coiflet_filter(1).condition);
    EXPECT_GT(coiflet_filter(4.435).condition, coiflet_filter(4).condition);
}

TEST(Coiflet, DerivativeMatchesDifferences) {
    for (const double centre : {.9, 1.7, 2.2, 2.5, 3.9}) {
        const Coiflet coiflet = coiflet_filter(centre);
        const Function h = [](const std::vector<double>& t) { return taps(t[0]); };
        EXPECT_LE(off({coiflet.derivative.begin(), coiflet.derivative.end()}, difference(h, {centre}, 0)), 1e-9)
            << centre;
    }
}

TEST(Coiflet, RefusesBeyondTheFolds) {
    for (const double centre : {.56, 4.44, -1., double(NAN)})
        EXPECT_THROW((void)coiflet_filter(centre), InputError);
}

}  // namespace
}  // namespace descrambler
