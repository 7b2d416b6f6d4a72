// Philox numbers in bulk, many counters in the lanes of vectors. The bits are those of random.hpp:
//   word w of block i of a stream = philox(seed, stream, i)[w]
// float:  element e takes word e % 4 of block first_block + e / 4
// double: element e takes words 2 (e % 2), 2 (e % 2) + 1 of block first_block + e / 2
#pragma once

#include <cstdint>

#include "descrambler/array.hpp"

namespace descrambler::cpu {

inline constexpr Index philox_lanes = 32;

// One Philox block in each lane.
struct PhiloxLanes {
    alignas(64) std::uint32_t word[4][philox_lanes];
};

// Blocks first, first + step, first + 2 step, ...
void philox_blocks(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, std::uint64_t step,
                   PhiloxLanes& blocks);

// Uniform on the open interval (0, 1), bit for bit uniform_f32 and uniform_f64.
template <class T>  // float, double
void random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, T* x, Index n);

// Box-Muller on consecutive pairs of uniforms u, v: sqrt(-2 ln u) cos(2 pi v), sqrt(-2 ln u) sin(2 pi v).
template <class T>  // float, double
void random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, T* x, Index n);

}  // namespace descrambler::cpu
