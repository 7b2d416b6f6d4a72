// The spectral split of a network at a node (SpecXAI, eq. 16 to 20, as corrected in docs/interpreters.md). Frozen at x, the
// part in front of the node is z = R x + b_R and the part behind it y = L z + b_L. With R = U diag(lambda) V^T,
//   y_j = sum_k alpha_k + b_j,   alpha_k = psi_k lambda_k <phi_k, x>,   psi_k = (L U)_jk,   b = L b_R + b_L,
// phi_k the columns of V. Where not all triplets are there, the closing term
//   alpha_rest = L_j (R x) - sum of the alpha_k that are
// is part of the sum.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "descrambler/lanczos.hpp"
#include "descrambler/linear_operator.hpp"
#include "descrambler/reduction.hpp"

namespace descrambler {

struct SplitOptions {
    Index terms = 10;                   // leading triplets, where not all can be had
    Index largest_full = 4096;          // all of them where the smaller side of R has no more than this
    Index full_bytes = Index{1} << 30;  // and R as a matrix no more bytes (it is held about twice)
    double rounding = std::numeric_limits<double>::epsilon();  // of the products of R: what is below is no rank
    LanczosOptions lanczos;  // how leading triplets are found; `wanted` is not looked at
};

struct RightSpectrum {
    std::vector<double> s;  // lambda [K] descending, those above rounding: above max(rows, cols) rounding lambda_0
    Matrix<double> V;       // phi [cols, K] orthonormal; the entry of a column with the largest size is positive
    bool full = false;      // K is the rank of R
    bool converged = true;
    Index pairs = 0;  // products with R and its transpose, of one vector each
};
// All triplets by a QR factorisation of R (built by min(rows, cols) probes) and the SVD of its triangle, or the leading
// ones by lanczos_svd. Throws what these throw.
[[nodiscard]] RightSpectrum right_spectrum(Backend<double>& on, const LinearOperator& R, const SplitOptions& options);
// u_k = R phi_k / lambda_k of the first `count`: [rows, count].
[[nodiscard]] Matrix<double> left_vectors(Backend<double>& on, const LinearOperator& R, const RightSpectrum& spectrum,
                                          Index count);

struct SplitTerms {                  // of one output
    std::vector<double> psi;         // [K] (L U)_jk
    std::vector<double> projection;  // [K] <phi_k, x>
    std::vector<double> alpha;       // [K]
    double linear = 0;               // L_j (R x)
    double rest = 0;                 // linear - sum of alpha: the closing term; where all triplets are there, rounding
    double bias = 0;                 // b_j
    double y = 0;
    double size = 0;   // sum of |alpha| + |rest| + |b_j|
    double error = 0;  // |sum of alpha (+ rest, where not all triplets are there) + b_j - y_j| / size
};
// x [cols]; row = R^T L_j [cols], row j of the whole network; linear = L_j (R x); bias, y: of output j.
[[nodiscard]] SplitTerms split_terms(const RightSpectrum& spectrum, std::span<const double> x,
                                     std::span<const double> row, double linear, double bias, double y);

// What is told apart of a sum, and the closing term of the rest.
struct ToldApart {
    Pruned pruned;        // terms by index, those that went
    double closing = 0;   // linear - sum of the terms
    bool closes = false;  // there is something in it: triplets that are not there, or not told apart
    [[nodiscard]] std::vector<Term> all() const;  // the terms, and the closing one where there is one
};
// The first `most` components with |alpha| >= threshold.
[[nodiscard]] ToldApart tell_apart(const RightSpectrum& spectrum, const SplitTerms& terms, Index most,
                                   double threshold);

// |<phi_i, phi_j>| of the columns of V [n, count]: [count, count].
[[nodiscard]] Matrix<double> similarity(Backend<double>& on, const Matrix<double>& V);

}  // namespace descrambler
