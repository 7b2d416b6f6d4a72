#include "descrambler/lattice.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "descrambler/error.hpp"

namespace descrambler {

namespace {

std::vector<double> all_angles(std::span<const double> free) {
    std::vector<double> angles(free.begin(), free.end());
    for (const double t : angles)
        if (!std::isfinite(t))
            throw InputError("lattice: expected finite angles, found " + digits(t));
    angles.push_back(std::numbers::pi / 4 - std::accumulate(angles.begin(), angles.end(), 0.));
    return angles;
}

// Rows of E, even and odd elements interleaved: the delay moves the second row by one power of z, two elements.
TwoChannel product(std::span<const double> angles) {
    TwoChannel filters{std::vector<double>(2 * angles.size()), std::vector<double>(2 * angles.size())};
    std::vector<double>&h = filters.h, &g = filters.g;
    h[0] = g[1] = 1;
    for (std::size_t k = 0; k < angles.size(); ++k) {
        if (k > 0) {
            g.insert(g.begin(), {0., 0.});
            g.resize(h.size());
        }
        const double c = std::cos(angles[k]), s = std::sin(angles[k]);
        for (std::size_t i = 0; i < h.size(); ++i) {
            const double top = h[i];
            h[i] = c * top + s * g[i];
            g[i] = c * g[i] - s * top;
        }
    }
    return filters;
}

}  // namespace

TwoChannel lattice_filters(std::span<const double> free) {
    return product(all_angles(free));
}

std::vector<TwoChannel> lattice_derivatives(std::span<const double> free) {
    const std::vector<double> angles = all_angles(free);
    const auto turned = [&](std::size_t k) {
        std::vector<double> moved = angles;
        moved[k] += std::numbers::pi / 2;
        return product(moved);
    };
    const TwoChannel last = turned(angles.size() - 1);
    std::vector<TwoChannel> derivatives;
    for (std::size_t k = 0; k + 1 < angles.size(); ++k) {
        derivatives.push_back(turned(k));
        for (std::size_t i = 0; i < last.h.size(); ++i) {
            derivatives.back().h[i] -= last.h[i];
            derivatives.back().g[i] -= last.g[i];
        }
    }
    return derivatives;
}

}  // namespace descrambler
