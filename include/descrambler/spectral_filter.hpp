// Filters of a scattering transform as spectra on a periodic grid, and the same filters on grids that are sampled 2^r times
// coarser. Everything in double precision on the host.
//   grid [n1, n2]: element k1 n2 + k2 belongs to the frequencies 2 pi k1 / n1, 2 pi k2 / n2 radians a sample, in the order of
//   the discrete Fourier transform; signals of one dimension have n1 = 1
#pragma once

#include <complex>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// What a filter is on a coarser grid, and which constants a bank has. exact: the filter sampled in space, that is the sum of
// its aliases. kymatio: what kymatio 0.4 computes, for numbers that agree with its own.
enum class Convention { exact, kymatio };

struct Grid {
    Index n1 = 1, n2 = 1;
    [[nodiscard]] Index size() const { return n1 * n2; }
    [[nodiscard]] bool one_dimensional() const { return n1 == 1; }
    bool operator==(const Grid&) const = default;
};

struct SpectralFilter {
    std::vector<double> re, im;  // [n1 n2]; im empty: a real spectrum
    [[nodiscard]] bool real() const { return im.empty(); }
    [[nodiscard]] std::complex<double> operator[](Index k) const {
        return {re[static_cast<std::size_t>(k)], im.empty() ? 0. : im[static_cast<std::size_t>(k)]};
    }
};

struct Bands {  // what one layer of a scattering transform applies to a signal
    std::vector<SpectralFilter> bands;
    SpectralFilter low_pass;
};

// 2 pi k / n in [-pi, pi), 0 <= k < n.
[[nodiscard]] double angular_frequency(Index k, Index n);
// The element of the opposite frequency.
[[nodiscard]] Index opposite(Index k, const Grid& grid);

// Both on the grid [n1 / factor, n2 / factor] (one dimension: [1, n2 / factor]), a sum over the factor (squared) frequencies
// that fall together: the filter for signals that keep every factor-th sample, in units of their own step. Throw
// std::invalid_argument where factor does not divide the grid or the filter has another size.
// All of the spectrum, which equals sampling in space.
[[nodiscard]] SpectralFilter periodised(const SpectralFilter& filter, const Grid& grid, Index factor);
// Only the low half band: along each axis n - n / factor elements from n / (2 factor) on are left out, so that of the two
// Nyquist frequencies the negative one stays. It is what kymatio does in two dimensions; the low-pass then has negative lobes
// in space.
[[nodiscard]] SpectralFilter cropped(const SpectralFilter& filter, const Grid& grid, Index factor);
// The one that the convention wants. In one dimension kymatio takes the sum of the aliases too.
[[nodiscard]] SpectralFilter at_level(const SpectralFilter& filter, const Grid& grid, Index factor,
                                      Convention convention);

// Its adjoint, of real or of imaginary parts: the numbers of the coarser grid added to those of the grid [n1 n2] that they are
// sums of.
void add_from_level(const std::vector<double>& coarse, const Grid& grid, Index factor, Convention convention,
                    std::vector<double>& to);

}  // namespace descrambler
