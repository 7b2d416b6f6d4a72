// Rotations P in SO(n), without leading dimensions: the Cayley chart, and the minimisation of
//   eta = sum_i mu_i ||row_i(P L)||^2 = tr(M P G P^T),   M = diag(mu) in its own basis,  G = L L^T
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// How eta is minimised over SO(n).
enum class Minimiser {
    // preconditioned descent, the chart centred anew at every step; stops when N = P G P^T is diagonal and sorted
    riemannian,
    // L-BFGS over q in P = cayley(q), from q = 0: the published parameterisation, for comparison
    cayley
};
struct MinimiseOptions {
    Minimiser method = Minimiser::riemannian;
    Index evaluations = 500, iterations = 500;  // budgets, whichever ends first
    double offdiagonal = 1e-6;  // riemannian: stops at |N_ij| <= this sqrt(N_ii N_jj) + rounding where mu_i != mu_j
    // [batch] certified minima, or empty. With them a run also has to reach (riemannian), or stops at (cayley),
    // eta - bound <= gap bound.
    std::vector<double> bound;
    double gap = 1e-6;
    Index memory = 20;    // cayley: pairs of the quasi-Newton matrix
    double gradient = 0;  // cayley: stops at ||g|| <= gradient ||g_0||
};
struct MinimiseReport {
    struct Point {
        Index iterations = 0, evaluations = 0;
        double eta = 0, gradient = 0;  // gradient: 2-norm over the n (n - 1) / 2 independent entries
    };
    bool converged = false;
    Index iterations = 0, evaluations = 0;
    std::vector<Point> history;  // the start and every accepted step
};

template <class T>
class Orthogonal {
public:
    // q [n (n - 1) / 2, 1]: strictly lower triangle of Q column by column, Q = lower(q) - lower(q)^T.
    // P [n, n] = (I + Q)^-1 (I - Q), without pivoting (every pivot is >= 1)
    void cayley(Batch<const T> q, Batch<T> P);
    // dP [n, n] -> dq [n (n - 1) / 2, 1], assigned
    void cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq);
    // eta [1, 1] and d eta / d q of the functional above at P = cayley(q); mu [n, 1], L [n, k]
    void tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq);
    // The whole minimisation of every item, from P (riemannian; cayley ignores it) and into P [n, n]. One report an
    // item.
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
