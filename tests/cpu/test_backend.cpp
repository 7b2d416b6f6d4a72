// The backend's primitives: hand-made cases, residuals, finite differences. Tolerances: c n u for a residual of an
// n-dimensional problem, u the unit roundoff.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"
#include "slices.hpp"

namespace descrambler {
namespace {

constexpr double u = std::numeric_limits<double>::epsilon() / 2;

Matrix<double> random_matrix(Index rows, Index cols, std::uint64_t stream) {
    Matrix<double> A(rows, cols);
    RandomStream random(7, stream);
    for (double& x : A.values())
        x = random.normal();
    return A;
}

double largest_difference(const Matrix<double>& A, const Matrix<double>& B) {
    EXPECT_EQ(A.rows(), B.rows());
    EXPECT_EQ(A.cols(), B.cols());
    double largest = 0;
    for (Index i = 0; i < A.size(); ++i)
        largest = std::max(largest, std::abs(A.data()[i] - B.data()[i]));
    return largest;
}

Matrix<double> naive_product(const Matrix<double>& A, const Matrix<double>& B) {
    Matrix<double> C(A.rows(), B.cols());
    for (Index i = 0; i < C.rows(); ++i)
        for (Index j = 0; j < C.cols(); ++j)
            for (Index k = 0; k < A.cols(); ++k)
                C(i, j) += A(i, k) * B(k, j);
    return C;
}

class BackendTest : public ::testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(2);
};

TEST_F(BackendTest, GemmMatchesPlainLoopsForOddAndRectangularSizes) {
    for (const auto& [m, n, k] : {std::array<Index, 3>{1, 1, 1}, {3, 5, 7}, {31, 33, 32}, {80, 17, 256}}) {
        const Matrix<double> A = random_matrix(m, k, 1), B = random_matrix(k, n, 2);
        const Matrix<double> wanted = naive_product(A, B);
        const double tolerance = 20 * static_cast<double>(k) * u;  // entries of order 1, k terms
        EXPECT_LE(largest_difference(multiply(*on, Op::none, Op::none, A, B), wanted), tolerance);
        EXPECT_LE(largest_difference(multiply(*on, Op::transpose, Op::none, transpose(A), B), wanted), tolerance);
        EXPECT_LE(largest_difference(multiply(*on, Op::none, Op::transpose, A, transpose(B)), wanted), tolerance);
    }
}

TEST_F(BackendTest, GemmWithoutTermsScalesTheResult) {
    std::vector<double> c{1, 2, 3, 4};
    on->gemm(Op::none, Op::none, 1.0, {c.data(), 2, 0}, {c.data(), 0, 2}, 0.5, {c.data(), 2, 2});
    EXPECT_EQ(c, (std::vector<double>{0.5, 1, 1.5, 2}));
}

TEST_F(BackendTest, GemmSharesAnOperandOfStrideZero) {
    const Matrix<double> A = random_matrix(4, 3, 3), B = random_matrix(3, 10, 4);  // two items of B side by side
    Matrix<double> C(4, 10);
    on->gemm(Op::none, Op::none, 1.0, {A.data(), 4, 3, 2, 0}, {B.data(), 3, 5, 2}, 0.0, {C.data(), 4, 5, 2});
    EXPECT_LE(largest_difference(C, naive_product(A, B)), 100 * u);
}

TEST_F(BackendTest, GramIsSymmetricAndAccumulates) {
    const Matrix<double> S = random_matrix(33, 70, 5);
    Matrix<double> G = gram(*on, S);
    EXPECT_LE(largest_difference(G, naive_product(S, transpose(S))), 20 * 70 * u);
    EXPECT_EQ(G, transpose(G));
    const Matrix<double> once = G;
    on->gram(S.view(), 1.0, G.view());
    for (Index i = 0; i < G.size(); ++i)
        EXPECT_NEAR(G.data()[i], 2 * once.data()[i], 1e-12 * std::abs(once.data()[i]) + 20 * 70 * u);
}

TEST_F(BackendTest, QrHasOrthonormalColumnsAndReproduces) {
    const Matrix<double> A = random_matrix(70, 31, 6);
    Matrix<double> Q = A, R(31, 31);
    on->qr(Q.view(), R.view());
    EXPECT_LE(largest_difference(naive_product(Q, R), A), 100 * 70 * u);
    Matrix<double> one(31, 31);
    for (Index i = 0; i < 31; ++i)
        one(i, i) = 1;
    EXPECT_LE(largest_difference(naive_product(transpose(Q), Q), one), 10 * 70 * u);
    for (Index j = 0; j < 31; ++j)
        for (Index i = j + 1; i < 31; ++i)
            EXPECT_EQ(R(i, j), 0);
    Matrix<double> destroyed = A, alone(31, 31);
    on->triangularise(destroyed.view(), alone.view());
    EXPECT_EQ(alone, R);
    EXPECT_THROW(on->triangularise(alone.view().columns(0, 30), Matrix<double>(31, 31).view()), std::invalid_argument);
}

TEST_F(BackendTest, DenseGramIsTheGramOfTheSignals) {
    // three networks on one library, more than two blocks of 1024 samples
    const Index n = 7, d = 5, N = 2100, batch = 3;
    const Matrix<double> W = random_matrix(n, d * batch, 20), b = random_matrix(n, batch, 21),
                         x = random_matrix(d, N, 22);
    for (const bool bias : {false, true}) {
        Matrix<double> G(n, n * batch);
        std::ranges::fill(G.values(), 3.0);
        const Batch<const double> shift = bias ? Batch<const double>(b.data(), n, 1, batch) : Batch<const double>();
        on->dense_gram(Activation::tanh, {W.data(), n, d, batch}, shift, {x.data(), d, N, batch, 0}, 2.0,
                       {G.data(), n, n, batch});
        for (Index item = 0; item < batch; ++item) {
            Matrix<double> S(n, N);
            for (Index j = 0; j < N; ++j)
                for (Index i = 0; i < n; ++i) {
                    double z = bias ? b(i, item) : 0;
                    for (Index k = 0; k < d; ++k)
                        z += W(i, item * d + k) * x(k, j);
                    S(i, j) = std::tanh(z);
                }
            const Matrix<double> wanted = naive_product(S, transpose(S));
            for (Index i = 0; i < n; ++i)
                for (Index j = 0; j < n; ++j)
                    EXPECT_NEAR(G(i, item * n + j), wanted(i, j) + 6, N * N * u);  // N terms below 1
        }
    }
    std::vector<double> empty{1, 2, 2, 5};
    on->dense_gram(Activation::relu, {W.data(), 2, d}, {}, {x.data(), d, 0}, 0.5, {empty.data(), 2, 2});
    EXPECT_EQ(empty, (std::vector<double>{0.5, 1, 1, 2.5}));
    EXPECT_THROW(on->dense_gram(Activation::relu, {W.data(), 2, d}, {}, {x.data(), d + 1, 3}, 0, {empty.data(), 2, 2}),
                 std::invalid_argument);
}

TEST_F(BackendTest, EighSolvesAPlantedProblem) {
    const Index n = 33;
    Matrix<double> Q = random_matrix(n, n, 8), R(n, n);
    on->qr(Q.view(), R.view());
    Matrix<double> scaled = Q;
    for (Index j = 0; j < n; ++j)
        for (double& x : scaled.column(j))
            x *= static_cast<double>(j * j);
    const Eigh found = eigh(*on, naive_product(scaled, transpose(Q)));
    for (Index j = 0; j < n; ++j) {
        EXPECT_NEAR(found.w[static_cast<std::size_t>(j)], static_cast<double>(j * j), 10 * n * u * n * n);
        double overlap = 0;
        for (Index i = 0; i < n; ++i)
            overlap += Q(i, j) * found.V(i, j);
        EXPECT_NEAR(std::abs(overlap), 1, 1e-12);  // gaps of at least 1 against a norm of 1024
    }
}

TEST_F(BackendTest, SvdReproducesTallAndWide) {
    for (const auto& [m, n] : {std::array<Index, 2>{40, 17}, {17, 40}, {1, 5}, {5, 1}}) {
        const Matrix<double> A = random_matrix(m, n, 9);
        const Svd found = svd(*on, A);
        Matrix<double> scaled = found.U;
        for (Index j = 0; j < scaled.cols(); ++j)
            for (double& x : scaled.column(j))
                x *= found.s[static_cast<std::size_t>(j)];
        EXPECT_LE(largest_difference(naive_product(scaled, transpose(found.V)), A), 100 * 40 * u);
        EXPECT_TRUE(std::is_sorted(found.s.rbegin(), found.s.rend()));
        const std::vector<double> alone = singular_values(*on, A);
        ASSERT_EQ(alone.size(), found.s.size());
        for (std::size_t i = 0; i < alone.size(); ++i)
            EXPECT_NEAR(alone[i], found.s[i], 40 * u * found.s.front());  // two algorithms, each right to n u sigma_1
    }
}

TEST_F(BackendTest, CholeskySolvesAndRefusesIndefinite) {
    const Matrix<double> S = random_matrix(20, 60, 10), X = random_matrix(20, 3, 11);
    const Matrix<double> A = gram(*on, S);
    EXPECT_LE(largest_difference(cholesky_solve(*on, A, naive_product(A, X)), X), 1e-11);  // cond(A) below 100
    Matrix<double> indefinite(2, 2);
    indefinite(0, 0) = 1;
    indefinite(1, 1) = -1;
    EXPECT_THROW((void)cholesky_solve(*on, indefinite, Matrix<double>(2, 1)), Error);
}

TEST_F(BackendTest, FactorisationsRefuseNaN) {
    Matrix<double> A(3, 3);
    A(1, 1) = std::nan("");
    EXPECT_THROW((void)eigh(*on, A), Error);
    EXPECT_THROW((void)svd(*on, A), Error);
    EXPECT_THROW((void)singular_values(*on, A), Error);
}

TEST_F(BackendTest, FftMatchesTheDefinitionForEvenOddAndPrimeLengths) {
    for (const Index n : {1, 2, 5, 80, 81, 127, 256}) {
        const Matrix<double> x = random_matrix(n, 2, 12);
        std::vector<std::complex<double>> in(x.values().begin(), x.values().end()), out(in.size());
        on->fft({in.data(), n, 2}, {out.data(), n, 2});
        for (const Index column : {0, 1})
            for (Index k = 0; k < n; ++k) {
                std::complex<double> sum = 0;
                for (Index t = 0; t < n; ++t)
                    sum += x(t, column) * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k * t % n) /
                                                              static_cast<double>(n));
                EXPECT_LE(std::abs(out[static_cast<std::size_t>(column * n + k)] - sum),
                          1e-14 * static_cast<double>(n) + 1e-13);
            }
    }
}

