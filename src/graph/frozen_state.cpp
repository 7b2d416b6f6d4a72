#include "graph/frozen_state.hpp"

#include <algorithm>
#include <cmath>

namespace descrambler {

template <class T>
FrozenNetwork<T>::State::State(Backend<T>& backend, const Graph& g, const FreezeOptions& o)
    : on(&backend), graph(&g), weights(backend), options(o), reaches_(g.nodes.size()) {
    for (const GraphValue& value : g.values)
        sizes.push_back(volume(value.shape));
    last_use = last_uses(g);
    peak_ = 2 * live_numbers(g);
}

// ---- memory ----------------------------------------------------------------------------------------------------------

template <class T>
Index FrozenNetwork<T>::State::width() const {
    return probes_that_fit(memory, 0, peak_ * static_cast<Index>(sizeof(T)));
}

// On the host whole probes go faster where what a node reads and writes stays in a cache: fewer of them at once, unless
// reading the weights again for each block costs more than it saves.
template <class T>
Index FrozenNetwork<T>::State::whole_width() const {
    constexpr Index cache = Index{32} << 20;  // about that of the last level
    const Index width = this->width();
    if (!on->on_host())
        return width;
    Index largest = 1, moved = 0, weights = 0;  // numbers
    for (const GraphNode& node : graph->nodes) {
        Index here = size(node.output);
        for (const int value : node.inputs)
            here += size(value);
        largest = std::max(largest, here);
        moved += here;
        weights += std::visit(
            [](const auto& op) -> Index {
                if constexpr (requires { op.weight.size(); })
                    return static_cast<Index>(op.weight.size());
                return 0;
            },
            node.op);
    }
    const Index fit = std::clamp<Index>(cache / (largest * static_cast<Index>(sizeof(T))), 1, width);
    return weights / fit < moved + weights / width ? fit : width;
}
template <class T>
template <class Body>
void FrozenNetwork<T>::State::for_ended(int node, const Body& body) const {
    std::vector<int> ended = graph->nodes[at(node)].inputs;
    std::ranges::sort(ended);
    ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
    for (const int value : ended)
        if (last_use[at(value)] == node)
            body(value);
}

template <class T>
auto FrozenNetwork<T>::State::block_of(Index first, Index count, const WindowPlan* plan) const -> Block {
    Block block{first, count, plan, {}, 0, {}};
    block.values.resize(sizes.size());
    return block;
}
template <class T>
Index FrozenNetwork<T>::State::numbers(const Block& block, int value) const {
    return block.plan == nullptr ? size(value) : block.plan->of(value).size();
}
template <class T>
void FrozenNetwork<T>::State::allocate(Block& block, int value) const {
    Buffer<T>& to = block.values[at(value)];
    to = spare_.take(*on, numbers(block, value) * block.count, block.live, peak_ * block.count);
    block.live += to.size();
}
template <class T>
void FrozenNetwork<T>::State::release(Block& block, int value) const {
    Buffer<T>& from = block.values[at(value)];
    block.live -= from.size();
    spare_.give(std::move(from));
}
template <class T>
Batch<T> FrozenNetwork<T>::State::view(const Block& block, int value) const {
    return block.values[at(value)].view(numbers(block, value), block.count);
}
template <class T>
void FrozenNetwork<T>::State::clear(Block& block, int value) const {
    allocate(block, value);
    on->axpby(0, view(block, value), 0, view(block, value));
}
template <class T>
bool FrozenNetwork<T>::State::whole(const Block& block, const GraphNode& node) const {
    return block.plan == nullptr || (block.plan->whole(node.output) && std::ranges::all_of(node.inputs, [&](int value) {
                                         return block.plan->whole(value);
                                     }));
}
template <class T>
bool FrozenNetwork<T>::State::overwrites(const Block& block, std::size_t node, int input) const {
    const GraphNode& at_node = graph->nodes[node];
    return nodes[node]->in_place() && whole(block, at_node) && size(input) == size(at_node.output) &&
           std::ranges::count(at_node.inputs, input) == 1;
}

// ---- recording -------------------------------------------------------------------------------------------------------

template <class T>
void FrozenNetwork<T>::State::record(Backend<double>& given, std::span<const double> input) {
    Backend<double>& exact = exact_backend(*on, given);
    check_input(*graph, input);
    x0.assign(input.begin(), input.end());
    std::vector<Buffer<double>> values(sizes.size());
    const auto view = [&](int value) { return values[at(value)].view(size(value), 1); };
    SpareBuffers<double> spare;
    Index live = 0;
    const auto allocate = [&](int value) {
        values[at(value)] = spare.take(exact, size(value), live, peak_ / 2);
        live += size(value);
    };
    allocate(graph->input);
    exact.upload(x0.data(), view(graph->input));
    for (std::size_t n = 0; n < graph->nodes.size(); ++n) {
        const GraphNode& node = graph->nodes[n];
        allocate(node.output);
        std::vector<Batch<const double>> x;
        for (const int value : node.inputs)
            x.push_back(view(value));
        Weights<double> exact_weights(
            exact);  // of this node alone, in single precision: all would be twice the network
        nodes.push_back(freeze_node(*on, weights, exact, exact_weights, options, node, x, view(node.output)));
        for_ended(static_cast<int>(n), [&](int value) {
            live -= size(value);
            spare.give(std::move(values[at(value)]));
        });
    }
    find_masks();
    y0.resize(static_cast<std::size_t>(size(graph->output)));
    exact.download(view(graph->output), y0.data());
}

// A mask has one input; nobody else may ask for the value between the two, or forwards for that behind the mask before it is
// there: the mask is the only one who uses it, and backwards the other node is the last one to add to it.
template <class T>
void FrozenNetwork<T>::State::find_masks() {
    std::vector<std::vector<int>> users(sizes.size());
    std::vector<int> maker(sizes.size(), -1);
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        for (const int value : graph->nodes[n].inputs)
            users[at(value)].push_back(static_cast<int>(n));
        maker[at(graph->nodes[n].output)] = static_cast<int>(n);
    }
    mask_behind_.assign(nodes.size(), -1);
    mask_before_.assign(nodes.size(), -1);
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        const GraphNode& mask = graph->nodes[n];
        if (nodes[n]->mask().bits == nullptr)
            continue;
        const int in = mask.inputs.front(), out = mask.output, made = maker[at(in)];
        if (users[at(in)].size() != 1 || in == graph->output)
            continue;
        if (made >= 0 && nodes[at(made)]->takes_mask())
            mask_behind_[at(made)] = static_cast<int>(n);
        if (out != graph->output && !users[at(out)].empty() && nodes[at(users[at(out)].front())]->takes_mask())
            mask_before_[at(users[at(out)].front())] = static_cast<int>(n);
    }
}

