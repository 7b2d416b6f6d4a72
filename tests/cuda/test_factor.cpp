// QR and SVD on the device: residuals and orthogonality for every shape, singular values against the CPU, what does not
// factorise. u is the unit roundoff, tolerances c max(m, n) u of the norm: backward errors of Householder and Jacobi.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cuda/device.hpp"
#include "cuda/residuals.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

template <class T>
struct Triple {
    std::vector<T> U, s, V;
};

template <class T>
Triple<T> svd(Backend<T>& on, const std::vector<T>& A, Index m, Index n, Index batch, bool vectors = true) {
    const Index k = std::min(m, n);
    OnDevice<T> a(on, m, n, batch), u(on, m, k, batch), s(on, k, 1, batch), v(on, n, k, batch);
    a.upload(A);
    on.svd(a.view(), vectors ? u.view() : Batch<T>{}, s.view(), vectors ? v.view() : Batch<T>{});
    static_cast<void>(a.download());  // its guard
    return {vectors ? u.download() : std::vector<T>{}, s.download(), vectors ? v.download() : std::vector<T>{}};
}

template <class T>
void expect_svd(const std::vector<T>& A, Index m, Index n, Index batch, const Triple<T>& f, double tolerance) {
    const Index k = std::min(m, n);
    for (Index b = 0; b < batch; ++b) {
        const T* const s = f.s.data() + b * k;
        EXPECT_LE(residual<T>(item(A, m, n, b), item(f.U, m, k, b), s, item(f.V, n, k, b), true), tolerance)
            << m << " x " << n << ", item " << b;
        EXPECT_LE(orthogonality<T>(item(f.U, m, k, b)), tolerance) << m << " x " << n << ", item " << b;
        EXPECT_LE(orthogonality<T>(item(f.V, n, k, b)), tolerance) << m << " x " << n << ", item " << b;
        EXPECT_TRUE(std::is_sorted(s, s + k, std::greater<T>()));
        EXPECT_GE(s[k - 1], 0);
    }
}

template <class T>
class CudaFactor : public ::testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>();
    std::unique_ptr<Backend<T>> cpu = host<T>();
    static double tolerance(Index m, Index n) {
        return 4 * static_cast<double>(std::max<Index>({m, n, 8})) * unit_roundoff<T>;
    }
    // Left [m, r] times right [r, n], of rank r
    static std::vector<T> product(Index m, Index r, Index n) {
        const std::vector<double> L = normals<double>(m * r, 90), R = normals<double>(r * n, 91);
        std::vector<T> A(static_cast<std::size_t>(m * n));
        for (Index i = 0; i < m; ++i)
            for (Index j = 0; j < n; ++j) {
                double sum = 0;
                for (Index k = 0; k < r; ++k)
                    sum += L[static_cast<std::size_t>(i + m * k)] * R[static_cast<std::size_t>(k + r * j)];
                A[static_cast<std::size_t>(i + m * j)] = static_cast<T>(sum);
            }
        return A;
    }
};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(CudaFactor, Precisions);

