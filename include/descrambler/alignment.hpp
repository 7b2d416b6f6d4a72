// How alike two descrambled matrices A, B [n, d] are, over the freedom that descrambling leaves.
//   s         exact maximum of the overlap over the stabiliser of mu: sum_f ||A_f B_f^T||_* / (||A|| ||B||), A_f the
//             rows of T^T A in block f of equal mu (fourier2: {cos_f, sin_f}; dct: one; diff2: {1, linear}, then one)
//   s_octave  the same over octaves of frequency,  s_nuc the same over all of O(n);  s <= s_octave <= s_nuc
//   fft_correlation  Pearson correlation of folded |FFT2|
// The link runs down the rows. W_{K+1} P^T of a tap `after` has it along the columns:
// compare the transposed (link_rows).
#pragma once

#include "descrambler/descramble.hpp"
#include "descrambler/stencil.hpp"

namespace descrambler {

struct Alignment {
    double s = 0, s_octave = 0, s_nuc = 0, fft_correlation = 0;
};
enum class Scores { all, fine };  // fine: s and fft_correlation; the other two, which cost most, are NaN

[[nodiscard]] Alignment align(Backend<double>& on, const Stencil& stencil, const Matrix<double>& A,
                              const Matrix<double>& B, Scores scores = Scores::all);
// All pairs i < j, in order (0,1), (0,2), ..., (1,2), ...
[[nodiscard]] std::vector<Alignment> align_all(const Stencil& stencil, const std::vector<Matrix<double>>& matrices,
                                               int threads, Scores scores = Scores::all);
// Every a against every b, a running slowest.
[[nodiscard]] std::vector<Alignment> align_between(const Stencil& stencil, const std::vector<Matrix<double>>& a,
                                                   const std::vector<Matrix<double>>& b, int threads,
                                                   Scores scores = Scores::all);

// The descrambled weight with the link down its rows: P W_K before, P W_{K+1}^T after [n, d].
// Empty after the last layer.
[[nodiscard]] Matrix<double> link_rows(const Descrambling& descrambling, Tap tap);

}  // namespace descrambler
