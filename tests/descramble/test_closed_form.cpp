#include "descrambler/closed_form.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

const StencilKind kinds[] = {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2};

// R = Q diag(sigma) V^T with random orthogonal Q and V
Matrix<double> factor_with(Backend<double>& on, const std::vector<double>& sigma, std::uint64_t number) {
    const Index n = static_cast<Index>(sigma.size());
    Matrix<double> left = orthogonal(on, n, 2 * number);
    for (Index j = 0; j < n; ++j)
        for (double& x : left.column(j))
            x *= sigma[j];
    return multiply(on, Op::none, Op::transpose, left, orthogonal(on, n, 2 * number + 1));
}

std::vector<double> geometric(Index n, double last) {
    std::vector<double> sigma;
    for (Index j = 0; j < n; ++j)
        sigma.push_back(std::pow(last, static_cast<double>(j) / static_cast<double>(n - 1)));
    return sigma;
}

// The floor is the size of the rounding of N, not a bound: a few floors may be left over, here in units of the smallest
// component.
double left_of_floor(const Solution& found) {
    return 10 * static_cast<double>(found.P.rows()) * u * std::sqrt(found.gamma.front() / found.gamma.back());
}

TEST(ClosedForm, ReachesTheGoldenMinimum) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> R = transpose(golden(n, "S"));
        for (const auto& [kind, name] :
             {std::pair{StencilKind::fourier2, "fourdif2"}, std::pair{StencilKind::diff2, "diff2"}}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Solution found = closed_form_from_factor(*on, stencil, R, R.rows(), {});
            const double expected = golden(n, std::string("etastar_") + name)(0, 0);
            // the tolerances of the set: 1e-12, for n = 80 u kappa_eta of the stored eigenvalues of G
            const double tolerance = n == 80 ? (kind == StencilKind::fourier2 ? 1e-10 : 3e-11) : 1e-12;
            EXPECT_NEAR(found.eta_bound, expected, tolerance * expected) << n << name;
            EXPECT_NEAR(found.eta, expected, tolerance * expected) << n << name;
            EXPECT_LE(std::abs(found.gap), 1e-12) << n << name;  // two evaluations of one number, n^2 u
            EXPECT_LE(found.offdiagonal, left_of_floor(found)) << n << name;
        }
    }
}

TEST(ClosedForm, FindsTheGoldenAxes) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const Matrix<double> R = transpose(golden(n, "S")), U = golden(n, "U"), gamma = golden(n, "gamma");
        const Solution found = closed_form_from_factor(*on, stencil, R, R.rows(), {});
        for (Index j = 0; j < n; ++j)
            EXPECT_NEAR(found.gamma[j], gamma(j, 0), 1e-13 * gamma(0, 0)) << n << " " << j;
        // T^T P U = diag(+-1): the golden U rests on eigh(G), whose columns i and j mix by n u gamma_1 / their gap
        const Matrix<double> phi =
            multiply(*on, Op::transpose, Op::none, stencil.T, multiply(*on, Op::none, Op::none, found.P, U));
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i) {
                const double gap = std::abs(gamma(i, 0) - gamma(j, 0));
                const double mixing = 10 * static_cast<double>(n) * u * (1 + gamma(0, 0) / gap);
                EXPECT_NEAR(std::abs(phi(i, j)), i == j ? 1 : 0, i == j ? 1e-9 : mixing);
            }
        const Matrix<double> stored = golden(n, "Pstar");
        EXPECT_NEAR(smoothness(*on, stencil, stored, R), found.eta_bound, 1e-11 * found.eta_bound) << n;
    }
}

TEST(ClosedForm, SmoothnessMatchesTheGoldenValuesAtAnyP) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> P = golden(n, "P"), R = transpose(golden(n, "S"));
        const Matrix<double> joint = stack(R, scaled(golden(n, "W2"), 0.5));  // lambda = 0.25
        const Stencil fourier = make_stencil(*on, StencilKind::fourier2, n);
        const Stencil diff = make_stencil(*on, StencilKind::diff2, n);
        const double eta = golden(n, "eta_fourdif2")(0, 0), eta_diff = golden(n, "eta_diff2")(0, 0);
        const double eta_joint = golden(n, "joint_eta")(0, 0), star = golden(n, "joint_etastar")(0, 0);
        EXPECT_NEAR(smoothness(*on, fourier, P, R), eta, 1e-12 * eta) << n;
        EXPECT_NEAR(smoothness(*on, diff, P, R), eta_diff, 1e-12 * eta_diff) << n;
        EXPECT_NEAR(smoothness(*on, fourier, P, joint), eta_joint, 1e-12 * eta_joint) << n;
        const Solution found = closed_form_from_factor(*on, fourier, joint, joint.rows(), {});
        EXPECT_NEAR(found.eta, star, 1e-10 * star) << n;
        EXPECT_NEAR(found.eta_bound, star, 1e-10 * star) << n;
    }
}

