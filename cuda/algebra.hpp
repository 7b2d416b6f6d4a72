#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void axpby(Context& on, T alpha, Batch<const T> x, T beta, Batch<T> y);
template <class T>
void dot(Context& on, Batch<const T> x, Batch<const T> y, Batch<T> r);

}  // namespace descrambler::cuda
