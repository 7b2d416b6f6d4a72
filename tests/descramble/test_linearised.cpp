// Taps with the Jacobian in place of the network: exact where the network is linear, close where it is nearly so.
#include <gtest/gtest.h>

#include <numbers>

#include "descrambler/descramble.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

TEST(Linearised, IsExactForALinearNetwork) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index inputs : {20, 60}) {  // factor of the inputs shared, and not
        Network network;
        const Index widths[] = {inputs, 15, 12};
        for (std::size_t k = 0; k < 2; ++k) {
            const Matrix<double> bias = normal(widths[k + 1], 1, 10 + k);
            network.layers.push_back({scaled(normal(widths[k + 1], widths[k], k), .3),
                                      {bias.values().begin(), bias.values().end()},
                                      Activation::identity,
                                      false});
        }
        Matrix<double> X = normal(inputs, 2 * library_block + 3, 20);
        for (double& x : X.values())
            x += 2;  // the mean matters
        for (const Index layer : {1, 2})
            for (const Tap tap : {Tap::before, Tap::after})
                for (const bool include_bias : {false, true})
                    for (const bool centre : {false, true}) {
                        const TapRequest request{.at = {layer, tap}, .include_bias = include_bias, .centre = centre};
                        TapRequest linearised = request;
                        linearised.linearised = true;
                        const TapGram truth =
                            tap_grams(std::span(&network, 1), request, library_of(X), Execution::on_cpu(2)).front();
                        const TapGram found =
                            tap_grams(std::span(&network, 1), linearised, library_of(X), Execution::on_cpu(2)).front();
                        const double tolerance = static_cast<double>(X.cols()) * u * largest(truth.gram);
                        EXPECT_LE(largest_difference(found.gram, truth.gram), tolerance) << layer;
                        EXPECT_EQ(found.samples, truth.samples);
                        for (std::size_t i = 0; i < truth.mean.size(); ++i)
                            EXPECT_NEAR(found.mean[i], truth.mean[i], static_cast<double>(X.cols()) * u * 10);
                        const Matrix<double> U = orthogonal(*on, truth.gram.rows(), 30);
                        const auto moments = tap_third_moments(*on, network, request, library_of(X), truth.mean, U),
                                   surrogate =
                                       tap_third_moments(*on, network, linearised, library_of(X), found.mean, U);
                        for (std::size_t j = 0; j < moments.size(); ++j)  // a sum of cubes of scores below 100
                            EXPECT_NEAR(surrogate[j], moments[j], static_cast<double>(X.cols()) * u * 1e6);
                    }
    }
}

TEST(Linearised, BitsDependNeitherOnThreadsNorOnTheOtherNetworks) {
    const Matrix<double> X = normal(30, 3000, 40);
    std::vector<Network> networks;
    for (std::uint64_t i = 0; i < 3; ++i)
        networks.push_back({{{normal(12, 30, 50 + i), {}, Activation::tanh, false},
                             {normal(9, 12, 60 + i), {}, Activation::softplus, true}}});
    const TapRequest request{.at = {2, Tap::after}, .linearised = true};
    const auto together = tap_grams(networks, request, library_of(X), Execution::on_cpu(1)),
               threaded = tap_grams(networks, request, library_of(X), Execution::on_cpu(5));
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(together[i].factor, threaded[i].factor);
        EXPECT_EQ(together[i].factor,
                  tap_grams(std::span(&networks[i], 1), request, library_of(X), Execution::on_cpu(2))[0].factor);
    }
}

// W_2 tanh(W_1 x) with pre-activations of a given standard deviation, x decaying cosines with 3 % noise on a decaying
// background, W_1 windowed filters of rising frequency: eta of the true signals where P comes from the Jacobian, over
// the minimum.
TEST(Linearised, ApproachesTheMinimumAsTheNetworkBecomesLinear) {
    const auto on = make_cpu_backend<double>(2);
    const Index d = 256, n = 80, samples = 4000;
    const double pi = std::numbers::pi;
    Matrix<double> X = scaled(normal(d, samples, 70), .03), W(n, d);
    RandomStream random(70, stream::analysis);
    for (Index j = 0; j < samples; ++j) {
        const double rate = random.uniform(), depth = .2 + .6 * random.uniform();
        double f[3], a[3], total = 0;
        for (int k = 0; k < 3; ++k) {
            f[k] = 1 + 30 * std::pow(random.uniform(), 2);
            total += a[k] = random.uniform();
        }
        for (Index t = 0; t < d; ++t) {
            const double time = static_cast<double>(t) / static_cast<double>(d);
            double wave = 0;
            for (int k = 0; k < 3; ++k)
                wave += a[k] / total * std::cos(2 * pi * f[k] * time) * std::exp(-2 * time * f[k] / 10);
            X(t, j) += (1 - depth + depth * wave) * std::exp(-rate * time);
        }
    }
    for (Index i = 0; i < n; ++i) {
        const double f = 100 * std::pow((static_cast<double>(i) + .5) / static_cast<double>(n), 1.5),
                     phase = 2 * pi * random.uniform();
        for (Index t = 0; t < d; ++t) {
            const double time = static_cast<double>(t) / static_cast<double>(d);
            W(i, t) = std::pow(std::sin(pi * time), 2) * std::cos(2 * pi * f * time + phase);
        }
    }
    const Matrix<double> S = multiply(*on, Op::none, Op::none, W, X);
    double squares = 0;  // of the pre-activations about their means
    for (Index i = 0; i < n; ++i) {
        double mean = 0;
        for (Index j = 0; j < samples; ++j)
            mean += S(i, j) / static_cast<double>(samples);
        for (Index j = 0; j < samples; ++j)
            squares += (S(i, j) - mean) * (S(i, j) - mean);
    }
    const double spread = std::sqrt(squares / static_cast<double>(S.size()));
    const Matrix<double> W2 = scaled(normal(n, n, 71), 1 / std::sqrt(static_cast<double>(n)));
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    std::vector<double> excess;
    for (const double deviation : {.003125, .00625, .0125, .05, .7}) {
        Network network;
        network.layers = {{W, {}, Activation::tanh, false}, {W2, {}, Activation::identity, false}};
        for (double& w : network.layers[0].weight.values())
            w *= deviation / spread;
        DescrambleRequest request{.tap = {.at = {2, Tap::before}, .linearised = true}};
        const Descrambling jacobian =
            descramble(std::span(&network, 1), library_of(X), request, Execution::on_cpu(2)).front();
        const TapGram truth =
            tap_grams(std::span(&network, 1), {.at = {2}}, library_of(X), Execution::on_cpu(2)).front();
        const Solution best = closed_form_from_factor(*on, stencil, truth.factor, samples, {});
        excess.push_back(smoothness(*on, stencil, jacobian.solution.P, truth.factor) / best.eta_bound - 1);
        EXPECT_LT(excess.back() + 1, .1 * best.eta_raw / best.eta_bound) << deviation;
    }
    // tanh z = z - z^3 / 3: the signals differ by deviation^2, eta at its minimum by the square of that
    for (const int i : {0, 1})
        EXPECT_NEAR(std::log2(excess[i + 1] / excess[i]), 4, .5);
    EXPECT_LT(excess[3], .005);  // deviation .05: 1.00 in two digits
    EXPECT_GT(excess[4], .1);    // .7: the Jacobian is not the network any more
}

}  // namespace
}  // namespace descrambler
