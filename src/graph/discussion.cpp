#include "descrambler/discussion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "graph/frozen_state.hpp"
#include "graph/memory.hpp"

namespace descrambler {

std::string_view to_string(DiscussionRule rule) {
    return rule == DiscussionRule::conserving ? "conserving" : rule == DiscussionRule::paper ? "paper" : "paper-x";
}
DiscussionRule discussion_rule_from(std::string_view name) {
    for (const DiscussionRule rule : {DiscussionRule::conserving, DiscussionRule::paper, DiscussionRule::paper_x})
        if (name == to_string(rule))
            return rule;
    throw InputError("--discussion-rule: expected conserving, paper or paper-x, found \"" + std::string(name) + "\"");
}

namespace {

std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

// Memory of values of probes.
struct Pool {
    SpareBuffers<double> spare;
    Index live = 0, most = 0;  // numbers
};

// What goes backwards through some nodes beside others: a value of `K` probes for each value of the network, none where
// nothing has arrived.
class Backwards {
public:
    Backwards(Backend<double>& on, Pool& pool, const std::vector<Index>& sizes, Index K)
        : on_(&on), pool_(&pool), sizes_(&sizes), K_(K), values_(sizes.size()) {}
    Backwards(Backwards&&) noexcept = default;
    ~Backwards() {
        for (Buffer<double>& value : values_)
            release(value);
    }
    [[nodiscard]] bool here(int value) const { return values_[at(value)].size() > 0; }
    [[nodiscard]] Batch<double> view(int value) const { return values_[at(value)].view((*sizes_)[at(value)], K_); }
    // Where something is added to a value: beta 0 where nothing has arrived.
    [[nodiscard]] Target<double> target(int value) {
        const bool fresh = !here(value);
        if (fresh) {
            values_[at(value)] = pool_->spare.take(*on_, (*sizes_)[at(value)] * K_, pool_->live, pool_->most);
            pool_->live += values_[at(value)].size();
        }
        return {view(value), fresh ? 0.0 : 1.0};
    }
    // Through a node: its inputs get factor_i A_i^T of its output, which ends.
    void pass(const GraphNode& graph_node, const FrozenNode<double>& node, std::span<const double> factors) {
        if (!here(graph_node.output))
            return;
        const Batch<double> y = view(graph_node.output);
        const auto scale = [&](double factor) {
            if (factor != 1)
                on_->axpby(0, y, factor, y);
        };
        const std::vector<int>& inputs = graph_node.inputs;
        if (inputs.size() == 1 && !here(inputs[0]) && node.in_place() &&
            (*sizes_)[at(inputs[0])] == (*sizes_)[at(graph_node.output)]) {
            scale(factors[0]);
            const Target<double> itself{y, 0};
            node.adjoint(*on_, y, std::span(&itself, 1));
            values_[at(inputs[0])] = std::move(values_[at(graph_node.output)]);
            return;
        }
        double applied = 1;  // powers of two
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (factors[i] == 0)
                continue;
            scale(factors[i] / applied);
            applied = factors[i];
            std::vector<Target<double>> targets(inputs.size());
            targets[i] = target(inputs[i]);
            node.adjoint(*on_, y, targets);
        }
        release(values_[at(graph_node.output)]);
    }

private:
    void release(Buffer<double>& value) {
        pool_->live -= value.size();
        pool_->spare.give(std::move(value));
    }
    Backend<double>* on_;
    Pool* pool_;
    const std::vector<Index>* sizes_;
    Index K_;
    std::vector<Buffer<double>> values_;
};

// The network with the sizes of its weights: nodes, and for every value the mass that reaches it from an input of ones,
// times a power of two.
struct Sizes {
    std::vector<Frozen<double>> nodes;
    std::vector<std::vector<double>> factors;  // of the inputs of each node, with those powers
    std::vector<std::vector<double>> mass;     // of each value, on the host
};

template <class State>
Sizes sizes_of(const State& state, bool open) {
    Backend<double>& on = *state.on;
    const Graph& graph = *state.graph;
    Sizes result;
    std::vector<Buffer<double>> values(state.sizes.size());
    std::vector<int> exponent(state.sizes.size());
    result.mass.resize(state.sizes.size());
    const auto view = [&](int value) { return values[at(value)].view(state.size(value), 1); };
    result.mass[at(graph.input)].assign(at(static_cast<int>(state.size(graph.input))), 1);
    values[at(graph.input)] = on.allocate(state.size(graph.input));
    on.upload(result.mass[at(graph.input)].data(), view(graph.input));
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        result.nodes.push_back(state.nodes[n]->absolute(on, open));
        int common = std::numeric_limits<int>::min();
        for (const int value : node.inputs)
            common = std::max(common, exponent[at(value)]);
        std::vector<Buffer<double>> scaled;
        std::vector<Batch<const double>> x;
        for (const int value : node.inputs) {
            scaled.push_back(on.allocate(state.size(value)));
            x.push_back(scaled.back().view(state.size(value), 1));
            on.axpby(std::ldexp(1, exponent[at(value)] - common), view(value), 0,
                     scaled.back().view(state.size(value), 1));
        }
        values[at(node.output)] = on.allocate(state.size(node.output));
        result.nodes.back()->apply(on, x, view(node.output));
        std::vector<double>& mass = result.mass[at(node.output)];
        mass.resize(at(static_cast<int>(state.size(node.output))));
        on.download(view(node.output), mass.data());
        const double largest = mass.empty() ? 0 : std::ranges::max(mass);
        // no more than is needed to stay in range: each is a pass over the value, here and on the way back
        constexpr int far = 64;
        const int size = largest > 0 ? std::ilogb(largest) : 0, shift = std::abs(size) > far ? size : 0;
        if (shift != 0) {
            for (double& number : mass)
                number = std::ldexp(number, -shift);
            on.upload(mass.data(), view(node.output));
        }
        exponent[at(node.output)] = (node.inputs.empty() ? 0 : common) + shift;
        std::vector<double>& factors = result.factors.emplace_back();
        for (const int value : node.inputs)
            factors.push_back(std::ldexp(1, exponent[at(value)] - exponent[at(node.output)]));
        for (const int value : node.inputs)
            if (state.last_use[at(value)] == static_cast<int>(n))
                values[at(value)] = {};
    }
    return result;
}

}  // namespace