TEST_F(BackendTest, RefusesShapesThatDoNotFit) {
    Matrix<double> A(3, 4), B(5, 2), C(3, 2);
    EXPECT_THROW(on->gemm(Op::none, Op::none, 1.0, A.view(), B.view(), 0.0, C.view()), std::invalid_argument);
    EXPECT_THROW(on->gram(A.view(), 0.0, C.view()), std::invalid_argument);
    EXPECT_THROW(on->qr(A.view(), C.view()), std::invalid_argument);
    EXPECT_THROW(on->eigh(A.view(), C.view()), std::invalid_argument);
}

TEST_F(BackendTest, TakesRowRangesWithoutCopies) {
    test::expect_a_channel_by_hand(*on);
    test::expect_slices_as_packed(*on);
    test::expect_slices_as_packed(*make_cpu_backend<float>(1));
}

TEST_F(BackendTest, RefusesRowRangesWhereItTakesNone) {
    test::expect_refusals_of_slices(*on);
}

TEST_F(BackendTest, HoldsComplexNumbers) {
    test::expect_complex_buffers(*on);
    test::expect_complex_buffers(*make_cpu_backend<float>(1));
}

TEST(Backend, KnowsItsDevices) {
    EXPECT_STREQ(make_backend<double>("auto")->name(), "cpu");
    EXPECT_THROW((void)make_backend<double>("gpu"), InputError);
    EXPECT_THROW((void)make_backend<double>("cuda:x"), InputError);
    EXPECT_THROW((void)make_backend<float>("cuda"), InputError);
    EXPECT_THROW((void)make_backend<float>("cuda:7"), InputError);
}

