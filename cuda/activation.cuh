// Activations and their slopes as functions of an element, chosen outside the loops over elements.
#pragma once

#include <cmath>

#include "core/vector_math.hpp"
#include "descrambler/backend.hpp"
#include "simt.hpp"

namespace descrambler::cuda {

// Calls body(f), f(z) the activation.
template <class T, class Body>
__device__ __forceinline__ void with_activation(Activation f, Body&& body) {
    switch (f) {
        case Activation::identity:
            return body([](T z) { return z; });
        case Activation::tanh:
            return body([](T z) { return fast_tanh(z); });
        case Activation::logistic:
            return body([](T z) { return fast_logistic(z); });
        case Activation::softplus:
            return body([](T z) { return fast_softplus(z); });
        case Activation::relu:
            return body([](T z) { return z > 0 ? z : T{0}; });
    }
}

// f'(z) written in y = f(z).
template <class T>
__device__ __forceinline__ T activation_slope(Activation f, T y) {
    switch (f) {
        case Activation::identity:
            return T{1};
        case Activation::tanh:
            return std::fma(-y, y, T{1});
        case Activation::logistic:
            return y * (1 - y);
        case Activation::softplus:  // y = ln(1 + e^z)
            return 1 - fast_exp(-y);
        case Activation::relu:
            return y > 0 ? T{1} : T{0};
    }
    return T{1};
}

}  // namespace descrambler::cuda
