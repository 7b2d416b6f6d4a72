#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

// The tables of one database on the device; made anew when another database comes.
template <class T>
struct DeerDevice;
template <class T>
void deer_traces(Context& on, std::shared_ptr<DeerDevice<T>>& device, const DeerTables& tables, std::uint64_t seed,
                 std::uint64_t stream, Index first, const DeerSamples<T>& out);

}  // namespace descrambler::cuda