TYPED_TEST(CudaFactor, QrOfEveryShape) {
    using T = TypeParam;
    // 300 x 128 and 700 x 33: beyond shared memory in double, in part
    for (const auto& [m, n, batch] : {std::array<Index, 3>{0, 0, 2},
                                      {5, 0, 2},
                                      {3, 2, 0},
                                      {1, 1, 1},
                                      {2, 2, 11},
                                      {31, 31, 2},
                                      {33, 32, 2},
                                      {65, 33, 11},
                                      {700, 33, 1},
                                      {300, 128, 1},
                                      {130, 129, 1}}) {
        const std::vector<T> A = normals<T>(m * n * batch, 1);
        OnDevice<T> a(*this->gpu, m, n, batch), r(*this->gpu, n, n, batch);
        a.upload(A);
        this->gpu->qr(a.view(), r.view());
        const std::vector<T> Q = a.download(), R = r.download();
        for (Index b = 0; b < batch; ++b) {
            const Batch<const T> triangle = item(R, n, n, b);
            EXPECT_LE(residual<T>(item(A, m, n, b), item(Q, m, n, b), nullptr, triangle, false), this->tolerance(m, n))
                << m << " x " << n;
            EXPECT_LE(orthogonality<T>(item(Q, m, n, b)), this->tolerance(m, n)) << m << " x " << n;
            for (Index j = 0; j < n; ++j)
                for (Index i = j + 1; i < n; ++i)
                    ASSERT_EQ(triangle(i, j), 0);
        }
        // the signs of LAPACK: R agrees, not R up to signs
        OnDevice<T> a2(*this->cpu, m, n, batch), r2(*this->cpu, n, n, batch);
        a2.upload(A);
        this->cpu->qr(a2.view(), r2.view());
        EXPECT_LE(relative_error(R, r2.download()), 100 * this->tolerance(m, n)) << m << " x " << n;
    }
}

TYPED_TEST(CudaFactor, QrOfADeficientMatrixGivesOrthonormalColumns) {
    using T = TypeParam;
    const Index m = 40, n = 20;
    for (const Index rank : {Index{0}, Index{1}, Index{7}}) {
        const std::vector<T> A = this->product(m, rank, n);
        OnDevice<T> a(*this->gpu, m, n), r(*this->gpu, n, n);
        a.upload(A);
        this->gpu->qr(a.view(), r.view());
        const std::vector<T> Q = a.download(), R = r.download();
        EXPECT_LE(orthogonality<T>(item(Q, m, n, 0)), this->tolerance(m, n));
        EXPECT_LE(residual<T>(item(A, m, n, 0), item(Q, m, n, 0), nullptr, item(R, n, n, 0), false),
                  this->tolerance(m, n));
    }
}

TYPED_TEST(CudaFactor, ScalesNearTheEndsOfTheRange) {
    using T = TypeParam;
    for (const T scale : {std::numeric_limits<T>::max() / 64, 1024 * std::numeric_limits<T>::min()}) {
        const Index m = 12, n = 5;
        std::vector<T> A = normals<T>(m * n, 2);
        for (T& x : A)
            x *= scale;
        OnDevice<T> a(*this->gpu, m, n), r(*this->gpu, n, n);
        a.upload(A);
        this->gpu->qr(a.view(), r.view());
        const std::vector<T> Q = a.download(), R = r.download();
        EXPECT_LE(orthogonality<T>(item(Q, m, n, 0)), this->tolerance(m, n));
        // entries of A below 2^-10 of the largest are subnormal for the small scale
        EXPECT_LE(residual<T>(item(A, m, n, 0), item(Q, m, n, 0), nullptr, item(R, n, n, 0), false),
                  this->tolerance(m, n) + std::numeric_limits<T>::denorm_min() * m / scale);
        expect_svd(A, m, n, 1, svd(*this->gpu, A, m, n, 1),
                   this->tolerance(m, n) + std::numeric_limits<T>::denorm_min() * m / scale);
    }
}

TYPED_TEST(CudaFactor, SvdOfEveryShape) {
    using T = TypeParam;
    for (const auto& [m, n, batch] : {std::array<Index, 3>{0, 3, 2},
                                      {3, 2, 0},
                                      {1, 1, 1},
                                      {1, 5, 2},
                                      {5, 1, 2},
                                      {2, 2, 11},
                                      {31, 31, 1},
                                      {32, 33, 1},
                                      {33, 17, 2},
                                      {17, 40, 2},
                                      {900, 24, 1},  // beyond shared memory in double
                                      {24, 900, 1}}) {
        const std::vector<T> A = normals<T>(m * n * batch, 3);
        const Triple<T> f = svd(*this->gpu, A, m, n, batch);
        if (m * n * batch == 0)
            continue;
        expect_svd(A, m, n, batch, f, this->tolerance(m, n));
        const Triple<T> wanted = svd(*this->cpu, A, m, n, batch);
        EXPECT_LE(relative_error(f.s, wanted.s), this->tolerance(m, n)) << m << " x " << n;
        const Triple<T> values = svd(*this->gpu, A, m, n, batch, false);
        EXPECT_LE(relative_error(values.s, wanted.s), this->tolerance(m, n)) << m << " x " << n;
    }
}

