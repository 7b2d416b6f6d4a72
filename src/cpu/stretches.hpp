// Loops over the numbers of a value that share a number of a periodic vector, or a word of bits.
#pragma once

#include <algorithm>

#include "descrambler/backend/maps.hpp"

namespace descrambler::cpu {

// body(begin, stop, number) for stretches of rows first .. end - 1 that share a number of the periodic vector.
template <class T, class Body>
void for_stretches(const Periodic<T>& a, Index first, Index end, const Body& body) {
    for (Index i = first; i < end;) {
        const Index period = i / a.run, stop = std::min(end, (period + 1) * a.run);
        body(i, stop, a.data[period % a.count]);
        i = stop;
    }
}
// body(i, count, factors) for rows begin .. stop - 1, as many at a time as a word has bits: factors[e] is 1 where bit i + e
// is set, otherwise `off`. In two steps, because compilers make vectors of each and not of both together.
template <class T, class Body>
void for_factors(const std::uint32_t* bits, Index begin, Index stop, T off, const Body& body) {
    constexpr Index word = 32;
    alignas(64) T factors[word];
    for (Index i = begin; i < stop; i += word) {
        const Index count = std::min(stop - i, word), shift = i % word;
        std::uint64_t pair = bits[i / word];
        if (shift + count > word)
            pair |= std::uint64_t{bits[i / word + 1]} << word;
        const auto some = static_cast<std::uint32_t>(pair >> shift);
        for (std::uint32_t b = 0; b < word; ++b)
            factors[b] = (some >> b & 1) != 0 ? T{1} : off;
        body(i, count, factors);
    }
}

}  // namespace descrambler::cpu
