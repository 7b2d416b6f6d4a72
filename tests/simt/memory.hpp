// Device memory of the test device: one range of addresses that is closed while host code runs.
#pragma once

namespace descrambler::cuda::simt {

// Opens device memory for a launch, a copy, a call of a library.
class OpenMemory {
public:
    OpenMemory();
    ~OpenMemory();
    OpenMemory(const OpenMemory&) = delete;
    OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace descrambler::cuda::simt