TEST(ClosedForm, NoPermutationAndNoRotationIsBetter) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 4, 5}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Matrix<double> R = normal(9, n, 1);
            const Solution found = closed_form_from_factor(*on, stencil, R, 9, {});
            std::vector<Index> order(n);
            std::iota(order.begin(), order.end(), 0);
            double best = std::numeric_limits<double>::infinity();
            do {
                double eta = 0;
                for (Index i = 0; i < n; ++i)
                    eta += stencil.mu[i] * found.gamma[order[i]];
                best = std::min(best, eta);
            } while (std::ranges::next_permutation(order).found);
            EXPECT_NEAR(found.eta, best, 1e-13 * best);
            for (std::uint64_t trial = 0; trial < 300; ++trial)
                EXPECT_GE(smoothness(*on, stencil, orthogonal(*on, n, 100 + trial), R), best * (1 - 1e-13));
        }
}

TEST(ClosedForm, StaysPreciseWhereTheGramIsSingularInDoublePrecision) {
    // sigma from 1 to 1e-9, gamma to 1e-18: the condition of trained layers
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {16, 80, 81}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const std::vector<double> sigma = geometric(n, 1e-9);
            const Matrix<double> R = factor_with(*on, sigma, 2);
            const Solution found = closed_form_from_factor(*on, stencil, R, 8192, {});
            EXPECT_LE(std::abs(found.gap), 1e-8) << to_string(kind) << " " << n;
            EXPECT_LE(found.orthogonality, 1e-12) << to_string(kind) << " " << n;
            EXPECT_LE(found.offdiagonal, 1e-6) << to_string(kind) << " " << n;
            EXPECT_EQ(found.rank, n);
            double planted = 0, error = 0;
            for (Index i = 0; i < n; ++i) {
                planted += stencil.mu[i] * sigma[i] * sigma[i];
                error += stencil.mu[i] * 2 * sigma[i] * static_cast<double>(n) * u;  // sigma to n u sigma_1
            }
            EXPECT_NEAR(found.eta, planted, error);
            EXPECT_GT(found.eta_raw, found.eta);

            const Solution from_gram = closed_form_from_gram(*on, stencil, gram(*on, transpose(R)), 8192, {}, 1e-12);
            // the null block is completed by rule and not by order: its gammas may sit at any mu
            double null = 0;
            for (Index i = from_gram.rank; i < n; ++i)
                null += from_gram.gamma[i];
            const double kappa = stencil.mu[n - 1] * from_gram.gamma[0] / from_gram.eta_bound;
            EXPECT_LE(std::abs(from_gram.gap), kappa * (null / from_gram.gamma[0] + static_cast<double>(n) * u));
            EXPECT_LE(std::abs(from_gram.gap), 1e-6) << to_string(kind) << " " << n;
            EXPECT_LE(from_gram.orthogonality, 1e-12) << to_string(kind) << " " << n;
            // gamma > 1e-12 up to index 2/3 (n-1); eigenvalues are right to n u there, a thousandth of the bound
            EXPECT_NEAR(static_cast<double>(from_gram.rank), 2.0 * static_cast<double>(n - 1) / 3 + 1, 1.01);
            // what is inside the rank is diagonal; its rounding, n u gamma_1, is the floor taken off
            EXPECT_LE(from_gram.offdiagonal, 1e-6) << to_string(kind) << " " << n;
        }
}

