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
    double weight = 1;  // of its Gram matrix in the sum, positive and finite
};

struct DescrambleRequest {
    TapRequest tap;
    Criterion criterion = Criterion::smoothness;
    StencilKind stencil = StencilKind::fourier2;
    // joint: G = H H^T / ||.|| + lambda W_{K+1}^T W_{K+1} / ||.||, H the signals; tap after, not for the last layer
    double lambda = 1.0;
    Matrix<double> stencil_matrix = {};  // stencil custom: D [m, n]
    std::vector<SharedTap> shared = {};  // Gram criteria: sum over taps, each weighted and balanced
    Balance balance = Balance::norm;     // of every part of a sum (joint, shared)
    bool special = false;                // mds only: over SO(n) instead of O(n)
    std::function<Objective(const Matrix<double>& S)> objective = {};  // user: from the signals [n, N]
    Method method = Method::automatic;
    Start start = Start::automatic;             // riemannian; cayley starts from Q = 0
    std::uint64_t seed = 1;                     // random start: stream::start + network
    Index evaluations = 500, iterations = 500;  // budgets of riemannian and cayley
    bool single_precision = false;  // riemannian and cayley of Gram criteria: iterate in fp32, certify in fp64
    bool check_gradient = false;    // objectives: against finite differences, InputError where they disagree
};

struct Descrambling {
    Solution solution;
    Matrix<double> gram;  // [n, n] what was minimised; of the signals for tv, fourth and user; empty for mds and mdn
    Matrix<double> descrambled_weight;  // P W_K before, W_{K+1} P^T after; empty for the last layer after
    Index samples = 0;                  // of the library; 0 for mds and mdn
    // linearised taps of Gram criteria: eta of the true signals at P over their own minimum; NaN otherwise
    double surrogate_ratio = std::numeric_limits<double>::quiet_NaN();
};

// One result per network, on every rank; all ranks call. Signs of the components: first layer before its activation,
// the sign of sum_t (W^T u)_t, or of the next moment where that sum is small; otherwise the sign of the third moment of
// the scores. The library is not read for mds and mdn. known: sums over this library that are there already, as
// tap_sums takes them.
//
// Throws InputError as tap_grams does, for combinations that do not exist (a joint request without a next layer, shared
// taps of another width, closed for a criterion without closed form, ...), for signals that are all zero, for more than
// 2^28 signal values in all with tv, fourth and user, which keep them, and, with the numbers, for a W of mds and mdn
// that is not square or, for mds, singular. Throws std::invalid_argument for no network.
[[nodiscard]] std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                                   const DescrambleRequest& request, const Execution& execution,
                                                   std::span<const TapSums> known = {});
// Several requests, a result for each, with the same bits as alone. What they share is streamed once: the sums of their
// taps, and the third moments of those that look at the same tap.
[[nodiscard]] std::vector<std::vector<Descrambling>> descramble_all(std::span<const Network> networks,
                                                                    const Library& library,
                                                                    std::span<const DescrambleRequest> requests,
                                                                    const Execution& execution,
                                                                    std::span<const TapSums> known = {});

}  // namespace descrambler
