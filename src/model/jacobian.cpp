#include "descrambler/jacobian.hpp"

#include <algorithm>
#include <string>

#include "core/finite.hpp"
#include "descrambler/executor.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {

namespace {

void scale_rows(Matrix<double>& A, const std::vector<double>& by) {
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            A(i, j) *= by[i];
}

// H becomes D_k H.
void through_activation(const JacobianFactor& factor, Matrix<double>& H) {
    if (!factor.slope.empty())
        scale_rows(H, factor.slope);
    if (factor.renormed.empty())
        return;
    const double n = static_cast<double>(H.rows());
    for (Index j = 0; j < H.cols(); ++j) {  // dy = (dh - y mean(dh)) / m
        double mean = 0;
        for (const double dh : H.column(j))
            mean += dh / n;
        for (Index i = 0; i < H.rows(); ++i)
            H(i, j) = (H(i, j) - factor.renormed[i] * mean) / factor.mean;
    }
}

}  // namespace

Jacobian jacobian_at(Backend<double>& on, const Network& network, TapPoint point, std::span<const double> x) {
    const Index layer = point.layer;
    if (layer < 1 || layer > static_cast<Index>(network.layers.size()))
        throw InputError("layer " + std::to_string(layer) + ": out of range, expected 1 to " +
                         std::to_string(network.layers.size()));
    if (static_cast<Index>(x.size()) != network.inputs())
        throw InputError("base point: " + std::to_string(x.size()) + " values, expected " +
                         std::to_string(network.inputs()) + ", the inputs of the network");
    Jacobian J;
    Matrix<double> h(network.inputs(), 1);
    std::ranges::copy(x, h.data());
    for (Index k = 1; k <= layer; ++k) {
        const DenseLayer& dense = network.layers[static_cast<std::size_t>(k - 1)];
        JacobianFactor factor{.weight = dense.weight};
        if (k < layer || point.side == Tap::after) {
            LayerRecord record = record_layer(on, dense, h);
            h = std::move(record.value);
            factor.slope.assign(record.slope.values().begin(), record.slope.values().end());
            if (dense.renorm) {
                factor.mean = record.mean.front();
                factor.renormed.assign(h.values().begin(), h.values().end());
            }
        } else {
            h = multiply(on, Op::none, Op::none, dense.weight, h);
        }
        if (!all_finite(h.values()) || !all_finite(factor.slope))
            throw InputError("layer " + std::to_string(k) +
                             ": signals or slopes at the base point are not finite, expected numbers");
        J.factors.push_back(std::move(factor));
    }
    J.value.assign(h.values().begin(), h.values().end());
    return J;
}

Matrix<double> apply(Backend<double>& on, const Jacobian& J, const Matrix<double>& X) {
    Matrix<double> H = X;
    for (const JacobianFactor& factor : J.factors) {
        H = multiply(on, Op::none, Op::none, factor.weight, H);
        through_activation(factor, H);
    }
    return H;
}

Matrix<double> matrix_of(Backend<double>& on, const Jacobian& J) {
    Matrix<double> A = J.factors.front().weight;
    through_activation(J.factors.front(), A);
    for (std::size_t k = 1; k < J.factors.size(); ++k) {
        A = multiply(on, Op::none, Op::none, J.factors[k].weight, A);
        through_activation(J.factors[k], A);
    }
    return A;
}

Matrix<double> adjoint(Backend<double>& on, const Jacobian& J, const Matrix<double>& Y) {
    Matrix<double> G = Y;
    for (auto factor = J.factors.rbegin(); factor != J.factors.rend(); ++factor) {
        if (!factor->renormed.empty()) {
            const double n = static_cast<double>(G.rows());
            for (Index j = 0; j < G.cols(); ++j) {  // dh = (dy - <y, dy> / n) / m
                double product = 0;
                for (Index i = 0; i < G.rows(); ++i)
                    product += factor->renormed[i] * G(i, j);
                for (double& dy : G.column(j))
                    dy = (dy - product / n) / factor->mean;
            }
        }
        if (!factor->slope.empty())
            scale_rows(G, factor->slope);
        G = multiply(on, Op::transpose, Op::none, factor->weight, G);
    }
    return G;
}

}  // namespace descrambler
