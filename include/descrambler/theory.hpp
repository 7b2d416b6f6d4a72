// What theory predicts about descrambling, and the exact random ensembles on which it is tested.
// lambda [n] squared singular values of W, mu [n] ascending. Sources: Sule, Spencer, Czaja, with the corrections of
// docs/numerics.md; Bartlett 1933 (Wishart matrices); Davis, Kahan 1970.
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
// eta of the exact Gram W W^T. Pairs of equal lambda (relative 1e-12) are free, and do not count.
struct NoiseRates {
    double error = 0;   // C1
    double excess = 0;  // C2
};
[[nodiscard]] NoiseRates noise_rates(const std::vector<double>& lambda, const std::vector<double>& mu);

// Signals of covariance C [d, d] under white noise, Gram W (alpha^2 C + I) W^T: for small alpha the descrambler is
// turned against that of the noise alone by ||phi - I||_F = c alpha^2, phi = T^T P U. Returns c, the norm over i != j
// of (U^T W C W^T U)_ij / (lambda_j - lambda_i).
// W [n, d], n <= d, of distinct singular values.
[[nodiscard]] double signal_rate(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& C);

// Lower triangular A [n, n] with A A^T distributed as Z Z^T, Z [n, N] standard normal: the Gram matrix of N samples of
// white noise without drawing them. N > n. chi^2 by Marsaglia, Tsang 2000.
[[nodiscard]] Matrix<double> wishart_factor(RandomStream& random, Index n, Index samples);
[[nodiscard]] double chi_square(RandomStream& random, double degrees);  // degrees >= 2
[[nodiscard]] Matrix<double> normal_matrix(RandomStream& random, Index rows, Index cols);
[[nodiscard]] Matrix<double> haar_orthogonal(Backend<double>& on, RandomStream& random, Index n);

// Circular convolution y_i = sum_l filter_l x_{i - l}, [n, n]; convolution with zero padding; squared transfer function
// |w^(k)|^2 of frequency k of each column of T for fourier2: k = 0, 1, 1, 2, 2, ..
[[nodiscard]] Matrix<double> circulant(const std::vector<double>& filter, Index n);
[[nodiscard]] Matrix<double> zero_padded_convolution(const std::vector<double>& filter, Index n);
[[nodiscard]] std::vector<double> squared_transfer(const std::vector<double>& filter, Index n);
// ||A - its nearest circulant||_F / ||A||_F, 0 for convolutions and 1 at most.
[[nodiscard]] double distance_from_circulant(const Matrix<double>& A);

// n windowed cosines over d points whose frequencies grow as the 1.5 power of the index: an example of a trained layer.
[[nodiscard]] Matrix<double> filter_bank(Index n, Index d);

// The kernel of DEER by its definition, int_0^1 cos((1 - 3 x^2) phase) dx, phase = w t up to 1e4. Error below 1e-14.
[[nodiscard]] double orientation_average(double phase);

}  // namespace descrambler
