// DEER traces on one core. A sample does not depend on which others are asked for: products are computed for whole
// tiles of deer_tile samples that start at multiples of deer_tile.
#pragma once

#include <cstdint>
#include <vector>

#include "descrambler/deer_database.hpp"

namespace descrambler::cpu {

inline constexpr Index deer_tile = 64;  // requests that start and end at multiples of it waste nothing

// Memory of one thread, reused between calls. What depends on the tables is kept from call to call: they must not
// change while the scratch memory lives.
template <class T>
struct DeerScratch {
    DeerDatabase database;           // whose kernel is kept
    const double* kernel = nullptr;  // and where it came from
    // K = [left, the first `direct` columns of K] [right p_rest; p_direct], see deer.cpp; rank 0: K as it is
    Index rank = 0, direct = 0;
    std::vector<T> left, right;
    std::vector<T> log_time;  // ln t, padded
    std::vector<T> weights, traces, columns;
};

// Samples first .. first + count - 1 of a stream, count = columns of the views in `out`. One item only.
template <class T>  // float, double
void deer_traces(const DeerTables& tables, std::uint64_t seed, std::uint64_t stream, Index first,
                 const DeerSamples<T>& out, DeerScratch<T>& scratch);

}  // namespace descrambler::cpu
