// The executor of dense networks: against plain loops, alone and in an ensemble, at every point.
#include "descrambler/executor.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "descrambler/jacobian.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

constexpr double u = 0x1p-53;

Matrix<double> wave(Index rows, Index cols, double step) {
    Matrix<double> A(rows, cols);
    for (Index e = 0; e < A.size(); ++e)
        A.data()[e] = std::sin(step * static_cast<double>(e + 1));
    return A;
}

// Every activation, a layer without bias, and one that renormalises something positive.
Network network(double step) {
    Network out;
    Index width = 6;
    for (const Activation f :
         {Activation::tanh, Activation::identity, Activation::softplus, Activation::relu, Activation::logistic}) {
        DenseLayer layer{wave(7, width, step), {}, f, f == Activation::softplus};
        if (f != Activation::identity)
            for (Index i = 0; i < 7; ++i)
                layer.bias.push_back(0.1 * static_cast<double>(i) - 0.2);
        out.layers.push_back(std::move(layer));
        width = 7;
    }
    return out;
}

// The signals at a point, by loops.
Matrix<double> expected(const Network& net, TapPoint point, bool bias, const Matrix<double>& X) {
    Matrix<double> h = X;
    for (Index k = 1; k <= point.layer; ++k) {
        const DenseLayer& layer = net.layers[static_cast<std::size_t>(k - 1)];
        const bool last = k == point.layer && point.side == Tap::before;
        Matrix<double> y(layer.weight.rows(), X.cols());
        for (Index j = 0; j < y.cols(); ++j) {
            double mean = 0;
            for (Index i = 0; i < y.rows(); ++i) {
                double z = (last && !bias) || layer.bias.empty() ? 0 : layer.bias[static_cast<std::size_t>(i)];
                for (Index c = 0; c < h.rows(); ++c)
                    z += layer.weight(i, c) * h(c, j);
                y(i, j) = last ? z : activation_value(layer.activation, z);
                mean += y(i, j) / static_cast<double>(y.rows());
            }
            for (Index i = 0; i < y.rows() && layer.renorm && !last; ++i)
                y(i, j) /= mean;
        }
        h = y;
    }
    return h;
}

double largest_difference(const Matrix<double>& A, const Matrix<double>& B) {
    EXPECT_EQ(A.rows(), B.rows());
    EXPECT_EQ(A.cols(), B.cols());
    double worst = 0;
    for (Index e = 0; e < A.size(); ++e)
        worst = std::max(worst, std::abs(A.data()[e] - B.data()[e]));
    return worst;
}

// Five layers of sums of 7 products of numbers below 7, each a few roundings.
constexpr double tolerance = 5 * 7 * 7 * 16 * u;

TEST(Executor, GivesTheSignalsOfEveryPoint) {
    const auto on = make_cpu_backend<double>(1);
    const Network net = network(0.7);
    for (const Index columns : {1, 5, 300}) {
        const Matrix<double> X = wave(6, columns, 1.3);
        for (Index layer = 1; layer <= 5; ++layer)
            for (const Tap side : {Tap::before, Tap::after})
                for (const bool bias : {false, true}) {
                    const Executor executor(*on, std::span(&net, 1), {layer, side}, bias);
                    EXPECT_EQ(executor.outputs(), 7);
                    EXPECT_LE(largest_difference(executor.run(X), expected(net, {layer, side}, bias, X)), tolerance)
                        << to_string(TapPoint{layer, side}) << " bias " << bias << " columns " << columns;
                }
        EXPECT_EQ(Executor(*on, std::span(&net, 1), inputs_of_network).run(X), X);
        EXPECT_EQ(forward(*on, net, X), Executor(*on, std::span(&net, 1), {5, Tap::after}).run(X));
    }
}

TEST(Executor, AnEnsembleHasTheBitsOfEachNetworkAlone) {
    const auto on = make_cpu_backend<double>(2);
    std::vector<Network> networks{network(0.7), network(0.9), network(1.1)};
    networks[1].layers[1].bias.assign(7, 0.5);  // where the others have none
    const Matrix<double> X = wave(6, 40, 1.3);
    for (const TapPoint point : {TapPoint{1, Tap::before}, TapPoint{4, Tap::before}, TapPoint{5, Tap::after}}) {
        const Executor all(*on, networks, point);
        LayerSignals signals;
        for (const Index columns : {Index{40}, Index{3}}) {  // less than the memory it has by then
            const Batch<const double> S = all.run(X.view().columns(0, columns), signals);
            ASSERT_EQ(S.batch, 3);
            ASSERT_EQ(S.cols, columns);
            for (Index i = 0; i < 3; ++i) {
                Matrix<double> part(6, columns), found(7, columns);
                std::copy_n(X.data(), part.size(), part.data());
                std::copy_n(S.item(i).data, found.size(), found.data());
                EXPECT_EQ(found, Executor(*on, std::span(&networks[static_cast<std::size_t>(i)], 1), point).run(part));
            }
        }
    }
}

TEST(Executor, RefusesWhatTheNetworksDoNotHave) {
    const auto on = make_cpu_backend<double>(1);
    std::vector<Network> networks{network(0.7), network(0.9)};
    EXPECT_THROW(Executor(*on, networks, {6, Tap::after}), std::invalid_argument);
    EXPECT_THROW(Executor(*on, networks, {0, Tap::before}), std::invalid_argument);
    EXPECT_THROW(Executor(*on, {}, {1, Tap::after}), std::invalid_argument);
    for (const auto& [rows, cols] : {std::pair<Index, Index>{7, 5}, {6, 7}}) {  // the second has as many numbers
        networks[1].layers[0].weight = wave(rows, cols, 1);
        EXPECT_THROW(Executor(*on, networks, {1, Tap::after}), std::invalid_argument);
    }
}

TEST(LayerRecord, HoldsValuesSlopesAndMeans) {
    const auto on = make_cpu_backend<double>(1);
    for (const DenseLayer& layer : network(0.7).layers) {
        const Matrix<double> X = wave(layer.weight.cols(), 4, 1.3);
        const LayerRecord record = record_layer(*on, layer, X);
        const Network alone{{layer}};
        EXPECT_LE(largest_difference(record.value, expected(alone, {1, Tap::after}, true, X)), 7 * 16 * u);
        EXPECT_EQ(record.mean.size(), layer.renorm ? 4u : 0u);
        const Matrix<double> z = expected(alone, {1, Tap::before}, true, X);
        for (Index e = 0; e < z.size(); ++e)
            EXPECT_NEAR(record.slope.data()[e], activation_slope(layer.activation, z.data()[e]), 7 * 16 * u);
    }
}

TEST(TapPoint, NameAndPointAreEachOthersInverse) {
    for (const TapPoint point : {TapPoint{1, Tap::before}, TapPoint{12, Tap::after}, inputs_of_network})
        EXPECT_EQ(tap_point_from(to_string(point)), point);
    EXPECT_EQ(to_string(TapPoint{2, Tap::after}), "2:after");
    for (const char* wrong : {"", "2", "2:", ":after", "2:beside", "x:after", "2 :after", "2:after:1"})
        try {
            (void)tap_point_from(wrong);
            ADD_FAILURE() << wrong;
        } catch (const InputError& error) {
            EXPECT_NE(std::string(error.what()).find("expected LAYER:before or LAYER:after"), std::string::npos);
        }
}

}  // namespace
}  // namespace descrambler
