// One large matrix times a few vectors: A is read once, from where it lies, for up to `most_probes` vectors at a time. A
// general product copies A into its own order first, which takes longer than the few sums that follow.
//   A^T x  tiles of three columns by some probes, a register of partial sums each, along the rows
//   A x    tiles of three registers of rows by some probes, along the columns (those of panel_product.hpp)
// A is met in blocks of about a page of rows, the next columns are fetched ahead into the second cache, and what meets A
// is copied where no two lines of it take one place of the first cache (the columns of large matrices do).
// A number is a chain of multiply-adds in an order that hangs on the size of A alone; missing probes of a tile are computed
// from others and dropped.
// flops  2 a number of A and probe; bytes  A once
#include "cpu/matrix_product.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/panel_product.hpp"

namespace descrambler::cpu {
namespace {

constexpr std::size_t line = 64;                                // bytes
constexpr int tile_columns = 3;                                 // of A^T x
constexpr int group = static_cast<int>(tile_columns_of_panel);  // probes of a tile
constexpr Index most_probes = 64;                               // whose sums stay in the second cache
constexpr Index columns_of_panel = 48, columns_of_block = 32;   // of A^T x, of A x
template <class T>
constexpr Index lanes = vector_lanes<T>;
template <class T>
constexpr Index rows_of_tile = 3 * lanes<T>;
template <class T>
constexpr Index rows_of_block = 21 * rows_of_tile<T>;  // an odd number of lines
constexpr Index products_of_thread = Index{1} << 18;   // as many as take some times what it takes to wake a thread

template <class T>
using Vector = typename detail::Tile<T, 1, 1>::Vector;

constexpr Index quotient_up(Index a, Index b) {
    return (a + b - 1) / b;
}

template <class T>
Vector<T> first_of(const T* from, Index count) {
    Vector<T> result{};
    std::memcpy(&result, from, static_cast<std::size_t>(count) * sizeof(T));
    return result;
}

// sums[c][k] += a[c] .* x[k] over the rows, a register each. Of x rows_of_block<T> numbers a probe, zeros beyond the last.
template <class T>
void dots(Index rows, const std::array<const T*, tile_columns>& a, Index ahead, const T* x, T* sums) {
    Vector<T> s[tile_columns][group];
    std::memcpy(s, sums, sizeof s);
    const auto step = [&](Index i, const auto& load) {
        Vector<T> factor[tile_columns];
#pragma GCC unroll 4
        for (int c = 0; c < tile_columns; ++c)
            factor[c] = load(a[c] + i);
#pragma GCC unroll 8
        for (int k = 0; k < group; ++k) {
            const auto probe = detail::in_register<Vector<T>>(x + k * rows_of_block<T> + i);
#pragma GCC unroll 4
            for (int c = 0; c < tile_columns; ++c)
                s[c][k] += factor[c] * probe;
        }
    };
    Index i = 0;
    for (; i + lanes<T> <= rows; i += lanes<T>) {
#pragma GCC unroll 4
        for (int c = 0; c < tile_columns; ++c)
            __builtin_prefetch(a[c] + i + ahead, 0, 2);
        step(i, [](const T* from) { return detail::in_register<Vector<T>>(from); });
    }
    if (i < rows)
        step(i, [count = rows - i](const T* from) { return first_of(from, count); });
    std::memcpy(sums, s, sizeof s);
}

// Of y = A^T x the numbers of the columns begin .. end - 1 of A, of at most most_probes probes.
template <class T>
void transposed_panel(Batch<const T> A, Index begin, Index end, Batch<const T> x, T beta, Batch<T> y, T* memory) {
    constexpr Index tile = tile_columns * group * lanes<T>;
    const Index groups = quotient_up(x.cols, group), tiles = quotient_up(end - begin, tile_columns);
    T *const probes = memory, *const sums = memory + group * rows_of_block<T>;
    std::fill_n(sums, tiles * groups * tile, T{0});
    for (Index first = 0; first < A.rows; first += rows_of_block<T>) {
        const Index rows = std::min(rows_of_block<T>, A.rows - first);
        for (Index g = 0; g < groups; ++g) {
            for (int k = 0; k < group; ++k) {
                T* const to = probes + k * rows_of_block<T>;
                std::copy_n(x.data + std::min(g * group + k, x.cols - 1) * x.ld + first, rows, to);
                std::fill(to + rows, to + rows_of_block<T>, T{0});
            }
            for (Index t = 0; t < tiles; ++t) {
                std::array<const T*, tile_columns> columns;
                for (int c = 0; c < tile_columns; ++c)
                    columns[c] = A.data + std::min(begin + t * tile_columns + c, end - 1) * A.ld + first;
                dots(rows, columns, g + 1 == groups ? tile_columns * A.ld : 0, probes, sums + (t * groups + g) * tile);
            }
        }
    }
    for (Index k = 0; k < x.cols; ++k)
        for (Index j = begin; j < end; ++j) {
            const Index t = (j - begin) / tile_columns, c = (j - begin) % tile_columns;
            const T* const from = sums + (t * groups + k / group) * tile + (c * group + k % group) * lanes<T>;
            T sum = from[0];
            for (Index lane = 1; lane < lanes<T>; ++lane)
                sum += from[lane];
            y(j, k) = beta == 0 ? sum : y(j, k) + sum;
        }
}

// Of y = A x a block of rows, of at most most_probes probes.
template <class T>
void row_block(Batch<const T> A, Batch<const T> x, T beta, Batch<T> y, T* memory) {
    constexpr Index high = rows_of_tile<T>;
    const Index groups = quotient_up(x.cols, group), tile = group * rows_of_block<T>;
    T *const last = memory, *const sums = last + columns_of_block * high;
    std::fill_n(sums, groups * tile, T{0});
    for (Index j = 0; j < A.cols; j += columns_of_block) {
        const Index columns = std::min(columns_of_block, A.cols - j), whole = A.rows / high * high;
        for (Index c = 0; c < columns && whole < A.rows; ++c) {
            const T* const from = A.data + (j + c) * A.ld + whole;
            std::fill(std::copy_n(from, A.rows - whole, last + c * high), last + (c + 1) * high, T{0});
        }
        for (Index g = 0; g < groups; ++g) {
            T factors[columns_of_block * group];
            for (int k = 0; k < group; ++k)
                for (Index c = 0; c < columns; ++c)
                    factors[c * group + k] = x(j + c, std::min(g * group + k, x.cols - 1));
            for (Index i = 0; i < A.rows; i += high) {
                const T* const at = A.data + j * A.ld + i;
                if (g + 1 == groups)
                    for (Index c = columns; c < std::min(2 * columns, A.cols - j); ++c)
                        for (Index v = 0; v < 3; ++v)
                            __builtin_prefetch(at + c * A.ld + v * lanes<T>, 0, 2);
                detail::Tile<T, 3, group> product;
                product.template multiply<false>(columns, i < whole ? at : last, i < whole ? A.ld : high, factors,
                                                 group, 1, {});
                product.add_to(sums + g * tile + i, rows_of_block<T>);
            }
        }
    }
    for (Index k = 0; k < x.cols; ++k) {
        const T* const from = sums + k * rows_of_block<T>;
        T* const to = y.data + k * y.ld;
        if (beta == 0)
            std::copy_n(from, A.rows, to);
        else
            for (Index i = 0; i < A.rows; ++i)
                to[i] += from[i];
    }
}

}  // namespace

template <class T>
void matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y, Scratch<T>& scratch, int threads) {
    if (y.size() == 0)
        return;
    threads = static_cast<int>(std::min<Index>(threads, 1 + A.size() * x.cols / products_of_thread));
    const bool turned = op == Op::transpose;
    const Index length = y.rows, most = turned ? columns_of_panel : rows_of_block<T>,
                least = turned ? tile_columns : rows_of_tile<T>,
                piece = std::min(most, quotient_up(quotient_up(length, threads), least) * least),
                pieces = quotient_up(length, piece),
                numbers = turned ? group * rows_of_block<T> + most_probes * columns_of_panel * lanes<T>
                                 : columns_of_block * rows_of_tile<T> + most_probes * rows_of_block<T>;
    std::vector<T*> memory;
    for (int t = 0; t < threads; ++t) {
        void* at = scratch.of(t, numbers + line / sizeof(T));
        std::size_t space = (static_cast<std::size_t>(numbers) + line / sizeof(T)) * sizeof(T);
        memory.push_back(static_cast<T*>(std::align(line, sizeof(T), at, space)));
    }
    for (Index first = 0; first < x.cols; first += most_probes) {
        const Index count = std::min(most_probes, x.cols - first);
#pragma omp parallel for schedule(static) num_threads(threads)
        for (Index p = 0; p < pieces; ++p) {
            const Index begin = p * piece, end = std::min(begin + piece, length);
            T* const mine = memory[static_cast<std::size_t>(omp_get_thread_num())];
            if (turned)
                transposed_panel(A, begin, end, x.columns(first, count), beta, y.columns(first, count), mine);
            else
                row_block(A.row_range(begin, end - begin), x.columns(first, count), beta,
                          y.row_range(begin, end - begin).columns(first, count), mine);
        }
    }
}
template void matrix_product(Op, Batch<const float>, Batch<const float>, float, Batch<float>, Scratch<float>&, int);
template void matrix_product(Op, Batch<const double>, Batch<const double>, double, Batch<double>, Scratch<double>&,
                             int);

}  // namespace descrambler::cpu
