// The Jacobian as an operator: central differences, and the activations and renormalisations by hand.
#include "descrambler/jacobian.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

Matrix<double> normal(Index rows, Index cols, std::uint64_t number) {
    Matrix<double> A(rows, cols);
    RandomStream random(17, stream::analysis + number);
    for (double& x : A.values())
        x = random.normal();
    return A;
}

// Three layers of every kind of slope; the renormalised one is positive, so that its mean is not near 0.
Network network_of(Activation middle) {
    Network network;
    const Index widths[] = {7, 9, 6, 5};
    const Activation f[] = {Activation::tanh, middle, Activation::softplus};
    for (std::size_t k = 0; k < 3; ++k) {
        const Matrix<double> bias = normal(widths[k + 1], 1, 10 * k + 1);
        network.layers.push_back(
            {normal(widths[k + 1], widths[k], 10 * k), {bias.values().begin(), bias.values().end()}, f[k], k == 2});
    }
    network.layers[1].renorm = middle == Activation::logistic;
    return network;
}

// What the tap gives for x: W h (no bias), or h.
Matrix<double> value(Backend<double>& on, const Network& network, Index layer, bool activated,
                     const Matrix<double>& x) {
    if (activated)
        return forward(on, network, x, layer);
    return multiply(on, Op::none, Op::none, network.layers[layer - 1].weight, forward(on, network, x, layer - 1));
}

TEST(Jacobian, IsTheDerivativeOfEveryTap) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = normal(7, 1, 100), direction = normal(7, 3, 101);
    for (const Activation f :
         {Activation::identity, Activation::tanh, Activation::logistic, Activation::softplus, Activation::relu}) {
        const Network network = network_of(f);
        for (const Index layer : {1, 2, 3})
            for (const bool activated : {false, true}) {
                const Jacobian J = jacobian_at(*on, network, {layer, activated ? Tap::after : Tap::before}, x.values());
                const Matrix<double> at_x = value(*on, network, layer, activated, x);
                const Matrix<double> dy = apply(*on, J, direction);
                ASSERT_EQ(J.rows(), at_x.rows());
                ASSERT_EQ(J.cols(), 7);
                // central differences: error h^2 f''' / 6 + u |f| / h, below 1e-7 for h = 1e-5 and numbers of order 10
                const double h = 1e-5;
                for (Index c = 0; c < 3; ++c) {
                    Matrix<double> up = x, down = x;
                    for (Index i = 0; i < 7; ++i) {
                        up(i, 0) += h * direction(i, c);
                        down(i, 0) -= h * direction(i, c);
                    }
                    const Matrix<double> above = value(*on, network, layer, activated, up),
                                         below = value(*on, network, layer, activated, down);
                    for (Index i = 0; i < dy.rows(); ++i) {
                        EXPECT_NEAR(dy(i, c), (above(i, 0) - below(i, 0)) / (2 * h), 1e-7)
                            << to_string(f) << " layer " << layer << (activated ? " after" : " before");
                        EXPECT_NEAR(J.value[i], at_x(i, 0), 1e-13);  // a few hundred roundings of numbers of order 1
                    }
                }
            }
    }
}

TEST(Jacobian, OfARenormalisedLayerByHand) {
    // h = z = (1, 3), m = 2, y = (1/2, 3/2): J = (I - y 1^T / 2) / m = [3/8 -1/8; -3/8 1/8]
    Network network;
    network.layers.push_back({Matrix<double>(2, 2), {}, Activation::identity, true});
    network.layers[0].weight(0, 0) = network.layers[0].weight(1, 1) = 1;
    const auto on = make_cpu_backend<double>(1);
    const double x[] = {1, 3};
    Matrix<double> one(2, 2);
    one(0, 0) = one(1, 1) = 1;
    const Jacobian J = jacobian_at(*on, network, {1, Tap::after}, x);
    const Matrix<double> forwards = apply(*on, J, one), backwards = transpose(adjoint(*on, J, one));
    const double expected[2][2] = {{3. / 8, -1. / 8}, {-3. / 8, 1. / 8}};
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 2; ++j) {
            EXPECT_DOUBLE_EQ(forwards(i, j), expected[i][j]);
            EXPECT_DOUBLE_EQ(backwards(i, j), expected[i][j]);
        }
}

TEST(Jacobian, RefusesWhatDoesNotFit) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of(Activation::tanh);
    const std::vector<double> x(7), narrow(6);
    EXPECT_THROW((void)jacobian_at(*on, network, {0, Tap::after}, x), InputError);
    EXPECT_THROW((void)jacobian_at(*on, network, {4, Tap::after}, x), InputError);
    EXPECT_THROW((void)jacobian_at(*on, network, {1, Tap::after}, narrow), InputError);
    Network zero = network;  // relu of nothing has the mean 0
    for (double& w : zero.layers[0].weight.values())
        w = 0;
    zero.layers[0].bias.clear();
    zero.layers[0].renorm = true;
    EXPECT_THROW((void)jacobian_at(*on, zero, {1, Tap::after}, x), InputError);
}

}  // namespace
}  // namespace descrambler
