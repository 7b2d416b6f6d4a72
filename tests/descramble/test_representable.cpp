#include "descrambler/representable.hpp"

#include <gtest/gtest.h>

#include "descrambler/closed_form.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

// P with T^T P^T T = K, so that its sign choices are those of K.
Matrix<double> descrambler_with(Backend<double>& on, const Stencil& stencil, const Matrix<double>& K) {
    return multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::transpose, stencil.T, K), stencil.T);
}

// I - 2 v v^T / (v^T v)
Matrix<double> reflection(const std::vector<double>& v) {
    const Index n = static_cast<Index>(v.size());
    double square = 0;
    for (const double x : v)
        square += x * x;
    Matrix<double> H = identity(n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            H(i, j) -= 2 * v[i] * v[j] / square;
    return H;
}

// Everything that the chart promises, from the definitions. The tolerance c n u (1 + ||Q||) is that of products of n
// terms and of an inverse whose condition is 1 + ||Q||.
void expect_representable(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                          const Representable& found, const std::string& what) {
    const Index n = stencil.n();
    const double tolerance = 20 * static_cast<double>(n) * u * (1 + found.norm);
    const Matrix<double>& Q = found.generator;
    EXPECT_EQ(largest_difference(Q, scaled(transpose(Q), -1)), 0) << what;
    Matrix<double> plus = Q, minus = scaled(Q, -1);
    for (Index i = 0; i < n; ++i) {
        plus(i, i) += 1;
        minus(i, i) += 1;
    }
    EXPECT_LE(largest_difference(multiply(on, Op::none, Op::none, found.P, plus), minus), tolerance) << what;
    EXPECT_EQ(orthogonal_determinant(found.P), 1) << what;
    const Matrix<double> U = multiply(on, Op::transpose, Op::none, P, stencil.T);
    const Matrix<double> inside = multiply(on, Op::transpose, Op::none, U, multiply(on, Op::none, Op::none, Q, U));
    EXPECT_LE(largest(inside), 1 + 1e-12 + tolerance) << what;
    EXPECT_NEAR(largest(inside), found.largest_entry, tolerance) << what;
    // P with the signs Sg and nothing else
    const Matrix<double> relation =
        multiply(on, Op::transpose, Op::none, stencil.T, multiply(on, Op::none, Op::none, found.P, U));
    Matrix<double> signs(n, n);
    for (Index i = 0; i < n; ++i)
        signs(i, i) = found.sign[i];
    EXPECT_LE(largest_difference(relation, signs), 10 * static_cast<double>(n) * u) << what;
}

TEST(Representable, HoldsForRandomOrthogonalMatrices) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 5, 16, 80, 256}) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const std::uint64_t trials = n == 256 ? 2 : n == 80 ? 6 : 20;
        for (std::uint64_t trial = 0; trial < trials; ++trial) {
            const Matrix<double> P = orthogonal(*on, n, 1000 + trial);
            const Representable found = cayley_representable(*on, stencil, P);
            expect_representable(*on, stencil, P, found, "n " + std::to_string(n));
            // 0.7 to 1.4 sqrt(n) in the reference measurement (n = 16 .. 256); small n scatter more
            EXPECT_LE(found.norm, 2 * std::sqrt(static_cast<double>(n))) << n;
            EXPECT_LE(found.flips, n) << n;
        }
    }
}

TEST(Representable, HoldsWhereTheChartIsSingular) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {4, 5, 16}) {
        const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
        std::vector<double> ones(n, 1.0), alternating(n), first(n);
        for (Index i = 0; i < n; ++i)
            alternating[i] = i % 2 == 0 ? 1.0 : -1.0;
        first[0] = 1;
        const Matrix<double> a = reflection(ones), b = reflection(alternating), c = reflection(first);
        const std::vector<std::pair<std::string, Matrix<double>>> cases{
            {"-I", scaled(identity(n), -1)},
            {"I", identity(n)},
            {"one reflection", a},
            {"two reflections", multiply(*on, Op::none, Op::none, a, b)},
            {"two reflections, one of an axis", multiply(*on, Op::none, Op::none, a, c)}};
        for (const auto& [name, K] : cases) {
            const Matrix<double> P = descrambler_with(*on, stencil, K);
            expect_representable(*on, stencil, P, cayley_representable(*on, stencil, P), name);
        }
    }
}

