// Windows of probes on the CPU: descrambler/backend/windows.hpp.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y,
                      int threads);
template <class T>
void masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x, T beta,
                    const Windows& to, Batch<T> y, int threads);
template <class T>
void sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                    Batch<T> y, int threads);

}  // namespace descrambler::cpu
