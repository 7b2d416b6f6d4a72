// Calls of the vendor's libraries: cuBLAS, cuSOLVER, cuFFT (vendor.cu). The test device puts the CPU backend in their
// place (tests/simt/vendor.cpp). Shapes as in backend.hpp, already checked. The factorisations wait for the device and
// throw Error where an item does not factorise.
#pragma once

#include <complex>

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void vendor_gemm(Context& on, Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C);
template <class T>
void vendor_qr(Context& on, Batch<T> A, Batch<T> R);
template <class T>
void vendor_eigh(Context& on, Batch<T> A, Batch<T> w);
template <class T>
void vendor_svd(Context& on, Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V);
template <class T>
void vendor_cholesky_solve(Context& on, Batch<T> A, Batch<T> B);
template <class T>
void vendor_fft(Context& on, const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y);
template <class T>
void vendor_real_fft(Context& on, const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y);
template <class T>
void vendor_real_ifft(Context& on, const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x);

}  // namespace descrambler::cuda