// ---- passes ----------------------------------------------------------------------------------------------------------

template <class T>
void FrozenNetwork<T>::State::run_forward(Block& block, Index offsets) const {
    const Index shifted = std::clamp<Index>(offsets - block.first, 0, block.count);
    const auto here = [&](int value) { return block.values[at(value)].size() > 0; };
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        const GraphNode& node = graph->nodes[n];
        const bool wanted =
            block.plan == nullptr || (std::ranges::any_of(node.inputs, here) && numbers(block, node.output) > 0);
        Columns columns{0, shifted};
        if (const auto own = std::ranges::find(block.alone, static_cast<Index>(n)); own != block.alone.end())
            columns = {own - block.alone.begin(), 1};
        if (wanted && !here(node.output))  // it may have been multiplied by a mask on the way
            step_forward(block, n, columns);
        for_ended(static_cast<int>(n), [&](int value) { release(block, value); });
    }
}

template <class T>
void FrozenNetwork<T>::State::step_forward(Block& block, std::size_t n, Columns shifted) const {
    const GraphNode& node = graph->nodes[n];
    for (const int value : node.inputs)  // reached by no probe, wanted beside one that is
        if (block.values[at(value)].size() == 0)
            clear(block, value);
    std::vector<Batch<const T>> x;
    for (const int value : node.inputs)
        x.push_back(view(block, value));
    const int mask = mask_behind_[n], first = node.inputs.empty() ? graph->input : node.inputs.front();
    if (mask >= 0 && shifted.count == 0 && whole(block, node) && whole(block, graph->nodes[at(mask)])) {
        const int output = graph->nodes[at(mask)].output;
        allocate(block, output);
        return nodes[n]->apply_masked(*on, x, view(block, output), nodes[at(mask)]->mask());
    }
    if (last_use[at(first)] == static_cast<int>(n) && overwrites(block, n, first))
        block.values[at(node.output)] = std::move(block.values[at(first)]);
    else
        allocate(block, node.output);
    const Batch<T> y = view(block, node.output);
    if (whole(block, node)) {
        nodes[n]->apply(*on, x, y);
    } else {
        std::vector<Windowed<const T>> windows;
        for (std::size_t i = 0; i < x.size(); ++i)
            windows.push_back({&block.plan->of(node.inputs[i]), x[i]});
        nodes[n]->apply_windows(*on, windows, {&block.plan->of(node.output), y});
    }
    if (shifted.count > 0 && nodes[n]->shifts())
        nodes[n]->add_offset(*on, y.columns(shifted.first, shifted.count));
}

