#include "descrambler/evaluator.hpp"

#include <algorithm>

#include "graph/frozen_node.hpp"

namespace descrambler {
namespace {

// Operators that are one affine map at every input.
bool is_affine(const Operator& op) {
    return std::holds_alternative<Convolve>(op) || std::holds_alternative<Product>(op) ||
           std::holds_alternative<Affine>(op) || std::holds_alternative<Fixed>(op) || std::holds_alternative<Sum>(op) ||
           std::holds_alternative<Move>(op) || std::holds_alternative<Concat>(op) || std::holds_alternative<Sparse>(op);
}
// Every number for itself and by the same rule.
bool is_uniform(const Operator& op) {
    const Pointwise* const unit = std::get_if<Pointwise>(&op);
    return unit != nullptr && unit->slope.empty();
}
std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

}  // namespace

struct Evaluator::State {
    Backend<double>& on;
    const Graph& graph;
    Weights<double> weights;
    std::vector<Frozen<double>> maps;     // of affine nodes, made when they are first needed
    std::vector<std::vector<int>> ended;  // values that no node after this one takes
    FreezeOptions options;

    State(Backend<double>& backend, const Graph& g)
        : on(backend), graph(g), weights(backend), maps(g.nodes.size()), ended(g.nodes.size()) {
        std::vector<bool> taken(g.values.size());
        taken[at(g.output)] = true;
        for (std::size_t n = g.nodes.size(); n-- > 0;)
            for (const int value : g.nodes[n].inputs)
                if (!taken[at(value)]) {
                    taken[at(value)] = true;
                    ended[n].push_back(value);
                }
    }
    [[nodiscard]] Index size(int value) const { return volume(graph.values[at(value)].shape); }
    // Columns that are worked on at a time: some memory for values, some columns for BLAS.
    [[nodiscard]] Index block() const {
        constexpr Index numbers = Index{1} << 24, columns = 64;
        Index largest = 1;
        for (const GraphValue& value : graph.values)
            largest = std::max(largest, volume(value.shape));
        return std::clamp<Index>(numbers / largest, 1, columns);
    }
    Frozen<double> freeze_at(const GraphNode& node, const std::vector<Batch<const double>>& x, Batch<double> y) {
        Freezing<double> here{on, weights, options, node, x, y};
        return std::visit([&](const auto& op) { return freeze<double>(op, here); }, node.op);
    }
    void run_node(std::size_t n, const std::vector<Batch<const double>>& x, Batch<double> y) {
        const GraphNode& node = graph.nodes[n];
        const auto each = [&](const auto& change) {
            std::vector<Batch<const double>> changed;
            for (const Batch<const double>& view : x)
                changed.push_back(change(view));
            return changed;
        };
        if (is_uniform(node.op)) {
            const auto flat = [](auto view) { return decltype(view)(view.data, view.size(), 1); };
            (void)freeze_at(node, each(flat), flat(y));
            return;
        }
        if (!is_affine(node.op)) {
            for (Index k = 0; k < y.cols; ++k)
                (void)freeze_at(node, each([k](auto view) { return view.columns(k, 1); }), y.columns(k, 1));
            return;
        }
        if (maps[n] == nullptr)
            maps[n] = freeze_at(node, each([](auto view) { return view.columns(0, 1); }), y.columns(0, 1));
        maps[n]->apply(on, x, y);
        if (!maps[n]->offset.empty())
            on.add_offset(maps[n]->offset.view(), y);
    }
};

Evaluator::Evaluator(Backend<double>& on, const Graph& graph) : state_(std::make_unique<State>(on, graph)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;

Index Evaluator::inputs() const {
    return state_->size(state_->graph.input);
}
Index Evaluator::outputs() const {
    return state_->size(state_->graph.output);
}

Matrix<double> Evaluator::run(Batch<const double> X) {
    State& state = *state_;
    const Graph& graph = state.graph;
    require(X.rows == inputs() && X.packed(), "evaluator: X must be [inputs, K]");
    Matrix<double> result(outputs(), X.cols);
    const Index width = state.block();
    for (Index first = 0; first < X.cols; first += width) {
        const Index count = std::min(width, X.cols - first);
        std::vector<Buffer<double>> values(graph.values.size());
        const auto view = [&](int value) { return values[at(value)].view(state.size(value), count); };
        values[at(graph.input)] = state.on.allocate(inputs() * count);
        state.on.upload(X.data + first * X.rows, view(graph.input));
        for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
            const GraphNode& node = graph.nodes[n];
            values[at(node.output)] = state.on.allocate(state.size(node.output) * count);
            std::vector<Batch<const double>> x;
            for (const int value : node.inputs)
                x.push_back(view(value));
            state.run_node(n, x, view(node.output));
            for (const int value : state.ended[n])
                values[at(value)] = {};
        }
        state.on.download(view(graph.output), result.data() + first * result.rows());
    }
    return result;
}

}  // namespace descrambler
