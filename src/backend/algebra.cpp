#include "descrambler/backend/algebra.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

namespace {

Index rows_of(Op op, Index rows, Index cols) {
    return op == Op::none ? rows : cols;
}

}  // namespace

template <class T>
void Algebra<T>::gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) {
    const Index m = rows_of(a, A.rows, A.cols), k = rows_of(a, A.cols, A.rows), n = rows_of(b, B.cols, B.rows);
    require(rows_of(b, B.rows, B.cols) == k && is(C, m, n, C.batch), "gemm: shapes do not chain");
    require(same_batch(A, C) && same_batch(B, C), "gemm: batches differ");
    require(C.batch == 1 || C.stride != 0, "gemm: the result cannot be shared");
    do_gemm(a, b, alpha, A, B, beta, C);
}

template <class T>
void Algebra<T>::gram(Batch<const T> S, T beta, Batch<T> G) {
    require(is(G, S.rows, S.rows, S.batch), "gram: G must be [n, n] for S [n, N]");
    do_gram(S, beta, G);
}

template <class T>
void Algebra<T>::axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) {
    require(same_shape(x, Batch<const T>(y)), "axpby: shapes differ");
    const bool itself = x.data == y.data && x.ld == y.ld && x.stride == y.stride;
    if (itself && alpha == 1 && beta == 0)
        return;
    do_axpby(alpha, x, beta, y);
}

template <class T>
void Algebra<T>::dot(Batch<const T> x, Batch<const T> y, Batch<T> r) {
    require(same_shape(x, y) && is(r, 1, 1, x.batch), "dot: shapes differ, or r is not [1, 1]");
    do_dot(x, y, r);
}

template class Algebra<float>;
template class Algebra<double>;

}  // namespace descrambler
