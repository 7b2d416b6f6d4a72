// A linear operator that need not be a matrix, seen through its products alone, and how well triplets fit it.
#pragma once

#include <functional>
#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler {

// A [rows, cols]. apply takes X [cols, m], adjoint Y [rows, m]; a test of both is <Y, A X> = <A^T Y, X>.
struct LinearOperator {
    Index rows = 0, cols = 0;
    std::function<Matrix<double>(Backend<double>&, const Matrix<double>& X)> apply;    // A X
    std::function<Matrix<double>(Backend<double>&, const Matrix<double>& Y)> adjoint;  // A^T Y
};

[[nodiscard]] LinearOperator matrix_operator(Matrix<double> A);

// Of every triplet (u, s, v) both residuals, measured by one product each way: ||A v - s u|| and ||A^T u - s v||. Some
// singular value of A lies within sqrt(left^2 + right^2) of s for unit u and v (the bound for eigenvalues of the symmetric
// [0 A; A^T 0]: Parlett, The Symmetric Eigenvalue Problem, 4.5). U [rows, k], s [k], V [cols, k]. Throws
// std::invalid_argument where shapes do not fit, and what the products of A throw.
struct TripletResiduals {
    std::vector<double> left, right;
};
[[nodiscard]] TripletResiduals triplet_residuals(Backend<double>& on, const LinearOperator& A, const Matrix<double>& U,
                                                 const std::vector<double>& s, const Matrix<double>& V);

}  // namespace descrambler
