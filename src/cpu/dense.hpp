// Fully connected layers, Adam and whole training on the CPU.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y, int threads);
template <class T>
void dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                    Batch<T> db, Batch<T> dx, int threads);
template <class T>
void dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G, int threads);
template <class T>
void renorm_forward(Batch<const T> x, Batch<T> y, int threads);
template <class T>
void renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx, int threads);
template <class T>
void adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
               Batch<T> w, int threads);

}  // namespace descrambler::cpu
