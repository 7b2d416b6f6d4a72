// Maps of other methods: by hand, on linear networks where all agree, by the sums that they promise, and on trained networks.
#include "descrambler/baselines.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "data.hpp"
#include "descrambler/backward_rules.hpp"
#include "descrambler/deletion.hpp"
#include "descrambler/error.hpp"
#include "descrambler/lime.hpp"
#include "descrambler/onnx.hpp"
#include "descrambler/random.hpp"
#include "descrambler/segments.hpp"

namespace descrambler {
namespace {

using namespace test;

// A chain of nodes, each on the value before it.
class Chain {
public:
    explicit Chain(Shape input) { graph.values.push_back({"x", std::move(input)}); }
    Chain& add(Operator op, Shape shape, const std::string& onnx = "Node") {
        const int value = static_cast<int>(graph.values.size());
        graph.values.push_back({std::to_string(value), shape});
        graph.nodes.push_back({"n" + std::to_string(value), onnx, std::move(op), {value - 1}, value, -1});
        graph.output = value;
        graph.output_shape = std::move(shape);
        return *this;
    }
    Chain& dense(Index outputs, std::vector<double> W) {
        const Index inputs = volume(graph.values.back().shape);
        return add(Product{tensor({outputs, inputs}, std::move(W)), {}}, {1, outputs});
    }
    Chain& relu() { return add(Pointwise{}, graph.values.back().shape); }
    Chain& mean() {  // of each of the channels
        const Shape& shape = graph.values.back().shape;
        const auto channels = static_cast<std::uint32_t>(shape[1]),
                   run = static_cast<std::uint32_t>(volume(shape) / shape[1]);
        Sparse map;
        for (std::uint32_t c = 0; c <= channels; ++c)
            map.starts.push_back(c * run);
        map.index.resize(static_cast<std::size_t>(volume(shape)));
        std::iota(map.index.begin(), map.index.end(), 0U);
        map.weight.assign(map.index.size(), 1. / run);
        return add(std::move(map), {1, shape[1]});
    }
    // 3 x 3, or 1 x 1, without a change of size.
    Chain& convolve(Index channels, Index kernel, std::vector<double> W, std::vector<double> bias = {}) {
        const Shape shape = graph.values.back().shape;
        Convolution s;
        s.in_channels = shape[1];
        s.out_channels = channels;
        s.in = s.out = {1, shape[2], shape[3]};
        s.kernel = {1, kernel, kernel};
        s.pad = {0, kernel / 2, kernel / 2};
        return add(Convolve{s,
                            false,
                            tensor({channels, shape[1], kernel, kernel}, std::move(W)),
                            {std::move(bias), shape[2] * shape[3]}},
                   {1, channels, shape[2], shape[3]});
    }
    Chain& max_pool() {  // 2 x 2
        const Shape shape = graph.values.back().shape;
        Convolution s;
        s.in_channels = s.out_channels = s.groups = shape[1];
        s.in = {1, shape[2], shape[3]};
        s.out = {1, shape[2] / 2, shape[3] / 2};
        s.kernel = s.stride = {1, 2, 2};
        return add(MaxPool{s}, {1, shape[1], shape[2] / 2, shape[3] / 2});
    }
    Graph graph;
};

std::vector<double> random_numbers(Index count, std::uint64_t seed, double low = -1, double high = 1) {
    RandomStream random(seed, 0);
    std::vector<double> result;
    for (Index i = 0; i < count; ++i)
        result.push_back(low + (high - low) * random.uniform());
    return result;
}
std::vector<double> vector_of(const Matrix<double>& map) {
    return {map.values().begin(), map.values().end()};
}

constexpr std::array<Index, 1> first{0};
constexpr FreezeOptions tangents{FreezeRule::taylor, NormRule::std};

class BaselinesTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(2);
    [[nodiscard]] FrozenNetwork<double> frozen(const Graph& graph, const std::vector<double>& x,
                                               const FreezeOptions& options = {}) const {
        return {*on, graph, x, options};
    }
};

// y = <w, x>: what is not exact is rounding of a few operations, and the epsilon of the relevance.
TEST_F(BaselinesTest, AgreeOnALinearNetwork) {
    const std::vector<double> w{1, -2, .5, 3}, x{2, 1, -4, .25}, parts{2, -2, -2, .75};
    const Graph graph = Chain({1, 4}).dense(1, w).graph;
    const FrozenNetwork<double> network = frozen(graph, x);
    Matrix<double> unit(1, 1);
    unit(0, 0) = 1;
    EXPECT_EQ(vector_of(BackwardRules(network).deconvolution(unit)), w);
    const IntegratedGradients path = integrated_gradients(*on, graph, x, std::vector<double>(4), 0);
    const Matrix<double> relevance = BackwardRules(network).relevance(first).maps;
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(path.map[i], parts[i], 64 * 4e-16);
        EXPECT_NEAR(relevance.values()[i], parts[i], 2 * 1.1e-9);  // epsilon 1e-9
    }
    EXPECT_EQ(path.y, -1.25);
    EXPECT_EQ(path.y_start, 0);
    EXPECT_LE(path.error, 64 * 4e-16);
    EXPECT_LE(conservation_error(path.map, path.y), 64 * 4e-16);
}

