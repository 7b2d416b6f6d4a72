// exp(x) for -700 <= x <= 0 without a call, so that loops of it become vectors: x = k log 2 + r with |r| <= log(2) / 2, and
// Taylor's polynomial of r to the 13th power, whose rest is below 5e-18. Wrong by 2 eps at most (tests/scatter).
#pragma once

#include <bit>
#include <cstdint>

namespace descrambler::scatter {

inline double exponential(double x) {
    constexpr double to_integer = 6755399441055744.;  // 1.5 2^52: adding it rounds, and the low bits are the integer
    const double shifted = x * 1.4426950408889634 + to_integer, k = shifted - to_integer;
    const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;  // log 2 in two parts
    double p = 1. / 6227020800;
    p = p * r + 1. / 479001600;
    p = p * r + 1. / 39916800;
    p = p * r + 1. / 3628800;
    p = p * r + 1. / 362880;
    p = p * r + 1. / 40320;
    p = p * r + 1. / 5040;
    p = p * r + 1. / 720;
    p = p * r + 1. / 120;
    p = p * r + 1. / 24;
    p = p * r + 1. / 6;
    p = p * r + 1. / 2;
    p = p * r + 1;
    p = p * r + 1;
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(p) + (std::bit_cast<std::uint64_t>(shifted) << 52));
}

}  // namespace descrambler::scatter
