// Minimisation over SO(n) of criteria that are no function of the Gram matrix. (Those that are have a closed form;
// their iterative methods are the primitive Orthogonal::minimise.)
//   riemannian  recentred L-BFGS: every step is a Cayley transform around the current point, P <- cayley(q) P, the
//               gradient there -2 lower(Gamma P^T - P Gamma^T), Gamma = d value / d P
//   cayley      L-BFGS in the chart P = cayley(q), from q = 0
// L-BFGS: Nocedal, Math. Comput. 35 (1980) 773.
#pragma once

#include "descrambler/objective.hpp"

namespace descrambler {

struct OptimiserOptions {
    Minimiser method = Minimiser::riemannian;
    Index evaluations = 500, iterations = 500;  // budgets, whichever is used up first
    Index memory = 20;                          // pairs of the quasi-Newton matrix
    // Converged at ||g|| <= gradient |value|, g over the n (n - 1) / 2 entries of q; riemannian also where no step
    // changes the value any more.
    double gradient = 1e-6;
};

struct OptimiserResult {
    Matrix<double> P;  // [n, n], orthogonal to rounding
    double value = 0;
    MinimiseReport report;
};

// From P0 [n, n] orthogonal (cayley: from the identity, P0 is ignored). Throws std::invalid_argument for a P0 of
// another size, and what the objective throws.
[[nodiscard]] OptimiserResult optimise(Backend<double>& on, const Objective& objective, const OptimiserOptions& options,
                                       const Matrix<double>& P0);

// The orthogonal matrix nearest to A [n, n] in the Frobenius norm: U V^T of A = U diag(s) V^T.
[[nodiscard]] Matrix<double> polar(Backend<double>& on, const Matrix<double>& A);

}  // namespace descrambler