TEST_F(BaselinesTest, DeconvolutionWithoutRectifiersIsTheTranspose) {
    const Graph graph = Chain({1, 2, 4, 6})
                            .convolve(3, 3, random_numbers(54, 1), {.1, .2, .3})
                            .max_pool()
                            .convolve(2, 1, random_numbers(6, 2))
                            .dense(3, random_numbers(36, 3))
                            .graph;
    const FrozenNetwork<double> network = frozen(graph, random_numbers(48, 4));
    Matrix<double> U(3, 2);
    std::ranges::copy(random_numbers(6, 5), U.data());
    EXPECT_EQ(BackwardRules(network).deconvolution(U), network.adjoint(U));
}

// W2 relu(W1 x), W1 = (1 1; 1 -1), W2 = (2 -3) at (1, 2): F = (2, 2), the second unit is off. Backwards the first one passes
// 2 and the second nothing; -w brings back 3 through the second one.
TEST_F(BaselinesTest, DeconvolutionRectifiesWhatComesBack) {
    const Graph graph = Chain({1, 2}).dense(2, {1, 1, 1, -1}).relu().dense(1, {2, -3}).graph;
    const FrozenNetwork<double> network = frozen(graph, {1, 2});
    Matrix<double> U(1, 2);
    U(0, 0) = 1;
    U(0, 1) = -1;
    const Matrix<double> D = BackwardRules(network).deconvolution(U);
    EXPECT_EQ(vector_of(D), (std::vector<double>{2, 2, 3, -3}));
    Chain leaky({1, 2});
    leaky.dense(2, {1, 1, 1, -1}).add(Pointwise{Function::leaky_relu, .5, 0, {}}, {1, 2}).dense(1, {2, -3});
    EXPECT_EQ(vector_of(BackwardRules(frozen(leaky.graph, {1, 2})).deconvolution(U)),
              (std::vector<double>{2 - 1.5, 2 + 1.5, -1 + 3, -1 - 3}));
}

// relu(x - .375) from 0 to 1: of the midpoints 1/8, 3/8, 5/8, 7/8 two lie above the kink, and y(1) - y(0) = 5/8.
TEST_F(BaselinesTest, CompletenessIsTheErrorOfTheMidpoints) {
    Chain chain({1, 1});
    chain.add(Affine{{}, {{-.375}, 1}}, {1, 1}).relu();
    const std::vector<double> one{1}, zero{0};
    const IntegratedGradients path = integrated_gradients(*on, chain.graph, one, zero, 0, 4);
    EXPECT_EQ(path.map, std::vector<double>{.5});
    EXPECT_EQ(path.y, .625);
    EXPECT_EQ(path.error, .125);
    Chain smooth({1, 1});
    smooth.add(Pointwise{Function::sigmoid, 0, 0, {}}, {1, 1});
    const IntegratedGradients found = integrated_gradients(*on, smooth.graph, one, zero, 0);
    EXPECT_GT(found.error, 0);
    EXPECT_LE(found.error, .125 / (24. * 64 * 64));  // |sigmoid'''| <= 1/8, midpoint rule
}

