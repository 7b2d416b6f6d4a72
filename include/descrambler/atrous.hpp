// Scattering banks of real orthonormal filters: the undecimated cascade ("a trous") with one-sided band-pass filters.
// With H_j, G_j the spectra of h_j and of its alternating flip g_j[n] = (-1)^n h_j[len - 1 - n], along one axis
//   phi_j(w) = prod_{i<j} H_i(2^i w) / sqrt 2,   psi_j(w) = phi_j(w) G_j(2^j w) / sqrt 2,
//   |phi_J|^2 + sum_j |psi_j|^2 = 1   because |H|^2 + |G|^2 = 2
// One dimension: J bands u(w) psi_j, u = sqrt 2 for 0 < w < pi, 1 at pi, 0 elsewhere, so that for real signals
//   |phi_J(w)|^2 + (1/2) sum_j (|u psi_j(w)|^2 + |u psi_j(-w)|^2) = 1   where G_j(1) = 0
// Two dimensions: four bands a scale, in this order
//   0 degrees    u(w1) psi_j(w1) phi_{j+1}(w2)             90 degrees  phi_{j+1}(w1) u(w2) psi_j(w2)
//   +45 degrees  v(w1, w2) psi_j(w1) psi_j(w2)            -45 degrees  v(w1, -w2) psi_j(w1) psi_j(w2)
// with v = sqrt 2 in the open quadrant, 1 on a Nyquist line, 1 / sqrt 2 at the corner (pi, pi): the sum is 1 as well.
#pragma once

#include <span>
#include <vector>

#include "descrambler/spectral_filter.hpp"

namespace descrambler {

[[nodiscard]] std::vector<double> alternating_flip(std::span<const double> h);

// [J] or [4 J] bands, scale by scale, complex. filters: h_j for j = 0 .. J - 1, of any length. Throws InputError for no filter and for 2^J > the shorter side.
[[nodiscard]] Bands atrous_bands(const Grid& grid, const std::vector<std::vector<double>>& filters);
// dLoss / dh_j of a loss whose derivatives by real and imaginary part of every spectrum are re and im of `gradient`.
[[nodiscard]] std::vector<std::vector<double>> atrous_gradient(const Grid& grid,
                                                               const std::vector<std::vector<double>>& filters,
                                                               const Bands& gradient);

}  // namespace descrambler
