#include "descrambler/backend/fourier.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Fourier<T>::fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    require(is(y, x.rows, x.cols, x.batch), "fft: shapes differ");
    require(packed(x, y), "fft: takes no leading dimension");
    do_fft(x, y);
}

template class Fourier<float>;
template class Fourier<double>;

}  // namespace descrambler
