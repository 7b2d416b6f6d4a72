// What theory predicts about descrambling, and the exact random ensembles on which it is tested.
// lambda [n] squared singular values of W, mu [n] ascending. Sources: Sule, Spencer, Czaja, with the corrections of
// docs/numerics.md; Bartlett 1933 (Wishart matrices). Throws std::invalid_argument where sizes do not fit.
#pragma once

#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

// White noise of N samples in place of the library, to first order in 1/N (P_N from N samples, P from infinitely many):
//   E ||P_N W - P W||^2 / ||W||^2 = error / N
//       error  = sum_{i != j} lambda_i lambda_j^2 / (lambda_i - lambda_j)^2 / sum lambda
//   E eta(P_N) / eta* - 1 = excess / N
//       excess = sum_{i < j} |mu_i - mu_j| lambda_i lambda_j / |lambda_i - lambda_j| / eta*
// eta of the exact Gram matrix W W^T. Pairs of equal lambda (relative 1e-12) are free and do not count.
struct NoiseRates {
    double error = 0;   // C1
    double excess = 0;  // C2
};
[[nodiscard]] NoiseRates noise_rates(const std::vector<double>& lambda, const std::vector<double>& mu);

// Signals of covariance C [d, d] under white noise, Gram W (alpha^2 C + I) W^T: for small alpha the descrambler is
// turned against that of the noise alone by ||phi - I||_F = c alpha^2, phi = T^T P U. Returns c, the norm over i != j
// of (U^T W C W^T U)_ij / (lambda_j - lambda_i), W [n, d], n <= d, with distinct singular values.
[[nodiscard]] double signal_rate(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& C);

// Lower triangular A [n, n] with A A^T distributed as Z Z^T, Z [n, samples] standard normal: the Gram matrix of white
// noise without drawing the samples. samples > n. chi^2 by Marsaglia, Tsang 2000.
[[nodiscard]] Matrix<double> wishart_factor(RandomStream& random, Index n, Index samples);
[[nodiscard]] double chi_square(RandomStream& random, double degrees);  // degrees >= 2
[[nodiscard]] Matrix<double> normal_matrix(RandomStream& random, Index rows, Index cols);
// [n, n], Haar-random in O(n): the polar factor of a normal matrix.
[[nodiscard]] Matrix<double> haar_orthogonal(Backend<double>& on, RandomStream& random, Index n);

// Matrices [n, n] of y_i = sum_l filter_l x_{i - l}, circular (filter not longer than n) and with zero padding; and the
// squared transfer function |w^(k)|^2 at the frequency k of each column of T of fourier2, k = 0, 1, 1, 2, 2, ..: [n]
[[nodiscard]] Matrix<double> circulant(const std::vector<double>& filter, Index n);
[[nodiscard]] Matrix<double> zero_padded_convolution(const std::vector<double>& filter, Index n);
[[nodiscard]] std::vector<double> squared_transfer(const std::vector<double>& filter, Index n);
// ||A - its nearest circulant||_F / ||A||_F of a square A: 0 for circular convolutions, at most 1.
[[nodiscard]] double distance_from_circulant(const Matrix<double>& A);

// [n, d]: n windowed cosines over d points whose frequencies grow as the 1.5 power of the index, as an example of a
// trained layer.
[[nodiscard]] Matrix<double> filter_bank(Index n, Index d);

// The kernel of DEER by its definition, int_0^1 cos((1 - 3 x^2) phase) dx, phase = w t [rad] up to 1e4. Error below
// 1e-14.
[[nodiscard]] double orientation_average(double phase);

}  // namespace descrambler
