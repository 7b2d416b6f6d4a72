// What a method found for one tap of one network, with its certificate.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"

namespace descrambler {

// Criteria that are no function of the Gram matrix have no bound: eta_bound, gap and offdiagonal are NaN, and eta is
// the criterion's own value.
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
    std::string method = "closed";     // closed, polar, riemannian, cayley
    bool converged = true;             // an iterative method met its own test within its budget
    Index iterations = 0, evaluations = 0;
    Index evaluations_to_gap = 0;                // the first with a gap of at most 1e-6; 0: none, or not iterative
    std::vector<MinimiseReport::Point> history;  // eta on its own scale, the gradient on that of the method
};

}  // namespace descrambler
