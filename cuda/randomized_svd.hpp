#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void randomized_svd(Context& on, Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                    Batch<T> U, Batch<T> s, Batch<T> V);

}  // namespace descrambler::cuda
