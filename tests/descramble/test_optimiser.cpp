#include "descrambler/optimiser.hpp"

#include <gtest/gtest.h>

#include "descrambler/closed_form.hpp"
#include "descrambler/diagonal.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

// Independent sources with rare large values, rotated: the fourth moment finds the rotation again, up to order and
// sign.
TEST(Optimiser, FourthMomentFindsPlantedSources) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 8;
    Matrix<double> sources = normal(n, 4000, 1);
    for (double& x : sources.values())
        x = x * x * x;
    const Matrix<double> mixing = random_rotation(*on, n, 2, 3);
    const Matrix<double> S = multiply(*on, Op::none, Op::none, mixing, sources);
    const OptimiserResult found = optimise(*on, fourth_moment_objective(S), {}, random_rotation(*on, n, 2, 4));
    EXPECT_TRUE(found.report.converged);
    const Matrix<double> unmixed = multiply(*on, Op::none, Op::none, found.P, mixing);  // a signed permutation
    for (Index i = 0; i < n; ++i) {
        double top = 0;
        for (Index j = 0; j < n; ++j)
            top = std::max(top, std::abs(unmixed(i, j)));
        EXPECT_GE(top, 0.99);  // 4000 samples mix two axes by about 1 / sqrt(4000) of a radian
    }
    EXPECT_LE(largest_difference(gram(*on, found.P), identity(n)), 1e-13);
}

// Where there is a closed form, both general methods agree with it on a small problem.
TEST(Optimiser, AgreesWithTheClosedForm) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 6;
    const Matrix<double> R = normal(30, n, 5);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
    const Solution best = closed_form_from_factor(*on, stencil, R, 30, {});
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
        OptimiserOptions options;
        options.method = method;
        options.evaluations = options.iterations = 3000;
        options.gradient = 1e-8;
        const OptimiserResult found = optimise(*on, smoothness_objective(stencil, R), options, identity(n));
        EXPECT_TRUE(found.report.converged);
        EXPECT_NEAR(found.value, best.eta_bound, 1e-8 * best.eta_bound);
        EXPECT_NEAR(smoothness(*on, stencil, found.P, R), found.value, 1e-10 * found.value);
        for (std::size_t i = 1; i < found.report.history.size(); ++i)
            EXPECT_LE(found.report.history[i].eta, found.report.history[i - 1].eta * (1 + 1e-14));
    }
}

TEST(Optimiser, DiagonalCriteriaStayBelowTheirCertificates) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> W = normal(10, 10, 6);
    const Objective objective{"diagonal norm", 10,
                              [&](Backend<double>& b, const Matrix<double>& P, Matrix<double>* gradient) {
                                  const DiagonalValue at = diagonal_norm(b, W, P);
                                  if (gradient != nullptr)
                                      *gradient = scaled(at.gradient, -1);
                                  return -at.value;
                              }};
    const DiagonalNorm best = maximum_diagonal_norm(*on, W);
    const OptimiserResult found = optimise(*on, objective, {}, identity(10));
    EXPECT_LE(-found.value, best.bound * (1 + 1e-12));
    EXPECT_GE(-found.value, 0.9 * best.value);  // it may get stuck, not far away
}

TEST(Optimiser, BudgetsAreKeptAndSaid) {
    const auto on = make_cpu_backend<double>(1);
    const Objective objective = fourth_moment_objective(normal(12, 200, 8));
    OptimiserOptions options;
    options.evaluations = 5;
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
        options.method = method;
        const OptimiserResult found = optimise(*on, objective, options, identity(12));
        EXPECT_LE(found.report.evaluations, 5);
        EXPECT_FALSE(found.report.converged);
    }
}

TEST(Optimiser, PolarFactorIsTheNearestRotation) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> P = random_rotation(*on, 9, 1, 1);
    Matrix<double> A = P;
    for (Index e = 0; e < A.size(); ++e)
        A.data()[e] += 1e-6 * normal(9, 9, 9).data()[e];
    EXPECT_LE(largest_difference(polar(*on, A), P), 1e-5);
    EXPECT_LE(largest_difference(gram(*on, polar(*on, A)), identity(9)), 1e-14);
    EXPECT_LE(largest_difference(polar(*on, scaled(P, 3)), P), 1e-14);
}

}  // namespace
}  // namespace descrambler
