#include "cpu/fft_plan.hpp"

#include <cmath>
#include <numbers>

#include "cpu/fft_butterfly.hpp"

namespace descrambler::cpu {

std::complex<double> unit_root(Index k, Index n) {
    // 2 pi k/n = quarters of a turn and +- an angle of at most an eighth
    k %= n;
    const Index quarters = (8 * k + n) / n / 2, rest = 4 * k - quarters * n;  // of 4 n
    const double angle = std::numbers::pi / 2 * static_cast<double>(std::abs(rest)) / static_cast<double>(n);
    const bool eighth = 2 * std::abs(rest) == n;  // sine and cosine are one number
    const double c = eighth ? std::numbers::sqrt2 / 2 : std::cos(angle), size = eighth ? c : std::sin(angle);
    const double s = rest < 0 ? -size : size;
    switch (quarters % 4) {
        case 0:
            return {c, -s};
        case 1:
            return {-s, -c};
        case 2:
            return {-c, s};
        default:
            return {s, c};
    }
}

Index divisor_near_root(Index n) {
    Index found = 1;
    for (Index d = 1; d * d <= n; ++d)
        if (n % d == 0)
            found = d;
    return found;
}

namespace {

// Numbers of a block.
template <class T>
struct FromBlock {
    const T* at;
    Lanes<T> operator()(Index j) const {
        const T* z = at + 2 * j * vector_lanes<T>;
        return {load<T>(z), load<T>(z + vector_lanes<T>)};
    }
};
// Numbers of columns of a matrix of complex numbers.
template <class T>
struct FromColumns {
    const T* at;
    Index stride;  // in T
    Lanes<T> operator()(Index j) const {
        const T* z = at + j * stride;
        Lanes<T> value;
        deinterleave<T>(load<T>(z), load<T>(z + vector_lanes<T>), value.re, value.im);
        return value;
    }
};

// Stockham's method, decimation in time. Stage 1, radix R, m = n/R: y[c m + u] = sum_i w_R^{ic} x[u + m i]. The inverse
// is the forward transform of x[-j].
template <int R, class T, class Source>
void first_stage(Index m, bool reversed, const Source& from, T* to) {
    const Index n = R * m, step = 2 * vector_lanes<T>;
    Lanes<T> x[R];
    if (reversed) {
        for (Index u = 0; u < m; ++u) {
            x[0] = from(u == 0 ? 0 : n - u);
#pragma GCC unroll 16
            for (int i = 1; i < R; ++i)
                x[i] = from(n - u - m * i);
            butterfly<R, T>(x, Spread<T>{to + u * step, m * step});
        }
        return;
    }
    for (Index u = 0; u < m; ++u) {
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i)
            x[i] = from(u + m * i);
        butterfly<R, T>(x, Spread<T>{to + u * step, m * step});
    }
}
// Later ones, with transforms of length l at x[k R m + t], t < R m: y[(k + l c) m + u] = sum_i w_R^{ic} w_{lR}^{ik} x[k R m + u + m i].
template <int R, class T>
void later_stage(Index l, Index m, const T* twiddles, const T* from, T* to) {
    const Index step = 2 * vector_lanes<T>;
    for (Index k = 0; k < l; ++k, twiddles += 2 * (R - 1))
        for (Index u = 0; u < m; ++u) {
            const FromBlock<T> source{from + (k * R * m + u) * step};
            Lanes<T> x[R];
            x[0] = source(0);
#pragma GCC unroll 16
            for (int i = 1; i < R; ++i) {
                const Lanes<T> z = source(m * i);
                const T re = twiddles[2 * i - 2], im = twiddles[2 * i - 1];
                x[i] = {z.re * re - z.im * im, z.re * im + z.im * re};
            }
            butterfly<R, T>(x, Spread<T>{to + (k * m + u) * step, l * m * step});
        }
}

// A stage of any odd prime radix R by its definition, sums of x[i] and x[R - i] with cosines, differences with sines:
// R^2 multiplications. roots: cosine and sine of 2 pi i/R.
template <class T>
void prime_stage(Index R, Index l, Index m, bool reversed, const T* twiddles, const T* roots, const T* from, T* to) {
    constexpr Index lanes = vector_lanes<T>, step = 2 * lanes;
    const Index n = R * l * m, half = R / 2;
    thread_local std::vector<T> kept;
    kept.resize(static_cast<std::size_t>(step * R));
    T* const x = kept.data();
    for (Index k = 0; k < l; ++k)
        for (Index u = 0; u < m; ++u) {
            const T* w = twiddles + 2 * (R - 1) * k;
            for (Index i = 0; i < R; ++i) {
                const Index place = k * R * m + u + m * i;
                const Lanes<T> z = FromBlock<T>{from}(reversed && place > 0 ? n - place : place);
                const T re = i == 0 || l == 1 ? T{1} : w[2 * i - 2], im = i == 0 || l == 1 ? T{0} : w[2 * i - 1];
                store<T>(x + step * i, z.re * re - z.im * im);
                store<T>(x + step * i + lanes, z.re * im + z.im * re);
            }
            const Lanes<T> x0 = FromBlock<T>{x}(0);
            Lanes<T> total = x0;
            for (Index i = 1; i <= half; ++i) {
                const Lanes<T> a = FromBlock<T>{x}(i), b = FromBlock<T>{x}(R - i);
                store<T>(x + step * i, a.re + b.re);
                store<T>(x + step * i + lanes, a.im + b.im);
                store<T>(x + step * (R - i), a.re - b.re);
                store<T>(x + step * (R - i) + lanes, a.im - b.im);
                total = {total.re + a.re + b.re, total.im + a.im + b.im};
            }
            const Spread<T> out{to + (k * m + u) * step, l * m * step};
            out(0, total);
            for (Index c = 1; c <= half; ++c) {
                Lanes<T> even = x0, odd{};
                for (Index i = 1; i <= half; ++i) {
                    const T cosine = roots[2 * (i * c % R)], sine = roots[2 * (i * c % R) + 1];
                    const Lanes<T> sum = FromBlock<T>{x}(i), difference = FromBlock<T>{x}(R - i);
                    even = {even.re + sum.re * cosine, even.im + sum.im * cosine};
                    odd = {odd.re + difference.im * sine, odd.im + difference.re * sine};
                }
                out(static_cast<int>(c), {even.re + odd.re, even.im - odd.im});
                out(static_cast<int>(R - c), {even.re - odd.re, even.im + odd.im});
            }
        }
}

template <class Work>
void with_radix(int radix, const Work& work) {
    switch (radix) {
        case 1:
            return work(std::integral_constant<int, 1>{});
        case 2:
            return work(std::integral_constant<int, 2>{});
        case 3:
            return work(std::integral_constant<int, 3>{});
        case 4:
            return work(std::integral_constant<int, 4>{});
        case 5:
            return work(std::integral_constant<int, 5>{});
        case 7:
            return work(std::integral_constant<int, 7>{});
        case 8:
            return work(std::integral_constant<int, 8>{});
        case 11:
            return work(std::integral_constant<int, 11>{});
        default:
            return work(std::integral_constant<int, 13>{});
    }
}

constexpr int largest_radix = 13;

// Large radices first: the first stage needs no twiddles.
std::vector<int> radices_of(Index n) {
    std::vector<int> radices;
    Index rest = n;
    for (const int radix : {13, 11, 7, 5, 3, 2})
        while (rest % radix == 0)
            rest /= radix;
    for (Index prime = largest_radix + 2; rest > 1; prime += 2)
        for (; rest % prime == 0; rest /= prime, n /= prime)
            radices.push_back(static_cast<int>(prime));
    for (const int radix : {13, 11, 7, 5, 3})
        for (; n % radix == 0; n /= radix)
            radices.push_back(radix);
    for (; n % 8 == 0 && n != 16; n /= 8)
        radices.push_back(8);
    for (; n % 4 == 0; n /= 4)
        radices.push_back(4);
    if (n == 2)
        radices.push_back(2);
    if (radices.empty())
        radices.push_back(1);
    std::ranges::sort(radices, std::greater<>{});
    return radices;
}

}  // namespace

