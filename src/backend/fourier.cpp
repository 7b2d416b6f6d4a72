#include "descrambler/backend/fourier.hpp"

#include <string>

#include "backend/shapes.hpp"

namespace descrambler {

namespace {

template <class A, class B>
void check(const FourierShape& shape, Batch<const A> x, Index from, Batch<B> y, Index to, const std::string& name) {
    require(shape.n1 >= 0 && shape.n2 >= 0 && x.rows == from && is(y, to, x.cols, x.batch), name + ": shapes differ");
    require(packed(x, y), name + ": takes no leading dimension");
}
template <class A, class B>
void check_real(const FourierShape& shape, Batch<const A> x, Index from, Batch<B> y, Index to,
                const std::string& name) {
    check(shape, x, from, y, to, name);
    require(static_cast<const void*>(x.data) != y.data || x.size() == 0, name + ": not in place");
}

}  // namespace

template <class T>
void Fourier<T>::fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    const FourierShape shape{1, x.rows};
    check(shape, x, x.rows, y, x.rows, "fft");
    do_fft(shape, x, y);
}
template <class T>
void Fourier<T>::ifft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    const FourierShape shape{1, x.rows, true};
    check(shape, x, x.rows, y, x.rows, "ifft");
    do_fft(shape, x, y);
}
template <class T>
void Fourier<T>::fft2(Index n1, Index n2, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    const FourierShape shape{n1, n2};
    check(shape, x, shape.points(), y, shape.points(), "fft2");
    do_fft(shape, x, y);
}
template <class T>
void Fourier<T>::ifft2(Index n1, Index n2, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    const FourierShape shape{n1, n2, true};
    check(shape, x, shape.points(), y, shape.points(), "ifft2");
    do_fft(shape, x, y);
}

template <class T>
void Fourier<T>::real_fft(Batch<const T> x, Batch<std::complex<T>> y) {
    const FourierShape shape{1, x.rows};
    check_real(shape, x, x.rows, y, shape.half(), "real_fft");
    do_real_fft(shape, x, y);
}
template <class T>
void Fourier<T>::real_ifft(Batch<const std::complex<T>> y, Batch<T> x) {
    const FourierShape shape{1, x.rows, true};
    check_real(shape, y, shape.half(), x, x.rows, "real_ifft");
    do_real_ifft(shape, y, x);
}
template <class T>
void Fourier<T>::real_fft2(Index n1, Index n2, Batch<const T> x, Batch<std::complex<T>> y) {
    const FourierShape shape{n1, n2};
    check_real(shape, x, shape.points(), y, n1 * shape.half(), "real_fft2");
    do_real_fft(shape, x, y);
}
template <class T>
void Fourier<T>::real_ifft2(Index n1, Index n2, Batch<const std::complex<T>> y, Batch<T> x) {
    const FourierShape shape{n1, n2, true};
    check_real(shape, y, n1 * shape.half(), x, shape.points(), "real_ifft2");
    do_real_ifft(shape, y, x);
}

template class Fourier<float>;
template class Fourier<double>;

}  // namespace descrambler