template <class T>
void FrozenNetwork<T>::State::run_backward(Block& block, const Visit& visit, const Instead& instead) const {
    for (std::size_t n = nodes.size(); n-- > 0;) {
        const GraphNode& node = graph->nodes[n];
        if (block.values[at(node.output)].size() == 0 && size(node.output) > 0)
            continue;
        if (visit)
            visit(n, block.first, view(block, node.output));
        step_backward(block, n, !visit && !instead, instead);
        if (node.output != graph->input)
            release(block, node.output);
    }
}

template <class T>
void FrozenNetwork<T>::State::step_backward(Block& block, std::size_t n, bool may_mask, const Instead& instead) const {
    const GraphNode& node = graph->nodes[n];
    // a value that enters twice gets both, one after the other
    std::vector<Target<T>> targets;
    bool moves = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const int value = node.inputs[i];
        const bool fresh = block.values[at(value)].size() == 0;
        moves = fresh && i + 1 == node.inputs.size() && overwrites(block, n, value);
        if (fresh && !moves)
            allocate(block, value);
        targets.push_back({view(block, moves ? node.output : value), fresh ? T{0} : T{1}});
    }
    const Batch<const T> y = view(block, node.output);
    if (instead && instead(n, block.first, y, targets)) {
        // done
    } else if (const int mask = mask_before_[n];
               mask >= 0 && may_mask && whole(block, node) && whole(block, graph->nodes[at(mask)])) {
        nodes[n]->adjoint_masked(*on, y, targets[0], nodes[at(mask)]->mask());
        block.values[at(graph->nodes[at(mask)].inputs.front())] = std::move(block.values[at(node.inputs.front())]);
    } else if (whole(block, node)) {
        nodes[n]->adjoint(*on, y, targets);
    } else {
        std::vector<WindowedTarget<T>> windows;
        for (std::size_t i = 0; i < targets.size(); ++i)
            windows.push_back({&block.plan->of(node.inputs[i]), targets[i]});
        nodes[n]->adjoint_windows(*on, {&block.plan->of(node.output), y}, windows);
    }
    if (moves)
        block.values[at(node.inputs.back())] = std::move(block.values[at(node.output)]);
}

