// Randomised singular value decomposition of a linear operator that need not be a matrix, with a bound on its error.
//   Q = orth(A Z), Z [cols, l] normal, l = min(rank + oversampling, rows, cols); q times Q = orth(A orth(A^T Q));
//   SVD of Q^T A, cut to rank (Halko, Martinsson, Tropp, SIAM Rev. 53 (2011) 217; Factor::randomized_svd does the same
//   for matrices). A is seen through q + 2 products A X and q + 1 products A^T Y, the bound included.
//
// Error bound. With B = (I - Q Q^T) A and s' the first singular value of Q^T A that was cut away,
//   ||A - U diag(s) V^T||_2^2 <= ||B||_2^2 + s'^2        (the two parts have orthogonal ranges)
// and for r = 10 normal probes w_i and c = 10 sqrt(2 / pi)
//   plain   ||B|| <= c max ||B w_i||                     (Halko et al. 2011, eq. 4.3)
//   sharp   ||B|| <= (c max ||B B^T B w_i||)^(1/3)       (the same for the matrix B B^T B, whose norm is ||B||^3)
// Both fail only if every probe has |<v, w_i>| < 1 / c, v the first right singular vector of B: probability 10^-r.
// Over the true error the bound is 1 to 4.3 times as large in a hundred random cases (median 2.4), from the plain bound
// alone 1 to 74 times (median 19); see docs/numerics.md.
#pragma once

#include <cstdint>
#include <vector>

#include "descrambler/gram.hpp"
#include "descrambler/jacobian.hpp"
#include "descrambler/linear_operator.hpp"

namespace descrambler {

[[nodiscard]] LinearOperator jacobian_operator(Jacobian J);
// The signals S [n, samples] of a tap, computed block by block for every product and never stored: each product is a
// pass over the library. The network is copied. threads: of the CPU, 0 for all; the bits do not depend on it. The
// request may be linearised but not centred (std::invalid_argument). Throws InputError as check_tap; products too, for
// signals that are not finite.
[[nodiscard]] LinearOperator signals_operator(const Network& network, const TapRequest& request, const Library& library,
                                              int threads);

struct RandomizedSvdOptions {
    int rank = 1;
    int oversampling = 10;
    int power_iterations = 1;  // q
    std::uint64_t seed = 1;    // stream::sketch for Z, stream::sketch + 1 for the probes
};

struct RandomizedSvd {
    Matrix<double> U;           // [rows, rank]
    std::vector<double> s;      // [rank] descending
    Matrix<double> V;           // [cols, rank]
    double error_bound = 0;     // on ||A - U diag(s) V^T||_2; holds with probability 1 - 1e-10
    double plain_bound = 0;     // the same from the plain bound on ||B||
    double residual_bound = 0;  // on ||(I - Q Q^T) A||_2, what the sketch missed
    double truncated = 0;       // s', 0 if nothing was cut away
    Index sketch = 0;           // l
};

// Throws InputError for a rank outside 1 .. min(rows, cols), negative options, products that are not finite, and a
// sketch [max(rows, cols), l + 10] of more than 2^28 values; and what A throws.
[[nodiscard]] RandomizedSvd randomized_svd(Backend<double>& on, const LinearOperator& A,
                                           const RandomizedSvdOptions& options);

// The exact decomposition of a matrix F with A = F R, R with orthonormal rows (F = A itself for a matrix; F = R_S^T,
// the transposed factor of tap_grams, for signals), beside an approximation found for A: the true error is that of
// U diag(s) V^T = U U^T A. Throws std::invalid_argument where F and found.U differ in height.
struct ExactSpectrum {
    std::vector<double> s;  // [min(rows, cols of F)] singular values of A, descending
    Matrix<double> U;       // [rows, min(rows, cols of F)] left singular vectors of A
    double error = 0;       // ||A - U U^T A||_2 with the U of the approximation
};
[[nodiscard]] ExactSpectrum exact_spectrum(Backend<double>& on, const Matrix<double>& F, const RandomizedSvd& found);

}  // namespace descrambler
