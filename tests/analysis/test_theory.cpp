#include "descrambler/theory.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "descramble/fixtures.hpp"
#include "descrambler/stencil.hpp"

namespace descrambler {
namespace {

using namespace test;

RandomStream numbers(std::uint64_t number) {
    return {20260101, stream::analysis + 5000 + number};
}

TEST(Theory, NoiseRatesByHand) {
    // lambda 4, 1; mu 0, 1: eta* = 1, C1 = (4 * 1 + 1 * 16) / 9 / 5, C2 = 1 * 4 / 3 / 1
    const NoiseRates two = noise_rates({4, 1}, {0, 1});
    EXPECT_NEAR(two.error, 20.0 / 45, 1e-15);
    EXPECT_NEAR(two.excess, 4.0 / 3, 1e-15);
    // equal lambda are free; equal mu cost nothing
    EXPECT_EQ(noise_rates({2, 2}, {0, 1}).error, 0);
    EXPECT_EQ(noise_rates({2, 2}, {0, 1}).excess, 0);
    EXPECT_EQ(noise_rates({4, 1}, {1, 1}).excess, 0);
}

TEST(Theory, NoiseRatesMatchTheReferenceForGeometricSingularValues) {
    const auto on = make_cpu_backend<double>(1);
    std::vector<double> lambda;
    for (Index i = 0; i < 80; ++i)
        lambda.push_back(std::pow(0.93, 2.0 * static_cast<double>(i)));
    const NoiseRates rates = noise_rates(lambda, make_stencil(*on, StencilKind::fourier2, 80).mu);
    EXPECT_NEAR(rates.error, 132, 0.5);  // reference values are given to three and two digits
    EXPECT_NEAR(rates.excess, 33, 0.5);
}

TEST(Theory, SignalRateMatchesFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 6;
    const Matrix<double> W = normal(n, 9, 1), C = gram(*on, normal(9, 9, 2));
    const Matrix<double> U = svd(*on, W).U;
    const double c = signal_rate(*on, W, C), alpha2 = 1e-7 / c;
    Matrix<double> mixed = scaled(C, alpha2);
    for (Index i = 0; i < 9; ++i)
        mixed(i, i) += 1;
    const Eigh turned =
        eigh(*on, multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, W, mixed), W));
    double sum = 0;
    for (Index j = 0; j < n; ++j) {  // eigenvector n - 1 - j belongs to column j of U
        double overlap = 0;
        for (Index r = 0; r < n; ++r)
            overlap += U(r, j) * turned.V(r, n - 1 - j);
        for (Index r = 0; r < n; ++r) {
            const double off = U(r, j) - (overlap < 0 ? -1 : 1) * turned.V(r, n - 1 - j);
            sum += off * off;
        }
    }
    EXPECT_NEAR(std::sqrt(sum) / alpha2, c, 1e-5 * c);  // second order: 1e-7 relative, rounding 1e-15 / 1e-7
}

TEST(Theory, WishartFactorsHaveTheMomentsOfWishartMatrices) {
    // E A A^T = N I, Var (A A^T)_ii = 2 N, Var (A A^T)_ij = N; over 4000 draws means are good to 5 sigma
    const Index n = 4, N = 50;
    const int trials = 4000;
    const auto on = make_cpu_backend<double>(1);
    RandomStream random = numbers(1);
    Matrix<double> sum(n, n), square(n, n);
    for (int t = 0; t < trials; ++t) {
        const Matrix<double> A = wishart_factor(random, n, N);
        EXPECT_EQ(A(0, 3), 0);  // lower triangular
        const Matrix<double> G = gram(*on, A);
        for (std::size_t i = 0; i < G.values().size(); ++i) {
            sum.values()[i] += G.values()[i] / trials;
            square.values()[i] += G.values()[i] * G.values()[i] / trials;
        }
    }
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i) {
            const double mean = i == j ? N : 0, variance = i == j ? 2 * N : N;
            EXPECT_NEAR(sum(i, j), mean, 5 * std::sqrt(variance / trials)) << i << j;
            // the variance of a variance is about 2 variance^2 / trials, for near-normal entries
            EXPECT_NEAR(square(i, j) - sum(i, j) * sum(i, j), variance, 5 * variance * std::sqrt(3.0 / trials))
                << i << j;
        }
}

