// Matrices, sparse rows, diagonals, masks and runs: by hand, against loops in double precision, and the same bits in any number of
// columns and threads.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "descrambler/backend.hpp"

namespace descrambler {
namespace {

template <class T>
Matrix<T> wave(Index rows, Index cols, double phase) {
    Matrix<T> result(rows, cols);
    for (Index i = 0; i < result.size(); ++i)
        result.values()[static_cast<std::size_t>(i)] = static_cast<T>(std::sin(static_cast<double>(i) * 1.7 + phase));
    return result;
}

template <class T>
class Maps : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> on = make_cpu_backend<T>(2);

    // Of a map y = A x + beta y that `call` makes: columns alone, with another number of threads, with beta 1 and in
    // taller matrices have the bits of all together.
    using Call = std::function<void(Backend<T>&, Batch<const T> x, T beta, Batch<T> y)>;
    void expect_columns_apart(Index rows, Index cols, const Call& call) {
        constexpr Index K = 5;
        const Matrix<T> x = wave<T>(cols, K, .2);
        Matrix<T> y(rows, K), z(rows, K), tall(rows + 3, K), nan(rows, K);
        std::ranges::fill(nan.values(), std::numeric_limits<T>::quiet_NaN());
        call(*on, x.view(), 0, y.view());
        call(*on, x.view(), 0, nan.view());
        EXPECT_EQ(y, nan) << "beta 0 reads y";
        const auto other = make_cpu_backend<T>(3);
        for (Index k = 0; k < K; ++k)
            call(*other, x.view().columns(k, 1), 0, z.view().columns(k, 1));
        EXPECT_EQ(y, z);
        call(*on, x.view(), 0, tall.view().row_range(2, rows));
        for (Index k = 0; k < K; ++k)
            for (Index i = 0; i < rows; ++i)
                ASSERT_EQ(tall(i + 2, k), y(i, k));
        EXPECT_EQ(tall(1, 0), 0);
        call(*on, x.view(), 1, z.view());
        for (Index i = 0; i < y.size(); ++i)
            ASSERT_EQ(z.values()[static_cast<std::size_t>(i)],
                      y.values()[static_cast<std::size_t>(i)] + y.values()[static_cast<std::size_t>(i)]);
    }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Maps, Types);

TYPED_TEST(Maps, MatricesByHand) {
    using T = TypeParam;
    const std::vector<T> A{1, 2, 3, 4, 5, 6}, x{1, 10, 100};  // [3, 2]
    std::vector<T> y(2), z(3, 7);
    this->on->matrix_product(Op::transpose, {A.data(), 3, 2}, {x.data(), 3, 1}, 0, {y.data(), 2, 1});
    EXPECT_EQ(y, (std::vector<T>{321, 654}));
    this->on->matrix_product(Op::none, {A.data(), 3, 2}, {x.data(), 2, 1}, 1, {z.data(), 3, 1});
    EXPECT_EQ(z, (std::vector<T>{48, 59, 70}));
    this->on->matrix_product(Op::none, {A.data(), 3, 0}, {x.data(), 0, 1}, 0, {z.data(), 3, 1});
    EXPECT_EQ(z, (std::vector<T>(3, 0)));
    EXPECT_THROW(this->on->matrix_product(Op::none, {A.data(), 3, 2}, {x.data(), 3, 1}, 0, {z.data(), 3, 1}),
                 std::invalid_argument);
}

// Against sums in long double: a chain of n multiply-adds is off by n u of the sum of the sizes at most. Around vectors
// (16 numbers), blocks of rows (1024), panels of columns (48), tiles of probes (8) and what is done at once of them (64).
TYPED_TEST(Maps, MatricesOfAllSizes) {
    using T = TypeParam;
    for (const auto& [rows, cols, K] : std::vector<std::array<Index, 3>>{
             {1, 1, 1}, {15, 47, 3}, {16, 48, 8}, {17, 49, 9}, {1023, 3, 2}, {1025, 7, 64}, {2049, 101, 67}}) {
        const Matrix<T> A = wave<T>(rows + 2, cols, .3);
        const Batch<const T> M = A.view().row_range(1, rows);
        for (const Op op : {Op::none, Op::transpose}) {
            const bool turned = op == Op::transpose;
            const Index n = turned ? cols : rows, depth = turned ? rows : cols;
            const Matrix<T> x = wave<T>(depth, K, .9);
            Matrix<T> y(n, K);
            this->on->matrix_product(op, M, x.view(), 0, y.view());
            for (Index k = 0; k < K; ++k)
                for (Index i = 0; i < n; ++i) {
                    long double sum = 0, sizes = 0;
                    for (Index d = 0; d < depth; ++d) {
                        const long double part = static_cast<long double>(turned ? M(d, i) : M(i, d)) * x(d, k);
                        sum += part;
                        sizes += std::abs(part);
                    }
                    ASSERT_LE(std::abs(y(i, k) - sum),
                              static_cast<long double>(depth + 1) * std::numeric_limits<T>::epsilon() / 2 * sizes)
                        << rows << " x " << cols << ", row " << i << ", probe " << k;
                }
        }
    }
}

TYPED_TEST(Maps, ColumnsOfMatricesDoNotHangOnEachOther) {
    using T = TypeParam;
    const Matrix<T> A = wave<T>(2100, 211, .3);  // two threads share what three share
    for (const Op op : {Op::none, Op::transpose})
        this->expect_columns_apart(
            op == Op::none ? 2100 : 211, op == Op::none ? 211 : 2100,
            [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) { on.matrix_product(op, A.view(), x, beta, y); });
}

TYPED_TEST(Maps, SparseRowsByHand) {
    using T = TypeParam;
    const std::vector<std::uint32_t> starts{0, 2, 2, 3}, index{0, 2, 1};
    const std::vector<T> weight{2, 3, 4}, x{1, 10, 100};
    std::vector<T> y(3);
    const SparseRows<T> A{3, 3, starts.data(), index.data(), weight.data()};
    this->on->sparse_product(A, {x.data(), 3, 1}, 0, {y.data(), 3, 1});
    EXPECT_EQ(y, (std::vector<T>{302, 0, 40}));
    const std::vector<std::uint32_t> one{2, SparseRows<T>::nothing, 0};
    this->on->sparse_product({3, 3, nullptr, one.data(), nullptr}, {x.data(), 3, 1}, 0, {y.data(), 3, 1});
    EXPECT_EQ(y, (std::vector<T>{100, 0, 1}));
    this->on->sparse_product({3, 3, nullptr, one.data(), weight.data()}, {x.data(), 3, 1}, 1, {y.data(), 3, 1});
    EXPECT_EQ(y, (std::vector<T>{300, 0, 5}));
}

TYPED_TEST(Maps, DiagonalsMasksAndOffsetsByHand) {
    using T = TypeParam;
    const std::vector<T> a{2, 3}, x{1, 1, 1, 1, 1, 1, 1, 1};
    std::vector<T> y(8);
    this->on->diagonal_product({a.data(), 2, 2}, {x.data(), 8, 1}, 0, {y.data(), 8, 1});
    EXPECT_EQ(y, (std::vector<T>{2, 2, 3, 3, 2, 2, 3, 3}));
    const std::uint32_t bits = 0b00010001;
    this->on->masked_product(&bits, {a.data(), 2, 4}, {x.data(), 8, 1}, 0, {y.data(), 8, 1});
    EXPECT_EQ(y, (std::vector<T>{1, 2, 2, 2, 1, 3, 3, 3}));
    this->on->add_offset({a.data(), 2, 1}, {y.data(), 8, 1});
    EXPECT_EQ(y, (std::vector<T>{3, 5, 4, 5, 3, 6, 5, 6}));
    T dot = 0;
    this->on->offset_dot({a.data(), 2, 4}, {y.data(), 8, 1}, {&dot, 1, 1});
    EXPECT_EQ(dot, 2 * 17 + 3 * 20);
}

TYPED_TEST(Maps, RunsByHand) {
    using T = TypeParam;
    const std::vector<T> x{1, 3, 2, 6}, h{1, -1, 1, -1}, s{.25, .75, .5, .5};
    std::vector<T> y(4);
    this->on->project_runs(2, true, {}, {}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{-1, 1, -2, 2}));
    this->on->project_runs(2, false, {}, {h.data(), 4, 1}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{2, 2, 4, 4}));
    this->on->project_runs(2, true, {}, {h.data(), 4, 1}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{0, 0, 0, 0}));
    const std::vector<T> gain{3, 5};
    this->on->project_runs(2, true, {gain.data(), 2, 1}, {}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{-3, 3, -10, 10}));
    this->on->project_runs(2, true, {gain.data(), 2, 1}, {}, {x.data(), 4, 1}, 1, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{-6, 6, -20, 20}));
    this->on->softmax_runs(SoftmaxOf::value, 2, {s.data(), 4, 1}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{.25 * (1 - 2.5), .75 * (3 - 2.5), .5 * (2 - 4), .5 * (6 - 4)}));
    this->on->softmax_runs(SoftmaxOf::log, 2, {s.data(), 4, 1}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{1 - 2.5, 3 - 2.5, 2 - 4, 6 - 4}));
    this->on->softmax_runs(SoftmaxOf::log_adjoint, 2, {s.data(), 4, 1}, {x.data(), 4, 1}, 0, {y.data(), 4, 1});
    EXPECT_EQ(y, (std::vector<T>{1 - .25 * 4, 3 - .75 * 4, 2 - .5 * 8, 6 - .5 * 8}));
}

