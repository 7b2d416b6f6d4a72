// Random features and targets of the tests of linear heads.
#pragma once

#include <cmath>
#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"
#include "descrambler/ridge.hpp"

namespace descrambler::test {

inline Matrix<double> normals(Index rows, Index cols, std::uint64_t seed) {
    RandomStream random(seed, stream::check);
    Matrix<double> result(rows, cols);
    for (double& x : result.values())
        x = random.normal();
    return result;
}

// 0, 1, .., classes - 1, 0, 1, ...
inline std::vector<Index> cyclic_labels(Index classes, Index samples) {
    std::vector<Index> labels;
    for (Index i = 0; i < samples; ++i)
        labels.push_back(i % classes);
    return labels;
}

// Normal features of which feature f is lifted by `height` in class f mod classes, where that is below classes.
inline Matrix<double> lifted(Index features, const std::vector<Index>& labels, double height, std::uint64_t seed) {
    Matrix<double> X = normals(features, std::ssize(labels), seed);
    for (Index j = 0; j < X.cols(); ++j)
        if (labels[static_cast<std::size_t>(j)] < features)
            X(labels[static_cast<std::size_t>(j)], j) += height;
    return X;
}

inline double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
    double largest = a.rows() == b.rows() && a.cols() == b.cols() ? 0 : INFINITY;
    for (Index i = 0; largest < INFINITY && i < a.size(); ++i)
        largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
    return largest;
}
inline double largest(const Matrix<double>& a) {
    double result = 0;
    for (const double x : a.values())
        result = std::max(result, std::abs(x));
    return result;
}

}  // namespace descrambler::test
