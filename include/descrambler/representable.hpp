// The minimiser that a Cayley chart can represent. P = (I + Q)^-1 (I - Q), Q skew, cannot have the eigenvalue -1; of
// the 2^n sign choices T Sg U^T of one descrambler P = T U^T there is always one with a small generator (O'Dorney's
// signatures). All matrices [n, n], Sg diagonal with entries +1 and -1.
//   K = T^T U;  in the basis U the generator of T Sg U^T is -Cayley(Sg K), Cayley(X) = (I + X)^-1 (I - X)
//   start   eliminate on Sg + K without pivoting, each sign that of its pivot: all pivots are >= 1 in modulus
//   flips   while max |q_ij| > 1 + 1e-12: turn signs i and j, one principal pivot on Q, O(n^2). Each multiplies
//           det(I + Sg K) by q_ij^2 > 1, so the loop ends
#pragma once

#include "descrambler/stencil.hpp"

namespace descrambler {

struct Representable {
    Matrix<double> P;          // [n, n] T Sg T^T P, det +1; eta is that of P
    Matrix<double> generator;  // [n, n] its Q, skew: P (I + Q) = I - Q
    std::vector<double> sign;  // [n] Sg, +1 or -1, by component of the stencil's basis
    Index flips = 0;
    double largest_entry = 0;  // max |U^T Q U|, at most 1 + 1e-12; the bound does not hold in the neurons' basis
    double norm = 0;           // ||Q||_2, about sqrt(n)
};
// P [n, n] orthogonal. The signs at which the flips end depend on the start: compare eta, the bound and the Cayley
// relation with other implementations, never entries. Throws std::invalid_argument for a P of another size and where P
// is not orthogonal (an entry of P P^T - I above 1e-8).
[[nodiscard]] Representable cayley_representable(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P);

// +1 or -1 for an orthogonal K [n, n]: the product of the signs of the start above, since det(Sg K) = +1. Throws
// std::invalid_argument where K is not square.
[[nodiscard]] double orthogonal_determinant(const Matrix<double>& K);

}  // namespace descrambler
