// Products on the CPU: OpenBLAS on one thread per item.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C, int threads);
template <class T>
void gram(Batch<const T> S, T beta, Batch<T> G, int threads);
template <class T>
void lower_gram(Batch<const T> S, T beta, Batch<T> G);  // lower triangle of S S^T + beta G, one thread, one item
template <class T>
void mirror(Batch<T> G);  // the lower triangle onto the upper one
template <class T>
void axpby(T alpha, Batch<const T> x, T beta, Batch<T> y, int threads);
template <class T>
void dot(Batch<const T> x, Batch<const T> y, Batch<T> r, int threads);

}  // namespace descrambler::cpu
