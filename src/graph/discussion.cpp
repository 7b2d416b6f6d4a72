#include "descrambler/discussion.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
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
template <class T>
struct Pool {
    SpareBuffers<T> spare;
    Index live = 0, most = 0;  // numbers
};

// What goes backwards through some nodes beside others: a value of `K` probes for each value of the network, none where
// nothing has arrived.
template <class T>
class Backwards {
public:
    Backwards(Backend<T>& on, Pool<T>& pool, const std::vector<Index>& sizes, Index K)
        : on_(&on), pool_(&pool), sizes_(&sizes), K_(K), values_(sizes.size()) {}
    Backwards(Backwards&&) noexcept = default;
    ~Backwards() {
        for (Buffer<T>& value : values_)
            release(value);
    }
    [[nodiscard]] bool here(int value) const { return values_[at(value)].size() > 0; }
    [[nodiscard]] Batch<T> view(int value) const { return values_[at(value)].view((*sizes_)[at(value)], K_); }
    // Where something is added to a value: beta 0 where nothing has arrived.
    [[nodiscard]] Target<T> target(int value) {
        const bool fresh = !here(value);
        if (fresh) {
            values_[at(value)] = pool_->spare.take(*on_, (*sizes_)[at(value)] * K_, pool_->live, pool_->most);
            pool_->live += values_[at(value)].size();
        }
        return {view(value), fresh ? T{0} : T{1}};
    }
    // Through a node: its inputs get factor_i A_i^T of its output, which ends.
    void pass(const GraphNode& graph_node, const FrozenNode<T>& node, std::span<const double> factors) {
        if (!here(graph_node.output))
            return;
        const Batch<T> y = view(graph_node.output);
        const auto scale = [&](double factor) {
            if (factor != 1)
                on_->axpby(0, y, static_cast<T>(factor), y);
        };
        const std::vector<int>& inputs = graph_node.inputs;
        if (inputs.size() == 1 && !here(inputs[0]) && node.in_place() &&
            (*sizes_)[at(inputs[0])] == (*sizes_)[at(graph_node.output)]) {
            scale(factors[0]);
            const Target<T> itself{y, 0};
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
            std::vector<Target<T>> targets(inputs.size());
            targets[i] = target(inputs[i]);
            node.adjoint(*on_, y, targets);
        }
        release(values_[at(graph_node.output)]);
    }

private:
    void release(Buffer<T>& value) {
        pool_->live -= value.size();
        pool_->spare.give(std::move(value));
    }
    Backend<T>* on_;
    Pool<T>* pool_;
    const std::vector<Index>* sizes_;
    Index K_;
    std::vector<Buffer<T>> values_;
};

// The network with the sizes of its weights: nodes, and for every value the mass that reaches it from an input of ones,
// times a power of two.
template <class T>
struct Sizes {
    std::vector<Frozen<T>> nodes;
    std::vector<std::vector<double>> factors;  // of the inputs of each node, with those powers
    std::vector<std::vector<double>> mass;     // of each value, on the host
};

template <class T>
std::vector<double> on_host(Backend<T>& on, Batch<const T> x) {
    std::vector<T> numbers(static_cast<std::size_t>(x.size()));
    on.download(x, numbers.data());
    return {numbers.begin(), numbers.end()};
}

