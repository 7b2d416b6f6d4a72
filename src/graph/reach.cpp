#include "graph/reach.hpp"

#include <algorithm>

namespace descrambler {
namespace {

// A window of most of a tensor gains nothing over the whole.
constexpr double most_of_tensor = .6;

// All that the outputs in `box` take.
Interval taken(const std::vector<Interval>& reach, const Interval& box) {
    Interval result;
    for (Index o = box.first; o < box.end; ++o)
        result.unite(reach[static_cast<std::size_t>(o)]);
    return result;
}
// All outputs that take something in `box`.
Interval touched(const std::vector<Interval>& reach, const Interval& box) {
    Interval result;
    for (Index o = 0; o < std::ssize(reach); ++o) {
        const Interval& from = reach[static_cast<std::size_t>(o)];
        if (!from.empty() && from.first < box.end && box.first < from.end)
            result.unite({o, o + 1});
    }
    return result;
}

}  // namespace

Planes planes_of(const Shape& shape) {
    const std::size_t n = shape.size();
    if (n < 3)
        return {volume(shape), 1, 1};
    if (n == 3)
        return {shape[0] * shape[1], 1, shape[2]};
    Planes result{1, shape[n - 2], shape[n - 1]};
    for (std::size_t a = 0; a + 2 < n; ++a)
        result.planes *= shape[a];
    return result;
}

void Interval::unite(const Interval& other) {
    if (other.empty())
        return;
    *this = empty() ? other : Interval{std::min(first, other.first), std::max(end, other.end)};
}

Reach reach_of_itself(const Planes& planes) {
    Reach result;
    for (Index i = 0; i < planes.height; ++i)
        result.rows.push_back({i, i + 1});
    for (Index i = 0; i < planes.width; ++i)
        result.cols.push_back({i, i + 1});
    return result;
}

Reach reach_of_entries(const Planes& in, const Planes& out, const std::uint32_t* starts, const std::uint32_t* index) {
    Reach result{std::vector<Interval>(static_cast<std::size_t>(out.height)),
                 std::vector<Interval>(static_cast<std::size_t>(out.width))};
    std::uint32_t i = 0;
    for (Index plane = 0; plane < out.planes; ++plane)
        for (Interval& rows : result.rows)
            for (Interval& cols : result.cols) {
                const std::uint32_t first = starts == nullptr ? i : starts[i],
                                    end = starts == nullptr ? i + 1 : starts[i + 1];
                for (std::uint32_t e = first; e < end; ++e) {
                    if (index[e] == SparseRows<double>::nothing)
                        continue;
                    const Index line = index[e] / in.width, row = line % in.height, col = index[e] - line * in.width;
                    rows.unite({row, row + 1});
                    cols.unite({col, col + 1});
                }
                ++i;
            }
    return result;
}

WindowPlan::WindowPlan(const Graph& graph, Index probes)
    : boxes_(graph.values.size(), std::vector<Box>(static_cast<std::size_t>(probes))), whole_(graph.values.size()) {
    for (const GraphValue& value : graph.values)
        planes_.push_back(planes_of(value.shape));
}

void WindowPlan::begin(int value, std::span<const Index> places) {
    const Planes& planes = planes_[static_cast<std::size_t>(value)];
    if (planes.height * planes.width == 1)
        make_whole(value);
    for (std::size_t k = 0; k < places.size(); ++k) {
        const Index row = places[k] / planes.width % planes.height, col = places[k] % planes.width;
        unite(value, k, {{row, row + 1}, {col, col + 1}});
    }
}

void WindowPlan::unite(int value, std::size_t probe, const Box& box) {
    if (box.empty())
        return;
    Box& mine = boxes_[static_cast<std::size_t>(value)][probe];
    mine.rows.unite(box.rows);
    mine.cols.unite(box.cols);
    const Planes& planes = planes_[static_cast<std::size_t>(value)];
    if (static_cast<double>(mine.rows.size() * mine.cols.size()) >
        most_of_tensor * static_cast<double>(planes.height * planes.width))
        make_whole(value);
}

void WindowPlan::make_whole(int value) {
    whole_[static_cast<std::size_t>(value)] = true;
}

// Windows of one size for all probes, inside the tensors.
void WindowPlan::settle() {
    for (std::size_t v = 0; v < planes_.size(); ++v) {
        const Planes& planes = planes_[v];
        Windows windows{planes.planes, planes.height, planes.width, 0, 0, {}};
        for (const Box& box : boxes_[v]) {
            windows.rows = std::max(windows.rows, box.rows.size());
            windows.cols = std::max(windows.cols, box.cols.size());
        }
        if (whole_[v])
            windows.rows = planes.height, windows.cols = planes.width;
        for (const Box& box : boxes_[v])
            windows.corners.push_back({std::min(box.rows.first, planes.height - windows.rows),
                                       std::min(box.cols.first, planes.width - windows.cols)});
        windows_.push_back(std::move(windows));
    }
}

WindowPlan WindowPlan::forward(const Graph& graph, const ReachOf& reach, std::span<const Index> places) {
    WindowPlan plan(graph, std::ssize(places));
    plan.begin(graph.input, places);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        const auto none = [&](int value) {
            return std::ranges::all_of(plan.boxes_[static_cast<std::size_t>(value)],
                                       [](const Box& box) { return box.empty(); });
        };
        if (std::ranges::all_of(node.inputs, none))
            continue;
        const bool any_whole = std::ranges::any_of(node.inputs, [&](int value) { return plan.is_whole(value); });
        const std::vector<Reach>* reaches = any_whole ? nullptr : &reach(n);
        if (reaches == nullptr || reaches->empty()) {
            for (const int value : node.inputs)
                plan.make_whole(value);
            plan.make_whole(node.output);
            const Planes& planes = plan.planes_[static_cast<std::size_t>(node.output)];
            for (std::size_t k = 0; k < places.size(); ++k)
                plan.unite(node.output, k, {{0, planes.height}, {0, planes.width}});
            continue;
        }
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            for (std::size_t k = 0; k < places.size(); ++k) {
                const Box& from = plan.boxes_[static_cast<std::size_t>(node.inputs[i])][k];
                if (!from.empty())
                    plan.unite(node.output, k,
                               {touched((*reaches)[i].rows, from.rows), touched((*reaches)[i].cols, from.cols)});
            }
    }
    plan.settle();
    return plan;
}

WindowPlan WindowPlan::backward(const Graph& graph, const ReachOf& reach, std::span<const Index> places) {
    WindowPlan plan(graph, std::ssize(places));
    plan.begin(graph.output, places);
    for (std::size_t n = graph.nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        const auto& boxes = plan.boxes_[static_cast<std::size_t>(node.output)];
        if (std::ranges::all_of(boxes, [](const Box& box) { return box.empty(); }))
            continue;
        const std::vector<Reach>* reaches = plan.is_whole(node.output) ? nullptr : &reach(n);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (reaches == nullptr || reaches->empty()) {
                plan.make_whole(node.output);
                plan.make_whole(node.inputs[i]);
                const Planes& planes = plan.planes_[static_cast<std::size_t>(node.inputs[i])];
                for (std::size_t k = 0; k < places.size(); ++k)
                    plan.unite(node.inputs[i], k, {{0, planes.height}, {0, planes.width}});
                continue;
            }
            for (std::size_t k = 0; k < places.size(); ++k)
                plan.unite(node.inputs[i], k,
                           {taken((*reaches)[i].rows, boxes[k].rows), taken((*reaches)[i].cols, boxes[k].cols)});
        }
    }
    plan.settle();
    return plan;
}

}  // namespace descrambler
