#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void cayley(Context& on, Batch<const T> q, Batch<T> P);
template <class T>
void cayley_pullback(Context& on, Batch<const T> P, Batch<const T> dP, Batch<T> dq);
template <class T>
void tikhonov(Context& on, Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq);

}  // namespace descrambler::cuda