template <class T>
bool FftPlan<T>::takes(Index n) {
    return n > 0 && radices_of(n).front() <= largest_radix;
}

template <class T>
FftPlan<T>::FftPlan(Index n) : n_(n) {
    require(n > 0, "FftPlan: expected a number of points");
    Index before = 1;
    for (const int radix : radices_of(n)) {
        const Index after = n / before / radix;
        stages_.push_back({radix, before, after, twiddles_.size()});
        if (before > 1)
            for (Index k = 0; k < before; ++k)
                for (int i = 1; i < radix; ++i) {
                    const std::complex<double> w = unit_root(i * k, before * radix);
                    twiddles_.push_back(static_cast<T>(w.real()));
                    twiddles_.push_back(static_cast<T>(w.imag()));
                }
        stages_.back().roots = twiddles_.size();
        for (Index i = 0; i < radix && radix > largest_radix; ++i) {
            const std::complex<double> w = unit_root(i, radix);
            twiddles_.push_back(static_cast<T>(w.real()));
            twiddles_.push_back(static_cast<T>(-w.imag()));
        }
        before *= radix;
    }
}

template <class T>
void FftPlan<T>::prime(const Stage& stage, bool reversed, const T* from, T* to) const {
    prime_stage<T>(stage.radix, stage.before, stage.after, reversed, twiddles_.data() + stage.twiddles,
                   twiddles_.data() + stage.roots, from, to);
}

