// Corollary 1: layers that descrambling under white noise leaves alone, and convolutions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "descrambler/closed_form.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u
constexpr Index width = 80;

// eta(I) / eta* - 1 for white noise at the input, Gram W W^T
double left_alone(Backend<double>& on, const Stencil& stencil, const Matrix<double>& W) {
    return excess(on, stencil, identity(stencil.n()), transpose(W));
}

// The same from the transfer function alone: its values as they stand against the sorted ones.
double by_transfer(const Stencil& stencil, const std::vector<double>& filter) {
    std::vector<double> lambda = squared_transfer(filter, stencil.n());
    double eta = 0, least = 0;
    for (Index i = 0; i < stencil.n(); ++i)
        eta += stencil.mu[i] * lambda[i];
    std::ranges::sort(lambda, std::greater<>());
    for (Index i = 0; i < stencil.n(); ++i)
        least += stencil.mu[i] * lambda[i];
    return eta / least - 1;
}

// A real filter of the given amplitudes |w^(k)|, k = 0 .. n/2, with random phases.
std::vector<double> filter_of(RandomStream& random, const std::vector<double>& amplitude, Index n) {
    std::vector<double> filter(static_cast<std::size_t>(n));
    for (Index k = 0; k < std::ssize(amplitude); ++k) {
        const bool single = k == 0 || 2 * k == n;
        const double phase = single ? 0 : 2 * std::numbers::pi * random.uniform();
        for (Index l = 0; l < n; ++l) {
            const double turn = 2 * std::numbers::pi * static_cast<double>(k * l % n) / static_cast<double>(n);
            filter[l] += (single ? 1 : 2) * amplitude[k] * std::cos(turn + phase) / static_cast<double>(n);
        }
    }
    return filter;
}

}  // namespace

