// How alike two descrambled matrices A, B [n, d] are, over the freedom that descrambling leaves.
//   s         exact maximum of the overlap over the stabiliser of mu: sum_f ||A_f B_f^T||_* / (||A|| ||B||), A_f the
//             rows {cos_f, sin_f} of T^T A
//   s_octave  the same over octaves of frequency,  s_nuc the same over all of O(n);  s <= s_octave <= s_nuc
//   fft_correlation  Pearson correlation of folded |FFT2|
#pragma once

#include "descrambler/stencil.hpp"

namespace descrambler {

struct Alignment {
    double s = 0, s_octave = 0, s_nuc = 0, fft_correlation = 0;
};
[[nodiscard]] Alignment align(Backend<double>& on, const Stencil& stencil, const Matrix<double>& A,
                              const Matrix<double>& B);
// All pairs i < j, in order (0,1), (0,2), ..., (1,2), ...
[[nodiscard]] std::vector<Alignment> align_all(const Stencil& stencil, const std::vector<Matrix<double>>& matrices,
                                               int threads);
// Every a against every b, a running slowest.
[[nodiscard]] std::vector<Alignment> align_between(const Stencil& stencil, const std::vector<Matrix<double>>& a,
                                                   const std::vector<Matrix<double>>& b, int threads);

}  // namespace descrambler
