// Maps of probes of which only a window is not zero: what a unit vector has reached after some layers. They are parts of
// the maps of maps.hpp, and their results have the bits that the whole probes would have there.
#pragma once

#include <vector>

#include "descrambler/backend/maps.hpp"

namespace descrambler {

struct Corner {
    Index row = 0, col = 0;
};

// Of tensors [planes, height, width] column k of an operand holds the box [planes, rows, cols] at corners[k], inside the
// tensor; what lies outside is zero.
struct Windows {
    Index planes = 0, height = 1, width = 1;
    Index rows = 1, cols = 1;
    std::vector<Corner> corners;  // on the host, one a column
    [[nodiscard]] Index tensor() const { return planes * height * width; }
    [[nodiscard]] Index size() const { return planes * rows * cols; }
    [[nodiscard]] bool whole() const { return rows == height && cols == width; }
};

template <class T>
class WindowMaps {
public:
    // All: x [from.size(), K], y [to.size(), K], results assigned (beta 0) or added (beta 1); from and to need not agree.
    // y = a .* x + beta y; a repeats over the tensor, without data it is 1
    void diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to, Batch<T> y);
    // The same with a = 1 where bit i of `bits` is set, otherwise the number of `off`.
    void masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x, T beta,
                        const Windows& to, Batch<T> y);
    // y = A x + beta y, A [to.tensor(), from.tensor()]
    void sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                        Batch<T> y);

protected:
    ~WindowMaps() = default;

private:
    virtual void do_diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                                     Batch<T> y);
    virtual void do_masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x,
                                   T beta, const Windows& to, Batch<T> y);
    virtual void do_sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta,
                                   const Windows& to, Batch<T> y);
};

}  // namespace descrambler
