// Numbers for what is said of pictures of rows, columns, singular vectors and residuals: where their energy lies, how fine
// and how oriented they are, how far they reach, and whether a filter is the same everywhere. All are ratios: a factor
// does not change them, and they are finite for finite numbers of any size.
#pragma once

#include <cstdint>
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

// The smallest distance from there within which this share of the energy lies, 0 < share <= 1; 0 for a map of zeros.
[[nodiscard]] double energy_radius(std::span<const double> map, const ImageShape& shape, double row, double column,
                                   double share);

// How much filters change from place to place: ||columns - their mean|| / ||columns||, each shifted so that the pixel it
// came from lies in one place, over the square of `reach` pixels around it; 0: one filter everywhere. columns [numbers of
// `shape`, count], centre k is the pixel (row, column) of column k. Throws std::invalid_argument where a square leaves the
// image or there is no column.
struct PixelPlace {
    Index row = 0, column = 0;
};
struct Adaptivity {
    double overall = 0;
    std::vector<double> each;  // [count] of one column: ||column - mean|| / ||column||
};
[[nodiscard]] Adaptivity adaptivity(const Matrix<double>& columns, const ImageShape& shape,
                                    std::span<const PixelPlace> centres, Index reach);

// Of numbers >= 0, as the far energy that every input pixel sends: share of the largest hundredth of them (at least one), and
// the Gini coefficient, 0 alike and (n - 1) / n all in one.
struct Concentration {
    double top_hundredth = 0, gini = 0;
};
[[nodiscard]] Concentration concentration(std::vector<double> numbers);

// Horizontal neighbours of a map [pixels] of this width.
struct NeighbourSigns {
    double opposite = 0;     // share of those, both not 0, that have opposite signs
    double correlation = 0;  // of all: sum of products about the mean over the sum of squares
};
[[nodiscard]] NeighbourSigns neighbour_signs(std::span<const double> pixels, Index width);

// -sum p log p over log(classes), p the shares of counts >= 0: 0 all in one, 1 alike in all; 0 for one class or no counts.
[[nodiscard]] double normalised_entropy(std::span<const Index> counts);

// A control of pictures: the same permutation of the pixels in every channel. place[i]: the pixel of number i of x.
[[nodiscard]] std::vector<double> shuffled_pixels(Backend<double>& on, std::span<const double> x,
                                                  std::span<const Index> place, std::uint64_t seed);

// <a, b> / (|a| |b|); centred: of both about their means, the normalised cross-correlation. 0 where one has no length.
[[nodiscard]] double cosine(std::span<const double> a, std::span<const double> b);
[[nodiscard]] double cross_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace descrambler
