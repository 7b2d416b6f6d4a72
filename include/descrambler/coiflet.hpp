// Generalised Coiflets of length 6 (Wei, Bovik, Evans, Asilomar 1997): orthonormal filters with two vanishing moments whose
// low-pass moment vanishes about a real centre tbar:
//   sum h[n] h[n + 2k] = delta_k, k = 0, 1, 2;   sum (-1)^n n^k h[n] = 0, k = 0, 1;   sum (n - tbar) h[n] = 0
// sum h = sqrt 2 follows. Of the several branches of solutions it is that of coif1 (tbar = 2), followed by Newton's method in
// steps of .02, of .002 near the ends; it ends in folds at .5635 and 4.4365, where the condition grows without bound.
#pragma once

#include <array>

namespace descrambler {

inline constexpr double least_coiflet_centre = .565, most_coiflet_centre = 4.435;

struct Coiflet {
    std::array<double, 6> h{}, derivative{};  // d h / d tbar, by the Newton Jacobian
    double condition = 0;                     // of that Jacobian, in the 2-norm
    double residual = 0;                      // largest |equation|
};
// Throws InputError for a centre outside of the domain, Error where Newton's method leaves the branch.
[[nodiscard]] Coiflet coiflet_filter(double centre);

}  // namespace descrambler
