// Rotations P in SO(n): the Cayley chart, and the minimisation of the smoothness functional
//   eta = sum_i mu_i ||row_i(P L)||^2 = tr(M P G P^T),   M = diag(mu) in its own basis,  G = L L^T
// mu [n, 1], L [n, k], P [n, n]; the generator q [n (n - 1) / 2, 1] is the strictly lower triangle of Q, column by
// column, Q = lower(q) - lower(q)^T. No leading dimensions; mu and L may be shared by the batch (stride 0). Throws
// std::invalid_argument for shapes. Sources: Amey et al., PNAS 2021; docs/numerics.md, "Methods".
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// How eta is minimised over SO(n).
enum class Minimiser {
    // preconditioned descent, the chart recentred at every step; stops when N = P G P^T is diagonal and sorted
    riemannian,
    // L-BFGS over q in P = cayley(q), from q = 0: the published parameterisation, for comparison
    cayley
};
struct MinimiseOptions {
    Minimiser method = Minimiser::riemannian;
    Index evaluations = 500, iterations = 500;  // budgets, whichever is used up first
    double offdiagonal = 1e-6;  // riemannian: stops at |N_ij| <= this sqrt(N_ii N_jj) + rounding where mu_i != mu_j
    // [batch] certified minima, or empty. With them riemannian stops only once eta - bound <= gap |bound| holds too,
    // and cayley stops as soon as it does.
    std::vector<double> bound;
    double gap = 1e-6;    // relative
    Index memory = 20;    // cayley: pairs of the quasi-Newton matrix
    double gradient = 0;  // cayley: stops at ||g|| <= gradient ||g_0||
};
struct MinimiseReport {
    struct Point {
        Index iterations = 0, evaluations = 0;
        double eta = 0, gradient = 0;  // gradient: 2-norm over the n (n - 1) / 2 independent entries
    };
    bool converged = false;                 // stopped by its own test, not by a budget
    Index iterations = 0, evaluations = 0;  // accepted steps; calls of the functional
    // The start and every accepted step; riemannian also each time that it leaves a saddle by sorting the rows of P.
    std::vector<Point> history;
};

template <class T>
class Orthogonal {
public:
    // P = (I + Q)^-1 (I - Q), without pivoting (every pivot is >= 1)
    void cayley(Batch<const T> q, Batch<T> P);
    // dP = d value / d P [n, n] -> dq = d value / d q = lower(A - A^T), A = -1/2 (I + P)^T dP (I + P)^T; assigned
    void cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq);
    // eta [1, 1] and dq = d eta / d q [n (n - 1) / 2, 1] at P = cayley(q)
    void tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq);
    // The whole minimisation of every item, from P (riemannian; cayley ignores it) and into P; one report per item.
    // n >= 1. The CPU throws Error where a block of equal mu does not factorise (values that are not finite).
    void minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                  std::span<MinimiseReport> reports);

protected:
    ~Orthogonal() = default;

private:
    virtual void do_cayley(Batch<const T> q, Batch<T> P) = 0;
    virtual void do_cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) = 0;
    virtual void do_tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) = 0;
    virtual void do_minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                             std::span<MinimiseReport> reports) = 0;
};

}  // namespace descrambler
