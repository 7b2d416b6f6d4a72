// How much of every frequency a layer of filters keeps, for real signals:
//   A(w) = |phihat(w)|^2 + (1/2) sum (|psihat(w)|^2 + |psihat(-w)|^2)
// A <= 1: the scattering transform does not expand distances; A = 1 ("tight"): with all paths it keeps the energy.
#pragma once

#include <vector>

#include "descrambler/spectral_filter.hpp"

namespace descrambler {

enum class Normalisation {
    none,
    bounded,  // all filters, the low-pass too, over sqrt(max A) where that is above 1: means are no longer kept
    tight     // every filter over sqrt(A(w))
};

[[nodiscard]] std::vector<double> littlewood_paley(const Grid& grid, const Bands& filters);  // [n1 n2] A

struct PaleyBounds {
    double least = 0, most = 0;
};
[[nodiscard]] PaleyBounds bounds(const std::vector<double>& A);

// A is that of the filters as they are. Throws InputError for `tight` where A falls below 1e-12.
void normalise(const Grid& grid, Normalisation how, const std::vector<double>& A, Bands& filters);
// From dLoss / d(normalised filters) to dLoss / d(filters before), re and im of a gradient being the derivatives by real and
// imaginary part. A: before; `filters` are the normalised ones. `bounded` moves with the largest A, of equal ones the first.
[[nodiscard]] Bands normalisation_gradient(const Grid& grid, Normalisation how, const std::vector<double>& A,
                                           const Bands& filters, Bands gradient);

}  // namespace descrambler
