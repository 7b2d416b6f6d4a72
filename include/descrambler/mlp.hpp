// A fully connected network on the host, in double precision whatever it was trained in.
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

struct Network {
    std::vector<DenseLayer> layers;
    [[nodiscard]] Index inputs() const { return layers.front().weight.cols(); }
    [[nodiscard]] Index outputs() const { return layers.back().weight.rows(); }
};

[[nodiscard]] std::string_view to_string(Activation f);
[[nodiscard]] Activation activation_from(std::string_view name);  // throws InputError with the known names

[[nodiscard]] std::vector<Layer> shape_of(const Network& network);
// Parameters of all layers in order: weight column-major [out, in], then bias [out]. Training always has biases.
[[nodiscard]] Index parameter_count(const std::vector<Layer>& layers);
template <class T>
[[nodiscard]] std::vector<T> pack(const Network& network);
template <class T>
[[nodiscard]] Network unpack(const std::vector<Layer>& layers, const T* parameters);

// glorot: weights uniform +- sqrt(6 / (in + out)), biases 0.  fan_in: weights and biases uniform +- 1 / sqrt(in).
enum class Initialisation { glorot, fan_in };
struct InitialWeights {
    Initialisation kind = Initialisation::glorot;
    double first_scale = 1;  // factor of the weights of layer 1 (not of its biases)
    bool operator==(const InitialWeights&) const = default;
};
// Layer after layer from stream::initialise + member: weights column by column, then biases where they are drawn.
template <class T>
[[nodiscard]] std::vector<T> initial_parameters(const std::vector<Layer>& layers, std::uint64_t seed,
                                                std::uint64_t member, const InitialWeights& weights = {});

// Output of layer `layer` (1-based; 0 = X itself) for the columns of X [in, N].
[[nodiscard]] Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X, Index layer);
[[nodiscard]] Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X);

// f'(z) at z, element by element.
[[nodiscard]] double activation_value(Activation f, double z);
[[nodiscard]] double activation_slope(Activation f, double z);

}  // namespace descrambler
