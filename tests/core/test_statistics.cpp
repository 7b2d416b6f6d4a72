#include "descrambler/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace descrambler {
namespace {

TEST(Statistics, MediansAndQuantilesByHand) {
    EXPECT_EQ(median_of({3, 1, 2}), 2);
    EXPECT_EQ(median_of({4, 1, 3, 2}), 2.5);
    EXPECT_EQ(upper_median({4, 1, 3, 2}), 3);
    EXPECT_TRUE(std::isnan(median_of({})));
    EXPECT_THROW((void)spread_of({}), std::invalid_argument);
    const Spread s = spread_of({5, -1, 2});
    EXPECT_EQ(s.median, 2);
    EXPECT_EQ(s.min, -1);
    EXPECT_EQ(s.max, 5);
    EXPECT_EQ(nearest_quantile({1, 2, 3, 4, 5}, 0.9), 5);
    EXPECT_EQ(nearest_quantile({1, NAN, 3}, 0), 1);
    EXPECT_TRUE(std::isnan(nearest_quantile({NAN}, 0.5)));
    EXPECT_EQ(lower_quantile({4, 1, 3, 2}, 0.5), 3);
}

TEST(Statistics, RelativeErrorsByHand) {
    const std::vector<double> truth{3, 4}, found{3, 5}, zero{0, 0};
    EXPECT_EQ(relative_error(found, truth), 0.2);
    EXPECT_EQ(relative_error(zero, zero), 0);
    EXPECT_EQ(relative_error(found, zero), std::numeric_limits<double>::infinity());
    Matrix<double> A(2, 2), B(2, 2);
    A(0, 0) = 3, A(1, 0) = 4, A(0, 1) = 1, A(1, 1) = 0;
    B(0, 0) = 3, B(1, 0) = 5, B(0, 1) = 0, B(1, 1) = 0;
    EXPECT_EQ(column_errors(B, A), (std::vector<double>{0.2, 1}));
    EXPECT_EQ(root_mean_square(B, A), std::sqrt(0.5));
    EXPECT_EQ(mean_column(A), (std::vector<double>{2, 2}));
    EXPECT_EQ(mean_of(truth), 3.5);
}

}  // namespace
}  // namespace descrambler
