// The forward pass of dense networks,
//   z_k = W_k h_{k-1} + b_k,   h_k = f(z_k),   then h_k / mean(h_k) where the layer renormalises,
// on any backend, for one network or an ensemble of one shape. Only the training loops (cpu/training.cpp,
// cuda/training.cu) have a forward pass of their own: they keep the activations of a batch for the backward pass that
// follows at once.
#pragma once

#include <span>
#include <vector>

#include "descrambler/mlp.hpp"
#include "descrambler/tap.hpp"

namespace descrambler {

// Signals of the layers [n_k, N] x networks, where the backend computes. Kept by the caller from call to call, since
// fresh pages cost more than a small product.
struct LayerSignals {
    std::vector<Buffer<double>> layers;
};

class Executor {
public:
    // Runs the networks up to `point`. Weights go to the backend once, here; on the host those of a single network are
    // read where they lie, so the network has to outlive this. bias false: without that of the last layer, where the
    // point is before its activation. Throws std::invalid_argument for no network, for layers of different sizes and
    // for a point that the networks do not have; OutOfMemory.
    Executor(Backend<double>& on, std::span<const Network> networks, TapPoint point, bool bias = true);

    [[nodiscard]] Index inputs() const { return inputs_; }
    [[nodiscard]] Index outputs() const { return steps_.empty() ? inputs_ : steps_.back().weight.rows; }
    [[nodiscard]] Index count() const { return count_; }  // networks

    // Memory for the signals of up to so many samples, so that run() needs none. Throws OutOfMemory.
    void reserve(Index columns, LayerSignals& signals) const;
    // S [outputs, N] x count of X [inputs, N], which all networks share. Both lie where the backend computes, S in the
    // last of `signals` until the next call. Throws std::invalid_argument for X of another width.
    [[nodiscard]] Batch<const double> run(Batch<const double> X, LayerSignals& signals) const;
    // The same for host matrices, of one network (std::invalid_argument for several).
    [[nodiscard]] Matrix<double> run(const Matrix<double>& X) const;

private:
    struct Step {
        std::vector<Buffer<double>> held;  // empty: weight and bias lie in the network
        Batch<const double> weight, bias;
        Activation activation = Activation::identity;
        bool renorm = false;
    };
    Backend<double>* on_;
    Index count_ = 1, inputs_ = 0;
    std::vector<Step> steps_;
};

// What the derivative of one layer needs, at the columns of H [in, N]. Values and slopes are computed with the
// functions of the C library, so that they agree with each other to the last digit; dense_forward has faster ones.
struct LayerRecord {
    Matrix<double> slope;      // [out, N] f'(z)
    Matrix<double> value;      // [out, N] h_k
    std::vector<double> mean;  // [N] mean(f(z)) of a layer that renormalises; empty: it does not
};
[[nodiscard]] LayerRecord record_layer(Backend<double>& on, const DenseLayer& layer, const Matrix<double>& H);

}  // namespace descrambler
