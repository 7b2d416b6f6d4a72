// Cars and turbines: symmetries, formulas and measures by hand.
#include "tour/solids.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace descrambler::tour {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

double sum_of(const std::vector<double>& map) {
    return std::accumulate(map.begin(), map.end(), 0.0);
}

TEST(Solids, ACarIsItsOwnMirrorImage) {
    constexpr Index n = 10;
    for (Index k = 0; k < 5; ++k) {
        const std::vector<double> car = voxels(random_car(3, k), n);
        for (Index x = 0; x < n; ++x)
            for (Index y = 0; y < n; ++y)
                for (Index z = 0; z < n; ++z)  // the middles of voxels are exact to a rounding, which exp multiplies
                    EXPECT_NEAR(car[static_cast<std::size_t>((x * n + y) * n + z)],
                                car[static_cast<std::size_t>((x * n + n - 1 - y) * n + z)], 1e3 * eps);
        EXPECT_NEAR(mirror_symmetry(car, n), 1, 1e3 * eps);
    }
}

TEST(Solids, ABodyHasTheVolumeOfItsSuperellipsoid) {
    // an ellipsoid; the cabin far away, wheels of no size
    const Car car{.8, .5, .3, 2, .2, .1, 50, 1e-3};
    constexpr Index n = 40;
    const double volume = sum_of(voxels(car, n)) * std::pow(2. / n, 3), width = 1 / (.3 * n * 1.5);
    // integral of 3 r^2 / (1 + exp((r - 1) / width)) over r > 0; a percent for the sum over voxels of what is smooth over one
    const double wanted = 4 * std::numbers::pi / 3 * .8 * .5 * .3 * (1 + std::pow(std::numbers::pi * width, 2));
    EXPECT_NEAR(volume, wanted, .01 * wanted);
}

TEST(Solids, DragIsAreaTimesShape) {
    constexpr Index n = 4;
    std::vector<double> block(64, 0.0);
    for (Index x = 1; x < 3; ++x)  // two voxels deep, 2 x 1 in front
        for (Index y = 1; y < 3; ++y)
            block[static_cast<std::size_t>((x * n + y) * n + 1)] = 1;
    Car car;
    car.exponent = 4;
    car.cabin_height = car.cabin_length = .3;
    EXPECT_NEAR(drag(car, block, n), 2. / 16 * (.2 + .2 * std::tanh(1.) + .1), 10 * eps);
    Car steep = car;
    steep.cabin_length = .2;
    EXPECT_GT(drag(steep, block, n), drag(car, block, n));
}

TEST(Solids, ThreeBladesAreAlike) {
    Turbine turbine = random_turbine(1, 4), turned = turbine;
    turned.azimuth += 2 * std::numbers::pi / 3;
    constexpr Index n = 12;
    const std::vector<double> a = voxels(turbine, n), b = voxels(turned, n);
    for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_NEAR(a[i], b[i], 1e3 * eps);
    EXPECT_NEAR(peak_stress(turbine), peak_stress(turned), 1e3 * eps * peak_stress(turbine));
    turned.azimuth += .3;
    const std::vector<double> c = voxels(turned, n);
    double difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = std::max(difference, std::abs(a[i] - c[i]));
    EXPECT_GT(difference, .1);
}

TEST(Solids, ARotorFollowsItsTurnAndACarDoesNot) {
    // bilinear between voxels of a sharp shape: near 1, not at it
    EXPECT_GT(turn_symmetry(voxels(random_turbine(1, 2), 24), 24), .9);
    EXPECT_LT(turn_symmetry(voxels(random_car(1, 2), 24), 24), .9);
    const std::vector<double> even(512, 1.0);
    EXPECT_NEAR(turn_symmetry(even, 8), 1, 1e3 * eps);
}

