// Small tanh networks and inputs for the tests of descrambling.
#pragma once

#include "descrambler/mlp.hpp"
#include "fixtures.hpp"

namespace descrambler::test {

inline Network network_of(const std::vector<Index>& widths, std::uint64_t number) {
    Network network;
    for (std::size_t k = 1; k < widths.size(); ++k) {
        const Matrix<double> bias = scaled(normal(widths[k], 1, 1000 * number + 2 * k + 1), 0.3);
        network.layers.push_back({scaled(normal(widths[k], widths[k - 1], 1000 * number + 2 * k),
                                         1 / std::sqrt(static_cast<double>(widths[k - 1]))),
                                  {bias.values().begin(), bias.values().end()},
                                  Activation::tanh,
                                  false});
    }
    return network;
}

// Signals with a decaying spectrum and a skewed distribution, as data have.
inline Matrix<double> inputs(Index features, Index samples, std::uint64_t number) {
    Matrix<double> X = normal(features, samples, number);
    for (Index j = 0; j < samples; ++j)
        for (Index i = 0; i < features; ++i)
            X(i, j) = std::exp(X(i, j) - 0.15 * static_cast<double>(i));
    return X;
}

}  // namespace descrambler::test
