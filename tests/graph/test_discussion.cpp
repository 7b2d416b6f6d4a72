// Discussions: by hand, against explicit matrices, and their sums on trained networks; votes.
#include "descrambler/discussion.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "data.hpp"
#include "descrambler/onnx.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

// Layers of W (row-major [out, in]), b, and a relu behind all but the last.
struct Layer {
    Shape shape;  // [out, in]
    std::vector<double> W, b;
};
Graph dense(const std::vector<Layer>& layers) {
    Graph graph;
    graph.values.push_back({"x", {1, layers.front().shape[1]}});
    const auto add = [&](Operator op, Index size) {
        const int value = static_cast<int>(graph.values.size());
        graph.values.push_back({std::to_string(value), {1, size}});
        graph.nodes.push_back({std::to_string(value), "", std::move(op), {value - 1}, value, -1});
        graph.output = value;
        graph.output_shape = graph.values.back().shape;
    };
    for (std::size_t l = 0; l < layers.size(); ++l) {
        add(Product{tensor(layers[l].shape, layers[l].W), {layers[l].b, 1}}, layers[l].shape[0]);
        if (l + 1 < layers.size())
            add(Pointwise{}, layers[l].shape[0]);
    }
    return graph;
}

double sum(std::span<const double> numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

class DiscussionTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(2);
    [[nodiscard]] Discussions of(const Graph& graph, const std::vector<double>& x, DiscussionRule rule,
                                 const std::vector<Index>& outputs) const {
        const FrozenNetwork<double> frozen(*on, graph, x, {});
        return Discussion(frozen, rule).of(outputs);
    }
};

// x = (1, 2): W1 x + b = (3.5, -.5), so y = 7, F = (2, 2), and the offset .5 of the first unit adds 1, half by each input.
TEST_F(DiscussionTest, ByHand) {
    const Graph graph = dense({{{2, 2}, {1, 1, 1, -1}, {.5, .5}}, {{1, 2}, {2, 3}, {0}}});
    const Discussions conserving = of(graph, {1, 2}, DiscussionRule::conserving, {0});
    EXPECT_EQ(conserving.maps(0, 0), 2.5);
    EXPECT_EQ(conserving.maps(1, 0), 4.5);
    EXPECT_EQ(conserving.rest, std::vector<double>{0});
    // F + W1^T (.5, 0) = (2.5, 2.5), and with x0 .* F (2.5, 4.5): to sum to 7
    const Discussions paper = of(graph, {1, 2}, DiscussionRule::paper, {0});
    EXPECT_DOUBLE_EQ(paper.maps(0, 0), 3.5);
    EXPECT_DOUBLE_EQ(paper.maps(1, 0), 3.5);
    EXPECT_DOUBLE_EQ(paper.scale.at(0), 7. / 5);
    const Discussions paper_x = of(graph, {1, 2}, DiscussionRule::paper_x, {0});
    EXPECT_DOUBLE_EQ(paper_x.maps(0, 0), 2.5);
    EXPECT_DOUBLE_EQ(paper_x.maps(1, 0), 4.5);
}

// The bias of the second layer stands behind a unit that is off: no live path, but one of all, from the first input alone.
// The bias of the third stands behind weights of zero: no path at all.
TEST_F(DiscussionTest, WhatNoPathLeadsToIsTold) {
    const Graph graph = dense({{{2, 2}, {-1, 0, 0, 1}, {0, 0}}, {{1, 2}, {1, 0}, {4}}, {{2, 1}, {1, 0}, {0, 6}}});
    const Discussions found = of(graph, {1, 2}, DiscussionRule::conserving, {0, 1});
    EXPECT_EQ(found.rest, (std::vector<double>{4, 6}));
    EXPECT_EQ(found.even, (std::vector<double>{0, 6}));
    EXPECT_EQ(found.maps(0, 0), 4);
    EXPECT_EQ(found.maps(1, 0), 0);
    EXPECT_EQ(found.maps(0, 1), 3);
    EXPECT_EQ(found.maps(1, 1), 3);
}

