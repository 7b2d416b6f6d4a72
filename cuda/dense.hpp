#pragma once

#include "backend/rates.hpp"
#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void dense_forward(Context& on, Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y);
template <class T>
void dense_backward(Context& on, Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                    Batch<T> dW, Batch<T> db, Batch<T> dx);
template <class T>
void renorm_forward(Context& on, Batch<const T> x, Batch<T> y);
template <class T>
void renorm_backward(Context& on, Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx);
template <class T>
void adam_step(Context& on, const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
               Batch<T> v, Batch<T> w);

// ---- fused for the training step: item s of the activations belongs to item members[s] of the parameters -----------

// What a step changes, pointers into device memory. A layer begins at row `offset`: W [outputs, inputs], then b.
template <class T>
struct Parameters {
    Batch<T> w, m, v;          // [P, 1] x members
    const Index* members;      // [slots]
    const AdamRate<T>* rates;  // [slots], of this step
    const T* scale;            // [slots], factor of the gradient
    T beta1, beta2, epsilon;
};
// y = f(W x + b)
template <class T>
void layer_forward(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> x, Batch<T> y);
// dx = (W^T dz) f'(y), y = f(z) the output of the layer below, or without f' where y is empty
template <class T>
void layer_slope(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> dz,
                 Activation below, Batch<const T> y, Batch<T> dx);
// dW = dz x^T and db = row sums of dz, of a layer with bias, go straight into the moments and the parameters
template <class T>
void layer_step(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> dz,
                Batch<const T> x);
// renorm_backward, then times f'(x)
template <class T>
void renorm_slope(Context& on, Activation f, Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx);

}  // namespace descrambler::cuda
