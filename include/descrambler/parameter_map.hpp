// Which parameters of a filter bank an optimiser moves, and which of them together:
//   parameter_i = offset_i + variable[v(i)],   or offset_i alone where it is frozen
// Parameters that share a variable keep their differences: orientations turn together, widths grow by one factor.
#pragma once

#include <span>
#include <vector>

#include "descrambler/filter_bank.hpp"

namespace descrambler {

enum class Sharing {
    frozen,
    shared,    // one variable for all scales of a layer
    by_scale,  // one variable a scale
    free
};
struct Tying {
    Sharing theta = Sharing::free, sigma = Sharing::free, xi = Sharing::free, slant = Sharing::free;
    Sharing real_family = Sharing::shared;  // lattice angles (each place by itself), alphas, centres
};

struct ParameterMap {
    std::vector<Index> variable;  // [parameters], -1: frozen
    std::vector<double> offset;   // [parameters]
    std::vector<double> start;    // [variables] that give the bank from which the map was made
};
// A variable starts at the mean of what it moves.
[[nodiscard]] ParameterMap tie(const FilterBank& bank, const Tying& tying);
// These throw std::invalid_argument for other sizes.
[[nodiscard]] std::vector<double> expand(const ParameterMap& map, std::span<const double> variables);
// dLoss / dvariables from dLoss / dparameters: the transpose.
[[nodiscard]] std::vector<double> collect(const ParameterMap& map, std::span<const double> gradient);

}  // namespace descrambler
