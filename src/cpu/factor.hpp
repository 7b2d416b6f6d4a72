// Factorisations on the CPU: LAPACK on one thread per item.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void qr(Batch<T> A, Batch<T> R, int threads);
template <class T>
void triangularise(Batch<T> A, Batch<T> R, int threads);
template <class T>
void eigh(Batch<T> A, Batch<T> w, int threads);
template <class T>
void svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V, int threads);
template <class T>
void cholesky_solve(Batch<T> A, Batch<T> B, int threads);

}  // namespace descrambler::cpu
