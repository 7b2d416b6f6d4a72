// The network and its linear interpreter side by side, as two batches of one run (Navarrete Michelini et al., eq. 6).
#include <algorithm>

#include "graph/frozen_node.hpp"
#include "graph/memory.hpp"

namespace descrambler {
namespace {

// One block of probes, V [inputs, K], image [outputs, K].
template <class T>
void run_beside(Backend<T>& on, Backend<double>& exact, const Graph& graph, std::span<const double> x0,
                const FreezeOptions& options, Batch<const T> V, Index offsets, TwoBatch<T>& result, Batch<T> image) {
    const auto at = [](int value) { return static_cast<std::size_t>(value); };
    const auto size = [&](int value) { return volume(graph.values[at(value)].shape); };
    const std::vector<int> last_use = last_uses(graph);
    struct Value {
        Buffer<double> primal;
        Buffer<T> probes;
    };
    std::vector<Value> values(graph.values.size());
    Index peak = 0;
    const auto live = [&values] {  // bytes
        Index bytes = 0;
        for (const Value& value : values)
            bytes += value.primal.size() * static_cast<Index>(sizeof(double)) +
                     value.probes.size() * static_cast<Index>(sizeof(T));
        return bytes;
    };
    const auto allocate = [&](int value) {
        values[at(value)] = {exact.allocate(size(value)), on.allocate(size(value) * V.cols)};
    };
    const auto probes = [&](int value) { return values[at(value)].probes.view(size(value), V.cols); };
    allocate(graph.input);
    exact.upload(x0.data(), values[at(graph.input)].primal.view(size(graph.input), 1));
    on.upload(V.data, probes(graph.input));
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        allocate(node.output);
        Weights<T> weights(on);  // of this node alone
        Weights<double> exact_weights(exact);
        std::vector<Batch<const double>> primal;
        std::vector<Batch<const T>> x;
        for (const int value : node.inputs) {
            primal.push_back(values[at(value)].primal.view(size(value), 1));
            x.push_back(probes(value));
        }
        const Frozen<T> frozen = freeze_node(on, weights, exact, exact_weights, options, node, primal,
                                             values[at(node.output)].primal.view(size(node.output), 1));
        frozen->apply(on, x, probes(node.output));
        if (offsets > 0 && frozen->shifts())
            frozen->add_offset(on, probes(node.output).columns(0, std::min(offsets, V.cols)));
        peak = std::max(peak, live() + frozen->recorded);
        std::vector<int> ended = node.inputs;
        std::ranges::sort(ended);
        ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
        for (const int value : ended)
            if (last_use[at(value)] == static_cast<int>(n))
                values[at(value)] = {};
    }
    result.peak_bytes = std::max(result.peak_bytes, peak);
    exact.download(values[at(graph.output)].primal.view(size(graph.output), 1), result.output.data());
    on.download(probes(graph.output), image.data);
}

}  // namespace

template <class T>
TwoBatch<T> two_batch(Backend<T>& on, Backend<double>& given, const Graph& graph, std::span<const double> x0,
                      const FreezeOptions& options, const Matrix<T>& V, Index offsets, Index memory) {
    check_input(graph, x0);
    require(V.rows() == graph.inputs(), "two_batch: V must be [inputs, K]");
    const Index live = live_numbers(graph);
    const Index width =
        probes_that_fit(memory, live * static_cast<Index>(sizeof(double)), live * static_cast<Index>(sizeof(T)));
    TwoBatch<T> result{std::vector<double>(static_cast<std::size_t>(graph.outputs())),
                       Matrix<T>(graph.outputs(), V.cols()), 0};
    Index first = 0;
    do {
        const Index count = std::min(width, V.cols() - first);
        run_beside(on, exact_backend(on, given), graph, x0, options, V.view().columns(first, count),
                   std::clamp<Index>(offsets - first, 0, count), result, result.image.view().columns(first, count));
        first += count;
    } while (first < V.cols());
    return result;
}

template TwoBatch<float> two_batch(Backend<float>&, Backend<double>&, const Graph&, std::span<const double>,
                                   const FreezeOptions&, const Matrix<float>&, Index, Index);
template TwoBatch<double> two_batch(Backend<double>&, Backend<double>&, const Graph&, std::span<const double>,
                                    const FreezeOptions&, const Matrix<double>&, Index, Index);

}  // namespace descrambler