// A number of threads or the name of a device is no execution by accident.
static_assert(!std::is_convertible_v<int, Execution> && !std::is_constructible_v<Execution, int>);
static_assert(!std::is_convertible_v<const char*, Execution> && !std::is_constructible_v<Execution, std::string>);

TEST(Execution, MakesABackendOnceForAllItsCopies) {
    const Execution execution = Execution::on_cpu(2);
    const Execution copy = execution;
    Backend<double>& on = execution.backend<double>();
    EXPECT_EQ(&on, &copy.backend<double>());
    EXPECT_EQ(&copy.backend<float>(), &execution.backend<float>());
    EXPECT_EQ(on.threads(), 2);
    EXPECT_NE(&on, &Execution::on_cpu(2).backend<double>());
    Execution other = execution;
    other.threads = 1;
    EXPECT_EQ(other.backend<double>().threads(), 1);
    EXPECT_EQ(&on, &execution.backend<double>());
    EXPECT_THROW((void)Execution::on_device("gpu").backend<double>(), InputError);
}

TEST(Execution, ItsBackendsEndWithTheLastCopy) {
    std::weak_ptr<int> kept;
    {
        auto execution = std::make_unique<Execution>(Execution::on_cpu(1));
        auto& value = execution->backend<double>().kept<std::shared_ptr<int>>();
        value = std::make_shared<int>(1);
        kept = value;
        const Execution copy = *execution;
        execution.reset();
        EXPECT_FALSE(kept.expired());
    }
    EXPECT_TRUE(kept.expired());
}

