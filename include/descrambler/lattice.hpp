// Orthonormal two-channel filters of length 2 K by K angles, a lattice of rotations and delays: every choice of the angles
// is orthonormal, nothing has to be enforced.
//   E(z) = R(t_{K-1}) D(z) R(t_{K-2}) D(z) ... D(z) R(t_0),   R(t) = [[cos t, sin t], [-sin t, cos t]],   D(z) = diag(1, 1/z)
//   h[2n] = E_00[n], h[2n+1] = E_01[n], g[2n] = E_10[n], g[2n+1] = E_11[n],   sum of all t = pi / 4
// The condition on the sum gives sum h = sqrt 2 and sum g = 0; it eliminates the last angle. K = 1 is Haar's, K = 2 contains
// db2. Vaidyanathan, Hoang, IEEE TASSP 36 (1988) 81.
#pragma once

#include <span>
#include <vector>

namespace descrambler {

struct TwoChannel {
    std::vector<double> h, g;  // [2 K] low-pass, high-pass
};
// free: t_0 .. t_{K-2}. Throws InputError where one is not finite.
[[nodiscard]] TwoChannel lattice_filters(std::span<const double> free);
// [K - 1] d (h, g) / d t_k, the last angle moving against it. Since R'(t) = R(t + pi / 2) it is the same product with the
// angle turned by pi / 2: exact.
[[nodiscard]] std::vector<TwoChannel> lattice_derivatives(std::span<const double> free);

}  // namespace descrambler