TEST_F(BaselinesTest, IntegratedGradientsForAnyNumberOfThreads) {
    const Graph graph = Chain({1, 1, 6, 6})
                            .convolve(2, 3, random_numbers(18, 1), {.1, -.2})
                            .relu()
                            .dense(2, random_numbers(144, 2))
                            .graph;
    const std::vector<double> x = random_numbers(36, 3), zero(36);
    const std::vector<double> one = integrated_gradients(*on, graph, x, zero, 1, 20, 1).map;
    EXPECT_EQ(integrated_gradients(*on, graph, x, zero, 1, 20, 2).map, one);
    EXPECT_EQ(integrated_gradients(*on, graph, x, zero, 1, 20, 3).map, one);
}

// ---- relevance -------------------------------------------------------------------------------------------------------

// x = (1, 2), units 3 and 4, y = 2 * 3 + 4 = 10. R of the units is 6 and 4; unit 0 = 1 + 2, unit 1 = 2 * 1 + 1 * 2.
TEST_F(BaselinesTest, RelevanceByHand) {
    const Graph graph = Chain({1, 2}).dense(2, {1, 1, 2, 1}).relu().dense(1, {2, 1}).graph;
    const Matrix<double> R = BackwardRules(frozen(graph, {1, 2})).relevance(first, 0).maps;
    EXPECT_DOUBLE_EQ(R(0, 0), 6. / 3 + 4. / 2);
    EXPECT_DOUBLE_EQ(R(1, 0), 6. * 2 / 3 + 4. / 2);
}

// A convolution hands all to its positive products; behind it a batch norm with a negative scale turns its weights over.
TEST_F(BaselinesTest, RelevanceOfConvolutions) {
    const auto relevance = [&](double scale, const std::vector<double>& x) {
        Chain chain({1, 2, 1, 1});
        chain.convolve(1, 1, {1, -1}).add(Affine{{{scale}, 1}, {{.5}, 1}}, {1, 1, 1, 1}).dense(1, {1});
        return vector_of(BackwardRules(frozen(chain.graph, x)).relevance(first, 0).maps);
    };
    EXPECT_EQ(relevance(2, {3, 1}), (std::vector<double>{4.5, 0}));  // y = 2 * 2 + .5
    EXPECT_EQ(relevance(-2, {3, 1}), (std::vector<double>{0, -3.5}));
    EXPECT_EQ(relevance(2, {3, -1}), (std::vector<double>{8.5 * 3 / 4, 8.5 / 4}));  // negative times negative
}

// No biases, so nothing is lost but what epsilon takes, at most epsilon max|z| / |z_j| of what unit j has, and what
// reaches a convolution without positive products; here there is none, since all inputs are positive.
TEST_F(BaselinesTest, RelevanceIsConserved) {
    const Graph dense = Chain({1, 8})
                            .dense(16, random_numbers(128, 1))
                            .relu()
                            .dense(12, random_numbers(192, 2))
                            .relu()
                            .dense(3, random_numbers(36, 3))
                            .graph;
    const Graph images = Chain({1, 2, 8, 8})
                             .convolve(4, 3, random_numbers(72, 4))
                             .relu()
                             .max_pool()
                             .convolve(5, 3, random_numbers(180, 5))
                             .relu()
                             .mean()
                             .dense(3, random_numbers(15, 6))
                             .graph;
    for (const Graph* graph : {&dense, &images}) {
        const FrozenNetwork<double> network = frozen(*graph, random_numbers(graph->inputs(), 7, .1, 1));
        const std::vector<Index> all{0, 1, 2};
        const Matrix<double> R = BackwardRules(network).relevance(all, 1e-16).maps;
        for (const Index j : all) {
            const double y = network.output()[static_cast<std::size_t>(j)];
            ASSERT_NE(y, 0);
            EXPECT_LE(conservation_error(R.column(j), y), 1e-12);
            const std::array<Index, 1> one{j};
            EXPECT_EQ(vector_of(BackwardRules(network).relevance(one, 1e-16).maps),
                      std::vector<double>(R.column(j).begin(), R.column(j).end()));
        }
    }
}

