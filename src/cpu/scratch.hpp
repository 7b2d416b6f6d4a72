// Working memory that a backend keeps between calls: fresh pages for every call would cost more than a small problem.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler::cpu {

template <class T>
class Scratch {
public:
    explicit Scratch(int threads) : parts_(static_cast<std::size_t>(threads)) {}
    // Memory of one thread for `numbers` numbers, contents undefined; the same memory at the next call.
    [[nodiscard]] T* of(int thread, Index numbers) {
        Part& part = parts_[static_cast<std::size_t>(thread)];
        if (part.size < numbers) {
            part.data = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(numbers));
            part.size = numbers;
        }
        return part.data.get();
    }

private:
    struct Part {
        std::unique_ptr<T[]> data;
        Index size = 0;
    };
    std::vector<Part> parts_;
};

// The same from a line of the cache on: vectors across two lines cost twice.
template <class T>
T* aligned(Scratch<T>& scratch, int thread, Index numbers) {
    constexpr Index line = 64, spare = line / static_cast<Index>(sizeof(T));
    const auto address = reinterpret_cast<std::uintptr_t>(scratch.of(thread, numbers + spare));
    return reinterpret_cast<T*>((address + line - 1) / line * line);
}

}  // namespace descrambler::cpu
