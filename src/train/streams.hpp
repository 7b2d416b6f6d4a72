// Numbers of the members of an ensemble, and the data streams that follow from them (descrambler/random.hpp).
#pragma once

#include "descrambler/array.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

// The number of network `index` of a condition, and back from the number in a member's data stream.
[[nodiscard]] constexpr std::uint64_t member_number(Index condition, Index index) {
    return static_cast<std::uint64_t>(condition) * stream::condition + static_cast<std::uint64_t>(index);
}
[[nodiscard]] constexpr Index condition_of_member(std::uint64_t member) {
    return static_cast<Index>(member / stream::condition % (stream::control / stream::condition));
}

}  // namespace descrambler