TEST(ClosedForm, NullBlockDoesNotDependOnItsBasis) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 20, rank = 5;
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    const Matrix<double> R = multiply(*on, Op::none, Op::none, normal(30, rank, 3), normal(rank, n, 4));
    const PrincipalAxes axes = principal_axes(*on, R);
    ASSERT_EQ(axes.rank, rank);
    PrincipalAxes other = axes;
    const Matrix<double> turn = orthogonal(*on, n - rank, 5);
    Matrix<double> U2(n, n - rank), T2(n, n - rank);
    std::copy_n(axes.U.data() + rank * n, U2.size(), U2.data());
    std::copy_n(stencil.T.data() + rank * n, T2.size(), T2.data());
    const Matrix<double> turned = multiply(*on, Op::none, Op::none, U2, turn);
    std::copy_n(turned.data(), turned.size(), other.U.data() + rank * n);
    const Solution a = closed_form(*on, stencil, axes, R, 30, {}), b = closed_form(*on, stencil, other, R, 30, {});
    // a polar factor is as well determined as the smallest singular value of T2^T U2 is large
    const double smallest = svd(*on, multiply(*on, Op::transpose, Op::none, T2, U2)).s.back();
    EXPECT_GT(largest_difference(axes.U, other.U), 0.1);
    EXPECT_LE(largest_difference(a.P, b.P), 10 * static_cast<double>(n) * u / smallest);
    EXPECT_LE(a.orthogonality, 1e-13);
    EXPECT_EQ(a.rank, rank);
    EXPECT_LE(std::abs(a.gap), 1e-12);
}

TEST(ClosedForm, NullRowsStayAsCloseToTheNeuronsAsTheyCan) {
    // The completion is the Procrustes one: among all null blocks it has the largest trace of P.
    const auto on = make_cpu_backend<double>(1);
    const Index n = 12;
    const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
    const Matrix<double> R = normal(4, n, 6);
    const auto trace = [&](const Matrix<double>& P) {
        double sum = 0;
        for (Index i = 0; i < n; ++i)
            sum += P(i, i);
        return sum;
    };
    const Solution found = closed_form_from_factor(*on, stencil, R, 4, {});
    ASSERT_EQ(found.rank, 4);
    const Matrix<double> phi = multiply(*on, Op::transpose, Op::none, stencil.T, found.P);  // rows: components
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
        Matrix<double> turned = phi;
        const Matrix<double> turn = orthogonal(*on, n - 4, 200 + trial);
        for (Index j = 0; j < n; ++j)
            for (Index i = 4; i < n; ++i) {
                turned(i, j) = 0;
                for (Index k = 4; k < n; ++k)
                    turned(i, j) += turn(i - 4, k - 4) * phi(k, j);
            }
        EXPECT_LE(trace(multiply(*on, Op::none, Op::none, stencil.T, turned)), trace(found.P) + 1e-12);
    }
}

TEST(ClosedForm, RankOneHasAMinimumOfZeroAndAFiniteGap) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 5, 16, 80}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Matrix<double> R = normal(1, n, 7);
            const Solution found = closed_form_from_factor(*on, stencil, R, 1, {});
            EXPECT_EQ(found.rank, 1);
            // sigma_2^2 is (n u sigma_1)^2 at most, the floor of the gap n u of mu_n gamma_1
            EXPECT_LE(std::abs(found.eta), static_cast<double>(n) * u * stencil.mu[n - 1] * found.gamma[0]);
            EXPECT_LE(std::abs(found.gap), 1e-10) << to_string(kind) << " " << n;
            EXPECT_LE(found.orthogonality, 1e-13);
            EXPECT_EQ(found.offdiagonal, 0);  // a single component has no pair
            for (Index i = 0; i < n; ++i) {   // the one signal is drawn as a constant
                double x = 0, size = 0;
                for (Index j = 0; j < n; ++j) {
                    x += found.P(i, j) * R(0, j);
                    size += R(0, j) * R(0, j);
                }
                EXPECT_NEAR(std::abs(x), std::sqrt(size / static_cast<double>(n)), 1e-13 * std::sqrt(size));
            }
            const Solution from_gram = closed_form_from_gram(*on, stencil, gram(*on, transpose(R)), 1, {}, 1e-12);
            EXPECT_EQ(from_gram.rank, 1);
            EXPECT_LE(std::abs(from_gram.gap), 1.0);
            EXPECT_LE(from_gram.orthogonality, 1e-13);
        }
}

