// exp, log, sine and cosine of a turn, tanh, logistic, softplus without branches, so that a loop over them becomes
// vector code. Every multiply-add is an explicit fma: vector lanes, remainders and scalar code give the same bits.
// The float polynomials are minimax fits with coefficients rounded to float one after another; the errors stated (in
// units of the last place of the result) are measured over the whole range. NaN gives NaN. In double, log and softplus
// call the standard library. All are constexpr for the sake of nvcc, which then compiles them for a device without an
// attribute.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace descrambler {

template <class T>
struct SinCos {
    T sin, cos;
};

namespace detail {

// e^r - 1 for |r| <= ln 2 / 2; relative error 5e-10 before rounding.
[[nodiscard]] constexpr float expm1_reduced(float r) {
    float p = 0x1.9e7806p-13f;
    p = std::fma(p, r, 0x1.6d3a5cp-10f);
    p = std::fma(p, r, 0x1.1112d6p-7f);
    p = std::fma(p, r, 0x1.5554f8p-5f);
    p = std::fma(p, r, 0x1.555554p-3f);
    p = std::fma(p, r, 0.5f);
    return std::fma(r * r, p, r);
}

// ln(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2); relative error 6e-9 before rounding.
[[nodiscard]] constexpr float log1p_reduced(float f) {
    float p = -0x1.38c9d4p-4f;
    p = std::fma(p, f, 0x1.055ec4p-3f);
    p = std::fma(p, f, -0x1.0d8242p-3f);
    p = std::fma(p, f, 0x1.22d92ep-3f);
    p = std::fma(p, f, -0x1.54728ap-3f);
    p = std::fma(p, f, 0x1.99a01cp-3f);
    p = std::fma(p, f, -0x1.000226p-2f);
    p = std::fma(p, f, 0x1.555554p-2f);
    p = std::fma(p, f, -0.5f);
    return std::fma(f * f, p, f);
}

// The same in double, by its Taylor series up to r^13: relative error 2e-17 before rounding.
[[nodiscard]] constexpr double expm1_reduced(double r) {
    double p = 0x1.6124613a86d09p-33;
    p = std::fma(p, r, 0x1.1eed8eff8d898p-29);
    p = std::fma(p, r, 0x1.ae64567f544e4p-26);
    p = std::fma(p, r, 0x1.27e4fb7789f5cp-22);
    p = std::fma(p, r, 0x1.71de3a556c734p-19);
    p = std::fma(p, r, 0x1.a01a01a01a01ap-16);
    p = std::fma(p, r, 0x1.a01a01a01a01ap-13);
    p = std::fma(p, r, 0x1.6c16c16c16c17p-10);
    p = std::fma(p, r, 0x1.1111111111111p-7);
    p = std::fma(p, r, 0x1.5555555555555p-5);
    p = std::fma(p, r, 0x1.5555555555555p-3);
    p = std::fma(p, r, 0x1.0000000000000p-1);
    return std::fma(r * r, p, r);
}

inline constexpr float log2_e = 0x1.715476p+0f;
inline constexpr float ln2_high = 0x1.63p-1f;  // few bits: n * ln2_high is exact
inline constexpr float ln2_low = -0x1.bd0106p-13f;
inline constexpr float round_shift = 0x1.8p+23f;  // x + round_shift holds the nearest integer of x in its low bits

// x = n ln 2 + r with |r| <= ln 2 / 2. scale = 2^n for -126 <= n <= 127.
struct Reduced {
    float r;
    std::uint32_t exponent;  // n, shifted to where a float keeps its exponent
};
[[nodiscard]] constexpr Reduced reduce(float x) {
    const float shifted = std::fma(x, log2_e, round_shift);
    const float n = shifted - round_shift;
    return {std::fma(n, -ln2_low, std::fma(n, -ln2_high, x)), std::bit_cast<std::uint32_t>(shifted) << 23};
}

struct ReducedDouble {
    double r;
    std::uint64_t exponent;
};
[[nodiscard]] constexpr ReducedDouble reduce(double x) {  // |x| < 2^20
    constexpr double log2_e_double = 0x1.71547652b82fep+0, high = 0x1.62e42fee00000p-1, low = 0x1.a39ef35793c76p-33,
                     shift = 0x1.8p+52;
    const double shifted = std::fma(x, log2_e_double, shift), n = shifted - shift;
    return {std::fma(n, -low, std::fma(n, -high, x)), std::bit_cast<std::uint64_t>(shifted) << 52};
}

template <class T>
[[nodiscard]] constexpr T clamp(T x, T low, T high) {  // NaN stays
    x = x < low ? low : x;
    return x > high ? high : x;
}

}  // namespace detail

