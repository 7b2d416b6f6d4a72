#include "mlp.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void dense_forward(Context&, Activation, Batch<const T>, Batch<const T>, Batch<const T>, Batch<T>) {
    throw Error("dense_forward: not on the device yet");
}
template void dense_forward<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                   Batch<float>);
template void dense_forward<double>(Context&, Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                    Batch<double>);
template <class T>
void dense_backward(Context&, Activation, Batch<const T>, Batch<const T>, Batch<const T>, Batch<T>, Batch<T>, Batch<T>,
                    Batch<T>) {
    throw Error("dense_backward: not on the device yet");
}
template void dense_backward<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                    Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void dense_backward<double>(Context&, Activation, Batch<const double>, Batch<const double>,
                                     Batch<const double>, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template <class T>
void renorm_forward(Context&, Batch<const T>, Batch<T>) {
    throw Error("renorm_forward: not on the device yet");
}
template void renorm_forward<float>(Context&, Batch<const float>, Batch<float>);
template void renorm_forward<double>(Context&, Batch<const double>, Batch<double>);
template <class T>
void renorm_backward(Context&, Batch<const T>, Batch<const T>, Batch<const T>, Batch<T>) {
    throw Error("renorm_backward: not on the device yet");
}
template void renorm_backward<float>(Context&, Batch<const float>, Batch<const float>, Batch<const float>,
                                     Batch<float>);
template void renorm_backward<double>(Context&, Batch<const double>, Batch<const double>, Batch<const double>,
                                      Batch<double>);
template <class T>
void adam_step(Context&, const AdamOptions&, T, T, Index, Batch<const T>, Batch<T>, Batch<T>, Batch<T>) {
    throw Error("adam_step: not on the device yet");
}
template void adam_step<float>(Context&, const AdamOptions&, float, float, Index, Batch<const float>, Batch<float>,
                               Batch<float>, Batch<float>);
template void adam_step<double>(Context&, const AdamOptions&, double, double, Index, Batch<const double>, Batch<double>,
                                Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
