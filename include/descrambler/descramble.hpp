// Descrambling one tap of every network of an ensemble.
#pragma once

#include <string_view>
#include <vector>

#include "descrambler/closed_form.hpp"
#include "descrambler/gram.hpp"

namespace descrambler {

enum class Criterion { smoothness, joint };
[[nodiscard]] std::string_view to_string(Criterion c);
[[nodiscard]] std::string_view to_string(Tap t);
[[nodiscard]] Criterion criterion_from(std::string_view name);  // throws InputError
[[nodiscard]] Tap tap_from(std::string_view name);              // throws InputError

struct DescrambleRequest {
    TapRequest tap;
    Criterion criterion = Criterion::smoothness;
    StencilKind stencil = StencilKind::fourier2;
    // joint: G = H H^T / ||.||_2 + lambda W_{K+1}^T W_{K+1} / ||.||_2; tap after, not for the last layer
    double lambda = 1.0;
};

struct Descrambling {
    Solution solution;
    Matrix<double> gram;                // [n, n] what was minimised over (the joint one if so)
    Matrix<double> descrambled_weight;  // P W_K before, W_{K+1} P^T after; empty for the last layer after
    Index samples = 0;
};

// Signs: first layer, before: sign of sum_t (W^T u)_t, the next moment where the sum is small; deeper: sign of the
// third moment of the scores. Throws InputError as tap_grams does, and for a joint request that has no next layer.
[[nodiscard]] std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                                   const DescrambleRequest& request, int threads);

}  // namespace descrambler
