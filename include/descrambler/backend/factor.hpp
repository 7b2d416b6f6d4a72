// Factorisations. What an operand becomes is said by each; Error when one fails. Operands have no leading
// dimension.
#pragma once

#include <cstdint>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Factor {
public:
    // A [m, n], m >= n -> R [n, n] upper with A = Q R, Q in A
    void qr(Batch<T> A, Batch<T> R);
    // The R of qr alone, A destroyed: for the host half of the work
    void triangularise(Batch<T> A, Batch<T> R);
    // A [n, n] symmetric -> eigenvectors in A, w [n, 1] ascending
    void eigh(Batch<T> A, Batch<T> w);
    // A = U diag(s) V^T thin, A destroyed: U [m, k], s [k, 1] descending, V [n, k], k = min(m, n); U and V both empty:
    // s alone, at a fraction of the cost
    void svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V);
    // A [n, n] symmetric positive definite (lower triangle read, destroyed), B [n, r] -> A^-1 B
    void cholesky_solve(Batch<T> A, Batch<T> B);
    // Randomised SVD (Halko, Martinsson, Tropp 2011), A [m, n] -> A ~ U diag(s) V^T of rank k: U [m, k], s [k, 1]
    // descending, V [n, k]:  Q = orth(A Z), Z [n, l] normal, l = min(k + oversampling, m, n); power_iterations times
    // Q = orth(A orth(A^T Q));  SVD of Q^T A, cut to k. All items share Z (stream::sketch): alone and in a batch an
    // item has the same bits. Error of s_i about (sigma_{l+1} / sigma_i)^(4 power_iterations + 2).
    void randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                        Batch<T> U, Batch<T> s, Batch<T> V);

protected:
    ~Factor() = default;

private:
    virtual void do_qr(Batch<T> A, Batch<T> R) = 0;
    virtual void do_triangularise(Batch<T> A, Batch<T> R) { do_qr(A, R); }
    virtual void do_eigh(Batch<T> A, Batch<T> w) = 0;
    virtual void do_svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) = 0;
    virtual void do_cholesky_solve(Batch<T> A, Batch<T> B) = 0;
    virtual void do_randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations,
                                   std::uint64_t seed, Batch<T> U, Batch<T> s, Batch<T> V) = 0;
};

}  // namespace descrambler
