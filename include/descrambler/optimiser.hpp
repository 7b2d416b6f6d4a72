// Minimisation over SO(n) of criteria that are no function of the Gram matrix. (Those that are have a closed form;
// their iterative methods are the primitive Backend::minimise.)
//   riemannian  recentred L-BFGS: every step is a Cayley transform around the current point, P <- cayley(q) P, the
//               gradient there -2 lower(Gamma P^T - P Gamma^T), Gamma = d value / d P
//   cayley      L-BFGS in the chart P = cayley(q), from q = 0
#pragma once

#include "descrambler/objective.hpp"

namespace descrambler {

struct OptimiserOptions {
    Minimiser method = Minimiser::riemannian;
    Index evaluations = 500, iterations = 500;
    Index memory = 20;
    double gradient = 1e-6;  // converged at ||g|| <= gradient |value|, or where no step lowers the value any more
};

struct OptimiserResult {
    Matrix<double> P;  // [n, n], orthogonal to rounding
    double value = 0;
    MinimiseReport report;  // converged: by the gradient, or at the resolution of the value
};

// From P0 [n, n] orthogonal (cayley: from the identity, P0 is ignored).
[[nodiscard]] OptimiserResult optimise(Backend<double>& on, const Objective& objective, const OptimiserOptions& options,
                                       const Matrix<double>& P0);

// The nearest orthogonal matrix: U V^T of A = U diag(s) V^T.
[[nodiscard]] Matrix<double> polar(Backend<double>& on, const Matrix<double>& A);

}  // namespace descrambler
