// Windows of probes: what whole probes would have there, number by number, wherever the windows lie.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>

#include "descrambler/backend.hpp"

namespace descrambler {
namespace {

template <class T>
class WindowMapsTest : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> on = make_cpu_backend<T>(2);
    std::mt19937 random{7};

    Matrix<T> normals(Index rows, Index cols) {
        std::normal_distribution<double> normal;
        Matrix<T> x(rows, cols);
        for (T& value : x.values())
            value = static_cast<T>(normal(random));
        return x;
    }
    Windows windows(Index planes, Index height, Index width, Index rows, Index cols, Index count) {
        Windows at{planes, height, width, rows, cols, {}};
        for (Index k = 0; k < count; ++k)
            at.corners.push_back({std::uniform_int_distribution<Index>(0, height - rows)(random),
                                  std::uniform_int_distribution<Index>(0, width - cols)(random)});
        return at;
    }
    // place in the tensor, place in the window, of column k
    static void for_numbers(const Windows& at, Index k, const std::function<void(Index, Index)>& body) {
        const Corner corner = at.corners[static_cast<std::size_t>(k)];
        for (Index p = 0; p < at.planes; ++p)
            for (Index r = 0; r < at.rows; ++r)
                for (Index c = 0; c < at.cols; ++c)
                    body((p * at.height + corner.row + r) * at.width + corner.col + c, (p * at.rows + r) * at.cols + c);
    }
    Matrix<T> spread(const Windows& at, const Matrix<T>& x) {
        Matrix<T> whole(at.tensor(), x.cols());
        for (Index k = 0; k < x.cols(); ++k)
            for_numbers(at, k, [&](Index to, Index from) { whole(to, k) = x(from, k); });
        return whole;
    }

    using Small = std::function<void(const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y)>;
    using Whole = std::function<void(Batch<const T> x, T beta, Batch<T> y)>;
    void expect_parts(const Windows& from, const Windows& to, const Small& small, const Whole& whole) {
        const Index K = std::ssize(from.corners);
        const Matrix<T> x = normals(from.size(), K), before = normals(to.size(), K);
        for (const T beta : {T{0}, T{1}}) {
            Matrix<T> y = before, expected = spread(to, before);
            if (beta == 0)
                std::ranges::fill(y.values(), std::numeric_limits<T>::quiet_NaN());
            small(from, x.view(), beta, to, y.view());
            whole(spread(from, x).view(), beta, expected.view());
            for (Index k = 0; k < K; ++k)
                this->for_numbers(to, k, [&](Index there, Index here) { ASSERT_EQ(y(here, k), expected(there, k)); });
        }
    }
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(WindowMapsTest, Types);

TYPED_TEST(WindowMapsTest, DiagonalsAndMasks) {
    using T = TypeParam;
    constexpr Index planes = 3, height = 9, width = 11, K = 6, n = planes * height * width;
    const Matrix<T> a = this->normals(n, 1), per_plane = this->normals(planes, 1);
    std::vector<std::uint32_t> bits(n / 32 + 1);
    for (std::uint32_t& word : bits)
        word = static_cast<std::uint32_t>(this->random());
    for (const auto& [rows, cols] : {std::pair<Index, Index>{4, 5}, {9, 11}, {1, 1}, {9, 2}}) {
        const Windows from = this->windows(planes, height, width, rows, cols, K),
                      to = this->windows(planes, height, width, 5, 6, K);
        for (const Periodic<T> number :
             {Periodic<T>{a.data(), n, 1}, Periodic<T>{per_plane.data(), planes, height * width}, Periodic<T>{}}) {
            const T one = 1;
            const Periodic<T> whole = number.data == nullptr ? Periodic<T>{&one, 1, n} : number;
            this->expect_parts(
                from, to,
                [&](const Windows& f, Batch<const T> x, T beta, const Windows& t, Batch<T> y) {
                    this->on->diagonal_windows(number, f, x, beta, t, y);
                },
                [&](Batch<const T> x, T beta, Batch<T> y) { this->on->diagonal_product(whole, x, beta, y); });
            this->expect_parts(
                from, to,
                [&](const Windows& f, Batch<const T> x, T beta, const Windows& t, Batch<T> y) {
                    this->on->masked_windows(bits.data(), whole, f, x, beta, t, y);
                },
                [&](Batch<const T> x, T beta, Batch<T> y) {
                    this->on->masked_product(bits.data(), whole, x, beta, y);
                });
        }
    }
}

TYPED_TEST(WindowMapsTest, SparseRows) {
    using T = TypeParam;
    constexpr Index K = 6, cols = 2 * 8 * 7, rows = 3 * 5 * 9;
    std::vector<std::uint32_t> starts{0}, index, single;
    for (Index i = 0; i < rows; ++i) {
        for (Index e = 0; e < i % 4; ++e)
            index.push_back(static_cast<std::uint32_t>(this->random() % cols));
        starts.push_back(static_cast<std::uint32_t>(index.size()));
        single.push_back(i % 5 == 0 ? SparseRows<T>::nothing : static_cast<std::uint32_t>(this->random() % cols));
    }
    const Matrix<T> weight = this->normals(std::ssize(index), 1), one = this->normals(rows, 1);
    for (const SparseRows<T>& A : {SparseRows<T>{rows, cols, starts.data(), index.data(), weight.data()},
                                   SparseRows<T>{rows, cols, starts.data(), index.data(), nullptr},
                                   SparseRows<T>{rows, cols, nullptr, single.data(), one.data()},
                                   SparseRows<T>{rows, cols, nullptr, single.data(), nullptr}})
        for (const auto& [r, c] : {std::pair<Index, Index>{3, 4}, {8, 7}, {1, 2}})
            this->expect_parts(
                this->windows(2, 8, 7, r, c, K), this->windows(3, 5, 9, 4, 6, K),
                [&](const Windows& f, Batch<const T> x, T beta, const Windows& t, Batch<T> y) {
                    this->on->sparse_windows(A, f, x, beta, t, y);
                },
                [&](Batch<const T> x, T beta, Batch<T> y) { this->on->sparse_product(A, x, beta, y); });
}

TYPED_TEST(WindowMapsTest, RefuseWhatLiesOutside) {
    using T = TypeParam;
    Matrix<T> x(2 * 3 * 3, 1), y(2 * 3 * 3, 1);
    const Windows good{2, 5, 5, 3, 3, {{2, 2}}};
    Windows outside = good;
    outside.corners[0].row = 3;
    const auto call = [&](const Windows& from, const Windows& to, T beta) {
        this->on->diagonal_windows({}, from, x.view(), beta, to, y.view());
    };
    EXPECT_NO_THROW(call(good, good, 0));
    EXPECT_THROW(call(outside, good, 0), std::invalid_argument);
    EXPECT_THROW(call(good, outside, 0), std::invalid_argument);
    EXPECT_THROW(call(good, good, 2), std::invalid_argument);
    EXPECT_THROW(call(Windows{2, 6, 5, 3, 3, {{2, 2}}}, good, 0), std::invalid_argument);
    EXPECT_THROW(call(Windows{2, 5, 5, 3, 2, {{2, 2}}}, good, 0), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
