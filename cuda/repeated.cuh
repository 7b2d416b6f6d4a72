// Vectors that repeat and masks of probes, as device functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "descrambler/backend/maps.hpp"
#include "divide.cuh"

namespace descrambler::cuda {

inline Divisor divisor_of(Index number) {  // of indices below 2^31
    return Divisor(static_cast<std::uint32_t>(std::min(number, Index{1} << 31)));
}

template <class T>
struct Repeated {
    const T* data;
    Divisor run, count;
    explicit Repeated(const Periodic<T>& a) : data(a.data), run(divisor_of(a.run)), count(divisor_of(a.count)) {}
    __device__ T operator()(std::uint32_t i) const { return data[count.remainder(run.quotient(i))]; }
};

// m .* x where x stands at a place of a matrix of probes with the leading dimension ld.
template <class T>
struct ProbeMask {
    const std::uint32_t* bits;
    Repeated<T> off;
    Divisor ld;
    ProbeMask(const Mask<T>& mask, Index rows) : bits(mask.bits), off(mask.off), ld(divisor_of(rows)) {}
    __device__ T operator()(std::uint32_t place, T x) const {
        const std::uint32_t i = ld.remainder(place);
        return (bits[i / 32] >> (i % 32) & 1) != 0 ? x : off(i) * x;
    }
};

}  // namespace descrambler::cuda
