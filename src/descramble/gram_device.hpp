// Taps of a whole ensemble on a device: one call a block of the library serves every network. What gram.cpp does
// network by network on the CPU, with the same mathematics: columns streamed into triangular factors by QR.
#pragma once

#include <functional>
#include <span>

#include "descrambler/gram.hpp"

namespace descrambler {

// Of one network or, for the inputs, of the library.
struct ColumnSums {
    std::vector<double> mean;  // of the columns
    Matrix<double> factor;     // R upper triangular, R^T R = sum over columns, around the mean if asked
};

// Of S at the tap, one a network.
[[nodiscard]] std::vector<ColumnSums> device_taps(Backend<double>& on, std::span<const Network> networks,
                                                  const TapRequest& request, const Library& library);
// Of columns(X) [rows, any] of every block X of the library.
[[nodiscard]] ColumnSums device_inputs(Backend<double>& on, const Library& library, Index rows, bool centre,
                                       const std::function<Matrix<double>(const Matrix<double>& X)>& columns);
// R_i with R_i^T R_i = (factor W_i^T)^T (factor W_i^T), factor [d, d], W_i [n, d].
[[nodiscard]] std::vector<Matrix<double>> device_factors(Backend<double>& on, const Matrix<double>& factor,
                                                         const std::vector<Matrix<double>>& weights);
// sum over samples of (u^T (s - mean))^3 for each column u of U [n, k], one a network.
[[nodiscard]] std::vector<std::vector<double>> device_third_moments(Backend<double>& on,
                                                                    std::span<const Network> networks,
                                                                    const TapRequest& request, const Library& library,
                                                                    const std::vector<std::vector<double>>& means,
                                                                    const std::vector<Matrix<double>>& U);

}  // namespace descrambler