TEST(CudaSvd, BeyondSharedMemory) {
    // in double triangle and rotations lie in global memory from 99 columns on; nearly diagonal: few sweeps
    const auto gpu = device<double>(), cpu = host<double>();
    for (const auto& [m, n] : {std::array<Index, 2>{101, 104}}) {
        std::vector<double> A = normals<double>(m * n, 7);
        for (double& x : A)
            x /= 1 << 17;
        for (Index i = 0; i < 101; ++i)
            A[static_cast<std::size_t>(i * (m + 1))] += static_cast<double>(1 + i % 7);
        const double tolerance = 4 * static_cast<double>(n) * unit_roundoff<double>;
        const Triple<double> f = svd(*gpu, A, m, n, 1);
        expect_svd(A, m, n, 1, f, tolerance);
        EXPECT_LE(relative_error(f.s, svd(*cpu, A, m, n, 1).s), tolerance);
    }
}

TYPED_TEST(CudaFactor, SvdByHand) {
    using T = TypeParam;
    const Triple<T> f = svd<T>(*this->gpu, {0, 3, 0, 0, 2, 0}, 2, 3, 1);  // 3 e_2 e_1^T + 2 e_1 e_3^T
    EXPECT_NEAR(f.s[0], 3, 8 * unit_roundoff<T>);
    EXPECT_NEAR(f.s[1], 2, 8 * unit_roundoff<T>);
    EXPECT_NEAR(f.U[1] * f.V[0], 1, 8 * unit_roundoff<T>);
    EXPECT_NEAR(f.U[2] * f.V[5], 1, 8 * unit_roundoff<T>);
}

TYPED_TEST(CudaFactor, SvdOfADeficientMatrixHasOrthonormalVectors) {
    using T = TypeParam;
    for (const auto& [m, n] : {std::array<Index, 2>{24, 24}, {40, 13}, {13, 40}})
        for (const Index rank : {Index{0}, Index{1}, Index{6}}) {
            const std::vector<T> A = this->product(m, rank, n);
            const Triple<T> f = svd(*this->gpu, A, m, n, 1);
            expect_svd(A, m, n, 1, f, this->tolerance(m, n));
            const double first = f.s[0];
            for (Index i = rank; i < std::min(m, n); ++i)
                EXPECT_LE(f.s[static_cast<std::size_t>(i)], this->tolerance(m, n) * first);
        }
    // exact zeros: columns that vanish, and one row repeated
    std::vector<T> A(20 * 12);
    for (Index j = 0; j < 12; j += 3)
        for (Index i = 0; i < 20; ++i)
            A[static_cast<std::size_t>(i + 20 * j)] = static_cast<T>(j + 1);
    expect_svd(A, 20, 12, 1, svd(*this->gpu, A, 20, 12, 1), this->tolerance(20, 12));
}

