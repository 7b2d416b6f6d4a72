// Leading singular triplets of a linear operator by block Golub-Kahan-Lanczos with full reorthogonalisation and thick
// restarts (Golub, Kahan, SIAM J. Numer. Anal. 2 (1965) 205; blocks: Golub, Luk, Overton, ACM TOMS 7 (1981) 149;
// restarts: Baglama, Reichel, SIAM J. Sci. Comput. 27 (2005) 19).
//   A V_1..j = U_1..j B,   A^T U_1..j = V_1..j+1 C;   B = X diag(s) Y^T;   triplets U X, s, V Y
// In exact arithmetic B is banded and the head of C is B^T. Both are kept as measured, every coefficient of every
// projection, so that the residual of a triplet comes without a product:
//   ||A^T u - s v|| = ||C x - s y||   (y continued by zeros),   A v - s u = 0       both to the rounding of ||A||
// which holds for every linear operator, one whose `adjoint` is not quite that of `apply` included; products in single
// precision make it wrong by about 2e-8 s_1.
//
// Equal singular values. A random block of b vectors sees at most b copies of a value, and exactly that many of a value
// that has more. So if a value above the last of those wanted has b copies or more among what was found, others may be
// hidden: what was found is locked, a fresh random block that is orthogonal to it begins, and the run goes on until the
// wanted triplets and the one behind them have converged. After r such blocks the question is about b r copies.
// Measured for ten triplets, tolerance 1e-6, with and without that question (pairs, largest relative error of a value):
//   bicubic magnification by 4, 24 x 24     block 1   510, 2e-13   258, 2e-3    values twice
//                                           block 2   520, 1e-13   346, 4e-12
//   the same in three colours, 12 x 12      block 2   530, 1e-13   172, 6e-3    values three and six times
//                                           block 6   768, 1e-13   480, 2e-12
//   s_k = k^-0.3, 400 x 600                 block 2    50, 6e-13    50          no question: no value twice
#pragma once

#include <cstdint>
#include <vector>

#include "descrambler/linear_operator.hpp"

namespace descrambler {

struct LanczosOptions {
    int wanted = 1;  // triplets
    double tolerance =
        1e-6;  // ||A^T u - s v|| <= tolerance s_1; a value is then in error by about tolerance^2 s_1^2 / gap
    int block = 2;
    Index most_pairs = 4000;  // products A v and A^T u of one vector each; those of a block of b count b
    // Vectors a side, 2 wanted + 4 block at least; memory: up to 16 basis_limit (rows + cols) bytes, bases beyond 4 GiB
    // are not allowed. Less memory costs few pairs: bicubic magnification of 32 x 32 takes 644 with 400 vectors, 672
    // with 128 in half of the time, 738 with 50.
    Index basis_limit = 128;
    std::uint64_t seed = 1;
};

struct LanczosSvd {
    Matrix<double> U;               // [rows, wanted]
    std::vector<double> s;          // [wanted] descending; 0 where A has no more than rounding leaves of 0
    Matrix<double> V;               // [cols, wanted]; the entry of a column with the largest magnitude is positive
    std::vector<double> residuals;  // [wanted] ||A^T u - s v||
    bool converged = false;         // all of them, and nothing hidden
    Index pairs = 0;
    Index basis = 0;      // the largest number of vectors a side
    Index restarts = 0;   // where the basis was full
    Index blocks = 1;     // random blocks, the first included
    double mismatch = 0;  // max |<v, A^T u> - <A v, u>| / s_1 over the bases: an operator whose adjoint is not its own
};

// The same bits for any number of threads. With fewer pairs than it takes, what there is, not converged. Throws
// InputError for counts outside 1 .. min(rows, cols) and options that do not fit, Error where a product is not finite.
[[nodiscard]] LanczosSvd lanczos_svd(Backend<double>& on, const LinearOperator& A, const LanczosOptions& options);

}  // namespace descrambler
