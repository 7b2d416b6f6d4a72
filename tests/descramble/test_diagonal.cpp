#include "descrambler/diagonal.hpp"

#include <gtest/gtest.h>

#include "descrambler/representable.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

// Gradient with respect to the packed generator, P = Cayley(Q):
//   dQ = -1/2 (I + P)^T dP (I + P)^T,  dq = lower(dQ - dQ^T)
std::vector<double> pulled_back(Backend<double>& on, const Matrix<double>& P, const Matrix<double>& dP) {
    Matrix<double> I_P = P;
    for (Index i = 0; i < P.rows(); ++i)
        I_P(i, i) += 1;
    const Matrix<double> dQ =
        multiply(on, Op::none, Op::transpose, multiply(on, Op::transpose, Op::none, I_P, dP), I_P);
    std::vector<double> dq;
    for (Index j = 0; j < P.cols(); ++j)
        for (Index i = j + 1; i < P.rows(); ++i)
            dq.push_back(-(dQ(i, j) - dQ(j, i)) / 2);
    return dq;
}

void expect_golden_gradient(const std::vector<double>& dq, const Matrix<double>& stored, Index n) {
    ASSERT_EQ(std::ssize(dq), stored.size());
    for (std::size_t i = 0; i < dq.size(); ++i)  // stored for the negative, which a descent minimises
        ASSERT_NEAR(-dq[i], stored.values()[i], 1e-12 * largest(stored)) << n << " " << i;
}

// tr(P W) and sum (P W)_ii^2 without the library
double trace(Backend<double>& on, const Matrix<double>& P, const Matrix<double>& W, int power) {
    const Matrix<double> A = multiply(on, Op::none, Op::none, P, W);
    double sum = 0;
    for (Index i = 0; i < A.rows(); ++i)
        sum += power == 1 ? A(i, i) : A(i, i) * A(i, i);
    return sum;
}

// U diag(sigma) V^T with random U, V
Matrix<double> with_singular_values(Backend<double>& on, const std::vector<double>& sigma, std::uint64_t number) {
    const Index n = static_cast<Index>(sigma.size());
    Matrix<double> left = orthogonal(on, n, 2 * number);
    for (Index j = 0; j < n; ++j)
        for (double& x : left.column(j))
            x *= sigma[j];
    return multiply(on, Op::none, Op::transpose, left, orthogonal(on, n, 2 * number + 1));
}

TEST(DiagonalSum, MatchesTheGoldenSet) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> W = golden(n, "W");
        const DiagonalSum O = maximum_diagonal_sum(*on, W, Group::O), SO = maximum_diagonal_sum(*on, W, Group::SO);
        const double value_O = golden(n, "mds_val_On")(0, 0), value_SO = golden(n, "mds_val_SOn")(0, 0);
        EXPECT_NEAR(O.bound, value_O, 1e-12 * value_O);
        EXPECT_NEAR(O.value, value_O, 1e-12 * value_O);
        EXPECT_NEAR(SO.bound, value_SO, 1e-12 * value_O);
        EXPECT_NEAR(SO.value, value_SO, 1e-12 * value_O);
        EXPECT_LE(largest_difference(O.P, golden(n, "mds_P_On")), 1e-9);
        EXPECT_LE(largest_difference(SO.P, golden(n, "mds_P_SOn")), 1e-9);
        EXPECT_EQ(orthogonal_determinant(O.P), -1);  // the stored W have det W < 0
        EXPECT_EQ(orthogonal_determinant(SO.P), 1);

        const Matrix<double> P = golden(n, "P");
        const DiagonalValue at = diagonal_sum(*on, W, P);
        const double stored = golden(n, "mds_obj")(0, 0);
        EXPECT_NEAR(-at.value, stored, 1e-12 * std::max(std::abs(stored), value_O)) << n;
        expect_golden_gradient(pulled_back(*on, P, at.gradient), golden(n, "mds_grad"), n);
    }
}