template <class T>
T* FftPlan<T>::others(T* a, T* b) const {
    for (std::size_t s = 1; s < stages_.size(); ++s) {
        const Stage& stage = stages_[s];
        if (stage.radix > largest_radix)
            prime(stage, false, a, b);
        else
            with_radix(stage.radix, [&](auto radix) {
                later_stage<radix.value, T>(stage.before, stage.after, twiddles_.data() + stage.twiddles, a, b);
            });
        std::swap(a, b);
    }
    return a;
}

template <class T>
T* FftPlan<T>::transform(Direction direction, T* a, T* b) const {
    if (stages_.front().radix > largest_radix) {
        prime(stages_.front(), direction == Direction::inverse, a, b);
        return others(b, a);
    }
    with_radix(stages_.front().radix, [&](auto radix) {
        first_stage<radix.value, T>(stages_.front().after, direction == Direction::inverse, FromBlock<T>{a}, b);
    });
    return others(b, a);
}

template <class T>
T* FftPlan<T>::transform_columns(Direction direction, const std::complex<T>* from, Index stride, T* a, T* b) const {
    require(takes(n_), "FftPlan: of other sizes blocks alone");
    const FromColumns<T> source{reinterpret_cast<const T*>(from), 2 * stride};
    with_radix(stages_.front().radix, [&](auto radix) {
        first_stage<radix.value, T>(stages_.front().after, direction == Direction::inverse, source, a);
    });
    return others(a, b);
}

template <class T>
FftPlan2<T>::FftPlan2(Index n1, Index n2, bool twiddled) : first_(n1), second_(n2) {
    if (!twiddled)
        return;
    twiddles_.resize(static_cast<std::size_t>(between()));
    T* at = twiddles_.data();
    for (Index block = 0; block < row_blocks(); ++block)
        for (Index j = 0; j < n2; ++j, at += 2 * lanes)
            for (Index l = 0; l < std::min(lanes, n1); ++l) {
                const std::complex<double> w = unit_root((first_of(block, n1) + l) * j, n1 * n2);
                at[l] = static_cast<T>(w.real());
                at[l + lanes] = static_cast<T>(w.imag());
            }
}

