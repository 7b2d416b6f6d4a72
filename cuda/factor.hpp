#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void qr(Context& on, Batch<T> A, Batch<T> R);
template <class T>
void eigh(Context& on, Batch<T> A, Batch<T> w);
template <class T>
void svd(Context& on, Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V);
template <class T>
void cholesky_solve(Context& on, Batch<T> A, Batch<T> B);

// Waits; throws Error("what: item i did not factorise") with the lowest i whose entry is not 0.
void throw_failed(const Memory<int>& failed, const char* what);

}  // namespace descrambler::cuda
