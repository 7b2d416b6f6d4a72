#include "descrambler/dense_graph.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

namespace descrambler {
namespace {

[[noreturn]] void refuse(const GraphNode& node, const std::string& what) {
    throw InputError("node \"" + node.name + "\" (" + node.onnx + "): " + what);
}

DenseLayer layer_of(const Product& op) {
    const Index rows = op.weight.shape[0], cols = op.weight.shape[1];
    const std::vector<double> numbers = op.weight.as<double>();
    DenseLayer layer{.weight = Matrix<double>(rows, cols), .bias = {}};
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
            layer.weight(i, j) = numbers[static_cast<std::size_t>(i * cols + j)];
    return layer;
}

// The numbers that a pattern has for one of the vectors [n] that it is added to; nothing where they differ.
std::optional<std::vector<double>> of_each_row(const Pattern& pattern, Index n, Index rows) {
    std::vector<double> numbers(pattern.empty() ? 0 : static_cast<std::size_t>(n));
    for (Index i = 0; i < std::ssize(numbers); ++i) {
        numbers[static_cast<std::size_t>(i)] = pattern.at(i);
        for (Index row = 1; row < rows; ++row)
            if (pattern.at(row * n + i) != pattern.at(i))
                return std::nullopt;
    }
    return numbers;
}

// s .* (W x + b) + t; an empty s is 1.
void follow(DenseLayer& layer, const std::vector<double>& s, const std::vector<double>& t) {
    for (Index i = 0; i < layer.weight.rows() && !s.empty(); ++i) {
        const double factor = s[static_cast<std::size_t>(i)];
        for (Index j = 0; j < layer.weight.cols(); ++j)
            layer.weight(i, j) *= factor;
        if (!layer.bias.empty())
            layer.bias[static_cast<std::size_t>(i)] *= factor;
    }
    if (layer.bias.empty())
        layer.bias = t;
    else
        for (std::size_t i = 0; i < t.size(); ++i)
            layer.bias[i] += t[i];
}
// W (s .* x + t) + b
void precede(DenseLayer& layer, const std::vector<double>& s, const std::vector<double>& t) {
    if (!t.empty())
        layer.bias.resize(static_cast<std::size_t>(layer.weight.rows()));
    for (Index i = 0; i < layer.weight.rows() && !t.empty(); ++i)
        for (Index j = 0; j < layer.weight.cols(); ++j)
            layer.bias[static_cast<std::size_t>(i)] += layer.weight(i, j) * t[static_cast<std::size_t>(j)];
    for (Index j = 0; j < layer.weight.cols() && !s.empty(); ++j)
        for (double& w : layer.weight.column(j))
            w *= s[static_cast<std::size_t>(j)];
}

std::optional<Activation> activation_of(const Pointwise& op) {
    switch (op.function) {
        case Function::tanh:
            return Activation::tanh;
        case Function::sigmoid:
            return Activation::logistic;
        case Function::softplus:
            return Activation::softplus;
        case Function::relu:
            return Activation::relu;
        case Function::clip:
            return op.a == 0 && op.b == std::numeric_limits<double>::infinity() ? std::optional(Activation::relu)
                                                                                : std::nullopt;
        default:
            return std::nullopt;
    }
}

const char* onnx_name(Activation f) {
    switch (f) {
        case Activation::tanh:
            return "Tanh";
        case Activation::logistic:
            return "Sigmoid";
        case Activation::softplus:
            return "Softplus";
        default:
            return "Relu";
    }
}

// One or more copies of the mean of n numbers.
bool is_mean(const Sparse& op, Index n) {
    const double weight = 1 / static_cast<double>(n);
    for (std::size_t row = 0; row + 1 < op.starts.size(); ++row)
        if (op.starts[row] != row * static_cast<std::size_t>(n))
            return false;
    for (std::size_t e = 0; e < op.index.size(); ++e)
        if (op.index[e] != e % static_cast<std::size_t>(n))
            return false;
    return op.index.size() == (op.starts.size() - 1) * static_cast<std::size_t>(n) &&
           op.weight.size() == op.index.size() && std::ranges::all_of(op.weight, [&](double w) { return w == weight; });
}
bool moves_nothing(const Move& op, Index n) {
    for (std::size_t i = 0; i < op.index.size(); ++i)
        if (op.index[i] != i)
            return false;
    return std::ssize(op.index) == n;
}

bool takes_all(const Move& op) {
    return std::ranges::find(op.index, SparseRows<double>::nothing) == op.index.end();
}

// Takes the nodes in their order. A layer is open while constant maps and an activation may still go into it.
class Chain {
public:
    explicit Chain(const Graph& graph) : graph_(graph), here_{graph.input}, size_(graph.inputs()) {}

