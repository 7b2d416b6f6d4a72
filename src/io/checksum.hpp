// A hash like FNV-1a over the bit patterns of numbers: detects flipped bits and other content, not deliberate forgery.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

namespace descrambler {

class Checksum {
public:
    void add(std::uint64_t word) {
        hash_ = (hash_ ^ word) * 0x100000001b3u;
        hash_ ^= hash_ >> 32;  // products carry upwards only: two flipped signs would cancel
    }
    void add(double x) { add(std::bit_cast<std::uint64_t>(x)); }
    [[nodiscard]] std::string text() const { return std::to_string(hash_); }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace descrambler
