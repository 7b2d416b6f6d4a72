#include "descrambler/backend/memory.hpp"

#include <algorithm>

namespace descrambler {

namespace {

// body(start in the view, offset on the host, numbers) for the contiguous pieces of a view, as few as possible.
template <class U, class Body>
void for_pieces(const Batch<U>& view, const Body& body) {
    Index at = 0;
    const auto piece = [&](U* data, Index count) {
        if (count > 0)
            body(data, at, static_cast<std::size_t>(count));
        at += count;
    };
    if (view.packed() && (view.batch == 1 || view.stride == view.size()))
        return piece(view.data, view.size() * view.batch);
    for (Index b = 0; b < view.batch; ++b) {
        const Batch<U> item = view.item(b);
        if (item.packed())
            piece(item.data, item.size());
        else
            for (Index j = 0; j < item.cols; ++j)
                piece(item.columns(j, 1).data, item.rows);
    }
}

}  // namespace

template <class T>
template <class U>
Buffer<U> Memory<T>::buffer(Index size) {
    require(size >= 0, "allocate: negative size");
    Allocation made = do_allocate(static_cast<std::size_t>(std::max<Index>(size, 1)) * sizeof(U));
    return Buffer<U>(static_cast<U*>(made.data), size, std::move(made.release));
}

template <class T>
Buffer<T> Memory<T>::allocate(Index size) {
    return buffer<T>(size);
}

template <class T>
Buffer<std::complex<T>> Memory<T>::allocate_complex(Index size) {
    return buffer<Complex>(size);
}

template <class T>
Buffer<std::uint32_t> Memory<T>::allocate_words(Index size) {
    return buffer<std::uint32_t>(size);
}

template <class T>
void Memory<T>::upload(const T* host, Batch<T> to) {
    require(to.batch <= 1 || to.stride != 0, "upload: the result cannot be shared");
    for_pieces(to, [&](T* data, Index at, std::size_t count) { do_upload(host + at, data, count * sizeof(T)); });
}

template <class T>
void Memory<T>::upload(const Complex* host, Batch<Complex> to) {
    require(to.batch <= 1 || to.stride != 0, "upload: the result cannot be shared");
    for_pieces(
        to, [&](Complex* data, Index at, std::size_t count) { do_upload(host + at, data, count * sizeof(Complex)); });
}

template <class T>
void Memory<T>::upload(const std::uint32_t* host, Batch<std::uint32_t> to) {
    require(to.batch <= 1 || to.stride != 0, "upload: the result cannot be shared");
    for_pieces(to, [&](std::uint32_t* data, Index at, std::size_t count) {
        do_upload(host + at, data, count * sizeof(std::uint32_t));
    });
}

template <class T>
void Memory<T>::download(Batch<const T> from, T* host) {
    for_pieces(from,
               [&](const T* data, Index at, std::size_t count) { do_download(data, host + at, count * sizeof(T)); });
}

template <class T>
void Memory<T>::download(Batch<const Complex> from, Complex* host) {
    for_pieces(from, [&](const Complex* data, Index at, std::size_t count) {
        do_download(data, host + at, count * sizeof(Complex));
    });
}

template <class T>
void Memory<T>::synchronise() {
    do_synchronise();
}

void in_parts(Index items, const std::function<void(Index first, Index count)>& body) {
    Index part = items;
    for (Index first = 0; first < items;) {
        part = std::min(part, items - first);
        try {
            body(first, part);
            first += part;
        } catch (const OutOfMemory&) {
            if (part == 1)
                throw;
            part = (part + 1) / 2;
        }
    }
}

template class Memory<float>;
template class Memory<double>;

}  // namespace descrambler
