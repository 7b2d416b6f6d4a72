// Sums of the signals at a tap, of every network of an ensemble: network by network on the host, all at once on a
// device. `device` is the backend of the execution in either case.
#pragma once

#include "descramble/sums/column_sums.hpp"

namespace descrambler {

// Sums of S at the tap, one for each network; request.items is the number of networks. All ranks call.
[[nodiscard]] std::vector<ColumnSums> tap_columns(Backend<double>& device, std::span<const Network> networks,
                                                  const TapRequest& tap, const ColumnRequest& request);
// Sums of the inputs themselves, and of a row of ones below them where request.n is one more than the features. The
// ones stand in for the bias of a layer; centring removes them again.
[[nodiscard]] ColumnSums input_columns(Backend<double>& device, const ColumnRequest& request);

// R_i with R_i^T R_i = (factor W_i^T)^T (factor W_i^T), factor [d, d], W_i [n, d]: on a device, all at once.
[[nodiscard]] std::vector<Matrix<double>> device_factors(Backend<double>& on, const Matrix<double>& factor,
                                                         const std::vector<Matrix<double>>& weights);

// For each network: sum over samples of (u^T (s - mean))^3 for each column u of U [n, k].
struct MomentRequest {
    const Library& library;
    const Execution& execution;
    const std::vector<std::vector<double>>& means;
    const std::vector<Matrix<double>>& U;
};
[[nodiscard]] std::vector<std::vector<double>> third_moments(Backend<double>& device, std::span<const Network> networks,
                                                             const TapRequest& tap, const MomentRequest& request);

}  // namespace descrambler
