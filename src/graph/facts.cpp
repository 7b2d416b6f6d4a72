#include "descrambler/facts.hpp"

#include "descrambler/cost.hpp"
#include "graph/frozen_node.hpp"

namespace descrambler {
namespace {

constexpr const char* as_it_is = "as it is";

struct Describe {
    const FreezeOptions& options;
    int gate;
    Index outputs, word, count;  // numbers of the value; bytes of one; inputs of the node

    [[nodiscard]] bool taylor() const { return options.rule == FreezeRule::taylor; }
    [[nodiscard]] double n() const { return static_cast<double>(outputs); }
    [[nodiscard]] NodeFacts numbers(const char* rule, Index each, double flops) const {
        return {rule, 0, each * outputs * word, flops};
    }

    NodeFacts operator()(const Convolve& op) const { return {as_it_is, 0, 0, cost::convolve(op.shape, 1, word).flops}; }
    NodeFacts operator()(const Product& op) const {
        return {as_it_is, 0, 0, 2 * n() * static_cast<double>(op.weight.shape[1])};
    }
    NodeFacts operator()(const Affine& op) const { return {as_it_is, 0, 0, op.scale.empty() ? 0 : n()}; }
    NodeFacts operator()(const Fixed&) const { return {"a constant", 0, 0, 0}; }
    NodeFacts operator()(const Sum& op) const {
        return {as_it_is, 0, 0, n() * static_cast<double>(std::ssize(op.sign) - 1)};
    }
    NodeFacts operator()(const Move&) const { return {as_it_is, 0, 0, 0}; }
    NodeFacts operator()(const Concat&) const { return {as_it_is, 0, 0, 0}; }
    NodeFacts operator()(const Sparse& op) const { return {as_it_is, 0, 0, 2 * static_cast<double>(op.weight.size())}; }
    NodeFacts operator()(const Pointwise& op) const {
        const Index bits = (outputs + 7) / 8, each = recorded_numbers(op, options.rule) * outputs * word;
        switch (op.function) {
            case Function::relu:
            case Function::leaky_relu:
            case Function::thresholded_relu:
                return {"switch", bits, bits, n()};
            case Function::clip:
                return {"1 inside, bound outside", 2 * bits, 2 * bits, n()};
            case Function::hard_sigmoid:
                return {"slope inside, bound outside", 0, each, n()};
            case Function::abs:
                return {"sign", 0, each, n()};
            case Function::neg:
                return {as_it_is, 0, each, n()};
            case Function::log:
            case Function::reciprocal:
                return {"tangent", 0, each, n()};
            case Function::sigmoid:
            case Function::softplus:
            case Function::exp:
            case Function::base:
                return {taylor() ? "tangent" : "secant from h(0)", 0, each, n()};
            default:
                return {taylor() || (op.function == Function::power && op.a <= 0) ? "tangent" : "gate h(x0)/x0", 0,
                        each, n()};
        }
    }
    NodeFacts operator()(const Extreme& op) const {
        return numbers(op.largest ? "the largest" : "the smallest", count, n());
    }
    NodeFacts operator()(const Choose&) const { return numbers(as_it_is, count, n()); }
    NodeFacts operator()(const MaxPool& op) const {
        const Index window = op.window.kernel[0] * op.window.kernel[1] * op.window.kernel[2];
        return {"the largest", 0, outputs * (window <= 256 ? 1 : 4), 0};
    }
    NodeFacts operator()(const Multiply&) const {
        return taylor() ? numbers("both move", 2, 3 * n())
                        : numbers(gate == 0 ? "first kept (gate)" : "second kept (gate)", 1, n());
    }
    NodeFacts operator()(const Divide&) const {
        return taylor() ? numbers("both move", 2, 3 * n()) : numbers("denominator kept", 1, n());
    }
    NodeFacts operator()(const MatMul& op) const {
        const Index a = (op.share_a ? 1 : op.batch) * op.m * op.k, b = (op.share_b ? 1 : op.batch) * op.k * op.n;
        const double once = 2 * n() * static_cast<double>(op.k);
        if (taylor())
            return {"both move", 0, (a + b) * word, 2 * once};
        return {gate == 0 ? "first kept (gate)" : "second kept (gate)", 0, (gate == 0 ? a : b) * word, once};
    }
    NodeFacts operator()(const Normalise& op) const {
        const Index runs = outputs / op.run;
        if (taylor() || options.norm == NormRule::none)
            return {"tangent", 0, (runs + outputs) * word, 6 * n()};
        if (!op.centre)
            return {"root mean square kept", 0, runs * word, n()};
        return options.norm == NormRule::mean_std ? NodeFacts{"mean and deviation kept", 0, 2 * runs * word, n()}
                                                  : NodeFacts{"deviation kept", 0, runs * word, 3 * n()};
    }
    NodeFacts operator()(const LocalNormalise& op) const {
        if (!taylor())
            return numbers("denominator kept", 1, n());
        Index entries = 0;
        for (Index c = 0; c < op.channels; ++c)
            entries += std::min(op.channels - 1, c + op.size / 2) - std::max<Index>(0, c - (op.size - 1) / 2) + 1;
        entries *= outputs / op.channels;
        return {"tangent", 0, entries * word, 2 * static_cast<double>(entries)};
    }
    NodeFacts operator()(const Softmax&) const {
        return numbers(taylor() ? "tangent" : "its value kept", 1, taylor() ? 4 * n() : 0);
    }
};

}  // namespace

std::vector<NodeFacts> node_facts(const Graph& graph, const FreezeOptions& options, Index word) {
    std::vector<NodeFacts> result;
    const auto size = [&](int value) { return volume(graph.values[static_cast<std::size_t>(value)].shape); };
    for (const GraphNode& node : graph.nodes)
        result.push_back(
            std::visit(Describe{options, node.gate, size(node.output), word, std::ssize(node.inputs)}, node.op));
    return result;
}

}  // namespace descrambler
