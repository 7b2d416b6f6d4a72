// Systems of a few equations: Gauss's elimination with partial pivoting, in the memory of the caller's thread.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler::scatter {

// x with A x = b, A [n, n]. Throws std::invalid_argument for other shapes, Error where A is singular to working precision.
inline std::vector<double> solve_small(Matrix<double> A, std::vector<double> b) {
    const Index n = A.rows();
    require(A.cols() == n && std::ssize(b) == n, "small system: [n, n] and [n]");
    double scale = 0;
    for (const double number : A.values())
        scale = std::max(scale, std::abs(number));
    for (Index k = 0; k < n; ++k) {
        Index pivot = k;
        for (Index i = k + 1; i < n; ++i)
            if (std::abs(A(i, k)) > std::abs(A(pivot, k)))
                pivot = i;
        if (!(std::abs(A(pivot, k)) > 1e-15 * scale))
            throw Error("small system: singular");
        for (Index j = k; j < n && pivot != k; ++j)
            std::swap(A(k, j), A(pivot, j));
        std::swap(b[k], b[pivot]);
        for (Index i = k + 1; i < n; ++i) {
            const double factor = A(i, k) / A(k, k);
            for (Index j = k; j < n; ++j)
                A(i, j) -= factor * A(k, j);
            b[i] -= factor * b[k];
        }
    }
    for (Index k = n - 1; k >= 0; --k) {
        for (Index j = k + 1; j < n; ++j)
            b[k] -= A(k, j) * b[j];
        b[k] /= A(k, k);
    }
    return b;
}

}  // namespace descrambler::scatter
