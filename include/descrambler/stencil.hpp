// Differentiation stencils and the orthonormal bases that diagonalise them.
//   M = D^T D = T diag(mu) T^T [n, n],  mu ascending
//   fourier2  D [n, n] Fourier second derivative, grid spacing 2 pi / n (Weideman, Reddy 2000, periodic, m = 2);
//             mu = k^4 in (cos, sin) pairs; T = the real trigonometric basis, built analytically
//   dct       D [n - 1, n] free-end first difference; mu = 4 sin^2(pi k / 2 n), simple; T = DCT-II, analytic
//   diff2     D [n - 2, n] free-end second difference, rows 1 -2 1; T numeric, its null space {1, linear} fixed first
//   custom    a user's D [m, n]; T numeric, ties resolved by rule; a degenerate D is refused with the reason
#pragma once

#include <string_view>
#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler {

enum class StencilKind { fourier2, dct, diff2, custom };
[[nodiscard]] std::string_view to_string(StencilKind kind);
// Throws InputError for any name but the first three; those of stencils with a degenerate symbol (fourier1, central)
// are refused with the reason.
[[nodiscard]] StencilKind stencil_from(std::string_view name);

struct Stencil {
    StencilKind kind = StencilKind::fourier2;
    Matrix<double> T;          // [n, n], columns t_1 .. t_n
    std::vector<double> mu;    // [n]
    std::vector<Index> block;  // [n] number of the block of equal mu that column i belongs to, from 0
    Matrix<double> D;          // [m, n] of custom, otherwise empty
    [[nodiscard]] Index n() const { return T.rows(); }
};
// Any kind but custom (std::invalid_argument). Throws InputError for n < 3.
[[nodiscard]] Stencil make_stencil(Backend<double>& on, StencilKind kind, Index n);
// From a matrix of the user's, D [m, n]. mu by the SVD of D; components tie where their singular values differ by at
// most 100 n u s_1 (u the unit roundoff), and get one mu; inside a tie the basis is fixed by projecting the unit
// vectors e_1, e_2, ... in turn (the constant first, where D annuls it). Throws InputError for values that are not
// finite, D = 0, m < 1 or n < 3, and for a degenerate D: one that ties components of low with ones of high frequency
// (mean square of the first difference over a tied block spreads by more than 1/2 + 8 / n of at most 4), so that the
// order of the result would mean nothing.
[[nodiscard]] Stencil make_stencil(Backend<double>& on, const Matrix<double>& D);
// D; std::invalid_argument for custom and for n < 3.
[[nodiscard]] Matrix<double> differentiation_matrix(StencilKind kind, Index n);

}  // namespace descrambler
