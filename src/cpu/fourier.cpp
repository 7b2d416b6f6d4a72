#include "cpu/fourier.hpp"

#include <omp.h>

#include <cmath>
#include <kissfft/kissfft.hh>

namespace descrambler::cpu {

namespace {

// Sequences up to this length are transformed several at once, longer ones as matrices: so one alone is not slow, and
// its blocks stay in the cache. The number of sequences does not matter to this, hence not to the bits.
constexpr Index longest_in_lanes = 1024;
constexpr Index near_bytes = Index{128} << 10, far_bytes = Index{1} << 20;

template <class T>
T* column(Batch<T> x, Index c) {
    return x.data + c / x.cols * x.stride + c % x.cols * x.rows;
}

Direction direction(bool inverse) {
    return inverse ? Direction::inverse : Direction::forward;
}

template <class Plans, class... Arguments>
auto& kept(Plans& plans, typename Plans::key_type key, Arguments... arguments) {
    return plans.try_emplace(key, arguments...).first->second;
}

template <class T>
void other_sizes(const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y, int threads) {
    const Index n1 = shape.n1, n2 = shape.n2, columns = x.cols * x.batch;
#pragma omp parallel num_threads(threads) if (columns > 1 && columns * shape.points() > 1000)
    {
        kissfft<T> first(static_cast<std::size_t>(n1), shape.inverse),
            second(static_cast<std::size_t>(n2), shape.inverse);
        std::vector<std::complex<T>> from(static_cast<std::size_t>(std::max(n1, n2))), to(from.size());
#pragma omp for schedule(static)
        for (Index c = 0; c < columns; ++c) {
            const std::complex<T>* in = column(x, c);
            std::complex<T>* out = column(y, c);
            for (Index i = 0; i < n1; ++i) {
                std::copy_n(in + i * n2, n2, from.data());
                second.transform(from.data(), out + i * n2);
            }
            for (Index j = 0; j < n2 && n1 > 1; ++j) {
                for (Index i = 0; i < n1; ++i)
                    from[i] = out[i * n2 + j];
                first.transform(from.data(), to.data());
                for (Index i = 0; i < n1; ++i)
                    out[i * n2 + j] = to[i];
            }
        }
    }
}

}  // namespace

template <class T>
void Transforms<T>::sequences(const FftPlan<T>& plan, bool inverse, Batch<const Complex> x, Batch<Complex> y) {
    constexpr Index lanes = FftPlan<T>::lanes;
    const Index columns = x.cols * x.batch, groups = (columns + lanes - 1) / lanes, numbers = plan.numbers();
#pragma omp parallel num_threads(threads_) if (groups > 1 && columns * plan.size() > 4000)
    {
        T* const work = aligned(work_, omp_get_thread_num(), 2 * numbers);
#pragma omp for schedule(static)
        for (Index group = 0; group < groups; ++group) {
            const Index first = group * lanes, count = std::min(lanes, columns - first);
            std::array<const Complex*, lanes> from{};
            std::array<Complex*, lanes> to{};
            for (Index l = 0; l < lanes; ++l) {  // lanes without a sequence take the last one
                from[l] = column(x, first + std::min(l, count - 1));
                to[l] = column(y, first + std::min(l, count - 1));
            }
            gather_sequences<T>(from, plan.size(), work);
            const T* result = plan.transform(direction(inverse), work, work + numbers);
            scatter_sequences<T>(result, plan.size(), count, to);
        }
    }
}

template <class T>
void Transforms<T>::matrices(const FftPlan2<T>& plan, bool inverse, Batch<const Complex> x, Batch<Complex> y) {
    const Index columns = x.cols * x.batch, points = plan.rows() * plan.cols();
    const Direction way = direction(inverse);
    // Small ones from far memory go through the cache in order: steps over their rows would wait for each line.
    const Index bytes = points * static_cast<Index>(sizeof(Complex));
    const bool copied = bytes <= near_bytes && bytes * columns > far_bytes;
    if (columns >= threads_) {
#pragma omp parallel num_threads(threads_)
        {
            T* const work = aligned(work_, omp_get_thread_num(), plan.work());
            T* const between = aligned(between_, omp_get_thread_num(), plan.between() + (copied ? 2 * points : 0));
            auto* const near = reinterpret_cast<Complex*>(between + plan.between());
#pragma omp for schedule(static)
            for (Index c = 0; c < columns; ++c) {
                if (!copied) {
                    plan.transform(way, column(x, c), column(y, c), between, work);
                    continue;
                }
                std::copy_n(column(x, c), points, near);
                plan.transform(way, near, near, between, work);
                std::copy_n(near, points, column(y, c));
            }
        }
        return;
    }
    T* const between = aligned(between_, 0, plan.between());
#pragma omp parallel num_threads(threads_) if (points > 4000)
    {
        T* const work = aligned(work_, omp_get_thread_num(), plan.work());
        for (Index c = 0; c < columns; ++c) {
#pragma omp for schedule(static)
            for (Index block = 0; block < plan.column_blocks(); ++block)
                plan.columns(way, column(x, c), block, between, work);
#pragma omp for schedule(static)
            for (Index block = 0; block < plan.row_blocks(); ++block)
                plan.rows(way, block, between, column(y, c), work);
        }
    }
}

template <class T>
void Transforms<T>::fft(const FourierShape& shape, Batch<const Complex> x, Batch<Complex> y) {
    const auto& [n1, n2, inverse] = shape;
    if (x.size() == 0 || x.batch == 0)
        return;
    if (!FftPlan<T>::takes(n1) || !FftPlan<T>::takes(n2))
        other_sizes<T>(shape, x, y, threads_);
    else if (n1 > 1 && n2 > 1)
        matrices(kept(matrices_, {n1, n2}, n1, n2), inverse, x, y);
    else if (n1 * n2 <= longest_in_lanes)
        sequences(kept(lengths_, n1 * n2, n1 * n2), inverse, x, y);
    else
        matrices(kept(long_, n1 * n2, divisor_near_root(n1 * n2), n1 * n2 / divisor_near_root(n1 * n2), true), inverse,
                 x, y);
}

template <class T>
template <class Before, class After>
void Transforms<T>::in_pairs(const FourierShape& shape, Index cols, Index batch, const Before& before,
                             const After& after) {
    const Index points = shape.points(), of_item = (cols + 1) / 2, pairs = of_item * batch;
    const Index most = std::min(pairs, std::max<Index>(1, threads_ * (Index{1} << 17) / points));
    packed_.resize(static_cast<std::size_t>(most * points));
    for (Index first = 0; first < pairs; first += most) {
        const Index count = std::min(most, pairs - first);
        const auto each = [&](const auto& work) {
#pragma omp parallel for num_threads(threads_) schedule(static) if (count > 1 && count * points > 4000)
            for (Index p = 0; p < count; ++p) {
                const Index item = (first + p) / of_item, column = (first + p) % of_item * 2;
                work(packed_.data() + p * points, item, column, column + 1 < cols);
            }
        };
        each(before);
        const Batch<Complex> packed(packed_.data(), points, count);
        fft(shape, packed, packed);
        each(after);
    }
}

template <class T>
void Transforms<T>::real_fft(const FourierShape& shape, Batch<const T> x, Batch<Complex> y) {
    if (x.size() == 0 || x.batch == 0)
        return;
    const Index n1 = shape.n1, n2 = shape.n2, half = shape.half();
    const auto before = [&](Complex* z, Index item, Index first, bool two) {
        const T *a = &x(0, first, item), *b = a + x.rows;
        for (Index i = 0; i < x.rows; ++i)
            z[i] = {a[i], two ? b[i] : T{0}};
    };
    // Z = A + i B, A and B Hermitian: A = (Z[k] + conj Z[-k])/2, B = (Z[k] - conj Z[-k])/2i
    const auto after = [&](const Complex* z, Index item, Index first, bool two) {
        Complex *a = &y(0, first, item), *b = a + y.rows;
        for (Index k1 = 0; k1 < n1; ++k1)
            for (Index k2 = 0; k2 < half; ++k2) {
                const Complex p = z[k1 * n2 + k2], m = z[(k1 == 0 ? 0 : n1 - k1) * n2 + (k2 == 0 ? 0 : n2 - k2)];
                const T h = T{0.5};
                a[k1 * half + k2] = {h * (p.real() + m.real()), h * (p.imag() - m.imag())};
                if (two)
                    b[k1 * half + k2] = {h * (p.imag() + m.imag()), h * (m.real() - p.real())};
            }
    };
    in_pairs(shape, x.cols, x.batch, before, after);
}

template <class T>
void Transforms<T>::real_ifft(const FourierShape& shape, Batch<const Complex> y, Batch<T> x) {
    if (x.size() == 0 || x.batch == 0)
        return;
    const Index n1 = shape.n1, n2 = shape.n2, half = shape.half();
    const auto before = [&](Complex* z, Index item, Index first, bool two) {
        const Complex *a = &y(0, first, item), *b = a + y.rows;
        for (Index k1 = 0; k1 < n1; ++k1)
            for (Index k2 = 0; k2 < n2; ++k2) {
                const bool given = k2 < half;
                const Index at = given ? k1 * half + k2 : (k1 == 0 ? 0 : n1 - k1) * half + n2 - k2;
                const bool real = 2 * k1 % n1 == 0 && 2 * k2 % n2 == 0;  // its own conjugate, whatever it says
                const T sign = real ? T{0} : given ? T{1} : T{-1};
                const Complex p = a[at], q = two ? b[at] : Complex{};
                z[k1 * n2 + k2] = {p.real() - sign * q.imag(), sign * p.imag() + q.real()};
            }
    };
    const auto after = [&](const Complex* z, Index item, Index first, bool two) {
        T *a = &x(0, first, item), *b = a + x.rows;
        for (Index i = 0; i < x.rows; ++i) {
            a[i] = z[i].real();
            if (two)
                b[i] = z[i].imag();
        }
    };
    in_pairs(shape, x.cols, x.batch, before, after);
}

template class Transforms<float>;
template class Transforms<double>;

}  // namespace descrambler::cpu
