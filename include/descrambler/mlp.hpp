// A fully connected network on the host, in double precision whatever it was trained in:
//   h_0 = x,   z_k = W_k h_{k-1} + b_k,   h_k = f_k(z_k), then h_k / mean(h_k) where the layer renormalises
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "descrambler/backend.hpp"

namespace descrambler {

struct DenseLayer {
    Matrix<double> weight;     // [out, in]
    std::vector<double> bias;  // [out], empty: none
    Activation activation = Activation::identity;
    bool renorm = false;  // y / mean(y) after the activation
};

// At least one layer; inputs of each are the outputs of the one before. That is not checked here (read_network does).
struct Network {
    std::vector<DenseLayer> layers;
    [[nodiscard]] Index inputs() const { return layers.front().weight.cols(); }
    [[nodiscard]] Index outputs() const { return layers.back().weight.rows(); }
};

[[nodiscard]] std::string_view to_string(Activation f);
[[nodiscard]] Activation activation_from(std::string_view name);  // throws InputError with the known names

// Every layer with a bias, which is 0 in one that has none.
[[nodiscard]] std::vector<Layer> shape_of(const Network& network);
// All parameters in one array [P], layer after layer: weight [out, in] column-major, then bias [out] (0 where the layer
// has none). parameter_count gives P; unpack reads P numbers and leaves the bias of a Layer without one empty.
[[nodiscard]] Index parameter_count(const std::vector<Layer>& layers);
template <class T>
[[nodiscard]] std::vector<T> pack(const Network& network);
template <class T>
[[nodiscard]] Network unpack(const std::vector<Layer>& layers, const T* parameters);

// glorot: weights uniform within +- sqrt(6 / (in + out)), biases 0 (Glorot, Bengio 2010).
// fan_in: weights and biases uniform within +- 1 / sqrt(in).
enum class Initialisation { glorot, fan_in };
struct InitialWeights {
    Initialisation kind = Initialisation::glorot;
    double first_scale = 1;  // factor of the weights of layer 1 (not of its biases)
    bool operator==(const InitialWeights&) const = default;
};
// [P], layer after layer from stream::initialise + member: weights column by column, then biases where they are drawn
// (0 in a layer without, whose numbers are not drawn).
template <class T>
[[nodiscard]] std::vector<T> initial_parameters(const std::vector<Layer>& layers, std::uint64_t seed,
                                                std::uint64_t member, const InitialWeights& weights = {});

// Output [out, N] of layer `layer` (from 1; 0: X itself), or of the last one, for the columns of X [in, N]. Throws
// InputError for a layer that the network does not have and for X of another width.
[[nodiscard]] Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X, Index layer);
[[nodiscard]] Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X);

// f(z) and f'(z) of one number; the slope of relu at 0 is 0.
[[nodiscard]] double activation_value(Activation f, double z);
[[nodiscard]] double activation_slope(Activation f, double z);

}  // namespace descrambler
