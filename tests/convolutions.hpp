// Convolutions of every kind, for the tests of the backends, and the loops that define them.
#pragma once

#include <vector>

#include "descrambler/backend/convolution.hpp"

namespace descrambler {

// body(weight, input, output) for every product
template <class Body>
void for_products(const Convolution& s, const Body& body) {
    const Index inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
    const Index in_size = s.in[0] * s.in[1] * s.in[2], out_size = s.out[0] * s.out[1] * s.out[2];
    for (Index n = 0; n < s.images; ++n)
        for (Index m = 0; m < s.out_channels; ++m)
            for (Index w = 0; w < s.depth(); ++w)
                for (Index o = 0; o < out_size; ++o) {
                    const Index d = w % s.kernel[2], b = w / s.kernel[2] % s.kernel[1],
                                a = w / s.kernel[2] / s.kernel[1] % s.kernel[0],
                                c = w / s.kernel[2] / s.kernel[1] / s.kernel[0];
                    const Index p = o / s.out[2] / s.out[1] * s.stride[0] + a * s.dilation[0] - s.pad[0],
                                q = o / s.out[2] % s.out[1] * s.stride[1] + b * s.dilation[1] - s.pad[1],
                                r = o % s.out[2] * s.stride[2] + d * s.dilation[2] - s.pad[2];
                    if (p >= 0 && p < s.in[0] && q >= 0 && q < s.in[1] && r >= 0 && r < s.in[2])
                        body(m * s.depth() + w,
                             (n * s.in_channels + m / outputs * inputs + c) * in_size + (p * s.in[1] + q) * s.in[2] + r,
                             (n * s.out_channels + m) * out_size + o);
                }
}

struct ConvolutionCase {
    const char* name;
    Convolution shape;
};

// behind: zeros behind each axis
inline Convolution sized(Convolution s, std::array<Index, 3> behind) {
    for (std::size_t a = 0; a < 3; ++a)
        s.out[a] = (s.in[a] + s.pad[a] + behind[a] - s.dilation[a] * (s.kernel[a] - 1) - 1) / s.stride[a] + 1;
    return s;
}

// Sizes around those of the kernels: vectors of 4 to 16 numbers, panels of three of them, strips of 4 or 8 outputs, blocks
// of a depth of 256, tiles of 192 to 768 positions.
inline std::vector<ConvolutionCase> convolution_cases() {
    using C = Convolution;
    std::vector<ConvolutionCase> all{
        {"nothing to see", sized(C{1, 1, 1, 1}, {})},
        {"a row", sized(C{1, 2, 3, 1, {1, 1, 11}, {}, {1, 1, 3}}, {})},
        {"a row, dilated, stride 2, padded",
         sized(C{2, 3, 5, 1, {1, 1, 17}, {}, {1, 1, 4}, {1, 1, 2}, {1, 1, 3}, {0, 0, 5}}, {0, 0, 2})},
        {"a row longer than tiles",
         sized(C{1, 3, 5, 1, {1, 1, 1601}, {}, {1, 1, 5}, {1, 1, 1}, {1, 1, 2}, {0, 0, 4}}, {0, 0, 4})},
        {"3 x 3", sized(C{1, 5, 6, 1, {1, 9, 10}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"3 x 3, several blocks of channels",
         sized(C{1, 70, 9, 1, {1, 7, 6}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"3 x 3, many outputs",
         sized(C{2, 3, 33, 1, {1, 12, 8}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"3 x 3, eight outputs, several tiles",
         sized(C{1, 4, 8, 1, {1, 41, 43}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"rows longer than tiles",
         sized(C{1, 2, 5, 1, {1, 3, 800}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"uneven kernel and zeros",
         sized(C{1, 3, 4, 1, {1, 8, 13}, {}, {1, 2, 5}, {1, 1, 1}, {1, 1, 1}, {0, 0, 3}}, {0, 2, 1})},
        {"uneven strides and dilation",
         sized(C{1, 3, 6, 1, {1, 13, 16}, {}, {1, 3, 2}, {1, 3, 2}, {1, 2, 3}, {0, 2, 1}}, {0, 1, 3})},
        {"stride beyond the kernel",
         sized(C{1, 3, 7, 1, {1, 11, 10}, {}, {1, 2, 1}, {1, 3, 4}, {1, 1, 1}, {0, 1, 0}}, {})},
        {"stride beyond the image", sized(C{1, 2, 2, 1, {1, 3, 2}, {}, {1, 3, 2}, {1, 5, 5}}, {})},
        {"kernel beyond the image",
         sized(C{1, 2, 6, 1, {1, 3, 2}, {}, {1, 7, 7}, {1, 1, 1}, {1, 1, 1}, {0, 3, 3}}, {0, 3, 3})},
        {"window outside the image",
         sized(C{1, 2, 6, 1, {1, 3, 2}, {}, {1, 2, 2}, {1, 1, 1}, {1, 1, 1}, {0, 6, 7}}, {0, 5, 9})},
        {"inside the image", C{1, 3, 6, 1, {1, 9, 12}, {1, 4, 5}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, -2, -3}}},
        {"inside the image, stride 2",
         C{1, 3, 6, 1, {1, 12, 13}, {1, 4, 3}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, -1, -3}}},
        {"a small window of a large one, dilated",
         C{1, 40, 9, 1, {1, 3, 4}, {1, 7, 9}, {1, 3, 3}, {1, 1, 1}, {1, 2, 2}, {0, 3, 5}}},
        {"channel by channel, inside the image",
         C{1, 5, 5, 5, {1, 9, 9}, {1, 3, 4}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, -1, -4}}},
        {"three axes", sized(C{2, 3, 6, 1, {4, 5, 6}, {}, {2, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 0, 1}}, {0, 1, 1})},
        {"three axes, large planes",
         sized(C{1, 2, 5, 1, {3, 26, 31}, {}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, {1, 1, 1})},
        {"three axes, strides and dilation",
         sized(C{1, 2, 5, 1, {7, 6, 9}, {}, {3, 2, 3}, {2, 1, 3}, {1, 3, 2}, {1, 2, 0}}, {2, 1, 3})},
        {"one pixel", sized(C{1, 10, 12, 1, {1, 9, 11}, {}, {1, 1, 1}}, {})},
        {"one pixel, deep, many images", sized(C{3, 300, 9, 1, {1, 5, 5}, {}, {1, 1, 1}}, {})},
        {"one pixel, stride 2", sized(C{1, 6, 8, 1, {1, 9, 12}, {}, {1, 1, 1}, {1, 2, 2}}, {})},
        {"one pixel, zeros around",
         sized(C{1, 6, 5, 1, {1, 4, 4}, {}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 2})},
        {"one number an image", sized(C{2, 40, 30, 1}, {})},
        {"two groups", sized(C{2, 6, 10, 2, {1, 7, 9}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"channel by channel",
         sized(C{2, 6, 6, 6, {1, 11, 21}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"channel by channel, stride 2",
         sized(C{1, 5, 5, 5, {1, 12, 13}, {}, {1, 5, 5}, {1, 2, 2}, {1, 1, 1}, {0, 2, 2}}, {0, 2, 2})},
        {"channel by channel, two outputs each",
         sized(C{1, 5, 10, 5, {1, 8, 9}, {}, {1, 3, 3}, {1, 1, 2}, {1, 2, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"channel by channel, seven outputs each", sized(C{1, 3, 21, 3, {1, 8, 9}, {}, {1, 3, 3}}, {})},
        {"channel by channel, enough for threads",
         sized(C{1, 40, 40, 40, {1, 31, 33}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"stride 2, enough for threads",
         sized(C{1, 40, 20, 1, {1, 22, 24}, {}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
        {"deep, three outputs",
         sized(C{1, 64, 3, 1, {1, 7, 20}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1})},
    };
    return all;
}

}  // namespace descrambler
