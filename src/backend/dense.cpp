#include "descrambler/backend/dense.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Dense<T>::dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) {
    require(x.rows == W.cols && is(y, W.rows, x.cols, W.batch) && same_batch(x, y),
            "dense_forward: shapes do not chain");
    require(b.data == nullptr || is(b, W.rows, 1, W.batch), "dense_forward: b must be [out, 1]");
    do_dense_forward(f, W, b, x, y);
}

template <class T>
void Dense<T>::dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                              Batch<T> dW, Batch<T> db, Batch<T> dx) {
    require(x.rows == W.cols && is(y, W.rows, x.cols, W.batch) && is(dy, W.rows, x.cols, W.batch) &&
                is(dW, W.rows, W.cols, W.batch),
            "dense_backward: shapes do not chain");
    require(db.data == nullptr || is(db, W.rows, 1, W.batch), "dense_backward: db must be [out, 1]");
    require(dx.data == nullptr || is(dx, x.rows, x.cols, W.batch), "dense_backward: dx must have the shape of x");
    require(packed(W, x, y, dy, dW, db, dx), "dense_backward: takes no leading dimension");
    do_dense_backward(f, W, x, y, dy, dW, db, dx);
}

template <class T>
void Dense<T>::dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G) {
    require(x.rows == W.cols && is(G, W.rows, W.rows, W.batch) && same_batch(x, G),
            "dense_gram: G must be [out, out] for W [out, in], x [in, N]");
    require(b.data == nullptr || is(b, W.rows, 1, W.batch), "dense_gram: b must be [out, 1]");
    require(G.size() == 0 || G.batch <= 1 || G.stride != 0, "dense_gram: the result cannot be shared");
    do_dense_gram(f, W, b, x, beta, G);
}

template <class T>
void Dense<T>::renorm_forward(Batch<const T> x, Batch<T> y) {
    require(same_shape(x, Batch<const T>(y)), "renorm_forward: shapes differ");
    require(packed(x, y), "renorm_forward: takes no leading dimension");
    do_renorm_forward(x, y);
}

template <class T>
void Dense<T>::renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) {
    require(same_shape(x, y) && same_shape(x, dy) && same_shape(x, Batch<const T>(dx)),
            "renorm_backward: shapes differ");
    require(packed(x, y, dy, dx), "renorm_backward: takes no leading dimension");
    do_renorm_backward(x, y, dy, dx);
}

template class Dense<float>;
template class Dense<double>;

}  // namespace descrambler