    void take(const GraphNode& node) {
        if (std::holds_alternative<Divide>(node.op))
            return take_renorm(node);
        if (node.inputs.size() != 1)
            refuse(node, "joins several values: no part of a chain of dense layers");
        if (const Move* move = std::get_if<Move>(&node.op);
            move != nullptr && means_.contains(node.inputs[0]) && takes_all(*move)) {
            means_.insert(node.output);  // all copies of one number
            return;
        }
        if (!here_.contains(node.inputs[0]))
            refuse(node, "takes a value that another node takes too: no part of a chain of dense layers");
        if (const Product* product = std::get_if<Product>(&node.op)) {
            take_layer(node, *product);
        } else if (const Affine* map = std::get_if<Affine>(&node.op)) {
            take_map(node, *map);
        } else if (const Pointwise* unit = std::get_if<Pointwise>(&node.op)) {
            take_activation(node, *unit);
        } else if (const Sparse* sum = std::get_if<Sparse>(&node.op); sum != nullptr && is_mean(*sum, size_)) {
            means_.insert(node.output);
            return;
        } else if (const Move* move = std::get_if<Move>(&node.op); move != nullptr && moves_nothing(*move, size_)) {
            here_.insert(node.output);
            return;
        } else {
            refuse(node, "no part of a dense network (Gemm, MatMul, constant maps and activations)");
        }
        go_to(node.output);
    }

    [[nodiscard]] Network finish() {
        if (mapped_by_ != nullptr)
            refuse(*mapped_by_, "a constant map behind the last activation, expected a dense layer behind it");
        if (network_.layers.empty())
            throw InputError("no dense layer, expected Gemm or MatMul with constant weights");
        if (!here_.contains(graph_.output))  // the mean alone
            refuse(graph_.nodes.back(), "no part of a dense network");
        return std::move(network_);
    }

private:
    void go_to(int value) {
        here_ = {value};
        means_.clear();
        size_ = volume(graph_.values[static_cast<std::size_t>(value)].shape);
    }
    void take_layer(const GraphNode& node, const Product& op) {
        DenseLayer layer = layer_of(op);
        if (size_ != layer.weight.cols())
            refuse(node, "works on " + std::to_string(size_ / layer.weight.cols()) +
                             " vectors of one input, expected one; --tap takes each of them");
        layer.bias = *of_each_row(op.bias, layer.weight.rows(), 1);
        precede(layer, scale_, offset_);
        scale_.clear();
        offset_.clear();
        mapped_by_ = nullptr;
        network_.layers.push_back(std::move(layer));
        open_ = true;
    }
    void take_map(const GraphNode& node, const Affine& op) {
        const std::vector<double> s = *of_each_row(op.scale, size_, 1), t = *of_each_row(op.offset, size_, 1);
        if (open_)
            return follow(network_.layers.back(), s, t);
        mapped_by_ = &node;
        if (!s.empty())
            scale_.resize(s.size(), 1);
        for (std::size_t i = 0; i < s.size(); ++i)
            scale_[i] *= s[i];
        for (std::size_t i = 0; i < offset_.size() && !s.empty(); ++i)
            offset_[i] *= s[i];
        offset_.resize(std::max(offset_.size(), t.size()));
        for (std::size_t i = 0; i < t.size(); ++i)
            offset_[i] += t[i];
    }
    void take_activation(const GraphNode& node, const Pointwise& op) {
        const std::optional<Activation> f = activation_of(op);
        if (!f)
            refuse(node, "the activation is none of relu, tanh, logistic and softplus");
        if (!open_)
            refuse(node, "an activation that follows no dense layer");
        network_.layers.back().activation = *f;
        open_ = false;
    }
    void take_renorm(const GraphNode& node) {
        if (!here_.contains(node.inputs[0]) || !means_.contains(node.inputs[1]) || network_.layers.empty() ||
            mapped_by_ != nullptr || network_.layers.back().renorm)
            refuse(node, "a quotient of two values, expected that of the signals of a layer and their mean");
        network_.layers.back().renorm = true;
        open_ = false;
        go_to(node.output);
    }