TEST(Representable, ReproducesTheGoldenProperties) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const Matrix<double> P = golden(n, "Pstar"), R = transpose(golden(n, "S"));
        const Representable found = cayley_representable(*on, stencil, P);
        expect_representable(*on, stencil, P, found, "golden n " + std::to_string(n));
        const double eta = smoothness(*on, stencil, P, R);
        EXPECT_NEAR(smoothness(*on, stencil, found.P, R), eta, 1e-11 * eta);
        // The stored one, from another start, is one of the sign choices too, and ends with a norm of the same size.
        const Matrix<double> U = multiply(*on, Op::transpose, Op::none, P, stencil.T);
        const Matrix<double> phi = multiply(*on, Op::transpose, Op::none, stencil.T,
                                            multiply(*on, Op::none, Op::none, golden(n, "Pstar_cayley"), U));
        for (Index i = 0; i < n; ++i)
            EXPECT_NEAR(std::abs(phi(i, i)), 1, 1e-12);
        const double stored = svd(*on, golden(n, "Qstar_cayley")).s.front();
        EXPECT_LE(found.norm, 2 * stored);
        EXPECT_LE(stored, 2 * found.norm);
    }
}

// Each flip multiplies det(I + Sg K) by q^2, so where the flips end no pair of signs is left that raises it.
TEST(Representable, NoPairOfSignsRaisesTheDeterminant) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 6;
    const Stencil stencil = make_stencil(*on, StencilKind::dct, n);
    for (std::uint64_t trial = 0; trial < 30; ++trial) {
        const Matrix<double> P = orthogonal(*on, n, 1200 + trial);
        const Representable found = cayley_representable(*on, stencil, P);
        const Matrix<double> K =
            multiply(*on, Op::transpose, Op::none, stencil.T, multiply(*on, Op::transpose, Op::none, P, stencil.T));
        const auto volume = [&](const std::vector<double>& sign) {  // |det(I + Sg K)|
            Matrix<double> A = K;
            for (Index j = 0; j < n; ++j)
                for (Index i = 0; i < n; ++i)
                    A(i, j) = sign[i] * K(i, j) + (i == j ? 1 : 0);
            double product = 1;
            for (const double s : svd(*on, A).s)
                product *= s;
            return product;
        };
        const double here = volume(found.sign);
        EXPECT_GE(here, 1 - 1e-12);  // the pivots of the start are 1 or more, and flips only multiply
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < j; ++i) {
                std::vector<double> other = found.sign;
                other[i] *= -1;
                other[j] *= -1;
                EXPECT_LE(volume(other), here * (1 + 1e-11)) << i << " " << j;
            }
    }
}

TEST(Representable, DeterminantOfOrthogonalMatrices) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {1, 2, 5, 80}) {
        Matrix<double> I = identity(n);
        EXPECT_EQ(orthogonal_determinant(I), 1);
        I(0, 0) = -1;
        EXPECT_EQ(orthogonal_determinant(I), -1);
        const Matrix<double> A = orthogonal(*on, n, 1300), B = orthogonal(*on, n, 1301);
        EXPECT_EQ(orthogonal_determinant(multiply(*on, Op::none, Op::none, A, B)),
                  orthogonal_determinant(A) * orthogonal_determinant(B));
        if (n > 1) {
            Matrix<double> swapped = A;
            std::ranges::swap_ranges(swapped.column(0), swapped.column(1));
            EXPECT_EQ(orthogonal_determinant(swapped), -orthogonal_determinant(A));
        }
    }
    EXPECT_EQ(orthogonal_determinant(scaled(identity(3), -1)), -1);
}

TEST(Representable, RefusesWhatIsNotOrthogonal) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, 4);
    EXPECT_THROW((void)cayley_representable(*on, stencil, scaled(identity(4), 1.1)), std::invalid_argument);
    EXPECT_THROW((void)cayley_representable(*on, stencil, identity(5)), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
