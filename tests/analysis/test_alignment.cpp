#include "descrambler/alignment.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "descramble/fixtures.hpp"
#include "descrambler/spectrum.hpp"

namespace descrambler {
namespace {

using namespace test;

// T A^T for an element A of the stabiliser of mu: signs, and a rotation or reflection in each pair.
Matrix<double> stabiliser(Backend<double>& on, const Stencil& stencil, std::uint64_t number) {
    RandomStream random(7, stream::analysis + number);
    const Index n = stencil.n();
    Matrix<double> A(n, n);
    for (Index i = 0; i < n;) {
        const double sign = random.uniform() < 0.5 ? -1 : 1;
        if (i + 1 < n && stencil.block[i] == stencil.block[i + 1]) {
            const double angle = 6.28 * random.uniform(), c = std::cos(angle), s = std::sin(angle);
            A(i, i) = c;
            A(i + 1, i) = s;
            A(i, i + 1) = -sign * s;
            A(i + 1, i + 1) = sign * c;
            i += 2;
        } else {
            A(i, i) = sign;
            ++i;
        }
    }
    return multiply(on, Op::none, Op::none, stencil.T, multiply(on, Op::none, Op::transpose, A, stencil.T));
}

const StencilKind kinds[] = {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2};
const double rounding = 1e-13;  // sums of some thousand products of rounding u

TEST(Alignment, IsOneOverTheWholeStabiliser) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 8, 9, 40}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Matrix<double> A = normal(n, 30, 1);
            for (std::uint64_t trial = 0; trial < 10; ++trial) {
                const Matrix<double> B =
                    scaled(multiply(*on, Op::none, Op::none, stabiliser(*on, stencil, trial), A), 3);
                const Alignment found = align(*on, stencil, A, B);
                EXPECT_NEAR(found.s, 1, rounding);
                EXPECT_NEAR(found.s_octave, 1, rounding);
                EXPECT_NEAR(found.s_nuc, 1, rounding);
            }
        }
}

TEST(Alignment, DoesNotSeeShiftsReflectionAndSign) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {8, 9}) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        const Matrix<double> A = normal(n, 20, 2), C = normal(n, 20, 3);
        const double expected = align(*on, stencil, A, C).s;
        for (Index shift = 0; shift < n; ++shift) {
            Matrix<double> B(n, 20);
            for (Index j = 0; j < 20; ++j)
                for (Index i = 0; i < n; ++i)
                    B(i, j) = -A((2 * n - i + shift) % n, j);
            EXPECT_NEAR(align(*on, stencil, A, B).s, 1, rounding);
            EXPECT_NEAR(align(*on, stencil, B, C).s, expected, rounding);
        }
    }
}

TEST(Alignment, IsTheBestOverlapOverTheStabiliser) {
    // never beaten by a random element, and nearly reached by the best of many where there are two angles only
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 5);
    const Matrix<double> A = normal(5, 7, 4), B = normal(5, 7, 5);
    const double s = align(*on, stencil, A, B).s, norms = frobenius(A) * frobenius(B);
    double best = -1;
    for (std::uint64_t trial = 0; trial < 5000; ++trial) {
        const Matrix<double> C = multiply(*on, Op::none, Op::none, stabiliser(*on, stencil, trial), A);
        double overlap = 0;
        for (std::size_t i = 0; i < C.values().size(); ++i)
            overlap += C.values()[i] * B.values()[i];
        best = std::max(best, overlap / norms);
    }
    EXPECT_LE(best, s + rounding);
    EXPECT_GT(best, s - 0.02);  // 5000 draws over 2^3 sign patterns and two angles: about 0.1 rad from the best
}

TEST(Alignment, ByHandForSimpleSpectra) {
    // dct: blocks of one, so s = sum_k |<T^T A, T^T B>_k| / norms. A, B of one column each in the basis T.
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, 3);
    Matrix<double> a(3, 1), b(3, 1);
    a(0, 0) = 1;
    a(1, 0) = 2;
    b(0, 0) = 2;
    b(1, 0) = -1;
    const Alignment found = align(*on, stencil, multiply(*on, Op::none, Op::none, stencil.T, a),
                                  multiply(*on, Op::none, Op::none, stencil.T, b));
    EXPECT_NEAR(found.s, 4.0 / 5, rounding);         // (|1 * 2| + |2 * -1|) / (sqrt 5 sqrt 5)
    EXPECT_NEAR(found.s_octave, 4.0 / 5, rounding);  // octaves {0}, {1}, {2}
    EXPECT_NEAR(found.s_nuc, 1, rounding);           // one column: rank one, the product of the norms
}

