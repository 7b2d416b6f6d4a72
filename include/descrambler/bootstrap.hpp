// How alike two descramblings of the SAME network are when they were made with two libraries of inputs: what a pair of
// networks must reach before it may be called one function. A replicate draws as many samples as the library has, with
// replacement (Efron 1979; samples are independent, so single samples are drawn, not blocks), and the network is
// descrambled again. Two replicates stand for two independent libraries of that size.
#pragma once

#include <cstdint>

#include "descrambler/alignment.hpp"

namespace descrambler {

// Replicate `number` of X [features, N]: column j is column floor(N u_j), u_j the first word of counter j of
// stream::bootstrap + number. Keeps a reference: X must outlive it.
[[nodiscard]] Library resampled_library(const Matrix<double>& X, std::uint64_t seed, std::uint64_t number);

// For each network the scores (Scores::fine) of all pairs of replicates a < b, in the order of align_all: [replicates
// (replicates - 1) / 2]. Keeps `replicates` descrambled weights per network in memory. threads 0: all. Throws
// InputError as descramble does, and std::invalid_argument for fewer than two replicates, 2^32 samples or more, a tap
// without a weight, and a custom stencil.
[[nodiscard]] std::vector<std::vector<Alignment>> self_alignment(std::span<const Network> networks,
                                                                 const Matrix<double>& X,
                                                                 const DescrambleRequest& request, Index replicates,
                                                                 std::uint64_t seed, int threads);

}  // namespace descrambler
