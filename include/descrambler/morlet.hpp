// Morlet wavelets of two dimensions. With e = (cos theta, sin theta) along the axes of the grid, a = w . e and b the
// component of w at right angles to e:
//   ghat(w; xi) = sum over aliases w + 2 pi k of exp(-(sigma^2 / 2) [(a - xi)^2 + b^2 / slant^2])
//   psihat(w) = ghat(w; xi) - kappa ghat(w; 0),   kappa = ghat(0; xi) / ghat(0; 0):   the mean is zero, also on the grid
// The spectrum is real. Gaussian of unit integral in space; aliases of both terms are summed before kappa is formed.
// Aliases: K a side of each axis, the least with min(sigma, sigma / slant) (2 pi (K + 1/2) - xi) >= 8.6, so that what is
// left out is below 1e-16 of the peak.
// Constants of the bank: Sifre, Mallat, CVPR 2013; learnt parameters: Gauthier et al., CVPR 2022 (arXiv 2107.09539).
#pragma once

#include <array>
#include <vector>

#include "descrambler/spectral_filter.hpp"

namespace descrambler {

struct Morlet {
    double theta = 0;  // radians
    double sigma = 1;  // samples, positive
    double xi = 0;     // radians a sample, positive; at most pi sqrt 2, the corner of the band
    double slant = 1;  // positive
    bool operator==(const Morlet&) const = default;
};

// Throws InputError for parameters outside of what is said above, and where more than 16 aliases were needed.
void check(const Morlet& wavelet);
// Aliases a side. Throws InputError beyond 16.
[[nodiscard]] Index morlet_aliases(double sigma, double slant, double xi);
// These throw as `check` does.
[[nodiscard]] SpectralFilter morlet_filter(const Grid& grid, const Morlet& wavelet);
// d psihat / d (theta, log sigma, log xi, log slant).
[[nodiscard]] std::array<SpectralFilter, 4> morlet_derivatives(const Grid& grid, const Morlet& wavelet);
// ghat(w; 0) of slant 1.
[[nodiscard]] SpectralFilter gaussian_low_pass(const Grid& grid, double sigma);

// The usual bank, scale by scale: sigma = .8 2^j, xi = (3 pi / 4) / 2^j, slant = 4 / L, theta = (trunc(L / 2 - 1) - l) pi / L for
// l = 0 .. L - 1, L = angles[j]; its low-pass has sigma = .8 2^(J - 1). angles: one number for all scales, or J. Throws
// InputError for J < 1, L < 1 and any other number of angles.
[[nodiscard]] std::vector<std::vector<Morlet>> morlet_constants(Index scales, const std::vector<Index>& angles);
[[nodiscard]] double low_pass_sigma(Index scales);

// kymatio writes pi as 3.1415 in the constant of its Gaussians: every filter of two dimensions is larger by this factor.
inline constexpr double kymatio_gain = 3.14159265358979323846 / 3.1415;

}  // namespace descrambler
