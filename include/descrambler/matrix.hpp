// Host matrices through a backend: upload, one primitive, download. For analysis code, where the matrices are few.
// Throws as the primitives do (backend.hpp): std::invalid_argument for shapes, Error for what does not factorise.
#pragma once

#include <functional>
#include <vector>

#include "descrambler/backend.hpp"

namespace descrambler {

[[nodiscard]] Matrix<double> transpose(const Matrix<double>& A);
[[nodiscard]] Matrix<double> multiply(Backend<double>& on, Op a, Op b, const Matrix<double>& A,
                                      const Matrix<double>& B);                   // op(A) op(B)
[[nodiscard]] Matrix<double> gram(Backend<double>& on, const Matrix<double>& S);  // S S^T [n, n], S [n, N]

struct Svd {                // A [m, n] = U diag(s) V^T, thin, k = min(m, n)
    Matrix<double> U;       // [m, k]
    std::vector<double> s;  // [k] descending
    Matrix<double> V;       // [n, k]
};
[[nodiscard]] Svd svd(Backend<double>& on, const Matrix<double>& A);
[[nodiscard]] std::vector<double> singular_values(Backend<double>& on, const Matrix<double>& A);  // descending

struct Eigh {               // A [n, n] = V diag(w) V^T
    std::vector<double> w;  // [n] ascending
    Matrix<double> V;       // [n, n]
};
[[nodiscard]] Eigh eigh(Backend<double>& on, const Matrix<double>& A);

// A^-1 B [n, r] of A [n, n] symmetric positive definite, whose lower triangle is read.
[[nodiscard]] Matrix<double> cholesky_solve(Backend<double>& on, const Matrix<double>& A, const Matrix<double>& B);
[[nodiscard]] Matrix<double> identity(Index n);
[[nodiscard]] double orthogonality(Backend<double>& on, const Matrix<double>& P);  // max |P P^T - I|
[[nodiscard]] double frobenius(const Matrix<double>& A);
[[nodiscard]] Matrix<double> to_double(const Matrix<float>& A);

// |FFT2|^2 of A [m, n]: F [m, n], F(k, l) = |sum_ab A(a, b) exp(-2 pi i (k a / m + l b / n))|^2
[[nodiscard]] Matrix<double> power_spectrum2(Backend<double>& on, const Matrix<double>& A);
// |FFT|^2 of each column of A [m, n] at frequencies 0 .. m / 2: [m / 2 + 1, n]
[[nodiscard]] Matrix<double> power_spectrum(Backend<double>& on, const Matrix<double>& A);

// body(i, on) for i = 0 .. n - 1 on `threads` OpenMP threads (0: all), each with a CPU backend of one thread of its
// own. Items must not depend on each other; the exception of the lowest item that threw is rethrown when all have
// ended.
void parallel_items(Index n, int threads, const std::function<void(Index, Backend<double>&)>& body);

}  // namespace descrambler
