// One Philox block into numbers, in registers: what random.cu writes and other kernels use on the spot.
#pragma once

#include <cmath>

#include "core/vector_math.hpp"
#include "descrambler/random.hpp"

namespace descrambler::cuda {

template <class T>
inline constexpr int numbers_a_block = sizeof(T) == 4 ? 4 : 2;

constexpr void uniform_block(const PhiloxBlock& w, float* x) {
    for (std::size_t i = 0; i < 4; ++i)
        x[i] = uniform_f32(w[i]);
}
constexpr void uniform_block(const PhiloxBlock& w, double* x) {
    x[0] = uniform_f64(w[0], w[1]);
    x[1] = uniform_f64(w[2], w[3]);
}

// A pair of independent standard normals from uniforms on (0, 1).
template <class T>
constexpr void normal_pair(T u, T v, T* x) {
    const T radius = std::sqrt(T{-2} * fast_log(u));
    const SinCos<T> turn = sincos_turn(v);
    x[0] = radius * turn.cos;
    x[1] = radius * turn.sin;
}
template <class T>
constexpr void normal_block(const PhiloxBlock& w, T* x) {
    T u[numbers_a_block<T>] = {};
    uniform_block(w, u);
    for (int i = 0; i < numbers_a_block<T>; i += 2)
        normal_pair(u[i], u[i + 1], x + i);
}

}  // namespace descrambler::cuda
