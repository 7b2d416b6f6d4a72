// A three-dimensional array of which most is zero, packed without loss: the smallest box that holds all that is not zero,
// its bytes sorted by their place in the number (all first bytes, all second bytes, ...), deflated by zlib.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

using Extents = std::array<Index, 3>;
struct Box {
    Extents first{}, size{};  // size 0 0 0: every number is zero
    [[nodiscard]] Index count() const { return size[0] * size[1] * size[2]; }
    bool operator==(const Box&) const = default;
};
struct Packed {
    Box box;
    std::vector<std::uint8_t> bytes;  // a zlib stream; none where the box is empty
};

// The box of `values` [extents, C order] outside which every bit is 0: -0 counts as something.
template <class T>  // float, double
[[nodiscard]] Box box_of(std::span<const T> values, const Extents& extents);

template <class T>
[[nodiscard]] Packed pack(std::span<const T> values, const Extents& extents);
// The numbers of the box in C order, with their bits. Throws InputError for bytes that are not such a stream.
template <class T>
[[nodiscard]] std::vector<T> unpack(const Box& box, std::span<const std::uint8_t> bytes);

// A zlib stream of any bytes.
[[nodiscard]] std::vector<std::uint8_t> deflated(std::span<const std::uint8_t> bytes);

}  // namespace descrambler
