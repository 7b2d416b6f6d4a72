#include "descrambler/backend/memory.hpp"

#include <algorithm>

namespace descrambler {

template <class T>
Buffer<T> Memory<T>::allocate(Index size) {
    require(size >= 0, "allocate: negative size");
    return do_allocate(size);
}

template <class T>
void Memory<T>::upload(const T* host, Batch<T> to) {
    require(to.batch == 1 || to.stride == to.size(), "upload: items must follow one another");
    do_upload(host, to);
}

template <class T>
void Memory<T>::download(Batch<const T> from, T* host) {
    require(from.batch == 1 || from.stride == from.size(), "download: items must follow one another");
    do_download(from, host);
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