    const Graph& graph_;
    Network network_;
    std::set<int> here_, means_;  // values that are the signals, and their mean
    Index size_;
    bool open_ = false;
    std::vector<double> scale_, offset_;    // constant maps that wait for the next layer
    const GraphNode* mapped_by_ = nullptr;  // the last of them
};

}  // namespace

Network network_of(const Graph& graph) {
    Chain chain(graph);
    for (const GraphNode& node : graph.nodes)
        chain.take(node);
    return chain.finish();
}

DenseTap dense_tap(Graph graph) {
    if (graph.nodes.empty())
        throw InputError("value \"" + graph.values[static_cast<std::size_t>(graph.output)].name +
                         "\": an input, expected a dense node");
    const GraphNode last = graph.nodes.back();
    graph.nodes.pop_back();
    const Affine* const map = std::get_if<Affine>(&last.op);
    GraphNode dense = last;
    if (map != nullptr && !graph.nodes.empty()) {
        dense = graph.nodes.back();
        graph.nodes.pop_back();
    }
    const Product* const product = std::get_if<Product>(&dense.op);
    if (product == nullptr || dense.output != (map != nullptr ? last.inputs[0] : graph.output))
        refuse(last, "is not dense, expected Gemm or MatMul with constant weights");
    DenseTap tap;
    tap.layer = layer_of(*product);
    const Index n = tap.layer.weight.rows();
    tap.rows = volume(graph.values[static_cast<std::size_t>(dense.output)].shape) / n;
    std::optional<std::vector<double>> bias = of_each_row(product->bias, n, tap.rows);
    std::optional<std::vector<double>> s = std::vector<double>(), t = std::vector<double>();
    if (map != nullptr) {
        s = of_each_row(map->scale, n, tap.rows);
        t = of_each_row(map->offset, n, tap.rows);
    }
    if (!bias || !s || !t)
        refuse(last, "has other constants for other rows, expected one vector for all");
    tap.layer.bias = std::move(*bias);
    follow(tap.layer, *s, *t);
    graph.output = dense.inputs[0];
    graph.output_shape = graph.values[static_cast<std::size_t>(graph.output)].shape;
    tap.before = std::move(graph);
    return tap;
}

OnnxModel onnx_of(const Network& network, ElementType type) {
    OnnxModel model;
    model.ir_version = 8;
    model.opset = 17;
    OnnxGraph& graph = model.graph;
    const auto constant = [&](const std::string& name, Shape shape, std::vector<double> numbers) {
        Tensor all = tensor(std::move(shape), std::move(numbers));
        graph.constants[name] = type == ElementType::f64 ? std::move(all) : tensor(all.shape, all.as<float>());
    };
    std::string last = "input";
    const auto node = [&](const std::string& name, const char* op, std::vector<std::string> inputs,
                          std::vector<OnnxAttribute> attributes) {
        graph.nodes.push_back({name, op, "", std::move(inputs), {name}, std::move(attributes)});
        last = name;
    };
    for (std::size_t k = 0; k < network.layers.size(); ++k) {
        const DenseLayer& layer = network.layers[k];
        const std::string name = "layer_" + std::to_string(k + 1);
        std::vector<double> rows;
        for (Index i = 0; i < layer.weight.rows(); ++i)
            for (Index j = 0; j < layer.weight.cols(); ++j)
                rows.push_back(layer.weight(i, j));
        constant(name + ".weight", {layer.weight.rows(), layer.weight.cols()}, std::move(rows));
        std::vector<std::string> inputs{last, name + ".weight"};
        if (!layer.bias.empty()) {
            constant(name + ".bias", {layer.weight.rows()}, layer.bias);
            inputs.push_back(name + ".bias");
        }
        node(name, "Gemm", std::move(inputs), {{"transB", std::int64_t{1}}});
        if (layer.activation != Activation::identity)
            node(name + "_" + std::string(to_string(layer.activation)), onnx_name(layer.activation), {last}, {});
        if (layer.renorm) {
            std::vector<std::string> quotient{last};
            node(name + "_mean", "ReduceMean", {last}, {{"axes", std::vector<std::int64_t>{1}}});
            quotient.push_back(last);
            node(name + "_renorm", "Div", std::move(quotient), {});
        }
    }
    graph.nodes.back().outputs = {"output"};
    using Dims = std::vector<std::variant<Index, std::string>>;
    graph.inputs = {{"input", type, Dims{"batch", network.inputs()}}};
    graph.outputs = {{"output", type, Dims{"batch", network.outputs()}}};
    return model;
}

}  // namespace descrambler
