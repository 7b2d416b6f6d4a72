#include "factor.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void qr(Context&, Batch<T>, Batch<T>) {
    throw Error("qr: not on the device yet");
}
template void qr<float>(Context&, Batch<float>, Batch<float>);
template void qr<double>(Context&, Batch<double>, Batch<double>);
template <class T>
void eigh(Context&, Batch<T>, Batch<T>) {
    throw Error("eigh: not on the device yet");
}
template void eigh<float>(Context&, Batch<float>, Batch<float>);
template void eigh<double>(Context&, Batch<double>, Batch<double>);
template <class T>
void svd(Context&, Batch<T>, Batch<T>, Batch<T>, Batch<T>) {
    throw Error("svd: not on the device yet");
}
template void svd<float>(Context&, Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void svd<double>(Context&, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template <class T>
void cholesky_solve(Context&, Batch<T>, Batch<T>) {
    throw Error("cholesky_solve: not on the device yet");
}
template void cholesky_solve<float>(Context&, Batch<float>, Batch<float>);
template void cholesky_solve<double>(Context&, Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
