// Libraries of noise, and of signals with noise: their laws, and their bits.
#include "descrambler/library.hpp"

#include <gtest/gtest.h>

#include "data.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Matrix<double> all_of(const Library& library, Index block) {
    Matrix<double> X(library.features, library.samples);
    for (Index first = 0; first < library.samples; first += block)
        library.read(first, X.view().columns(first, std::min(block, library.samples - first)));
    return X;
}

Network one_layer(const Matrix<double>& W) {
    Network network;
    network.layers.push_back({W, {}, Activation::identity, false});
    return network;
}

// Largest |G_ij - expected_ij| over its standard deviation.
double largest_deviation(const Matrix<double>& G, const Matrix<double>& expected, const auto& variance) {
    double worst = 0;
    for (Index i = 0; i < G.rows(); ++i)
        for (Index j = 0; j <= i; ++j)
            worst = std::max(worst, std::abs(G(i, j) - expected(i, j)) / std::sqrt(variance(i, j)));
    return worst;
}

// A standard normal number exceeds 5 with probability 5.7e-7; a Gram here has 78 of them.
constexpr double five_sigma = 5;

TEST(Library, NoiseHasTheSameBitsWhateverTheBlocks) {
    const Matrix<double> X = normal(7, 500, 1);
    for (const Index features : {7, 8}) {
        const Library noise = noise_library(features, 500, 3);
        const Matrix<double> whole = all_of(noise, 500);
        EXPECT_EQ(whole, all_of(noise, 33));
        Matrix<double> longer = all_of(noise_library(features, 777, 3), 100);  // a sample does not know how many follow
        EXPECT_TRUE(std::equal(whole.values().begin(), whole.values().end(), longer.values().begin()));
        EXPECT_NE(whole, all_of(noise_library(features, 500, 4), 500));
    }
    const Library mixed = with_noise(library_of(X), 2, 3);
    EXPECT_EQ(all_of(mixed, 500), all_of(mixed, 13));
}

TEST(Library, TheNoiseIsAddedWithTheRatioAskedForAndIsNotThatOfANoiseLibrary) {
    const Index features = 12, samples = 5000;
    const Matrix<double> X = scaled(normal(features, samples, 2), 3);
    const double rms = frobenius(X) / std::sqrt(static_cast<double>(X.size()));
    EXPECT_NEAR(library_rms(library_of(X)) / rms, 1, static_cast<double>(X.size()) * u);
    Matrix<double> noise = all_of(with_noise(library_of(X), 4, 3), samples);
    for (Index i = 0; i < X.size(); ++i)
        noise.data()[i] -= X.data()[i];
    const double count = static_cast<double>(X.size());
    // variance of a sample variance: 2 / count
    EXPECT_NEAR(frobenius(noise) * frobenius(noise) / count / std::pow(rms / 4, 2), 1, 5 * std::sqrt(2 / count));
    const Matrix<double> other = all_of(noise_library(features, samples, 3), samples);
    double overlap = 0;
    for (Index i = 0; i < X.size(); ++i)
        overlap += noise.data()[i] / (rms / 4) * other.data()[i];
    EXPECT_LE(std::abs(overlap), 5 * std::sqrt(count));
}

TEST(Library, TheGramOfNoiseTendsToNWWT) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> W = normal(12, 21, 4), C = gram(*on, W);
    const Network network = one_layer(W);
    for (const Index samples : {1000, 100000}) {
        const double N = static_cast<double>(samples);
        const Matrix<double> G =
            tap_grams(std::span(&network, 1), {}, noise_library(21, samples, 5), Execution::on_cpu(2)).front().gram;
        // Wishart: var G_ij = N (C_ii C_jj + C_ij^2)
        const auto variance = [&](Index i, Index j) { return N * (C(i, i) * C(j, j) + C(i, j) * C(i, j)); };
        EXPECT_LE(largest_deviation(G, scaled(C, N), variance), five_sigma) << samples;
    }
}

