// The global minimiser of smoothness over O(n), in closed form, with canonical signs, ties and null block.
//   eta(P) = ||D P S||_F^2 = tr(M P G P^T),  M = T diag(mu) T^T,  G = S S^T = U diag(gamma) U^T, all [n, n]
//   P* = T U^T (mu ascending against gamma descending),  eta* = sum_i mu_i gamma_i
// The null block are the components whose gamma is zero to rounding; u is the unit roundoff. Source: Birkhoff, von
// Neumann; Amey et al., PNAS 2021; rules in docs/numerics.md. Throws std::invalid_argument where sizes do not fit each
// other, and Error where a factorisation fails.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "descrambler/stencil.hpp"

namespace descrambler {

// What a method found for one tap of one network, with its certificate. For criteria that are no function of the Gram
// matrix eta is the criterion's own value and offdiagonal NaN. mds and mdn are maximised: eta_bound is an upper bound,
// gap (eta_bound - eta) / eta_bound, rank that of W; gamma and what follows from it are empty. tv, fourth and user have
// no bound: eta_bound and gap are NaN.
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
    std::vector<double> relative_gap;  // [n - 1] (gamma_i - gamma_{i+1}) / gamma_i, 0 where gamma_i is
    std::vector<bool> phase_free;      // per block of equal mu: its gammas coincide within the statistical error,
                                       // (gamma_a - gamma_b) / gamma_a < 2 / sqrt(samples), or all are null
    std::string method = "closed";     // closed, polar, riemannian, cayley
    bool converged = true;             // an iterative method met its own test within its budget
    Index iterations = 0, evaluations = 0;
    Index evaluations_to_gap = 0;                // until the gap was at most 1e-6; 0: never, or not iterative
    std::vector<MinimiseReport::Point> history;  // eta on the scale of `eta`, the gradient on that of the method
};

// The sign of component j is that of score(U)[j], U [n, n]; empty: the largest entry of u_j becomes positive.
using SignScore = std::function<std::vector<double>(const Matrix<double>& U)>;

// Principal axes of the signals. Columns of the null block are some orthonormal basis of it.
struct PrincipalAxes {
    Matrix<double> U;           // [n, n], largest entry of each column positive
    std::vector<double> gamma;  // [n] descending, >= 0
    Index rank = 0;             // components outside the null block
};
// By the SVD of R [k, n], G = R^T R; null block sigma_i <= n u sigma_1. Throws InputError for values that are not
// finite and for R = 0.
[[nodiscard]] PrincipalAxes principal_axes(Backend<double>& on, const Matrix<double>& R);
// Of several factors with equally many columns, in as few calls of the primitive as the memory allows.
[[nodiscard]] std::vector<PrincipalAxes> principal_axes(Backend<double>& on,
                                                        const std::vector<const Matrix<double>*>& factors);
// What a given orthogonal P [n, n] is worth against the bound that `axes`, those of R [k, n], certify. P is taken as it
// is. samples: N, for phase_free.
[[nodiscard]] Solution certify(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                               const PrincipalAxes& axes, const Matrix<double>& R, Index samples);
// The solution from the axes of R [k, n]; component j is turned where signs[j] < 0, signs [n] or empty (none turned).
[[nodiscard]] Solution closed_form(Backend<double>& on, const Stencil& stencil, const PrincipalAxes& axes,
                                   const Matrix<double>& R, Index samples, const std::vector<double>& signs);

// From any factor R [k, n] with G = R^T R, by its SVD: components down to n u sigma_1. Throws as principal_axes.
[[nodiscard]] Solution closed_form_from_factor(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R,
                                               Index samples, const SignScore& score);
// From the Gram matrix G [n, n] alone, by eigh: null block gamma_i <= max(null_tolerance, n u) gamma_1; a tolerance of
// 1e-12 suits activations in fp64, 1e-10 those in fp32. Throws InputError, with the numbers, for a G of another size,
// with values that are not finite, zero, not symmetric (to 1e-10 of its largest entry), or with an eigenvalue below
// -1e-6 of the largest.
[[nodiscard]] Solution closed_form_from_gram(Backend<double>& on, const Stencil& stencil, const Matrix<double>& G,
                                             Index samples, const SignScore& score, double null_tolerance);

// Many networks at once, without certificate: P [n, n] and bound [1, 1] of every Gram matrix G [n, n], G destroyed.
// Signs and the rows of the null block are as eigh leaves them.
void closed_forms(Backend<double>& on, const Stencil& stencil, Batch<double> G, Batch<double> P, Batch<double> bound);

// eta(P) in factor form, ||M^(1/2) P R^T||_F^2, P [n, n], R [k, n].
[[nodiscard]] double smoothness(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                                const Matrix<double>& R);

}  // namespace descrambler