template <class T>
template <bool twiddled>
void FftPlan2<T>::turn_square([[maybe_unused]] T sign, const T* block, Index count, const T* twiddles,
                              T* between) const {
    Vector<T> re[lanes], im[lanes];
#pragma GCC unroll 16
    for (Index i = 0; i < lanes; ++i) {
        re[i] = load<T>(block + 2 * i * lanes);
        im[i] = load<T>(block + (2 * i + 1) * lanes);
    }
    transpose<T>(re);
    transpose<T>(im);
#pragma GCC unroll 16
    for (Index l = 0; l < lanes; ++l)  // a constant number of them, so that the squares stay in registers
        if (l < count) {
            if constexpr (twiddled) {
                const Vector<T> c = load<T>(twiddles + 2 * l * lanes), x = re[l];
                const Vector<T> s = sign * load<T>(twiddles + (2 * l + 1) * lanes);
                re[l] = x * c - im[l] * s;
                im[l] = x * s + im[l] * c;
            }
            store<T>(between + 2 * l * lanes, re[l]);
            store<T>(between + (2 * l + 1) * lanes, im[l]);
        }
}

template <class T>
void FftPlan2<T>::turn(Direction direction, const T* block, Index first, T* between) const {
    const Index n1 = rows(), n2 = cols(), count = std::min(lanes, n2);
    const T sign = direction == Direction::forward ? T{1} : T{-1};
    T padded[2 * lanes * lanes] = {};
    if (n1 < lanes) {
        std::copy_n(block, 2 * n1 * lanes, padded);
        block = padded;
    }
    for (Index b = 0; b < row_blocks(); ++b) {
        const T* from = block + first_of(b, n1) * 2 * lanes;
        const Index place = (b * n2 + first) * 2 * lanes;
        if (twiddles_.empty())
            turn_square<false>(sign, from, count, nullptr, between + place);
        else
            turn_square<true>(sign, from, count, twiddles_.data() + place, between + place);
    }
}

template <class T>
void FftPlan2<T>::columns(Direction direction, Index block, T* between, T* work) const {
    turn(direction, first_.transform(direction, work, work + first_.numbers()), first_of(block, cols()), between);
}

template <class T>
void FftPlan2<T>::columns(Direction direction, const std::complex<T>* from, Index block, T* between, T* work) const {
    const Index n2 = cols(), first = first_of(block, n2);
    if (n2 >= lanes) {
        turn(direction, first_.transform_columns(direction, from + first, n2, work, work + first_.numbers()), first,
             between);
        return;
    }
    for (Index j = 0; j < rows(); ++j)
        for (Index l = 0; l < lanes; ++l) {
            const std::complex<T> z = l < n2 ? from[j * n2 + l] : std::complex<T>{};
            work[2 * j * lanes + l] = z.real();
            work[(2 * j + 1) * lanes + l] = z.imag();
        }
    columns(direction, block, between, work);
}

template <class T>
const T* FftPlan2<T>::rows(Direction direction, Index block, T* between, T* work) const {
    return second_.transform(direction, between + block * second_.numbers(), work);
}

template <class T>
void FftPlan2<T>::rows(Direction direction, Index block, T* between, std::complex<T>* to, T* work) const {
    const Index n1 = rows(), n2 = cols(), first = first_of(block, n1), count = std::min(lanes, n1);
    const T* result = rows(direction, block, between, work);
    if (twiddles_.empty()) {
        std::array<std::complex<T>*, lanes> lines{};
        for (Index l = 0; l < count; ++l)
            lines[l] = to + (first + l) * n2;
        scatter_sequences<T>(result, n2, count, lines);
        return;
    }
    for (Index k = 0; k < n2; ++k, result += 2 * lanes) {
        T* at = reinterpret_cast<T*>(to + k * n1 + first);
        if (count == lanes) {
            Vector<T> a, b;
            interleave<T>(load<T>(result), load<T>(result + lanes), a, b);
            store<T>(at, a);
            store<T>(at + lanes, b);
        } else {
            for (Index l = 0; l < count; ++l) {
                at[2 * l] = result[l];
                at[2 * l + 1] = result[l + lanes];
            }
        }
    }
}