TEST(Library, AMixedGramIsThatOfTheSignalsPlusThatOfTheNoise) {
    const auto on = make_cpu_backend<double>(1);
    const Index samples = 20000;
    const Matrix<double> W = normal(12, 21, 6), C = gram(*on, W);
    Matrix<double> X = normal(21, samples, 7);  // signals with a mean
    for (double& x : X.values())
        x = 1 + .5 * x;
    const Network network = one_layer(W);
    const Matrix<double> S = tap_grams(std::span(&network, 1), {}, library_of(X), Execution::on_cpu(2)).front().gram;
    for (const double snr : {.1, 1., 30.}) {
        const double sigma = library_rms(library_of(X)) / snr, power = sigma * sigma, N = static_cast<double>(samples);
        const Matrix<double> G =
            tap_grams(std::span(&network, 1), {}, with_noise(library_of(X), snr, 8), Execution::on_cpu(2)).front().gram;
        Matrix<double> expected = S;
        for (Index i = 0; i < S.size(); ++i)
            expected.data()[i] += power * N * C.data()[i];
        // cross terms, given the signals, and the Wishart term
        const auto variance = [&](Index i, Index j) {
            return power * (S(i, i) * C(j, j) + S(j, j) * C(i, i) + 2 * S(i, j) * C(i, j)) +
                   power * power * N * (C(i, i) * C(j, j) + C(i, j) * C(i, j));
        };
        EXPECT_LE(largest_deviation(G, expected, variance), five_sigma) << "snr " << snr;
    }
}

TEST(Library, RefusesRatiosAndLibrariesThatDoNotFit) {
    Matrix<double> X = normal(3, 10, 9);
    for (const double snr : {0., -1., std::nan(""), std::numeric_limits<double>::infinity(), 1e-320})
        EXPECT_THROW((void)with_noise(library_of(X), snr, 1), InputError) << snr;
    const Matrix<double> none(3, 0);
    EXPECT_THROW((void)library_rms(library_of(none)), InputError);
    EXPECT_THROW((void)library_mean(library_of(none)), InputError);
    X(1, 1) = std::nan("");
    EXPECT_THROW((void)library_rms(library_of(X)), InputError);
    EXPECT_THROW((void)library_mean(library_of(X)), InputError);
}

TEST(Library, KeepsNoSumThatIsNotFinite) {
    const test::Scratch folder("rms");
    Matrix<double> X = normal(3, 10, 9);
    const double expected = library_rms(library_of(X)), good = X(1, 1);
    Streaming streaming;
    streaming.checkpoints = folder / "parts";
    X(1, 1) = 1e200;
    EXPECT_THROW((void)library_rms(library_of(X), Execution::on_cpu(), streaming), InputError);
    X(1, 1) = good;  // put right: nothing stands in the way
    EXPECT_EQ(library_rms(library_of(X), Execution::on_cpu(), streaming), expected);
}

// Inputs of 6 numbers, of which a node in the graph works on three vectors of 2 behind a relu.
DenseTap three_vectors() {
    DenseTap tap;
    tap.before.values = {{"x", {1, 3, 2}}, {"h", {1, 3, 2}}};
    tap.before.nodes = {{"relu", "Relu", Pointwise{Function::relu, 0, 0, {}}, {0}, 1, -1}};
    tap.before.output = 1;
    tap.rows = 3;
    tap.layer.weight = normal(4, 2, 5);
    return tap;
}

TEST(Library, WhatEntersANodeIsTheSameInEveryWindow) {
    const Matrix<double> X = normal(6, 40, 3);
    Matrix<double> expected(2, 120);
    for (Index i = 0; i < X.size(); ++i)  // three columns of 2 are a column of 6
        expected.data()[i] = std::max(X.data()[i], 0.0);
    for (const int threads : {1, 3}) {
        const Library signals = library_at(three_vectors(), library_of(X), threads);
        EXPECT_EQ(signals.features, 2);
        EXPECT_EQ(signals.samples, 120);
        for (const Index block : {1, 2, 7, 120})
            EXPECT_EQ(all_of(signals, block), expected);
    }
    // in pieces where a window is longer than what is read of the inputs at a time
    Matrix<double> longer(6, library_block + 5);
    for (Index i = 0; i < longer.size(); ++i)
        longer.data()[i] = static_cast<double>(i);
    const Library pieces = library_at(three_vectors(), library_of(longer));
    const Matrix<double> whole = all_of(pieces, pieces.samples);
    EXPECT_TRUE(std::ranges::equal(whole.values(), longer.values()));
    EXPECT_THROW((void)library_at(three_vectors(), library_of(expected)), InputError);
    DenseTap growing = three_vectors();
    std::get<Pointwise>(growing.before.nodes[0].op).function = Function::exp;
    try {
        (void)all_of(library_at(growing, library_of(longer)), 3);
        ADD_FAILURE() << "exp(710) is accepted";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "sample 118: value \"h\" of the network is not finite");  // 6 * 118 + 5 > 709.8
    }
}

}  // namespace
}  // namespace descrambler