TEST(Execution, KeepsTheBackendWhenItsDeviceIsSettled) {
    Execution execution;
    const Backend<double>* on = &execution.backend<double>();
    const Backend<float>* in_single = &execution.backend<float>();
    EXPECT_EQ(settle_device(execution), "cpu");
    EXPECT_EQ(execution.device, "cpu");
    EXPECT_EQ(on, &execution.backend<double>());
    EXPECT_EQ(in_single, &execution.backend<float>());
}

TEST(Execution, BorrowsABackend) {
    const auto on = make_cpu_backend<double>(3);
    const Execution execution = Execution::on(*on);
    EXPECT_EQ(&execution.backend<double>(), on.get());
    EXPECT_EQ(execution.threads, 3);
    EXPECT_EQ(execution.backend<float>().threads(), 3);
}

TEST(Backend, KeepsOneValueATypeForItsCallers) {
    const auto on = make_cpu_backend<double>(1), other = make_cpu_backend<double>(1);
    on->kept<std::vector<int>>().push_back(5);
    EXPECT_EQ(on->kept<std::vector<int>>(), std::vector<int>{5});
    EXPECT_TRUE(on->kept<std::vector<long>>().empty());
    EXPECT_TRUE(other->kept<std::vector<int>>().empty());
}

TEST(Backend, ResultsDoNotDependOnTheNumberOfThreads) {
    const Matrix<double> S = random_matrix(40, 900, 13);  // nine items
    Matrix<double> one(40, 9 * 40), two(40, 9 * 40);
    make_cpu_backend<double>(1)->gram({S.data(), 40, 100, 9}, 0.0, {one.data(), 40, 40, 9});
    make_cpu_backend<double>(2)->gram({S.data(), 40, 100, 9}, 0.0, {two.data(), 40, 40, 9});
    EXPECT_EQ(one, two);
}

TEST(ParallelItems, RethrowsTheLowestFailureAfterAllHaveEnded) {
    std::atomic<int> ended{0};
    const auto run = [&] {
        parallel_items(6, 2, [&](Index i, Backend<double>&) {
            ++ended;
            if (i == 2 || i == 4)
                throw Error("item " + std::to_string(i));
        });
    };
    try {
        run();
        FAIL() << "no exception";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "item 2");
    }
    EXPECT_EQ(ended, 6);
}

}  // namespace
}  // namespace descrambler
