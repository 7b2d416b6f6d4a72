// How far a unit vector reaches: the windows of every value that a block of probes needs on its way through a graph.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "descrambler/backend/windows.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

// A value as planes: its last two axes (the last where there are three) are height and width; anything else is one plane
// of one number each.
struct Planes {
    Index planes = 0, height = 1, width = 1;
    [[nodiscard]] Index size() const { return planes * height * width; }
    bool operator==(const Planes&) const = default;
};
[[nodiscard]] Planes planes_of(const Shape& shape);

struct Interval {  // first .. end - 1
    Index first = 0, end = 0;
    [[nodiscard]] bool empty() const { return first >= end; }
    [[nodiscard]] Index size() const { return empty() ? 0 : end - first; }
    void unite(const Interval& other);
};
// Of every row (column) of an output the rows (columns) of an input that it takes, as one interval.
struct Reach {
    std::vector<Interval> rows, cols;
};
[[nodiscard]] Reach reach_of_itself(const Planes& planes);
// Of y = A x, entries as in SparseRows
[[nodiscard]] Reach reach_of_entries(const Planes& in, const Planes& out, const std::uint32_t* starts,
                                     const std::uint32_t* index);

// Of every value the windows of a block of probes.
class WindowPlan {
public:
    // reach(node): one Reach for every input, none where the node couples everything
    using ReachOf = std::function<const std::vector<Reach>&(std::size_t node)>;
    // A probe begins at each place of `value`; forwards to the output of the graph or backwards to its input.
    static WindowPlan forward(const Graph& graph, const ReachOf& reach, std::span<const Index> places);
    static WindowPlan backward(const Graph& graph, const ReachOf& reach, std::span<const Index> places);

    [[nodiscard]] const Windows& of(int value) const { return windows_[static_cast<std::size_t>(value)]; }
    [[nodiscard]] bool whole(int value) const { return of(value).whole(); }

private:
    struct Box {
        Interval rows, cols;
        [[nodiscard]] bool empty() const { return rows.empty() || cols.empty(); }
    };
    WindowPlan(const Graph& graph, Index probes);
    void begin(int value, std::span<const Index> places);
    void unite(int value, std::size_t probe, const Box& box);
    void make_whole(int value);
    [[nodiscard]] bool is_whole(int value) const { return whole_[static_cast<std::size_t>(value)]; }
    void settle();

    std::vector<Planes> planes_;
    std::vector<std::vector<Box>> boxes_;  // of every value, of every probe
    std::vector<bool> whole_;
    std::vector<Windows> windows_;
};

}  // namespace descrambler
