// Numbers for what is said of pictures of rows, columns, singular vectors and residuals: where their energy lies, how fine
// and how oriented they are, how far they reach, and whether a filter is the same everywhere.
#pragma once

#include <span>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {

// A value as an image. Batch axes are 1.
struct ImageShape {
    Index channels = 0, height = 0, width = 0;
    bool channels_last = false;
    [[nodiscard]] Index size() const { return channels * height * width; }
    // Where the number of a pixel lies.
    [[nodiscard]] Index at(Index channel, Index row, Index column) const {
        return channels_last ? (row * width + column) * channels + channel : (channel * height + row) * width + column;
    }
};

// e = energy of a pixel, the squares of its channels summed; P = |DFT|^2 of the sum of the channels, f its frequency in
// cycles a pixel.
struct MapMeasures {
    double participation = 0;  // (sum e)^2 / (pixels sum e^2): 1 everywhere the same, 1 / pixels in one pixel
    double frequency = 0;      // mean |f| over P
    double bandwidth = 0;      // standard deviation of |f| over P
    double orientation = 0;    // |mean exp(2 i theta)| over P, theta the angle of f: 1 in one direction, 0 in all alike
    double constant = 0;       // share of P at f = 0
    double nonzero = 0;        // share of pixels with a number that is not 0
    Index top = 0, left = 0, height = 0, width = 0;  // the smallest box around those
};
// map: numbers of `shape`. All 0 where the map is. Throws std::invalid_argument where the map has another size.
[[nodiscard]] MapMeasures measure(Backend<double>& on, std::span<const double> map, const ImageShape& shape);

// Share of the energy within `radius` pixels (Euclidean) of a place, which may lie between pixels or outside.
[[nodiscard]] double energy_within(std::span<const double> map, const ImageShape& shape, double row, double column,
                                   double radius);

// How much filters change from place to place: ||columns - their mean|| / ||columns||, each shifted so that the pixel it
// came from lies in one place, over the square of `reach` pixels around it; 0: one filter everywhere. columns [numbers of
// `shape`, count], centre k is the pixel (row, column) of column k. Throws std::invalid_argument where a square leaves the
// image or there is no column.
struct PixelPlace {
    Index row = 0, column = 0;
};
[[nodiscard]] double adaptivity(const Matrix<double>& columns, const ImageShape& shape,
                                std::span<const PixelPlace> centres, Index reach);

// Of numbers >= 0, as the far energy that every input pixel sends: share of the largest hundredth of them (at least one), and
// the Gini coefficient, 0 alike and (n - 1) / n all in one.
struct Concentration {
    double top_hundredth = 0, gini = 0;
};
[[nodiscard]] Concentration concentration(std::vector<double> numbers);

}  // namespace descrambler
