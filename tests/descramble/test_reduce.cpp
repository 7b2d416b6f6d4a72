// Layers of lower rank: exact where nothing is lost, and what the loss costs.
#include "descrambler/reduce.hpp"

#include <gtest/gtest.h>

#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Network network_of(Backend<double>& on) {
    const Svd axes = svd(on, normal(20, 30, 1));
    Matrix<double> scaled_axes = axes.U;  // s = 1, 1/2, 1/4, ...
    for (Index j = 0; j < 20; ++j)
        for (double& x : scaled_axes.column(j))
            x *= std::pow(.5, j);
    const Matrix<double> bias = normal(20, 1, 2);
    return {{{normal(30, 12, 3), {}, Activation::tanh, false},
             {multiply(on, Op::none, Op::transpose, scaled_axes, axes.V),
              {bias.values().begin(), bias.values().end()},
              Activation::softplus,
              true},
             {normal(5, 20, 4), {}, Activation::identity, false}}};
}

TEST(Reduce, AtFullRankNothingChanges) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of(*on);
    const Matrix<double> X = normal(12, 50, 5), y = forward(*on, network, X);
    for (const Index layer : {1, 2, 3}) {
        const DenseLayer& dense = network.layers[layer - 1];
        const Index full = std::min(dense.weight.rows(), dense.weight.cols());
        const Reduction reduced = reduce_link(*on, network, layer, full);
        EXPECT_EQ(reduced.network.layers.size(), 4u);
        EXPECT_EQ(reduced.spectral_error, 0);
        EXPECT_EQ(reduced.discarded_energy, 0);
        // two products with sums of at most 30 terms and an SVD
        EXPECT_LE(largest_difference(forward(*on, reduced.network, X), y), 100 * 30 * u * largest(y));
    }
}

TEST(Reduce, KeepsTheLayerAndSaysWhatWasDiscarded) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of(*on);
    const Reduction reduced = reduce_link(*on, network, 2, 6);
    const std::vector<Layer> shape = shape_of(reduced.network);
    ASSERT_EQ(shape.size(), 4u);
    EXPECT_EQ(shape[1], (Layer{30, 6, Activation::identity, false}));
    EXPECT_EQ(shape[2], (Layer{6, 20, Activation::softplus, true}));
    EXPECT_TRUE(reduced.network.layers[1].bias.empty());
    EXPECT_EQ(reduced.network.layers[2].bias, network.layers[1].bias);
    EXPECT_EQ(reduced.network.layers[3].weight, network.layers[2].weight);
    EXPECT_NEAR(reduced.spectral_error / std::pow(.5, 6), 1, 1e3 * u * 64);
    // sum_{i >= 6} 4^-i / sum 4^-i = (4^-6 - 4^-20) / (1 - 4^-20)
    const double tail = std::pow(.25, 20);
    EXPECT_NEAR(reduced.discarded_energy / ((std::pow(.25, 6) - tail) / (1 - tail)), 1, 1e3 * u * 64);
    Matrix<double> lost =
        multiply(*on, Op::none, Op::none, reduced.network.layers[2].weight, reduced.network.layers[1].weight);
    for (Index i = 0; i < lost.size(); ++i)
        lost.data()[i] -= network.layers[1].weight.data()[i];
    EXPECT_NEAR(svd(*on, lost).s.front(), std::pow(.5, 6), 100 * 30 * u);
}

TEST(Reduce, CostIsThatOfTheOutputsForAnyNumberOfThreads) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of(*on), reduced = reduce_link(*on, network, 2, 3).network;
    const Matrix<double> X = normal(12, 2 * library_block + 9, 6), T = normal(5, X.cols(), 7);
    const Library library = library_of(X);
    const TargetReader targets = library_of(T).read;
    const ReductionCost cost = reduction_cost(network, reduced, library, targets, 1),
                        threaded = reduction_cost(network, reduced, library, targets, 3);
    const auto same = [](const ErrorStatistics& a, const ErrorStatistics& b) {
        return a.mean == b.mean && a.median == b.median && a.max == b.max;
    };
    EXPECT_TRUE(same(cost.outputs, threaded.outputs));
    ASSERT_TRUE(cost.before && cost.after && threaded.before && threaded.after);
    EXPECT_TRUE(same(*cost.before, *threaded.before));
    EXPECT_TRUE(same(*cost.after, *threaded.after));

    const Matrix<double> y = forward(*on, network, X), z = forward(*on, reduced, X);
    const auto errors = [](const Matrix<double>& a, const Matrix<double>& b) {
        std::vector<double> list;
        for (Index j = 0; j < a.cols(); ++j) {
            double difference = 0, norm = 0;
            for (Index i = 0; i < a.rows(); ++i) {
                difference += std::pow(a(i, j) - b(i, j), 2);
                norm += std::pow(b(i, j), 2);
            }
            list.push_back(std::sqrt(difference / norm));
        }
        std::ranges::sort(list);
        return list;
    };
    const std::vector<double> change = errors(z, y), before = errors(y, T), after = errors(z, T);
    EXPECT_NEAR(cost.outputs.max / change.back(), 1, 1e-9);  // other blocks, other rounding in the products
    EXPECT_NEAR(cost.outputs.median / change[change.size() / 2], 1, 1e-9);
    EXPECT_NEAR(cost.before->max / before.back(), 1, 1e-9);
    EXPECT_NEAR(cost.after->median / after[after.size() / 2], 1, 1e-9);
    EXPECT_GT(cost.outputs.median, 1e-3);
    EXPECT_LE(cost.outputs.median, cost.outputs.max);
    EXPECT_FALSE(reduction_cost(network, reduced, library, {}, 1).before);
}

TEST(Reduce, RefusesLayersAndRanksThatAreNotThere) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of(*on);
    EXPECT_THROW((void)reduce_link(*on, network, 0, 3), InputError);
    EXPECT_THROW((void)reduce_link(*on, network, 4, 3), InputError);
    EXPECT_THROW((void)reduce_link(*on, network, 2, 0), InputError);
    EXPECT_THROW((void)reduce_link(*on, network, 2, 21), InputError);
    const Matrix<double> narrow = normal(11, 5, 8);
    EXPECT_THROW((void)reduction_cost(network, network, library_of(narrow), {}, 1), InputError);
}

}  // namespace
}  // namespace descrambler
