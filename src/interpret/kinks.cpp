#include "descrambler/kinks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "descrambler/error.hpp"
#include "graph/frozen_node.hpp"
#include "graph/memory.hpp"

namespace descrambler {
namespace {

using Numbers = std::vector<double>;
constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

// The inputs of a node, and how they move along d.
struct Moving {
    std::vector<Numbers> z, dz;
    [[nodiscard]] bool moves(std::size_t input) const {
        return std::ranges::any_of(dz[input], [](double number) { return number != 0; });
    }
};
using Visit = std::function<void(std::size_t node, const Moving& inputs)>;

// Runs the graph at x with its tangent along d beside it, and shows every node what it gets.
void walk(Backend<double>& exact, const Graph& graph, std::span<const double> x, std::span<const double> d,
          const Visit& visit) {
    check_input(graph, x);
    check_input(graph, d);
    const auto size = [&](int value) { return volume(graph.values[at(value)].shape); };
    const std::vector<int> last_use = last_uses(graph);
    struct Value {
        Buffer<double> primal, tangent;
    };
    std::vector<Value> values(graph.values.size());
    const auto primal = [&](int value) { return values[at(value)].primal.view(size(value), 1); };
    const auto tangent = [&](int value) { return values[at(value)].tangent.view(size(value), 1); };
    const auto allocate = [&](int value) {
        values[at(value)] = {exact.allocate(size(value)), exact.allocate(size(value))};
    };
    allocate(graph.input);
    exact.upload(x.data(), primal(graph.input));
    exact.upload(d.data(), tangent(graph.input));
    const FreezeOptions tangents{FreezeRule::taylor, NormRule::none};
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        allocate(node.output);
        Weights<double> weights(exact);  // of this node alone
        std::vector<Batch<const double>> z, dz;
        Moving inputs;
        for (const int value : node.inputs) {
            z.push_back(primal(value));
            dz.push_back(tangent(value));
            inputs.z.emplace_back(at(size(value)));
            inputs.dz.emplace_back(at(size(value)));
            exact.download(z.back(), inputs.z.back().data());
            exact.download(dz.back(), inputs.dz.back().data());
        }
        visit(n, inputs);
        const Frozen<double> frozen =
            freeze_node(exact, weights, exact, weights, tangents, node, z, primal(node.output));
        frozen->apply(exact, dz, tangent(node.output));
        for (const int value : node.inputs)
            if (last_use[at(value)] == static_cast<int>(n))
                values[at(value)] = {};
    }
}

// ---- units with thresholds -------------------------------------------------------------------------------------------

// Where a function of one number bends; nothing: it is smooth. Without bends it is linear.
std::optional<Numbers> bends(const Pointwise& op) {
    switch (op.function) {
        case Function::relu:
        case Function::leaky_relu:
        case Function::abs:
            return Numbers{0};
        case Function::thresholded_relu:
            return Numbers{op.a};
        case Function::clip:
            return Numbers{op.a, op.b};
        case Function::hard_sigmoid:
            return op.a == 0 ? Numbers{} : Numbers{-op.b / op.a, (1 - op.b) / op.a};
        case Function::neg:
            return Numbers{};
        default:
            return std::nullopt;
    }
}

// The piece that a number is on. Clip and HardSigmoid are inside strictly between their bounds, Abs has a piece of its own
// at 0, the others are on above their threshold.
std::uint32_t piece(const Pointwise& op, double z) {
    switch (op.function) {
        case Function::clip:
            return z <= op.a ? 0 : z < op.b ? 1 : 2;
        case Function::hard_sigmoid: {
            const double inside = op.a * z + op.b;
            return inside <= 0 ? 0 : inside < 1 ? 1 : 2;
        }
        case Function::abs:
            return z < 0 ? 0 : z > 0 ? 2 : 1;
        case Function::thresholded_relu:
            return z > op.a ? 1 : 0;
        default:
            return z > 0 ? 1 : 0;
    }
}

double until_bend(const Pointwise& op, double bend, double z, double dz) {
    if (dz == 0 || !std::isfinite(bend))
        return infinity;
    if (z == bend)
        return piece(op, std::nextafter(z, dz > 0 ? infinity : -infinity)) != piece(op, z) ? 0 : infinity;
    const double t = (bend - z) / dz;
    return t > 0 ? t : infinity;
}

// ---- the largest of several ------------------------------------------------------------------------------------------

// body(output, places in the input) for the windows of a pool.
void for_windows(const Convolution& s, const std::function<void(Index, const std::vector<Index>&)>& body) {
    Index output = 0;
    std::vector<Index> places;
    for (Index plane = 0; plane < s.images * s.in_channels; ++plane)
        for (Index o = 0; o < s.out[0] * s.out[1] * s.out[2]; ++o, ++output) {
            const std::array<Index, 3> out{o / (s.out[1] * s.out[2]), o / s.out[2] % s.out[1], o % s.out[2]};
            places.clear();
            for (Index k = 0; k < s.kernel[0] * s.kernel[1] * s.kernel[2]; ++k) {
                const std::array<Index, 3> tap{k / (s.kernel[1] * s.kernel[2]), k / s.kernel[2] % s.kernel[1],
                                               k % s.kernel[2]};
                Index place = plane;
                bool inside = true;
                for (std::size_t a = 0; a < 3; ++a) {
                    const Index p = out[a] * s.stride[a] + tap[a] * s.dilation[a] - s.pad[a];
                    inside = inside && p >= 0 && p < s.in[a];
                    place = place * s.in[a] + p;
                }
                if (inside)
                    places.push_back(place);
            }
            body(output, places);
        }
}

struct Rival {
    double z = 0, dz = 0;
};
std::size_t winner(const std::vector<Rival>& rivals) {  // the first largest
    std::size_t best = 0;
    for (std::size_t i = 1; i < rivals.size(); ++i)
        if (rivals[i].z > rivals[best].z)
            best = i;
    return best;
}
double until_overtaken(const std::vector<Rival>& rivals) {
    double least = infinity;
    const Rival& best = rivals[winner(rivals)];
    for (const Rival& other : rivals)
        if (other.dz > best.dz)
            least = std::min(least, (best.z - other.z) / (other.dz - best.dz));
    return least;
}

// body(output, rivals) for the numbers among which a node chooses; false: it does not choose.
bool for_choices(const GraphNode& node, const Moving& inputs,
                 const std::function<void(Index, const std::vector<Rival>&)>& body) {
    std::vector<Rival> rivals;
    if (const MaxPool* const pool = std::get_if<MaxPool>(&node.op)) {
        for_windows(pool->window, [&](Index output, const std::vector<Index>& places) {
            rivals.clear();
            for (const Index place : places)
                rivals.push_back({inputs.z[0][at(place)], inputs.dz[0][at(place)]});
            if (!rivals.empty())
                body(output, rivals);
        });
        return true;
    }
    const Extreme* const extreme = std::get_if<Extreme>(&node.op);
    if (extreme == nullptr)
        return false;
    const double sign = extreme->largest ? 1 : -1;
    for (std::size_t i = 0; i < inputs.z[0].size(); ++i) {
        rivals.clear();
        for (std::size_t k = 0; k < inputs.z.size(); ++k)
            rivals.push_back({sign * inputs.z[k][i], sign * inputs.dz[k][i]});
        body(static_cast<Index>(i), rivals);
    }
    return true;
}

template <class... Of>
bool is_one_of(const Operator& op) {
    return (std::holds_alternative<Of>(op) || ...);
}

// Whether the node is linear along d between its decisions. What is not known to be has to stand still.
bool is_linear(const GraphNode& node, const Moving& inputs) {
    if (is_one_of<Multiply, MatMul>(node.op))
        return node.inputs[0] != node.inputs[1] ? !inputs.moves(0) || !inputs.moves(1) : !inputs.moves(0);
    if (is_one_of<Divide>(node.op))
        return !inputs.moves(1);
    const Pointwise* const unit = std::get_if<Pointwise>(&node.op);
    if ((unit != nullptr && bends(*unit)) ||
        is_one_of<Convolve, Product, Affine, Fixed, Sum, Move, Concat, Sparse, Choose, Extreme, MaxPool>(node.op))
        return true;
    for (std::size_t i = 0; i < inputs.dz.size(); ++i)
        if (inputs.moves(i))
            return false;
    return true;
}

}  // namespace

