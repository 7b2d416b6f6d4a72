// Pictures of rotated squares against areas by hand.
#include "tour/squares.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace descrambler::tour {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

double sum_of(const std::vector<double>& picture) {
    return std::accumulate(picture.begin(), picture.end(), 0.0);
}

TEST(Squares, TheAreaIsThatOfTheSquareAtAnyAngle) {
    for (const double angle : {0., .1, .5, std::numbers::pi / 4, 1., 1.5}) {
        // a pixel at the edge is a polygon of up to 8 points with coordinates below 12: some 100 roundings of 144 each;
        // 1 + 4 * 8 * sqrt(2) pixels at most lie there
        EXPECT_NEAR(sum_of(rotated_square(16, 8, angle)), 64, 50 * 100 * 144 * eps) << angle;
    }
}

TEST(Squares, UprightSquaresHaveWholeAndHalfPixels) {
    const std::vector<double> even = rotated_square(4, 2, 0), odd = rotated_square(4, 3, 0);
    for (std::size_t i = 0; i < 16; ++i) {
        const bool inner_row = i / 4 == 1 || i / 4 == 2, inner_column = i % 4 == 1 || i % 4 == 2;
        EXPECT_NEAR(even[i], inner_row && inner_column ? 1 : 0, 100 * eps) << i;
        EXPECT_NEAR(odd[i], (inner_row ? 1 : .5) * (inner_column ? 1 : .5), 100 * eps) << i;
    }
}

TEST(Squares, AQuarterTurnChangesNothing) {
    const std::vector<double> a = rotated_square(12, 7, .3), b = rotated_square(12, 7, .3 + std::numbers::pi / 2);
    for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_NEAR(a[i], b[i], 1e4 * eps);
    EXPECT_GT(std::abs(rotated_square(12, 7, .6)[13] - a[13]) + std::abs(rotated_square(12, 7, .6)[30] - a[30]), 1e-3);
}

// At 45 degrees a square of side 2 sqrt(2) has its corners at distance 2 of the middle: (0, 2) is the upper one.
TEST(Squares, CornersLieWhereTheAngleSays) {
    const std::vector<double> picture = rotated_square(4, 2 * std::numbers::sqrt2, std::numbers::pi / 4);
    EXPECT_NEAR(picture[0], 0, 100 * eps);
    EXPECT_NEAR(picture[1], .5, 100 * eps);  // halved by the side from (0, 2) to (-2, 0)
    EXPECT_NEAR(picture[5], 1, 100 * eps);
    EXPECT_NEAR(sum_of(picture), 8, 1e4 * eps);
    // the lower right corner goes up and to the right, anticlockwise
    const std::vector<double> turned = rotated_square(8, 4, .2);
    EXPECT_GT(turned[5 * 8 + 6], turned[2 * 8 + 6]);
}

TEST(Squares, TheOutlineIsWhereTheSidesAre) {
    const std::vector<bool> near = near_outline(8, 4, 0, .6);  // sides at 2 and 6
    for (std::size_t i = 0; i < 64; ++i) {
        const double y = static_cast<double>(i / 8) + .5, x = static_cast<double>(i % 8) + .5;
        const double dx = std::abs(x - 4) - 2, dy = std::abs(y - 4) - 2;
        const bool inside = dx < 0 && dy < 0;
        EXPECT_EQ(near[i], inside ? std::max(dx, dy) > -.7 : std::hypot(std::max(dx, 0.), std::max(dy, 0.)) < .7) << i;
    }
}

TEST(Squares, ColumnsArePictures) {
    const std::vector<double> angles{.2, .9};
    const Matrix<double> pictures = rotated_square_pictures(6, 3, angles);
    ASSERT_EQ(pictures.cols(), 2);
    const std::vector<double> second = rotated_square(6, 3, .9);
    EXPECT_TRUE(std::equal(second.begin(), second.end(), pictures.column(1).begin()));
}

}  // namespace
}  // namespace descrambler::tour
