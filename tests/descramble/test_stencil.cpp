#include "descrambler/stencil.hpp"

#include <gtest/gtest.h>

#include <numbers>

#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

const StencilKind kinds[] = {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2};

TEST(Stencil, MatchesTheGoldenMatrices) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> D = golden(n, "D_fourdif2");
        EXPECT_LE(largest_difference(differentiation_matrix(StencilKind::fourier2, n), D), 1e-13 * largest(D)) << n;
        EXPECT_EQ(differentiation_matrix(StencilKind::diff2, n), golden(n, "D_diff2")) << n;
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        EXPECT_LE(largest_difference(stencil.T, golden(n, "T_trig")), 1e-14) << n;
        const Matrix<double> mu = golden(n, "mu");
        for (Index i = 0; i < n; ++i)
            EXPECT_NEAR(stencil.mu[i], mu(i, 0), 1e-12 * mu(n - 1, 0)) << n << " " << i;
    }
}

TEST(Stencil, BasisIsOrthonormalAndDiagonalisesM) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 4, 5, 16, 80, 81, 256}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            // n products of rounding u each, and a few u an entry of T from cos, sin and the SVD
            const double rounding = 10 * static_cast<double>(n) * u;
            EXPECT_LE(largest_difference(multiply(*on, Op::transpose, Op::none, stencil.T, stencil.T), identity(n)),
                      rounding)
                << to_string(kind) << " " << n;
            const Matrix<double> D = differentiation_matrix(kind, n);
            const Matrix<double> M = multiply(*on, Op::transpose, Op::none, D, D);
            Matrix<double> scaled_basis = stencil.T;
            for (Index j = 0; j < n; ++j)
                for (double& x : scaled_basis.column(j))
                    x *= stencil.mu[j];
            EXPECT_LE(largest_difference(multiply(*on, Op::none, Op::none, M, stencil.T), scaled_basis),
                      rounding * stencil.mu[n - 1])
                << to_string(kind) << " " << n;
        }
}

TEST(Stencil, SmallEigenvaluesKeepTheirRelativePrecision) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {16, 81, 256}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Matrix<double> rates = multiply(*on, Op::none, Op::none, differentiation_matrix(kind, n), stencil.T);
            for (Index j = 0; j < n; ++j) {
                double energy = 0;
                for (const double x : rates.column(j))
                    energy += x * x;
                // ||D t||^2 against mu: D t itself is rounded at n u ||D||, so its square at twice that over sqrt(mu)
                const double norm = std::sqrt(stencil.mu[n - 1]);
                const double error = static_cast<double>(n) * u * norm;
                EXPECT_NEAR(energy, stencil.mu[j], 2 * error * std::sqrt(stencil.mu[j]) + error * error)
                    << to_string(kind) << " n " << n << " j " << j;
            }
        }
}

TEST(Stencil, EigenvaluesAscendAndBlocksGatherEqualOnes) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 4, 5, 80, 81}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            ASSERT_EQ(static_cast<Index>(stencil.mu.size()), n);
            EXPECT_EQ(stencil.mu[0], 0);
            EXPECT_EQ(stencil.block[0], 0);
            for (Index i = 1; i < n; ++i) {
                const bool same = stencil.block[i] == stencil.block[i - 1];
                EXPECT_TRUE(same || stencil.block[i] == stencil.block[i - 1] + 1);
                EXPECT_TRUE(same ? stencil.mu[i] == stencil.mu[i - 1] : stencil.mu[i] > stencil.mu[i - 1])
                    << to_string(kind) << " n " << n << " i " << i;
            }
        }
}

TEST(Stencil, FourierBlocksAreConstantPairsAndNyquist) {
    const auto on = make_cpu_backend<double>(1);
    EXPECT_EQ(make_stencil(*on, StencilKind::fourier2, 6).block, (std::vector<Index>{0, 1, 1, 2, 2, 3}));
    EXPECT_EQ(make_stencil(*on, StencilKind::fourier2, 5).block, (std::vector<Index>{0, 1, 1, 2, 2}));
    EXPECT_EQ(make_stencil(*on, StencilKind::fourier2, 6).mu, (std::vector<double>{0, 1, 1, 16, 16, 81}));
}

TEST(Stencil, FreeFirstDifferenceByHand) {
    // n = 3: M = [1 -1 0; -1 2 -1; 0 -1 1], eigenvalues 0, 1, 3 with (1,1,1), (1,0,-1), (1,-2,1)
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, 3);
    const double mu[] = {0, 1, 3};
    const double T[3][3] = {{1, 1, 1}, {1, 0, -1}, {1, -2, 1}};
    const double norm[] = {std::sqrt(3.0), std::numbers::sqrt2, std::sqrt(6.0)};
    for (Index k = 0; k < 3; ++k) {
        EXPECT_NEAR(stencil.mu[k], mu[k], 8 * u);  // a few roundings of numbers of order 1
        for (Index l = 0; l < 3; ++l)
            EXPECT_NEAR(stencil.T(l, k), T[k][l] / norm[k], 4 * u);
    }
}

