// Numbers in files of either byte order.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace descrambler {

template <class T>
[[nodiscard]] T from_bytes(const char* bytes, std::endian order) {
    std::array<char, sizeof(T)> copy;
    std::memcpy(copy.data(), bytes, sizeof(T));
    if (order != std::endian::native)
        std::reverse(copy.begin(), copy.end());
    return std::bit_cast<T>(copy);
}

template <class T>
[[nodiscard]] std::array<char, sizeof(T)> to_bytes(T value, std::endian order) {
    auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
    if (order != std::endian::native)
        std::reverse(bytes.begin(), bytes.end());
    return bytes;
}

}  // namespace descrambler
