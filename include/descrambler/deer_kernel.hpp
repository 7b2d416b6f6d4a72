// The dipolar kernel of DEER (no exchange, no orientation selection), averaged over orientations.
//   w = 2 pi nu / r^3,  z = sqrt(6 w t / pi)
//   K(t, r) = [cos(w t) C(z) + sin(w t) S(z)] / z,   K(0, r) = 1
// C, S are the NORMALISED Fresnel integrals, C(z) = int_0^z cos(pi u^2 / 2) du. The kernel printed by Sule et al. uses
// the other convention and is wrong with these arguments (docs/numerics.md). t in us, r in nm, w in rad/us, nu in
// MHz nm^3. Throws std::invalid_argument for arguments outside what is said here.
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

inline constexpr double dipolar_constant_mhz_nm3 = 52.041;  // nu = (mu0 / 4 pi) gamma_e^2 hbar / (2 pi)

struct Fresnel {
    double c, s;
};
[[nodiscard]] Fresnel fresnel(double z);  // normalised; absolute error below 1e-15 for any real z

// K at one time, of either sign, and one distance above 0.
[[nodiscard]] double dipolar_kernel(double time_us, double distance_nm);
// [times, distances]
[[nodiscard]] Matrix<double> dipolar_kernel(std::span<const double> time_us, std::span<const double> distance_nm);

// n uniform points from 0 to span_us > 0, n >= 2.
[[nodiscard]] std::vector<double> time_grid_us(double span_us, Index n);
// n uniform points from (4 nu dt)^(1/3) to (2 nu T)^(1/3), T = span_us > 0, dt = T / (times - 1), times >= 4, n >= 2.
[[nodiscard]] std::vector<double> distance_grid_nm(double span_us, Index times, Index n);

}  // namespace descrambler