TEST(Alignment, MixingWithinAnOctaveIsSeenByTheFineNumberOnly) {
    // fourier2, n = 16: columns 3 .. 6 are frequencies 2 and 3, one octave
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 16);
    Matrix<double> rows = normal(16, 40, 6), mixed = rows;
    const Matrix<double> turn = orthogonal(*on, 4, 7);
    for (Index j = 0; j < 40; ++j)
        for (Index i = 3; i < 7; ++i) {
            mixed(i, j) = 0;
            for (Index k = 3; k < 7; ++k)
                mixed(i, j) += turn(i - 3, k - 3) * rows(k, j);
        }
    const auto in_space = [&](const Matrix<double>& A) { return multiply(*on, Op::none, Op::none, stencil.T, A); };
    const Alignment octave = align(*on, stencil, in_space(rows), in_space(mixed));
    EXPECT_LT(octave.s, 0.99);
    EXPECT_NEAR(octave.s_octave, 1, rounding);
    for (Index j = 0; j < 40; ++j)  // frequencies 1 and 2: two octaves
        std::swap(mixed(2, j), mixed(7, j));
    const Alignment across = align(*on, stencil, in_space(rows), in_space(mixed));
    EXPECT_LT(across.s_octave, 0.99);
    EXPECT_NEAR(across.s_nuc, 1, rounding);
}

TEST(Alignment, CoarserFreedomGivesMore) {
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {3, 16, 81})
            for (std::uint64_t trial = 0; trial < 5; ++trial) {
                const Stencil stencil = make_stencil(*on, kind, n);
                const Alignment found = align(*on, stencil, normal(n, 50, 10 + trial), normal(n, 50, 20 + trial));
                EXPECT_GT(found.s, 0);
                EXPECT_LE(found.s, found.s_octave + rounding);
                EXPECT_LE(found.s_octave, found.s_nuc + rounding);
                EXPECT_LE(found.s_nuc, 1 + rounding);
            }
}

TEST(Alignment, SNucIsTheNuclearNormWithoutAnyDescrambling) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> A = normal(12, 30, 30), B = normal(12, 30, 31);
    const Matrix<double> P = orthogonal(*on, 12, 32);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 12);
    double sum = 0;
    for (const double s : svd(*on, multiply(*on, Op::none, Op::transpose, A, B)).s)
        sum += s;
    const Alignment found = align(*on, stencil, multiply(*on, Op::none, Op::none, P, A), B);
    EXPECT_NEAR(found.s_nuc, sum / (frobenius(A) * frobenius(B)), rounding);
}

TEST(Alignment, FftCorrelationIsOneForShiftsAndLessForOthers) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 12);
    const Matrix<double> A = normal(12, 32, 33);
    Matrix<double> shifted(12, 32);
    for (Index j = 0; j < 32; ++j)
        for (Index i = 0; i < 12; ++i)
            shifted(i, j) = -A((i + 5) % 12, j);
    EXPECT_NEAR(align(*on, stencil, A, shifted).fft_correlation, 1, rounding);
    EXPECT_LT(align(*on, stencil, A, normal(12, 32, 34)).fft_correlation, 0.5);
}

TEST(Alignment, AllPairsComeInOrderAndForAnyNumberOfThreads) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 10);
    std::vector<Matrix<double>> matrices;
    for (std::uint64_t k = 0; k < 4; ++k)
        matrices.push_back(normal(10, 24, 40 + k));
    const auto one = align_all(stencil, matrices, 1), many = align_all(stencil, matrices, 3);
    ASSERT_EQ(one.size(), 6u);
    std::size_t p = 0;
    for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = i + 1; j < 4; ++j, ++p) {
            const Alignment pair = align(*on, stencil, matrices[i], matrices[j]);
            for (const Alignment& other : {one[p], many[p]}) {
                EXPECT_EQ(pair.s, other.s);
                EXPECT_EQ(pair.s_octave, other.s_octave);
                EXPECT_EQ(pair.s_nuc, other.s_nuc);
                EXPECT_EQ(pair.fft_correlation, other.fft_correlation);
            }
        }
    const std::vector<Matrix<double>> left = {matrices[0], matrices[1]}, right = {matrices[2], matrices[3]};
    const auto between = align_between(stencil, left, right, 2);
    ASSERT_EQ(between.size(), 4u);
    EXPECT_EQ(between[1].s, one[2].s);  // (0, 3)
    EXPECT_EQ(between[2].s, one[3].s);  // (1, 2)
    EXPECT_TRUE(align_all(stencil, {matrices[0]}, 2).empty());
}

