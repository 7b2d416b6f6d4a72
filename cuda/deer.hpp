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

// Samples first, first + 1, ... of several streams: item s of the views belongs to streams[s] (device memory).
template <class T>
void deer_batch(Context& on, std::shared_ptr<DeerDevice<T>>& device, const DeerTables& tables, std::uint64_t seed,
                const std::uint64_t* streams, Index first, Batch<T> input, Batch<T> target);

// Device memory that a sample wants while it is made.
template <class T>
[[nodiscard]] std::size_t deer_bytes(const DeerDatabase& database);

}  // namespace descrambler::cuda