std::optional<Kink> nearest_kink(Backend<double>& exact, const Graph& graph, std::span<const double> x,
                                 std::span<const double> d) {
    std::optional<Kink> nearest;
    walk(exact, graph, x, d, [&](std::size_t n, const Moving& inputs) {
        const GraphNode& node = graph.nodes[n];
        if (!is_linear(node, inputs))
            throw InputError("the network: node \"" + node.name + "\" (" + node.onnx +
                             "): not piecewise linear along this direction, there is no kink to measure to");
        const auto offer = [&](Index number, double distance) {
            if (distance < (nearest ? nearest->distance : infinity))
                nearest = Kink{distance, static_cast<Index>(n), number};
        };
        if (const Pointwise* const unit = std::get_if<Pointwise>(&node.op)) {
            const Numbers at_bends = bends(*unit).value_or(Numbers{});
            for (std::size_t i = 0; i < inputs.z[0].size(); ++i)
                for (const double bend : at_bends)
                    offer(static_cast<Index>(i), until_bend(*unit, bend, inputs.z[0][i], inputs.dz[0][i]));
        }
        for_choices(node, inputs,
                    [&](Index output, const std::vector<Rival>& rivals) { offer(output, until_overtaken(rivals)); });
    });
    return nearest;
}

namespace {

// What every node has decided, a number each time.
std::vector<std::vector<std::uint32_t>> decisions(Backend<double>& exact, const Graph& graph,
                                                  std::span<const double> x) {
    std::vector<std::vector<std::uint32_t>> result(graph.nodes.size());
    const Numbers still(x.size());
    walk(exact, graph, x, still, [&](std::size_t n, const Moving& inputs) {
        const GraphNode& node = graph.nodes[n];
        const Pointwise* const unit = std::get_if<Pointwise>(&node.op);
        if (unit != nullptr && bends(*unit) && !bends(*unit)->empty())
            for (const double z : inputs.z[0])
                result[n].push_back(piece(*unit, z));
        for_choices(node, inputs, [&](Index, const std::vector<Rival>& rivals) {
            result[n].push_back(static_cast<std::uint32_t>(winner(rivals)));
        });
    });
    return result;
}

}  // namespace

std::vector<Index> changed_decisions(Backend<double>& exact, const Graph& graph, std::span<const double> x,
                                     std::span<const double> other) {
    const auto here = decisions(exact, graph, x), there = decisions(exact, graph, other);
    std::vector<Index> changed;
    for (std::size_t n = 0; n < here.size(); ++n)
        if (here[n] != there[n])
            changed.push_back(static_cast<Index>(n));
    return changed;
}

}  // namespace descrambler
