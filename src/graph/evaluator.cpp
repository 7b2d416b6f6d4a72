#include "descrambler/evaluator.hpp"

#include <algorithm>

#include "descrambler/matrix.hpp"
#include "graph/frozen_node.hpp"
#include "graph/memory.hpp"

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
// y of a switch, most of the numbers of many networks, without the record that freezing makes; the same bits. False: the
// node is none.
bool switched(const Operator& op, Batch<const double> x, Batch<double> y) {
    const auto& unit = std::get<Pointwise>(op);
    const auto fill = [&](const auto& value) { std::transform(x.data, x.data + x.size(), y.data, value); };
    const double a = unit.a, b = unit.b;
    if (unit.function == Function::relu)
        fill([](double number) { return number > 0 ? number : 0 * number; });
    else if (unit.function == Function::leaky_relu)
        fill([a](double number) { return number > 0 ? number : a * number; });
    else if (unit.function == Function::clip)
        fill([a, b](double number) {
            const double inside = number + 0;  // of -0: 0
            return inside > a && inside < b ? inside : inside <= a ? std::min(a, b) : b;
        });
    else
        return false;
    return true;
}
std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

}  // namespace

struct Evaluator::State {
    const Graph& graph;
    int threads;
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);  // where the maps lie, which all threads read
    Weights<double> weights{*on};
    std::vector<Frozen<double>> maps;     // of affine nodes
    std::vector<std::vector<int>> ended;  // values that no node after this one takes
    Index most = 0;                       // numbers of one column that live at once

    State(const Graph& g, int count)
        : graph(g), threads(count), maps(g.nodes.size()), ended(g.nodes.size()), most(live_numbers(g)) {
        std::vector<bool> taken(g.values.size());
        taken[at(g.output)] = true;
        for (std::size_t n = g.nodes.size(); n-- > 0;)
            for (const int value : g.nodes[n].inputs)
                if (!taken[at(value)]) {
                    taken[at(value)] = true;
                    ended[n].push_back(value);
                }
        const Matrix<double> zero(size(g.input), 1);
        Matrix<double> ignored(size(g.output), 1);
        run(*on, zero.view(), ignored.view(), [this](std::size_t n, const Inputs& x, Batch<double> y) {
            Frozen<double> map = freeze_at(*on, weights, n, x, y);
            if (is_affine(graph.nodes[n].op))
                maps[n] = std::move(map);
        });
    }
    using Inputs = std::vector<Batch<const double>>;
    [[nodiscard]] Index size(int value) const { return volume(graph.values[at(value)].shape); }
    // Columns that are worked on at a time: some memory for the values, some columns for BLAS and for the threads.
    [[nodiscard]] Index block() const {
        constexpr Index numbers = Index{1} << 22, columns = 16;
        Index largest = 1;
        for (const GraphValue& value : graph.values)
            largest = std::max(largest, volume(value.shape));
        return std::clamp<Index>(numbers / largest, 1, columns);
    }
    Frozen<double> freeze_at(Backend<double>& here, Weights<double>& sent, std::size_t n, const Inputs& x,
                             Batch<double> y) const {
        const FreezeOptions options;
        Freezing<double> freezing{here, sent, options, graph.nodes[n], here, x, y};
        return std::visit([&](const auto& op) { return freeze<double>(op, freezing); }, graph.nodes[n].op);
    }
    // y of node n for the columns of x.
    void make(Backend<double>& here, std::size_t n, const Inputs& x, Batch<double> y) const {
        if (maps[n] != nullptr) {
            maps[n]->apply(here, x, y);
            if (!maps[n]->offset.empty())
                here.add_offset(maps[n]->offset.view(), y);
            return;
        }
        const auto changed = [&](const auto& change) {
            Inputs result;
            for (const Batch<const double>& view : x)
                result.push_back(change(view));
            return result;
        };
        Weights<double> none(here);  // affine nodes alone have weights
        if (is_uniform(graph.nodes[n].op)) {
            const auto flat = [](auto view) { return decltype(view)(view.data, view.size(), 1); };
            if (!switched(graph.nodes[n].op, flat(x[0]), flat(y)))
                (void)freeze_at(here, none, n, changed(flat), flat(y));
            return;
        }
        for (Index k = 0; k < y.cols; ++k)
            (void)freeze_at(here, none, n, changed([k](auto view) { return view.columns(k, 1); }), y.columns(k, 1));
    }
    // Y of X, node by node; make_node(n, x, y).
    template <class MakeNode>
    void run(Backend<double>& here, Batch<const double> X, Batch<double> Y, const MakeNode& make_node) const {
        std::vector<Buffer<double>> values(graph.values.size());
        SpareBuffers<double> spare;
        Index live = 0;
        const auto allocate = [&](int value) {
            values[at(value)] = spare.take(here, size(value) * X.cols, live, most * X.cols);
            live += values[at(value)].size();
        };
        const auto view = [&](int value) { return values[at(value)].view(size(value), X.cols); };
        allocate(graph.input);
        here.upload(X.data, view(graph.input));
        for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
            const GraphNode& node = graph.nodes[n];
            allocate(node.output);
            Inputs x;
            for (const int value : node.inputs)
                x.push_back(view(value));
            make_node(n, x, view(node.output));
            for (const int value : ended[n]) {
                live -= values[at(value)].size();
                spare.give(std::move(values[at(value)]));
            }
        }
        here.download(view(graph.output), Y.data);
    }
};

Evaluator::Evaluator(const Graph& graph, int threads) : state_(std::make_unique<State>(graph, threads)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;

Index Evaluator::inputs() const {
    return state_->size(state_->graph.input);
}
Index Evaluator::outputs() const {
    return state_->size(state_->graph.output);
}

Matrix<double> Evaluator::run(Batch<const double> X) const {
    require(X.rows == inputs() && X.packed(), "evaluator: X must be [inputs, K]");
    Matrix<double> Y(outputs(), X.cols);
    const State& state = *state_;
    const Index width = state.block(), blocks = (X.cols + width - 1) / width;
    parallel_items(blocks, state.threads, [&](Index block, Backend<double>& here) {
        const Index first = block * width, count = std::min(width, X.cols - first);
        state.run(here, X.columns(first, count), Y.view().columns(first, count),
                  [&](std::size_t n, const State::Inputs& x, Batch<double> y) { state.make(here, n, x, y); });
    });
    return Y;
}

}  // namespace descrambler
