// Block Lanczos: values, copies of equal values, residuals, restarts, ranks, errors, bits.
#include "descrambler/lanczos.hpp"

#include <span>
#include <string>

#include "linalg/operators.hpp"

namespace descrambler {
namespace {

using namespace test;

// What triplets say of themselves must be so: unit and orthogonal vectors, descending values, the sign, and residuals
// as products measure them.
void expect_sound(Backend<double>& on, const LinearOperator& A, const LanczosSvd& f, double tolerance) {
    EXPECT_TRUE(f.converged);
    EXPECT_LE(skew(on, f.U), 1e-10);
    EXPECT_LE(skew(on, f.V), 1e-10);
    EXPECT_TRUE(std::ranges::is_sorted(f.s, std::greater<>()));
    const TripletResiduals measured = triplet_residuals(on, A, f.U, f.s, f.V);
    for (std::size_t i = 0; i < f.s.size(); ++i) {
        EXPECT_LE(measured.left[i], 1e-12 * f.s[0]) << i;  // rounding alone
        EXPECT_LE(measured.right[i], tolerance * f.s[0]) << i;
        EXPECT_LE(measured.right[i], f.residuals[i] + 1e-12 * f.s[0]) << i;
        const std::span<const double> v = f.V.column(static_cast<Index>(i));
        EXPECT_GT(*std::ranges::max_element(v, {}, [](double x) { return std::abs(x); }), 0) << i;
    }
}

TEST(Lanczos, FindsTheEqualPairsOfBicubicMagnification) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {24, 32}) {
        const Matrix<double> K = cubic_kernel(n);
        const LinearOperator A = kronecker_operator(K);
        const std::vector<double> truth = kronecker_values(*on, K);
        const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 10, .basis_limit = 64});
        EXPECT_LE(worst_relative(f.s, truth), 1e-6) << n << ": " << f.pairs << " pairs";
        expect_sound(*on, A, f, 1e-6);
        EXPECT_EQ(f.blocks, 2) << "a block of 2 that has found a pair asks once whether there is a third";
        EXPECT_GT(f.restarts, 0);
        EXPECT_LE(f.basis, 64);
        // observed 544 and 690; another start vector takes some more or less
        EXPECT_LE(f.pairs, n == 24 ? 650 : 800);
    }
}

TEST(Lanczos, FindsMoreCopiesThanABlockHasVectors) {
    const auto on = make_cpu_backend<double>(1);
    // three planes: values three and six times; without fresh blocks the error is 6e-3 for blocks of 2 and of 3
    const Matrix<double> K = cubic_kernel(12);
    const LinearOperator A = kronecker_operator(K, 3);
    for (const int block : {1, 2, 3}) {
        const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 10, .block = block});
        EXPECT_LE(worst_relative(f.s, kronecker_values(*on, K, 3)), 1e-6) << "block " << block << ", " << f.pairs;
        EXPECT_GE(block * f.blocks, 7) << "six copies were asked for a seventh";
        expect_sound(*on, A, f, 1e-6);
    }
}

TEST(Lanczos, LockedCopiesAreMeasuredWhereTheirBoundIsNoLongerEnough) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> A(300, 300);
    std::vector<double> truth;
    for (Index i = 0; i < 300; ++i) {
        A(i, i) = i < 24 ? static_cast<double>(3 - i / 12) : std::pow(static_cast<double>(i - 20), -0.3);
        truth.push_back(A(i, i));
    }
    for (const int block : {1, 2, 4}) {
        const LanczosSvd f = lanczos_svd(*on, matrix_operator(A), {.wanted = 26, .block = block, .most_pairs = 400});
        EXPECT_LE(worst_relative(f.s, truth), 1e-10) << "block " << block << ", " << f.pairs << " pairs";
        expect_sound(*on, matrix_operator(A), f, 1e-6);
        EXPECT_GE(block * f.blocks, 13);
    }
}

