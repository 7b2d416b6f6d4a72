// Numbers that sum up a sample: one definition each, so that all files mean the same. Sizes of two arguments are equal;
// that is not checked.
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

struct Spread {
    double median = 0, min = 0, max = 0;
};
// Of values without NaN; the median of an even count is the mean of the middle two. Throws std::invalid_argument for an
// empty sample.
[[nodiscard]] Spread spread_of(std::vector<double> values);
[[nodiscard]] double median_of(std::vector<double> values);     // that median; NaN for an empty sample
[[nodiscard]] double upper_median(std::vector<double> values);  // the upper of the middle two; not of an empty sample
[[nodiscard]] double mean_of(std::span<const double> values);   // summed in order; NaN for an empty sample

// The value of nearest rank round(q (n - 1)), 0 <= q <= 1, NaN left out; NaN for an empty sample.
[[nodiscard]] double nearest_quantile(std::vector<double> values, double q);
// The value of rank floor(q n): a share q of the sample is smaller. Throws std::invalid_argument for an empty sample
// and outside 0 <= q < 1.
[[nodiscard]] double lower_quantile(std::vector<double> values, double q);

// ||found - truth|| / ||truth|| in the 2-norm; where the truth is zero, 0 if found is too and infinity otherwise.
[[nodiscard]] double relative_error(std::span<const double> found, std::span<const double> truth);
// That of each column of found and truth [n, m]: [m].
[[nodiscard]] std::vector<double> column_errors(const Matrix<double>& found, const Matrix<double>& truth);
[[nodiscard]] double root_mean_square(const Matrix<double>& found, const Matrix<double>& truth);  // of the difference
[[nodiscard]] std::vector<double> mean_column(const Matrix<double>& A);                           // A [n, m]: [n]

}  // namespace descrambler
