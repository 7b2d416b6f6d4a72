// Criteria that make a square product P W as diagonal as an orthogonal P can. W, P [n, n], W = U diag(sigma) V^T
//   MDS  tr(P W)            over O(n): sum sigma at V U^T, where P W is symmetric and positive semidefinite;
//                           over SO(n) with det W < 0: sum sigma - 2 sigma_n at V diag(1, .., 1, -1) U^T
//   MDN  sum_i (P W)_ii^2   = max over x >= 0 of F(x) = 2 tr (W diag(x) W^T)^1/2 - sum_i x_i, concave; x_i = (P W)_ii^2
//        iteration   P <- polar factor of diag(d) W^T, d = diag(P W): the value never falls, and a fixed point with all
//                    d_i != 0 is the global maximum
//        certificate for any Z > 0, value <= c tr Z^-1, c = max_i w_i^T Z w_i with w_i the columns of W; here
//                    Z = (W diag(x) W^T + eps I)^-1/2, the best of eps = 1e-16 .. 1e-2 of the norm in half decades
// Sources: docs/numerics.md, "Diagonal criteria". All throw InputError for a W that is not square (with both sizes),
// has a value that is not finite, is zero, or whose largest entry lies outside 1e-140 .. 1e140, where squares would
// leave the range; std::invalid_argument for a P or a start of another size.
#pragma once

#include "descrambler/matrix.hpp"

namespace descrambler {

struct DiagonalValue {
    double value = 0;
    Matrix<double> gradient;  // [n, n] d value / d P, entry by entry
};
// tr(P W), and sum_i (P W)_ii^2.
[[nodiscard]] DiagonalValue diagonal_sum(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& P);
[[nodiscard]] DiagonalValue diagonal_norm(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& P);

enum class Group { O, SO };

struct DiagonalSum {
    Matrix<double> P;  // [n, n]
    double value = 0;  // tr(P W)
    double bound = 0;  // the closed form, equal to the value up to n u (u the unit roundoff)
};
// Throws InputError, with the numbers, where the maximiser is not unique: sigma_n <= n u sigma_1, and for SO(n) with
// det W < 0 also sigma_{n-1} - sigma_n <= n u sigma_1.
[[nodiscard]] DiagonalSum maximum_diagonal_sum(Backend<double>& on, const Matrix<double>& W, Group group);

struct DiagonalNormOptions {
    Index iterations = 20000;
    double increase = 1e-13;        // stops where a step raises the value by less, relatively,
    double bracket = 1e-12;         // or where the certificate (every tenth step) is as close as this, relatively
    double certified_width = 1e-6;  // certified: width not above this
    Matrix<double> start;           // [n, n] orthogonal; empty: the MDS point
};

struct DiagonalNorm {
    Matrix<double> P;        // [n, n], rows signed so that diag(P W) >= 0
    double value = 0;        // sum_i (P W)_ii^2
    double bound = 0;        // the certificate: no P in O(n) has more, up to n u
    double width = 0;        // (bound - value) / value
    Index iterations = 0;    // all of them, those before a restart too
    bool converged = false;  // a stopping rule was met within the iterations
    bool certified = false;
    bool restarted = false;  // the start led to a fixed point with some d_i = 0 although W is nonsingular
};
// Throws std::invalid_argument for fewer than one iteration and for negative tolerances.
[[nodiscard]] DiagonalNorm maximum_diagonal_norm(Backend<double>& on, const Matrix<double>& W,
                                                 const DiagonalNormOptions& options = {});

}  // namespace descrambler
