// Differentiation stencils and the orthonormal bases that diagonalise them.
//   M = D^T D = T diag(mu) T^T,  mu ascending
//   fourier2  Fourier second derivative, grid spacing 2 pi / n (Weideman, Reddy 2000, periodic, m = 2); mu = k^4 in
//             (cos, sin) pairs; T = the real trigonometric basis, built analytically
//   dct       free-end first difference; mu = 4 sin^2(pi k / 2 n), simple; T = DCT-II, analytic
//   diff2     free-end second difference (n - 2) x n, rows [1 -2 1]; T numeric, its null space {1, linear} fixed first
#pragma once

#include <string_view>
#include <vector>

#include "descrambler/dense.hpp"

namespace descrambler {

enum class StencilKind { fourier2, dct, diff2 };
[[nodiscard]] std::string_view to_string(StencilKind kind);
// Throws InputError; names of stencils with a degenerate symbol (fourier1, central) are refused with the reason.
[[nodiscard]] StencilKind stencil_from(std::string_view name);

struct Stencil {
    StencilKind kind = StencilKind::fourier2;
    Matrix<double> T;          // [n, n], columns t_1 .. t_n
    std::vector<double> mu;    // [n]
    std::vector<Index> block;  // [n] number of the block of equal mu that column i belongs to, from 0
    [[nodiscard]] Index n() const { return T.rows(); }
};
[[nodiscard]] Stencil make_stencil(Backend<double>& on, StencilKind kind, Index n);  // n >= 3
[[nodiscard]] Matrix<double> differentiation_matrix(StencilKind kind, Index n);      // D

}  // namespace descrambler
