#include "descrambler/spectrum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr double u = std::numeric_limits<double>::epsilon();
constexpr double pi = std::numbers::pi;

Matrix<double> random_matrix(Index rows, Index cols, std::uint64_t seed) {
    RandomStream draw(seed, stream::analysis);
    Matrix<double> A(rows, cols);
    for (double& a : A.values())
        a = draw.normal();
    return A;
}

// The real trigonometric basis of n points, n even: 1, cos, sin, cos, sin, ..., (-1)^i; columns are orthonormal.
Matrix<double> trigonometric(Index n) {
    Matrix<double> T(n, n);
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
            const Index k = (j + 1) / 2;
            const double angle = 2 * pi * static_cast<double>(k * i % n) / static_cast<double>(n);
            const double scale = std::sqrt((k == 0 || 2 * k == n ? 1.0 : 2.0) / static_cast<double>(n));
            T(i, j) = scale * (j % 2 == 1 || j == 0 ? std::cos(angle) : std::sin(angle));
        }
    return T;
}

TEST(Spectrum, GainOfSmallMatrixByHand) {
    // rows (1, 2, 3, 4) and (1, 0, -1, 0): transforms 10, -2 + 2i, -2 and 0, 2, 0 at k = 0, 1, 2
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> W(2, 4);
    for (Index t = 0; t < 4; ++t)
        W(0, t) = static_cast<double>(t + 1);
    W(1, 0) = 1, W(1, 2) = -1;
    const std::vector<double> H = column_gain(*on, W);
    ASSERT_EQ(H.size(), 3u);
    EXPECT_NEAR(H[0], 10, 100 * u);
    EXPECT_NEAR(H[1], std::sqrt(12.0), 100 * u);
    EXPECT_NEAR(H[2], 2, 100 * u);
}

TEST(Spectrum, ColumnsOfThePowerAddUpToTheGain) {  // sum over k_out of F[k_out, k] = n H(k)^2
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> W = random_matrix(80, 256, 1);
    const Matrix<double> F = power_spectrum2(*on, W);
    const std::vector<double> H = column_gain(*on, W);
    for (Index k = 0; k <= 128; ++k) {
        double sum = 0;
        for (Index i = 0; i < 80; ++i)
            sum += F(i, k);
        EXPECT_NEAR(sum / (80 * H[k] * H[k]), 1, 1e-10) << "bin " << k;  // the published bound; rounding is 1e-15
    }
}

TEST(Spectrum, FoldedAmplitudeOfOneWaveByHand) {
    // cos(2 pi (2 i / 8 + 3 t / 16)): |FFT2| = 8 * 16 / 2 = 64 at (2, 3) and (6, 13), so 64 at those and their mirrors
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> A(8, 16);
    for (Index t = 0; t < 16; ++t)
        for (Index i = 0; i < 8; ++i)
            A(i, t) = std::cos(2 * pi * (2 * static_cast<double>(i) / 8 + 3 * static_cast<double>(t) / 16));
    const Matrix<double> M = folded_amplitude(*on, A);
    for (Index k = 0; k < 16; ++k)
        for (Index i = 0; i < 8; ++i)
            EXPECT_NEAR(M(i, k), (i == 2 || i == 6) && (k == 3 || k == 13) ? 64 : 0, 1e-12) << i << " " << k;
}

TEST(Spectrum, FoldedAmplitudeIgnoresPairRotationsAndReflections) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 80;
    const Matrix<double> T = trigonometric(n), A = random_matrix(n, 256, 2);
    const Matrix<double> folded = folded_amplitude(*on, A);
    RandomStream draw(3, stream::analysis);
    for (int trial = 0; trial < 5; ++trial) {
        Matrix<double> R(n, n);  // one rotation or reflection a pair of equal frequency, a sign for the two others
        R(0, 0) = draw.below(2) ? 1 : -1;
        R(n - 1, n - 1) = draw.below(2) ? 1 : -1;
        for (Index j = 1; j + 1 < n - 1; j += 2) {
            const double angle = 2 * pi * draw.uniform(), sign = draw.below(2) ? 1 : -1;
            R(j, j) = std::cos(angle), R(j, j + 1) = -sign * std::sin(angle);
            R(j + 1, j) = std::sin(angle), R(j + 1, j + 1) = sign * std::cos(angle);
        }
        const auto turn = [&](const Matrix<double>& X) {
            return multiply(*on, Op::none, Op::none, T,
                            multiply(*on, Op::none, Op::none, R, multiply(*on, Op::transpose, Op::none, T, X)));
        };
        const Matrix<double> turned = turn(A);
        EXPECT_LT(pearson(turned.values(), A.values()), 0.5);  // the matrices themselves have nothing in common
        EXPECT_GE(pearson(folded_amplitude(*on, turned).values(), folded.values()), 0.9999);
    }
}

TEST(Spectrum, PearsonByHand) {
    const std::vector<double> x{1, 2, 3, 4}, y{2, 1, 4, 3};
    EXPECT_NEAR(pearson(x, y), 0.6, 10 * u);  // deviations (-3, -1, 1, 3) / 2 and (-1, -3, 3, 1) / 2: 12 / 20
    EXPECT_EQ(pearson(x, x), 1);
    EXPECT_EQ(pearson(x, std::vector<double>{-1, -2, -3, -4}), -1);
    EXPECT_EQ(pearson(x, std::vector<double>{5, 5, 5, 5}), 0);
    EXPECT_THROW((void)pearson(x, std::vector<double>{1}), std::invalid_argument);
}

TEST(Spectrum, SpearmanByHand) {
    const std::vector<double> x{1, 2, 3, 4};
    EXPECT_EQ(spearman(x, std::vector<double>{1, 10, 100, 1000}), 1);
    EXPECT_EQ(spearman(x, std::vector<double>{4, 3, 2, 1}), -1);
    // ranks of the second are 0.5, 0.5, 2, 3: 4.5 / sqrt(5 * 4.5)
    EXPECT_NEAR(spearman(x, std::vector<double>{7, 7, 8, 9}), 4.5 / std::sqrt(22.5), 10 * u);
}

}  // namespace
}  // namespace descrambler