TYPED_TEST(Maps, ColumnsDoNotHangOnEachOther) {
    using T = TypeParam;
    constexpr Index n = 9000;  // more than two blocks of rows
    const Matrix<T> a = wave<T>(n, 1, .4);
    std::vector<std::uint32_t> starts{0}, index, bits(n / 32 + 1, 0x5a5a1234);
    for (Index i = 0; i < n; ++i) {
        for (Index e = 0; e < i % 4; ++e)
            index.push_back(static_cast<std::uint32_t>((i * 7 + e * 13) % n));
        starts.push_back(static_cast<std::uint32_t>(index.size()));
    }
    const Matrix<T> weight = wave<T>(std::ssize(index), 1, .1);
    const SparseRows<T> A{n, n, starts.data(), index.data(), weight.data()};
    this->expect_columns_apart(n, n, [&](Backend<T>& on, auto x, T beta, auto y) { on.sparse_product(A, x, beta, y); });
    this->expect_columns_apart(n, n, [&](Backend<T>& on, auto x, T beta, auto y) {
        on.diagonal_product({a.data(), 90, 10}, x, beta, y);
    });
    this->expect_columns_apart(n, n, [&](Backend<T>& on, auto x, T beta, auto y) {
        on.masked_product(bits.data(), {a.data(), 9, 1000}, x, beta, y);
    });
    this->expect_columns_apart(
        n, n, [&](Backend<T>& on, auto x, T beta, auto y) { on.project_runs(300, true, {}, a.view(), x, beta, y); });
    this->expect_columns_apart(n, n, [&](Backend<T>& on, auto x, T beta, auto y) {
        on.softmax_runs(SoftmaxOf::value, 300, a.view(), x, beta, y);
    });
}

TYPED_TEST(Maps, RefuseWhatDoesNotFit) {
    using T = TypeParam;
    Matrix<T> x(4, 2), y(4, 2), short_one(3, 2);
    const std::vector<T> a{1, 2};
    const auto on = this->on.get();
    EXPECT_THROW(on->diagonal_product({a.data(), 2, 3}, x.view(), 0, y.view()), std::invalid_argument);
    EXPECT_THROW(on->diagonal_product({a.data(), 2, 1}, x.view(), 2, y.view()), std::invalid_argument);
    EXPECT_THROW(on->diagonal_product({a.data(), 2, 1}, x.view(), 0, short_one.view()), std::invalid_argument);
    EXPECT_THROW(on->project_runs(3, true, {}, {}, x.view(), 0, y.view()), std::invalid_argument);
    EXPECT_THROW(on->project_runs(2, true, short_one.view(), {}, x.view(), 0, y.view()), std::invalid_argument);
    EXPECT_THROW(on->softmax_runs(SoftmaxOf::value, 2, short_one.view(), x.view(), 0, y.view()), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
