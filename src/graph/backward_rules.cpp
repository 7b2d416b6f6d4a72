#include "descrambler/backward_rules.hpp"

#include <algorithm>
#include <cmath>

#include "graph/frozen_state.hpp"

namespace descrambler {

namespace {

std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

std::vector<double> on_host(Backend<double>& on, Batch<const double> x) {
    std::vector<double> numbers(static_cast<std::size_t>(x.size()));
    on.download(x, numbers.data());
    return numbers;
}
// x = numbers + beta x
void add(Backend<double>& on, const std::vector<double>& numbers, const Target<double>& to) {
    const Buffer<double> sent = on.allocate(std::ssize(numbers));
    const Batch<double> view = sent.view(to.x.rows, to.x.cols);
    on.upload(numbers.data(), view);
    on.axpby(1, view, to.beta, to.x);
}
void add_nothing(Backend<double>& on, const Target<double>& to) {
    on.axpby(0, to.x, to.beta, to.x);
}
void pass(Backend<double>& on, Batch<const double> y, const Target<double>& to) {
    if (to.x.data != y.data)
        on.axpby(1, y, to.beta, to.x);
}

// What a rectifier leaves of a negative number i; nothing: the node is no rectifier.
const Pointwise* rectifier(const Operator& op) {
    const Pointwise* const unit = std::get_if<Pointwise>(&op);
    if (unit == nullptr)
        return nullptr;
    const bool one = unit->function == Function::relu || unit->function == Function::leaky_relu ||
                     (unit->function == Function::clip && unit->a == 0);
    return one ? unit : nullptr;
}
double slope_below(const Pointwise& unit, Index i) {
    if (!unit.slope.empty())
        return unit.slope.at(i);
    return unit.function == Function::leaky_relu ? unit.a : 0;
}

// Values of all nodes at x0, without those behind `last`.
template <class State>
std::vector<Buffer<double>> values_of(const State& state, std::size_t last) {
    Backend<double>& on = *state.on;
    const Graph& graph = *state.graph;
    std::vector<Buffer<double>> values(graph.values.size());
    const auto view = [&](int value) { return values[at(value)].view(state.size(value), 1); };
    values[at(graph.input)] = on.allocate(state.size(graph.input));
    on.upload(state.x0.data(), view(graph.input));
    for (std::size_t n = 0; n <= last && n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        values[at(node.output)] = on.allocate(state.size(node.output));
        std::vector<Batch<const double>> x;
        for (const int value : node.inputs)
            x.push_back(view(value));
        state.nodes[n]->apply(on, x, view(node.output));
        if (state.nodes[n]->shifts())
            state.nodes[n]->add_offset(on, view(node.output));
    }
    return values;
}

// Whether the rules know the operator.
bool has_rule(const GraphNode& node) {
    if (std::holds_alternative<Multiply>(node.op))
        return node.gate == 0 || node.gate == 1;
    return !std::holds_alternative<MatMul>(node.op) && !std::holds_alternative<Normalise>(node.op) &&
           !std::holds_alternative<Softmax>(node.op);
}

// Of every convolution what a batch norm behind it alone multiplies its channels by; empty: 1.
std::vector<std::vector<double>> channel_factors(const Graph& graph) {
    std::vector<std::vector<std::size_t>> users(graph.values.size());
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        for (const int value : graph.nodes[n].inputs)
            users[at(value)].push_back(n);
    std::vector<std::vector<double>> result(graph.nodes.size());
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const auto* const convolve = std::get_if<Convolve>(&graph.nodes[n].op);
        const std::vector<std::size_t>& behind = users[at(graph.nodes[n].output)];
        if (convolve == nullptr || convolve->transposed || behind.size() != 1)
            continue;
        const auto* const affine = std::get_if<Affine>(&graph.nodes[behind[0]].op);
        if (affine == nullptr || affine->scale.empty())
            continue;
        const Convolution& s = convolve->shape;
        const Index pixels = s.out[0] * s.out[1] * s.out[2];
        std::vector<double> factors(static_cast<std::size_t>(s.out_channels));
        bool alike = true;  // in a channel
        for (Index i = 0; i < s.outputs(); ++i) {
            double& factor = factors[static_cast<std::size_t>(i / pixels % s.out_channels)];
            if (i < s.out_channels * pixels && i % pixels == 0)
                factor = affine->scale.at(i);
            alike = alike && factor == affine->scale.at(i);
        }
        if (alike)
            result[n] = std::move(factors);
    }
    return result;
}

}  // namespace