TEST(ClosedForm, EqualGammasAreMinimisedAndTheirPhasesFree) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 9;
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    const Solution found = closed_form_from_factor(*on, stencil, identity(n), 1000, {});
    EXPECT_LE(std::abs(found.gap), 1e-13);
    EXPECT_LE(found.orthogonality, 1e-14);
    EXPECT_NEAR(found.eta, 2 * (1 + 16 + 81 + 256), 1e-10);  // tr M
    EXPECT_EQ(found.phase_free, (std::vector<bool>{false, true, true, true, true}));
    for (const double gap : found.relative_gap)
        EXPECT_LE(std::abs(gap), 1e-14);
}

TEST(ClosedForm, PhaseIsFreeWithinTheStatisticalErrorOnly) {
    // gammas of frequency 1: 0.90 and 0.81, relative gap 0.1; of frequency 2: 0.5 and 0.1. 2 / sqrt(N) = 0.2, 0.02
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 5);
    const std::vector<double> gamma = {1, 0.9, 0.81, 0.5, 0.1};
    std::vector<double> sigma;
    for (const double g : gamma)
        sigma.push_back(std::sqrt(g));
    const Matrix<double> R = factor_with(*on, sigma, 8);
    const Solution few = closed_form_from_factor(*on, stencil, R, 100, {});
    const Solution many = closed_form_from_factor(*on, stencil, R, 10000, {});
    EXPECT_EQ(few.phase_free, (std::vector<bool>{false, true, false}));
    EXPECT_EQ(many.phase_free, (std::vector<bool>{false, false, false}));
    const double gaps[] = {0.1, 0.1, 0.31 / 0.81, 0.8};
    ASSERT_EQ(many.relative_gap.size(), 4u);
    for (Index i = 0; i < 4; ++i)
        EXPECT_NEAR(many.relative_gap[i], gaps[i], 1e-13);
}

TEST(ClosedForm, PhaseIsFreeInTheNullBlock) {
    // n = 7, rank 4: frequency 2 (components 3, 4) is half null and ordered by it, frequency 3 is null altogether
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 7);
    const Matrix<double> R = factor_with(*on, {1, 0.5, 0.25, 0.125, 0, 0, 0}, 14);
    const Solution found = closed_form_from_factor(*on, stencil, R, 1000000000, {});
    ASSERT_EQ(found.rank, 4);
    EXPECT_EQ(found.phase_free, (std::vector<bool>{false, false, false, true}));
}

TEST(ClosedForm, LargerGammaGoesToTheCosine) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 7;
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    const Matrix<double> R = factor_with(*on, geometric(n, 0.1), 9);
    const Solution found = closed_form_from_factor(*on, stencil, R, 100, {});
    const Matrix<double> Y =
        multiply(*on, Op::transpose, Op::none, stencil.T, multiply(*on, Op::none, Op::transpose, found.P, R));
    const Matrix<double> N = gram(*on, Y);
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)
            EXPECT_NEAR(N(i, j), i == j ? found.gamma[i] : 0, 100 * u);
    for (Index i = 0; i + 1 < n; ++i)
        EXPECT_GT(N(i, i), N(i + 1, i + 1));
}

TEST(ClosedForm, SignsFollowTheScore) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 8;
    const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
    const Matrix<double> R = factor_with(*on, geometric(n, 0.1), 10);
    const Matrix<double> weights = normal(1, n, 11);
    const SignScore score = [&](const Matrix<double>& U) {
        const Matrix<double> s = multiply(*on, Op::none, Op::none, weights, U);
        return std::vector<double>(s.values().begin(), s.values().end());
    };
    const Solution plain = closed_form_from_factor(*on, stencil, R, 100, {});
    const Solution scored = closed_form_from_factor(*on, stencil, R, 100, score);
    const Solution from_gram = closed_form_from_gram(*on, stencil, gram(*on, transpose(R)), 100, score, 1e-12);
    EXPECT_LE(largest_difference(scored.P, from_gram.P), 1e-11);  // n u gamma_1 over the smallest gap of gamma, 5e-3
    const Matrix<double> rows = multiply(*on, Op::transpose, Op::none, scored.P, stencil.T);  // columns: u_j
    for (const double s : score(rows))
        EXPECT_GT(s, 0);
    const Matrix<double> plain_rows = multiply(*on, Op::transpose, Op::none, plain.P, stencil.T);
    for (Index j = 0; j < n; ++j) {
        const auto u_j = plain_rows.column(j);
        EXPECT_GT(*std::ranges::max_element(u_j, {}, [](double x) { return std::abs(x); }), 0);
    }
    EXPECT_NEAR(scored.eta, plain.eta, 1e-13 * plain.eta);
}

