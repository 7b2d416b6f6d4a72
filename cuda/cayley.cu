#include "cayley.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void cayley(Context&, Batch<const T>, Batch<T>) {
    throw Error("cayley: not on the device yet");
}
template void cayley<float>(Context&, Batch<const float>, Batch<float>);
template void cayley<double>(Context&, Batch<const double>, Batch<double>);
template <class T>
void cayley_pullback(Context&, Batch<const T>, Batch<const T>, Batch<T>) {
    throw Error("cayley_pullback: not on the device yet");
}
template void cayley_pullback<float>(Context&, Batch<const float>, Batch<const float>, Batch<float>);
template void cayley_pullback<double>(Context&, Batch<const double>, Batch<const double>, Batch<double>);
template <class T>
void tikhonov(Context&, Batch<const T>, Batch<const T>, Batch<const T>, Batch<T>, Batch<T>) {
    throw Error("tikhonov: not on the device yet");
}
template void tikhonov<float>(Context&, Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>,
                              Batch<float>);
template void tikhonov<double>(Context&, Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                               Batch<double>);

}  // namespace descrambler::cuda