TEST(Lanczos, TakesFewPairsForASlowlyFallingSpectrum) {
    const auto on = make_cpu_backend<double>(1);
    const auto sigma = [](double k) { return std::pow(k, -0.3); };
    const LinearOperator A = matrix_operator(planted(*on, 400, 600, sigma, 1));
    std::vector<double> truth;
    for (int k = 1; k <= 10; ++k)
        truth.push_back(sigma(k));
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 10, .seed = seed});
        EXPECT_LE(worst_relative(f.s, truth), 1e-8);
        EXPECT_LE(f.pairs, 60) << "seed " << seed << ": " << f.pairs << " pairs, observed 46 to 50";
        EXPECT_EQ(f.blocks, 1) << "no value twice, no question";
        expect_sound(*on, A, f, 1e-6);
    }
    // one vector a block: any value may have a copy, so one question
    const LanczosSvd single = lanczos_svd(*on, A, {.wanted = 10, .block = 1});
    EXPECT_LE(worst_relative(single.s, truth), 1e-8);
    EXPECT_LE(single.pairs, 75) << single.pairs << " pairs, observed 61";
    // restarts from a basis that barely holds the triplets
    const LanczosSvd small = lanczos_svd(*on, A, {.wanted = 10, .basis_limit = 1});
    EXPECT_LE(worst_relative(small.s, truth), 1e-8);
    EXPECT_LE(small.basis, 28);
    EXPECT_GT(small.restarts, 0);
    EXPECT_LE(small.pairs, 60) << small.pairs << " pairs, observed 52";
    expect_sound(*on, A, small, 1e-6);
}

TEST(Lanczos, AgreesWithTheDecompositionOfMatricesOfAnyShape) {
    const auto on = make_cpu_backend<double>(1);
    const std::pair<Index, Index> shapes[] = {{1, 1}, {1, 9},   {9, 1},   {2, 2},  {3, 7},
                                              {7, 3}, {20, 33}, {33, 20}, {40, 40}};
    std::uint64_t number = 100;
    for (const auto& [rows, cols] : shapes)
        for (const int block : {1, 2, 5}) {
            const Matrix<double> M = normal(rows, cols, ++number);
            const LinearOperator A = matrix_operator(M);
            const Svd exact = svd(*on, M);
            const Index rank = std::min(rows, cols);
            for (const Index wanted : {Index{1}, (rank + 1) / 2, rank}) {
                const LanczosSvd f = lanczos_svd(
                    *on, A, {.wanted = static_cast<int>(wanted), .tolerance = 1e-9, .block = block, .basis_limit = 12});
                for (Index i = 0; i < wanted; ++i)
                    EXPECT_NEAR(f.s[i], exact.s[i], 1e-13 * exact.s[0])
                        << rows << " x " << cols << ", block " << block << ", value " << i;
                expect_sound(*on, A, f, 1e-9);
            }
        }
}

TEST(Lanczos, SpansThePlanesOfEqualPairsOfACircularFilter) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> filter{0.1, 0.4, 0.3, -0.2};
    const Index n = 96;
    const LinearOperator A = circular_operator(filter, n);
    const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 8, .tolerance = 1e-8, .basis_limit = 48});
    EXPECT_LE(worst_relative(f.s, circular_values(filter, n)), 1e-12);
    expect_sound(*on, A, f, 1e-8);
    int pairs = 0;
    for (Index i = 1; i < 8; ++i) {
        if (f.s[i - 1] - f.s[i] > 1e-10)
            continue;
        // the plane of a pair is that of cos and sin of one frequency: P v = v for both vectors
        double best = 0;
        for (Index frequency = 1; frequency < n / 2; ++frequency) {
            double inside = 0;
            for (const Index j : {i - 1, i}) {
                double re = 0, im = 0;
                for (Index t = 0; t < n; ++t) {
                    const double angle = 2 * std::numbers::pi * static_cast<double>(frequency * t) / double(n);
                    re += f.V(t, j) * std::cos(angle);
                    im += f.V(t, j) * std::sin(angle);
                }
                inside += (re * re + im * im) * 2 / static_cast<double>(n);
            }
            best = std::max(best, inside);
        }
        EXPECT_NEAR(best, 2, 1e-10) << "pair " << i;
        ++pairs;
    }
    EXPECT_GE(pairs, 3);
}

TEST(Lanczos, SpansClustersThatAreNoEqualValues) {
    const auto on = make_cpu_backend<double>(1);
    Svd axes = svd(*on, normal(120, 90, 7));
    Matrix<double> M = axes.U;
    const auto sigma = [](Index j) {  // four values within 3e-7, then a gap
        return j < 4 ? 1 - 1e-7 * static_cast<double>(j) : 0.9 / std::sqrt(static_cast<double>(j - 2));
    };
    for (Index j = 0; j < 90; ++j)
        for (double& x : M.column(j))
            x *= sigma(j);
    const LinearOperator A = matrix_operator(multiply(*on, Op::none, Op::transpose, M, axes.V));
    const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 5, .tolerance = 1e-8});
    for (Index j = 0; j < 5; ++j)
        EXPECT_NEAR(f.s[j], sigma(j), 1e-12);
    // sine of the angle between the spaces <= residual / gap
    Matrix<double> first(90, 4), found(90, 4);
    std::copy_n(axes.V.data(), first.size(), first.data());
    std::copy_n(f.V.data(), found.size(), found.data());
    const double cosine = singular_values(*on, multiply(*on, Op::transpose, Op::none, first, found)).back();
    EXPECT_LE(std::sqrt(std::max(0.0, 1 - cosine * cosine)), 4e-8 / 0.1);
}