TEST(DiagonalSum, IsNeverBeatenAndSymmetric) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {1, 2, 3, 7}) {
        const Matrix<double> W = normal(n, n, 40 + static_cast<std::uint64_t>(n));
        const DiagonalSum O = maximum_diagonal_sum(*on, W, Group::O), SO = maximum_diagonal_sum(*on, W, Group::SO);
        const Matrix<double> A = multiply(*on, Op::none, Op::none, O.P, W);
        EXPECT_LE(largest_difference(A, transpose(A)), 10 * static_cast<double>(n) * u * largest(A));
        EXPECT_EQ(orthogonal_determinant(SO.P), 1);
        for (std::uint64_t trial = 0; trial < 200; ++trial) {
            const Matrix<double> P = orthogonal(*on, n, 500 + trial);
            const double value = trace(*on, P, W, 1);
            EXPECT_LE(value, O.bound * (1 + 1e-13)) << n;
            if (orthogonal_determinant(P) > 0) {
                EXPECT_LE(value, SO.bound + 1e-13 * O.bound) << n;
            }
        }
    }
}

TEST(DiagonalSum, RefusesWhereTheMaximiserIsNotUnique) {
    const auto on = make_cpu_backend<double>(1);
    const auto refusal = [&](const Matrix<double>& W, Group group) -> std::string {
        try {
            (void)maximum_diagonal_sum(*on, W, group);
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal(Matrix<double>(80, 256), Group::O).find("80 x 256"), std::string::npos);
    EXPECT_NE(refusal(with_singular_values(*on, {3, 2, 0}, 3), Group::O).find("singular"), std::string::npos);
    EXPECT_NE(refusal(Matrix<double>(3, 3), Group::O).find("zero"), std::string::npos);
    EXPECT_EQ(refusal(with_singular_values(*on, {3, 2, 1e-9}, 3), Group::O), "");
    // two equal smallest singular values: unique over O(n), a circle of maximisers over SO(n) if det W < 0
    Matrix<double> tie = identity(3);
    EXPECT_EQ(refusal(tie, Group::SO), "");
    tie(0, 0) = -1;
    EXPECT_EQ(refusal(tie, Group::O), "");
    EXPECT_NE(refusal(tie, Group::SO).find("agree"), std::string::npos);
    Matrix<double> nan = identity(3);
    nan(1, 2) = std::numeric_limits<double>::quiet_NaN();
    EXPECT_NE(refusal(nan, Group::O).find("not finite"), std::string::npos);
}

TEST(DiagonalNorm, MatchesTheGoldenSet) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> W = golden(n, "W");
        const DiagonalNorm found = maximum_diagonal_norm(*on, W);
        const double value = golden(n, "mdn_val")(0, 0);
        EXPECT_NEAR(found.value, value, 1e-10 * value);
        EXPECT_GE(found.value, value * (1 - 1e-9));
        EXPECT_LE(largest_difference(found.P, golden(n, "mdn_P")), 1e-6);
        EXPECT_TRUE(found.converged && found.certified && !found.restarted);
        EXPECT_GE(found.bound, value * (1 - 1e-13));
        EXPECT_LE(found.iterations, 40) << n;  // 11 to 22 in the set, to its stopping rule

        const Matrix<double> P = golden(n, "P");
        const DiagonalValue at = diagonal_norm(*on, W, P);
        const double stored = golden(n, "mdn_obj")(0, 0);
        EXPECT_NEAR(-at.value, stored, 1e-12 * std::abs(stored)) << n;
        expect_golden_gradient(pulled_back(*on, P, at.gradient), golden(n, "mdn_grad"), n);
    }
}

TEST(DiagonalNorm, GradientsMatchFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> W = normal(4, 4, 60), P = orthogonal(*on, 4, 61);
    const double h = 1e-5;  // central differences: h^2 of the third derivative (none here) + u / h
    for (Index j = 0; j < 4; ++j)
        for (Index i = 0; i < 4; ++i) {
            Matrix<double> up = P, down = P;
            up(i, j) += h;
            down(i, j) -= h;
            EXPECT_NEAR(diagonal_sum(*on, W, P).gradient(i, j),
                        (trace(*on, up, W, 1) - trace(*on, down, W, 1)) / (2 * h), 1e-9);
            EXPECT_NEAR(diagonal_norm(*on, W, P).gradient(i, j),
                        (trace(*on, up, W, 2) - trace(*on, down, W, 2)) / (2 * h), 1e-9);
        }
}

