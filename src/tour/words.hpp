// Numbers as the pages say them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/gnuplot.hpp"

namespace descrambler::tour {

[[nodiscard]] std::string text(double value, int digits = 3);
[[nodiscard]] std::string percent(double share);                 // "12 %"
[[nodiscard]] double deviation(std::span<const double> values);  // standard deviation about the mean, n - 1
[[nodiscard]] std::string mean_and_deviation(std::span<const double> values);  // "0.73 ± 0.23"
[[nodiscard]] double largest(std::span<const double> values);                  // of the sizes
[[nodiscard]] double norm(std::span<const double> values);
// What a colour scale ends at: the size that 1 % of the numbers exceed; 1 where all are 0.
[[nodiscard]] double colour_range(std::span<const double> map);

// Mean over items [items][points] at 0, 1, .., and a band of one standard deviation.
[[nodiscard]] Curve band(const std::vector<std::vector<double>>& items, const std::string& label,
                         const std::string& colour, int dash);

}  // namespace descrambler::tour
