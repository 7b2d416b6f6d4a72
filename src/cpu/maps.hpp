// Sparse rows, diagonals, masks and runs on the CPU: descrambler/backend/maps.hpp.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y, int threads);
template <class T>
void diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y, int threads);
template <class T>
void masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y, int threads);
template <class T>
void add_offset(Periodic<T> c, Batch<T> y, int threads);
template <class T>
void offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r, int threads);
template <class T>
void project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta, Batch<T> y,
                  int threads);
template <class T>
void softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y, int threads);

}  // namespace descrambler::cpu
