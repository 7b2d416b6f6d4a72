// Constants of the minimisers over SO(n), once for host and device: a number that decides the course of a minimisation
// stands here and nowhere else. Used by core/lbfgs.hpp, cpu/minimise.cpp, descramble/optimiser.cpp,
// cuda/block_lbfgs.cuh and cuda/block_descent.cuh.
#pragma once

#include "descrambler/array.hpp"

namespace descrambler::descent {

// Line searches. Both numbers as Nocedal, Wright, Numerical Optimization, 2nd ed. (2006), section 3.1, give them for
// quasi-Newton methods.
inline constexpr double sufficient = 1e-4;      // c1: value(t) <= value(0) + c1 t slope(0) (Armijo)
inline constexpr double wolfe_curvature = 0.9;  // c2: slope(t) >= c2 slope(0) (weak Wolfe)
// Steps leave O(n) by rounding alone: after so many P is made orthogonal again.
inline constexpr Index orthogonalise_every = 10;

// L-BFGS.
inline constexpr int lbfgs_trials = 40;           // of a line search: 2^-40 of a bracket is below what the value shows
inline constexpr double least_curvature = 1e-14;  // a pair with <s, y> below this times ||s|| ||y|| is left out

// The preconditioned descent.
inline constexpr double longest_step = 0.7;  // ||t X||_2: the inverse is safe, the quadratic model still good
inline constexpr int norm_steps = 8;         // of the power method for ||X||_2, which need not be exact
inline constexpr double shrink = 0.4;
inline constexpr int shrinks = 30;
inline constexpr double damping = 1e-14;  // of the Hessian, relative to N_ii + N_jj: finite where N_ii = N_jj, N_ij = 0
// In units u of rounding: where |t slope| is below flat_slope u |eta| the value no longer shows the fall, and a step is
// taken that does not raise it by more than flat_rise u.
inline constexpr double flat_slope = 900, flat_rise = 90;
inline constexpr double order_slack = 1e-9;  // N_ii of the next block may exceed those of the last by it, relative

}  // namespace descrambler::descent
