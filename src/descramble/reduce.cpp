#include "descrambler/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "descramble/sums/library_wave.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/statistics.hpp"

namespace descrambler {

namespace {

ErrorStatistics statistics(const std::vector<double>& errors) {
    const Spread spread = spread_of(errors);
    return {.mean = mean_of(errors), .median = spread.median, .max = spread.max};
}

}  // namespace

Reduction reduce_link(Backend<double>& on, const Network& network, Index layer, Index rank) {
    if (layer < 1 || layer > static_cast<Index>(network.layers.size()))
        throw InputError("layer " + std::to_string(layer) + ": out of range, expected 1 to " +
                         std::to_string(network.layers.size()));
    const DenseLayer& dense = network.layers[static_cast<std::size_t>(layer - 1)];
    const Index m = dense.weight.rows(), n = dense.weight.cols(), largest = std::min(m, n);
    if (rank < 1 || rank > largest)
        throw InputError("rank " + std::to_string(rank) + ": expected 1 to " + std::to_string(largest) +
                         ", the smaller side of [" + std::to_string(m) + ", " + std::to_string(n) + "]");
    const Svd factors = svd(on, dense.weight);
    DenseLayer link{.weight = Matrix<double>(rank, n)},
        rest{Matrix<double>(m, rank), dense.bias, dense.activation, dense.renorm};
    for (Index k = 0; k < rank; ++k) {
        for (Index j = 0; j < n; ++j)
            link.weight(k, j) = factors.s[k] * factors.V(j, k);
        std::ranges::copy(factors.U.column(k), rest.weight.column(k).begin());
    }
    Reduction result{.network = network, .s = factors.s};
    double all = 0, discarded = 0;
    for (Index i = largest - 1; i >= 0; --i) {  // the small ones first; over s_1, so that squares stay in range
        const double part = factors.s[0] > 0 ? factors.s[i] / factors.s[0] : 0;
        all += part * part;
        if (i >= rank)
            discarded = all;
    }
    result.discarded_energy = all > 0 ? discarded / all : 0;
    result.spectral_error = rank < largest ? factors.s[rank] : 0;
    const auto at = result.network.layers.begin() + (layer - 1);
    *at = std::move(rest);
    result.network.layers.insert(at, std::move(link));
    return result;
}

ReductionCost reduction_cost(const Network& full, const Network& reduced, const Library& library,
                             const TargetReader& targets, int threads) {
    require(full.inputs() == reduced.inputs() && full.outputs() == reduced.outputs(),
            "reduction_cost: networks of different inputs or outputs");
    if (library.features != full.inputs() || library.samples < 1)
        throw InputError("library: " + std::to_string(library.samples) + " samples of " +
                         std::to_string(library.features) + " features, expected at least one of " +
                         std::to_string(full.inputs()));
    std::vector<double> outputs(static_cast<std::size_t>(library.samples)), before(targets ? outputs.size() : 0),
        after(before.size());
    struct Block {
        Matrix<double> inputs, truth;
    };
    each_wave(
        library.samples, threads,
        [&](Index first, Index count) {
            Block block{Matrix<double>(library.features, count), Matrix<double>(targets ? full.outputs() : 0, count)};
            library.read(first, block.inputs.view());
            if (targets)
                targets(first, block.truth.view());
            return block;
        },
        [&](Index, Backend<double>& on, Index first, const Block& block) {
            const Matrix<double> y = forward(on, full, block.inputs), changed = forward(on, reduced, block.inputs);
            for (Index j = 0; j < y.cols(); ++j) {
                const auto sample = static_cast<std::size_t>(first + j);
                outputs[sample] = relative_error(changed.column(j), y.column(j));
                if (targets) {
                    before[sample] = relative_error(y.column(j), block.truth.column(j));
                    after[sample] = relative_error(changed.column(j), block.truth.column(j));
                }
            }
        },
        [](Index) {});
    for (const std::vector<double>* errors : {&outputs, &before, &after})
        if (std::ranges::any_of(*errors, [](double x) { return std::isnan(x); }))
            throw InputError("library: the outputs of the network are not finite (check the library and the weights)");
    ReductionCost cost{.outputs = statistics(outputs)};
    if (targets) {
        cost.before = statistics(before);
        cost.after = statistics(after);
    }
    return cost;
}

}  // namespace descrambler
