// Equiripple FIR filters and the rational replica of a DEER network: a high-pass, a low-pass and one regularised
// linear transform (Amey et al., PNAS 2021; recipe and verdict in docs/findings.md).
#pragma once

#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler {

struct Band {
    double first, last;  // Nyquist = 1
    double gain;
    double weight = 1;
};
// Parks-McClellan, type I (order even): order + 1 symmetric taps. Throws Error if the exchange does not converge.
[[nodiscard]] std::vector<double> equiripple(Index order, const std::vector<Band>& bands);
[[nodiscard]] double response(const std::vector<double>& taps, double frequency);  // zero phase, Nyquist = 1

// Zero-phase filtering of n points with even extension as a matrix [n, n].
[[nodiscard]] Matrix<double> filter_matrix(const std::vector<double>& taps, Index n);
// A = low pass * high pass of the paper on n = 256 points: high-pass order 256 (stop 0..0.001, pass 0.008..1), low-pass
// order 32 (pass 0..0.01, stop 0.3..1).
[[nodiscard]] Matrix<double> replica_filter(Backend<double>& on, Index n);

struct Replica {
    double relative_error_mean = 0, relative_error_median = 0;  // with the filters
    double without_filters_mean = 0, without_filters_median = 0;
    double lambda = 0;
};
// T = Y S^T (S S^T + lambda tr(S S^T)/n I)^-1 on the training columns, S = A X; lambda with the smallest error on the
// validation columns; output max(T A x, 0); relative error ||y_hat - y|| / ||y|| per validation column.
[[nodiscard]] Replica fit_replica(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y,
                                  const Matrix<double>& X_validation, const Matrix<double>& Y_validation);

}  // namespace descrambler
