// Spectra of weight matrices [n, N], n points along the link and N along time (80 and 256 in DEER networks), and what
// is read from them.
//   F[k_out, k_in] = |sum A[i, t] exp(-2 pi i (k_out i / n + k_in t / N))|^2       A = W1 or P W1
//   H(k) = ||W1 e_k||_2, e_k[t] = exp(-2 pi i k t / N), k = 0 .. N/2
#pragma once

#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler {

[[nodiscard]] std::vector<double> column_gain(Backend<double>& on, const Matrix<double>& W);  // H(k), [N/2 + 1]
// sqrt F(k_out, k_in) + sqrt F(-k_out, k_in), [n, N]: the picture by which networks are compared
[[nodiscard]] Matrix<double> folded_amplitude(Backend<double>& on, const Matrix<double>& A);
// Correlation of x and y, and of their ranks; 0 where one of them is constant. Throws std::invalid_argument for samples
// that are empty or differ in size.
[[nodiscard]] double pearson(std::span<const double> x, std::span<const double> y);
[[nodiscard]] double spearman(std::span<const double> x, std::span<const double> y);  // ties share their mean rank

}  // namespace descrambler