TYPED_TEST(CudaFactor, SvdOfClusteredAndGradedValues) {
    using T = TypeParam;
    const Index n = 32;
    for (const bool graded : {false, true}) {
        // A = Q diag(s) P^T, Q and P orthogonal from two QRs
        const auto exact = make_cpu_backend<double>(1);
        std::vector<double> Q = normals<double>(n * n, 4), P = normals<double>(n * n, 5),
                            R(static_cast<std::size_t>(n * n));
        exact->qr({Q.data(), n, n}, {R.data(), n, n});
        exact->qr({P.data(), n, n}, {R.data(), n, n});
        std::vector<double> sigma(static_cast<std::size_t>(n));
        for (Index i = 0; i < n; ++i)
            sigma[static_cast<std::size_t>(i)] = graded ? std::pow(0.3, i) : i < n / 2 ? 1 : i < n - 2 ? 0.5 : 1e-3;
        std::vector<T> A(static_cast<std::size_t>(n * n));
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < n; ++j) {
                double sum = 0;
                for (Index k = 0; k < n; ++k)
                    sum += Q[static_cast<std::size_t>(i + n * k)] * sigma[static_cast<std::size_t>(k)] *
                           P[static_cast<std::size_t>(j + n * k)];
                A[static_cast<std::size_t>(i + n * j)] = static_cast<T>(sum);
            }
        const Triple<T> f = svd(*this->gpu, A, n, n, 1);
        expect_svd(A, n, n, 1, f, this->tolerance(n, n));
        for (Index i = 0; i < n; ++i)
            EXPECT_NEAR(f.s[static_cast<std::size_t>(i)], sigma[static_cast<std::size_t>(i)], this->tolerance(n, n));
    }
}

TYPED_TEST(CudaFactor, ABatchGivesEachItemTheBitsItHasAlone) {
    using T = TypeParam;
    const Index m = 20, n = 15, batch = 5;
    const std::vector<T> A = normals<T>(m * n * batch, 6);
    const Triple<T> all = svd(*this->gpu, A, m, n, batch);
    for (Index b = 0; b < batch; ++b) {
        const Triple<T> one = svd(*this->gpu, {A.begin() + b * m * n, A.begin() + (b + 1) * m * n}, m, n, 1);
        EXPECT_TRUE(std::equal(one.U.begin(), one.U.end(), all.U.begin() + b * m * n));
        EXPECT_TRUE(std::equal(one.s.begin(), one.s.end(), all.s.begin() + b * n));
        EXPECT_TRUE(std::equal(one.V.begin(), one.V.end(), all.V.begin() + b * n * n));
    }
}

template <class F>
std::string message(F&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TYPED_TEST(CudaFactor, NonsenseIsRefusedByTheLowestItem) {
    using T = TypeParam;
    const Index n = 6, batch = 4;
    for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
        std::vector<T> A(static_cast<std::size_t>(n * n * batch));
        for (Index b = 0; b < batch; ++b)
            for (Index i = 0; i < n; ++i)
                A[static_cast<std::size_t>(b * n * n + i * (n + 1))] = static_cast<T>(i + 1);
        A[static_cast<std::size_t>(3 * n * n + 2)] = bad;
        A[static_cast<std::size_t>(1 * n * n + 35)] = bad;
        EXPECT_EQ(message([&] { static_cast<void>(svd(*this->gpu, A, n, n, batch)); }),
                  "svd: item 1 did not factorise");
        OnDevice<T> a(*this->gpu, n, n, batch), w(*this->gpu, n, 1, batch);
        a.upload(A);
        EXPECT_EQ(message([&] { this->gpu->eigh(a.view(), w.view()); }), "eigh: item 1 did not factorise");
    }
}

TYPED_TEST(CudaFactor, EighAndCholeskySolveByHand) {
    using T = TypeParam;
    OnDevice<T> a(*this->gpu, 2, 2), w(*this->gpu, 2, 1), b(*this->gpu, 2, 1);
    a.upload({2, 1, 1, 2});
    this->gpu->eigh(a.view(), w.view());
    EXPECT_LE(relative_error(w.download(), std::vector<T>{1, 3}), 8 * unit_roundoff<T>);
    a.upload({4, 2, 2, 5});
    b.upload({8, 12});
    this->gpu->cholesky_solve(a.view(), b.view());  // 4 x + 2 y = 8, 2 x + 5 y = 12
    EXPECT_LE(relative_error(b.download(), std::vector<T>{1, 2}), 16 * unit_roundoff<T>);
}

}  // namespace
}  // namespace descrambler
