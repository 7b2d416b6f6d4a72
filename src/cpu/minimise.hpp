#pragma once

#include <span>

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
              std::span<MinimiseReport> reports, int threads);

}  // namespace descrambler::cpu
