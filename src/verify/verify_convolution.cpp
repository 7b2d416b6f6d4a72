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

struct Filters {
    std::vector<double> low_pass, band_pass, five_taps;
};
Filters make_filters(RandomStream& random) {
    Filters out;
    // |w^|^2 = 1 / (1.25 - cos): falls with k; the band pass is the same about k = 20
    for (Index l = 0; l < width; ++l) {
        out.low_pass.push_back(std::pow(0.5, static_cast<double>(l)));
        out.band_pass.push_back(out.low_pass.back() * std::cos(std::numbers::pi * static_cast<double>(l) / 2));
    }
    for (int l = 0; l < 5; ++l)
        out.five_taps.push_back(random.normal());
    return out;
}

// d eta / d theta of rotations in twenty planes, by central differences of eta, relative to eta(I): the largest
double largest_slope(Backend<double>& on, const Stencil& stencil, const Matrix<double>& W, RandomStream& random) {
    const double h = 1e-3, eta = smoothness(on, stencil, identity(width), transpose(W));
    double slope = 0;
    for (int trial = 0; trial < 20; ++trial) {
        const Index i = static_cast<Index>(random.below(width));
        const Index j = (i + 1 + static_cast<Index>(random.below(width - 1))) % width;
        const auto at = [&](double angle) {
            Matrix<double> P = identity(width);
            P(i, i) = P(j, j) = std::cos(angle);
            P(i, j) = -std::sin(angle);
            P(j, i) = std::sin(angle);
            return smoothness(on, stencil, P, transpose(W));
        };
        slope = std::max(slope, std::abs(at(h) - at(-h)) / (2 * h * eta));
    }
    return slope;
}

Rows circulant_layers(Backend<double>& on, const Stencil& stencil, const Filters& filters, RandomStream& random) {
    const std::vector<std::pair<std::string, std::vector<double>>> named{{"low_pass", filters.low_pass},
                                                                         {"band_pass", filters.band_pass},
                                                                         {"five_taps", filters.five_taps},
                                                                         {"difference", {1, -1}}};
    Rows rows;
    double commutator = 0, slope = 0;
    const Matrix<double> D = differentiation_matrix(StencilKind::fourier2, width);
    const Matrix<double> M = gram(on, transpose(D));
    for (const auto& [name, filter] : named) {
        const Matrix<double> W = circulant(filter, width), G = gram(on, W);
        const Matrix<double> MG = multiply(on, Op::none, Op::none, M, G);
        const Matrix<double> C = difference(MG, transpose(MG));
        commutator = std::max(commutator, frobenius(C) / (frobenius(M) * frobenius(G)));
        slope = std::max(slope, largest_slope(on, stencil, W, random));
        const double predicted = by_transfer(stencil, filter);
        rows.push_back(equal("convolution_" + name,
                             "eta(I) / eta* - 1 of a convolution follows from the order of |w^(k)|^2 (" + name + ")",
                             predicted, left_alone(on, stencil, W), 1e-10 * (1 + predicted)));
    }
    rows.push_back(equal("convolution_commutator",
                         "circulant layers: [M, G] = 0 (largest of four, relative to ||M|| ||G||)", 0, commutator,
                         10 * width * unit));
    rows.push_back(equal("convolution_critical",
                         "P = I is always a critical point: no rotation of two neurons changes eta to first order", 0,
                         slope, 1e-9));  // differences of eta: n u / h = 1e-11, times the curvature's h^2 odd part, 0
    return rows;
}

// Minimiser if and only if |w^|^2 does not increase: filters with sorted and with unsorted random amplitudes.
VerifyRow low_pass_order(Backend<double>& on, const Stencil& stencil, int trials, RandomStream& random) {
    double disagreements = 0;
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
        const bool fixed = left_alone(on, stencil, circulant(filter, width)) <= 1e-10;
        disagreements += falls != fixed ? 1 : 0;
    }
    return equal("convolution_low_pass_order",
                 "I is a minimiser if and only if |w^(k)|^2 does not increase (disagreements in " +
                     std::to_string(trials) + " filters)",
                 0, disagreements, 0.5);
}

// The other direction: T Sigma V^T is left alone for any V; and a boundary of zeros is not.
Rows fixed_layers(Backend<double>& on, const Stencil& stencil, const std::vector<double>& low_pass,
                  RandomStream& random) {
    Matrix<double> fixed = stencil.T;
    for (Index j = 0; j < width; ++j)
        for (double& x : fixed.column(j))
            x *= std::pow(0.95, static_cast<double>(j));
    fixed = multiply(on, Op::none, Op::transpose, fixed, haar_orthogonal(on, random, width));
    const double distance = distance_from_circulant(fixed);
    const double padded = left_alone(on, stencil, zero_padded_convolution(low_pass, width));
    return {equal("fixed_layer", "T Sigma V^T is left alone for any orthogonal V (eta(I) / eta* - 1)", 0,
                  left_alone(on, stencil, fixed), 100 * width * unit),
            at_least("fixed_layer_no_convolution",
                     "and it is no convolution (distance from the nearest circulant, relative)", 0.5, distance, 1e-12),
            as_printed(equal("fixed_layer_as_printed",
                             "every layer that is left alone is a convolution (distance from a circulant)", 0, distance,
                             1e-6)),
            at_least("zero_padded", "a low pass with zero padding is not left alone (eta(I) / eta* - 1)", 1e-3, padded,
                     1e-12),
            as_printed(equal("zero_padded_as_printed",
                             "a convolution is left alone whatever its boundary (zero padding)", 0, padded, 1e-6))};
}

Rows singular_values(const std::vector<double>& low_pass) {
    const std::vector<double> transfer = squared_transfer(low_pass, width);
    Index distinct = 1;
    for (Index i = 0; i + 1 < width; ++i)
        distinct += std::abs(transfer[i] - transfer[i + 1]) > 1e-10 * transfer[i] ? 1 : 0;
    return {equal("convolution_pairs", "a convolution of 80 has 41 distinct singular values", 41,
                  static_cast<double>(distinct), 0.5),
            as_printed(equal("convolution_pairs_as_printed",
                             "convolutions are admissible: all 80 singular values are distinct", 80,
                             static_cast<double>(distinct), 0.5))};
}

}  // namespace

Rows convolution(const VerifyOptions& options) {
    const auto on = algebra(options);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    RandomStream random = draws(options, 40);
    const Filters filters = make_filters(random);
    Rows rows = circulant_layers(*on, stencil, filters, random);
    rows.push_back(low_pass_order(*on, stencil, options.full ? 1000 : 100, random));
    rows.push_back(as_printed(equal("convolution_fixed_as_printed",
                                    "every convolution is left alone (eta(I) / eta* - 1 of the band pass)", 0,
                                    left_alone(*on, stencil, circulant(filters.band_pass, width)), 1e-6)));
    std::ranges::move(fixed_layers(*on, stencil, filters.low_pass, random), std::back_inserter(rows));
    std::ranges::move(singular_values(filters.low_pass), std::back_inserter(rows));
    return rows;
}

}  // namespace descrambler::checks
