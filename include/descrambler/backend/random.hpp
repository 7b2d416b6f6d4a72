// Counter-based random numbers in bulk, the same bits on every backend but for the rounding of normals. Words are those
// of Philox blocks of four, from block first_block on (descrambler/random.hpp); item b of the batch reads stream + b.
//   float   element e is made of word e % 4 of block first_block + e / 4
//   double  element e is made of words 2 (e % 2), 2 (e % 2) + 1 of block first_block + e / 2
// Normals come in pairs from two uniforms u, v each (Box-Muller): sqrt(-2 ln u) cos(2 pi v), sqrt(-2 ln u) sin(2 pi v).
// x has any shape; std::invalid_argument for a leading dimension.
#pragma once

#include <cstdint>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Random {
public:
    void random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x);  // on (0, 1)
    void random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x);   // standard

protected:
    ~Random() = default;

private:
    virtual void do_random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) = 0;
    virtual void do_random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) = 0;
};

}  // namespace descrambler
