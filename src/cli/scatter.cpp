// scatter: scattering transforms, and their banks of wavelets.
#include "cli/scatter.hpp"

#include <cmath>
#include <cstdio>
#include <limits>

#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

Normalisation normalisation_from(const std::string& name) {
    if (name == "none")
        return Normalisation::none;
    if (name == "bounded")
        return Normalisation::bounded;
    if (name == "tight")
        return Normalisation::tight;
    throw InputError("--normalisation: expected none, bounded or tight, found \"" + name + "\"");
}
Convention convention_from(const std::string& name) {
    if (name == "exact" || name == "kymatio")
        return name == "exact" ? Convention::exact : Convention::kymatio;
    throw InputError("--convention: expected exact or kymatio, found \"" + name + "\"");
}

}  // namespace

void BankWords::add_to(CLI::App& app) {
    command = &app;
    app.add_option("--scales", scales, "J: outputs are smoothed over 2^J samples")->required();
    app.add_option("--angles", angles, "L, orientations of the wavelets of images: one number, or one a scale: 8,8,4")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--per-octave", per_octave,
                   "Q, wavelets an octave of signals: of order 1, or of each order: 8,1 (further orders as the last)")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--family", family, "morlet; of orthonormal filters: lattice, daubechies, coiflet")
        ->capture_default_str();
    app.add_option("--shape", shape,
                   "parameters of the other families: angles in radians; real alphas beside one at 0; a centre")
        ->delimiter(',');
    app.add_option("--convention", convention, "exact, or kymatio: numbers that agree with that program")
        ->capture_default_str();
    app.add_option("--normalisation", normalisation,
                   "none; bounded: the transform does not expand; tight: it keeps the energy")
        ->capture_default_str();
    app.add_option("--padding", padding, "periodic, reflect or zero")->capture_default_str();
}

FilterBank BankWords::bank_for(const Grid& signal) const {
    const auto given = [&](const char* option) { return command->count(option) > 0; };
    if (signal.one_dimensional() && given("--angles"))
        throw InputError("--angles: expected images [batch, N1, N2], found signals of one dimension");
    if (!signal.one_dimensional() && given("--per-octave"))
        throw InputError("--per-octave: expected signals [batch, N], found images");
    if (family != "morlet" && (given("--angles") || given("--per-octave")))
        throw InputError(std::string(given("--angles") ? "--angles" : "--per-octave") +
                         ": expected --family morlet: the bands of the others are fixed");
    if (family == "morlet" && given("--shape"))
        throw InputError("--shape: expected --family lattice, daubechies or coiflet");
    BankOptions options{scales, angles, per_octave, convention_from(convention), normalisation_from(normalisation)};
    if (options.per_octave.size() == 1)
        options.per_octave.push_back(1);
    const Grid grid = padded_grid(signal, scales, padding_from(padding));
    if (family == "morlet")
        return signal.one_dimensional() ? morlet_bank_1d(grid.n2, options) : morlet_bank_2d(grid, options);
    constexpr double pi = 3.14159265358979323846;
    if (family == "lattice")  // of one free angle pi/3 is the filter of Daubechies of length 4
        return lattice_bank(grid, options, shape.empty() ? std::vector<double>{pi / 3} : shape);
    if (family == "daubechies") {
        Exponentials alphas;
        alphas.zeros = shape.empty() ? 2 : 1;
        alphas.real = shape;
        return daubechies_bank(grid, options, alphas);
    }
    if (family == "coiflet") {
        if (shape.size() > 1)
            throw InputError("--shape: expected one centre for coiflet, found " + std::to_string(shape.size()));
        return coiflet_bank(grid, options, shape.empty() ? 2 : shape.front());
    }
    throw InputError("--family: expected morlet, lattice, daubechies or coiflet, found \"" + family + "\"");
}

Matrix<double> path_table(const FilterBank& bank, const std::vector<ScatteringPath>& paths, Index orders) {
    Matrix<double> table(std::ssize(paths), 1 + 4 * orders);
    for (Index p = 0; p < table.rows(); ++p) {
        const std::vector<Index>& wavelets = paths[static_cast<std::size_t>(p)].wavelets;
        table(p, 0) = static_cast<double>(wavelets.size());
        for (Index m = 0; m < orders; ++m) {
            const bool there = m < std::ssize(wavelets);
            const Wavelet w = there ? bank.layer_of_order(m + 1)
                                          .wavelets[static_cast<std::size_t>(wavelets[static_cast<std::size_t>(m)])]
                                    : Wavelet{};
            constexpr double none = std::numeric_limits<double>::quiet_NaN();
            table(p, 1 + 4 * m) = there ? static_cast<double>(w.j) : none;
            table(p, 2 + 4 * m) = there ? w.theta : none;
            table(p, 3 + 4 * m) = there ? w.xi : none;
            table(p, 4 + 4 * m) = there ? w.sigma : none;
        }
    }
    return table;
}

void write_bank_attributes(const Hdf5Group& root, const BankWords& words, const FilterBank& bank) {
    root.attribute("", "family", words.family);
    root.attribute("", "convention", words.convention);
    root.attribute("", "normalisation", words.normalisation);
    root.attribute("", "padding", words.padding);
    root.attribute("", "scales", static_cast<std::int64_t>(words.scales));
    root.attribute("", "grid",
                   std::vector<double>{static_cast<double>(bank.grid.n1), static_cast<double>(bank.grid.n2)});
    root.attribute("", "parameters", parameters(bank));
}

std::vector<PaleyBounds> bounds_of(const FilterBank& bank, const Common& common) {
    std::vector<PaleyBounds> result;
    for (const FilterLayer& layer : bank.layers) {
        result.push_back(bounds(littlewood_paley(bank.grid, layer.spectra)));
        if (const double least = result.back().least; least < 1e-3) {
            char text[160];
            std::snprintf(text, sizeof text,
                          "the Littlewood-Paley sum of the bank falls to %.2g: frequencies there are lost", least);
            progress_bar(common).warn(text);
        }
    }
    return result;
}

Command add_scatter(CLI::App& app, const Process& process) {
    CLI::App* command = app.add_subcommand("scatter", "scattering transforms of signals and images");
    command->require_subcommand(1);
    const auto commands = std::make_shared<std::map<std::string, Command>>();
    (*commands)["transform"] = add_scatter_transform(*command, process);
    (*commands)["bank"] = add_scatter_bank(*command, process);
    return [command, commands] { commands->at(command->get_subcommands().front()->get_name())(); };
}

}  // namespace descrambler::cli
