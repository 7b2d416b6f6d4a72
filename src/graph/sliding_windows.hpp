// SlidingWindows that slide over one to three axes: kernels, strides, dilations and paddings as convolutions and pools have them.
#pragma once

#include <vector>

#include "graph/import.hpp"

namespace descrambler {

struct SlidingWindows {
    std::vector<Index> in, out, kernel, stride, dilation, before, after;  // by axis
};
// Reads kernel_shape, strides, pads, dilations, auto_pad (of a transposed convolution output_padding and output_shape
// too). kernel: of the weights; empty: the attribute alone. ceil: windows may begin behind the last whole one.
[[nodiscard]] SlidingWindows read_windows(Import& import, Shape in, Shape kernel, bool transposed = false,
                                          bool ceil = false);
// For a transposed one `in` and `out` change places: the convolution whose transpose it is.
[[nodiscard]] Convolution convolution_of(const SlidingWindows& windows, bool transposed = false);

// body(w, i, o): the product of weight w [out_channels, in_channels / groups, kernel] with input i goes to output o.
template <class Body>
void for_products(const Convolution& s, const Body& body) {
    const Index depth = s.in_channels / s.groups, filters = s.out_channels / s.groups;
    const Index kernel = s.kernel[0] * s.kernel[1] * s.kernel[2];
    for (Index image = 0; image < s.images; ++image)
        for (Index m = 0; m < s.out_channels; ++m)
            for (Index i = 0; i < s.out[0]; ++i)
                for (Index j = 0; j < s.out[1]; ++j)
                    for (Index k = 0; k < s.out[2]; ++k)
                        for (Index c = 0; c < depth; ++c)
                            for (Index t = 0; t < kernel; ++t) {
                                const Index p =
                                    i * s.stride[0] + t / (s.kernel[1] * s.kernel[2]) * s.dilation[0] - s.pad[0];
                                const Index q =
                                    j * s.stride[1] + t / s.kernel[2] % s.kernel[1] * s.dilation[1] - s.pad[1];
                                const Index r = k * s.stride[2] + t % s.kernel[2] * s.dilation[2] - s.pad[2];
                                if (p < 0 || p >= s.in[0] || q < 0 || q >= s.in[1] || r < 0 || r >= s.in[2])
                                    continue;
                                const Index channel = m / filters * depth + c;
                                body((m * depth + c) * kernel + t,
                                     (((image * s.in_channels + channel) * s.in[0] + p) * s.in[1] + q) * s.in[2] + r,
                                     (((image * s.out_channels + m) * s.out[0] + i) * s.out[1] + j) * s.out[2] + k);
                            }
}

}  // namespace descrambler
