// How alike two descrambled matrices A, B [n, d] are, over the freedom that descrambling leaves (docs/numerics.md,
// "Alignment of two descrambled matrices"). Scores are at most 1; all are 0 where A or B is zero.
//   s         exact maximum of the overlap over the stabiliser of mu: sum_f ||A_f B_f^T||_* / (||A|| ||B||), A_f the
//             rows of T^T A in block f of equal mu (fourier2: {cos_f, sin_f}; dct: one; diff2: {1, linear}, then one)
//   s_octave  the same over octaves of frequency,  s_nuc the same over all of O(n);  s <= s_octave <= s_nuc
//   fft_correlation  Pearson correlation of folded |FFT2| (folded_amplitude), from -1 on
// The link runs down the rows. W_{K+1} P^T of a tap `after` has it along the columns: compare the transposed
// (link_rows). Throws std::invalid_argument where heights differ from n of the stencil, or widths from each other.
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
// All pairs i < j of m matrices, in the order (0, 1), (0, 2), ..., (1, 2), ...: [m (m - 1) / 2]. threads 0: all.
[[nodiscard]] std::vector<Alignment> align_all(const Stencil& stencil, const std::vector<Matrix<double>>& matrices,
                                               int threads, Scores scores = Scores::all);
// Every a against every b, a running slowest: [a.size() b.size()].
[[nodiscard]] std::vector<Alignment> align_between(const Stencil& stencil, const std::vector<Matrix<double>>& a,
                                                   const std::vector<Matrix<double>>& b, int threads,
                                                   Scores scores = Scores::all);

// The descrambled weight with the link down its rows [n, d]: P W_K before, P W_{K+1}^T after. Empty after the last
// layer.
[[nodiscard]] Matrix<double> link_rows(const Descrambling& descrambling, Tap tap);

}  // namespace descrambler
