// Reductions of a warp: every lane gets the result, and the same bits, in an order that depends on nothing.
#pragma once

#include "simt.hpp"

namespace descrambler::cuda {

inline constexpr int warp_size = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

template <class T>
__device__ T warp_sum(T x) {
    for (int step = warp_size / 2; step > 0; step /= 2)
        x += __shfl_xor_sync(whole_warp, x, step);
    return x;
}
template <class T>
__device__ T warp_max(T x) {
    for (int step = warp_size / 2; step > 0; step /= 2) {
        const T other = __shfl_xor_sync(whole_warp, x, step);
        x = other > x ? other : x;
    }
    return x;
}

}  // namespace descrambler::cuda
