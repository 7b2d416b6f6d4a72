// What the sources of the linear heads share.
#pragma once

#include <cstddef>
#include <span>

#include "descrambler/matrix.hpp"

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
// InputError that names them where a feature is not finite.
void require_finite(const Matrix<double>& X);
// (Z Z^T + ridge I) [features, features]
[[nodiscard]] Matrix<double> normal_matrix(Backend<double>& on, const Matrix<double>& Z, double ridge);
// (Z Z^T + ridge I)^-1 Z Y^T [features, targets], by the smaller of the two systems.
[[nodiscard]] Matrix<double> ridge_weights(Backend<double>& on, const Matrix<double>& Z, const Matrix<double>& Y,
                                           double ridge);

}  // namespace descrambler
