// The randomised SVD on the device: the same sketch as the CPU, so the same errors; exact where the sketch spans the
// range.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cuda/device.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

template <class T>
struct Found {
    std::vector<T> U, s, V;
};

template <class T>
Found<T> randomized(Backend<T>& on, const std::vector<T>& A, Index m, Index n, Index batch, bool shared, int rank,
                    int oversampling, int power_iterations) {
    OnDevice<T> a(on, m, n, shared ? 1 : batch), u(on, m, rank, batch), s(on, rank, 1, batch), v(on, n, rank, batch);
    a.upload(A);
    const Batch<T> view = a.view();
    on.randomized_svd({view.data, m, n, batch, shared ? 0 : m * n}, rank, oversampling, power_iterations, 7, u.view(),
                      s.view(), v.view());
    EXPECT_EQ(a.download(), A);
    return {u.download(), s.download(), v.download()};
}

// U diag(s) V^T of item b
template <class T>
std::vector<double> rebuilt(const Found<T>& f, Index m, Index n, Index k, Index b) {
    std::vector<double> A(static_cast<std::size_t>(m * n));
    for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j)
            for (Index c = 0; c < k; ++c)
                A[static_cast<std::size_t>(i + m * j)] +=
                    static_cast<double>(f.U[static_cast<std::size_t>((b * k + c) * m + i)]) *
                    static_cast<double>(f.s[static_cast<std::size_t>(b * k + c)]) *
                    static_cast<double>(f.V[static_cast<std::size_t>((b * k + c) * n + j)]);
    return A;
}

// max |V^T V - I|, item b of V [n, k]
template <class T>
double orthogonality(const std::vector<T>& V, Index n, Index k, Index b) {
    double worst = 0;
    for (Index p = 0; p < k; ++p)
        for (Index q = 0; q <= p; ++q) {
            double sum = p == q ? -1 : 0;
            for (Index i = 0; i < n; ++i)
                sum += static_cast<double>(V[static_cast<std::size_t>((b * k + p) * n + i)]) *
                       static_cast<double>(V[static_cast<std::size_t>((b * k + q) * n + i)]);
            worst = std::isnan(sum) ? sum : std::max(worst, std::abs(sum));
        }
    return worst;
}

// Product of [m, r] and [r, n], entries of order 1, singular values falling by 0.6
template <class T>
std::vector<T> decaying(Index m, Index r, Index n, std::uint64_t number) {
    const std::vector<double> L = normals<double>(m * r, number), R = normals<double>(r * n, number + 1);
    std::vector<T> A(static_cast<std::size_t>(m * n));
    for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j) {
            double sum = 0;
            for (Index k = 0; k < r; ++k)
                sum +=
                    L[static_cast<std::size_t>(i + m * k)] * std::pow(0.6, k) * R[static_cast<std::size_t>(k + r * j)];
            A[static_cast<std::size_t>(i + m * j)] = static_cast<T>(sum);
        }
    return A;
}

template <class T>
class CudaRandomizedSvd : public ::testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>();
    std::unique_ptr<Backend<T>> cpu = host<T>();
};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(CudaRandomizedSvd, Precisions);

TYPED_TEST(CudaRandomizedSvd, IsExactForALowRank) {
    using T = TypeParam;
    struct Case {
        Index m, n, batch;
        int rank, oversampling;
    };
    for (const Case c : {Case{1, 1, 1, 1, 0}, Case{40, 17, 2, 5, 0}, Case{17, 40, 2, 5, 10}, Case{23, 23, 1, 23, 0},
                         Case{21, 21, 1, 5, 99}, Case{7, 200, 1, 7, 10}, Case{200, 9, 3, 6, 2}})
        for (const int q : {0, 2}) {
            std::vector<T> A;
            for (Index b = 0; b < c.batch; ++b) {
                const std::vector<T> one = decaying<T>(c.m, 5, c.n, 10 + 2 * static_cast<std::uint64_t>(b));
                A.insert(A.end(), one.begin(), one.end());
            }
            const Found<T> f = randomized(*this->gpu, A, c.m, c.n, c.batch, false, c.rank, c.oversampling, q);
            // backward errors of products and QRs; at rank 5 without oversampling the condition of a 5 x 5 normal
            // matrix
            const double tolerance = 100 * static_cast<double>(std::max(c.m, c.n)) * unit_roundoff<T>;
            for (Index b = 0; b < c.batch; ++b) {
                const std::vector<double> wanted(A.begin() + b * c.m * c.n, A.begin() + (b + 1) * c.m * c.n);
                EXPECT_LE(relative_error(rebuilt(f, c.m, c.n, c.rank, b), wanted), tolerance)
                    << c.m << " x " << c.n << ", q " << q;
                EXPECT_LE(orthogonality(f.U, c.m, c.rank, b), tolerance) << c.m << " x " << c.n << ", q " << q;
                EXPECT_LE(orthogonality(f.V, c.n, c.rank, b), tolerance) << c.m << " x " << c.n << ", q " << q;
            }
        }
}

