#include "descrambler/backend/convolution.hpp"

#include "backend/shapes.hpp"

namespace descrambler {
namespace {

template <class X, class Y>
void check(const char* name, const Convolution& shape, Index w_rows, Index w_cols, const X& x, const Y& y,
           double beta) {
    const std::string who = name;
    require(shape.groups > 0 && shape.in_channels % shape.groups == 0 && shape.out_channels % shape.groups == 0,
            who + ": groups must divide the channels");
    for (std::size_t a = 0; a < 3; ++a)
        require(shape.kernel[a] > 0 && shape.stride[a] > 0 && shape.dilation[a] > 0,
                who + ": kernel, stride and dilation must be positive");
    require(w_rows == shape.depth() && w_cols == shape.out_channels, who + ": W must be [depth, out_channels]");
    require(x.rows == shape.inputs() && y.rows == shape.outputs() && x.cols == y.cols && x.batch == 1 && y.batch == 1,
            who + ": x must be [inputs, K] and y [outputs, K], a batch of one");
    require(beta == 0 || beta == 1, who + ": beta must be 0 or 1");
}
template <class T>
void check(const char* name, const Mask<T>& mask, Index rows) {
    require(mask.bits == nullptr || (mask.off.count > 0 && mask.off.run > 0 && rows % mask.off.run == 0),
            std::string(name) + ": the runs of a periodic vector must fill the rows");
}

}  // namespace

template <class T>
void Convolutions<T>::convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
                               const Mask<T>& mask) {
    check("convolve", shape, W.rows, W.cols, x, y, beta);
    check("convolve", mask, y.rows);
    do_convolve(shape, W, x, beta, y, mask);
}
template <class T>
void Convolutions<T>::convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                                       const Mask<T>& mask) {
    check("convolve_adjoint", shape, W.rows, W.cols, x, y, beta);
    check("convolve_adjoint", mask, x.rows);
    do_convolve_adjoint(shape, W, y, beta, x, mask);
}

template class Convolutions<float>;
template class Convolutions<double>;

}  // namespace descrambler