TEST(Stencil, SecondDifferenceStartsWithConstantAndRisingLine) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 16, 80}) {
        const Stencil stencil = make_stencil(*on, StencilKind::diff2, n);
        EXPECT_EQ(stencil.mu[1], 0);
        for (Index l = 0; l < n; ++l)
            EXPECT_NEAR(stencil.T(l, 0), 1 / std::sqrt(static_cast<double>(n)), u);
        const double step = stencil.T(1, 1) - stencil.T(0, 1);
        EXPECT_GT(step, 0);
        for (Index l = 1; l < n; ++l)
            EXPECT_NEAR(stencil.T(l, 1) - stencil.T(l - 1, 1), step, 4 * u);
        for (Index j = 2; j < n; ++j)  // beam modes: alternately even and odd, and positive at the first end
            EXPECT_GT(stencil.T(0, j), 0) << n << " " << j;
    }
}

TEST(Stencil, SecondDifferenceModesAreFreeOfTheNullSpace) {
    // The SVD of D leaves an overlap of u ||D|| / s = 2e-12 here; n u is the rounding of one inner product.
    const auto on = make_cpu_backend<double>(1);
    const Index n = 512;
    const Stencil stencil = make_stencil(*on, StencilKind::diff2, n);
    for (Index null = 0; null < 2; ++null)
        for (Index j = 2; j < n; ++j) {
            double overlap = 0;
            for (Index l = 0; l < n; ++l)
                overlap += stencil.T(l, null) * stencil.T(l, j);
            EXPECT_LE(std::abs(overlap), static_cast<double>(n) * u) << j;
        }
}

TEST(Stencil, NamesGoBothWays) {
    for (const StencilKind kind : kinds)
        EXPECT_EQ(stencil_from(to_string(kind)), kind);
}

std::string refusal(const std::string& name) {
    try {
        (void)stencil_from(name);
    } catch (const InputError& e) {
        return e.what();
    }
    return "accepted";
}

TEST(Stencil, RefusesDegenerateSymbolsWithTheReason) {
    EXPECT_NE(refusal("fourier1").find("Nyquist"), std::string::npos);
    EXPECT_NE(refusal("central").find("not monotone"), std::string::npos);
    EXPECT_NE(refusal("sobel").find("fourier2, dct or diff2"), std::string::npos);
}

TEST(Stencil, ACustomMatrixGivesTheSpectrumAndTheBasisOfTheKnownOnes) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 81})
        for (const StencilKind kind : {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2}) {
            const Stencil known = make_stencil(*on, kind, n);
            const Stencil own = make_stencil(*on, differentiation_matrix(kind, n));
            EXPECT_EQ(own.block, known.block);
            for (Index i = 0; i < n; ++i)
                EXPECT_NEAR(own.mu[i], known.mu[i], 1e-12 * known.mu[n - 1]);
            if (kind == StencilKind::diff2)
                continue;                    // the second null vector points the other way
            for (Index i = 0; i < n; ++i) {  // cosine first, as the rule projects e_1; signs of single vectors are free
                double overlap = 0;
                for (Index l = 0; l < n; ++l)
                    overlap += own.T(l, i) * known.T(l, i);
                EXPECT_NEAR(std::abs(overlap), 1, 1e-9) << n << " " << to_string(kind) << " " << i;
            }
        }
}

TEST(Stencil, DegenerateMatricesAreRefusedWithTheReason) {
    const auto on = make_cpu_backend<double>(1);
    const auto message = [&](const Matrix<double>& D) -> std::string {
        try {
            (void)make_stencil(*on, D);
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    const Index n = 32;
    Matrix<double> central(n, n);
    for (Index i = 0; i < n; ++i) {
        central(i, (i + 1) % n) = 0.5;
        central(i, (i + n - 1) % n) = -0.5;
    }
    EXPECT_NE(message(central).find("not monotone"), std::string::npos) << message(central);
    if (has_data("golden")) {
        EXPECT_NE(message(golden(16, "D_fourdif1")).find("not monotone"), std::string::npos);
        EXPECT_EQ(message(golden(5, "D_fourdif1")), "");  // odd n: good
    }
    EXPECT_NE(message(Matrix<double>(4, n)).find("zero"), std::string::npos);
    Matrix<double> broken = differentiation_matrix(StencilKind::dct, n);
    broken(3, 4) = std::numeric_limits<double>::quiet_NaN();
    EXPECT_NE(message(broken).find("not finite"), std::string::npos);
    EXPECT_NE(message(Matrix<double>(4, 2)).find("expected at least"), std::string::npos);
}

TEST(Stencil, ThreePointPeriodicDifferenceHasTheMinimisersOfFourier) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 20;
    Matrix<double> D(n, n);
    for (Index i = 0; i < n; ++i) {
        D(i, i) = -2;
        D(i, (i + 1) % n) = D(i, (i + n - 1) % n) = 1;
    }
    const Stencil own = make_stencil(*on, D), fourier = make_stencil(*on, StencilKind::fourier2, n);
    EXPECT_EQ(own.block, fourier.block);
}

TEST(Stencil, RefusesLayersNarrowerThanThree) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        EXPECT_THROW((void)make_stencil(*on, kind, 2), InputError);
}

}  // namespace
}  // namespace descrambler
