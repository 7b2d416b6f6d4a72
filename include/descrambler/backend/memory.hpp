// Memory of a backend: where its operands live.
#pragma once

#include <functional>
#include <memory>
#include <typeindex>
#include <unordered_map>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Memory {
public:
    [[nodiscard]] Buffer<T> allocate(Index size);  // zero-filled, lives where the backend computes
    void upload(const T* host, Batch<T> to);       // host: items one after another
    void download(Batch<const T> from, T* host);   // waits
    void synchronise();

    // What a caller keeps with the backend from call to call (working memory, tables on the device): one value a type,
    // made by its default constructor when first asked for, ended with the backend.
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

private:
    virtual Buffer<T> do_allocate(Index size) = 0;
    virtual void do_upload(const T* host, Batch<T> to) = 0;
    virtual void do_download(Batch<const T> from, T* host) = 0;
    virtual void do_synchronise() = 0;

    std::unordered_map<std::type_index, std::shared_ptr<void>> kept_;
};

// body(first, count) for parts of 0 .. items - 1 in order: all at once, and halves of what does not fit into the memory
// of the device. One item that does not fit alone: OutOfMemory.
void in_parts(Index items, const std::function<void(Index first, Index count)>& body);

}  // namespace descrambler
