// Host matrices through a backend: upload, one primitive, download. For analysis code, where the matrices are few.
#pragma once

#include <functional>
#include <vector>

#include "descrambler/backend.hpp"

namespace descrambler {

[[nodiscard]] Matrix<double> transpose(const Matrix<double>& A);
[[nodiscard]] Matrix<double> multiply(Backend<double>& on, Op a, Op b, const Matrix<double>& A,
                                      const Matrix<double>& B);                   // op(A) op(B)
[[nodiscard]] Matrix<double> gram(Backend<double>& on, const Matrix<double>& S);  // S S^T

struct Svd {  // A = U diag(s) V^T, thin, s descending
    Matrix<double> U;
    std::vector<double> s;
    Matrix<double> V;
};
[[nodiscard]] Svd svd(Backend<double>& on, const Matrix<double>& A);
[[nodiscard]] std::vector<double> singular_values(Backend<double>& on, const Matrix<double>& A);  // descending

struct Eigh {  // A = V diag(w) V^T, w ascending
    std::vector<double> w;
    Matrix<double> V;
};
[[nodiscard]] Eigh eigh(Backend<double>& on, const Matrix<double>& A);

[[nodiscard]] Matrix<double> cholesky_solve(Backend<double>& on, const Matrix<double>& A, const Matrix<double>& B);
[[nodiscard]] Matrix<double> identity(Index n);
[[nodiscard]] double orthogonality(Backend<double>& on, const Matrix<double>& P);  // max |P P^T - I|
[[nodiscard]] double frobenius(const Matrix<double>& A);
[[nodiscard]] Matrix<double> to_double(const Matrix<float>& A);

// |FFT2| squared of A [m, n]: F(i, j) = |sum A(a, b) exp(-2 pi i (i a / m + j b / n))|^2
[[nodiscard]] Matrix<double> power_spectrum2(Backend<double>& on, const Matrix<double>& A);
// |rfft|^2 of each column of A [m, n]: [m / 2 + 1, n]
[[nodiscard]] Matrix<double> power_spectrum(Backend<double>& on, const Matrix<double>& A);

// body(i, on) for i = 0 .. n-1 on `threads` OpenMP threads (0 = all), each with a one-thread CPU backend of its own.
// Items must not depend on each other; an exception of the lowest item is rethrown after all have ended.
void parallel_items(Index n, int threads, const std::function<void(Index, Backend<double>&)>& body);

}  // namespace descrambler