TEST(Lanczos, GivesZerosWhereTheRankIsLower) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> M = multiply(*on, Op::none, Op::none, normal(40, 3, 11), normal(3, 25, 12));
    const std::vector<double> exact = singular_values(*on, M);
    for (const int block : {1, 2, 4})
        for (const int wanted : {3, 4, 8, 25}) {
            const LanczosSvd f = lanczos_svd(*on, matrix_operator(M), {.wanted = wanted, .block = block});
            for (int i = 0; i < wanted; ++i) {
                if (i < 3)
                    EXPECT_NEAR(f.s[i] / exact[i], 1, 1e-13);
                else
                    EXPECT_EQ(f.s[i], 0) << "block " << block << ", value " << i << " of " << wanted;
            }
            expect_sound(*on, matrix_operator(M), f, 1e-6);
            EXPECT_LE(f.pairs, 40 + block) << "nothing is left to look for";
        }
    // copies and zeros: a space that ends early hides what the block had no room for
    Matrix<double> D(30, 30);
    for (const Index i : {0, 1, 2, 3, 4})
        D(i, i) = 3;
    D(5, 5) = 2;
    const LanczosSvd copies = lanczos_svd(*on, matrix_operator(D), {.wanted = 6});
    for (Index i = 0; i < 6; ++i)
        EXPECT_NEAR(copies.s[i], i < 5 ? 3 : 2, 1e-13) << i;
    const LanczosSvd zero = lanczos_svd(*on, matrix_operator(Matrix<double>(5, 8)), {.wanted = 3});
    EXPECT_EQ(zero.s, std::vector<double>(3, 0.0));
    expect_sound(*on, matrix_operator(Matrix<double>(5, 8)), zero, 1e-6);
}

TEST(Lanczos, ResidualsComeWithoutProductsAndAreTheTrueOnes) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> M = planted(
        *on, 80, 120, [](double k) { return std::pow(k, -0.5); }, 13);
    // the second one has an adjoint that is not its own, by 1e-3
    const Matrix<double> other = scaled(normal(80, 120, 14), 1e-3 / 20);
    LinearOperator crooked = matrix_operator(M);
    crooked.adjoint = [M, other](Backend<double>& b, const Matrix<double>& Y) {
        Matrix<double> P = multiply(b, Op::transpose, Op::none, M, Y);
        const Matrix<double> Q = multiply(b, Op::transpose, Op::none, other, Y);
        for (Index i = 0; i < P.size(); ++i)
            P.data()[i] += Q.data()[i];
        return P;
    };
    for (const LinearOperator& A : {matrix_operator(M), crooked})
        for (const Index pairs : {12, 20, 30}) {  // none of them is enough
            const LanczosSvd f = lanczos_svd(*on, A, {.wanted = 6, .tolerance = 1e-12, .most_pairs = pairs});
            EXPECT_FALSE(f.converged);
            EXPECT_LE(f.pairs, pairs);
            EXPECT_GE(f.pairs, pairs - 1);
            const TripletResiduals measured = triplet_residuals(*on, A, f.U, f.s, f.V);
            for (Index i = 0; i < 6; ++i) {
                EXPECT_NEAR(f.residuals[i], measured.right[i], 1e-14) << pairs << " pairs, triplet " << i;
                EXPECT_LE(measured.left[i], 1e-14);
            }
        }
    EXPECT_LE(lanczos_svd(*on, matrix_operator(M), {.wanted = 6}).mismatch, 1e-14);
    const LanczosSvd f = lanczos_svd(*on, crooked, {.wanted = 6, .most_pairs = 76});
    EXPECT_GT(f.mismatch, 1e-5);
    EXPECT_LT(f.mismatch, 1e-3);
    EXPECT_FALSE(f.converged) << "no triplet fits both products";
}

