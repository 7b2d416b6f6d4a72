// Sparse rows, diagonals, masks and runs on the device against the CPU. u is the unit roundoff. Where one number meets one
// the two sides differ by the rounding of a product that one of them fuses with a sum: 2 u of the sizes. Sums of runs and
// dot products are in double on both sides; what they make is rounded twice, 4 u of the largest result.
#include <algorithm>
#include <functional>

#include "device.hpp"

namespace descrambler::test {
namespace {

template <class T>
class CudaMaps : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>(), cpu = host<T>();

    // The map y = A x + beta y that `call` makes: against the CPU; columns alone have the bits of all together; beta 0
    // does not read y; ranges of rows of taller matrices.
    using Call = std::function<void(Backend<T>&, Batch<const T> x, T beta, Batch<T> y)>;
    // terms: how large what is summed may be beside x; the sums may cancel.
    void expect_same(Index rows, Index cols, double tolerance, const Call& call, double terms = 0) {
        constexpr Index K = 3, gap = 3;
        const std::vector<T> numbers = normals<T>((cols + gap) * K, 7), old = normals<T>((rows + gap) * K, 8);
        for (const T beta : {T{0}, T{1}}) {
            const auto run = [&](Backend<T>& on, Index first, Index count) {
                const OnDevice<T> x(on, numbers, cols + gap, K);
                OnDevice<T> y(on, rows + gap, K);  // of NaN
                if (beta != 0)
                    y.upload(old);
                call(on, x.cview().row_range(1, cols).columns(first, count), beta,
                     y.view().row_range(2, rows).columns(first, count));
                const std::vector<T> all = y.download();
                std::vector<T> result;
                for (Index k = 0; k < K; ++k) {
                    const auto column = all.begin() + k * (rows + gap);
                    for (Index i = 0; i < rows + gap; ++i) {
                        const bool inside = i >= 2 && i < rows + 2 && k >= first && k < first + count;
                        const auto at = static_cast<std::size_t>(k * (rows + gap) + i);
                        if (!inside && !(beta == 0 ? std::isnan(all[at]) : all[at] == old[at]))
                            ADD_FAILURE() << "row " << i - 2 << " of column " << k << " was written";
                    }
                    if (k >= first && k < first + count)
                        result.insert(result.end(), column + 2, column + 2 + rows);
                }
                return result;
            };
            const std::vector<T> all = run(*this->gpu, 0, K);
            std::vector<T> found = all, expected = run(*this->cpu, 0, K);
            for (std::vector<T>* of : {&found, &expected})
                of->push_back(static_cast<T>(terms * static_cast<double>(*std::ranges::max_element(numbers))));
            EXPECT_LE(relative_error(found, expected), tolerance) << "beta " << beta;
            for (Index k = 0; k < K; ++k) {
                const std::vector<T> alone = run(*this->gpu, k, 1);
                ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + k * rows))
                    << "column " << k << ", beta " << beta;
            }
        }
    }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(CudaMaps, Precisions);

template <class T>
Buffer<std::uint32_t> sent(Backend<T>& on, const std::vector<std::uint32_t>& host) {
    Buffer<std::uint32_t> result = on.allocate_words(std::ssize(host));
    on.upload(host.data(), Batch<std::uint32_t>(result.data(), std::ssize(host), 1));
    return result;
}

// Around warps (32), blocks of rows (1024), slices (8192).
constexpr Index sizes[] = {1, 31, 32, 33, 1024, 1025, 8193};

// A chain of `depth` multiply-adds on both sides, each off by depth u of the sum of the sizes.
TYPED_TEST(CudaMaps, Matrices) {
    using T = TypeParam;
    for (const auto& [rows, cols] : std::vector<std::array<Index, 2>>{{1, 1}, {33, 5}, {70, 129}}) {
        const std::vector<T> numbers = normals<T>(rows * cols, 3);
        for (const Op op : {Op::none, Op::transpose}) {
            const bool turned = op == Op::transpose;
            const Index depth = turned ? rows : cols;
            this->expect_same(
                turned ? cols : rows, depth, 2 * static_cast<double>(depth + 1) * unit_roundoff<T>,
                [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                    const OnDevice<T> A(on, numbers, rows, cols);
                    on.matrix_product(op, A.cview(), x, beta, y);
                },
                static_cast<double>(depth));
        }
    }
}