TEST_F(BaselinesTest, RelevancePassesGatesAndRefusesWhatHasNoRule) {
    Graph gate;
    gate.values = {{"x", {1, 2}}, {"g", {1, 2}}, {"p", {1, 2}}, {"y", {1, 1}}};
    gate.nodes.push_back({"g", "Sigmoid", Pointwise{Function::sigmoid, 0, 0, {}}, {0}, 1, -1});
    gate.nodes.push_back({"p", "Mul", Multiply{}, {0, 1}, 2, 1});
    gate.nodes.push_back({"y", "Gemm", Product{tensor({1, 2}, std::vector<double>{1, 1}), {}}, {2}, 3, -1});
    gate.output = 3;
    gate.output_shape = {1, 1};
    const FrozenNetwork<double> network = frozen(gate, {1, 2});
    const Matrix<double> R = BackwardRules(network).relevance(first, 0).maps;
    EXPECT_NEAR(R(0, 0), 1 / (1 + std::exp(-1.)), 4e-16);
    EXPECT_NEAR(R(1, 0), 2 / (1 + std::exp(-2.)), 8e-16);
    Chain softmax({1, 3});
    softmax.add(Softmax{3, false}, {1, 3}, "Softmax");
    try {
        (void)BackwardRules(frozen(softmax.graph, {1, 2, 3})).relevance(first);
        FAIL() << "softmax has no rule";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "the network: node \"n1\" (Softmax): no rule of relevance (LRP) for Softmax");
    }
}

// ---- Grad-CAM --------------------------------------------------------------------------------------------------------

// Channels relu(x) and relu(-x), y = 3 mean - mean: alpha = 3/4, -1/4.
TEST_F(BaselinesTest, GradCamByHand) {
    const Graph graph = Chain({1, 1, 2, 2}).convolve(2, 1, {1, -1}).relu().mean().dense(1, {3, -1}).graph;
    const FrozenNetwork<double> tangent = frozen(graph, {1, -1, 2, -2}, tangents);
    const GradCam found = grad_cam(tangent, graph, 0, 2, 2);
    EXPECT_EQ(found.node, "n2");  // behind the relu
    EXPECT_EQ(found.map, (std::vector<double>{.75, 0, 1.5, 0}));
    // in front of it d y / d A is 3/4 where x > 0 and -1/4 where x < 0: alpha = 3/8, -1/8, A = x, -x
    EXPECT_EQ(grad_cam(tangent, graph, 0, 2, 2, "n1").map, (std::vector<double>{.5, 0, 1, 0}));
    EXPECT_THROW((void)grad_cam(tangent, graph, 0, 2, 2, "n9"), InputError);
    EXPECT_THROW((void)grad_cam(tangent, graph, 0, 2, 2, "n3"), InputError);  // no image
    const Graph dense = Chain({1, 2}).dense(1, {1, 1}).graph;
    EXPECT_THROW((void)grad_cam(frozen(dense, {1, 1}, tangents), dense, 0, 1, 2), InputError);
}

TEST(Bilinear, ByHand) {
    const std::vector<double> two{0, 1};
    EXPECT_EQ(bilinear(two, 1, 2, 1, 4), (std::vector<double>{0, .25, .75, 1}));
    EXPECT_EQ(bilinear(two, 2, 1, 4, 1), (std::vector<double>{0, .25, .75, 1}));
    EXPECT_EQ(bilinear(two, 1, 2, 1, 1), std::vector<double>{.5});
    EXPECT_EQ(bilinear(two, 1, 2, 2, 2), (std::vector<double>{0, 1, 0, 1}));
}

// ---- segments and LIME -----------------------------------------------------------------------------------------------

TEST(Segments, TwoFlatAreasAndASpot) {
    const ImageShape shape{3, 8, 10, false};
    std::vector<double> image(240);
    for (Index c = 0; c < 3; ++c)
        for (Index i = 0; i < 8; ++i)
            for (Index j = 0; j < 10; ++j)
                image[static_cast<std::size_t>(shape.at(c, i, j))] = j < 4 ? 20 : 200;
    const auto expect_halves = [&](const std::vector<Index>& found) {
        for (Index pixel = 0; pixel < 80; ++pixel)
            ASSERT_EQ(found[static_cast<std::size_t>(pixel)], pixel % 10 < 4 ? 0 : 1) << pixel;
    };
    expect_halves(segments(image, shape, {4, .2, 5}));
    expect_halves(segments(image, shape, {4, 0, 5}));
    ImageShape last = shape;
    last.channels_last = true;
    std::vector<double> turned(240);
    for (Index c = 0; c < 3; ++c)
        for (Index i = 0; i < 8; ++i)
            for (Index j = 0; j < 10; ++j)
                turned[static_cast<std::size_t>(last.at(c, i, j))] = image[static_cast<std::size_t>(shape.at(c, i, j))];
    expect_halves(segments(turned, last, {4, .2, 5}));
    for (const Index column : {7, 8})  // two pixels that are brighter go to what is around them
        image[static_cast<std::size_t>(shape.at(0, 3, column))] = 255;
    EXPECT_EQ(std::ranges::max(segments(image, shape, {4, 0, 1})), 2);
    expect_halves(segments(image, shape, {4, 0, 3}));
    EXPECT_EQ(segments(image, shape, {4, 0, 1000}), std::vector<Index>(80, 0));
}

