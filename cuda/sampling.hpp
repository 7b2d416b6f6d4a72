// What the kernels that draw a task's samples have of a backend.
#pragma once

#include <memory>
#include <vector>

#include "runtime.hpp"

namespace descrambler {

template <class T>
class Backend;

}  // namespace descrambler

namespace descrambler::cuda {

// What is kept from call to call, since training asks for the same at every step: the numbers of the streams in device
// memory, sent again only when they change, and, while `keep_scratch` holds, the memory in which samples are made.
struct SampleMemory {
    std::vector<std::uint64_t> sent;
    std::unique_ptr<Memory<std::uint64_t>> streams;
    bool keep_scratch = false;
    std::unique_ptr<Memory<unsigned char>> scratch;
};

struct Sampling {
    Context& on;
    SampleMemory& kept;
};

// Of a backend of make_cuda_backend.
template <class T>
[[nodiscard]] Sampling sampling_of(Backend<T>& backend);

}  // namespace descrambler::cuda
