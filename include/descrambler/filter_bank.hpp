// Banks of wavelets for a scattering transform: a list of band-pass spectra and a low-pass on one periodic grid, made from
// parameters that an optimiser can move, with the gradient back to them. Whatever the parameters, the filters stay in their
// family.
//   layers      order m of a path is filtered by layer min(m, layers) - 1, and coefficients of order m are smoothed by the
//               low-pass of layer min(m + 1, layers) - 1: the energy of each layer is then bounded by that layer's A. Only
//               1-D Morlet banks have more than one (other Q for higher orders)
//   parameters  morlet, 2-D: theta, log sigma, log xi, log slant of every wavelet;  1-D: log xi, log sigma of every wavelet of
//               every layer (their low-passes are fixed);  lattice: K - 1 angles for every scale;  daubechies: alphas for all
//               scales at once;  coiflet: a centre for every scale
#pragma once

#include <span>
#include <string>
#include <vector>

#include "descrambler/daubechies.hpp"
#include "descrambler/littlewood_paley.hpp"

namespace descrambler {

enum class Family { morlet, lattice, daubechies, coiflet };
[[nodiscard]] std::string name(Family family);

struct Wavelet {
    Index j = 0;       // its scale when the bank was made: signals behind it may be sampled at steps of 2^j
    double theta = 0;  // radians (2-D)
    double xi = 0;     // 2-D: radians a sample; 1-D: cycles a sample; of real families the middle of its octave
    double sigma = 0;  // Morlet: 2-D samples, 1-D cycles a sample; else 0
    double slant = 0;  // 2-D Morlet; else 0
};

struct FilterLayer {
    std::vector<Wavelet> wavelets;
    Bands spectra;              // normalised; bands[i] is that of wavelets[i]
    std::vector<double> paley;  // [n1 n2] Littlewood-Paley sum before it was normalised
};

enum class ParameterKind { theta, log_sigma, log_xi, log_slant, angle, alpha, centre };
struct BankParameter {
    ParameterKind kind = ParameterKind::theta;
    Index layer = 0;
    Index scale = 0;
    Index place = 0;  // which wavelet of its layer; which angle or alpha
    double value = 0;
};

struct FilterBank {
    Grid grid;
    Index scales = 0;  // J
    Family family = Family::morlet;
    Convention convention = Convention::exact;
    Normalisation normalisation = Normalisation::none;
    Exponentials exponentials;  // daubechies: which kinds of alphas
    std::vector<FilterLayer> layers;
    std::vector<BankParameter> parameters;
    [[nodiscard]] const FilterLayer& layer_of_order(Index m) const;        // whose wavelets order m >= 1 uses
    [[nodiscard]] const SpectralFilter& low_pass_of_order(Index m) const;  // that smooths order m >= 0
};

struct BankOptions {
    Index scales = 3;
    std::vector<Index> angles{8};  // 2-D Morlet: one for all scales, or one a scale
    std::vector<Index> per_octave{
        8, 1};  // 1-D Morlet: Q of order 1, 2, ...; the last serves all further orders; {Q}: {Q, 1}
    Convention convention = Convention::exact;
    Normalisation normalisation = Normalisation::none;
};

// They throw InputError for J < 1, 2^J > the shorter side, counts of angles or wavelets an octave below 1 and parameters
// outside of their family. `kymatio` is for Morlet banks alone. Morlet: morlet.hpp, morlet_1d.hpp. Sums within a bank are in
// a fixed order: the same bits for any number of threads.
[[nodiscard]] FilterBank morlet_bank_2d(const Grid& grid, const BankOptions& options);
[[nodiscard]] FilterBank morlet_bank_1d(Index n, const BankOptions& options);
// One dimension where grid.n1 is 1, else four bands a scale (atrous.hpp). angles: K - 1 to start with at every scale.
[[nodiscard]] FilterBank lattice_bank(const Grid& grid, const BankOptions& options, std::span<const double> angles);
// One alpha at 0 at least. The filter of scale j has the step 2^j.
[[nodiscard]] FilterBank daubechies_bank(const Grid& grid, const BankOptions& options, const Exponentials& alphas);
[[nodiscard]] FilterBank coiflet_bank(const Grid& grid, const BankOptions& options, double centre);

[[nodiscard]] std::vector<double> parameters(const FilterBank& bank);
// The same bank elsewhere. Throws InputError where the values lie outside of the family: halve the step and try again.
[[nodiscard]] FilterBank with_parameters(const FilterBank& bank, std::span<const double> values);
// dLoss / dparameters. gradient: one Bands a layer, dLoss by real part (re) and imaginary part (im; may be empty) of the
// normalised spectra, that is sum over frequencies of Re conj(gradient) d spectrum. Through the normalisation.
[[nodiscard]] std::vector<double> parameter_gradient(const FilterBank& bank, const std::vector<Bands>& gradient);

}  // namespace descrambler