Matrix<double> BackwardRules::deconvolution(const Matrix<double>& U) const {
    const FrozenNetwork<double>::State& state = *network_->state_;
    require(U.rows() == network_->outputs(), "deconvolution: U must be [outputs, K]");
    Backend<double>& on = *state.on;
    return state.backward(U, nullptr,
                          [&](std::size_t n, Index, Batch<const double> y, std::span<const Target<double>> x) {
                              const Pointwise* const unit = rectifier(state.graph->nodes[n].op);
                              if (unit == nullptr)
                                  return false;
                              std::vector<double> numbers = on_host(on, y);
                              for (std::size_t i = 0; i < numbers.size(); ++i)
                                  if (!(numbers[i] > 0))
                                      numbers[i] *= slope_below(*unit, static_cast<Index>(i) % y.rows);
                              add(on, numbers, x[0]);
                              return true;
                          });
}

NodeGradient BackwardRules::at_node(std::size_t node, Index output) const {
    const FrozenNetwork<double>::State& state = *network_->state_;
    Backend<double>& on = *state.on;
    const int value = state.graph->nodes.at(node).output;
    const Index size = state.size(value);
    NodeGradient result;
    const std::vector<Buffer<double>> values = values_of(state, node);
    result.value = on_host(on, values[at(value)].view(size, 1));
    result.gradient.resize(result.value.size());
    Matrix<double> unit(network_->outputs(), 1);
    unit(output, 0) = 1;
    (void)state.backward(unit, [&](std::size_t n, Index, Batch<const double> gradient) {
        if (n == node)
            on.download(gradient, result.gradient.data());
    });
    return result;
}

// ---- layer-wise relevance --------------------------------------------------------------------------------------------

class BackwardRules::Relevance {
public:
    Relevance(const FrozenNetwork<double>& network, double epsilon)
        : state_(*network.state_), on_(*state_.on), epsilon_(epsilon), factors_(channel_factors(*state_.graph)) {
        for (const GraphNode& node : state_.graph->nodes)
            if (!has_rule(node))
                throw InputError("the network: node \"" + node.name + "\" (" + node.onnx +
                                 "): no rule of relevance (LRP) for " + std::string(operator_name(node.op)));
        values_ = values_of(state_, state_.graph->nodes.size());
    }
    [[nodiscard]] Relevances of(const Matrix<double>& start) const {
        Relevances result{{}, std::vector<double>(static_cast<std::size_t>(start.cols()))};
        result.maps =
            state_.backward(start, nullptr, [&](std::size_t n, Index first, Batch<const double> y, Targets x) {
                const std::span<double> lost = std::span(result.lost).subspan(static_cast<std::size_t>(first));
                if (state_.graph->nodes[n].output ==
                    state_.graph->output)  // a block may begin anew, with fewer columns
                    std::ranges::fill(lost, 0);
                return back(n, y, x, lost);
            });
        return result;
    }

private:
    using Targets = std::span<const Target<double>>;

    [[nodiscard]] bool back(std::size_t n, Batch<const double> R, Targets x, std::span<double> lost) const {
        const GraphNode& node = state_.graph->nodes[n];
        const Operator& op = node.op;
        if (const auto* const convolve = std::get_if<Convolve>(&op)) {
            convolution(*convolve, factors_[n], node.inputs[0], R, x[0], lost);
        } else if (std::holds_alternative<Product>(op) || std::holds_alternative<Sum>(op) ||
                   std::holds_alternative<Sparse>(op)) {
            in_proportion(n, R, x, lost);
        } else if (std::holds_alternative<Affine>(op) || std::holds_alternative<Pointwise>(op) ||
                   std::holds_alternative<LocalNormalise>(op)) {
            pass(on_, R, x[0]);
        } else if (std::holds_alternative<Multiply>(op) || std::holds_alternative<Divide>(op)) {
            const std::size_t kept = std::holds_alternative<Divide>(op) ? 1 : at(node.gate);
            for (const std::size_t i : {std::size_t{0}, std::size_t{1}})
                i == kept ? add_nothing(on_, x[i]) : pass(on_, R, x[i]);
        } else {
            return false;  // selections and moves: as they are frozen
        }
        return true;
    }
    [[nodiscard]] Batch<const double> value(int v) const { return values_[at(v)].view(state_.size(v), 1); }
    [[nodiscard]] static Periodic<double> factor(Batch<const double> a) { return {a.data, a.rows, 1}; }

