// Uploads through a ring of page-locked memory: the source may change as soon as copy() returns, and the device reads
// the ring while the host goes on. Small uploads share a slot; one that is larger goes in pieces.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace descrambler::cuda {

// What a Device has to offer:
//   void* page_locked(std::size_t bytes)                         memory that lives as long as the device
//   void enqueue_copy(void* to, const void* from, std::size_t)   from page-locked memory
//   void mark(int slot)                                          after all copies enqueued so far
//   void wait(int slot)                                          until the last mark of this slot is reached
template <class Device>
class Staging {
public:
    static constexpr int slots = 4;

    Staging(Device& device, std::size_t slot_bytes)
        : device_(device),
          slot_bytes_(slot_bytes),
          memory_(static_cast<char*>(device.page_locked(slots * slot_bytes))) {}

    void copy(void* to, const void* from, std::size_t bytes) {
        auto* target = static_cast<char*>(to);
        const auto* source = static_cast<const char*>(from);
        while (bytes > 0) {
            if (used_ == slot_bytes_)
                next_slot();
            const std::size_t count = std::min(bytes, slot_bytes_ - used_);
            char* const staged = memory_ + static_cast<std::size_t>(slot_) * slot_bytes_ + used_;
            std::memcpy(staged, source, count);
            device_.enqueue_copy(target, staged, count);
            used_ = std::min(slot_bytes_, used_ + (count + alignment - 1) / alignment * alignment);
            target += count;
            source += count;
            bytes -= count;
        }
    }

private:
    static constexpr std::size_t alignment = 64;

    void next_slot() {
        device_.mark(slot_);
        marked_[static_cast<std::size_t>(slot_)] = true;
        slot_ = (slot_ + 1) % slots;
        if (marked_[static_cast<std::size_t>(slot_)])
            device_.wait(slot_);
        used_ = 0;
    }

    Device& device_;
    std::size_t slot_bytes_;
    char* memory_;
    int slot_ = 0;
    std::size_t used_ = 0;
    std::array<bool, slots> marked_{};
};

}  // namespace descrambler::cuda
