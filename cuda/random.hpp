#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void random_uniform(Context& on, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x);
template <class T>
void random_normal(Context& on, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x);

}  // namespace descrambler::cuda