// e^x for -87.33 <= x <= 88.72 only, within 1.1 units.
[[nodiscard]] constexpr float fast_exp_in_range(float x) {
    const detail::Reduced a = detail::reduce(x);
    const float e = 1.0f + detail::expm1_reduced(a.r);
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(e) + a.exponent);
}
// e^x, within 1.1 units. Saturates at 1.2e-38 and 3.4e38: never zero, subnormal or infinite.
[[nodiscard]] constexpr float fast_exp(float x) {
    return fast_exp_in_range(detail::clamp(x, -87.3365f, 88.722f));
}

// ln x of a positive normal x, within 1 unit.
[[nodiscard]] constexpr float fast_log(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    const std::int32_t n = static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;  // 0x3f3504f3: sqrt(1/2)
    const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(n) << 23)) - 1.0f;
    const float e = static_cast<float>(n);
    return std::fma(e, detail::ln2_high, std::fma(e, detail::ln2_low, detail::log1p_reduced(f)));
}

// sin and cos of 2 pi u for 0 <= u < 1, within 1.7 units.
[[nodiscard]] constexpr SinCos<float> sincos_turn(float u) {
    const float shifted = std::fma(u, 4.0f, detail::round_shift);  // nearest quarter
    const std::uint32_t quarter = std::bit_cast<std::uint32_t>(shifted);
    const float d = std::fma(shifted - detail::round_shift, -0.25f, u);  // exact, |d| <= 1/8
    const float q = d * d;
    float s = -0x1.331980p+6f;
    s = std::fma(s, q, 0x1.4680a4p+6f);
    s = std::fma(s, q, -0x1.4abc24p+5f);
    s = std::fma(s, q, 0x1.921fb6p+2f);
    s *= d;
    float c = 0x1.d47b44p+5f;
    c = std::fma(c, q, -0x1.55b144p+6f);
    c = std::fma(c, q, 0x1.03c1aep+6f);
    c = std::fma(c, q, -0x1.3bd3ccp+4f);
    c = std::fma(c, q, 1.0f);
    const bool swap = (quarter & 1u) != 0;
    const std::uint32_t sine = std::bit_cast<std::uint32_t>(swap ? c : s);
    const std::uint32_t cosine = std::bit_cast<std::uint32_t>(swap ? s : c);
    return {std::bit_cast<float>(sine ^ ((quarter & 2u) << 30)),
            std::bit_cast<float>(cosine ^ (((quarter + 1u) & 2u) << 30))};
}

// tanh x = (e^2|x| - 1) / (e^2|x| + 1) with the sign of x, within 3 units; odd; +-1 beyond 9.02.
[[nodiscard]] constexpr float fast_tanh(float x) {
    const detail::Reduced a = detail::reduce(detail::clamp(2.0f * std::fabs(x), 0.0f, 20.0f));
    const float scale = std::bit_cast<float>(a.exponent + 0x3f800000u);
    const float e = std::fma(scale, detail::expm1_reduced(a.r), scale - 1.0f);  // e^2|x| - 1, accurate near zero
    return std::copysign(e / (e + 2.0f), x);
}

// 1 / (1 + e^-x), within 2 units where it is normal.
[[nodiscard]] constexpr float fast_logistic(float x) {
    return 1.0f / (1.0f + fast_exp(-x));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), within 2.5 units.