// A ramp of steps 1: pixels may join while scale / size is at least 1.
TEST(Segments, ScaleBoundsTheSegments) {
    std::vector<double> ramp(64);
    std::iota(ramp.begin(), ramp.end(), 0.);
    const ImageShape line{1, 1, 64, false};
    EXPECT_EQ(std::ranges::max(segments(ramp, line, {.5, 0, 1})), 63);
    EXPECT_EQ(std::ranges::max(segments(ramp, line, {1e3, 0, 1})), 0);
    EXPECT_THROW((void)segments(ramp, {1, 2, 64, false}), std::invalid_argument);
}

// y = <w, x> is linear in the segments: weight of one is sum of w (x - its mean). What the ridge takes is at most
// ridge / (smallest eigenvalue of the draws), far below 1e-9.
TEST_F(BaselinesTest, LimeRecoversAPlantedFunction) {
    const std::vector<double> w = random_numbers(24, 1), x = random_numbers(24, 2);
    const Graph graph = Chain({1, 24}).dense(1, w).graph;
    const PixelPlaces places = pixel_places({1, 2, 3, 4}, {2, 3});
    std::vector<Index> segment;
    for (Index pixel = 0; pixel < 12; ++pixel)
        segment.push_back(pixel / 3);
    std::vector<double> expected(4);
    for (Index s = 0; s < 4; ++s)
        for (Index c = 0; c < 2; ++c) {
            double mean = 0;
            for (Index p = 3 * s; p < 3 * s + 3; ++p)
                mean += x[static_cast<std::size_t>(12 * c + p)] / 3;
            for (Index p = 3 * s; p < 3 * s + 3; ++p)
                expected[static_cast<std::size_t>(s)] +=
                    w[static_cast<std::size_t>(12 * c + p)] * (x[static_cast<std::size_t>(12 * c + p)] - mean);
        }
    const Evaluator one(graph, 1), two(graph, 2);
    const LimeOptions options{200, .25, 1e-12, 3};
    const Lime found = lime(*on, one, x, places, segment, 0, options);
    for (std::size_t s = 0; s < 4; ++s)
        EXPECT_NEAR(found.weights[s], expected[s], 1e-9);
    EXPECT_NEAR(found.fitted, 1, 1e-9);
    EXPECT_LE(found.at_x, 1e-9);
    EXPECT_EQ(found.map[4], found.weights[1]);
    EXPECT_EQ(lime(*on, two, x, places, segment, 0, options).weights, found.weights);
    EXPECT_EQ(lime(*on, one, x, places, segment, 0, options).weights, found.weights);
    EXPECT_NE(lime(*on, one, x, places, segment, 0, {200, .25, 1e-12, 4}).weights, found.weights);
    const Lime held = lime(*on, one, x, places, segment, 0, {200, .25, 1e6, 3});  // a ridge that holds all near 0
    for (std::size_t s = 0; s < 4; ++s)
        EXPECT_LT(std::abs(held.weights[s]), 1e-3);
}

// ---- deletion --------------------------------------------------------------------------------------------------------

