// What a method found for one tap of one network, with its certificate.
#pragma once

#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

struct Solution {
    Matrix<double> P;                  // [n, n] descrambler
    double eta_raw = 0;                // eta(I)
    double eta = 0;                    // eta(P), in factor form where there is a factor
    double eta_bound = 0;              // eta*, the certified lower bound over O(n)
    double gap = 0;                    // (eta - eta*) / max(eta*, c u ||M|| ||G||), c = n
    double offdiagonal = 0;            // max (|N_ij| - floor) / sqrt(N_ii N_jj), not below 0, see docs/numerics.md
    double orthogonality = 0;          // max |P P^T - I|
    Index rank = 0;                    // components outside the null block
    std::vector<double> gamma;         // [n] descending
    std::vector<double> relative_gap;  // [n-1] (gamma_i - gamma_{i+1}) / gamma_i
    std::vector<bool> phase_free;      // per block of equal mu: its gammas coincide within the statistical error,
                                       // (gamma_a - gamma_b) / gamma_a < 2 / sqrt(samples), or all are null
};

}  // namespace descrambler
