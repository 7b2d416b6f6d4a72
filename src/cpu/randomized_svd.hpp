// Randomised singular value decomposition on the CPU: see randomized_svd.cpp.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed, Batch<T> U,
                    Batch<T> s, Batch<T> V, int threads);

}  // namespace descrambler::cpu