TYPED_TEST(CudaMaps, ByHand) {
    using T = TypeParam;
    auto& on = *this->gpu;
    const OnDevice<T> x(on, {1, 10, 100, 1000}, 4, 1), a(on, {2, 3}, 2, 1), y(on, 4, 1), r(on, 1, 1);
    const auto starts = sent(on, {0, 2, 2, 3, 3}), index = sent(on, {0, 2, 1}),
               one = sent(on, {2, SparseRows<T>::nothing, 0, 3}), bits = sent(on, {0b1001});
    const OnDevice<T> weight(on, {2, 3, 4, 5}, 4, 1);
    on.sparse_product({4, 4, starts.data(), index.data(), weight.view().data}, x.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{302, 0, 40, 0}));
    on.sparse_product({4, 4, nullptr, one.data(), nullptr}, x.cview(), 1, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{402, 0, 41, 1000}));
    on.sparse_product({4, 4, nullptr, one.data(), weight.view().data}, x.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{200, 0, 4, 5000}));
    on.diagonal_product({a.view().data, 2, 1}, x.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{2, 30, 200, 3000}));
    on.masked_product(bits.data(), {a.view().data, 2, 2}, x.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{1, 20, 300, 1000}));
    on.add_offset({a.view().data, 2, 2}, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{3, 22, 303, 1003}));
    on.offset_dot({a.view().data, 2, 2}, y.cview(), r.view());
    EXPECT_EQ(r.download(), (std::vector<T>{2 * 25 + 3 * 1306}));
    const OnDevice<T> z(on, {1, 3, 2, 6}, 4, 1), h(on, {1, -1, 1, -1}, 4, 1), s(on, {.25, .75, .5, .5}, 4, 1);
    on.project_runs(2, true, {}, {}, z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{-1, 1, -2, 2}));
    on.project_runs(2, false, {}, h.cview(), z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{2, 2, 4, 4}));
    on.project_runs(2, true, OnDevice<T>(on, {3, 5}, 2, 1).cview(), {}, z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{-3, 3, -10, 10}));
    on.softmax_runs(SoftmaxOf::value, 2, s.cview(), z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{T(.25 * (1 - 2.5)), T(.75 * (3 - 2.5)), .5 * (2 - 4), .5 * (6 - 4)}));
    on.softmax_runs(SoftmaxOf::log, 2, s.cview(), z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{1 - 2.5, 3 - 2.5, 2 - 4, 6 - 4}));
    on.softmax_runs(SoftmaxOf::log_adjoint, 2, s.cview(), z.cview(), 0, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{1 - .25 * 4, 3 - .75 * 4, 2 - .5 * 8, 6 - .5 * 8}));
}

TYPED_TEST(CudaMaps, SparseRowsMatchCpu) {
    using T = TypeParam;
    for (const Index n : sizes) {
        std::vector<std::uint32_t> starts{0}, index, one;
        for (Index i = 0; i < n; ++i) {
            for (Index e = 0; e < i % 5; ++e)  // many rows of one number read it
                index.push_back(static_cast<std::uint32_t>((i * 7 + e * 13) % (n / 2 + 1)));
            starts.push_back(static_cast<std::uint32_t>(index.size()));
            one.push_back(i % 3 == 0 ? SparseRows<T>::nothing : static_cast<std::uint32_t>(i * 11 % (n / 2 + 1)));
        }
        const Index entries = std::max(std::ssize(index), n);
        // sums of up to 4 products of normal numbers, each rounded
        for (const bool several : {false, true})
            for (const bool weighted : {false, true})
                this->expect_same(n, n / 2 + 1, 10 * unit_roundoff<T>,
                                  [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                                      const auto first = sent(on, starts), at = sent(on, several ? index : one);
                                      const OnDevice<T> weight(on, normals<T>(entries), entries, 1);
                                      on.sparse_product({n, n / 2 + 1, several ? first.data() : nullptr, at.data(),
                                                         weighted ? weight.view().data : nullptr},
                                                        x, beta, y);
                                  });
    }
}

TYPED_TEST(CudaMaps, DiagonalsAndMasksMatchCpu) {
    using T = TypeParam;
    for (const Index n : sizes)
        for (const auto& [count, run] :
             {std::pair<Index, Index>{n + 3, 1}, {1, n}, {2, n % 31 == 0 ? 31 : 1}, {7, n % 25 == 0 ? 25 : 1}}) {
            const std::vector<T> numbers = normals<T>(count, 3);
            std::vector<std::uint32_t> bits;
            for (Index i = 0; i <= n / 32; ++i)
                bits.push_back(static_cast<std::uint32_t>(0x9e3779b9u * (i + 1)));
            this->expect_same(n, n, 2 * unit_roundoff<T>, [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                const OnDevice<T> a(on, numbers, count, 1);
                on.diagonal_product({a.view().data, count, run}, x, beta, y);
            });
            this->expect_same(n, n, 2 * unit_roundoff<T>, [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                const OnDevice<T> off(on, numbers, count, 1);
                const auto mask = sent(on, bits);
                on.masked_product(mask.data(), {off.view().data, count, run}, x, beta, y);
            });
            this->expect_same(n, n, unit_roundoff<T>, [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                const OnDevice<T> c(on, numbers, count, 1);
                on.axpby(1, x, beta, y);
                on.add_offset({c.view().data, count, run}, y);
            });
        }
}

