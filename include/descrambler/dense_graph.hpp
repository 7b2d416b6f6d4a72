// Dense networks as ONNX models, graphs that are dense networks, and dense nodes of any graph.
#pragma once

#include "descrambler/graph.hpp"

namespace descrambler {

// The dense network that a graph is, f(W x + b) layer after layer. Weights are those of the file. Constant maps
// s .* x + t (BatchNormalization, Add, Mul, ...) go into the layer in front of them, diag(s) W and s .* b + t, where no
// activation stands between, otherwise into the layer behind them, W diag(s) and b + W t. y / mean(y) becomes renorm.
// Throws InputError "node "NAME" (OPERATOR): ..." for the first node that is no part of such a network: another operator
// or activation, a value that is used twice, several vectors of one input.
[[nodiscard]] Network network_of(const Graph& graph);

// Opset 17. Nodes layer_K (Gemm), layer_K_ACTIVATION, layer_K_mean and layer_K_renorm as in graph_of, constants
// layer_K.weight [out, in] and layer_K.bias [out], input "input" [batch, inputs], output "output" [batch, outputs]; all
// numbers of `type` (f32 or f64).
[[nodiscard]] OnnxModel onnx_of(const Network& network, ElementType type);

// A dense node of a graph, y = W h + b, and the graph in front of it, whose output holds h: `rows` vectors of as many
// numbers as W has columns, one after the other.
struct DenseTap {
    Graph before;
    Index rows = 1;
    DenseLayer layer;  // no activation
};
// The node that makes the output: Gemm or MatMul with constant weights, or a constant map behind such a one, which goes
// into W and b. Throws InputError "node "NAME" (OPERATOR): ..." for any other.
[[nodiscard]] DenseTap dense_tap(Graph graph);

}  // namespace descrambler
