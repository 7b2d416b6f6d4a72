// Division of indices by a number that is known before the loop, as a multiplication and a shift.
#pragma once

#include <cstdint>

namespace descrambler::cuda {

// n / by for 0 <= n < 2^31, exactly: with s = ceil(log2 by) and magic = ceil(2^(31 + s) / by) the product n magic exceeds
// n 2^(31 + s) / by by less than n <= 2^31 times by <= 2^s, over by, which is too little to reach the next whole number.
struct Divisor {
    std::uint32_t by = 1, magic = std::uint32_t{1} << 31;
    int shift = 31;

    constexpr Divisor() = default;
    constexpr explicit Divisor(std::uint32_t number) : by(number) {
        while ((std::uint64_t{1} << (shift - 31)) < by)
            ++shift;
        magic = static_cast<std::uint32_t>(((std::uint64_t{1} << shift) + by - 1) / by);
    }
    [[nodiscard]] constexpr std::uint32_t quotient(std::uint32_t n) const {
        return static_cast<std::uint32_t>((std::uint64_t{n} * magic) >> shift);
    }
    [[nodiscard]] constexpr std::uint32_t remainder(std::uint32_t n) const { return n - quotient(n) * by; }
};

}  // namespace descrambler::cuda