TEST(Lanczos, GivesTheSameBitsForAnyNumberOfThreads) {
    const Matrix<double> K = cubic_kernel(10);
    const auto one = make_cpu_backend<double>(1), three = make_cpu_backend<double>(3);
    const LanczosOptions options{.wanted = 7, .basis_limit = 40};
    const LanczosSvd a = lanczos_svd(*one, kronecker_operator(K), options),
                     b = lanczos_svd(*three, kronecker_operator(K), options);
    EXPECT_EQ(a.U, b.U);
    EXPECT_EQ(a.s, b.s);
    EXPECT_EQ(a.V, b.V);
    EXPECT_EQ(a.residuals, b.residuals);
    EXPECT_EQ(a.pairs, b.pairs);
    LanczosOptions other = options;
    other.seed = 2;
    EXPECT_NE(lanczos_svd(*one, kronecker_operator(K), other).V, a.V) << "the seed has no effect";
}

TEST(Lanczos, ScalesWithTheOperator) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> M = normal(30, 50, 15);
    const LanczosSvd f = lanczos_svd(*on, matrix_operator(M), {.wanted = 4});
    for (const double scale : {0x1p-600, 0x1p600}) {  // squares would leave the range; a power of 2 is exact
        const LanczosSvd g = lanczos_svd(*on, matrix_operator(scaled(M, scale)), {.wanted = 4});
        for (Index i = 0; i < 4; ++i)
            EXPECT_NEAR(g.s[i] / scale / f.s[i], 1, 1e-14);
        EXPECT_LE(largest_difference(g.V, f.V), 1e-7);
        EXPECT_TRUE(g.converged);
    }
}

std::string message(const std::function<void()>& call) {
    try {
        call();
    } catch (const InputError& e) {
        return std::string("input: ") + e.what();
    } catch (const Error& e) {
        return e.what();
    }
    return "no error";
}

TEST(Lanczos, SaysWhatItDoesNotTake) {
    const auto on = make_cpu_backend<double>(1);
    const LinearOperator A = matrix_operator(normal(6, 9, 16));
    const auto refused = [&](const LanczosOptions& o) { return message([&] { (void)lanczos_svd(*on, A, o); }); };
    EXPECT_NE(refused({.wanted = 7}).find("input: Lanczos: 7 triplets, a count above the rank"), std::string::npos);
    EXPECT_NE(refused({.wanted = 0}).find("expected 1 to 6"), std::string::npos);
    EXPECT_NE(refused({.tolerance = 0}).find("tolerance"), std::string::npos);
    EXPECT_NE(refused({.tolerance = std::nan("")}).find("tolerance"), std::string::npos);
    EXPECT_NE(refused({.block = 0}).find("block of 0"), std::string::npos);
    EXPECT_NE(refused({.basis_limit = 0}).find("basis_limit 0"), std::string::npos);
    EXPECT_NE(refused({.wanted = 4, .most_pairs = 4}).find("4 pairs, expected at least 5"), std::string::npos);
    LinearOperator wide = A;
    wide.cols = Index{1} << 40;  // refused before anything is drawn
    EXPECT_NE(message([&] { (void)lanczos_svd(*on, wide, {.wanted = 2}); }).find("bases of"), std::string::npos);

    Matrix<double> bad = normal(6, 9, 17);
    bad(2, 3) = std::nan("");
    EXPECT_EQ(message([&] { (void)lanczos_svd(*on, matrix_operator(bad), {.wanted = 2}); }),
              "Lanczos: the product A V with the operator is not finite (pair 2), expected finite numbers");
    LinearOperator half = A;
    half.adjoint = matrix_operator(bad).adjoint;
    EXPECT_EQ(message([&] { (void)lanczos_svd(*on, half, {.wanted = 2}); }),
              "Lanczos: the product A^T U with the operator is not finite (pair 2), expected finite numbers");
    half = A;  // every number fits, their length does not
    half.apply = [](Backend<double>&, const Matrix<double>& X) {
        Matrix<double> huge(6, X.cols());
        std::ranges::fill(huge.values(), 1e308);
        return huge;
    };
    EXPECT_NE(message([&] { (void)lanczos_svd(*on, half, {}); }).find("A V with the operator is not finite"),
              std::string::npos);
    LinearOperator shape = A;
    shape.adjoint = A.apply;
    shape.apply = A.adjoint;
    EXPECT_ANY_THROW((void)lanczos_svd(*on, shape, {.wanted = 2}));
    shape = A;
    shape.apply = [](Backend<double>&, const Matrix<double>& X) { return Matrix<double>(5, X.cols()); };
    EXPECT_THROW((void)lanczos_svd(*on, shape, {.wanted = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
