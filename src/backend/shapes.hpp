// Comparisons of shapes, for the checks of the backend's public functions.
#pragma once

#include <type_traits>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
bool same_shape(const Batch<T>& a, const Batch<std::type_identity_t<T>>& b) {
    return a.rows == b.rows && a.cols == b.cols && a.batch == b.batch;
}

template <class A, class B>
bool same_batch(const Batch<A>& a, const Batch<B>& b) {
    return a.batch == b.batch;
}

template <class T>
bool is(const Batch<T>& a, Index rows, Index cols, Index batch) {
    return a.rows == rows && a.cols == cols && a.batch == batch;
}

// For primitives that do not take leading dimensions.
template <class... Batches>
bool packed(const Batches&... views) {
    return (views.packed() && ...);
}

}  // namespace descrambler
