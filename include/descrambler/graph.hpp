// Networks of any shape as graphs of few operators. An ONNX file or a dense network becomes a Graph (import_onnx,
// graph_of); frozen.hpp makes the linear operator of it at an input. Names of nodes and values are those of the file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "descrambler/backend/convolution.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/onnx.hpp"

namespace descrambler {

// A vector that repeats: element i is values[(i / run) % size].
struct Pattern {
    std::vector<double> values;
    Index run = 1;
    [[nodiscard]] double at(Index i) const { return values[static_cast<std::size_t>(i / run % std::ssize(values))]; }
    [[nodiscard]] bool empty() const { return values.empty(); }
};

// ---- operators: each makes one value of its live inputs --------------------------------------------------------------
// All tensors are row-major and whole, the batch axis included.

struct Convolve {  // y = conv(W, x) + b, or its transpose
    Convolution shape;
    bool transposed = false;
    Tensor weight;  // [out_channels, in_channels / groups, kernel]
    Pattern bias;   // a number a channel, or empty
};
struct Product {    // y [.., out] = x [.., in] W^T + b
    Tensor weight;  // [out, in]
    Pattern bias;
};
struct Affine {  // y = scale .* x + offset; an empty scale is 1
    Pattern scale, offset;
};
struct Fixed {  // y = values, a constant beside live values
    std::vector<double> values;
};
struct Sum {  // y = sum of sign_i x_i, inputs of the shape of y
    std::vector<double> sign;
};
struct Move {  // y_i = x[index_i], or `fill` where it is SparseRows::nothing
    std::vector<std::uint32_t> index;
    double fill = 0;
};
struct Concat {  // of each input runs[k] numbers after another, `outer` times
    Index outer = 1;
    std::vector<Index> runs;
};
struct Sparse {  // y_i = sum of weight_e x[index_e], e in starts_i .. starts_{i + 1} - 1: means, resizing
    std::vector<std::uint32_t> starts, index;
    std::vector<double> weight;
    double fill = 0;  // of rows without entries
};
enum class Function {
    relu,
    leaky_relu,
    clip,
    thresholded_relu,
    abs,
    sigmoid,
    tanh,
    softplus,
    softsign,
    elu,
    selu,
    celu,
    gelu,
    gelu_tanh,
    silu,
    hard_sigmoid,
    hard_swish,
    mish,
    exp,
    log,
    sqrt,
    reciprocal,
    erf,
    power,
    base,  // a^x
    neg
};
struct Pointwise {  // y = f(x; a, b) of every number
    Function function = Function::relu;
    double a = 0, b = 0;  // slope, bounds, exponent, as the function has them
    Pattern slope;        // instead of a, where every number has its own
};
struct Extreme {  // the largest or smallest of inputs of one shape
    bool largest = true;
};
struct Choose {  // where `first` is set the first input, else the second
    std::vector<bool> first;
};
struct MaxPool {         // windows over the last `axes` axes
    Convolution window;  // in, out, kernel, stride, dilation, pad; channels and images as one
};
struct Multiply {};  // of two inputs of one shape; gate: whose primal value is kept (frozen), by rule C7
struct Divide {};
struct MatMul {  // y [batch, m, n] = a [batch or 1, m, k] b [batch or 1, k, n]
    Index batch = 1, m = 1, k = 1, n = 1;
    bool share_a = false, share_b = false;
};
struct Normalise {  // in every run: scale (x - mean) / sqrt(var + epsilon) + shift; no mean if !centre (RMS)
    Index run = 1;
    double epsilon = 0;
    bool centre = true;
    Pattern scale, shift;
};
struct LocalNormalise {  // y = x / (k + alpha / size sum of squares of `size` channels around)^beta
    Index channels = 1, run = 1, size = 1;
    double alpha = 1e-4, beta = .75, k = 1;
};
struct Softmax {  // in every run
    Index run = 1;
    bool log = false;
};

using Operator = std::variant<Convolve, Product, Affine, Fixed, Sum, Move, Concat, Sparse, Pointwise, Extreme, Choose,
                              MaxPool, Multiply, Divide, MatMul, Normalise, LocalNormalise, Softmax>;
[[nodiscard]] std::string_view operator_name(const Operator& op);

struct GraphNode {
    std::string name;  // of the node of the file
    std::string onnx;  // its operator there
    Operator op;
    std::vector<int> inputs;  // values
    int output = 0;
    int gate = -1;  // Multiply, MatMul: the input that freezing keeps
};
struct GraphValue {
    std::string name;
    Shape shape;
};
// Nodes in an order in which they can be computed. Value `input` is the input, `output` the answer.
struct Graph {
    std::vector<GraphValue> values;
    std::vector<GraphNode> nodes;
    int input = 0, output = 0;
    Shape output_shape;                // the last value may have another: reshaping moves nothing
    std::vector<std::string> remarks;  // what the import decided: gates, cut nodes, unmatched norms
    [[nodiscard]] Index inputs() const { return volume(values[static_cast<std::size_t>(input)].shape); }
    [[nodiscard]] Index outputs() const { return volume(values[static_cast<std::size_t>(output)].shape); }
};

struct ImportOptions {
    std::map<std::string, Tensor> set;    // inputs that are bound to values
    std::map<std::string, Shape> shapes;  // of inputs whose extents are free
    std::string input, output;            // names; empty: the largest float input that is not bound, the only output
    bool logits = true;                   // a last Softmax or LogSoftmax is cut
    std::int64_t assume_opset = 0;        // 0: the file's; otherwise read as this one
    bool random_weights = false;          // constants of layers are replaced by random ones
    std::uint64_t seed = 1;
};
// Throws InputError naming the file, node and what was expected: unknown operators, attributes, opsets, types, free
// extents that are not bound, numbers that are not finite.
[[nodiscard]] Graph import_onnx(const OnnxModel& model, const ImportOptions& options);
// The outputs where every input is bound by options.set, in double precision.
[[nodiscard]] std::map<std::string, Tensor> evaluate_onnx(const OnnxModel& model, const ImportOptions& options);
[[nodiscard]] Graph graph_of(const Network& network);
// The most numbers of one probe that are needed at once on its way through the nodes.
[[nodiscard]] Index live_numbers(const Graph& graph);

}  // namespace descrambler