template <class T, class State>
Sizes<T> sizes_of(const State& state, bool open) {
    Backend<T>& on = *state.on;
    const Graph& graph = *state.graph;
    Sizes<T> result;
    std::vector<Buffer<T>> values(state.sizes.size());
    std::vector<int> exponent(state.sizes.size());
    result.mass.resize(state.sizes.size());
    const auto view = [&](int value) { return values[at(value)].view(state.size(value), 1); };
    const auto upload = [&](const std::vector<double>& numbers, Batch<T> to) {
        const std::vector<T> rounded(numbers.begin(), numbers.end());
        on.upload(rounded.data(), to);
    };
    result.mass[at(graph.input)].assign(at(static_cast<int>(state.size(graph.input))), 1);
    values[at(graph.input)] = on.allocate(state.size(graph.input));
    upload(result.mass[at(graph.input)], view(graph.input));
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        result.nodes.push_back(state.nodes[n]->absolute(on, open));
        int common = std::numeric_limits<int>::min();
        for (const int value : node.inputs)
            common = std::max(common, exponent[at(value)]);
        std::vector<Buffer<T>> scaled;
        std::vector<Batch<const T>> x;
        for (const int value : node.inputs) {
            scaled.push_back(on.allocate(state.size(value)));
            x.push_back(scaled.back().view(state.size(value), 1));
            on.axpby(static_cast<T>(std::ldexp(1, exponent[at(value)] - common)), view(value), 0,
                     scaled.back().view(state.size(value), 1));
        }
        values[at(node.output)] = on.allocate(state.size(node.output));
        result.nodes.back()->apply(on, x, view(node.output));
        std::vector<double>& mass = result.mass[at(node.output)];
        mass = on_host<T>(on, view(node.output));
        const double largest = mass.empty() ? 0 : std::ranges::max(mass);
        // no more than is needed to stay in range: each is a pass over the value, here and on the way back
        constexpr int far = std::numeric_limits<T>::max_exponent / 16;
        const int size = largest > 0 ? std::ilogb(largest) : 0, shift = std::abs(size) > far ? size : 0;
        if (shift != 0) {
            for (double& number : mass)
                number = std::ldexp(number, -shift);
            upload(mass, view(node.output));
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

// By node numbers for its offset, or none.
using ByNode = std::vector<std::vector<double>>;

// numbers / mass where there is some, what is left where there is none; empty where all are 0.
void divide(const std::vector<double>& numbers, const std::vector<double>& mass, std::vector<double>& share,
            std::vector<double>& left) {
    share.resize(numbers.size());
    left.resize(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double part = mass[i] > 0 ? numbers[i] / mass[i] : 0;
        const bool divided = mass[i] > 0 && std::isfinite(part);
        (divided ? share[i] : left[i]) = divided ? part : numbers[i];
    }
    for (std::vector<double>* one : {&share, &left})
        if (std::ranges::all_of(*one, [](double number) { return number == 0; }))
            one->clear();
}

}  // namespace

// An offset is divided by the mass where it comes in: of a switch that is in front of it, where what is switched off still
// has some.
template <class T>
struct Discussion<T>::State {
    struct Offset {                   // of a node
        std::vector<double> numbers;  // all of them; empty: none
        int place = 0;                // the value whose mass divides them
        std::array<Held<T>, 2> of;    // over the mass of live paths; of all paths, where there is no live one
        Held<T> even;                 // without any path
    };
    using Network = typename FrozenNetwork<T>::State;
    const Network* network;
    DiscussionRule rule;
    std::vector<Offset> offsets;  // by node
    Sizes<T> live, all;           // `all`: where an offset has no live path
    struct Worker {               // a thread with outputs of its own
        std::unique_ptr<Backend<T>> own;
        Backend<T>* on = nullptr;
        Pool<T> pool;
    };
    mutable std::vector<Worker> workers;

    State(const Network& n, DiscussionRule r);
    void find_offsets();
    void join(ByNode& shares) const;
    [[nodiscard]] Index prepare_workers(Index outputs) const;  // gives the outputs of a block
    void reverse(Worker& worker, Index first, std::span<const Index> outputs, Discussions& result) const;
    void collect(Backend<T>& on, const Backwards<T>& gradients, std::span<const Backwards<T>> shares, Index first,
                 Index K, Discussions& result) const;
    [[nodiscard]] std::vector<std::vector<std::size_t>> users() const;  // by value the nodes that take it
    [[nodiscard]] ByNode masked_offsets() const;                        // by value
    [[nodiscard]] std::vector<double> projected(const ByNode& masked) const;
    void scale_to_outputs(std::span<const Index> outputs, Discussions& result) const;
};

template <class T>
Discussion<T>::State::State(const Network& n, DiscussionRule r) : network(&n), rule(r) {
    find_offsets();
    if (rule != DiscussionRule::conserving)
        return;
    const std::size_t nodes = offsets.size();
    std::array<ByNode, 2> shares{ByNode(nodes), ByNode(nodes)};
    ByNode rest(nodes), even(nodes);
    live = sizes_of<T>(*network, false);
    for (std::size_t i = 0; i < nodes; ++i)
        divide(offsets[i].numbers, live.mass[at(offsets[i].place)], shares[0][i], rest[i]);
    if (std::ranges::any_of(rest, [](const auto& numbers) { return !numbers.empty(); })) {
        all = sizes_of<T>(*network, true);
        for (std::size_t i = 0; i < nodes; ++i)
            divide(rest[i], all.mass[at(offsets[i].place)], shares[1][i], even[i]);
    }
    for (const std::size_t which : {0, 1}) {
        join(shares[which]);
        for (std::size_t i = 0; i < nodes; ++i)
            if (!shares[which][i].empty())
                offsets[i].of[which] = held(*network->on, shares[which][i]);
    }
    for (std::size_t i = 0; i < nodes; ++i)
        if (!even[i].empty())
            offsets[i].even = held(*network->on, even[i]);
}

template <class T>
void Discussion<T>::State::find_offsets() {
    Backend<T>& on = *network->on;
    for (std::size_t n = 0; n < network->nodes.size(); ++n) {
        const GraphNode& node = network->graph->nodes[n];
        Offset& offset = offsets.emplace_back();
        offset.place = network->nodes[n]->pointwise() ? node.inputs.front() : node.output;
        if (!network->nodes[n]->shifts())
            continue;
        const Buffer<T> numbers = on.allocate(network->size(node.output));
        const Batch<T> view = numbers.view(numbers.size(), 1);
        network->nodes[n]->add_offset(on, view);
        offset.numbers = on_host<T>(on, view);
    }
}

template <class T>
std::vector<std::vector<std::size_t>> Discussion<T>::State::users() const {
    std::vector<std::vector<std::size_t>> result(network->graph->values.size());
    for (std::size_t n = 0; n < network->graph->nodes.size(); ++n)
        for (const int value : network->graph->nodes[n].inputs)
            result[at(value)].push_back(n);
    return result;
}

// The shares of a node go to a switch behind it that alone takes its value: both come in at one place, and the gradient
// there is d times that behind the switch. One pass over that value instead of two.
template <class T>
void Discussion<T>::State::join(ByNode& shares) const {
    Backend<T>& on = *network->on;
    const std::vector<std::vector<std::size_t>> takes = users();
    for (std::size_t n = 0; n < shares.size(); ++n) {
        const int place = network->graph->nodes[n].output;
        if (shares[n].empty() || offsets[n].place != place || takes[at(place)].size() != 1)
            continue;
        const std::size_t behind = takes[at(place)].front();
        if (offsets[behind].place != place)
            continue;
        const Held<T> ones = held(on, std::vector<double>(shares[n].size(), 1));
        const Buffer<T> slopes = on.allocate(ones.numbers.size());
        const Target<T> to{slopes.view(slopes.size(), 1), 0};
        network->nodes[behind]->adjoint(on, ones.numbers.view(slopes.size(), 1), std::span(&to, 1));
        const std::vector<double> d = on_host<T>(on, to.x);
        shares[behind].resize(d.size());
        for (std::size_t i = 0; i < d.size(); ++i)
            shares[behind][i] += d[i] * shares[n][i];
        shares[n].clear();
    }
}

// On the host every thread has outputs of its own where there are enough of them: two waited for each other at every node.
// Values that have ended are kept as far as the memory goes.
template <class T>
Index Discussion<T>::State::prepare_workers(Index outputs) const {
    const Index numbers = 6 * live_numbers(*network->graph), bytes = numbers * static_cast<Index>(sizeof(T));
    const Index fit = probes_that_fit(network->memory, 0, bytes);  // three sweeps, and targets
    Backend<T>& on = *network->on;
    const Index possible =
        on.on_host() ? std::min({static_cast<Index>(on.threads()), network->memory / bytes, outputs}) : 1;
    const Index threads = std::max<Index>(possible, 1);
    workers.resize(static_cast<std::size_t>(threads));
    for (Worker& worker : workers) {
        if (threads > 1 && worker.own == nullptr)
            worker.own = make_cpu_backend<T>(1);
        worker.on = threads > 1 ? worker.own.get() : &on;
        worker.pool.most = std::max(numbers, network->memory / static_cast<Index>(sizeof(T)) / threads);
    }
    return std::min({network->whole_width(), std::max<Index>(fit / threads, 1), (outputs + threads - 1) / threads});
}

// F_j in `gradients`, and beside it what offsets have become on their way to the input.
template <class T>
void Discussion<T>::State::reverse(Worker& worker, Index first, std::span<const Index> outputs,
                                   Discussions& result) const {
    Backend<T>& on = *worker.on;
    Pool<T>& pool = worker.pool;
    const Graph& graph = *network->graph;
    const Index K = std::ssize(outputs);
    Backwards<T> gradients(on, pool, network->sizes, K);
    std::array<Backwards<T>, 2> shares{Backwards<T>(on, pool, network->sizes, K),
                                       Backwards<T>(on, pool, network->sizes, K)};
    Matrix<T> units(network->size(graph.output), K);
    for (Index k = 0; k < K; ++k)
        units(outputs[static_cast<std::size_t>(k)], k) = 1;
    on.upload(units.data(), gradients.target(graph.output).x);
    const Buffer<T> sums = on.allocate(K);
    for (std::size_t n = network->nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        const Offset& offset = offsets[n];
        if (!gradients.here(node.output))
            continue;
        const Batch<T> G = gradients.view(node.output);
        if (!offset.even.empty()) {
            on.offset_dot(offset.even.view(), G, sums.view(1, K));
            const std::vector<double> host = on_host<T>(on, sums.view(1, K));
            for (Index k = 0; k < K; ++k)
                result.even[static_cast<std::size_t>(first + k)] += host[static_cast<std::size_t>(k)];
        }
        if (rule == DiscussionRule::conserving) {
            // in front of a switch the share has passed it already
            const auto inject = [&] {
                for (const std::size_t which : {0, 1})
                    if (!offset.of[which].empty()) {
                        const Target<T> to = shares[which].target(offset.place);
                        on.diagonal_product(offset.of[which].view(), G, to.beta, to.x);
                    }
            };
            const bool in_front = offset.place != node.output;
            if (!in_front)
                inject();
            shares[0].pass(node, *live.nodes[n], live.factors[n]);
            if (!all.nodes.empty())
                shares[1].pass(node, *all.nodes[n], all.factors[n]);
            if (in_front)
                inject();
        }
        gradients.pass(node, *network->nodes[n], std::vector<double>(node.inputs.size(), 1));
    }
    collect(on, gradients, shares, first, K, result);
}

template <class T>
void Discussion<T>::State::collect(Backend<T>& on, const Backwards<T>& gradients, std::span<const Backwards<T>> shares,
                                   Index first, Index K, Discussions& result) const {
    const int input = network->graph->input;
    const Index inputs = network->size(input);
    const bool conserving = rule == DiscussionRule::conserving;
    const auto from = [&](const Backwards<T>& of, const auto& take) {
        if (!of.here(input))
            return;
        Matrix<T> part(inputs, K);
        on.download(of.view(input), part.data());
        for (Index k = 0; k < K; ++k)
            for (Index i = 0; i < inputs; ++i)
                take(i, first + k, static_cast<double>(part(i, k)));
    };
    if (conserving)  // what was divided among all paths
        from(shares[1], [&](Index, Index k, double number) { result.rest[static_cast<std::size_t>(k)] += number; });
    from(gradients, [&](Index i, Index k, double number) {  // the paper's rules need F_j itself
        result.maps(i, k) += conserving ? network->x0[static_cast<std::size_t>(i)] * number : number;
    });
    for (const Backwards<T>& share : shares)
        from(share, [&](Index i, Index k, double number) { result.maps(i, k) += number; });
    for (Index k = first; k < first + K && conserving; ++k) {
        const double even = result.even[static_cast<std::size_t>(k)];
        result.rest[static_cast<std::size_t>(k)] += even;
        for (double& number : result.maps.column(k))
            number += even / static_cast<double>(inputs);
    }
}

// By value the offsets that come in there. The paper's layer is a map and the switch behind it, and its offset what the
// switch leaves of that of the map.
template <class T>
ByNode Discussion<T>::State::masked_offsets() const {
    Backend<T>& on = *network->on;
    const Graph& graph = *network->graph;
    const std::vector<std::vector<std::size_t>> takes = users();
    ByNode result(graph.values.size());
    for (std::size_t n = 0; n < offsets.size(); ++n) {
        if (offsets[n].numbers.empty())
            continue;
        std::vector<double> numbers = offsets[n].numbers;
        int place = graph.nodes[n].output;
        if (takes[at(place)].size() == 1 && network->nodes[takes[at(place)][0]]->pointwise()) {
            const std::size_t behind = takes[at(place)][0];
            const Held<T> sent = held(on, numbers);
            const Buffer<T> image = on.allocate(sent.numbers.size());
            const Batch<const T> x = sent.numbers.view(sent.numbers.size(), 1);
            network->nodes[behind]->apply(on, std::span(&x, 1), image.view(image.size(), 1));
            numbers = on_host<T>(on, image.view(image.size(), 1));
            place = graph.nodes[behind].output;
        }
        std::vector<double>& to = result[at(place)];
        to.resize(numbers.size());
        std::ranges::transform(to, numbers, to.begin(), std::plus<>());
    }
    return result;
}

// sum_i P_i offset_i over all values in front of the output: one image for all outputs.
template <class T>
std::vector<double> Discussion<T>::State::projected(const ByNode& masked) const {
    Backend<T>& on = *network->on;
    const Graph& graph = *network->graph;
    Pool<T> pool;
    pool.most = 6 * live_numbers(graph);
    Backwards<T> image(on, pool, network->sizes, 1);
    for (std::size_t n = network->nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        if (const std::vector<double>& numbers = masked[at(node.output)];
            !numbers.empty() && node.output != graph.output) {
            const Held<T> sent = held(on, numbers);
            const Target<T> to = image.target(node.output);
            on.axpby(1, sent.numbers.view(sent.numbers.size(), 1), to.beta, to.x);
        }
        image.pass(node, *network->nodes[n], std::vector<double>(node.inputs.size(), 1));
    }
    if (!image.here(graph.input))
        return std::vector<double>(static_cast<std::size_t>(network->size(graph.input)));
    return on_host<T>(on, image.view(graph.input));
}

// The paper's maps: the part of the last offset, F_j times it, and that of the others are added, and all is scaled.
template <class T>
void Discussion<T>::State::scale_to_outputs(std::span<const Index> outputs, Discussions& result) const {
    const ByNode masked = masked_offsets();
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

template <class T>
Discussion<T>::Discussion(const FrozenNetwork<T>& network, DiscussionRule rule)
    : state_(std::make_unique<State>(*network.state_, rule)) {}
template <class T>
Discussion<T>::~Discussion() = default;
template <class T>
Discussion<T>::Discussion(Discussion&&) noexcept = default;

template <class T>
Discussions Discussion<T>::of(std::span<const Index> outputs) const {
    const typename FrozenNetwork<T>::State& network = *state_->network;
    const bool conserving = state_->rule == DiscussionRule::conserving;
    Discussions result{Matrix<double>(network.size(network.graph->input), std::ssize(outputs)), {}, {}, {}};
    if (conserving) {
        result.rest.resize(outputs.size());
        result.even.resize(outputs.size());
    }
    const Index count = std::ssize(outputs), width = state_->prepare_workers(count);
    const auto block = [&](typename State::Worker& worker, Index first) {
        const std::size_t size = at(static_cast<int>(std::min(width, count - first)));
        state_->reverse(worker, first, outputs.subspan(at(static_cast<int>(first)), size), result);
    };
    const int threads = static_cast<int>(state_->workers.size());
    std::exception_ptr failure;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (Index first = 0; first < count; first += width) {
        try {
            block(state_->workers[at(omp_get_thread_num())], first);
        } catch (...) {
#pragma omp critical(discussion_failure)
            failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
    if (!conserving)
        state_->scale_to_outputs(outputs, result);
    return result;
}

template class Discussion<float>;
template class Discussion<double>;

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
