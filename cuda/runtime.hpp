// The device as the host sees it: memory and one stream. Two implementations of Context: context.cpp on the CUDA
// runtime, tests/simt/context.cpp on the CPU. No CUDA type stands here, so that every launcher compiles with a host
// compiler.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "descrambler/array.hpp"
#include "descrambler/error.hpp"

struct CUstream_st;  // what a cudaStream_t points to

namespace descrambler::cuda {

// Shared memory of a block that every kernel may count on, that of compute capability 8.6, 8.9 and 12.0; devices that
// give less are refused.
inline constexpr std::size_t least_shared = 99 * 1024;

// One device, one stream, the handles of the vendor libraries. Everything is ordered by the stream; only to_host and
// synchronise wait. Memory comes from a pool that keeps what it has, so scratch memory costs little.
class Context {
public:
    // Throws InputError where there is no driver, no device, no device of this number or one that is too old or too
    // small.
    explicit Context(int device);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    [[nodiscard]] int device() const { return device_; }
    [[nodiscard]] const std::string& name() const { return name_; }  // of the device
    [[nodiscard]] CUstream_st* stream() const;  // and makes the device current for the calling thread
    // Memory that a call may still ask for. The driver is asked at most once a second, since that takes long; in
    // between, what this process takes and gives back is counted.
    [[nodiscard]] std::size_t free_bytes() const;
    [[nodiscard]] std::size_t shared_bytes() const;  // that one block may have: 227 KiB on sm_90, 163 KiB on sm_80

    // Throws OutOfMemory with the bytes asked and free, after a second try with all that the pool held back.
    [[nodiscard]] void* allocate(std::size_t bytes);
    void release(void* memory) noexcept;
    void zero(void* to, std::size_t bytes);
    void to_device(void* to, const void* from, std::size_t bytes);  // `from` may change afterwards
    void to_host(void* to, const void* from, std::size_t bytes);    // waits
    void copy(void* to, const void* from, std::size_t bytes);       // on the device
    void synchronise();

    struct Libraries;  // of vendor.cu, made at first use
    [[nodiscard]] Libraries& libraries();

private:
    struct Uploads;  // the ring that to_device passes through, made at first use

    int device_ = 0;
    std::string name_;
    CUstream_st* stream_ = nullptr;
    std::shared_ptr<Libraries> libraries_;
    std::shared_ptr<Uploads> uploads_;
    mutable std::size_t reachable_ = 0;  // bytes free on the device and reserved by the pool, when last asked
    mutable std::chrono::steady_clock::time_point asked_{};
};

// How many devices there are. Throws InputError without a driver or without a device.
[[nodiscard]] int device_count();

// Device memory of one call; given back in the order of the stream, so the owner may end before the kernels do.
template <class T>
class Memory {
public:
    Memory(Context& on, Index count)
        : on_(&on), data_(static_cast<T*>(on.allocate(static_cast<std::size_t>(count) * sizeof(T)))), size_(count) {}
    Memory(Memory&& other) noexcept
        : on_(other.on_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Memory& operator=(Memory&&) = delete;
    ~Memory() {
        if (data_ != nullptr)
            on_->release(data_);
    }
    [[nodiscard]] T* data() const { return data_; }
    [[nodiscard]] Index size() const { return size_; }
    [[nodiscard]] Batch<T> view(Index rows, Index cols, Index batch = 1) const {
        require(rows * cols * batch <= size_, "view exceeds its memory");
        return {data_, rows, cols, batch};
    }
    void upload(const T* host) { on_->to_device(data_, host, static_cast<std::size_t>(size_) * sizeof(T)); }
    void download(T* host) const { on_->to_host(host, data_, static_cast<std::size_t>(size_) * sizeof(T)); }
    void zero() { on_->zero(data_, static_cast<std::size_t>(size_) * sizeof(T)); }

private:
    Context* on_;
    T* data_;
    Index size_;
};

// How many items of a batch a call may take at once, at least one, if each wants bytes_each of scratch memory.
[[nodiscard]] inline Index items_that_fit(const Context& on, Index batch, std::size_t bytes_each) {
    if (bytes_each == 0 || batch <= 1)
        return batch > 1 ? batch : 1;
    const std::size_t most = on.free_bytes() / 10 * 9 / bytes_each;
    const Index count = most < static_cast<std::size_t>(batch) ? static_cast<Index>(most) : batch;
    return count > 1 ? count : 1;
}

// make(count) with the scratch memory of `count` items. Where the device refuses it, because another process was
// faster, half as many are tried; OutOfMemory when there is no room for one.
template <class Make>
[[nodiscard]] auto make_what_fits(Index& count, const Make& make) {
    for (;;) {
        try {
            return make(count);
        } catch (const OutOfMemory&) {
            if (count <= 1)
                throw;
        }
        count = (count + 1) / 2;
    }
}

// Scratch memory for as many items of a batch as fit at once, `each` numbers per item.
template <class T>
class Scratch {
public:
    Scratch(Context& on, Index batch, Index each)
        : items_(items_that_fit(on, batch, static_cast<std::size_t>(each) * sizeof(T))),
          memory_(make_what_fits(items_, [&](Index count) { return Memory<T>(on, count * each); })) {}
    [[nodiscard]] Index items() const { return items_; }
    [[nodiscard]] T* data() const { return memory_.data(); }

private:
    Index items_;
    Memory<T> memory_;
};

}  // namespace descrambler::cuda