// An offset is divided by the mass where it comes in: of a switch that is in front of it, where what is switched off still
// has some.
struct Discussion::State {
    struct Offset {                      // of a node
        std::vector<double> numbers;     // all of them; empty: none
        int place = 0;                   // the value whose mass divides them
        std::array<Held<double>, 2> of;  // over the mass of live paths; of all paths, where there is no live one
        Held<double> rest, even;         // without a live path; without any
    };
    const FrozenNetwork<double>::State* network;
    DiscussionRule rule;
    std::vector<Offset> offsets;  // by node
    Sizes live, all;              // `all`: where an offset has no live path
    mutable Pool pool;

    State(const FrozenNetwork<double>::State& n, DiscussionRule r);
    void find_offsets();
    void divide(const Sizes& by, std::size_t which);
    void reverse(Index first, std::span<const Index> outputs, Discussions& result) const;
    [[nodiscard]] std::vector<std::vector<double>> masked_offsets() const;
    [[nodiscard]] std::vector<double> projected(const std::vector<std::vector<double>>& masked) const;
    void scale_to_outputs(std::span<const Index> outputs, Discussions& result) const;
};

Discussion::State::State(const FrozenNetwork<double>::State& n, DiscussionRule r) : network(&n), rule(r) {
    find_offsets();
    if (rule != DiscussionRule::conserving)
        return;
    live = sizes_of(*network, false);
    divide(live, 0);
    if (std::ranges::any_of(offsets, [](const Offset& offset) { return !offset.rest.empty(); })) {
        all = sizes_of(*network, true);
        divide(all, 1);
    }
}

