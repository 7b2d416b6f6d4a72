// Fully connected layers. dense_forward and dense_gram take leading dimensions, the others do not.
#pragma once

#include "descrambler/array.hpp"

namespace descrambler {

enum class Activation { identity, tanh, logistic, softplus, relu };

// One fully connected layer: y = f(W x + b), then y / mean(y) if renorm.
struct Layer {
    Index inputs = 0, outputs = 0;
    Activation activation = Activation::identity;
    bool renorm = false;
    bool operator==(const Layer&) const = default;
};

template <class T>
class Dense {
public:
    // y [out, N] = f(W x + b); W [out, in], b [out, 1] or empty, x [in, N]
    void dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y);
    // dy is overwritten by dz = dy f'(z), gradients are accumulated (+=) into dW and db, dx = W^T dz is assigned
    // (empty: not wanted)
    void dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                        Batch<T> db, Batch<T> dx);
    // G [out, out] = S S^T + beta G with S = f(W x + b), S never stored; x [in, N] may be shared by the batch (stride 0)
    void dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G);
    // y = x / mean(x) by column, and back: dx from dy
    void renorm_forward(Batch<const T> x, Batch<T> y);
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
