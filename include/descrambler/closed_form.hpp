// The global minimiser of smoothness over O(n), in closed form, with canonical signs, ties and null block.
//   eta(P) = ||D P S||_F^2 = tr(M P G P^T),  M = T diag(mu) T^T,  G = U diag(gamma) U^T
//   P* = T U^T (mu ascending against gamma descending),  eta* = sum_i mu_i gamma_i
// Source: Birkhoff / von Neumann; Amey et al., PNAS 2021; rules in docs/numerics.md.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "descrambler/stencil.hpp"

namespace descrambler {

// What a method found for one tap of one network, with its certificate. Criteria that are no function of the Gram
// matrix have no bound: eta_bound, gap and offdiagonal are NaN, and eta is the criterion's own value.
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

// The sign of component j is that of score(U)[j]; `score` may be empty (then the largest entry of u_j is positive).
using SignScore = std::function<std::vector<double>(const Matrix<double>& U)>;

// Principal axes of the signals. Columns of the null block are some orthonormal basis of it.
struct PrincipalAxes {
    Matrix<double> U;           // [n, n], largest entry of each column positive
    std::vector<double> gamma;  // [n] descending, >= 0
    Index rank = 0;             // components outside the null block
};
// By the SVD of R [k, n], G = R^T R; null block sigma_i <= n u sigma_1. Throws InputError for NaN and for R = 0.
[[nodiscard]] PrincipalAxes principal_axes(Backend<double>& on, const Matrix<double>& R);
// Of several factors with as many columns, in one call of the primitive.
[[nodiscard]] std::vector<PrincipalAxes> principal_axes(Backend<double>& on,
                                                        const std::vector<const Matrix<double>*>& factors);
// What a given orthogonal P [n, n] is worth against the bound that the axes of R certify. P is taken as it is.
[[nodiscard]] Solution certify(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                               const PrincipalAxes& axes, const Matrix<double>& R, Index samples);
// The solution from axes that are known; signs [n]: component j is turned where signs[j] < 0; empty: none.
[[nodiscard]] Solution closed_form(Backend<double>& on, const Stencil& stencil, const PrincipalAxes& axes,
                                   const Matrix<double>& R, Index samples, const std::vector<double>& signs);

// From the triangular factor R [n, n] (or any R with G = R^T R, [k, n]) by its SVD: components down to n u sigma_1.
[[nodiscard]] Solution closed_form_from_factor(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R,
                                               Index samples, const SignScore& score);
// From the Gram alone, by eigh: null block gamma_i <= null_tolerance * gamma_1, null_tolerance = max(n u, 1e-12) for
// activations in fp64, 1e-10 in fp32. Throws InputError for NaN, a zero or a non-symmetric Gram (with the numbers).
[[nodiscard]] Solution closed_form_from_gram(Backend<double>& on, const Stencil& stencil, const Matrix<double>& G,
                                             Index samples, const SignScore& score, double null_tolerance);

// Many networks at once, without certificate: P [n, n] and bound [1, 1] of every Gram G [n, n], G destroyed. The rows
// of the null block are whatever eigh made of them.
void closed_forms(Backend<double>& on, const Stencil& stencil, Batch<double> G, Batch<double> P, Batch<double> bound);

// eta in factor form, ||M^(1/2) P R^T||_F^2.
[[nodiscard]] double smoothness(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                                const Matrix<double>& R);

}  // namespace descrambler
