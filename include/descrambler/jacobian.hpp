// The derivative of a network at one input, as matrix products.
//   up to layer K:  J = D_K W_K ... D_1 W_1,   D_k = N_k diag(f'(z_k)),   z_k = W_k h_{k-1} + b_k
//   N_k = (I - y 1^T / n) / mean(h) for a layer that renormalises, y = h / mean(h);  otherwise I
// Before the activation of layer K the last factor is W_K alone. n outputs of a layer, h its activations before the
// renormalisation.
#pragma once

#include "descrambler/mlp.hpp"
#include "descrambler/tap.hpp"

namespace descrambler {

// One factor D_k W_k.
struct JacobianFactor {
    Matrix<double> weight;         // [out, in]
    std::vector<double> slope;     // [out] f'(z), empty: no activation
    std::vector<double> renormed;  // [out] y, empty: no renormalisation
    double mean = 1;               // mean(h) of a layer that renormalises
};

struct Jacobian {                         // J [rows, cols]: outputs of layer K, inputs of the network
    std::vector<JacobianFactor> factors;  // of layers 1 .. K
    std::vector<double> value;            // [rows] the signals there: W_K h_{K-1} (without bias) before, h_K after
    [[nodiscard]] Index rows() const { return factors.back().weight.rows(); }
    [[nodiscard]] Index cols() const { return factors.front().weight.cols(); }
};

// Of the map from the inputs to a point (layer from 1), at x [inputs]. Throws InputError for a layer out of range,
// for x of another width, and where signals or slopes are not finite.
[[nodiscard]] Jacobian jacobian_at(Backend<double>& on, const Network& network, TapPoint point,
                                   std::span<const double> x);
// J X and J^T Y by products with the factors, and J itself; std::invalid_argument where shapes do not chain.
[[nodiscard]] Matrix<double> apply(Backend<double>& on, const Jacobian& J, const Matrix<double>& X);    // [rows, m]
[[nodiscard]] Matrix<double> adjoint(Backend<double>& on, const Jacobian& J, const Matrix<double>& Y);  // [cols, m]
[[nodiscard]] Matrix<double> matrix_of(Backend<double>& on, const Jacobian& J);                         // [rows, cols]

}  // namespace descrambler
