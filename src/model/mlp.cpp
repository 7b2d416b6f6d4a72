#include "descrambler/mlp.hpp"

#include <array>
#include <cmath>
#include <numeric>

#include "descrambler/executor.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

namespace {

constexpr std::array<std::pair<Activation, std::string_view>, 5> names{{{Activation::identity, "identity"},
                                                                        {Activation::tanh, "tanh"},
                                                                        {Activation::logistic, "logistic"},
                                                                        {Activation::softplus, "softplus"},
                                                                        {Activation::relu, "relu"}}};

}  // namespace

std::string_view to_string(Activation f) {
    for (const auto& [activation, name] : names)
        if (activation == f)
            return name;
    return "identity";
}

Activation activation_from(std::string_view name) {
    std::string known;
    for (const auto& [activation, known_name] : names) {
        if (known_name == name)
            return activation;
        known += (known.empty() ? "" : ", ") + std::string(known_name);
    }
    throw InputError("activation '" + std::string(name) + "': expected one of " + known);
}

std::vector<Layer> shape_of(const Network& network) {
    std::vector<Layer> layers;
    for (const DenseLayer& layer : network.layers)
        layers.push_back({layer.weight.cols(), layer.weight.rows(), layer.activation, layer.renorm});
    return layers;
}

Index parameter_count(const std::vector<Layer>& layers) {
    return std::accumulate(layers.begin(), layers.end(), Index{0},
                           [](Index sum, const Layer& layer) { return sum + layer.outputs * (layer.inputs + 1); });
}

template <class T>
std::vector<T> pack(const Network& network) {
    std::vector<T> parameters;
    parameters.reserve(static_cast<std::size_t>(parameter_count(shape_of(network))));
    for (const DenseLayer& layer : network.layers) {
        for (const double w : layer.weight.values())
            parameters.push_back(static_cast<T>(w));
        for (Index i = 0; i < layer.weight.rows(); ++i)
            parameters.push_back(layer.bias.empty() ? T{0} : static_cast<T>(layer.bias[static_cast<std::size_t>(i)]));
    }
    return parameters;
}

template <class T>
Network unpack(const std::vector<Layer>& layers, const T* parameters) {
    Network network;
    for (const Layer& layer : layers) {
        DenseLayer dense{Matrix<double>(layer.outputs, layer.inputs), {}, layer.activation, layer.renorm};
        for (double& w : dense.weight.values())
            w = static_cast<double>(*parameters++);
        if (layer.bias)
            dense.bias.assign(parameters, parameters + layer.outputs);
        parameters += layer.outputs;
        network.layers.push_back(std::move(dense));
    }
    return network;
}

template <class T>
std::vector<T> initial_parameters(const std::vector<Layer>& layers, std::uint64_t seed, std::uint64_t member,
                                  const InitialWeights& weights) {
    RandomStream random(seed, stream::initialise + member);
    std::vector<T> parameters;
    parameters.reserve(static_cast<std::size_t>(parameter_count(layers)));
    for (std::size_t k = 0; k < layers.size(); ++k) {
        const Layer& layer = layers[k];
        const bool fan_in = weights.kind == Initialisation::fan_in;
        const double bound = fan_in ? 1 / std::sqrt(static_cast<double>(layer.inputs))
                                    : std::sqrt(6.0 / static_cast<double>(layer.inputs + layer.outputs));
        const double scale = k == 0 ? weights.first_scale : 1;
        for (Index i = 0; i < layer.outputs * layer.inputs; ++i)
            parameters.push_back(static_cast<T>(scale * (bound * (2 * random.uniform() - 1))));
        for (Index i = 0; i < layer.outputs; ++i)
            parameters.push_back(fan_in && layer.bias ? static_cast<T>(bound * (2 * random.uniform() - 1)) : T{0});
    }
    return parameters;
}

Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X, Index layer) {
    if (layer < 0 || layer > static_cast<Index>(network.layers.size()))
        throw InputError("layer " + std::to_string(layer) + ": the network has layers 1 to " +
                         std::to_string(network.layers.size()));
    if (layer > 0 && X.rows() != network.inputs())
        throw InputError("inputs have " + std::to_string(X.rows()) + " values, the network takes " +
                         std::to_string(network.inputs()));
    return Executor(on, std::span(&network, 1), {layer, Tap::after}).run(X);
}

Matrix<double> forward(Backend<double>& on, const Network& network, const Matrix<double>& X) {
    return forward(on, network, X, static_cast<Index>(network.layers.size()));
}

double activation_value(Activation f, double z) {
    switch (f) {
        case Activation::tanh:
            return std::tanh(z);
        case Activation::logistic:
            return 1 / (1 + std::exp(-z));
        case Activation::softplus:
            return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
        case Activation::relu:
            return std::max(z, 0.0);
        case Activation::identity:
            break;
    }
    return z;
}

double activation_slope(Activation f, double z) {
    const double y = activation_value(f, z);
    switch (f) {
        case Activation::tanh:
            return 1 - y * y;
        case Activation::logistic:
            return y * (1 - y);
        case Activation::softplus:
            return 1 / (1 + std::exp(-z));
        case Activation::relu:
            return z > 0 ? 1 : 0;
        case Activation::identity:
            break;
    }
    return 1;
}

template std::vector<float> pack<float>(const Network&);
template std::vector<double> pack<double>(const Network&);
template Network unpack<float>(const std::vector<Layer>&, const float*);
template Network unpack<double>(const std::vector<Layer>&, const double*);
template std::vector<float> initial_parameters<float>(const std::vector<Layer>&, std::uint64_t, std::uint64_t,
                                                      const InitialWeights&);
template std::vector<double> initial_parameters<double>(const std::vector<Layer>&, std::uint64_t, std::uint64_t,
                                                        const InitialWeights&);

}  // namespace descrambler
