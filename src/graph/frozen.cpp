#include "descrambler/frozen.hpp"

#include <algorithm>
#include <cmath>

#include "graph/frozen_node.hpp"

namespace descrambler {

std::string_view to_string(FreezeRule rule) {
    return rule == FreezeRule::frozen ? "frozen" : "taylor";
}
std::string_view to_string(NormRule norm) {
    return norm == NormRule::std ? "std" : norm == NormRule::mean_std ? "mean+std" : "none";
}
FreezeRule freeze_rule_from(std::string_view name) {
    for (const FreezeRule rule : {FreezeRule::frozen, FreezeRule::taylor})
        if (name == to_string(rule))
            return rule;
    throw InputError("--freeze: expected frozen or taylor, found \"" + std::string(name) + "\"");
}
NormRule norm_rule_from(std::string_view name) {
    for (const NormRule rule : {NormRule::std, NormRule::mean_std, NormRule::none})
        if (name == to_string(rule))
            return rule;
    throw InputError("--norm: expected std, mean+std or none, found \"" + std::string(name) + "\"");
}

template <class T>
struct FrozenNetwork<T>::State {
    Backend<T>* on;
    const Graph* graph;
    Weights<T> weights;
    FreezeOptions options;
    std::vector<Frozen<T>> nodes;
    std::vector<Index> sizes;   // of values
    std::vector<int> last_use;  // node after which a value is not needed, by value
    std::vector<T> x0, y0;
    Index memory = Index{1} << 30;

    State(Backend<T>& backend, const Graph& g, const FreezeOptions& o)
        : on(&backend), graph(&g), weights(backend), options(o) {
        for (const GraphValue& value : g.values)
            sizes.push_back(volume(value.shape));
        last_use.assign(g.values.size(), -1);
        for (std::size_t n = 0; n < g.nodes.size(); ++n)
            for (const int input : g.nodes[n].inputs)
                last_use[at(input)] = static_cast<int>(n);
        last_use[at(g.output)] = static_cast<int>(g.nodes.size());
    }
    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    [[nodiscard]] Index size(int value) const { return sizes[at(value)]; }
    // Probes whose values fit into the memory, at most a block of 16 for the caches.
    [[nodiscard]] Index block() const {
        const Index most = peak() * static_cast<Index>(sizeof(T));
        if (most > memory)
            throw InputError("--memory: " + std::to_string(memory >> 20) + " MiB are less than one probe takes, " +
                             std::to_string((most >> 20) + 1) + " MiB");
        return std::clamp<Index>(memory / std::max<Index>(most, 1), 1, 16);
    }
    [[nodiscard]] Index peak() const {  // numbers of one probe that live at once
        Index live = size(graph->input), most = live;
        for (std::size_t n = 0; n < graph->nodes.size(); ++n) {
            live += size(graph->nodes[n].output);
            most = std::max(most, live);
            for_ended(static_cast<int>(n), [&](int value) { live -= size(value); });
        }
        return 2 * most;  // an adjoint holds what it adds to beside what it adds
    }
    template <class Body>
    void for_ended(int node, const Body& body) const {
        std::vector<int> ended = graph->nodes[at(node)].inputs;
        std::ranges::sort(ended);
        ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
        for (const int value : ended)
            if (last_use[at(value)] == node)
                body(value);
    }