TYPED_TEST(CudaRandomizedSvd, HasTheApproximationErrorsOfTheCpu) {
    using T = TypeParam;
    struct Case {
        Index m, n, batch;
        bool shared;
        int rank, oversampling;
    };
    // the ranks are cut, so another sketch would give other numbers; 24 columns of 900 do not fit into shared memory in
    // double
    for (const Case c : {Case{60, 45, 1, false, 8, 4}, Case{33, 129, 3, true, 6, 3}, Case{130, 31, 2, false, 10, 0},
                         Case{900, 30, 1, false, 20, 4}, Case{30, 900, 1, false, 20, 4}})
        for (const int q : {0, 1}) {
            const std::vector<T> A = normals<T>(c.m * c.n * (c.shared ? 1 : c.batch), 50);
            const Found<T> f = randomized(*this->gpu, A, c.m, c.n, c.batch, c.shared, c.rank, c.oversampling, q);
            const Found<T> wanted = randomized(*this->cpu, A, c.m, c.n, c.batch, c.shared, c.rank, c.oversampling, q);
            // the range of A Z moves by its condition times rounding; singular values by that
            const double tolerance = 40 * static_cast<double>(std::max(c.m, c.n)) * unit_roundoff<T>;
            EXPECT_LE(relative_error(f.s, wanted.s), tolerance) << c.m << " x " << c.n << ", q " << q;
            for (Index b = 0; b < c.batch; ++b) {
                EXPECT_LE(orthogonality(f.U, c.m, c.rank, b), tolerance);
                EXPECT_LE(orthogonality(f.V, c.n, c.rank, b), tolerance);
            }
        }
}

TYPED_TEST(CudaRandomizedSvd, AnIdentityBeyondSharedMemory) {
    using T = TypeParam;
    const Index m = 104, n = 110;  // triangle and rotations in global memory (double), two tiles of columns
    std::vector<T> A(static_cast<std::size_t>(m * n));
    for (Index i = 0; i < m; ++i)
        A[static_cast<std::size_t>(i * (m + 1))] = 1;
    const Found<T> f = randomized(*this->gpu, A, m, n, 1, false, 104, 0, 0);
    const double tolerance = 20 * static_cast<double>(n) * unit_roundoff<T>;
    EXPECT_LE(relative_error(rebuilt(f, m, n, 104, 0), std::vector<double>(A.begin(), A.end())), tolerance);
    EXPECT_LE(relative_error(f.s, std::vector<T>(104, T{1})), tolerance);
}

TYPED_TEST(CudaRandomizedSvd, ZeroGivesOrthonormalVectors) {
    using T = TypeParam;
    const Found<T> f = randomized(*this->gpu, std::vector<T>(20 * 30), 20, 30, 1, false, 6, 3, 1);
    EXPECT_EQ(f.s, std::vector<T>(6));
    EXPECT_LE(orthogonality(f.U, 20, 6, 0), 100 * unit_roundoff<T>);
    EXPECT_LE(orthogonality(f.V, 30, 6, 0), 100 * unit_roundoff<T>);
}

TYPED_TEST(CudaRandomizedSvd, ABatchGivesEachItemTheBitsItHasAlone) {
    using T = TypeParam;
    const Index m = 20, n = 31, batch = 3;
    const std::vector<T> A = normals<T>(m * n * batch, 60);
    const Found<T> all = randomized(*this->gpu, A, m, n, batch, false, 6, 4, 1);
    for (Index b = 0; b < batch; ++b) {
        const std::vector<T> one(A.begin() + b * m * n, A.begin() + (b + 1) * m * n);
        const Found<T> f = randomized(*this->gpu, one, m, n, 1, false, 6, 4, 1);
        EXPECT_TRUE(std::equal(f.U.begin(), f.U.end(), all.U.begin() + b * m * 6));
        EXPECT_TRUE(std::equal(f.s.begin(), f.s.end(), all.s.begin() + b * 6));
        EXPECT_TRUE(std::equal(f.V.begin(), f.V.end(), all.V.begin() + b * n * 6));
    }
}

TYPED_TEST(CudaRandomizedSvd, ASmallSingularValueSurvivesPowerIterations) {
    using T = TypeParam;
    // diag(1, r): without orthonormalisation between the products r^5, far below u, would decide for q = 2
    const double r = 32 * std::pow(unit_roundoff<T>, 2.0 / 3);
    std::vector<T> A(30 * 30);
    A[0] = 1;
    A[31] = static_cast<T>(r);
    const Found<T> f = randomized(*this->gpu, A, 30, 30, 1, false, 2, 0, 2);
    EXPECT_NEAR(f.s[1] / r, 1, 100 * 30 * unit_roundoff<T> / r);
}

TYPED_TEST(CudaRandomizedSvd, NonsenseIsRefused) {
    using T = TypeParam;
    std::vector<T> A = normals<T>(8 * 9 * 3, 70);
    A[2 * 72 + 30] = std::numeric_limits<T>::quiet_NaN();
    A[72 + 71] = std::numeric_limits<T>::infinity();
    OnDevice<T> a(*this->gpu, 8, 9, 3), u(*this->gpu, 8, 3, 3), s(*this->gpu, 3, 1, 3), v(*this->gpu, 9, 3, 3);
    a.upload(A);
    try {
        this->gpu->randomized_svd(a.view(), 3, 2, 1, 1, u.view(), s.view(), v.view());
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "svd: item 1 did not factorise");
    }
}

}  // namespace
}  // namespace descrambler
