#pragma once

#include "cpu/scratch.hpp"

namespace descrambler::cpu {

// In place, without pivoting, of a matrix [n, n] whose symmetric part is positive definite and at least the identity
// (I + Q with Q skew, and every Schur complement of it): all pivots are >= 1. work: inverse_work(n) numbers.
template <class T>
void invert_unpivoted(Index n, T* A, T* work);
[[nodiscard]] Index inverse_work(Index n);

template <class T>
void cayley(Batch<const T> q, Batch<T> P, Scratch<T>& scratch, int threads);
template <class T>
void cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq, Scratch<T>& scratch, int threads);
template <class T>
void tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq, Scratch<T>& scratch,
              int threads);

}  // namespace descrambler::cpu
