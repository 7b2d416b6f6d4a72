// scatter transform and scatter bank: what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/scattering_transform.hpp"

namespace descrambler::cli {

// Which bank, as words.
struct BankWords {
    Index scales = 0;
    std::vector<Index> angles{8}, per_octave{8, 1};
    std::string family = "morlet", convention = "exact", normalisation = "none", padding = "reflect";
    std::vector<double> shape;  // parameters of the real families
    CLI::App* command = nullptr;

    void add_to(CLI::App& app);
    // Throws InputError, one line, for words and counts that are not known or do not go together.
    [[nodiscard]] FilterBank bank_for(const Grid& signal) const;  // on the padded grid
};

// order, then j, theta, xi, sigma of every wavelet along the path, NaN where there is none: [paths, 1 + 4 orders].
[[nodiscard]] Matrix<double> path_table(const FilterBank& bank, const std::vector<ScatteringPath>& paths, Index orders);
void write_bank_attributes(const Hdf5Group& root, const BankWords& words, const FilterBank& bank);
// A_min and A_max of each layer; a warning where A_min is below 1e-3.
[[nodiscard]] std::vector<PaleyBounds> bounds_of(const FilterBank& bank, const Common& common);

Command add_scatter_transform(CLI::App& app, const Process& process);
Command add_scatter_bank(CLI::App& app, const Process& process);

}  // namespace descrambler::cli
