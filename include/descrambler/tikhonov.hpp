// The peer of the networks: non-negative Tikhonov regularisation of a DEER trace with an unknown background and
// generalised cross validation.
//   v [times] ~ A(k, d) x,  A = [B, diag(B) K],  B = exp(-(k t)^(d/3)),  x = (x_0, q) = (1 - m, m p) >= 0
//   penalty lambda^2 ||L q||^2 = ||lambda L0 x||^2,  L = second differences 1 -2 1, x_0 not penalised
//   t in us, distances in nm, k in 1/us, lambda and the rest dimensionless; K, t of DeerTables
// 1. background: at lambda = 100 minimise ||(A x - v; lambda L0 x)||^2 over (k, d), x the non-negative solution there,
//    k within 1e-3 .. 1, d within 2 .. 3.5
// 2. lambda: GCV of the unconstrained problem on logspace(0, 4, 17)
// 3. answer: non-negative solution at that lambda, q / max q
// Throws std::invalid_argument where sizes do not fit.
#pragma once

#include <span>
#include <vector>

#include "descrambler/deer_database.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {

// The x [n] of min x^T H x / 2 - f^T x, x >= 0, H [n, n] symmetric positive definite. Block pivoting (Portugal, Judice,
// Vicente 1994); where it does not finish, Lawson-Hanson's active set method. The result satisfies the KKT conditions
// up to rounding. Throws Error where H is not positive definite.
[[nodiscard]] std::vector<double> nonnegative_quadratic(Backend<double>& on, const Matrix<double>& H,
                                                        const std::vector<double>& f);
// The same by Lawson-Hanson's active set method alone (Lawson, Hanson 1974, chapter 23, on the normal equations).
[[nodiscard]] std::vector<double> nonnegative_active_set(Backend<double>& on, const Matrix<double>& H,
                                                         const std::vector<double>& f);

// GCV(lambda) = ||A x - v||^2 / (N - tr[A (A^T A + lambda^2 R)^-1 A^T])^2, x unconstrained, for all lambdas from one
// eigendecomposition (Golub, Heath, Wahba 1979). At = A^T [unknowns, N], R [unknowns, unknowns] symmetric, A^T A + R
// positive definite, v [N].
[[nodiscard]] std::vector<double> generalised_cross_validation(Backend<double>& on, const Matrix<double>& At,
                                                               const Matrix<double>& R, std::span<const double> v,
                                                               std::span<const double> lambdas);

// What step 1 minimises, ||(A x - v; lambda L0 x)||^2 / 2 at lambda = 100, with its gradient in log k and in the shape
// s, d = 2 + 1.5 / (1 + exp(-s)).
struct BackgroundCost {
    double value = 0;
    double by_log_rate = 0, by_shape = 0;
};
[[nodiscard]] BackgroundCost background_cost(Backend<double>& on, const DeerTables& tables,
                                             const std::vector<double>& trace, double log_rate, double shape);

struct TikhonovFit {
    std::vector<double> distribution;    // [distances] q / max q; zeros where q vanishes
    double depth = 0;                    // m = sum q / (x_0 + sum q)
    double rate_mhz = 0, dimension = 0;  // k, d
    double lambda = 0;
    bool lambda_interior = false;  // not at either end of the grid
};
// trace [times], unscaled (v(0) = 1 without noise). Throws std::invalid_argument for a value that is not finite.
[[nodiscard]] TikhonovFit tikhonov_fit(Backend<double>& on, const DeerTables& tables, const std::vector<double>& trace);

struct TikhonovPeer {
    std::vector<TikhonovFit> fits;
    std::vector<double> relative_error;  // [n] of the distribution, against the target scaled to maximum 1
};
// A fit of each column of traces [times, n]; targets [distances, n]. threads 0: all. Throws as tikhonov_fit.
[[nodiscard]] TikhonovPeer tikhonov_peer(const DeerTables& tables, const Matrix<double>& traces,
                                         const Matrix<double>& targets, int threads);

}  // namespace descrambler
