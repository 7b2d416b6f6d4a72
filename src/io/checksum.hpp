// A hash like FNV-1a over the bit patterns of numbers, or over bytes: detects flipped bits and other content, not
// deliberate forgery.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace descrambler {

class Checksum {
public:
    void add(std::uint64_t word) {
        hash_ = (hash_ ^ word) * 0x100000001b3u;
        hash_ ^= hash_ >> 32;  // products carry upwards only: two flipped signs would cancel
    }
    void add(double x) { add(std::bit_cast<std::uint64_t>(x)); }
    void add(std::string_view bytes) {
        add(static_cast<std::uint64_t>(bytes.size()));
        for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), sizeof(std::uint64_t)))) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
            add(word);
        }
    }
    [[nodiscard]] std::string text() const { return std::to_string(hash_); }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace descrambler