TEST(DiagonalNorm, NothingExceedsTheCertificate) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> decaying{1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4};
    for (const Matrix<double>& W : {normal(8, 8, 70), with_singular_values(*on, decaying, 36)}) {
        const DiagonalNorm found = maximum_diagonal_norm(*on, W);
        ASSERT_TRUE(found.certified) << found.width;
        EXPECT_GE(found.width, -8 * u);
        EXPECT_NEAR(found.value, trace(*on, found.P, W, 2), 1e-13 * found.value);
        for (Index i = 0; i < 8; ++i)
            EXPECT_GE(multiply(*on, Op::none, Op::none, found.P, W)(i, i), 0);
        for (std::uint64_t trial = 0; trial < 200; ++trial)
            EXPECT_LE(trace(*on, orthogonal(*on, 8, 800 + trial), W, 2), found.bound);
        // any start leads to the one value, and never falls on the way
        for (std::uint64_t trial = 0; trial < 8; ++trial) {
            DiagonalNormOptions options{.start = orthogonal(*on, 8, 900 + trial)};
            const DiagonalNorm other = maximum_diagonal_norm(*on, W, options);
            EXPECT_NEAR(other.value, found.value, 1e-8 * found.value);
            EXPECT_LE(other.value, found.bound * (1 + 8 * u));
            for (Index i = 0; i < 8; ++i)  // a start with d_i < 0 keeps that sign through the iteration
                EXPECT_GE(multiply(*on, Op::none, Op::none, other.P, W)(i, i), 0);
            double last = trace(*on, options.start, W, 2);
            for (Index steps = 1; steps < 6; ++steps) {
                options.iterations = steps;
                const double value = maximum_diagonal_norm(*on, W, options).value;
                EXPECT_GE(value, last * (1 - 8 * u));
                last = value;
            }
        }
    }
}

TEST(DiagonalNorm, RestartsFromAFixedPointThatIsNotTheMaximum) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> swap(2, 2);  // P = I has diag(P W) = 0: fixed, with 0 against 2
    swap(0, 1) = swap(1, 0) = 1;
    const DiagonalNorm found = maximum_diagonal_norm(*on, swap, {.start = identity(2)});
    EXPECT_TRUE(found.restarted);
    EXPECT_NEAR(found.value, 2, 1e-14);
    EXPECT_TRUE(found.certified);
    EXPECT_FALSE(maximum_diagonal_norm(*on, swap).restarted);
}

TEST(DiagonalNorm, SingularMatricesAreCertifiedOrSaidNotToBe) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> W = with_singular_values(*on, {3, 2, 1, 0, 0, 0}, 40);
    const DiagonalNorm found = maximum_diagonal_norm(*on, W);
    EXPECT_EQ(found.certified, found.width <= 1e-6);
    for (std::uint64_t trial = 0; trial < 100; ++trial)
        EXPECT_LE(trace(*on, orthogonal(*on, 6, 950 + trial), W, 2), found.bound);
    // stopped early it is not
    const DiagonalNorm early = maximum_diagonal_norm(*on, W, {.iterations = 1});
    EXPECT_FALSE(early.certified || early.converged);
    EXPECT_GT(early.bound, early.value);
    // diag(P W) = 0 at a fixed point of a singular W: no value at all, and no certificate
    Matrix<double> shift(2, 2);
    shift(0, 1) = 1;
    const DiagonalNorm stuck = maximum_diagonal_norm(*on, shift, {.start = identity(2)});
    EXPECT_FALSE(stuck.certified || stuck.restarted);
    EXPECT_THROW((void)maximum_diagonal_norm(*on, Matrix<double>(3, 4)), InputError);
    EXPECT_THROW((void)maximum_diagonal_norm(*on, Matrix<double>(3, 3)), InputError);
    EXPECT_THROW((void)maximum_diagonal_norm(*on, scaled(W, 1e160)), InputError);
    EXPECT_THROW((void)maximum_diagonal_norm(*on, scaled(W, 1e-160)), InputError);
    const double value = maximum_diagonal_norm(*on, scaled(W, 1e100)).value;  // nothing depends on the scale
    EXPECT_NEAR(value, found.value * 1e200, 1e-9 * value);
}

}  // namespace
}  // namespace descrambler