// y = the sum of 20 pixels of 1 and 2 alternately in two channels; those of 2 go first, a pixel a step.
TEST(Deletion, CurveByHand) {
    const Graph graph = Chain({1, 2, 4, 5}).dense(1, std::vector<double>(40, 1)).graph;
    const PixelPlaces places = pixel_places({1, 2, 4, 5}, {2, 3});
    std::vector<double> x;
    for (int i = 0; i < 40; ++i)
        x.push_back(i % 2 == 0 ? 1 : -2);
    const Evaluator network(graph, 1);
    const std::vector<double> pixels(x.begin(), x.begin() + 20);
    const DeletionCurve curve = deletion_curve(network, x, std::vector<double>(40), places, pixels, 0);
    ASSERT_EQ(curve.score.size(), 11U);
    for (int k = 0; k <= 10; ++k) {
        EXPECT_DOUBLE_EQ(curve.share[static_cast<std::size_t>(k)], .05 * k);
        EXPECT_EQ(curve.score[static_cast<std::size_t>(k)], -20 + 4 * k);
    }
    EXPECT_NEAR(curve.area, 0, 11 * 20 * 2.3e-16);
    EXPECT_EQ(random_pixels(5, 1), random_pixels(5, 1));
    EXPECT_NE(random_pixels(5, 1), random_pixels(5, 2));
}

TEST(Deletion, PixelsAndChannels) {
    const PixelPlaces last = pixel_places({1, 1, 2, 3}, {1, 2});
    EXPECT_EQ(last.pixel, (std::vector<Index>{0, 0, 0, 1, 1, 1}));
    EXPECT_EQ(last.channel, (std::vector<Index>{0, 1, 2, 0, 1, 2}));
    EXPECT_EQ(channel_means(std::vector<double>{1, 2, 3, 3, 4, 7}, last), (std::vector<double>{2, 3, 5, 2, 3, 5}));
    EXPECT_EQ(over_channels(std::vector<double>{3, 6}, last), (std::vector<double>{1, 1, 1, 2, 2, 2}));
    EXPECT_DOUBLE_EQ(conservation_error(std::vector<double>{3, -1}, 3), 1. / 4);
    EXPECT_EQ(conservation_error(std::vector<double>{0, 0}, 0), 0);
}

// ---- trained networks ------------------------------------------------------------------------------------------------

class TrainedBaselines : public BaselinesTest, public testing::WithParamInterface<const char*> {};

// Gradient times input is row times input where a network is piecewise linear; the map of relevance and what is lost sum to
// the output.
TEST_P(TrainedBaselines, KeepTheirPromises) {
    const std::string file = std::string("interpreters/onnx/") + GetParam() + ".onnx";
    if (!has_data(file))
        GTEST_SKIP() << no_data(file);
    const Graph graph = import_onnx(read_onnx(data(file).string()), {});
    std::vector<double> x;
    for (Index i = 0; i < graph.inputs(); ++i)
        x.push_back(std::sin(.07 * static_cast<double>(i)) + .3 * std::sin(.0011 * static_cast<double>(i)));
    const FrozenNetwork<double> network = frozen(graph, x), tangent = frozen(graph, x, tangents);
    const Index j = std::ranges::max_element(network.output()) - network.output().begin();
    const std::array<Index, 1> wanted{j};
    const double y = network.output()[static_cast<std::size_t>(j)];
    const Matrix<double> row = network.rows(wanted);
    double largest = 0;
    for (const double number : row.values())
        largest = std::max(largest, std::abs(number));
    const Matrix<double> gradient = tangent.rows(wanted);
    for (Index i = 0; i < row.size(); ++i)
        ASSERT_NEAR(gradient.values()[static_cast<std::size_t>(i)], row.values()[static_cast<std::size_t>(i)],
                    1e-12 * largest);
    const BackwardRules rules(network);
    const Relevances found = rules.relevance(wanted);
    const double sum = std::accumulate(found.maps.values().begin(), found.maps.values().end(), found.lost[0]);
    EXPECT_NEAR(sum, y, 1e-12 * std::abs(y));  // rounding: most of y may be lost
    Matrix<double> unit(network.outputs(), 1);
    unit(j, 0) = 1;
    EXPECT_NE(rules.deconvolution(unit), row);
    const Shape& shape = graph.values[static_cast<std::size_t>(graph.input)].shape;
    const GradCam map = grad_cam(tangent, graph, j, shape[2], shape[3]);
    EXPECT_EQ(std::ssize(map.map), shape[2] * shape[3]);
    EXPECT_GT(std::ranges::max(map.map), 0);
    EXPECT_GE(std::ranges::min(map.map), 0);
}
INSTANTIATE_TEST_SUITE_P(Networks, TrainedBaselines, testing::Values("digits_cnn", "efficientnet_lite0"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace descrambler