    // R / z, column by column, `epsilon` away from 0. A z of 0 has nothing to divide; what is not divided is lost.
    [[nodiscard]] Buffer<double> over(Batch<const double> R, Batch<const double> z, double epsilon,
                                      std::span<double> lost) const {
        const std::vector<double> sums = on_host(on_, z);
        double largest = 0;
        for (const double sum : sums)
            largest = std::max(largest, std::abs(sum));
        std::vector<double> shares = on_host(on_, R);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            const double sum = sums[i % sums.size()];
            const double share = shares[i] / (sum + std::copysign(epsilon * largest, sum));
            const double kept = sum != 0 && std::isfinite(share) ? share : 0;
            lost[i / sums.size()] += shares[i] - kept * sum;
            shares[i] = kept;
        }
        Buffer<double> result = on_.allocate(std::ssize(shares));
        on_.upload(shares.data(), result.view(R.rows, R.cols));
        return result;
    }
    void in_proportion(std::size_t n, Batch<const double> R, Targets x, std::span<double> lost) const {
        const std::vector<int>& inputs = state_.graph->nodes[n].inputs;
        std::vector<Batch<const double>> a;
        std::vector<Buffer<double>> parts;
        std::vector<Target<double>> targets;
        for (const int input : inputs) {
            a.push_back(value(input));
            parts.push_back(on_.allocate(state_.size(input) * R.cols));
            targets.push_back({parts.back().view(state_.size(input), R.cols), 0});
        }
        const Buffer<double> sum = on_.allocate(R.rows);
        const Batch<double> z = sum.view(R.rows, 1);
        state_.nodes[n]->apply(on_, a, z);
        const Buffer<double> shares = over(R, z, epsilon_, lost);
        state_.nodes[n]->adjoint(on_, shares.view(R.rows, R.cols), targets);
        for (std::size_t i = 0; i < a.size(); ++i)
            on_.diagonal_product(factor(a[i]), targets[i].x, x[i].beta, x[i].x);
    }
    // The positive products: of positive weights with positive numbers, and of negative ones with negative ones.
    void convolution(const Convolve& op, const std::vector<double>& factors, int input, Batch<const double> R,
                     const Target<double>& x, std::span<double> lost) const {
        const std::vector<double> weights = op.weight.as<double>(), numbers = on_host(on_, value(input));
        const Index depth = op.shape.depth(), channels = op.shape.out_channels, n = std::ssize(numbers);
        std::vector<Buffer<double>> W, a;
        for (const double sign : {1., -1.}) {
            std::vector<double> part(weights.size()), half(numbers.size());
            for (std::size_t i = 0; i < weights.size(); ++i) {
                const double weight = weights[i] * (factors.empty() ? 1 : factors[i / static_cast<std::size_t>(depth)]);
                part[i] = sign * weight > 0 ? weight : 0;
            }
            for (std::size_t i = 0; i < numbers.size(); ++i)
                half[i] = sign * numbers[i] > 0 ? numbers[i] : 0;
            if (sign < 0 && std::ranges::all_of(half, [](double number) { return number == 0; }))
                break;
            W.push_back(on_.allocate(std::ssize(part)));
            a.push_back(on_.allocate(n));
            on_.upload(part.data(), W.back().view(depth, channels));
            on_.upload(half.data(), a.back().view(n, 1));
        }
        const Buffer<double> sum = on_.allocate(R.rows), back = on_.allocate(n * R.cols);
        const Batch<double> z = sum.view(R.rows, 1), y = back.view(n, R.cols);
        for (std::size_t k = 0; k < W.size(); ++k) {
            const Batch<const double> w = W[k].view(depth, channels), half = a[k].view(n, 1);
            if (op.transposed)
                on_.convolve_adjoint(op.shape, w, half, k == 0 ? 0 : 1, z);
            else
                on_.convolve(op.shape, w, half, k == 0 ? 0 : 1, z);
        }
        const Buffer<double> shares = over(R, z, 0, lost);
        const Batch<const double> s = shares.view(R.rows, R.cols);
        for (std::size_t k = 0; k < W.size(); ++k) {
            const Batch<const double> w = W[k].view(depth, channels);
            if (op.transposed)
                on_.convolve(op.shape, w, s, 0, y);
            else
                on_.convolve_adjoint(op.shape, w, s, 0, y);
            on_.diagonal_product(factor(a[k].view(n, 1)), y, k == 0 ? x.beta : 1, x.x);
        }
    }

    const FrozenNetwork<double>::State& state_;
    Backend<double>& on_;
    double epsilon_;
    std::vector<std::vector<double>> factors_;
    std::vector<Buffer<double>> values_;
};

Relevances BackwardRules::relevance(std::span<const Index> outputs, double epsilon) const {
    Matrix<double> start(network_->outputs(), std::ssize(outputs));
    for (Index k = 0; k < start.cols(); ++k) {
        const Index j = outputs[static_cast<std::size_t>(k)];
        start(j, k) = network_->output()[static_cast<std::size_t>(j)];
    }
    return Relevance(*network_, epsilon).of(start);
}

}  // namespace descrambler
