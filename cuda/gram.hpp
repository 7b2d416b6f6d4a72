#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void gram(Context& on, Batch<const T> S, T beta, Batch<T> G);
template <class T>
void dense_gram(Context& on, Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G);

}  // namespace descrambler::cuda
