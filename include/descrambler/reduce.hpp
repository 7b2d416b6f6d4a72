// A layer of lower rank as an ordinary network: the link dimension chosen by singular values.
//   W_K [m, n] = U diag(s) V^T      f(W_K h + b) -> f(U_k z + b),  z = diag(s_k) V_k^T h   [k]
// The layer becomes two: a link of k units, diag(s_k) V_k^T [k, n] with neither activation nor bias, and U_k [m, k]
// with activation, bias and renormalisation of the layer. ||W_K - U_k diag(s_k) V_k^T||_2 = s_{k+1}, the least that
// rank k allows (Eckart, Young 1936).
#pragma once

#include <functional>
#include <optional>

#include "descrambler/gram.hpp"

namespace descrambler {

struct Reduction {
    Network network;              // one layer more
    std::vector<double> s;        // [min(m, n)] of W_K, descending
    double spectral_error = 0;    // s_{k+1}, 0 at full rank
    double discarded_energy = 0;  // sum_{i > k} s_i^2 / sum s_i^2
};
// Throws InputError for a layer out of range and a rank outside 1 .. min(m, n).
[[nodiscard]] Reduction reduce_link(Backend<double>& on, const Network& network, Index layer, Index rank);

struct ErrorStatistics {  // over samples
    double mean = 0, median = 0, max = 0;
};

// What a changed network costs on a library: ||y' - y|| / ||y|| of the outputs of each sample, and where there are
// targets ||y - t|| / ||t|| before and after. The error of a sample whose reference is 0 is 0 or infinite. One pass,
// which keeps three numbers per sample. threads 0: all. Throws InputError for a library of another width or without
// samples and for outputs that are not finite, std::invalid_argument for networks of different inputs or outputs.
struct ReductionCost {
    ErrorStatistics outputs;
    std::optional<ErrorStatistics> before, after;
};
using TargetReader = std::function<void(Index first, Batch<double> targets)>;  // [outputs, count], as Library::read
[[nodiscard]] ReductionCost reduction_cost(const Network& full, const Network& reduced, const Library& library,
                                           const TargetReader& targets, int threads);

}  // namespace descrambler