template <class T>
template <class Pass>
void FrozenNetwork<T>::State::in_blocks(Index columns, const Pass& pass) const {
    Index step = whole_width();
    for (Index first = 0; first < columns;) {
        const Index count = std::min(step, columns - first);
        try {
            pass(first, count);
            first += count;
        } catch (const OutOfMemory&) {
            if (count == 1)
                throw;
            step = (count + 1) / 2;
        }
    }
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::forward(const Matrix<T>& V, Index offsets) const {
    Matrix<T> result(size(graph->output), V.cols());
    in_blocks(V.cols(), [&](Index first, Index count) {
        Block block = block_of(first, count);
        allocate(block, graph->input);
        on->upload(V.data() + first * V.rows(), view(block, graph->input));
        run_forward(block, offsets);
        on->download(view(block, graph->output), result.data() + first * result.rows());
        release(block, graph->output);
    });
    return result;
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::forward_offsets(std::span<const Index> wanted) const {
    Matrix<T> result(size(graph->output), std::ssize(wanted));
    in_blocks(result.cols(), [&](Index first, Index count) {
        Block block = block_of(first, count);
        block.alone = wanted.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        clear(block, graph->input);
        run_forward(block, 0);
        on->download(view(block, graph->output), result.data() + first * result.rows());
        release(block, graph->output);
    });
    return result;
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::backward(const Matrix<T>& U, const Visit& visit, const Instead& instead) const {
    Matrix<T> result(size(graph->input), U.cols());
    in_blocks(U.cols(), [&](Index first, Index count) {
        Block block = block_of(first, count);
        allocate(block, graph->output);
        on->upload(U.data() + first * U.rows(), view(block, graph->output));
        run_backward(block, visit, instead);
        if (block.values[at(graph->input)].size() > 0)
            on->download(view(block, graph->input), result.data() + first * result.rows());
        release(block, graph->input);
    });
    return result;
}

// ---- windows ---------------------------------------------------------------------------------------------------------

template <class T>
const std::vector<Reach>& FrozenNetwork<T>::State::reach(std::size_t n) const {
    if (!reaches_[n]) {
        const GraphNode& node = graph->nodes[n];
        std::vector<Planes> in;
        for (const int value : node.inputs)
            in.push_back(planes_of(graph->values[at(value)].shape));
        reaches_[n] = nodes[n]->reach(in, planes_of(graph->values[at(node.output)].shape));
    }
    return *reaches_[n];
}

template <class T>
void FrozenNetwork<T>::State::begin(Block& block, int value, std::span<const Index> places) const {
    const Windows& windows = block.plan->of(value);
    Matrix<T> units(windows.size(), block.count);
    for (Index k = 0; k < block.count; ++k) {
        const Index place = places[static_cast<std::size_t>(k)], line = place / windows.width,
                    plane = line / windows.height;
        const Corner corner = windows.corners[static_cast<std::size_t>(k)];
        const Index row = line % windows.height - corner.row, col = place % windows.width - corner.col;
        units((plane * windows.rows + row) * windows.cols + col, k) = 1;
    }
    allocate(block, value);
    on->upload(units.data(), view(block, value));
}

template <class T>
void FrozenNetwork<T>::State::end(const Block& block, int value, Matrix<T>& result) const {
    if (block.values[at(value)].size() == 0)
        return;
    const Windows& windows = block.plan->of(value);
    Matrix<T> numbers(windows.size(), block.count);
    on->download(view(block, value), numbers.data());
    for (Index k = 0; k < block.count; ++k) {
        const Corner corner = windows.corners[static_cast<std::size_t>(k)];
        const T* from = &numbers(0, k);
        T* const to = &result(0, block.first + k);
        for (Index plane = 0; plane < windows.planes; ++plane)
            for (Index row = 0; row < windows.rows; ++row, from += windows.cols)
                std::copy_n(from, windows.cols,
                            to + (plane * windows.height + corner.row + row) * windows.width + corner.col);
    }
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::columns(std::span<const Index> inputs) const {
    Matrix<T> result(size(graph->output), std::ssize(inputs));
    const Index step = width();
    for (Index first = 0; first < result.cols(); first += step) {
        const Index count = std::min(step, result.cols() - first);
        const auto places = inputs.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        const WindowPlan plan = WindowPlan::forward(
            *graph, [&](std::size_t n) -> const std::vector<Reach>& { return reach(n); }, places);
        Block block = block_of(first, count, &plan);
        begin(block, graph->input, places);
        run_forward(block, 0);
        end(block, graph->output, result);
        release(block, graph->output);
    }
    return result;
}

template <class T>
Matrix<T> FrozenNetwork<T>::State::rows(std::span<const Index> outputs) const {
    Matrix<T> result(size(graph->input), std::ssize(outputs));
    const Index step = width();
    for (Index first = 0; first < result.cols(); first += step) {
        const Index count = std::min(step, result.cols() - first);
        const auto places = outputs.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        const WindowPlan plan = WindowPlan::backward(
            *graph, [&](std::size_t n) -> const std::vector<Reach>& { return reach(n); }, places);
        Block block = block_of(first, count, &plan);
        begin(block, graph->output, places);
        run_backward(block, nullptr, nullptr);
        end(block, graph->input, result);
        release(block, graph->input);
    }
    return result;
}

template struct FrozenNetwork<float>::State;
template struct FrozenNetwork<double>::State;

}  // namespace descrambler
