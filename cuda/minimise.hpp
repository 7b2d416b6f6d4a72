#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void minimise(Context& on, const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
              std::span<MinimiseReport> reports);

}  // namespace descrambler::cuda