TEST(ClosedForm, GapAndOffdiagonalSeeWrongAxes) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 6;
    const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
    const Matrix<double> R = factor_with(*on, geometric(n, 0.1), 12);
    const PrincipalAxes right = principal_axes(*on, R);
    PrincipalAxes swapped = right, mixed = right;
    std::swap_ranges(swapped.U.column(1).begin(), swapped.U.column(1).end(), swapped.U.column(3).begin());
    const Solution wrong = closed_form(*on, stencil, swapped, R, 100, {});
    const double excess = (stencil.mu[3] - stencil.mu[1]) * (right.gamma[1] - right.gamma[3]);
    EXPECT_NEAR(wrong.gap, excess / wrong.eta_bound, 1e-12);
    EXPECT_LE(wrong.offdiagonal, left_of_floor(wrong));  // sorted wrongly, but diagonal
    const double c = std::cos(0.3), s = std::sin(0.3);
    for (Index i = 0; i < n; ++i) {
        mixed.U(i, 1) = c * right.U(i, 1) + s * right.U(i, 2);
        mixed.U(i, 2) = c * right.U(i, 2) - s * right.U(i, 1);
    }
    const double a = right.gamma[1], b = right.gamma[2];
    const double expected = c * s * (a - b) / std::sqrt((c * c * a + s * s * b) * (s * s * a + c * c * b));
    EXPECT_NEAR(closed_form(*on, stencil, mixed, R, 100, {}).offdiagonal, expected, 1e-12);
}

TEST(ClosedForm, PairsMayMixWithoutTouchingTheOffdiagonalMeasure) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 5;
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    const Matrix<double> R = factor_with(*on, geometric(n, 0.1), 13);
    PrincipalAxes axes = principal_axes(*on, R), mixed = axes;
    for (Index i = 0; i < n; ++i) {  // a quarter turn of 45 degrees inside frequency 1
        mixed.U(i, 1) = (axes.U(i, 1) + axes.U(i, 2)) * std::sqrt(0.5);
        mixed.U(i, 2) = (axes.U(i, 2) - axes.U(i, 1)) * std::sqrt(0.5);
    }
    const Solution found = closed_form(*on, stencil, mixed, R, 100, {});
    EXPECT_LE(found.offdiagonal, left_of_floor(found));
    EXPECT_LE(std::abs(found.gap), 1e-13);
}

std::string refusal(const Matrix<double>& G) {
    const auto on = make_cpu_backend<double>(1);
    try {
        (void)closed_form_from_gram(*on, make_stencil(*on, StencilKind::dct, 4), G, 10, {}, 1e-12);
    } catch (const InputError& e) {
        return e.what();
    }
    return "accepted";
}

TEST(ClosedForm, RefusesWhatIsNoGram) {
    EXPECT_EQ(refusal(identity(4)), "accepted");
    Matrix<double> G = identity(4);
    G(2, 1) = std::nan("");
    EXPECT_NE(refusal(G).find("not finite"), std::string::npos);
    EXPECT_NE(refusal(Matrix<double>(4, 4)).find("zero"), std::string::npos);
    EXPECT_NE(refusal(identity(5)).find("5 x 5, expected 4 x 4"), std::string::npos);
    G = identity(4);
    G(2, 1) = 1e-9;
    EXPECT_NE(refusal(G).find("not symmetric, |G - G^T| is 1e-09"), std::string::npos);
    G(2, 1) = 1e-11;  // rounding
    EXPECT_EQ(refusal(G), "accepted");
    G = identity(4);
    G(3, 3) = -0.5;
    EXPECT_NE(refusal(G).find("eigenvalue -0.5"), std::string::npos);
}

TEST(ClosedForm, RefusesFactorsThatAreZeroOrNotFinite) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, 4);
    EXPECT_THROW((void)closed_form_from_factor(*on, stencil, Matrix<double>(4, 4), 10, {}), InputError);
    Matrix<double> R = identity(4);
    R(0, 3) = std::numeric_limits<double>::infinity();
    EXPECT_THROW((void)closed_form_from_factor(*on, stencil, R, 10, {}), InputError);
}

}  // namespace
}  // namespace descrambler
