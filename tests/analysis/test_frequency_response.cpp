#include "analysis/bandpass/frequency_response.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr Index points = 65;
const BandRequest band{64, 10, 20, {5, 15, 25}};

Matrix<double> random_matrix(Index rows, Index cols, std::uint64_t stream) {
    RandomStream random(11, stream);
    Matrix<double> A(rows, cols);
    for (double& x : A.values())
        x = random.normal();
    return A;
}

// y = B B^T x with the cosines and sines of the bins that `kept` names, as two linear layers.
Network filter_network(double low_hz, double high_hz) {
    std::vector<std::vector<double>> rows;
    for (Index k = 1; k <= points / 2; ++k) {
        const double f = 64.0 * static_cast<double>(k) / points;
        if (f < low_hz || f > high_hz)
            continue;
        for (const double shift : {0.0, 0.25}) {
            std::vector<double> row;
            for (Index j = 0; j < points; ++j)
                row.push_back(std::sqrt(2.0 / points) *
                              std::cos(2 * std::numbers::pi * (static_cast<double>(k * j % points) / points - shift)));
            rows.push_back(row);
        }
    }
    Network network;
    const Index n = std::ssize(rows);
    DenseLayer first{Matrix<double>(n, points), {}, Activation::identity, false},
        second{Matrix<double>(points, n), {}, Activation::identity, false};
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < points; ++j)
            first.weight(i, j) = second.weight(j, i) = rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    network.layers = {first, second};
    return network;
}

TEST(FrequencyResponse, AnIdealFilterIsReadAsOne) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = filter_network(10, 20);
    const Index n = network.layers[0].weight.rows();
    const ResponseReading reading = read_response(*on, network, band, random_matrix(points, 4, 1), identity(n));
    for (Index k = 0; k <= points / 2; ++k) {
        const double f = 64.0 * static_cast<double>(k) / points, wanted = 10 <= f && f <= 20 ? 1 : 0;
        EXPECT_NEAR(reading.jacobian_gain[static_cast<std::size_t>(k)], wanted, 1e-13) << f;
        EXPECT_NEAR(reading.weight_gain[static_cast<std::size_t>(k)], wanted, 1e-13) << f;
    }
    const double step = 64.0 / points;
    EXPECT_NEAR(reading.low_edge_hz, std::ceil(10 / step) * step, 1e-12);
    EXPECT_NEAR(reading.high_edge_hz, std::floor(20 / step) * step, 1e-12);
    EXPECT_NEAR(reading.weight_share, 1, 1e-12);
    EXPECT_EQ(reading.band_vectors, n);
    for (const double share : reading.vector_share)
        EXPECT_NEAR(share, 1, 1e-12);
    BandRequest on_bins = band;
    for (double& f : on_bins.tones_hz)
        f *= 64.0 / points;  // bins 5, 15, 25: nothing leaks
    // what is left is rounding, N u at most
    EXPECT_GT(read_response(*on, network, on_bins, random_matrix(points, 4, 1), identity(n)).jacobian_rejection_db,
              -20 * std::log10(points * 1.2e-16));
}

TEST(FrequencyResponse, WhiteWeightsHaveTheShareOfTheBand) {
    const auto on = make_cpu_backend<double>(1);
    Network network;
    network.layers = {{random_matrix(40, points, 2), {}, Activation::relu, false},
                      {random_matrix(points, 40, 3), {}, Activation::tanh, false}};
    const ResponseReading reading = read_response(*on, network, band, random_matrix(points, 30, 4), identity(40));
    const double white = band_share_of_noise(band, points);
    EXPECT_NEAR(white, 2.0 * 10 / 65, 1e-12);  // bins 11 .. 20
    // 40 rows of 20 numbers inside the band: relative deviation sqrt(2 / 800); five of them
    EXPECT_NEAR(reading.weight_share, white, 5 * white * std::sqrt(2.0 / 800));
    EXPECT_LT(std::abs(reading.weight_rejection_db), 20 * std::log10(1 + 5 / std::sqrt(80.0)));
}

TEST(FrequencyResponse, TheMeanJacobianMatchesFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    Network network;
    network.layers = {{random_matrix(7, 12, 5), std::vector<double>(7, 0.1), Activation::tanh, false},
                      {random_matrix(9, 7, 6), std::vector<double>(9, -0.2), Activation::logistic, false}};
    const Matrix<double> traces = random_matrix(12, 5, 7), J = mean_jacobian(*on, network, traces);
    const double h = 1e-5;
    for (Index j = 0; j < 12; ++j) {
        Matrix<double> above = traces, below = traces;
        for (Index s = 0; s < 5; ++s)
            above(j, s) += h, below(j, s) -= h;
        const Matrix<double> up = forward(*on, network, above), down = forward(*on, network, below);
        for (Index i = 0; i < 9; ++i) {
            double slope = 0;
            for (Index s = 0; s < 5; ++s)
                slope += (up(i, s) - down(i, s)) / (2 * h) / 5;
            EXPECT_NEAR(J(i, j), slope, 1e-8);  // h^2 f''' / 6 with f''' of order 10, and u / h
        }
    }
}

TEST(FrequencyResponse, ARotationKeepsTheGainAndMovesTheRows) {
    const auto on = make_cpu_backend<double>(1);
    Network network = filter_network(10, 20);
    const Index n = network.layers[0].weight.rows();
    for (Index j = 0; j < points; ++j)  // rows of one length have the same share of low links under every rotation
        for (Index i = 0; i < n; ++i)
            network.layers[0].weight(i, j) *= static_cast<double>(1 + i);
    const Matrix<double> traces = random_matrix(points, 4, 1);
    const Matrix<double> P = svd(*on, random_matrix(n, n, 9)).U;
    const ResponseReading plain = read_response(*on, network, band, traces, identity(n)),
                          turned = read_response(*on, network, band, traces, P);
    EXPECT_EQ(plain.weight_gain, turned.weight_gain);
    EXPECT_EQ(plain.low_link_raw, plain.low_link);
    EXPECT_GT(std::abs(turned.low_link_raw - turned.low_link), 1e-3);
    for (Index k = 0; k < turned.spectrum.cols(); ++k) {
        double before = 0, after = 0;
        for (Index i = 0; i < n; ++i) {
            before += std::pow(turned.spectrum_raw(i, k), 2);
            after += std::pow(turned.spectrum(i, k), 2);
        }
        EXPECT_NEAR(before, after, 1e-10 * points);
    }
}

TEST(FrequencyResponse, RefusesWhatItIsNotDefinedOn) {
    const auto on = make_cpu_backend<double>(1);
    Network network = filter_network(10, 20);
    EXPECT_THROW((void)mean_jacobian(*on, network, random_matrix(points - 1, 3, 1)), InputError);
    network.layers[1].renorm = true;
    EXPECT_THROW((void)mean_jacobian(*on, network, random_matrix(points, 3, 1)), InputError);
    network.layers.pop_back();
    EXPECT_THROW((void)mean_jacobian(*on, network, random_matrix(points, 3, 1)), InputError);
}

}  // namespace
}  // namespace descrambler
