// Convolutions on the CPU: descrambler/backend/convolution.hpp.
#pragma once

#include "cpu/scratch.hpp"
#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y, const Mask<T>& mask,
              Scratch<T>& scratch, int threads);
template <class T>
void convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                      const Mask<T>& mask, Scratch<T>& scratch, int threads);

}  // namespace descrambler::cpu
