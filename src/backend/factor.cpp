#include "descrambler/backend/factor.hpp"

#include <algorithm>

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Factor<T>::qr(Batch<T> A, Batch<T> R) {
    require(A.rows >= A.cols && is(R, A.cols, A.cols, A.batch), "qr: A [m, n] needs m >= n and R [n, n]");
    require(packed(A, R), "qr: takes no leading dimension");
    do_qr(A, R);
}

template <class T>
void Factor<T>::triangularise(Batch<T> A, Batch<T> R) {
    require(A.rows >= A.cols && is(R, A.cols, A.cols, A.batch), "triangularise: A [m, n] needs m >= n and R [n, n]");
    require(packed(A, R), "triangularise: takes no leading dimension");
    do_triangularise(A, R);
}

template <class T>
void Factor<T>::eigh(Batch<T> A, Batch<T> w) {
    require(A.rows == A.cols && is(w, A.rows, 1, A.batch), "eigh: A must be square and w [n, 1]");
    require(packed(A, w), "eigh: takes no leading dimension");
    do_eigh(A, w);
}

template <class T>
void Factor<T>::svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) {
    const Index k = std::min(A.rows, A.cols);
    const bool values_only = U.data == nullptr && V.data == nullptr;
    require(is(s, k, 1, A.batch) && (values_only || (is(U, A.rows, k, A.batch) && is(V, A.cols, k, A.batch))),
            "svd: U [m, k], s [k, 1], V [n, k] with k = min(m, n), or U and V empty");
    require(packed(A, U, s, V), "svd: takes no leading dimension");
    do_svd(A, U, s, V);
}

template <class T>
void Factor<T>::cholesky_solve(Batch<T> A, Batch<T> B) {
    require(A.rows == A.cols && B.rows == A.rows && same_batch(A, B), "cholesky_solve: A [n, n], B [n, r]");
    require(packed(A, B), "cholesky_solve: takes no leading dimension");
    do_cholesky_solve(A, B);
}

template <class T>
void Factor<T>::randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                               Batch<T> U, Batch<T> s, Batch<T> V) {
    require(rank >= 1 && rank <= std::min(A.rows, A.cols) && oversampling >= 0 && power_iterations >= 0,
            "randomized_svd: needs 1 <= rank <= min(m, n), oversampling and power_iterations not negative");
    require(is(U, A.rows, rank, A.batch) && is(s, rank, 1, A.batch) && is(V, A.cols, rank, A.batch),
            "randomized_svd: U [m, k], s [k, 1], V [n, k]");
    require(packed(A, U, s, V), "randomized_svd: takes no leading dimension");
    do_randomized_svd(A, rank, oversampling, power_iterations, seed, U, s, V);
}

template class Factor<float>;
template class Factor<double>;

}  // namespace descrambler
