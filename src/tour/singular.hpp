// What experiments on pictures share: measures of several vectors, and signed maps of colours.
#pragma once

#include <span>
#include <vector>

#include "descrambler/frozen.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/measures.hpp"
#include "descrambler/picture.hpp"

namespace descrambler::tour {

// Means over the columns of vectors [numbers of `shape`, count].
struct MeanMeasures {
    double participation = 0, frequency = 0, bandwidth = 0, orientation = 0, constant = 0;
    std::vector<double> each_participation;
};
[[nodiscard]] MeanMeasures mean_measures(Backend<double>& on, const Matrix<double>& vectors, const ImageShape& shape);

// The leading triplets of F.
[[nodiscard]] LanczosSvd leading_triplets(Backend<double>& on, const FrozenNetwork<double>& frozen, int wanted,
                                          double tolerance, std::uint64_t seed);

// Grey for 0, black and white (of each colour) for -range and range; the first channel, or three as colours.
[[nodiscard]] Picture signed_picture(std::span<const double> map, const ImageShape& shape, double range);

}  // namespace descrambler::tour
