// Convolutions of probes and their adjoints, with up to three spatial axes.
#pragma once

#include <array>

#include "descrambler/backend/maps.hpp"

namespace descrambler {

// Cross-correlation as ONNX's Conv. Fewer than three spatial axes: the first ones have extent and kernel 1. One column of
// an operand is one probe, [images, channels, in[0], in[1], in[2]] row-major.
struct Convolution {
    Index images = 1, in_channels = 0, out_channels = 0, groups = 1;
    std::array<Index, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
    std::array<Index, 3> pad{0, 0,
                             0};  // zeros in front of each axis (negative: what is left out); behind: what `out` needs
    [[nodiscard]] constexpr Index inputs() const { return images * in_channels * in[0] * in[1] * in[2]; }
    [[nodiscard]] constexpr Index outputs() const { return images * out_channels * out[0] * out[1] * out[2]; }
    // of one output pixel in one group
    [[nodiscard]] constexpr Index depth() const { return in_channels / groups * kernel[0] * kernel[1] * kernel[2]; }
    bool operator==(const Convolution&) const = default;
};

template <class T>
class Convolutions {
public:
    // y[n, m, o] (+)= sum over c, t of W[m, c, t] x[n, c, o stride + t dilation - pad], c in the group of m;
    // W [depth, out_channels]: the row-major [out_channels, in_channels / groups, kernel] of ONNX files.
    // x [inputs, K], y [outputs, K]: y = m .* (conv(x) + beta y), beta 0 or 1, m [outputs] a mask. A probe has the same
    // bits in any K, and those that masked_product gives behind a convolution without a mask.
    void convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
                  const Mask<T>& mask = {});
    // x = m .* (conv^T(y) + beta x), m [inputs]
    void convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                          const Mask<T>& mask = {});

protected:
    ~Convolutions() = default;

private:
    virtual void do_convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
                             const Mask<T>& mask) = 0;
    virtual void do_convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                                     const Mask<T>& mask) = 0;
};

}  // namespace descrambler