void Discussion::State::find_offsets() {
    Backend<double>& on = *network->on;
    for (std::size_t n = 0; n < network->nodes.size(); ++n) {
        const GraphNode& node = network->graph->nodes[n];
        Offset& offset = offsets.emplace_back();
        if (!network->nodes[n]->shifts())
            continue;
        const Buffer<double> numbers = on.allocate(network->size(node.output));
        const Batch<double> view = numbers.view(numbers.size(), 1);
        network->nodes[n]->add_offset(on, view);
        offset.numbers.resize(static_cast<std::size_t>(numbers.size()));
        on.download(view, offset.numbers.data());
        offset.place = network->nodes[n]->pointwise() ? node.inputs.front() : node.output;
    }
}

void Discussion::State::divide(const Sizes& by, std::size_t which) {
    Backend<double>& on = *network->on;
    for (Offset& offset : offsets) {
        if (offset.numbers.empty() || (which == 1 && offset.rest.empty()))
            continue;
        const std::vector<double>& mass = by.mass[at(offset.place)];
        std::vector<double> share(mass.size()), left(mass.size());
        std::vector<double> wanted = offset.numbers;
        if (which == 1)
            on.download(Batch<const double>(offset.rest.numbers.data(), offset.rest.numbers.size(), 1), wanted.data());
        bool some = false;
        for (std::size_t i = 0; i < mass.size(); ++i) {
            const double part = mass[i] > 0 ? wanted[i] / mass[i] : 0;
            const bool divided = mass[i] > 0 && std::isfinite(part);
            (divided ? share[i] : left[i]) = divided ? part : wanted[i];
            some = some || left[i] != 0;
        }
        offset.of[which] = held(on, share);
        if (some)
            (which == 0 ? offset.rest : offset.even) = held(on, left);
    }
}

// F_j in `gradients`, and beside it what offsets have become on their way to the input.
void Discussion::State::reverse(Index first, std::span<const Index> outputs, Discussions& result) const {
    Backend<double>& on = *network->on;
    const Graph& graph = *network->graph;
    const Index K = std::ssize(outputs), inputs = network->size(graph.input);
    pool.most = 6 * live_numbers(graph) * K;
    Backwards gradients(on, pool, network->sizes, K);
    std::array<Backwards, 2> shares{Backwards(on, pool, network->sizes, K), Backwards(on, pool, network->sizes, K)};
    Matrix<double> units(network->size(graph.output), K);
    for (Index k = 0; k < K; ++k)
        units(outputs[static_cast<std::size_t>(k)], k) = 1;
    on.upload(units.data(), gradients.target(graph.output).x);
    const Buffer<double> sums = on.allocate(K);
    std::vector<double> host(static_cast<std::size_t>(K));
    const auto add = [&](const Held<double>& numbers, Batch<const double> G, std::vector<double>& to) {
        on.offset_dot(numbers.view(), G, sums.view(1, K));
        on.download(sums.view(1, K), host.data());
        for (Index k = 0; k < K; ++k)
            to[static_cast<std::size_t>(first + k)] += host[static_cast<std::size_t>(k)];
    };
    for (std::size_t n = network->nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        const Offset& offset = offsets[n];
        if (!gradients.here(node.output))
            continue;
        const Batch<double> G = gradients.view(node.output);
        if (rule == DiscussionRule::conserving && !offset.numbers.empty()) {
            // in front of a switch the share has passed it already
            const auto inject = [&](std::size_t which) {
                if (offset.of[which].empty())
                    return;
                const Target<double> to = shares[which].target(offset.place);
                on.diagonal_product(offset.of[which].view(), G, to.beta, to.x);
            };
            if (!offset.even.empty())
                add(offset.even, G, result.even);
            const bool in_front = offset.place != node.output;
            if (!in_front)
                for (const std::size_t which : {0, 1})
                    inject(which);
            shares[0].pass(node, *live.nodes[n], live.factors[n]);
            if (!all.nodes.empty())
                shares[1].pass(node, *all.nodes[n], all.factors[n]);
            if (in_front)
                for (const std::size_t which : {0, 1})
                    inject(which);
        } else if (rule == DiscussionRule::conserving) {
            shares[0].pass(node, *live.nodes[n], live.factors[n]);
            if (!all.nodes.empty())
                shares[1].pass(node, *all.nodes[n], all.factors[n]);
        }
        gradients.pass(node, *network->nodes[n], std::vector<double>(node.inputs.size(), 1));
    }
    Matrix<double> part(inputs, K);
    const auto collect = [&](const Backwards& from, bool times_x) {
        if (!from.here(graph.input))
            return;
        on.download(from.view(graph.input), part.data());
        for (Index k = 0; k < K; ++k)
            for (Index i = 0; i < inputs; ++i)
                result.maps(i, first + k) +=
                    times_x ? network->x0[static_cast<std::size_t>(i)] * part(i, k) : part(i, k);
    };
    if (rule == DiscussionRule::conserving && shares[1].here(graph.input)) {  // what was divided among all paths
        on.download(shares[1].view(graph.input), part.data());
        for (Index k = 0; k < K; ++k)
            for (const double number : part.column(k))
                result.rest[static_cast<std::size_t>(first + k)] += number;
    }
    for (Index k = 0; k < K && rule == DiscussionRule::conserving; ++k)
        result.rest[static_cast<std::size_t>(first + k)] += result.even[static_cast<std::size_t>(first + k)];
    collect(gradients, rule == DiscussionRule::conserving);  // the paper's rules need F_j itself
    for (const Backwards& share : shares)
        collect(share, false);
    for (Index k = 0; k < K; ++k)
        for (Index i = 0; i < inputs && !result.even.empty(); ++i)
            result.maps(i, first + k) += result.even[static_cast<std::size_t>(first + k)] / static_cast<double>(inputs);
}

