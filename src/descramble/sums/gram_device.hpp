// Taps of a whole ensemble on a device: one call a block of the library serves every network. What column_sums.hpp does
// network by network on the host, with the same mathematics, by leaves of their own length.
#pragma once

#include <span>

#include "descramble/sums/column_sums.hpp"

namespace descrambler {

// Of S at the tap, one a network.
[[nodiscard]] std::vector<ColumnSums> device_taps(Backend<double>& on, std::span<const Network> networks,
                                                  const TapRequest& request, const Library& library,
                                                  const Execution& execution, const Streaming& streaming,
                                                  const Complaint& not_finite);
// Of the columns [rows, any] that make() makes of the blocks of the library, on the host.
[[nodiscard]] ColumnSums device_inputs(Backend<double>& on, const Library& library, Index rows, const MakeColumns& make,
                                       bool centre, const Execution& execution, const Streaming& streaming,
                                       const Complaint& not_finite);
// R_i with R_i^T R_i = (factor W_i^T)^T (factor W_i^T), factor [d, d], W_i [n, d].
[[nodiscard]] std::vector<Matrix<double>> device_factors(Backend<double>& on, const Matrix<double>& factor,
                                                         const std::vector<Matrix<double>>& weights);
// sum over samples of (u^T (s - mean))^3 for each column u of U [n, k], one a network.
[[nodiscard]] std::vector<std::vector<double>> device_third_moments(
    Backend<double>& on, std::span<const Network> networks, const TapRequest& request, const Library& library,
    const std::vector<std::vector<double>>& means, const std::vector<Matrix<double>>& U, const Execution& execution);

}  // namespace descrambler
