// What the sources of the linear heads share.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/ridge.hpp"

namespace descrambler {

[[nodiscard]] inline std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}
[[nodiscard]] Matrix<double> columns_of(Batch<const double> X, std::span<const Index> samples);
void copy_columns(Batch<const double> X, std::span<const Index> samples, Batch<double> to);
// [features, samples]: some rows of some columns.
[[nodiscard]] Matrix<double> part_of(Batch<const double> X, std::span<const Index> features,
                                     std::span<const Index> samples);
[[nodiscard]] Matrix<double> rows_of(Batch<const double> X, std::span<const Index> rows);
// Takes `means` from every column and gives them back: of every row over the columns.
[[nodiscard]] std::vector<double> centre(Matrix<double>& Y);
[[nodiscard]] Standardisation standardisation_of(Batch<const double> X);
void standardise_in_place(const Standardisation& by, Batch<double> X);
// A [n, n] symmetric positive definite, both triangles, becomes its inverse, by halves: with X = A11^-1 A12,
//   S = A22 - A21 X,   A^-1 = [A11^-1 + X S^-1 X^T, -X S^-1; ., S^-1],
// 4/3 n^3 operations, all in products, instead of the 7/3 n^3 of a solution with n right sides.
void invert_by_halves(Backend<double>& on, Batch<double> A);
// A matrix whose memory is kept when its shape changes: what is made anew at every step costs no new pages.
class Reused {
public:
    Batch<double> shape(Index rows, Index cols) {  // contents undefined
        if (rows * cols > std::ssize(data_))
            data_.resize(at(rows * cols));
        rows_ = rows;
        cols_ = cols;
        return view();
    }
    [[nodiscard]] Batch<double> view() { return {data_.data(), rows_, cols_}; }
    [[nodiscard]] Batch<const double> view() const { return {data_.data(), rows_, cols_}; }
    void keep(std::span<const Index> rows, std::span<const Index> cols);  // ascending

private:
    std::vector<double> data_;
    Index rows_ = 0, cols_ = 0;
};
// InputError that names them where a feature is not finite.
void require_finite(const Matrix<double>& X);
// (Z Z^T + ridge I) [features, features]
[[nodiscard]] Matrix<double> ridge_matrix(Backend<double>& on, const Matrix<double>& Z, double ridge);
// (Z Z^T + ridge I)^-1 Z Y^T [features, targets], by the smaller of the two systems.
[[nodiscard]] Matrix<double> ridge_weights(Backend<double>& on, const Matrix<double>& Z, const Matrix<double>& Y,
                                           double ridge);

}  // namespace descrambler
