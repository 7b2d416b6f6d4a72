#include "cpu/windows.hpp"

#include <algorithm>

#include "cpu/stretches.hpp"

namespace descrambler::cpu {
namespace {

struct Span {
    Index first = 0, end = 0;
};
Span overlap(Index a, Index a_size, Index b, Index b_size) {
    const Index first = std::max(a, b);
    return {first, std::max(first, std::min(a + a_size, b + b_size))};
}

// body(place in the tensor, numbers of x, numbers of y, count) over the runs that both windows of a column hold; what of
// y is outside becomes zero where beta is.
template <class T, class Body>
void for_runs(const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y, int threads,
              const Body& body) {
    constexpr Index few = 4096;  // numbers that one thread has moved before another is awake
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads) if (y.rows * y.cols > few)
    for (Index k = 0; k < y.cols; ++k)
        for (Index plane = 0; plane < to.planes; ++plane) {
            const Corner in = from.corners[static_cast<std::size_t>(k)], out = to.corners[static_cast<std::size_t>(k)];
            const Span rows = overlap(in.row, from.rows, out.row, to.rows),
                       cols = overlap(in.col, from.cols, out.col, to.cols);
            const T* const source = x.data + k * x.ld + plane * from.rows * from.cols;
            T* const target = y.data + k * y.ld + plane * to.rows * to.cols;
            if (beta == 0)
                std::fill_n(target, to.rows * to.cols, T{0});
            for (Index row = rows.first; row < rows.end; ++row)
                body((plane * to.height + row) * to.width + cols.first,
                     source + (row - in.row) * from.cols + cols.first - in.col,
                     target + (row - out.row) * to.cols + cols.first - out.col, cols.end - cols.first);
        }
}

// body(e, number of the periodic vector at place + e)
template <class T, class Body>
void for_periodic(const Periodic<T>& a, Index place, Index count, const Body& body) {
    if (a.data == nullptr) {
        for (Index e = 0; e < count; ++e)
            body(e, T{1});
        return;
    }
    if (a.run == 1 && a.count >= place + count) {
        for (Index e = 0; e < count; ++e)
            body(e, a.data[place + e]);
        return;
    }
    for_stretches(a, place, place + count, [&](Index begin, Index stop, T number) {
        for (Index i = begin; i < stop; ++i)
            body(i - place, number);
    });
}

// Where a number of a tensor lies in a window.
class Locate {
public:
    Locate(const Windows& at, const Corner& corner)
        : width_(static_cast<std::uint32_t>(at.width)),
          height_(static_cast<std::uint32_t>(at.height)),
          rows_(static_cast<std::uint32_t>(at.rows)),
          cols_(static_cast<std::uint32_t>(at.cols)),
          row_(static_cast<std::uint32_t>(corner.row)),
          col_(static_cast<std::uint32_t>(corner.col)) {}
    static constexpr Index outside = -1;
    [[nodiscard]] Index operator()(std::uint32_t place) const {
        const std::uint32_t line = place / width_, plane = line / height_;
        const std::uint32_t col = place - line * width_ - col_, row = line - plane * height_ - row_;
        if (col >= cols_ || row >= rows_)  // what lies before the corner has become a large number
            return outside;
        return (static_cast<Index>(plane) * rows_ + row) * cols_ + col;
    }

private:
    std::uint32_t width_, height_, rows_, cols_, row_, col_;
};

}  // namespace

template <class T>
void diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y,
                      int threads) {
    for_runs(from, x, beta, to, y, threads, [&](Index place, const T* source, T* target, Index count) {
        if (beta == 0)
            for_periodic(a, place, count, [&](Index e, T number) { target[e] = number * source[e]; });
        else
            for_periodic(a, place, count, [&](Index e, T number) { target[e] += number * source[e]; });
    });
}

template <class T>
void masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x, T beta,
                    const Windows& to, Batch<T> y, int threads) {
    for_runs(from, x, beta, to, y, threads, [&](Index place, const T* source, T* target, Index count) {
        for_periodic(off, place, count, [&](Index e, T number) {
            const Index i = place + e;
            const T product = source[e] * ((bits[i / 32] >> (i % 32) & 1) != 0 ? T{1} : number);
            target[e] = beta == 0 ? product : target[e] + product;
        });
    });
}

template <class T>
void sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                    Batch<T> y, int threads) {
    constexpr Index few = 1024;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads) if (y.rows * y.cols > few)
    for (Index k = 0; k < y.cols; ++k)
        for (Index plane = 0; plane < to.planes; ++plane) {
            const Corner corner = to.corners[static_cast<std::size_t>(k)];
            const Locate locate(from, from.corners[static_cast<std::size_t>(k)]);
            const T* const source = x.data + k * x.ld;
            T* target = y.data + k * y.ld + plane * to.rows * to.cols;
            const auto add = [&](Index e, T& sum) {
                if (const Index at = locate(A.index[e]); at != Locate::outside)
                    sum += A.weight == nullptr ? source[at] : A.weight[e] * source[at];
            };
            for (Index row = 0; row < to.rows; ++row)
                for (Index col = 0; col < to.cols; ++col, ++target) {
                    const Index i = (plane * to.height + corner.row + row) * to.width + corner.col + col;
                    T sum = 0;
                    if (A.starts != nullptr)
                        for (std::uint32_t e = A.starts[i]; e < A.starts[i + 1]; ++e)
                            add(e, sum);
                    else if (A.index[i] != SparseRows<T>::nothing)
                        add(i, sum);
                    *target = beta == 0 ? sum : *target + sum;
                }
        }
}

template void diagonal_windows(Periodic<float>, const Windows&, Batch<const float>, float, const Windows&, Batch<float>,
                               int);
template void diagonal_windows(Periodic<double>, const Windows&, Batch<const double>, double, const Windows&,
                               Batch<double>, int);
template void masked_windows(const std::uint32_t*, Periodic<float>, const Windows&, Batch<const float>, float,
                             const Windows&, Batch<float>, int);
template void masked_windows(const std::uint32_t*, Periodic<double>, const Windows&, Batch<const double>, double,
                             const Windows&, Batch<double>, int);
template void sparse_windows(const SparseRows<float>&, const Windows&, Batch<const float>, float, const Windows&,
                             Batch<float>, int);
template void sparse_windows(const SparseRows<double>&, const Windows&, Batch<const double>, double, const Windows&,
                             Batch<double>, int);

}  // namespace descrambler::cpu
