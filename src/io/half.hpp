// The two floating-point numbers of 16 bits, as float32, which holds all of their values.
#pragma once

#include <bit>
#include <cstdint>

namespace descrambler {

[[nodiscard]] inline float from_bfloat16(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

// IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.
[[nodiscard]] inline float from_float16(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
    const std::uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    if (exponent == 0) {  // fraction times 2^-24, the sign of zero too
        const auto magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(fraction) * 0x1p-24F);
        return std::bit_cast<float>(sign | magnitude);
    }
    const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 127 - 15;  // 31: infinity or no number
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace descrambler
