// Descrambling one tap of every network of an ensemble, by any criterion and method.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/closed_form.hpp"
#include "descrambler/criterion.hpp"
#include "descrambler/gram.hpp"
#include "descrambler/objective.hpp"

namespace descrambler {

// A further tap of the same width whose signals are made smooth by the same P.
struct SharedTap {
    TapRequest tap;
    double weight = 1;
};

struct DescrambleRequest {
    TapRequest tap;
    Criterion criterion = Criterion::smoothness;
    StencilKind stencil = StencilKind::fourier2;
    // joint: G = H H^T / ||.|| + lambda W_{K+1}^T W_{K+1} / ||.||; tap after, not for the last layer
    double lambda = 1.0;
    Matrix<double> stencil_matrix = {};  // stencil custom: D [m, n]
    std::vector<SharedTap> shared = {};  // Gram criteria: sum over taps, each weighted and balanced
    Balance balance = Balance::norm;     // of every part of a sum (joint, shared)
    bool special = false;                // mds: over SO(n) instead of O(n)
    std::function<Objective(const Matrix<double>& S)> objective = {};  // user: from the signals [n, N]
    Method method = Method::automatic;
    Start start = Start::automatic;  // riemannian; cayley starts from Q = 0
    std::uint64_t seed = 1;          // random start: stream::start + network
    Index evaluations = 500, iterations = 500;
    bool single_precision = false;  // riemannian and cayley of Gram criteria: iterate in fp32, certify in fp64
    bool check_gradient = false;    // objectives: against finite differences, InputError where they disagree
};

struct Descrambling {
    Solution solution;
    Matrix<double> gram;                // [n, n] what was minimised over; plain Gram of the signals for objectives
    Matrix<double> descrambled_weight;  // P W_K before, W_{K+1} P^T after; empty for the last layer after
    Index samples = 0;
    // linearised taps of Gram criteria: eta of the true signals at P over their own minimum; NaN otherwise
    double surrogate_ratio = std::numeric_limits<double>::quiet_NaN();
};

// Signs: first layer, before: sign of sum_t (W^T u)_t, the next moment where the sum is small; deeper: sign of the
// third moment of the scores. Throws InputError as tap_grams does, for combinations that do not exist (a joint request
// without a next layer, shared taps of another width, closed for a criterion without closed form, ...) and, with the
// numbers, for W of mds and mdn that is not square or, for mds, singular. The library is not read for mds and mdn.
// known: sums over this library that are there already, as tap_sums takes them.
[[nodiscard]] std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                                   const DescrambleRequest& request, const Execution& execution,
                                                   std::span<const TapSums> known = {});
// Several requests, a result each, with the bits that each has alone. What they share is streamed once: the sums of
// their taps, and the third moments of those that look at the same tap.
[[nodiscard]] std::vector<std::vector<Descrambling>> descramble_all(std::span<const Network> networks,
                                                                    const Library& library,
                                                                    std::span<const DescrambleRequest> requests,
                                                                    const Execution& execution,
                                                                    std::span<const TapSums> known = {});

}  // namespace descrambler
