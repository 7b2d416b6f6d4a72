// Factorisations of every item of a batch; each says what its operands become. None takes a leading dimension. Throws
// std::invalid_argument for shapes and, when all items have been tried, Error that names the first that does not
// factorise: values that are not finite, or in cholesky_solve a matrix that is not positive definite.
#pragma once

#include <cstdint>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Factor {
public:
    // A [m, n], m >= n -> R [n, n] upper triangular with A = Q R, Q [m, n] in A (Householder; R_ii of either sign)
    void qr(Batch<T> A, Batch<T> R);
    // R alone, A destroyed: half of the work on the host, that of qr on a device
    void triangularise(Batch<T> A, Batch<T> R);
    // A [n, n] symmetric -> eigenvectors in the columns of A, eigenvalues w [n, 1] ascending
    void eigh(Batch<T> A, Batch<T> w);
    // A [m, n] = U diag(s) V^T, thin, A destroyed: U [m, k], s [k, 1] descending, V [n, k], k = min(m, n). U and V both
    // empty: s alone, at a fraction of the cost.
    void svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V);
    // A [n, n] symmetric positive definite (lower triangle read, destroyed), B [n, r] -> A^-1 B in B
    void cholesky_solve(Batch<T> A, Batch<T> B);
    // Randomised SVD (Halko, Martinsson, Tropp, SIAM Rev. 53 (2011) 217), A [m, n] ~ U diag(s) V^T of rank k:
    //   Q = orth(A Z), Z [n, l] normal, l = min(k + oversampling, m, n);
    //   power_iterations times Q = orth(A orth(A^T Q));  SVD of Q^T A, cut to k
    // U [m, k], s [k, 1] descending, V [n, k]; 1 <= k <= min(m, n). All items share Z (stream::sketch), so an item has
    // the same bits alone and in a batch. Relative error of s_i about
    // (sigma_{l+1} / sigma_i)^(4 power_iterations + 2).
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