TEST(Solids, TheBladeAcrossTheWeightBearsLess) {
    Turbine turbine;
    turbine.azimuth = std::numbers::pi / 2;  // blade 0 upright, the others 30 degrees off the horizontal
    EXPECT_LT(peak_stress(turbine, 0), peak_stress(turbine, 1));
    EXPECT_NEAR(peak_stress(turbine, 1), peak_stress(turbine, 2), 1e3 * eps * peak_stress(turbine, 1));
    EXPECT_EQ(peak_stress(turbine), std::max(peak_stress(turbine, 1), peak_stress(turbine, 2)));
    Turbine thick = turbine;
    thick.thickness = 2 * turbine.thickness;
    EXPECT_LT(peak_stress(thick), peak_stress(turbine));
}

// Constant chord, no twist, no weight on an upright blade: M(hub) = c [s^4 / 4 - hub s^3 / 3] between hub and tip.
TEST(Solids, StressOfAStraightBladeIsThatOfABeam) {
    Turbine t;
    t.azimuth = std::numbers::pi / 2;
    t.taper = t.twist = 0;
    const double h = Turbine::hub, R = t.radius, c = t.chord, thick = c * t.thickness;
    const double integral = (std::pow(R, 4) - std::pow(h, 4)) / 4 - h * (std::pow(R, 3) - std::pow(h, 3)) / 3;
    // 64 midpoints of a smooth function: its second derivative, below 6, times the square of the step over 24
    const double step = (R - h) / 64, tolerance = 6 * step * step / 24 * (R - h);
    EXPECT_NEAR(peak_stress(t, 0) * (c * thick * thick / 6) / c, integral, tolerance);
}

TEST(Solids, SharesOfBladesAndRoughnessByHand) {
    constexpr Index n = 4;
    std::vector<double> map(64, 0.0);
    map[static_cast<std::size_t>((0 * n + 3) * n + 2)] = 2;  // y = .75, z = .25: 18 degrees
    map[static_cast<std::size_t>((1 * n + 0) * n + 2)] = 1;  // y = -.75, z = .25: 162 degrees
    const std::vector<double> shares = blade_shares(map, n, 0);
    EXPECT_NEAR(shares[0], .8, 10 * eps);
    EXPECT_NEAR(shares[1], .2, 10 * eps);
    EXPECT_EQ(shares[2], 0);
    EXPECT_NEAR(blade_shares(map, n, 2 * std::numbers::pi / 3)[2], .8, 10 * eps);
    EXPECT_EQ(blade_shares(std::vector<double>(64, 0.0), n, 0), std::vector<double>(3, 0.0));

    EXPECT_EQ(roughness(std::vector<double>(64, 3.0), n), 0);
    EXPECT_NEAR(roughness(map, n), (2 * 4 + 1 * 5) / 3., 10 * eps);  // neighbours: 4 at two faces, 5 at one
    const std::vector<double> front = projection(map, n, 0), side = projection(map, n, 1);
    EXPECT_EQ(front[1 * 4 + 3], 2);  // z = 2 is the second row from the top
    EXPECT_EQ(front[1 * 4 + 0], 1);
    EXPECT_EQ(side[1 * 4 + 0], 2);
    EXPECT_EQ(projection(map, n, 2)[0 * 4 + 0], 2);
}

TEST(Solids, MirrorSymmetryHasBothSigns) {
    constexpr Index n = 2;
    EXPECT_NEAR(mirror_symmetry(std::vector<double>{1, 2, 1, 2, 3, 0, 3, 0}, n), 1, 10 * eps);
    EXPECT_NEAR(mirror_symmetry(std::vector<double>{1, 2, -1, -2, 3, 0, -3, 0}, n), -1, 10 * eps);
    EXPECT_EQ(mirror_symmetry(std::vector<double>(8, 0.0), n), 0);
}

TEST(Solids, NumbersAreShapes) {
    EXPECT_EQ(random_car(1, 5).length, random_car(1, 5).length);
    EXPECT_NE(random_car(1, 5).length, random_car(1, 6).length);
    EXPECT_NE(random_car(2, 5).length, random_car(1, 5).length);
    const Turbine turbine = random_turbine(1, 5);
    EXPECT_GE(turbine.azimuth, 0);
    EXPECT_LT(turbine.azimuth, 2 * std::numbers::pi / 3);
}

}  // namespace
}  // namespace descrambler::tour
