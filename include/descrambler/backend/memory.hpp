// Memory of a backend: where its operands live.
#pragma once

#include <complex>
#include <cstdint>
#include <functional>
#include <memory>
#include <typeindex>
#include <unordered_map>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Memory {
public:
    using Complex = std::complex<T>;
    // `size` numbers, zero-filled, where the backend computes. Throws std::invalid_argument below 0, OutOfMemory on a
    // device, std::bad_alloc on the host.
    [[nodiscard]] Buffer<T> allocate(Index size);
    [[nodiscard]] Buffer<Complex> allocate_complex(Index size);
    [[nodiscard]] Buffer<std::uint32_t> allocate_words(Index size);  // indices and bits
    // Between the host, column after column and item after item without gaps, and a view of any stride and leading
    // dimension (sent column by column where ld > rows). The source of an upload may change as soon as it returns;
    // download waits. Throws std::invalid_argument for an upload to a view that the batch shares (stride 0).
    void upload(const T* host, Batch<T> to);
    void upload(const Complex* host, Batch<Complex> to);
    void upload(const std::uint32_t* host, Batch<std::uint32_t> to);
    void download(Batch<const T> from, T* host);
    void download(Batch<const Complex> from, Complex* host);
    void synchronise();  // waits for all that was enqueued

    // What a caller keeps with the backend from call to call (working memory, tables on the device): one value of each
    // type, made by its default constructor when first asked for, destroyed with the backend.
    template <class Kept>
    [[nodiscard]] Kept& kept() {
        std::shared_ptr<void>& value = kept_[std::type_index(typeid(Kept))];
        if (!value)
            value = std::make_shared<Kept>();
        return *static_cast<Kept*>(value.get());
    }

protected:
    Memory() = default;
    ~Memory() = default;

    struct Allocation {
        void* data;
        std::function<void(void*)> release;
    };
    virtual Allocation do_allocate(std::size_t bytes) = 0;  // zero-filled, one byte at least
    virtual void do_upload(const void* host, void* to, std::size_t bytes) = 0;
    virtual void do_download(const void* from, void* host, std::size_t bytes) = 0;
    virtual void do_synchronise() = 0;

private:
    template <class U>
    Buffer<U> buffer(Index size);
    std::unordered_map<std::type_index, std::shared_ptr<void>> kept_;
};

// Calls body(first, count) for consecutive parts of 0 .. items - 1: all at once, and half as many after each
// OutOfMemory that body throws. Throws OutOfMemory where one item alone does not fit.
void in_parts(Index items, const std::function<void(Index first, Index count)>& body);

}  // namespace descrambler