TEST(Alignment, AnElementOfTheStabiliserReachesS) {
    // s is a maximum and not a bound: turn each block of A by the polar factor of B_f A_f^T. The result commutes with M
    // = T diag(mu) T^T, and its plain overlap with B is s.
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds)
        for (const Index n : {5, 16, 80}) {
            const Stencil stencil = make_stencil(*on, kind, n);
            const Matrix<double> A = normal(n, 30, 60), B = normal(n, 30, 61);
            const Matrix<double> a = multiply(*on, Op::transpose, Op::none, stencil.T, A),
                                 b = multiply(*on, Op::transpose, Op::none, stencil.T, B);
            const Matrix<double> C = multiply(*on, Op::none, Op::transpose, b, a);
            Matrix<double> turn(n, n);
            for (Index first = 0, last = 0; first < n; first = last) {
                for (last = first; last < n && stencil.block[last] == stencil.block[first]; ++last) {
                }
                Matrix<double> block(last - first, last - first);
                for (Index j = first; j < last; ++j)
                    for (Index i = first; i < last; ++i)
                        block(i - first, j - first) = C(i, j);
                const Svd parts = svd(*on, block);
                const Matrix<double> polar = multiply(*on, Op::none, Op::transpose, parts.U, parts.V);
                for (Index j = first; j < last; ++j)
                    for (Index i = first; i < last; ++i)
                        turn(i, j) = polar(i - first, j - first);
            }
            Matrix<double> commutator(n, n);
            for (Index j = 0; j < n; ++j)
                for (Index i = 0; i < n; ++i)
                    commutator(i, j) = turn(i, j) * (stencil.mu[i] - stencil.mu[j]);
            EXPECT_EQ(frobenius(commutator), 0);  // equal mu of a block are equal bits
            const Matrix<double> turned = multiply(*on, Op::none, Op::none, turn, a);
            double overlap = 0;
            for (std::size_t i = 0; i < turned.values().size(); ++i)
                overlap += turned.values()[i] * b.values()[i];
            EXPECT_NEAR(overlap / (frobenius(A) * frobenius(B)), align(*on, stencil, A, B).s, rounding);
        }
}

TEST(Alignment, ATapAfterIsComparedAlongItsColumns) {
    // W P^T for two P that differ by an element of the stabiliser is one interpretation; its rows have no link
    const auto on = make_cpu_backend<double>(1);
    for (const StencilKind kind : kinds) {
        const Stencil stencil = make_stencil(*on, kind, 12);
        Descrambling one, other;
        one.descrambled_weight = normal(12, 12, 70);
        other.descrambled_weight =
            multiply(*on, Op::none, Op::transpose, one.descrambled_weight, stabiliser(*on, stencil, 3));
        EXPECT_NEAR(align(*on, stencil, link_rows(one, Tap::after), link_rows(other, Tap::after)).s, 1, rounding);
        EXPECT_LT(align(*on, stencil, link_rows(one, Tap::before), link_rows(other, Tap::before)).s, 0.9);
    }
}

TEST(Alignment, FineScoresAreTheSameNumbers) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 16);
    const Matrix<double> A = normal(16, 30, 80), B = normal(16, 30, 81);
    const Alignment all = align(*on, stencil, A, B), fine = align(*on, stencil, A, B, Scores::fine);
    EXPECT_EQ(all.s, fine.s);
    EXPECT_EQ(all.fft_correlation, fine.fft_correlation);
    EXPECT_TRUE(std::isnan(fine.s_octave) && std::isnan(fine.s_nuc));
    EXPECT_NEAR(all.fft_correlation, pearson(folded_amplitude(*on, A).values(), folded_amplitude(*on, B).values()),
                rounding);
}

TEST(Alignment, NothingIsLikeZero) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::dct, 4);
    const Alignment found = align(*on, stencil, Matrix<double>(4, 5), normal(4, 5, 50));
    EXPECT_EQ(found.s, 0);
    EXPECT_EQ(found.s_nuc, 0);
}

}  // namespace
}  // namespace descrambler
