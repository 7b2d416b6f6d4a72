#include "descrambler/objective.hpp"

#include <gtest/gtest.h>

#include "descrambler/representable.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

// Every criterion's gradient, at a random rotation, along random directions.
TEST(Objective, GradientsMatchFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 8, 17}) {
        const Matrix<double> S = normal(n, 60, static_cast<std::uint64_t>(n)), R = transpose(S);
        for (const StencilKind kind : {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2})
            EXPECT_LE(gradient_error(*on, smoothness_objective(make_stencil(*on, kind, n), R), 3), 1e-8);
        EXPECT_LE(gradient_error(*on, fourth_moment_objective(S), 3), 1e-8);
        // |x| is bent over 1e-3 rms, and the extrapolated difference is right to (step / 1e-3)^4 = 2e-7 where it is
        EXPECT_LE(gradient_error(*on, total_variation_objective(differentiation_matrix(StencilKind::dct, n), S), 3),
                  2e-7);
    }
}

TEST(Objective, TotalVariationGradientIsThatOfTheSmoothedSum) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 6;
    const Matrix<double> S = normal(n, 20, 4), D = differentiation_matrix(StencilKind::dct, n);
    const Objective tv = total_variation_objective(D, S);
    const Matrix<double> P = random_rotation(*on, n, 5, 1);
    Matrix<double> gradient;
    const double value = tv.evaluate(*on, P, &gradient);
    // by hand, without smoothing: e = 1e-3 rms lowers each of the terms by at most e
    const Matrix<double> V = multiply(*on, Op::none, Op::none, multiply(*on, Op::none, Op::none, D, P), S);
    double sum = 0;
    for (const double v : V.values())
        sum += std::abs(v) / 20;
    EXPECT_LE(value, sum);
    EXPECT_NEAR(value, sum, 5 * 1e-3 * frobenius(V));
    // d / d P_ij by a step far below the smoothing
    for (Index i = 0; i < n; ++i) {
        Matrix<double> up = P, down = P;
        const double h = 1e-7;
        up(i, 2) += h;
        down(i, 2) -= h;
        EXPECT_NEAR(gradient(i, 2), (tv.evaluate(*on, up, nullptr) - tv.evaluate(*on, down, nullptr)) / (2 * h),
                    1e-6 * frobenius(gradient));
    }
}

TEST(Objective, FourthMomentByHand) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> S(2, 1);
    S(0, 0) = 3;
    S(1, 0) = 4;
    Matrix<double> gradient;
    EXPECT_DOUBLE_EQ(fourth_moment_objective(S).evaluate(*on, identity(2), &gradient), -(81.0 + 256.0));
    EXPECT_DOUBLE_EQ(gradient(0, 0), -4 * 27 * 3);
    EXPECT_DOUBLE_EQ(gradient(1, 0), -4 * 64 * 3);
    EXPECT_DOUBLE_EQ(gradient(0, 1), -4 * 27 * 4);
}

TEST(Objective, CheckRefusesAWrongGradient) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> S = normal(8, 40, 6);
    Objective wrong = fourth_moment_objective(S);
    check_gradient(*on, wrong, 1);
    wrong.evaluate = [right = wrong.evaluate](Backend<double>& b, const Matrix<double>& P, Matrix<double>* gradient) {
        const double value = right(b, P, gradient);
        if (gradient != nullptr)
            for (double& x : gradient->values())
                x *= 1.01;
        return value;
    };
    try {
        check_gradient(*on, wrong, 1);
        FAIL() << "a gradient 1 % too large passed";
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("finite differences"), std::string::npos) << error.what();
    }
}

TEST(Objective, PublishedChartMatchesTheGoldenSet) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80})
        for (const std::string name : {"fourdif2", "fourdif1", "diff2"}) {
            // any basis serves a value and a gradient, that of a degenerate stencil too
            const Matrix<double> D = golden(n, "D_" + name), M = gram(*on, transpose(D));
            const Eigh modes = eigh(*on, M);
            const Stencil stencil{StencilKind::custom, modes.V, modes.w, {}, D};
            const Matrix<double> q = golden(n, "q_colmajor"), S = golden(n, "S");
            const std::vector<double> packed(q.values().begin(), q.values().end());
            for (const bool normalised : {false, true}) {
                const std::string of = normalised ? "N_" + name : "_" + name;
                const ChartValue found = chart_value(*on, stencil, transpose(S), packed, normalised);
                const double eta = golden(n, "eta" + of)(0, 0);
                const Matrix<double> gradient = golden(n, "grad" + of);
                EXPECT_NEAR(found.eta, eta, 1e-12 * eta) << n << " eta" << of;
                double worst = 0;
                for (std::size_t k = 0; k < packed.size(); ++k)
                    worst = std::max(worst, std::abs(found.gradient[k] - gradient.values()[k]));
                EXPECT_LE(worst, 1e-12 * largest(gradient)) << n << " grad" << of;
            }
        }
}

TEST(Objective, JointGradientMatchesTheGoldenSet) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const Matrix<double> R = stack(transpose(golden(n, "S")), scaled(golden(n, "W2"), 0.5));  // lambda = 0.25
        const Matrix<double> q = golden(n, "q_colmajor"), gradient = golden(n, "joint_grad");
        const ChartValue found = chart_value(*on, stencil, R, {q.values().begin(), q.values().end()}, false);
        const double eta = golden(n, "joint_eta")(0, 0);
        EXPECT_NEAR(found.eta, eta, 1e-12 * eta);
        for (std::size_t k = 0; k < found.gradient.size(); ++k)
            ASSERT_NEAR(found.gradient[k], gradient.values()[k], 1e-12 * largest(gradient));
    }
}

TEST(Objective, RandomRotationsAreProperAndReproducible) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 10, 41}) {
        const Matrix<double> P = random_rotation(*on, n, 9, 1);
        EXPECT_LE(largest_difference(gram(*on, P), identity(n)), 20 * static_cast<double>(n) * u);
        EXPECT_EQ(orthogonal_determinant(P), 1);
        EXPECT_EQ(P, random_rotation(*on, n, 9, 1));
        EXPECT_NE(P, random_rotation(*on, n, 9, 2));
    }
}

TEST(Objective, PluginsThatAreNoneAreRefused) {
    const Matrix<double> S = normal(3, 4, 7);
    EXPECT_THROW((void)load_objective("/nonexistent/criterion.so", S), InputError);
    EXPECT_THROW((void)load_objective("libm.so.6", S), InputError);  // ./libm.so.6 is not there
}

}  // namespace
}  // namespace descrambler
