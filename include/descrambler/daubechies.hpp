// Generalised Daubechies filters (Vonesch, Blu, Unser, IEEE TSP 55 (2007) 4415): orthonormal filters of length 2 N that keep
// N exponentials exp(alpha t) instead of N powers of t; all alphas 0 are Daubechies's own. The filter of a level whose step is
// T samples has, with beta = exp(alpha T),
//   r(z) = prod (1 + beta / z),   Rsym(z) = r(z) r(1/z)
//   Rsym(z) S(z) + Rsym(-z) S(-z) = 2,   S symmetric of degree N - 1: a linear system
//   S(z) = q(z) q(1/z), q of minimum phase (Wilson, SIAM J. Numer. Anal. 6 (1969) 1),   h = r * q
// S must be positive on the unit circle; about a quarter of all random parameters fail that. Factors of r are scaled to
// sqrt(2 / (1 + |beta|^2)) (1 + beta / z), which leaves h as it is and makes the least value of S a number without scale.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

struct Exponentials {
    Index zeros = 1;           // alphas at 0, which do not move; with one at least the high-pass has mean zero
    std::vector<double> real;  // real alphas
    std::vector<std::array<double, 2>> pairs;  // conjugate pairs: real and (positive or negative) imaginary part
    [[nodiscard]] Index count() const { return zeros + std::ssize(real) + 2 * std::ssize(pairs); }  // N
    [[nodiscard]] std::vector<double> parameters() const;                       // real, then re, im of each pair
    [[nodiscard]] Exponentials with(std::span<const double> parameters) const;  // of the same kinds
};

inline constexpr double least_spectral_factor = 1e-6;  // S below is refused

// h [2 N], sum h > 0, and its derivatives by `parameters`, each [2 N]. Throws InputError with the least value of S where it
// is below `least_spectral_factor`, for singular systems (alpha_n +- alpha_m an odd multiple of i pi / T), alphas that are not
// finite or grow beyond exp(alpha T) = 1e6, N < 1 and N > 12.
struct DaubechiesFilter {
    std::vector<double> h;
    std::vector<std::vector<double>> derivatives;
    double least = 0;  // of S on the unit circle
};
[[nodiscard]] DaubechiesFilter daubechies_filter(const Exponentials& alphas, double step = 1);

}  // namespace descrambler
