#include "cpu/maps.hpp"

#include <algorithm>
#include <vector>

#include "cpu/stretches.hpp"

namespace descrambler::cpu {
namespace {

// body(first row, end of rows, probe) over blocks of rows, a block a thread.
template <class Body>
void for_blocks(Index rows, Index probes, int threads, const Body& body) {
    constexpr Index side = 4096;
    const Index blocks = (rows + side - 1) / side;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads) if (rows * probes > side)
    for (Index k = 0; k < probes; ++k)
        for (Index b = 0; b < blocks; ++b)
            body(b * side, std::min(rows, (b + 1) * side), k);
}

// body(i, number) for rows first .. end - 1, in order or several at once.
template <class T, class Body>
void for_periodic(const Periodic<T>& a, Index first, Index end, const Body& body) {
    if (a.run == 1 && a.count >= end) {
#pragma omp simd
        for (Index i = first; i < end; ++i)
            body(i, a.data[i]);
        return;
    }
    for_stretches(a, first, end, [&](Index begin, Index stop, T number) {
#pragma omp simd
        for (Index i = begin; i < stop; ++i)
            body(i, number);
    });
}

// Rows first .. end - 1 of some entries each, of P probes: how many entries a row has is guessed wrong once for all.
template <class T, int P>
void sum_rows(const SparseRows<T>& A, Index first, Index end, const T* x, Index ldx, T beta, T* y, Index ldy) {
    for (Index i = first; i < end; ++i) {
        T sum[P] = {};
        for (std::uint32_t e = A.starts[i]; e < A.starts[i + 1]; ++e) {
            const T* const from = x + A.index[e];
            if (A.weight == nullptr)
                for (int k = 0; k < P; ++k)
                    sum[k] += from[k * ldx];
            else
                for (int k = 0; k < P; ++k)
                    sum[k] += A.weight[e] * from[k * ldx];
        }
        for (int k = 0; k < P; ++k)
            y[i + k * ldy] = beta == 0 ? sum[k] : y[i + k * ldy] + sum[k];
    }
}

}  // namespace

template <class T>
void sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y, int threads) {
    if (A.starts != nullptr) {
        constexpr int together = 8;
        for_blocks(A.rows, (x.cols + together - 1) / together, threads, [&](Index first, Index end, Index group) {
            Index k = group * together;
            if (k + together <= x.cols)
                return sum_rows<T, together>(A, first, end, x.data + k * x.ld, x.ld, beta, y.data + k * y.ld, y.ld);
            for (; k < x.cols; ++k)
                sum_rows<T, 1>(A, first, end, x.data + k * x.ld, x.ld, beta, y.data + k * y.ld, y.ld);
        });
        return;
    }
    for_blocks(A.rows, x.cols, threads, [&](Index first, Index end, Index k) {
        const T* const from = x.data + k * x.ld;
        T* const to = y.data + k * y.ld;
        for (Index i = first; i < end; ++i) {
            const std::uint32_t at = A.index[i];
            T value = 0;
            if (at != SparseRows<T>::nothing)
                value = A.weight == nullptr ? from[at] : A.weight[i] * from[at];
            to[i] = beta == 0 ? value : to[i] + value;
        }
    });
}

template <class T>
void diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y, int threads) {
    for_blocks(x.rows, x.cols, threads, [&](Index first, Index end, Index k) {
        const T* const from = x.data + k * x.ld;
        T* const to = y.data + k * y.ld;
        if (beta == 0)
            for_periodic(a, first, end, [&](Index i, T number) { to[i] = number * from[i]; });
        else
            for_periodic(a, first, end, [&](Index i, T number) { to[i] += number * from[i]; });
    });
}

template <class T>
void masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y, int threads) {
    for_blocks(x.rows, x.cols, threads, [&](Index first, Index end, Index k) {
        const T* const from = x.data + k * x.ld;
        T* const to = y.data + k * y.ld;
        for_stretches(off, first, end, [&](Index begin, Index stop, T number) {
            for_factors(bits, begin, stop, number, [from, to, beta](Index i, Index some, const T* factors) {
                if (beta == 0) {
#pragma omp simd
                    for (Index e = 0; e < some; ++e)
                        to[i + e] = from[i + e] * factors[e];
                } else {
#pragma omp simd
                    for (Index e = 0; e < some; ++e)
                        to[i + e] += from[i + e] * factors[e];
                }
            });
        });
    });
}

template <class T>
void add_offset(Periodic<T> c, Batch<T> y, int threads) {
    for_blocks(y.rows, y.cols, threads, [&](Index first, Index end, Index k) {
        T* const to = y.data + k * y.ld;
        for_periodic(c, first, end, [&](Index i, T number) { to[i] += number; });
    });
}

