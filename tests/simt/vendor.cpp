// In place of cuBLAS, cuSOLVER and cuFFT: the CPU backend, on device memory.
#include "vendor.hpp"

#include "cpu/algebra.hpp"
#include "cpu/factor.hpp"
#include "cpu/fourier.hpp"
#include "engine.hpp"

namespace descrambler::cuda {

namespace {

constexpr int threads = 1;

// Device memory is open while this lives; its BLAS runs on one thread.
struct Vendor : simt::OpenMemory {
    Vendor() { set_up_blas(); }
};

// In the order of the stream, as the libraries do it.
template <class Work>
void in_order(const Work& work) {
    simt::enqueue([work] {
        const Vendor vendor;
        work();
    });
}

}  // namespace

template <class T>
void vendor_gemm(Context&, Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) {
    in_order([=] { cpu::gemm(a, b, alpha, A, B, beta, C, threads); });
}
template <class T>
void vendor_qr(Context&, Batch<T> A, Batch<T> R) {
    in_order([=] { cpu::qr(A, R, threads); });
    simt::wait_for_all();  // to know whether it did
}
template <class T>
void vendor_eigh(Context&, Batch<T> A, Batch<T> w) {
    in_order([=] { cpu::eigh(A, w, threads); });
    simt::wait_for_all();  // to know whether it did
}
template <class T>
void vendor_svd(Context&, Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) {
    in_order([=] { cpu::svd(A, U, s, V, threads); });
    simt::wait_for_all();  // to know whether it did
}
template <class T>
void vendor_cholesky_solve(Context&, Batch<T> A, Batch<T> B) {
    in_order([=] { cpu::cholesky_solve(A, B, threads); });
    simt::wait_for_all();  // to know whether it did
}
template <class T>
void vendor_fft(Context&, const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    in_order([=] { cpu::Transforms<T>(threads).fft(shape, x, y); });
}
template <class T>
void vendor_real_fft(Context&, const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y) {
    in_order([=] { cpu::Transforms<T>(threads).real_fft(shape, x, y); });
}
template <class T>
void vendor_real_ifft(Context&, const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x) {
    in_order([=] { cpu::Transforms<T>(threads).real_ifft(shape, y, x); });
}

template void vendor_gemm<float>(Context&, Op, Op, float, Batch<const float>, Batch<const float>, float, Batch<float>);
template void vendor_gemm<double>(Context&, Op, Op, double, Batch<const double>, Batch<const double>, double,
                                  Batch<double>);
template void vendor_qr<float>(Context&, Batch<float>, Batch<float>);
template void vendor_qr<double>(Context&, Batch<double>, Batch<double>);
template void vendor_eigh<float>(Context&, Batch<float>, Batch<float>);
template void vendor_eigh<double>(Context&, Batch<double>, Batch<double>);
template void vendor_svd<float>(Context&, Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void vendor_svd<double>(Context&, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template void vendor_cholesky_solve<float>(Context&, Batch<float>, Batch<float>);
template void vendor_cholesky_solve<double>(Context&, Batch<double>, Batch<double>);
template void vendor_fft<float>(Context&, const FourierShape&, Batch<const std::complex<float>>,
                                Batch<std::complex<float>>);
template void vendor_fft<double>(Context&, const FourierShape&, Batch<const std::complex<double>>,
                                 Batch<std::complex<double>>);
template void vendor_real_fft<float>(Context&, const FourierShape&, Batch<const float>, Batch<std::complex<float>>);
template void vendor_real_fft<double>(Context&, const FourierShape&, Batch<const double>, Batch<std::complex<double>>);
template void vendor_real_ifft<float>(Context&, const FourierShape&, Batch<const std::complex<float>>, Batch<float>);
template void vendor_real_ifft<double>(Context&, const FourierShape&, Batch<const std::complex<double>>, Batch<double>);

}  // namespace descrambler::cuda
