#include "descrambler/graph.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "graph/memory.hpp"

namespace descrambler {

std::string_view operator_name(const Operator& op) {
    constexpr std::array names{"Convolve", "Product",   "Affine",         "Fixed",  "Sum",     "Move",     "Concat",
                               "Sparse",   "Pointwise", "Extreme",        "Choose", "MaxPool", "Multiply", "Divide",
                               "MatMul",   "Normalise", "LocalNormalise", "Softmax"};
    static_assert(names.size() == std::variant_size_v<Operator>);
    return names[op.index()];
}

namespace {

Function function_of(Activation f) {
    switch (f) {
        case Activation::tanh:
            return Function::tanh;
        case Activation::logistic:
            return Function::sigmoid;
        case Activation::softplus:
            return Function::softplus;
        default:
            return Function::relu;
    }
}

}  // namespace

Graph graph_of(const Network& network) {
    Graph graph;
    graph.values.push_back({"input", {1, network.inputs()}});
    int last = 0;
    const auto add = [&](const std::string& name, const char* onnx, Operator op, std::vector<int> inputs, Shape shape) {
        last = static_cast<int>(graph.values.size());
        graph.values.push_back({name, std::move(shape)});
        graph.nodes.push_back({name, onnx, std::move(op), std::move(inputs), last, -1});
    };
    for (std::size_t k = 0; k < network.layers.size(); ++k) {
        const DenseLayer& layer = network.layers[k];
        const Index rows = layer.weight.rows(), cols = layer.weight.cols();
        std::vector<double> weight(static_cast<std::size_t>(rows * cols));
        for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < cols; ++j)
                weight[static_cast<std::size_t>(i * cols + j)] = layer.weight(i, j);
        const std::string name = "layer_" + std::to_string(k + 1);
        add(name, "Gemm", Product{tensor({rows, cols}, std::move(weight)), Pattern{layer.bias, 1}}, {last}, {1, rows});
        if (layer.activation != Activation::identity)
            add(name + "_" + std::string(to_string(layer.activation)), "",
                Pointwise{function_of(layer.activation), 0, 0, {}}, {last}, {1, rows});
        if (layer.renorm) {  // y / mean(y)
            Sparse mean;
            mean.starts.push_back(0);
            for (Index i = 0; i < rows; ++i) {
                for (Index j = 0; j < rows; ++j) {
                    mean.index.push_back(static_cast<std::uint32_t>(j));
                    mean.weight.push_back(1 / static_cast<double>(rows));
                }
                mean.starts.push_back(static_cast<std::uint32_t>(mean.index.size()));
            }
            const int y = last;
            add(name + "_mean", "ReduceMean", std::move(mean), {y}, {1, rows});
            add(name + "_renorm", "Div", Divide{}, {y, last}, {1, rows});
        }
    }
    graph.output = last;
    graph.output_shape = graph.values.back().shape;
    return graph;
}

Index live_numbers(const Graph& graph) {
    const auto at = [](int value) { return static_cast<std::size_t>(value); };
    const std::vector<int> last_use = last_uses(graph);
    Index live = graph.inputs(), most = live;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        live += volume(graph.values[at(graph.nodes[n].output)].shape);
        most = std::max(most, live);
        for (const int value : std::set<int>(graph.nodes[n].inputs.begin(), graph.nodes[n].inputs.end()))
            if (last_use[at(value)] == static_cast<int>(n))
                live -= volume(graph.values[at(value)].shape);
    }
    return most;
}

}  // namespace descrambler
