// Sparse rows, diagonals, masks and runs on a device: descrambler/backend/maps.hpp.
#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void sparse_product(Context& on, const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y);
template <class T>
void diagonal_product(Context& on, Periodic<T> a, Batch<const T> x, T beta, Batch<T> y);
template <class T>
void masked_product(Context& on, const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y);
template <class T>
void add_offset(Context& on, Periodic<T> c, Batch<T> y);
template <class T>
void offset_dot(Context& on, Periodic<T> c, Batch<const T> x, Batch<T> r);
template <class T>
void project_runs(Context& on, Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                  Batch<T> y);
template <class T>
void softmax_runs(Context& on, SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y);

}  // namespace descrambler::cuda
