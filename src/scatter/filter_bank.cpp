#include "descrambler/filter_bank.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "descrambler/atrous.hpp"
#include "descrambler/coiflet.hpp"
#include "descrambler/lattice.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/morlet.hpp"
#include "descrambler/morlet_1d.hpp"

namespace descrambler {

namespace {

constexpr double pi = std::numbers::pi;
using Filters = std::vector<std::vector<double>>;

void check_scales(const Grid& grid, Index scales) {
    require(grid.n1 >= 1 && grid.n2 >= 1, "filter bank: a grid");
    const Index side = grid.one_dimensional() ? grid.n2 : std::min(grid.n1, grid.n2);
    if (scales < 1 || scales > 40 || (Index{1} << scales) > side)
        throw InputError("--scales: expected 1 .. J with 2^J at most the size " + std::to_string(side) + ", found " +
                         std::to_string(scales));
}

FilterBank empty_bank(const Grid& grid, const BankOptions& options, Family family) {
    check_scales(grid, options.scales);
    FilterBank bank;
    bank.grid = grid;
    bank.scales = options.scales;
    bank.family = family;
    bank.convention = options.convention;
    bank.normalisation = options.normalisation;
    if (family != Family::morlet && options.convention == Convention::kymatio)
        throw InputError("--convention: expected exact for the family " + name(family) + ", found kymatio");
    return bank;
}

// ---- Morlet ----------------------------------------------------------------------------------------------------------

Morlet morlet_at(const FilterBank& bank, Index i) {
    const auto value = [&](Index p) { return bank.parameters[4 * i + p].value; };
    return {value(0), std::exp(value(1)), std::exp(value(2)), std::exp(value(3))};
}

Morlet1d morlet_1d_at(const FilterBank& bank, Index first) {
    return {std::exp(bank.parameters[first].value), std::exp(bank.parameters[first + 1].value)};
}

double gain(const FilterBank& bank) {
    return bank.convention == Convention::kymatio ? kymatio_gain : 1;
}

void scale(std::vector<double>& numbers, double factor) {
    for (double& number : numbers)
        number *= factor;
}

void fill_morlet_2d(FilterBank& bank) {
    FilterLayer& layer = bank.layers[0];
    const Index count = std::ssize(layer.wavelets);
    layer.spectra.bands.resize(layer.wavelets.size());
    parallel_items(count + 1, 0, [&](Index i, Backend<double>&) {
        if (i == count) {
            layer.spectra.low_pass = gaussian_low_pass(bank.grid, low_pass_sigma(bank.scales));
            scale(layer.spectra.low_pass.re, gain(bank));
            return;
        }
        const Morlet m = morlet_at(bank, i);
        layer.wavelets[i] = {layer.wavelets[i].j, m.theta, m.xi, m.sigma, m.slant};
        layer.spectra.bands[i] = morlet_filter(bank.grid, m);
        scale(layer.spectra.bands[i].re, gain(bank));
    });
}

void fill_morlet_1d(FilterBank& bank) {
    const Index n = bank.grid.n2;
    Index first = 0;
    for (FilterLayer& layer : bank.layers) {
        layer.spectra.bands.resize(layer.wavelets.size());
        layer.spectra.low_pass = gaussian_low_pass(n, low_pass_sigma_1d(bank.scales), bank.convention);
        parallel_items(std::ssize(layer.wavelets), 0, [&](Index i, Backend<double>&) {
            const Morlet1d m = morlet_1d_at(bank, first + 2 * i);
            layer.wavelets[i] = {layer.wavelets[i].j, 0, m.xi, m.sigma, 0};
            layer.spectra.bands[i] = morlet_filter(n, m, bank.convention);
        });
        first += 2 * std::ssize(layer.wavelets);
    }
}

double inner(const SpectralFilter& gradient, const SpectralFilter& derivative) {  // of a real derivative
    double sum = 0;
    for (std::size_t k = 0; k < derivative.re.size(); ++k)
        sum += gradient.re[k] * derivative.re[k];
    return sum;
}

std::vector<double> morlet_gradient(const FilterBank& bank, const std::vector<Bands>& gradient) {
    std::vector<double> result(bank.parameters.size());
    Index first = 0;
    for (std::size_t l = 0; l < bank.layers.size(); ++l) {
        const Index count = std::ssize(bank.layers[l].wavelets);
        const Index each = bank.grid.one_dimensional() ? 2 : 4;
        parallel_items(count, 0, [&](Index i, Backend<double>&) {
            const Index at = first + each * i;
            const SpectralFilter& g = gradient[l].bands[i];
            if (bank.grid.one_dimensional()) {
                const auto by = morlet_derivatives(bank.grid.n2, morlet_1d_at(bank, at), bank.convention);
                for (Index p = 0; p < 2; ++p)
                    result[at + p] = inner(g, by[p]);
            } else {
                const auto by = morlet_derivatives(bank.grid, morlet_at(bank, i));
                for (Index p = 0; p < 4; ++p)
                    result[at + p] = gain(bank) * inner(g, by[p]);
            }
        });
        first += each * count;
    }
    return result;
}

// ---- real families -----------------------------------------------------------------------------------------------------

struct LevelFilters {
    Filters h;                              // by scale
    std::vector<std::vector<Index>> which;  // by scale: the parameters that it depends on
    std::vector<Filters> derivatives;       // by scale: one row for each of them
};

LevelFilters level_filters(const FilterBank& bank) {
    LevelFilters levels;
    const Index each = bank.family == Family::daubechies ? 0 : std::ssize(bank.parameters) / bank.scales;
    const std::vector<double> values = parameters(bank);
    for (Index j = 0; j < bank.scales; ++j) {
        std::vector<Index> which;
        Filters derivatives;
        if (bank.family == Family::daubechies) {
            DaubechiesFilter filter = daubechies_filter(bank.exponentials.with(values), std::pow(2., j));
            levels.h.push_back(std::move(filter.h));
            derivatives = std::move(filter.derivatives);
            for (Index p = 0; p < std::ssize(values); ++p)
                which.push_back(p);
        } else if (bank.family == Family::coiflet) {
            const Coiflet filter = coiflet_filter(values[j]);
            levels.h.emplace_back(filter.h.begin(), filter.h.end());
            derivatives.emplace_back(filter.derivative.begin(), filter.derivative.end());
            which.push_back(j);
        } else {
            const std::span<const double> angles = std::span(values).subspan(static_cast<std::size_t>(each * j), each);
            levels.h.push_back(lattice_filters(angles).h);
            for (TwoChannel& derivative : lattice_derivatives(angles))
                derivatives.push_back(std::move(derivative.h));
            for (Index p = 0; p < each; ++p)
                which.push_back(each * j + p);
        }
        levels.which.push_back(std::move(which));
        levels.derivatives.push_back(std::move(derivatives));
    }
    return levels;
}

std::vector<double> real_gradient(const FilterBank& bank, const Bands& gradient) {
    const LevelFilters levels = level_filters(bank);
    const Filters by_h = atrous_gradient(bank.grid, levels.h, gradient);
    std::vector<double> result(bank.parameters.size());
    for (std::size_t j = 0; j < levels.h.size(); ++j)
        for (std::size_t p = 0; p < levels.which[j].size(); ++p)
            for (std::size_t t = 0; t < by_h[j].size(); ++t)
                result[levels.which[j][p]] += by_h[j][t] * levels.derivatives[j][p][t];
    return result;
}

void add_real_wavelets(FilterBank& bank) {
    bank.layers.resize(1);
    for (Index j = 0; j < bank.scales; ++j) {
        const double octave = std::pow(.5, j);
        if (bank.grid.one_dimensional()) {
            bank.layers[0].wavelets.push_back({j, 0, .375 * octave});
            continue;
        }
        for (const double theta : {0., pi / 2, pi / 4, -pi / 4})
            bank.layers[0].wavelets.push_back({j, theta, .75 * pi * octave});
    }
}

// ---- all ----------------------------------------------------------------------------------------------------------------

FilterBank filled(FilterBank bank) {
    if (bank.family != Family::morlet)
        bank.layers[0].spectra = atrous_bands(bank.grid, level_filters(bank).h);
    else if (bank.grid.one_dimensional())
        fill_morlet_1d(bank);
    else
        fill_morlet_2d(bank);
    for (FilterLayer& layer : bank.layers) {
        layer.paley = littlewood_paley(bank.grid, layer.spectra);
        normalise(bank.grid, bank.normalisation, layer.paley, layer.spectra);
    }
    return bank;
}

}  // namespace

std::string name(Family family) {
    switch (family) {
        case Family::morlet:
            return "morlet";
        case Family::lattice:
            return "lattice";
        case Family::daubechies:
            return "daubechies";
        default:
            return "coiflet";
    }
}

const FilterLayer& FilterBank::layer_of_order(Index m) const {
    require(m >= 1 && !layers.empty(), "filter bank: an order from 1");
    return layers[std::min(m, std::ssize(layers)) - 1];
}

const SpectralFilter& FilterBank::low_pass_of_order(Index m) const {
    return layer_of_order(m + 1).spectra.low_pass;
}

FilterBank morlet_bank_2d(const Grid& grid, const BankOptions& options) {
    FilterBank bank = empty_bank(grid, options, Family::morlet);
    require(!grid.one_dimensional(), "filter bank: a grid of two dimensions");
    bank.layers.resize(1);
    Index j = 0;
    for (const std::vector<Morlet>& scale : morlet_constants(options.scales, options.angles)) {
        for (const Morlet& m : scale) {
            const Index place = std::ssize(bank.layers[0].wavelets);
            bank.layers[0].wavelets.push_back({j});
            bank.parameters.insert(bank.parameters.end(), {{ParameterKind::theta, 0, j, place, m.theta},
                                                           {ParameterKind::log_sigma, 0, j, place, std::log(m.sigma)},
                                                           {ParameterKind::log_xi, 0, j, place, std::log(m.xi)},
                                                           {ParameterKind::log_slant, 0, j, place, std::log(m.slant)}});
        }
        ++j;
    }
    return filled(std::move(bank));
}

FilterBank morlet_bank_1d(Index n, const BankOptions& options) {
    FilterBank bank = empty_bank({1, n}, options, Family::morlet);
    std::vector<Index> per_octave = options.per_octave;
    if (per_octave.empty())
        throw InputError("--per-octave: expected one number an order, found none");
    if (per_octave.size() == 1)
        per_octave.push_back(1);
    for (const Index Q : per_octave) {
        if (4 * Q > n)  // the octave below Nyquist has n / 4 frequencies
            throw InputError("--per-octave: expected at most a quarter of the " + std::to_string(n) +
                             " frequencies, found " + std::to_string(Q));
        const Index layer = std::ssize(bank.layers);
        bank.layers.emplace_back();
        for (const Morlet1d& m : morlet_ladder(options.scales, Q)) {
            const Index place = std::ssize(bank.layers.back().wavelets), j = morlet_scale(m);
            bank.layers.back().wavelets.push_back({j});
            bank.parameters.push_back({ParameterKind::log_xi, layer, j, place, std::log(m.xi)});
            bank.parameters.push_back({ParameterKind::log_sigma, layer, j, place, std::log(m.sigma)});
        }
    }
    return filled(std::move(bank));
}

FilterBank lattice_bank(const Grid& grid, const BankOptions& options, std::span<const double> angles) {
    FilterBank bank = empty_bank(grid, options, Family::lattice);
    add_real_wavelets(bank);
    for (Index j = 0; j < options.scales; ++j)
        for (Index k = 0; k < std::ssize(angles); ++k)
            bank.parameters.push_back({ParameterKind::angle, 0, j, k, angles[k]});
    return filled(std::move(bank));
}

FilterBank daubechies_bank(const Grid& grid, const BankOptions& options, const Exponentials& alphas) {
    FilterBank bank = empty_bank(grid, options, Family::daubechies);
    if (alphas.zeros < 1)
        throw InputError(
            "Daubechies: expected one alpha at 0 at least (the band-pass filters have mean zero by it), found none");
    add_real_wavelets(bank);
    bank.exponentials = alphas;
    Index place = 0;
    for (const double value : alphas.parameters())
        bank.parameters.push_back({ParameterKind::alpha, 0, 0, place++, value});
    return filled(std::move(bank));
}

FilterBank coiflet_bank(const Grid& grid, const BankOptions& options, double centre) {
    FilterBank bank = empty_bank(grid, options, Family::coiflet);
    add_real_wavelets(bank);
    for (Index j = 0; j < options.scales; ++j)
        bank.parameters.push_back({ParameterKind::centre, 0, j, 0, centre});
    return filled(std::move(bank));
}

std::vector<double> parameters(const FilterBank& bank) {
    std::vector<double> values;
    for (const BankParameter& parameter : bank.parameters)
        values.push_back(parameter.value);
    return values;
}

FilterBank with_parameters(const FilterBank& bank, std::span<const double> values) {
    require(values.size() == bank.parameters.size(), "filter bank: a value for every parameter");
    FilterBank moved = bank;
    for (std::size_t i = 0; i < values.size(); ++i)
        moved.parameters[i].value = values[i];
    return filled(std::move(moved));
}

std::vector<double> parameter_gradient(const FilterBank& bank, const std::vector<Bands>& gradient) {
    require(gradient.size() == bank.layers.size(), "filter bank: a gradient for every layer");
    std::vector<Bands> before;
    for (std::size_t l = 0; l < gradient.size(); ++l)
        before.push_back(normalisation_gradient(bank.grid, bank.normalisation, bank.layers[l].paley,
                                                bank.layers[l].spectra, gradient[l]));
    return bank.family == Family::morlet ? morlet_gradient(bank, before) : real_gradient(bank, before[0]);
}

}  // namespace descrambler
