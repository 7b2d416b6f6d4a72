// Other rules than the transposed frozen network for what goes backwards through it: deconvolution and layer-wise
// relevance, which are compared with its rows. docs/interpreters.md, "Baselines".
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "descrambler/frozen.hpp"

namespace descrambler {

struct NodeGradient {
    std::vector<double> value, gradient;  // [numbers of the node]: at x0, and d y_j / d value in the frozen network
};

struct Relevances {
    Matrix<double> maps;       // [inputs, outputs asked for]
    std::vector<double> lost;  // of each output: y_j less the sum of its map, but for rounding
};

// Of a network in double precision, which outlives it.
class BackwardRules {
public:
    explicit BackwardRules(const FrozenNetwork<double>& network) : network_(&network) {}
    // F^T U, U [outputs, K], with rectifiers that act on what comes back, R <- max(R, 0) for Relu and for Clip from 0,
    // R <- R or slope R for LeakyRelu and PRelu, in place of the switches of x0. All other nodes as they are frozen:
    // without a rectifier it is F^T U bit for bit. [inputs, K]. Zeiler, Fergus, Visualizing and Understanding
    // Convolutional Networks (ECCV 2014).
    [[nodiscard]] Matrix<double> deconvolution(const Matrix<double>& U) const;
    // Layer-wise relevance of outputs (indices are checked by the caller), from R_j = y_j. With a the values at x0 and
    // z_j = sum_i a_i w_ij, without the bias:
    //   dense layers, sums, means      R_i = sum_j a_i w_ij R_j / (z_j + epsilon max|z| sign z_j)
    //   convolutions                   R_i = sum_j (a_i w_ij)^+ R_j / sum_k (a_k w_kj)^+   (alpha 1, beta 0)
    //   pooling by the largest, moves  to where the number came from
    //   functions of one number, batch norms, LRN: R passes; products and quotients: to the factor that is not kept
    // A batch norm behind a convolution is a factor of its weights. What reaches a unit with z_j = 0, as one that its
    // bias alone switches on, and what epsilon takes is lost, and told.
    // Throws InputError for a node without a rule (norms, softmax and products of matrices that hang on the input).
    // Bach et al., On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation
    // (PLOS ONE 2015).
    [[nodiscard]] Relevances relevance(std::span<const Index> outputs, double epsilon = 1e-9) const;
    // At a node, by its place in the graph.
    [[nodiscard]] NodeGradient at_node(std::size_t node, Index output) const;

private:
    class Relevance;
    const FrozenNetwork<double>* network_;
};

}  // namespace descrambler