TYPED_TEST(CudaMaps, OffsetDotMatchesCpuAndDoesNotHangOnTheColumnsBeside) {
    using T = TypeParam;
    constexpr Index K = 5;
    for (const Index n : {Index{1}, Index{33}, Index{8192}, Index{8193}, Index{20000}}) {
        const std::vector<T> numbers = normals<T>(n, 3), probes = normals<T>(n * K, 4);
        const auto run = [&](Backend<T>& on, Index first, Index count) {
            const OnDevice<T> c(on, numbers, n, 1), x(on, probes, n, K), r(on, 1, count);
            on.offset_dot({c.view().data, n, 1}, x.cview().columns(first, count), r.view());
            return r.download();
        };
        const std::vector<T> all = run(*this->gpu, 0, K), wanted = run(*this->cpu, 0, K);
        // sums in double in two orders of n products of normal numbers, about sqrt(n) large, then one rounding
        EXPECT_LE(relative_error(all, wanted), 2 * unit_roundoff<T> + std::sqrt(static_cast<double>(n)) * 0x1p-52) << n;
        for (Index k = 0; k < K; ++k)
            EXPECT_EQ(run(*this->gpu, k, 1).at(0), all[static_cast<std::size_t>(k)]) << n << ", column " << k;
    }
    const OnDevice<T> c(*this->gpu, {1}, 1, 1), nothing(*this->gpu, 0, 2), r(*this->gpu, 1, 2);
    this->gpu->offset_dot({c.view().data, 1, 1}, nothing.cview(), r.view());
    EXPECT_EQ(r.download(), (std::vector<T>{0, 0}));
}

// A warp a run and a block a run.
TYPED_TEST(CudaMaps, RunsMatchCpu) {
    using T = TypeParam;
    for (const auto& [m, runs] :
         {std::pair<Index, Index>{1, 1}, {3, 70}, {31, 9}, {33, 8}, {1024, 3}, {1025, 3}, {3000, 2}}) {
        const Index n = m * runs;
        for (const bool centre : {false, true})
            for (const bool along : {false, true}) {
                const std::vector<T> numbers = normals<T>(n, 5);
                const double largest = std::abs(static_cast<double>(
                    *std::ranges::max_element(numbers, {}, [](T number) { return std::abs(number); })));
                this->expect_same(
                    n, n, 4 * unit_roundoff<T>,
                    [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                        const OnDevice<T> h(on, numbers, n, 1);
                        const OnDevice<T> gain(on, std::vector<T>(numbers.begin(), numbers.begin() + n / m), n / m, 1);
                        on.project_runs(m, centre, centre ? gain.cview() : Batch<const T>(),
                                        along ? h.cview() : Batch<const T>(), x, beta, y);
                    },
                    1 + largest * largest);
            }
        for (const SoftmaxOf of : {SoftmaxOf::value, SoftmaxOf::log, SoftmaxOf::log_adjoint}) {
            std::vector<T> share = normals<T>(n, 6);  // need not add up to 1
            double largest = 0;
            for (T& number : share) {
                largest = std::max(largest, std::abs(static_cast<double>(number)));
                number = std::abs(number) / static_cast<T>(m);
            }
            this->expect_same(
                n, n, 4 * unit_roundoff<T>,
                [&](Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) {
                    const OnDevice<T> s(on, share, n, 1);
                    on.softmax_runs(of, m, s.cview(), x, beta, y);
                },
                1 + largest * largest);
        }
    }
}

TYPED_TEST(CudaMaps, NothingIsHarmless) {
    using T = TypeParam;
    auto& on = *this->gpu;
    const OnDevice<T> a(on, {1}, 1, 1), none(on, 4, 0), empty(on, 0, 3);
    for (const OnDevice<T>* y : {&none, &empty}) {
        const Batch<T> to = y->view();
        on.sparse_product({to.rows, to.rows, nullptr, nullptr, nullptr}, to, 0, to);
        on.diagonal_product({a.view().data, 1, 1}, to, 1, to);
        on.masked_product(nullptr, {a.view().data, 1, 1}, to, 0, to);
        on.add_offset({a.view().data, 1, 1}, to);
        on.project_runs(2, true, {}, {}, to, 0, to);
        EXPECT_TRUE(y->download().empty());
    }
}

}  // namespace
}  // namespace descrambler::test
