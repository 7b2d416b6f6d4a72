// An image in pieces of like colour.
#pragma once

#include <span>
#include <vector>

#include "descrambler/measures.hpp"

namespace descrambler {

struct SegmentOptions {
    double scale = 4;     // in the units of the image (made for 0 to 255): the larger, the larger the segments
    double sigma = .2;    // of a Gaussian that smooths it before, in pixels; 0: none
    Index smallest = 50;  // pixels: smaller ones go to the neighbour that is most alike
};
// Of each pixel, row after row, its segment: 0, 1, ... in the order of their first pixels. Edges between the eight
// neighbours of a pixel weigh the Euclidean distance of their colours; from the lightest on (the first on ties) two
// segments become one where the edge is no heavier than the heaviest inside each plus scale / its pixels. Throws
// std::invalid_argument where the image has another size or is none. Felzenszwalb, Huttenlocher, Efficient Graph-Based
// Image Segmentation (IJCV 2004).
[[nodiscard]] std::vector<Index> segments(std::span<const double> image, const ImageShape& shape,
                                          const SegmentOptions& options = {});

}  // namespace descrambler
