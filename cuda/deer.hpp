#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/deer_on_device.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

// What is kept from call to call, since training asks for the same at every step: the numbers of the streams in device
// memory, sent again only when they change, and, while `keep_scratch` holds, the memory in which samples are made.
struct DeerStreams {
    std::vector<std::uint64_t> sent;
    std::unique_ptr<Memory<std::uint64_t>> memory;
    bool keep_scratch = false;
    std::unique_ptr<Memory<unsigned char>> scratch;
};

// deer_on_device (backend/deer_on_device.hpp) on a context.
template <class T>
void deer(Context& on, DeerStreams& kept, const DeerRanges& ranges, const T* kernel, const T* log_time,
          std::uint64_t seed, std::span<const std::uint64_t> streams, Index first, const DeerViews<T>& out);

}  // namespace descrambler::cuda
