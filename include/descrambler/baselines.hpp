// Maps over the input that others explain an output by, from the same graph: beside our rows and discussions they say what
// these add. Deconvolution and relevance are in backward_rules.hpp, superpixels in lime.hpp. docs/interpreters.md, "Baselines".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "descrambler/frozen.hpp"

namespace descrambler {

// Of each number of an input its pixel and its channel.
struct PixelPlaces {
    std::vector<Index> pixel, channel;
    Index pixels = 1, channels = 1;
};
// axes: the spatial ones of `shape`, in ascending order; the others together are the channels.
[[nodiscard]] PixelPlaces pixel_places(const Shape& shape, const std::vector<Index>& axes);
// In place of each number the mean of its channel.
[[nodiscard]] std::vector<double> channel_means(std::span<const double> x, const PixelPlaces& places);
// A map of pixels as one of numbers: each gets its pixel over the channels, so that these sum to the pixel.
[[nodiscard]] std::vector<double> over_channels(std::span<const double> pixels, const PixelPlaces& places);

// |sum of map - y| / max(|y|, sum of |map|), 0 where both are 0.
[[nodiscard]] double conservation_error(std::span<const double> map, double y);

// map_i = (x_i - x'_i) mean over t of dy_j/dx_i at x' + t (x - x'), t = (p + 1/2) / points, p = 0 .. points - 1.
// The tangents of the points are taken in turn on a device, on the host by `threads` (0: all); same bits for any number.
struct IntegratedGradients {
    std::vector<double> map;  // [inputs]
    double y = 0, y_start = 0;
    double error = 0;  // |sum of map - (y(x) - y(x'))|: completeness, 0 for the integral
};
// Throws InputError where a value on the way is not finite. Sundararajan, Taly, Yan, Axiomatic Attribution for Deep
// Networks (ICML 2017).
[[nodiscard]] IntegratedGradients integrated_gradients(Backend<double>& on, const Graph& graph,
                                                       std::span<const double> x, std::span<const double> start,
                                                       Index output, Index points = 64, int threads = 0);

// relu(sum_k alpha_k A_k), A_k the channels [height, width] of a value and alpha_k the mean of dy_j/dA_k over its pixels,
// brought to the size of the input by bilinear().
struct GradCam {
    std::string node;          // whose value A is
    std::vector<double> map;   // [height, width] asked for, row after row
    std::vector<double> maps;  // [height of A, width of A]
    Index height = 0, width = 0;
};
// `tangent` is the graph frozen at x by FreezeRule::taylor. Node: by name (graph_cut.hpp); empty: the last convolution and
// the batch norm and functions of one number behind it alone, whose values are its activations. Throws InputError where
// there is no such node or its value is no image [1, channels, (height,) width].
// Selvaraju et al., Grad-CAM (ICCV 2017).
[[nodiscard]] GradCam grad_cam(const FrozenNetwork<double>& tangent, const Graph& graph, Index output, Index height,
                               Index width, const std::string& node = "");
// Pixel i of `to` lies at (i + 1/2) from / to - 1/2 of `from`, between its two neighbours, the border where one is missing.
[[nodiscard]] std::vector<double> bilinear(std::span<const double> map, Index height, Index width, Index to_height,
                                           Index to_width);

}  // namespace descrambler