// By value the offsets that come in there. The paper's layer is a map and the switch behind it, and its offset what the
// switch leaves of that of the map.
std::vector<std::vector<double>> Discussion::State::masked_offsets() const {
    Backend<double>& on = *network->on;
    const Graph& graph = *network->graph;
    std::vector<std::vector<std::size_t>> users(graph.values.size());
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        for (const int value : graph.nodes[n].inputs)
            users[at(value)].push_back(n);
    std::vector<std::vector<double>> result(graph.values.size());
    for (std::size_t n = 0; n < offsets.size(); ++n) {
        if (offsets[n].numbers.empty())
            continue;
        std::vector<double> numbers = offsets[n].numbers;
        int place = graph.nodes[n].output;
        if (users[at(place)].size() == 1 && network->nodes[users[at(place)][0]]->pointwise()) {
            const std::size_t behind = users[at(place)][0];
            const Held<double> sent = held(on, numbers);
            const Buffer<double> image = on.allocate(sent.numbers.size());
            const Batch<const double> x = sent.numbers.view(sent.numbers.size(), 1);
            network->nodes[behind]->apply(on, std::span(&x, 1), image.view(image.size(), 1));
            on.download(image.view(image.size(), 1), numbers.data());
            place = graph.nodes[behind].output;
        }
        std::vector<double>& to = result[at(place)];
        to.resize(numbers.size());
        std::ranges::transform(to, numbers, to.begin(), std::plus<>());
    }
    return result;
}

// sum_i P_i offset_i over all values in front of the output: one image for all outputs.
std::vector<double> Discussion::State::projected(const std::vector<std::vector<double>>& masked) const {
    Backend<double>& on = *network->on;
    const Graph& graph = *network->graph;
    pool.most = 6 * live_numbers(graph);
    Backwards image(on, pool, network->sizes, 1);
    for (std::size_t n = network->nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        if (const std::vector<double>& numbers = masked[at(node.output)];
            !numbers.empty() && node.output != graph.output) {
            const Held<double> sent = held(on, numbers);
            const Target<double> to = image.target(node.output);
            on.axpby(1, sent.numbers.view(sent.numbers.size(), 1), to.beta, to.x);
        }
        image.pass(node, *network->nodes[n], std::vector<double>(node.inputs.size(), 1));
    }
    std::vector<double> result(static_cast<std::size_t>(network->size(graph.input)));
    if (image.here(graph.input))
        on.download(image.view(graph.input), result.data());
    return result;
}

