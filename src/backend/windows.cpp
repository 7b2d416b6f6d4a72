#include "descrambler/backend/windows.hpp"

#include <algorithm>

#include "backend/shapes.hpp"

namespace descrambler {
namespace {

template <class T>
void check(const std::string& name, const Windows& at, const Batch<T>& x) {
    require(is(x, at.size(), std::ssize(at.corners), 1), name + ": an operand must be [numbers of a window, windows]");
    require(std::all_of(at.corners.begin(), at.corners.end(),
                        [&](const Corner& c) {
                            return c.row >= 0 && c.col >= 0 && c.row + at.rows <= at.height &&
                                   c.col + at.cols <= at.width;
                        }),
            name + ": windows must lie inside their tensor");
}
template <class T>
void check(const std::string& name, const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y) {
    check(name, from, x);
    check(name, to, y);
    require(x.cols == y.cols, name + ": x and y must have as many columns");
    require(beta == 0 || beta == 1, name + ": beta must be 0 or 1");
}
template <class T>
void check(const std::string& name, const Periodic<T>& a, const Windows& from, const Windows& to) {
    require(from.planes == to.planes && from.height == to.height && from.width == to.width,
            name + ": both windows must be of tensors of one shape");
    require(a.data == nullptr || (a.count > 0 && a.run > 0 && to.tensor() % a.run == 0),
            name + ": the runs of a periodic vector must fill the tensor");
}
[[noreturn]] void no_device() {
    throw InputError("--device: windows of probes run on the CPU alone so far");
}

}  // namespace

template <class T>
void WindowMaps<T>::diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                                     Batch<T> y) {
    check("diagonal_windows", from, x, beta, to, y);
    check("diagonal_windows", a, from, to);
    do_diagonal_windows(a, from, x, beta, to, y);
}
template <class T>
void WindowMaps<T>::masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x,
                                   T beta, const Windows& to, Batch<T> y) {
    check("masked_windows", from, x, beta, to, y);
    check("masked_windows", off, from, to);
    require(bits != nullptr && off.data != nullptr, "masked_windows: bits and the numbers beside them must be there");
    do_masked_windows(bits, off, from, x, beta, to, y);
}
template <class T>
void WindowMaps<T>::sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta,
                                   const Windows& to, Batch<T> y) {
    check("sparse_windows", from, x, beta, to, y);
    require(A.rows == to.tensor() && A.cols == from.tensor(), "sparse_windows: A must be [tensor of y, tensor of x]");
    do_sparse_windows(A, from, x, beta, to, y);
}

template <class T>
void WindowMaps<T>::do_diagonal_windows(Periodic<T>, const Windows&, Batch<const T>, T, const Windows&, Batch<T>) {
    no_device();
}
template <class T>
void WindowMaps<T>::do_masked_windows(const std::uint32_t*, Periodic<T>, const Windows&, Batch<const T>, T,
                                      const Windows&, Batch<T>) {
    no_device();
}
template <class T>
void WindowMaps<T>::do_sparse_windows(const SparseRows<T>&, const Windows&, Batch<const T>, T, const Windows&,
                                      Batch<T>) {
    no_device();
}

template class WindowMaps<float>;
template class WindowMaps<double>;

}  // namespace descrambler
