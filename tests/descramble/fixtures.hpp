// Seeded matrices and golden vectors for the tests of descrambling and of alignment.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "data.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"

namespace descrambler::test {

inline constexpr double u = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff

inline Matrix<double> normal(Index rows, Index cols, std::uint64_t number) {
    RandomStream random(20260101, stream::analysis + number);
    Matrix<double> A(rows, cols);
    for (double& x : A.values())
        x = random.normal();
    return A;
}

inline Matrix<double> orthogonal(Backend<double>& on, Index n, std::uint64_t number) {
    const Svd factors = svd(on, normal(n, n, number));
    return multiply(on, Op::none, Op::transpose, factors.U, factors.V);
}

inline double largest(const Matrix<double>& A) {
    double result = 0;
    for (const double x : A.values())
        result = std::max(result, std::abs(x));
    return result;
}

// Infinite where the shapes differ, NaN where a value is: neither passes a test.
inline double largest_difference(const Matrix<double>& A, const Matrix<double>& B) {
    if (A.rows() != B.rows() || A.cols() != B.cols())
        return std::numeric_limits<double>::infinity();
    double result = 0;
    for (std::size_t i = 0; i < A.values().size(); ++i) {
        const double d = std::abs(A.values()[i] - B.values()[i]);
        if (!(d <= result))
            result = d;
    }
    return result;
}

inline Matrix<double> golden(Index n, const std::string& name) {
    return read_npy(data("golden/n" + std::to_string(n) + "_" + name + ".npy"));
}

// [A; B]
inline Matrix<double> stack(const Matrix<double>& A, const Matrix<double>& B) {
    Matrix<double> result(A.rows() + B.rows(), A.cols());
    for (Index j = 0; j < A.cols(); ++j) {
        std::ranges::copy(A.column(j), result.column(j).begin());
        std::ranges::copy(B.column(j), result.column(j).begin() + A.rows());
    }
    return result;
}

inline Matrix<double> scaled(Matrix<double> A, double by) {
    for (double& x : A.values())
        x *= by;
    return A;
}

}  // namespace descrambler::test