Rows convolution(const VerifyOptions& options) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    RandomStream random = draws(options, 40);
    std::vector<double> low_pass, band_pass, five;
    for (Index l = 0; l < width;
         ++l) {  // |w^|^2 = 1 / (1.25 - cos): falls with k; the band pass is the same about k = 20
        low_pass.push_back(std::pow(0.5, static_cast<double>(l)));
        band_pass.push_back(low_pass.back() * std::cos(std::numbers::pi * static_cast<double>(l) / 2));
    }
    for (int l = 0; l < 5; ++l)
        five.push_back(random.normal());
    const std::vector<std::pair<std::string, std::vector<double>>> filters{
        {"low_pass", low_pass}, {"band_pass", band_pass}, {"five_taps", five}, {"difference", {1, -1}}};

    Rows rows;
    double commutator = 0, slope = 0;
    const Matrix<double> D = differentiation_matrix(StencilKind::fourier2, width);
    const Matrix<double> M = gram(*on, transpose(D));
    for (const auto& [name, filter] : filters) {
        const Matrix<double> W = circulant(filter, width), G = gram(*on, W);
        const Matrix<double> MG = multiply(*on, Op::none, Op::none, M, G);
        const Matrix<double> C = difference(MG, transpose(MG));
        commutator = std::max(commutator, frobenius(C) / (frobenius(M) * frobenius(G)));
        // d eta / d theta of a rotation in the plane (i, j), by central differences of eta, relative to eta(I)
        const double h = 1e-3, eta = smoothness(*on, stencil, identity(width), transpose(W));
        for (int trial = 0; trial < 20; ++trial) {
            const Index i = static_cast<Index>(random.below(width));
            const Index j = (i + 1 + static_cast<Index>(random.below(width - 1))) % width;
            const auto at = [&](double angle) {
                Matrix<double> P = identity(width);
                P(i, i) = P(j, j) = std::cos(angle);
                P(i, j) = -std::sin(angle);
                P(j, i) = std::sin(angle);
                return smoothness(*on, stencil, P, transpose(W));
            };
            slope = std::max(slope, std::abs(at(h) - at(-h)) / (2 * h * eta));
        }
        const double predicted = by_transfer(stencil, filter);
        rows.push_back(equal("convolution_" + name,
                             "eta(I) / eta* - 1 of a convolution follows from the order of |w^(k)|^2 (" + name + ")",
                             predicted, left_alone(*on, stencil, W), 1e-10 * (1 + predicted)));
    }
    rows.push_back(equal("convolution_commutator",
                         "circulant layers: [M, G] = 0 (largest of four, relative to ||M|| ||G||)", 0, commutator,
                         10 * width * unit));
    rows.push_back(equal("convolution_critical",
                         "P = I is always a critical point: no rotation of two neurons changes eta to first order", 0,
                         slope, 1e-9));  // differences of eta: n u / h = 1e-11, times the curvature's h^2 odd part, 0

    // Minimiser if and only if |w^|^2 does not increase: filters with sorted and with unsorted random amplitudes.
    double disagreements = 0;
    const int trials = options.full ? 1000 : 100;
    for (int trial = 0; trial < trials; ++trial) {
        std::vector<double> amplitude;
        for (Index k = 0; k <= width / 2; ++k)
            amplitude.push_back(0.1 + random.uniform());
        if (trial % 2 == 0)
            std::ranges::sort(amplitude, std::greater<>());
        const std::vector<double> filter = filter_of(random, amplitude, width);
        const std::vector<double> transfer = squared_transfer(filter, width);
        const bool falls = std::ranges::is_sorted(
            transfer, [](double a, double b) { return a > b * (1 + 1e-10); });  // pairs agree to rounding
        const bool fixed = left_alone(*on, stencil, circulant(filter, width)) <= 1e-10;
        disagreements += falls != fixed ? 1 : 0;
    }
    rows.push_back(equal("convolution_low_pass_order",
                         "I is a minimiser if and only if |w^(k)|^2 does not increase (disagreements in " +
                             std::to_string(trials) + " filters)",
                         0, disagreements, 0.5));
    rows.push_back(as_printed(equal("convolution_fixed_as_printed",
                                    "every convolution is left alone (eta(I) / eta* - 1 of the band pass)", 0,
                                    left_alone(*on, stencil, circulant(band_pass, width)), 1e-6)));

    // The other direction: T Sigma V^T is left alone for any V.
    Matrix<double> fixed = stencil.T;
    for (Index j = 0; j < width; ++j)
        for (double& x : fixed.column(j))
            x *= std::pow(0.95, static_cast<double>(j));
    fixed = multiply(*on, Op::none, Op::transpose, fixed, haar_orthogonal(*on, random, width));
    rows.push_back(equal("fixed_layer", "T Sigma V^T is left alone for any orthogonal V (eta(I) / eta* - 1)", 0,
                         left_alone(*on, stencil, fixed), 100 * width * unit));
    rows.push_back(at_least("fixed_layer_no_convolution",
                            "and it is no convolution (distance from the nearest circulant, relative)", 0.5,
                            distance_from_circulant(fixed), 1e-12));
    rows.push_back(as_printed(equal("fixed_layer_as_printed",
                                    "every layer that is left alone is a convolution (distance from a circulant)", 0,
                                    distance_from_circulant(fixed), 1e-6)));
    rows.push_back(at_least("zero_padded", "a low pass with zero padding is not left alone (eta(I) / eta* - 1)", 1e-3,
                            left_alone(*on, stencil, zero_padded_convolution(low_pass, width)), 1e-12));
    rows.push_back(
        as_printed(equal("zero_padded_as_printed", "a convolution is left alone whatever its boundary (zero padding)",
                         0, left_alone(*on, stencil, zero_padded_convolution(low_pass, width)), 1e-6)));
    const std::vector<double> transfer = squared_transfer(low_pass, width);
    Index distinct = 1;
    for (Index i = 0; i + 1 < width; ++i)
        distinct += std::abs(transfer[i] - transfer[i + 1]) > 1e-10 * transfer[i] ? 1 : 0;
    rows.push_back(equal("convolution_pairs", "a convolution of 80 has 41 distinct singular values", 41,
                         static_cast<double>(distinct), 0.5));
    rows.push_back(as_printed(equal("convolution_pairs_as_printed",
                                    "convolutions are admissible: all 80 singular values are distinct", 80,
                                    static_cast<double>(distinct), 0.5)));
    return rows;
}

}  // namespace descrambler::checks