template <class T>
void FftPlan2<T>::transform(Direction direction, const std::complex<T>* from, std::complex<T>* to, T* between,
                            T* work) const {
    for (Index block = 0; block < column_blocks(); ++block)
        columns(direction, from, block, between, work);
    for (Index block = 0; block < row_blocks(); ++block)
        rows(direction, block, between, to, work);
}

template <class T>
void gather_sequences(const std::array<const std::complex<T>*, vector_lanes<T>>& from, Index n, T* block) {
    constexpr Index lanes = vector_lanes<T>;
    if (n < lanes) {
        for (Index j = 0; j < n; ++j)
            for (Index l = 0; l < lanes; ++l) {
                block[2 * j * lanes + l] = from[l][j].real();
                block[(2 * j + 1) * lanes + l] = from[l][j].imag();
            }
        return;
    }
    for (Index next = 0; next < n; next += lanes) {
        const Index j = std::min(next, n - lanes);  // the last square overlaps
        Vector<T> re[lanes], im[lanes];
#pragma GCC unroll 16
        for (Index l = 0; l < lanes; ++l) {
            const T* z = reinterpret_cast<const T*>(from[l] + j);
            deinterleave<T>(load<T>(z), load<T>(z + lanes), re[l], im[l]);
        }
        transpose<T>(re);
        transpose<T>(im);
#pragma GCC unroll 16
        for (Index i = 0; i < lanes; ++i) {
            store<T>(block + 2 * (j + i) * lanes, re[i]);
            store<T>(block + (2 * (j + i) + 1) * lanes, im[i]);
        }
    }
}

template <class T>
void scatter_sequences(const T* block, Index n, Index count, const std::array<std::complex<T>*, vector_lanes<T>>& to) {
    constexpr Index lanes = vector_lanes<T>;
    if (n < lanes) {
        for (Index l = 0; l < count; ++l)
            for (Index j = 0; j < n; ++j)
                to[l][j] = {block[2 * j * lanes + l], block[(2 * j + 1) * lanes + l]};
        return;
    }
    for (Index next = 0; next < n; next += lanes) {
        const Index j = std::min(next, n - lanes);
        Vector<T> re[lanes], im[lanes];
#pragma GCC unroll 16
        for (Index i = 0; i < lanes; ++i)
            re[i] = load<T>(block + 2 * (j + i) * lanes);
        transpose<T>(re);
#pragma GCC unroll 16
        for (Index i = 0; i < lanes; ++i)
            im[i] = load<T>(block + (2 * (j + i) + 1) * lanes);
        transpose<T>(im);
#pragma GCC unroll 16
        for (Index l = 0; l < lanes; ++l)
            if (l < count) {
                T* z = reinterpret_cast<T*>(to[l] + j);
                Vector<T> a, b;
                interleave<T>(re[l], im[l], a, b);
                store<T>(z, a);
                store<T>(z + lanes, b);
            }
    }
}

template class FftPlan<float>;
template class FftPlan<double>;
template class FftPlan2<float>;
template class FftPlan2<double>;
template void gather_sequences<float>(const std::array<const std::complex<float>*, vector_lanes<float>>&, Index,
                                      float*);
template void gather_sequences<double>(const std::array<const std::complex<double>*, vector_lanes<double>>&, Index,
                                       double*);
template void scatter_sequences<float>(const float*, Index, Index,
                                       const std::array<std::complex<float>*, vector_lanes<float>>&);
template void scatter_sequences<double>(const double*, Index, Index,
                                        const std::array<std::complex<double>*, vector_lanes<double>>&);

}  // namespace descrambler::cpu