// Against matrices: what offset i of layer l adds, w = G_i c_i, goes to input j in proportion to |W|'s paths from j to i.
TEST_F(DiscussionTest, OffsetsFollowThePaths) {
    constexpr Index n = 7, m = 9, outputs = 3;
    const auto numbers = [](Index count, double phase) {
        const Matrix<double> w = wave(count, 1, phase);
        return std::vector<double>(w.values().begin(), w.values().end());
    };
    const std::vector<Layer> layers{{{m, n}, numbers(m * n, .1), numbers(m, .2)},
                                    {{m, m}, numbers(m * m, .3), numbers(m, .4)},
                                    {{outputs, m}, numbers(outputs * m, .5), numbers(outputs, .6)}};
    const std::vector<double> x = numbers(n, .7);
    const Graph graph = dense(layers);
    const FrozenNetwork<double> frozen(*on, graph, x, {});
    const Discussions found = Discussion(frozen, DiscussionRule::conserving).of(std::vector<Index>{0, 1, 2});
    // by hand: masks, paths and gradients of each layer
    std::vector<Matrix<double>> paths,
        signed_paths;  // of all inputs to the units of a layer, |W| and W, in front of the mask
    std::vector<std::vector<bool>> live;
    std::vector<double> h = x;
    Matrix<double> P(n, n), S(n, n);
    for (Index i = 0; i < n; ++i)
        P(i, i) = S(i, i) = 1;
    for (const Layer& layer : layers) {
        const Index rows = layer.shape[0], cols = layer.shape[1];
        Matrix<double> Q(rows, n), T(rows, n);
        std::vector<double> z(layer.b);
        for (Index i = 0; i < rows; ++i)
            for (Index k = 0; k < cols; ++k) {
                const double w = layer.W[static_cast<std::size_t>(i * cols + k)];
                z[static_cast<std::size_t>(i)] += w * h[static_cast<std::size_t>(k)];
                for (Index j = 0; j < n; ++j) {
                    Q(i, j) += std::abs(w) * P(k, j);
                    T(i, j) += w * S(k, j);
                }
            }
        paths.push_back(Q);
        signed_paths.push_back(T);
        auto& mask = live.emplace_back();
        for (Index i = 0; i < rows; ++i) {
            mask.push_back(z[static_cast<std::size_t>(i)] > 0);
            if (!mask.back())
                for (Index j = 0; j < n; ++j)
                    Q(i, j) = T(i, j) = 0;
        }
        h = z;
        for (double& number : h)
            number = std::max(number, 0.0);
        P = Q;
        S = T;
    }
    for (Index c = 0; c < outputs; ++c) {
        std::vector<double> map(static_cast<std::size_t>(n)), G(static_cast<std::size_t>(outputs));
        G[static_cast<std::size_t>(c)] = 1;
        for (Index j = 0; j < n; ++j)
            map[static_cast<std::size_t>(j)] = signed_paths.back()(c, j) * x[static_cast<std::size_t>(j)];
        for (std::size_t l = layers.size(); l-- > 0;) {
            const Index rows = layers[l].shape[0], cols = layers[l].shape[1];
            for (Index i = 0; i < rows; ++i) {
                double mass = 0;
                for (Index j = 0; j < n; ++j)
                    mass += paths[l](i, j);
                for (Index j = 0; j < n; ++j)
                    map[static_cast<std::size_t>(j)] += G[static_cast<std::size_t>(i)] *
                                                        layers[l].b[static_cast<std::size_t>(i)] * paths[l](i, j) /
                                                        mass;
            }
            std::vector<double> before(static_cast<std::size_t>(cols));
            for (Index k = 0; k < cols && l > 0; ++k)
                for (Index i = 0; i < rows; ++i)
                    if (live[l - 1][static_cast<std::size_t>(k)])
                        before[static_cast<std::size_t>(k)] +=
                            layers[l].W[static_cast<std::size_t>(i * cols + k)] * G[static_cast<std::size_t>(i)];
            G = before;
        }
        for (Index j = 0; j < n; ++j)
            EXPECT_NEAR(found.maps(j, c), map[static_cast<std::size_t>(j)],
                        1e-13);  // some hundred sums of numbers below 10
        EXPECT_NEAR(sum(found.maps.column(c)), frozen.output()[static_cast<std::size_t>(c)], 1e-13);
    }
}

TEST_F(DiscussionTest, BitsDoNotHangOnThreadsAndOtherOutputs) {
    const Graph graph = dense({{{40, 30}, std::vector<double>(1200, .01), std::vector<double>(40, .1)},
                               {{20, 40}, std::vector<double>(800, -.02), std::vector<double>(20, .3)}});
    const std::vector<double> x(30, .5);
    std::vector<Index> all(20);
    std::iota(all.begin(), all.end(), 0);
    const Discussions together = of(graph, x, DiscussionRule::conserving, all);
    const auto other = make_cpu_backend<double>(1);
    const FrozenNetwork<double> frozen(*other, graph, x, {});
    const Discussion discussion(frozen, DiscussionRule::conserving);
    for (const Index j : all) {
        const Discussions alone = discussion.of(std::vector<Index>{j});
        EXPECT_TRUE(std::ranges::equal(alone.maps.column(0), together.maps.column(j)));
    }
}

