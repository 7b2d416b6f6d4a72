#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void dense_forward(Context& on, Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y);
template <class T>
void dense_backward(Context& on, Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                    Batch<T> dW, Batch<T> db, Batch<T> dx);
template <class T>
void renorm_forward(Context& on, Batch<const T> x, Batch<T> y);
template <class T>
void renorm_backward(Context& on, Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx);
template <class T>
void adam_step(Context& on, const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
               Batch<T> v, Batch<T> w);

}  // namespace descrambler::cuda
