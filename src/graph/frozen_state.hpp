// What a FrozenNetwork holds, and its passes over blocks of probes.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "graph/frozen_node.hpp"
#include "graph/memory.hpp"
#include "graph/reach.hpp"

namespace descrambler {

template <class T>
struct FrozenNetwork<T>::State {
    // What is told of a node on the way back: the gradient of its output for the probes first, first + 1, ...
    using Visit = std::function<void(std::size_t node, Index first, Batch<const T> gradient)>;
    // Takes the place of the adjoint of a node where it says so: y of its output, for the probes first, first + 1, ..., goes
    // to its inputs x. The last of x may be y itself.
    using Instead = std::function<bool(std::size_t node, Index first, Batch<const T> y, std::span<const Target<T>> x)>;

    Backend<T>* on;
    const Graph* graph;
    Weights<T> weights;
    FreezeOptions options;
    std::vector<Frozen<T>> nodes;
    std::vector<Index> sizes;   // of values
    std::vector<int> last_use;  // node after which a value is not needed, by value
    std::vector<double> x0, y0;
    Index memory = Index{1} << 30;

    State(Backend<T>& backend, const Graph& g, const FreezeOptions& o);
    void record(Backend<double>& given, std::span<const double> input);
    // Offsets go to the first `offsets` columns.
    [[nodiscard]] Matrix<T> forward(const Matrix<T>& V, Index offsets) const;
    // Zeros, with the offset of one node in each column: [outputs, nodes].
    [[nodiscard]] Matrix<T> forward_offsets(std::span<const Index> nodes) const;
    [[nodiscard]] Matrix<T> backward(const Matrix<T>& U, const Visit& visit, const Instead& instead = nullptr) const;
    // Unit vectors, through windows where the values are on the host.
    [[nodiscard]] Matrix<T> columns(std::span<const Index> inputs) const;
    [[nodiscard]] Matrix<T> rows(std::span<const Index> outputs) const;

    [[nodiscard]] Index whole_width() const;  // probes of a block that is not in windows

    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
    [[nodiscard]] Index size(int value) const { return sizes[at(value)]; }

private:
    // Values of a block of probes; empty: nothing has arrived. Without a plan they are whole.
    struct Block {
        Index first = 0, count = 0;
        const WindowPlan* plan = nullptr;
        std::vector<Buffer<T>> values;
        Index live = 0;                // numbers that they hold
        std::span<const Index> alone;  // by probe the one node whose offset it gets
    };
    [[nodiscard]] Block block_of(Index first, Index count, const WindowPlan* plan = nullptr) const;
    [[nodiscard]] Index numbers(const Block& block, int value) const;  // of one probe
    void allocate(Block& block, int value) const;                      // what it holds is not known
    void release(Block& block, int value) const;
    void clear(Block& block, int value) const;  // zeros
    [[nodiscard]] Batch<T> view(const Block& block, int value) const;
    [[nodiscard]] bool whole(const Block& block, const GraphNode& node) const;
    // Whether the node may overwrite what it has from `input` by its output, or the other way.
    [[nodiscard]] bool overwrites(const Block& block, std::size_t node, int input) const;
    // Pairs of a node and the mask behind it (forwards) or in front of it (backwards) that go in one: of a node the other.
    void find_masks();
    void run_forward(Block& block, Index offsets) const;
    struct Columns {
        Index first = 0, count = 0;
    };
    void step_forward(Block& block, std::size_t node, Columns shifted) const;
    void run_backward(Block& block, const Visit& visit, const Instead& instead) const;
    void step_backward(Block& block, std::size_t node, bool may_mask, const Instead& instead) const;
    void begin(Block& block, int value, std::span<const Index> places) const;
    void end(const Block& block, int value, Matrix<T>& result) const;

    // pass(first, count) for blocks of columns; where a device has no memory for one, half as many, with the same bits.
    template <class Pass>
    void in_blocks(Index columns, const Pass& pass) const;
    [[nodiscard]] Index width() const;
    template <class Body>
    void for_ended(int node, const Body& body) const;
    [[nodiscard]] const std::vector<Reach>& reach(std::size_t node) const;
    mutable std::vector<std::optional<std::vector<Reach>>> reaches_;  // as they are asked for
    mutable SpareBuffers<T> spare_;
    Index peak_ = 0;  // numbers of one probe: an adjoint holds what it adds to beside what it adds
    std::vector<int> mask_behind_, mask_before_;  // by node; -1: none
};

}  // namespace descrambler
