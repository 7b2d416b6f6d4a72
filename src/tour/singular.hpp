// What experiments on pictures share: measures of several vectors, and signed maps of colours.
#pragma once

#include <span>
#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/measures.hpp"
#include "descrambler/picture.hpp"

namespace descrambler::tour {

// Means over the columns of vectors [numbers of `shape`, count].
struct MeanMeasures {
    double participation = 0, frequency = 0, bandwidth = 0, orientation = 0, constant = 0;
    std::vector<double> each_participation;
};
[[nodiscard]] MeanMeasures mean_measures(Backend<double>& on, const Matrix<double>& vectors, const ImageShape& shape);

// Grey for 0, black and white (of each colour) for -range and range; the first channel, or three as colours.
[[nodiscard]] Picture signed_picture(std::span<const double> map, const ImageShape& shape, double range);

}  // namespace descrambler::tour
