// Fully connected layers of a batch of networks, N samples each:
//   z = W x + b,   y = f(z);   W [out, in], b [out, 1], x [in, N], z and y [out, N]
// dense_forward and dense_gram take leading dimensions, the others do not. An operand that is not wanted is an empty
// view. Throws std::invalid_argument where shapes do not chain.
#pragma once

#include "descrambler/array.hpp"

namespace descrambler {

enum class Activation { identity, tanh, logistic, softplus, relu };

// One fully connected layer: y = f(W x + b), then y / mean(y) sample by sample if renorm. Without a bias b keeps its
// place among the parameters, is 0 there, and training leaves it at 0.
struct Layer {
    Index inputs = 0, outputs = 0;
    Activation activation = Activation::identity;
    bool renorm = false;
    bool bias = true;
    bool operator==(const Layer&) const = default;
};

template <class T>
class Dense {
public:
    // y [out, N] = f(W x + b); b may be empty. W, b and x may be shared by the batch (stride 0).
    void dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y);
    // From y = f(z) and dy [out, N]: dy is overwritten by dz = dy f'(z); dW [out, in] += dz x^T, db [out, 1] += row
    // sums of dz (may be empty), dx [in, N] = W^T dz (may be empty).
    void dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                        Batch<T> db, Batch<T> dx);
    // G [out, out] = S S^T + beta G with S = f(W x + b), which is never stored. x may be shared by the batch
    // (stride 0), G not; b may be empty.
    void dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G);
    // y = x / mean(x) for each column; x and y [n, N]
    void renorm_forward(Batch<const T> x, Batch<T> y);
    // dx = (dy - mean(dy . y)) / mean(x) for each column; all [n, N]
    void renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx);

protected:
    ~Dense() = default;

private:
    virtual void do_dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) = 0;
    virtual void do_dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                                   Batch<T> dW, Batch<T> db, Batch<T> dx) = 0;
    virtual void do_dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta,
                               Batch<T> G) = 0;
    virtual void do_renorm_forward(Batch<const T> x, Batch<T> y) = 0;
    virtual void do_renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) = 0;
};

}  // namespace descrambler