    void record(std::span<const T> input);
    void check_finite(const GraphNode& node, const FrozenNode<T>& frozen, const Freezing<T>& here) const;
    // Offsets go to the first `offsets` columns.
    Matrix<T> forward(const Matrix<T>& V, Index offsets);
    // visit(node, gradient of its output) on the way back
    template <class Visit>
    Matrix<T> backward(const Matrix<T>& U, const Visit& visit);
};

template <class T>
void FrozenNetwork<T>::State::record(std::span<const T> input) {
    const auto finite = [](std::span<const T> numbers) {
        return std::ranges::all_of(numbers, [](T number) { return std::isfinite(number); });
    };
    if (std::ssize(input) != size(graph->input))
        throw InputError("--input: " + std::to_string(input.size()) + " numbers, expected " +
                         std::to_string(size(graph->input)) + " (" + to_string(graph->values[at(graph->input)].shape) +
                         ")");
    if (!finite(input))
        throw InputError("--input: a number that is not finite");
    x0.assign(input.begin(), input.end());
    std::vector<Buffer<T>> values(sizes.size());
    values[at(graph->input)] = on->allocate(size(graph->input));
    on->upload(x0.data(), values[at(graph->input)].view(size(graph->input), 1));
    for (std::size_t n = 0; n < graph->nodes.size(); ++n) {
        const GraphNode& node = graph->nodes[n];
        Buffer<T>& out = values[at(node.output)];
        out = on->allocate(size(node.output));
        Freezing<T> here{*on, weights, options, node, {}, {}};
        here.y = out.view(size(node.output), 1);
        for (const int value : node.inputs)
            here.x.push_back(values[at(value)].view(size(value), 1));
        nodes.push_back(std::visit([&](const auto& op) { return freeze<T>(op, here); }, node.op));
        check_finite(node, *nodes.back(), here);
        for_ended(static_cast<int>(n), [&](int value) { values[at(value)] = {}; });
    }
    y0.resize(static_cast<std::size_t>(size(graph->output)));
    on->download(values[at(graph->output)].view(size(graph->output), 1), y0.data());
}

// A slope that is infinite shows in A x0 or, where x0 is 0, as what is no number.
template <class T>
void FrozenNetwork<T>::State::check_finite(const GraphNode& node, const FrozenNode<T>& frozen,
                                           const Freezing<T>& here) const {
    const auto check = [&](Batch<const T> numbers, const char* what) {
        std::vector<T> host(static_cast<std::size_t>(numbers.rows));
        on->download(numbers, host.data());
        if (!std::ranges::all_of(host, [](T number) { return std::isfinite(number); }))
            throw InputError("the network: node \"" + node.name + "\" (" + node.onnx + "): " + what +
                             " at this input is not finite");
    };
    check(here.y, "its value");
    if (!frozen.offset.empty())
        check(frozen.offset.numbers.view(frozen.offset.numbers.size(), 1), "its offset");
    if (frozen.affine)
        return;
    const Buffer<T> image = on->allocate(here.y.rows);
    frozen.apply(*on, here.x, image.view(here.y.rows, 1));
    check(image.view(here.y.rows, 1), "its linear part");
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::forward(const Matrix<T>& V, Index offsets) {
    Matrix<T> result(size(graph->output), V.cols());
    const Index width = block();
    for (Index first = 0; first < V.cols(); first += width) {
        const Index count = std::min(width, V.cols() - first);
        std::vector<Buffer<T>> values(sizes.size());
        const auto view = [&](int value) { return values[at(value)].view(size(value), count); };
        values[at(graph->input)] = on->allocate(size(graph->input) * count);
        on->upload(V.data() + first * V.rows(), view(graph->input));
        for (std::size_t n = 0; n < nodes.size(); ++n) {
            const GraphNode& node = graph->nodes[n];
            values[at(node.output)] = on->allocate(size(node.output) * count);
            std::vector<Batch<const T>> x;
            for (const int value : node.inputs)
                x.push_back(view(value));
            nodes[n]->apply(*on, x, view(node.output));
            if (const Index shifted = std::clamp<Index>(offsets - first, 0, count);
                shifted > 0 && !nodes[n]->offset.empty())
                on->add_offset(nodes[n]->offset.view(), view(node.output).columns(0, shifted));
            for_ended(static_cast<int>(n), [&](int value) { values[at(value)] = {}; });
        }
        on->download(view(graph->output), result.data() + first * result.rows());
    }
    return result;
}

template <class T>
template <class Visit>
Matrix<T> FrozenNetwork<T>::State::backward(const Matrix<T>& U, const Visit& visit) {
    Matrix<T> result(size(graph->input), U.cols());
    const Index width = block();
    for (Index first = 0; first < U.cols(); first += width) {
        const Index count = std::min(width, U.cols() - first);
        std::vector<Buffer<T>> gradients(sizes.size());  // empty: nothing has arrived
        const auto view = [&](int value) { return gradients[at(value)].view(size(value), count); };
        gradients[at(graph->output)] = on->allocate(size(graph->output) * count);
        on->upload(U.data() + first * U.rows(), view(graph->output));
        for (std::size_t n = nodes.size(); n-- > 0;) {
            const GraphNode& node = graph->nodes[n];
            if (gradients[at(node.output)].size() == 0 && size(node.output) > 0)
                continue;
            visit(n, first, Batch<const T>(view(node.output)));
            // a value that enters twice gets both, one after the other: targets of one call must differ
            std::vector<Target<T>> targets(node.inputs.size());
            std::vector<bool> later(node.inputs.size());
            for (std::size_t i = 0; i < node.inputs.size(); ++i) {
                const int value = node.inputs[i];
                const bool fresh = gradients[at(value)].size() == 0;
                if (fresh)
                    gradients[at(value)] = on->allocate(size(value) * count);
                targets[i] = {view(value), fresh ? T{0} : T{1}};
            }
            nodes[n]->adjoint(*on, view(node.output), targets);
            if (node.output != graph->input)
                gradients[at(node.output)] = {};
        }
        if (gradients[at(graph->input)].size() > 0)
            on->download(view(graph->input), result.data() + first * result.rows());
    }
    return result;
}

template <class T>
FrozenNetwork<T>::FrozenNetwork(Backend<T>& on, const Graph& graph, std::span<const T> x0, const FreezeOptions& options)
    : state_(std::make_unique<State>(on, graph, options)) {
    state_->record(x0);
}
template <class T>
FrozenNetwork<T>::~FrozenNetwork() = default;
template <class T>
FrozenNetwork<T>::FrozenNetwork(FrozenNetwork&&) noexcept = default;

template <class T>
Index FrozenNetwork<T>::inputs() const {
    return state_->size(state_->graph->input);
}
template <class T>
Index FrozenNetwork<T>::outputs() const {
    return state_->size(state_->graph->output);
}
template <class T>
const std::vector<T>& FrozenNetwork<T>::output() const {
    return state_->y0;
}
template <class T>
Index FrozenNetwork<T>::recorded_bytes() const {
    Index bytes = 0;
    for (const Frozen<T>& node : state_->nodes)
        bytes += node->recorded;
    return bytes;
}
template <class T>
Matrix<T> FrozenNetwork<T>::apply(const Matrix<T>& V) const {
    require(V.rows() == inputs(), "apply: V must be [inputs, K]");
    return state_->forward(V, 0);
}
template <class T>
Matrix<T> FrozenNetwork<T>::adjoint(const Matrix<T>& U) const {
    require(U.rows() == outputs(), "adjoint: U must be [outputs, K]");
    return state_->backward(U, [](std::size_t, Index, Batch<const T>) {});
}
template <class T>
std::vector<T> FrozenNetwork<T>::residual() const {
    const Matrix<T> r = state_->forward(Matrix<T>(inputs(), 1), 1);
    return {r.values().begin(), r.values().end()};
}
template <class T>
Parts<T> FrozenNetwork<T>::parts() const {
    Matrix<T> V(inputs(), 2);
    std::ranges::copy(state_->x0, V.column(1).begin());
    const Matrix<T> both = state_->forward(V, 1);
    const auto r = both.column(0), Fx = both.column(1);
    return {{Fx.begin(), Fx.end()}, {r.begin(), r.end()}};
}

namespace {

template <class T>
Matrix<T> unit_vectors(Index size, std::span<const Index> places) {
    Matrix<T> result(size, std::ssize(places));
    for (Index k = 0; k < result.cols(); ++k)
        result(places[static_cast<std::size_t>(k)], k) = 1;
    return result;
}

}  // namespace

template <class T>
Matrix<T> FrozenNetwork<T>::rows(std::span<const Index> outputs) const {
    return adjoint(unit_vectors<T>(this->outputs(), outputs));
}
template <class T>
Matrix<T> FrozenNetwork<T>::columns(std::span<const Index> inputs) const {
    return apply(unit_vectors<T>(this->inputs(), inputs));
}

template <class T>
Contributions FrozenNetwork<T>::contributions(std::span<const Index> outputs) const {
    const State& state = *state_;
    Contributions result;
    std::vector<Index> place(state.nodes.size(), -1);
    result.names.emplace_back("input");
    for (std::size_t n = 0; n < state.nodes.size(); ++n)
        if (!state.nodes[n]->offset.empty()) {
            place[n] = std::ssize(result.names);
            result.names.push_back(state.graph->nodes[n].name);
        }
    result.values = Matrix<double>(std::ssize(result.names), std::ssize(outputs));
    const Matrix<T> rows = state_->backward(
        unit_vectors<T>(this->outputs(), outputs), [&](std::size_t n, Index first, Batch<const T> gradient) {
            if (place[n] < 0)
                return;
            Buffer<T> sums = state.on->allocate(gradient.cols);
            state.on->offset_dot(state.nodes[n]->offset.view(), gradient, sums.view(1, gradient.cols));
            std::vector<T> host(static_cast<std::size_t>(gradient.cols));
            state.on->download(sums.view(1, gradient.cols), host.data());
            for (Index k = 0; k < gradient.cols; ++k)
                result.values(place[n], first + k) = host[static_cast<std::size_t>(k)];
        });
    for (Index k = 0; k < rows.cols(); ++k) {
        double sum = 0;
        for (Index i = 0; i < rows.rows(); ++i)
            sum += static_cast<double>(rows(i, k)) * state.x0[static_cast<std::size_t>(i)];
        result.values(0, k) = sum;
    }
    return result;
}

template <class T>
void FrozenNetwork<T>::set_memory(Index bytes) {
    state_->memory = bytes;
}

namespace {

template <class To, class From>
Matrix<To> converted(const Matrix<From>& from) {
    Matrix<To> to(from.rows(), from.cols());
    std::ranges::transform(from.values(), to.values().begin(), [](From number) { return static_cast<To>(number); });
    return to;
}

}  // namespace

template <class T>
LinearOperator operator_of(const FrozenNetwork<T>& network) {
    return {network.outputs(), network.inputs(),
            [&network](Backend<double>&, const Matrix<double>& X) {
                return converted<double>(network.apply(converted<T>(X)));
            },
            [&network](Backend<double>&, const Matrix<double>& Y) {
                return converted<double>(network.adjoint(converted<T>(Y)));
            }};
}

template class FrozenNetwork<float>;
template class FrozenNetwork<double>;
template LinearOperator operator_of(const FrozenNetwork<float>&);
template LinearOperator operator_of(const FrozenNetwork<double>&);

}  // namespace descrambler
