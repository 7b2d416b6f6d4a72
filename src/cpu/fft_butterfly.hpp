// Discrete Fourier transforms of 2 to 16 numbers, forward, each lane its own: y_k = sum_i x_i exp(-2 pi i k/R).
#pragma once

#include "cpu/vectors.hpp"

namespace descrambler::cpu {

// Complex numbers, one a lane.
template <class T>
struct Lanes {
    Vector<T> re, im;
};

// Where the results of a butterfly go: number k at k * step; a real part and, a vector behind it, an imaginary part.
template <class T>
struct Spread {
    T* __restrict to;
    Index step;
    void re(int k, const Vector<T>& value) const { store<T>(to + k * step, value); }
    void im(int k, const Vector<T>& value) const { store<T>(to + k * step + vector_lanes<T>, value); }
    void operator()(int k, const Lanes<T>& z) const {
        re(k, z.re);
        im(k, z.im);
    }
};

namespace detail {

// cos and sin of 2 pi k/R, k = 1 .. (R - 1)/2
template <int R>
struct Roots;
template <>
struct Roots<3> {
    static constexpr double cosine[] = {-0.5};
    static constexpr double sine[] = {0.86602540378443864676};
};
template <>
struct Roots<5> {
    static constexpr double cosine[] = {0.30901699437494742410, -0.80901699437494742410};
    static constexpr double sine[] = {0.95105651629515357212, 0.58778525229247312917};
};
template <>
struct Roots<7> {
    static constexpr double cosine[] = {0.62348980185873353053, -0.22252093395631440429, -0.90096886790241912624};
    static constexpr double sine[] = {0.78183148246802980871, 0.97492791218182360702, 0.43388373911755812048};
};
template <>
struct Roots<11> {
    static constexpr double cosine[] = {0.84125353283118116886, 0.41541501300188642553, -0.14231483827328514044,
                                        -0.65486073394528506406, -0.95949297361449738989};
    static constexpr double sine[] = {0.54064081745559758211, 0.90963199535451837141, 0.98982144188093273238,
                                      0.75574957435425828377, 0.28173255684142969771};
};
template <>
struct Roots<13> {
    static constexpr double cosine[] = {0.88545602565320989590,  0.56806474673115580251,  0.12053668025532305335,
                                        -0.35460488704253562597, -0.74851074817110109863, -0.97094181742605202716};
    static constexpr double sine[] = {0.46472317204376854566, 0.82298386589365639458, 0.99270887409805399280,
                                      0.93501624268541482344, 0.66312265824079520238, 0.23931566428755776715};
};
template <int R>
constexpr double cosine(int k) {
    k %= R;
    return k == 0 ? 1 : Roots<R>::cosine[(k <= R / 2 ? k : R - k) - 1];
}
template <int R>
constexpr double sine(int k) {
    k %= R;
    return k == 0 ? 0 : k <= R / 2 ? Roots<R>::sine[k - 1] : -Roots<R>::sine[R - k - 1];
}

template <class T>
inline Lanes<T> operator+(const Lanes<T>& a, const Lanes<T>& b) {
    return {a.re + b.re, a.im + b.im};
}
template <class T>
inline Lanes<T> operator-(const Lanes<T>& a, const Lanes<T>& b) {
    return {a.re - b.re, a.im - b.im};
}
template <class T>
inline Lanes<T> minus_i(const Lanes<T>& a) {  // -i a
    return {a.im, -a.re};
}

// An odd prime, by pairs i, R - i: sums go with cosines, differences with sines. All real parts first: what is needed at
// once are half of the numbers.
template <int R, class T, class Out>
inline void odd(const Lanes<T> (&x)[R], const Out& out) {
    constexpr int half = R / 2;
    Lanes<T> sum[half], difference[half];
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
        sum[i] = x[i + 1] + x[R - 1 - i];
        difference[i] = x[i + 1] - x[R - 1 - i];
    }
    Vector<T> re = x[0].re, im = x[0].im;
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
        re += sum[i].re;
        im += sum[i].im;
    }
    out.re(0, re);
    out.im(0, im);
#pragma GCC unroll 8
    for (int k = 1; k <= half; ++k) {
        Vector<T> a = x[0].re, b = difference[0].im * static_cast<T>(sine<R>(k));
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) {
            a += sum[i].re * static_cast<T>(cosine<R>((i + 1) * k));
            if (i > 0)
                b += difference[i].im * static_cast<T>(sine<R>((i + 1) * k));
        }
        out.re(k, a + b);
        out.re(R - k, a - b);
    }
#pragma GCC unroll 8
    for (int k = 1; k <= half; ++k) {
        Vector<T> a = x[0].im, b = difference[0].re * static_cast<T>(sine<R>(k));
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) {
            a += sum[i].im * static_cast<T>(cosine<R>((i + 1) * k));
            if (i > 0)
                b += difference[i].re * static_cast<T>(sine<R>((i + 1) * k));
        }
        out.im(k, a - b);
        out.im(R - k, a + b);
    }
}

template <class T>
inline void four(const Lanes<T>& x0, const Lanes<T>& x1, const Lanes<T>& x2, const Lanes<T>& x3, Lanes<T> (&y)[4]) {
    const Lanes<T> a = x0 + x2, b = x0 - x2, c = x1 + x3, d = x1 - x3;
    y[0] = a + c;
    y[1] = {b.re + d.im, b.im - d.re};
    y[2] = a - c;
    y[3] = {b.re - d.im, b.im + d.re};
}

}  // namespace detail

template <int R, class T, class Out>
inline void butterfly(const Lanes<T> (&x)[R], const Out& out) {
    using namespace detail;
    if constexpr (R == 1) {
        out(0, x[0]);
    } else if constexpr (R == 2) {
        out(0, x[0] + x[1]);
        out(1, x[0] - x[1]);
    } else if constexpr (R == 4) {
        Lanes<T> y[4];
        four(x[0], x[1], x[2], x[3], y);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k)
            out(k, y[k]);
    } else if constexpr (R == 8) {
        constexpr T h = static_cast<T>(0.70710678118654752440);
        Lanes<T> even[4], odd[4];
        four(x[0], x[2], x[4], x[6], even);
        four(x[1], x[3], x[5], x[7], odd);
        out(0, even[0] + odd[0]);
        out(4, even[0] - odd[0]);
        const Vector<T> sum1 = odd[1].re + odd[1].im, difference1 = odd[1].im - odd[1].re;
        out(1, {even[1].re + h * sum1, even[1].im + h * difference1});
        out(5, {even[1].re - h * sum1, even[1].im - h * difference1});
        out(2, {even[2].re + odd[2].im, even[2].im - odd[2].re});
        out(6, {even[2].re - odd[2].im, even[2].im + odd[2].re});
        const Vector<T> sum3 = odd[3].re + odd[3].im, difference3 = odd[3].im - odd[3].re;
        out(3, {even[3].re + h * difference3, even[3].im - h * sum3});
        out(7, {even[3].re - h * difference3, even[3].im + h * sum3});
    } else {
        odd<R>(x, out);
    }
}

}  // namespace descrambler::cpu