// The paper's maps: the part of the last offset, F_j times it, and that of the others are added, and all is scaled.
void Discussion::State::scale_to_outputs(std::span<const Index> outputs, Discussions& result) const {
    const std::vector<std::vector<double>> masked = masked_offsets();
    const std::vector<double> image = projected(masked);
    const std::vector<double>& last = masked[at(network->graph->output)];
    for (Index k = 0; k < std::ssize(outputs); ++k) {
        const auto j = static_cast<std::size_t>(outputs[static_cast<std::size_t>(k)]);
        double sum = 0;
        for (Index i = 0; i < result.maps.rows(); ++i) {
            const double x = network->x0[static_cast<std::size_t>(i)];
            double& number = result.maps(i, k);
            const double gradient = number;
            number = (rule == DiscussionRule::paper ? gradient : x * gradient) + image[static_cast<std::size_t>(i)] +
                     (last.empty() ? 0 : last[j] * gradient);
            sum += number;
        }
        if (!(std::abs(sum) > 0) || !std::isfinite(network->y0[j] / sum))
            throw InputError("the network: the map of output " + std::to_string(j) +
                             " sums to 0 and has no scale by the paper's rule, expected the conserving rule");
        const double scale = network->y0[j] / sum;
        result.scale.push_back(scale);
        for (double& number : result.maps.column(k))
            number *= scale;
    }
}

Discussion::Discussion(const FrozenNetwork<double>& network, DiscussionRule rule)
    : state_(std::make_unique<State>(*network.state_, rule)) {}
Discussion::~Discussion() = default;
Discussion::Discussion(Discussion&&) noexcept = default;

Discussions Discussion::of(std::span<const Index> outputs) const {
    const FrozenNetwork<double>::State& network = *state_->network;
    const bool conserving = state_->rule == DiscussionRule::conserving;
    Discussions result{Matrix<double>(network.size(network.graph->input), std::ssize(outputs)), {}, {}, {}};
    if (conserving) {
        result.rest.resize(outputs.size());
        result.even.resize(outputs.size());
    }
    const Index one =
        6 * live_numbers(*network.graph) * static_cast<Index>(sizeof(double));  // three sweeps, and targets
    const Index width = std::min<Index>(probes_that_fit(network.memory, 0, one), network.whole_width());
    for (Index first = 0; first < std::ssize(outputs); first += width)
        state_->reverse(first,
                        outputs.subspan(at(static_cast<int>(first)),
                                        at(static_cast<int>(std::min(width, std::ssize(outputs) - first)))),
                        result);
    if (!conserving)
        state_->scale_to_outputs(outputs, result);
    return result;
}

// ---- votes -----------------------------------------------------------------------------------------------------------

void Votes::add(Index label, std::span<const double> map) {
    require(std::ssize(map) == std::ssize(winner_), "votes: a number for each pixel");
    for (std::size_t i = 0; i < winner_.size(); ++i)
        if (winner_[i] < 0 || map[i] > best_[i]) {
            winner_[i] = label;
            best_[i] = map[i];
        }
}
std::vector<Index> Votes::count(Index labels) const {
    std::vector<Index> result(static_cast<std::size_t>(labels));
    for (const Index label : winner_)
        if (label >= 0)
            ++result[static_cast<std::size_t>(label)];
    return result;
}

std::vector<Index> kept_places(const Shape& shape, const std::vector<Index>& kept) {
    std::vector<Index> result;
    for (Index i = 0; i < volume(shape); ++i) {
        Index rest = i, place = 0, step = 1;
        for (std::size_t a = shape.size(); a-- > 0; rest /= shape[a])
            if (std::ranges::find(kept, static_cast<Index>(a)) != kept.end()) {
                place += rest % shape[a] * step;
                step *= shape[a];
            }
        result.push_back(place);
    }
    return result;
}
std::vector<double> summed_at(std::span<const double> map, const std::vector<Index>& places) {
    require(map.size() == places.size() && !places.empty(), "summed_at: a place for each number");
    std::vector<double> result(static_cast<std::size_t>(std::ranges::max(places) + 1));
    for (std::size_t i = 0; i < map.size(); ++i)
        result[static_cast<std::size_t>(places[i])] += map[i];
    return result;
}

}  // namespace descrambler
