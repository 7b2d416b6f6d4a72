#include "blas.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void gram(Context&, Batch<const T>, T, Batch<T>) {
    throw Error("gram: not on the device yet");
}
template void gram<float>(Context&, Batch<const float>, float, Batch<float>);
template void gram<double>(Context&, Batch<const double>, double, Batch<double>);
template <class T>
void axpby(Context&, T, Batch<const T>, T, Batch<T>) {
    throw Error("axpby: not on the device yet");
}
template void axpby<float>(Context&, float, Batch<const float>, float, Batch<float>);
template void axpby<double>(Context&, double, Batch<const double>, double, Batch<double>);
template <class T>
void dot(Context&, Batch<const T>, Batch<const T>, Batch<T>) {
    throw Error("dot: not on the device yet");
}
template void dot<float>(Context&, Batch<const float>, Batch<const float>, Batch<float>);
template void dot<double>(Context&, Batch<const double>, Batch<const double>, Batch<double>);

}  // namespace descrambler::cuda
