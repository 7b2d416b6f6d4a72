// Convolutions on a device: descrambler/backend/convolution.hpp.
#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void convolve(Context& on, const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
              const Mask<T>& mask);
template <class T>
void convolve_adjoint(Context& on, const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                      const Mask<T>& mask);

}  // namespace descrambler::cuda
