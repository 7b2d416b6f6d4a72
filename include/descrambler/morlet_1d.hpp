// Morlet wavelets of one dimension, xi and sigma in cycles a sample:
//   B(f) = sum over aliases of exp(-(f - xi)^2 / (2 sigma^2)),   L(f) the same with xi = 0
//   psihat = (B - kappa L) / c,   kappa = B(0) / L(0),   c = sum over n of |psi[n]| before it is divided
// so that the mean is zero and the sum of |psi| is one. Spectra are real. The ladder is that of kymatio 0.4 (BSD-3, Anden,
// Andreux, Lostanlen and others, JMLR 21 (2020) 60); Anden, Mallat, IEEE TSP 62 (2014) 4114.
#pragma once

#include <array>
#include <vector>

#include "descrambler/spectral_filter.hpp"

namespace descrambler {

struct Morlet1d {
    double xi = 0;     // cycles a sample, within 0 .. 1/2
    double sigma = 1;  // cycles a sample, positive, at most 1000 xi: kappa leaves (xi / sigma)^2 of the Gaussian
    bool operator==(const Morlet1d&) const = default;
};

// Centre frequencies fall by 2^(1/Q) from max(1 / (1 + 2^(3/Q)), .35) at constant xi / sigma, neighbours crossing at sqrt(1/2)
// of the peak, while sigma > (.1 / 2^J) 2^(1/Q); then Q - 1 further ones at equal steps of a Q-th of the last xi, with
// sigma = .1 / 2^J. Where even the first sigma is below that: xi = sigma. Throws InputError for J < 1, Q < 1 and Q > 256.
[[nodiscard]] std::vector<Morlet1d> morlet_ladder(Index scales, Index per_octave);
// j with 2^-j / 4 < xi + 5 sigma <= 2^-j / 2: a signal behind the wavelet may be sampled at steps of 2^j. Not below 0.
[[nodiscard]] Index morlet_scale(const Morlet1d& wavelet);

// Throws InputError for parameters outside of what is said at their fields; the filters also for sigma < .01 / n.
void check(const Morlet1d& wavelet);
// n frequencies. Aliases: all that count to 1e-21, or with the convention kymatio its 1 - P .. P - 1 in [0, 1),
// P = min(ceil(sqrt(-2 sigma^2 ln 1e-7) + 1), 5). Throw as `check` does.
[[nodiscard]] SpectralFilter morlet_filter(Index n, const Morlet1d& wavelet, Convention convention);
// d psihat / d (log xi, log sigma)
[[nodiscard]] std::array<SpectralFilter, 2> morlet_derivatives(Index n, const Morlet1d& wavelet, Convention convention);
// L(f) / L(0); the bank has sigma = .1 / 2^J.
[[nodiscard]] SpectralFilter gaussian_low_pass(Index n, double sigma, Convention convention);
[[nodiscard]] double low_pass_sigma_1d(Index scales);

// The length to which kymatio pads n samples: 2^min(ceil(log2(n + 6 t)), floor(log2(3 n - 2))), t one more than the
// least distance from which on a flank of the low-pass holds no more than 1e-3 of its sum; (length - n) / 2 of them to the left. Throws InputError
// for 2^J > n.
[[nodiscard]] Index morlet_padded_length(Index n, Index scales);

}  // namespace descrambler
