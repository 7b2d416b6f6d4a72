#include "cpu/convolution.hpp"

#include <algorithm>

namespace descrambler::cpu {
namespace {

// body(w, x, y) for every product that the convolution is made of; the order of those of one y, and of one x, is fixed.
template <class Body>
void for_products(const Convolution& s, Index image, Index m, const Body& body) {
    const Index c_count = s.in_channels / s.groups, first = m / (s.out_channels / s.groups) * c_count;
    const Index in_size = s.in[0] * s.in[1] * s.in[2], out_size = s.out[0] * s.out[1] * s.out[2];
    Index w = 0;
    for (Index c = 0; c < c_count; ++c)
        for (Index a = 0; a < s.kernel[0]; ++a)
            for (Index b = 0; b < s.kernel[1]; ++b)
                for (Index d = 0; d < s.kernel[2]; ++d, ++w)
                    for (Index i = 0; i < s.out[0]; ++i)
                        for (Index j = 0; j < s.out[1]; ++j)
                            for (Index k = 0; k < s.out[2]; ++k) {
                                const Index p = i * s.stride[0] + a * s.dilation[0] - s.pad[0];
                                const Index q = j * s.stride[1] + b * s.dilation[1] - s.pad[1];
                                const Index r = k * s.stride[2] + d * s.dilation[2] - s.pad[2];
                                if (p >= 0 && p < s.in[0] && q >= 0 && q < s.in[1] && r >= 0 && r < s.in[2])
                                    body(
                                        w,
                                        (image * s.in_channels + first + c) * in_size + (p * s.in[1] + q) * s.in[2] + r,
                                        (image * s.out_channels + m) * out_size + (i * s.out[1] + j) * s.out[2] + k);
                            }
}

}  // namespace

template <class T>
void convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y, Scratch<T>&,
              int threads) {
#pragma omp parallel for num_threads(threads)
    for (Index k = 0; k < x.cols; ++k) {
        if (beta == 0)
            std::fill_n(&y(0, k), y.rows, T{0});
        for (Index image = 0; image < shape.images; ++image)
            for (Index m = 0; m < shape.out_channels; ++m)
                for_products(shape, image, m, [&](Index w, Index i, Index o) { y(o, k) += W(w, m) * x(i, k); });
    }
}

template <class T>
void convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x, Scratch<T>&,
                      int threads) {
#pragma omp parallel for num_threads(threads)
    for (Index k = 0; k < x.cols; ++k) {
        if (beta == 0)
            std::fill_n(&x(0, k), x.rows, T{0});
        for (Index image = 0; image < shape.images; ++image)
            for (Index m = 0; m < shape.out_channels; ++m)
                for_products(shape, image, m, [&](Index w, Index i, Index o) { x(i, k) += W(w, m) * y(o, k); });
    }
}

template void convolve(const Convolution&, Batch<const float>, Batch<const float>, float, Batch<float>, Scratch<float>&,
                       int);
template void convolve(const Convolution&, Batch<const double>, Batch<const double>, double, Batch<double>,
                       Scratch<double>&, int);
template void convolve_adjoint(const Convolution&, Batch<const float>, Batch<const float>, float, Batch<float>,
                               Scratch<float>&, int);
template void convolve_adjoint(const Convolution&, Batch<const double>, Batch<const double>, double, Batch<double>,
                               Scratch<double>&, int);

}  // namespace descrambler::cpu
