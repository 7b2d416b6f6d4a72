#include "descrambler/frozen.hpp"

#include <algorithm>
#include <cmath>

#include "graph/frozen_state.hpp"

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
FrozenNetwork<T>::FrozenNetwork(Backend<T>& on, Backend<double>& exact, const Graph& graph, std::span<const double> x0,
                                const FreezeOptions& options)
    : state_(std::make_unique<State>(on, graph, options)) {
    state_->record(exact, x0);
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
const std::vector<double>& FrozenNetwork<T>::output() const {
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
    return state_->backward(U, nullptr);
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
    return state_->on->on_host() ? state_->rows(outputs) : adjoint(unit_vectors<T>(this->outputs(), outputs));
}
template <class T>
Matrix<T> FrozenNetwork<T>::columns(std::span<const Index> inputs) const {
    return state_->on->on_host() ? state_->columns(inputs) : apply(unit_vectors<T>(this->inputs(), inputs));
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
Contributions FrozenNetwork<T>::contributions(std::span<const Index> outputs) const {
    const State& state = *state_;
    Contributions result;
    std::vector<Index> place(state.nodes.size(), -1);
    result.names.emplace_back("input");
    result.nodes.push_back(-1);
    for (std::size_t n = 0; n < state.nodes.size(); ++n)
        if (state.nodes[n]->shifts()) {
            place[n] = std::ssize(result.names);
            result.names.push_back(state.graph->nodes[n].name);
            result.nodes.push_back(static_cast<Index>(n));
        }
    result.values = Matrix<double>(std::ssize(result.names), std::ssize(outputs));
    result.rows = converted<double>(state_->backward(
        unit_vectors<T>(this->outputs(), outputs), [&](std::size_t n, Index first, Batch<const T> gradient) {
            if (place[n] < 0)
                return;
            Buffer<T> sums = state.on->allocate(gradient.cols);
            state.nodes[n]->offset_dot(*state.on, gradient, sums.view(1, gradient.cols));
            std::vector<T> host(static_cast<std::size_t>(gradient.cols));
            state.on->download(sums.view(1, gradient.cols), host.data());
            for (Index k = 0; k < gradient.cols; ++k)
                result.values(place[n], first + k) = host[static_cast<std::size_t>(k)];
        }));
    for (Index k = 0; k < result.rows.cols(); ++k) {
        double sum = 0;
        for (Index i = 0; i < result.rows.rows(); ++i)
            sum += result.rows(i, k) * state.x0[static_cast<std::size_t>(i)];
        result.values(0, k) = sum;
    }
    return result;
}

template <class T>
OffsetImages FrozenNetwork<T>::offset_images() const {
    OffsetImages result;
    for (std::size_t n = 0; n < state_->nodes.size(); ++n)
        if (state_->nodes[n]->shifts()) {
            result.names.push_back(state_->graph->nodes[n].name);
            result.nodes.push_back(static_cast<Index>(n));
        }
    result.images = converted<double>(state_->forward_offsets(result.nodes));
    return result;
}

template <class T>
void FrozenNetwork<T>::set_memory(Index bytes) {
    state_->memory = bytes;
}

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
