// The derivative of a network at one input, as matrix products.
//   up to layer K:  J = D_K W_K ... D_1 W_1,   D_k = N_k diag(f'(z_k)),   z_k = W_k h_{k-1} + b_k
//   N_k = (I - y 1^T / n) / mean(h) for a layer that renormalises, y = h / mean(h);  otherwise I
// Before the activation of layer K the last factor is W_K alone.
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

struct Jacobian {
    std::vector<JacobianFactor> factors;  // of layers 1 .. K
    std::vector<double> value;            // what the network has there: W_K h_{K-1} (no bias), or h_K
    [[nodiscard]] Index rows() const { return factors.back().weight.rows(); }
    [[nodiscard]] Index cols() const { return factors.front().weight.cols(); }
};

// Of a point (layer from 1) at x [inputs]. Throws InputError for a layer out of range or an x of another width, and
// where value or slopes are not finite.
[[nodiscard]] Jacobian jacobian_at(Backend<double>& on, const Network& network, TapPoint point,
                                   std::span<const double> x);
[[nodiscard]] Matrix<double> apply(Backend<double>& on, const Jacobian& J, const Matrix<double>& X);    // J X
[[nodiscard]] Matrix<double> adjoint(Backend<double>& on, const Jacobian& J, const Matrix<double>& Y);  // J^T Y
[[nodiscard]] Matrix<double> matrix_of(Backend<double>& on, const Jacobian& J);  // J itself, from its inputs on

}  // namespace descrambler