[[nodiscard]] constexpr float fast_softplus(float x) {
    const float y = fast_exp(-std::fabs(x));  // 0 < y <= 1
    const bool halve = y > 0.41421356f;
    const float f = halve ? std::fma(y, 0.5f, -0.5f) : y;  // 1 + y = (1 + f) or 2 (1 + f)
    const float n = halve ? 1.0f : 0.0f;
    const float l = std::fma(n, detail::ln2_high, std::fma(n, detail::ln2_low, detail::log1p_reduced(f)));
    return (x < 0.0f ? 0.0f : x) + l;
}

// e^x for -708 <= x <= 709.7 only, within 1 unit.
[[nodiscard]] constexpr double fast_exp_in_range(double x) {
    const detail::ReducedDouble a = detail::reduce(x);
    const double e = 1.0 + detail::expm1_reduced(a.r);
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(e) + a.exponent);
}
// e^x, within 1 unit. Saturates at 3.3e-308 and 1.6e308: never zero, subnormal or infinite.
[[nodiscard]] constexpr double fast_exp(double x) {
    return fast_exp_in_range(detail::clamp(x, -708.0, 709.7));
}
[[nodiscard]] constexpr double fast_log(double x) {
    return std::log(x);
}
// Taylor series beyond the last digit for |x| <= pi / 4 after the exact reduction to eighths of a turn: within 1.5
// units, and no slow path for large arguments, which would cost a kernel its registers.
[[nodiscard]] constexpr SinCos<double> sincos_turn(double u) {
    constexpr double shift = 0x1.8p+52;
    const double shifted = std::fma(u, 4.0, shift);  // nearest quarter
    const auto quarter = static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(shifted));
    const double x = 2 * std::numbers::pi * std::fma(shifted - shift, -0.25, u), q = x * x;
    double s = 0x1.952c77030ad4ap-49;
    s = std::fma(s, q, -0x1.ae7f3e733b81fp-41);
    s = std::fma(s, q, 0x1.6124613a86d09p-33);
    s = std::fma(s, q, -0x1.ae64567f544e4p-26);
    s = std::fma(s, q, 0x1.71de3a556c734p-19);
    s = std::fma(s, q, -0x1.a01a01a01a01ap-13);
    s = std::fma(s, q, 0x1.1111111111111p-7);
    s = std::fma(s, q, -0x1.5555555555555p-3);
    s = std::fma(x * q, s, x);
    double c = 0x1.ae7f3e733b81fp-45;
    c = std::fma(c, q, -0x1.93974a8c07c9dp-37);
    c = std::fma(c, q, 0x1.1eed8eff8d898p-29);
    c = std::fma(c, q, -0x1.27e4fb7789f5cp-22);
    c = std::fma(c, q, 0x1.a01a01a01a01ap-16);
    c = std::fma(c, q, -0x1.6c16c16c16c17p-10);
    c = std::fma(c, q, 0x1.5555555555555p-5);
    c = std::fma(c, q, -0x1.0000000000000p-1);
    c = std::fma(c, q, 1.0);
    const bool swap = (quarter & 1u) != 0;
    const double sine = swap ? c : s, cosine = swap ? s : c;
    return {(quarter & 2u) != 0 ? -sine : sine, ((quarter + 1u) & 2u) != 0 ? -cosine : cosine};
}
// As in single precision: within 3 units; odd; +-1 beyond 19.1.
[[nodiscard]] constexpr double fast_tanh(double x) {
    const detail::ReducedDouble a = detail::reduce(detail::clamp(2.0 * std::fabs(x), 0.0, 44.0));
    const double scale = std::bit_cast<double>(a.exponent + 0x3ff0000000000000u);
    const double e = std::fma(scale, detail::expm1_reduced(a.r), scale - 1.0);  // e^2|x| - 1, accurate near zero
    return std::copysign(e / (e + 2.0), x);
}
// 1 / (1 + e^-x), within 2.5 units where it is normal.
[[nodiscard]] constexpr double fast_logistic(double x) {
    return 1.0 / (1.0 + fast_exp(-x));
}
[[nodiscard]] constexpr double fast_softplus(double x) {
    return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
}

}  // namespace descrambler