// Sums of blocks in double precision, in the order of the blocks.
template <class T>
void offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r, int threads) {
    constexpr Index side = 1024;
    const Index blocks = (x.rows + side - 1) / side;
    std::vector<double> parts(static_cast<std::size_t>(blocks * x.cols));
#pragma omp parallel for schedule(static) num_threads(threads) if (std::ssize(parts) > 64)
    for (Index item = 0; item < std::ssize(parts); ++item) {
        const Index k = item / blocks, first = item % blocks * side;
        double part = 0;
        for_stretches(c, first, std::min(x.rows, first + side), [&](Index begin, Index stop, T number) {
            for (Index i = begin; i < stop; ++i)
                part += static_cast<double>(number) * x(i, k);
        });
        parts[static_cast<std::size_t>(item)] = part;
    }
    for (Index k = 0; k < x.cols; ++k) {  // in order, whoever has summed them
        double sum = 0;
        for (Index b = 0; b < blocks; ++b)
            sum += parts[static_cast<std::size_t>(k * blocks + b)];
        r(0, k) = static_cast<T>(sum);
    }
}

template <class T>
void project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta, Batch<T> y,
                  int threads) {
    const Index runs = x.rows / m;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (Index k = 0; k < x.cols; ++k)
        for (Index run = 0; run < runs; ++run) {
            const T* const from = x.data + k * x.ld + run * m;
            const T* const along = h.data == nullptr ? nullptr : h.data + run * m;
            T* const to = y.data + k * y.ld + run * m;
            double sum = 0, product = 0;
            if (centre) {
#pragma omp simd reduction(+ : sum)
                for (Index i = 0; i < m; ++i)
                    sum += static_cast<double>(from[i]);
            }
            if (along != nullptr) {
#pragma omp simd reduction(+ : product)
                for (Index i = 0; i < m; ++i)
                    product += static_cast<double>(along[i]) * static_cast<double>(from[i]);
            }
            const T mean = static_cast<T>(sum / static_cast<double>(m)),
                    part = static_cast<T>(product / static_cast<double>(m)),
                    factor = gain.data == nullptr ? T{1} : gain.data[run];
            const auto put = [&](const auto& value) {
                if (beta == 0) {
#pragma omp simd
                    for (Index i = 0; i < m; ++i)
                        to[i] = value(i);
                } else {
#pragma omp simd
                    for (Index i = 0; i < m; ++i)
                        to[i] += value(i);
                }
            };
            if (along == nullptr)
                put([&](Index i) { return factor * (from[i] - mean); });
            else
                put([&](Index i) { return factor * (from[i] - mean - along[i] * part); });
        }
}

template <class T>
void softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y, int threads) {
    const Index runs = x.rows / m;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (Index k = 0; k < x.cols; ++k)
        for (Index run = 0; run < runs; ++run) {
            const T* const from = x.data + k * x.ld + run * m;
            const T* const share = s.data + run * m;
            T* const to = y.data + k * y.ld + run * m;
            double sum = 0;
            for (Index i = 0; i < m; ++i)
                sum += of == SoftmaxOf::log_adjoint ? from[i] : static_cast<double>(share[i]) * from[i];
            for (Index i = 0; i < m; ++i) {
                const T common = static_cast<T>(sum);
                const T value = of == SoftmaxOf::value ? share[i] * (from[i] - common)
                                : of == SoftmaxOf::log ? from[i] - common
                                                       : from[i] - share[i] * common;
                to[i] = beta == 0 ? value : to[i] + value;
            }
        }
}

template void sparse_product(const SparseRows<float>&, Batch<const float>, float, Batch<float>, int);
template void diagonal_product(Periodic<float>, Batch<const float>, float, Batch<float>, int);
template void masked_product(const std::uint32_t*, Periodic<float>, Batch<const float>, float, Batch<float>, int);
template void add_offset(Periodic<float>, Batch<float>, int);
template void offset_dot(Periodic<float>, Batch<const float>, Batch<float>, int);
template void project_runs(Index, bool, Batch<const float>, Batch<const float>, Batch<const float>, float, Batch<float>,
                           int);
template void softmax_runs(SoftmaxOf, Index, Batch<const float>, Batch<const float>, float, Batch<float>, int);
template void sparse_product(const SparseRows<double>&, Batch<const double>, double, Batch<double>, int);
template void diagonal_product(Periodic<double>, Batch<const double>, double, Batch<double>, int);
template void masked_product(const std::uint32_t*, Periodic<double>, Batch<const double>, double, Batch<double>, int);
template void add_offset(Periodic<double>, Batch<double>, int);
template void offset_dot(Periodic<double>, Batch<const double>, Batch<double>, int);
template void project_runs(Index, bool, Batch<const double>, Batch<const double>, Batch<const double>, double,
                           Batch<double>, int);
template void softmax_runs(SoftmaxOf, Index, Batch<const double>, Batch<const double>, double, Batch<double>, int);

}  // namespace descrambler::cpu