// The sum of a map is the score, to the rounding of the sizes of its parts; whatever a network is made of, under all rules
// of freezing.
TEST(Discussions, SumToTheScoresOfTrainedNetworks) {
    if (!has_data("interpreters/onnx"))
        GTEST_SKIP() << no_data("interpreters/onnx");
    const auto on = make_cpu_backend<double>(2);
    for (const auto& [name, shape] :
         std::vector<std::pair<std::string, Shape>>{{"digits_cnn", {1, 1, 28, 28}},
                                                    {"realesr_animevideov3_x4", {1, 3, 9, 8}},
                                                    {"multistyle26", {1, 3, 16, 16}},
                                                    {"demosaicnet_bayer", {1, 3, 24, 24}},
                                                    {"efficientnet_lite0", {1, 3, 224, 224}}}) {
        ImportOptions options;
        if (name == "multistyle26") {
            std::vector<double> style(26);
            style[3] = 1;
            options.set["style_weights"] = tensor({26}, std::move(style));
        }
        const OnnxModel model = read_onnx(data("interpreters/onnx/" + name + ".onnx"));
        for (const OnnxValue& input : model.graph.inputs)
            if (!options.set.contains(input.name))
                options.shapes[input.name] = shape;
        const Graph graph = import_onnx(model, options);
        const Matrix<double> x = wave(graph.inputs(), 1, .3);
        const auto single = make_cpu_backend<float>(2);
        for (const FreezeRule rule : {FreezeRule::frozen, FreezeRule::taylor}) {
            const FrozenNetwork<double> frozen(*on, graph, x.values(), {rule, NormRule::std});
            const std::vector<Index> outputs{0, graph.outputs() / 2};
            const Contributions parts = frozen.contributions(outputs);
            const Discussions found = Discussion(frozen, DiscussionRule::conserving).of(outputs);
            for (Index k = 0; k < 2; ++k) {
                double sizes = 0;
                for (const double part : parts.values.column(k))
                    sizes += std::abs(part);
                const double y = frozen.output()[static_cast<std::size_t>(outputs[static_cast<std::size_t>(k)])];
                EXPECT_LE(std::abs(sum(found.maps.column(k)) - y), 1e-10 * sizes)
                    << name << ", output " << outputs[static_cast<std::size_t>(k)] << ", " << to_string(rule);
            }
            // in single precision the same maps: each node rounds what it adds once
            const FrozenNetwork<float> rounded(*single, *on, graph, x.values(), {rule, NormRule::std});
            const Discussions close = Discussion(rounded, DiscussionRule::conserving).of(outputs);
            const double eps = std::numeric_limits<float>::epsilon() * static_cast<double>(graph.nodes.size());
            for (Index k = 0; k < 2; ++k) {
                double difference = 0, size = 0;
                for (Index i = 0; i < found.maps.rows(); ++i) {
                    difference += std::abs(found.maps(i, k) - close.maps(i, k));
                    size += std::abs(found.maps(i, k));
                }
                EXPECT_LE(difference, eps * size) << name << ", " << to_string(rule);
            }
        }
    }
}

// ---- votes -----------------------------------------------------------------------------------------------------------

TEST(Votes, TheFirstOfTheLargest) {
    Votes votes(3);
    EXPECT_EQ(votes.winner(), (std::vector<Index>{-1, -1, -1}));
    votes.add(0, std::vector<double>{1, -2, -3});
    votes.add(1, std::vector<double>{1, -1, -4});
    EXPECT_EQ(votes.winner(), (std::vector<Index>{0, 1, 0}));
    EXPECT_EQ(votes.count(3), (std::vector<Index>{2, 1, 0}));
    Votes shifted(3);  // by one map for all
    shifted.add(0, std::vector<double>{6, 3, -9});
    shifted.add(1, std::vector<double>{6, 4, -10});
    EXPECT_EQ(shifted.winner(), votes.winner());
}

TEST(Votes, SumsOverChannels) {
    EXPECT_EQ(summed_at(std::vector<double>{1, 2, 10, 20, 100, 200}, kept_places({1, 3, 1, 2}, {2, 3})),
              (std::vector<double>{111, 222}));
    EXPECT_EQ(summed_at(std::vector<double>{1, 10, 100, 2, 20, 200}, kept_places({1, 2, 3}, {1})),
              (std::vector<double>{111, 222}));
}

// Each of two outputs is wired to its own half of the image: every pixel votes for it.
TEST_F(DiscussionTest, PatchesVoteForTheirOutput) {
    std::vector<double> W1(64), W2{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
    for (std::size_t i = 0; i < 8; ++i)
        W1[i * 9] = 1 + .1 * static_cast<double>(i);
    const Graph graph = dense({{{8, 8}, W1, std::vector<double>(8, .2)}, {{2, 8}, W2, {0, 0}}});
    const Discussions found = of(graph, std::vector<double>(8, 1), DiscussionRule::conserving, {0, 1});
    Votes votes(8);
    for (const Index label : {0, 1})
        votes.add(label, found.maps.column(label));
    EXPECT_EQ(votes.winner(), (std::vector<Index>{0, 0, 0, 0, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace descrambler
