// Residuals of factorisations, by hand.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// A view of host numbers, item b.
template <class T>
Batch<const T> item(const std::vector<T>& x, Index rows, Index cols, Index b) {
    return {x.data() + b * rows * cols, rows, cols};
}

// max |V^T V - I|
template <class T>
double orthogonality(Batch<const T> V) {
    double worst = 0;
    for (Index a = 0; a < V.cols; ++a)
        for (Index b = 0; b <= a; ++b) {
            double sum = a == b ? -1 : 0;
            for (Index i = 0; i < V.rows; ++i)
                sum += static_cast<double>(V(i, a)) * static_cast<double>(V(i, b));
            worst = std::isnan(sum) ? sum : std::max(worst, std::abs(sum));
        }
    return worst;
}

// max |A - L diag(s) R| / max |A|, s null: ones; R transposed: [n, k]
template <class T>
double residual(Batch<const T> A, Batch<const T> L, const T* s, Batch<const T> R, bool transposed) {
    double worst = 0, largest = 0;
    for (Index i = 0; i < A.rows; ++i)
        for (Index j = 0; j < A.cols; ++j) {
            double sum = -static_cast<double>(A(i, j));
            for (Index k = 0; k < L.cols; ++k)
                sum += static_cast<double>(L(i, k)) * (s == nullptr ? 1.0 : static_cast<double>(s[k])) *
                       static_cast<double>(transposed ? R(j, k) : R(k, j));
            worst = std::isnan(sum) ? sum : std::max(worst, std::abs(sum));
            largest = std::max(largest, std::abs(static_cast<double>(A(i, j))));
        }
    return largest == 0 ? worst : worst / largest;
}

}  // namespace descrambler
