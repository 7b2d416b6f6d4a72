// Counter-based random numbers (descrambler/random.hpp): those of words first, first + 1, ... of a stream; item b of the
// batch reads stream + b. No leading dimension.
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
