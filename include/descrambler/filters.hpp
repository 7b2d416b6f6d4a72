// Equiripple FIR filters and the rational replica of a DEER network: a high-pass, a low-pass and one regularised
// linear transform (Amey et al., PNAS 2021; recipe and verdict in docs/findings.md). Frequencies are in units of the
// Nyquist frequency. Throws std::invalid_argument for arguments outside what is said here.
#pragma once

#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler {

struct Band {
    double first, last;  // within 0 .. 1
    double gain;
    double weight = 1;  // of the error in this band, positive
};
// order + 1 symmetric taps of the filter with the smallest weighted error, by the exchange of Parks and McClellan (IEEE
// Trans. Circuit Theory 19 (1972) 189), type I: order even, at least 2. Bands ascend and do not touch. Throws Error
// where the exchange does not converge or the error is lost in roundoff.
[[nodiscard]] std::vector<double> equiripple(Index order, const std::vector<Band>& bands);
// Amplitude at a frequency, as zero-phase filter; an odd number of taps.
[[nodiscard]] double response(const std::vector<double>& taps, double frequency);

// Zero-phase filtering of n points with even extension as a matrix [n, n]; an odd number of taps, at most 4 n - 3.
[[nodiscard]] Matrix<double> filter_matrix(const std::vector<double>& taps, Index n);
// A [n, n] = low pass * high pass of the paper, which has n = 256 points: high pass of order 256 (stop 0 .. 0.001, pass
// 0.008 .. 1), low pass of order 32 (pass 0 .. 0.01, stop 0.3 .. 1). n >= 65.
[[nodiscard]] Matrix<double> replica_filter(Backend<double>& on, Index n);

struct Replica {
    double relative_error_mean = 0, relative_error_median = 0;    // with the filters
    double without_filters_mean = 0, without_filters_median = 0;  // A = I
    double lambda = 0;                                            // with the filters
};
// T = Y S^T (S S^T + lambda tr(S S^T)/n I)^-1 on the training columns X [n, N], Y [m, N], S = A X; output
// max(T A x, 0); relative error ||y_hat - y|| / ||y|| of each validation column, as many rows as in training. lambda
// runs over 1e-14 .. 1 by half decades; that with the smallest mean error on the validation columns is taken.
[[nodiscard]] Replica fit_replica(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y,
                                  const Matrix<double>& X_validation, const Matrix<double>& Y_validation);

}  // namespace descrambler
