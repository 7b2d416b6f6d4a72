#include "descrambler/backend/maps.hpp"

#include "backend/shapes.hpp"

namespace descrambler {
namespace {

template <class T>
void check(const char* name, Batch<const T> x, Batch<T> y, T beta) {
    require(same_shape(x, Batch<const T>(y)) && x.batch == 1, std::string(name) + ": x and y must be [n, K]");
    require(beta == 0 || beta == 1, std::string(name) + ": beta must be 0 or 1");
}
template <class T>
void check(const char* name, const Periodic<T>& a, Index rows) {
    require(a.count > 0 && a.run > 0 && rows % a.run == 0,
            std::string(name) + ": the runs of a periodic vector must fill the rows");
}

}  // namespace

template <class T>
void Maps<T>::matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y) {
    const bool turned = op == Op::transpose;
    require(is(x, turned ? A.rows : A.cols, y.cols, 1) && is(y, turned ? A.cols : A.rows, y.cols, 1) && A.batch == 1,
            "matrix_product: shapes do not chain");
    require(beta == 0 || beta == 1, "matrix_product: beta must be 0 or 1");
    do_matrix_product(op, A, x, beta, y);
}
template <class T>
void Maps<T>::sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y) {
    require(x.rows == A.cols && y.rows == A.rows && x.cols == y.cols && x.batch == 1 && y.batch == 1,
            "sparse_product: shapes do not chain");
    require(beta == 0 || beta == 1, "sparse_product: beta must be 0 or 1");
    do_sparse_product(A, x, beta, y);
}
template <class T>
void Maps<T>::diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y) {
    check("diagonal_product", x, y, beta);
    check("diagonal_product", a, x.rows);
    do_diagonal_product(a, x, beta, y);
}
template <class T>
void Maps<T>::masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y) {
    check("masked_product", x, y, beta);
    check("masked_product", off, x.rows);
    do_masked_product(bits, off, x, beta, y);
}
template <class T>
void Maps<T>::add_offset(Periodic<T> c, Batch<T> y) {
    check("add_offset", c, y.rows);
    do_add_offset(c, y);
}
template <class T>
void Maps<T>::offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r) {
    check("offset_dot", c, x.rows);
    require(is(r, 1, x.cols, 1), "offset_dot: r must be [1, K]");
    do_offset_dot(c, x, r);
}
template <class T>
void Maps<T>::project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                           Batch<T> y) {
    check("project_runs", x, y, beta);
    require(m > 0 && x.rows % m == 0, "project_runs: runs must fill the rows");
    require(gain.data == nullptr || is(gain, x.rows / m, 1, 1), "project_runs: gain must be [n / m, 1]");
    require(h.data == nullptr || is(h, x.rows, 1, 1), "project_runs: h must be [n, 1]");
    do_project_runs(m, centre, gain, h, x, beta, y);
}
template <class T>
void Maps<T>::softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y) {
    check("softmax_runs", x, y, beta);
    require(m > 0 && x.rows % m == 0 && is(s, x.rows, 1, 1), "softmax_runs: runs must fill the rows, s must be [n, 1]");
    do_softmax_runs(of, m, s, x, beta, y);
}

template class Maps<float>;
template class Maps<double>;

}  // namespace descrambler