TEST(Theory, ChiSquareHasItsMoments) {
    for (const double degrees : {2.0, 3.0, 40.0, 1e6}) {
        RandomStream random = numbers(2);
        const int trials = 20000;
        double mean = 0, square = 0, third = 0;
        for (int t = 0; t < trials; ++t) {
            const double x = (chi_square(random, degrees) - degrees) / std::sqrt(2 * degrees);
            mean += x / trials;
            square += x * x / trials;
            third += x * x * x / trials;
        }
        const double skewness = std::sqrt(8 / degrees), kurtosis = 3 + 12 / degrees;
        EXPECT_NEAR(mean, 0, 5 / std::sqrt(trials)) << degrees;
        EXPECT_NEAR(square, 1, 5 * std::sqrt((kurtosis - 1) / trials)) << degrees;
        EXPECT_NEAR(third, skewness, 5 * std::sqrt((15 + 40 * skewness * skewness) / trials)) << degrees;
    }
    RandomStream random = numbers(3);
    EXPECT_THROW((void)chi_square(random, 1), std::invalid_argument);
    EXPECT_THROW((void)wishart_factor(random, 4, 4), std::invalid_argument);
}

TEST(Theory, HaarMatricesAreOrthogonalAndHaveNoPreferredAxis) {
    const auto on = make_cpu_backend<double>(1);
    RandomStream random = numbers(4);
    const int trials = 3000;
    double first = 0, fourth = 0;
    for (int t = 0; t < trials; ++t) {
        const Matrix<double> P = haar_orthogonal(*on, random, 3);
        EXPECT_LE(largest_difference(gram(*on, P), identity(3)), 1e-14);
        first += P(0, 0) / trials;
        fourth += std::pow(P(0, 0), 4) / trials;
    }
    EXPECT_NEAR(first, 0, 5 * std::sqrt(1.0 / 3 / trials));
    EXPECT_NEAR(fourth, 0.2, 5 * std::sqrt(1.0 / 9 / trials));  // E x^4 = 3 / (n (n + 2)), E x^8 = 1 / 9
}

TEST(Theory, CirculantsAreConvolutionsWithTheirTransferFunction) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {7, 8}) {
        const std::vector<double> filter{0.5, -1, 2};
        const Matrix<double> W = circulant(filter, n);
        for (Index i = 0; i < n; ++i) {
            EXPECT_EQ(W(i, i), 0.5);
            EXPECT_EQ(W((i + 1) % n, i), -1);
        }
        std::vector<double> transfer = squared_transfer(filter, n);
        EXPECT_NEAR(transfer[0], 2.25, 1e-14);
        // singular values of W are |w^|, and T^T W W^T T is diagonal with them in order
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const Matrix<double> N = gram(*on, multiply(*on, Op::transpose, Op::none, stencil.T, W));
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i)
                EXPECT_NEAR(N(i, j), i == j ? transfer[i] : 0, 1e-13) << n << i << j;
        EXPECT_LE(distance_from_circulant(W), 1e-7);  // square root of rounding
        const Matrix<double> padded = zero_padded_convolution(filter, n);
        EXPECT_EQ(padded(0, n - 1), 0);
        EXPECT_EQ(padded(n - 1, n - 3), 2);
        EXPECT_GT(distance_from_circulant(padded), 0.1);
        EXPECT_THROW((void)circulant(std::vector<double>(9, 1.0), n), std::invalid_argument);
    }
}

TEST(Theory, OrientationAverageByHand) {
    EXPECT_NEAR(orientation_average(0), 1, 1e-15);  // some units of the last place: the weights of a quadrature
    // small phase: 1 - phase^2 / 2 <(1 - 3 x^2)^2> = 1 - 2/5 phase^2, next term of order phase^3
    EXPECT_NEAR(orientation_average(1e-3), 1 - 0.4e-6, 1e-9);
    // stationary points: the mean over orientations falls off as 1 / sqrt(phase)
    EXPECT_LE(std::abs(orientation_average(1e4)), 1.1 / std::sqrt(1e4));
    EXPECT_NEAR(orientation_average(-3), orientation_average(3), 1e-15);
    // a plain midpoint rule of many points
    for (const double phase : {0.7, 5.0, 40.0}) {
        double sum = 0;
        const int points = 200000;
        for (int i = 0; i < points; ++i) {
            const double x = (i + 0.5) / points;
            sum += std::cos((1 - 3 * x * x) * phase) / points;
        }
        EXPECT_NEAR(orientation_average(phase), sum, 1e-8) << phase;  // h^2 / 24 f', f' to 6 phase
    }
}

}  // namespace
}  // namespace descrambler
