// What the sources of the linear heads share.
#pragma once

#include <cstddef>
#include <span>

#include "descrambler/matrix.hpp"
#include "descrambler/ridge.hpp"

namespace descrambler {

[[nodiscard]] inline std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}
[[nodiscard]] Matrix<double> columns_of(const Matrix<double>& X, std::span<const Index> samples);
// [features, samples]: some rows of some columns.
[[nodiscard]] Matrix<double> part_of(const Matrix<double>& X, std::span<const Index> features,
                                     std::span<const Index> samples);
[[nodiscard]] Matrix<double> rows_of(const Matrix<double>& X, std::span<const Index> rows);
// Takes `means` from every column and gives them back: of every row over the columns.
[[nodiscard]] std::vector<double> centre(Matrix<double>& Y);
void standardise_in_place(const Standardisation& by, Matrix<double>& X);
// A^-1, both triangles, of A symmetric positive definite, by halves: with A11^-1 and X = A11^-1 A12,
//   S = A22 - A21 X,   A^-1 = [A11^-1 + X S^-1 X^T, -X S^-1; ., S^-1],
// 4/3 n^3 multiplications in products instead of the 7/3 n^3 of a solution with n right sides.
[[nodiscard]] Matrix<double> inverse_by_halves(Backend<double>& on, Batch<const double> A);
// InputError that names them where a feature is not finite.
void require_finite(const Matrix<double>& X);
// (Z Z^T + ridge I) [features, features]
[[nodiscard]] Matrix<double> normal_matrix(Backend<double>& on, const Matrix<double>& Z, double ridge);
// (Z Z^T + ridge I)^-1 Z Y^T [features, targets], by the smaller of the two systems.
[[nodiscard]] Matrix<double> ridge_weights(Backend<double>& on, const Matrix<double>& Z, const Matrix<double>& Y,
                                           double ridge);

}  // namespace descrambler
