// Discrete Fourier transforms, without leading dimensions. None is normalised: an inverse after a forward transform gives
// the input times the number of points. Any size; those whose prime factors are at most 13 are fast.
// A column of a 2-D transform is an image of n1 n2 numbers, row-major: pixel (i1, i2) at i1 n2 + i2.
// All throw std::invalid_argument where shapes differ. On the CPU a result has the same bits for any number of threads.
#pragma once

#include <complex>

#include "descrambler/array.hpp"

namespace descrambler {

// Of every column: an image [n1, n2]; one row of it where the transform has one dimension.
struct FourierShape {
    Index n1 = 1, n2 = 1;
    bool inverse = false;
    [[nodiscard]] constexpr Index points() const { return n1 * n2; }
    // of the second frequency what a real input needs
    [[nodiscard]] constexpr Index half() const { return n2 == 0 ? 0 : n2 / 2 + 1; }
};

template <class T>
class Fourier {
public:
    // Complex, of each column; x and y [rows, cols], which may be the same memory. The same bits wherever a column stands.
    // fft     y[k] = sum_j x[j] exp(-2 pi i j k / rows)
    // ifft    y[k] = sum_j x[j] exp(+2 pi i j k / rows)
    // fft2    y[k1, k2] = sum_j1 sum_j2 x[j1, j2] exp(-2 pi i (j1 k1/n1 + j2 k2/n2)); ifft2 with the other sign
    void fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y);
    void ifft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y);
    void fft2(Index n1, Index n2, Batch<const std::complex<T>> x, Batch<std::complex<T>> y);
    void ifft2(Index n1, Index n2, Batch<const std::complex<T>> x, Batch<std::complex<T>> y);

    // Real x [n, cols], or [n1 n2, cols]; of the spectrum the second frequencies 0 .. n/2, or n2/2, rounded down: y
    // [n/2 + 1, cols], or [n1 (n2/2 + 1), cols]. The others are y[-k] = conj(y[k]), and the inverse takes them for such.
    // Columns 2 c and 2 c + 1 of an item are transformed together, as x[2 c] + i x[2 c + 1]: half of the work, but either
    // has the rounding errors of the larger one, and a NaN spreads to both. x and y are different memory.
    void real_fft(Batch<const T> x, Batch<std::complex<T>> y);
    void real_ifft(Batch<const std::complex<T>> y, Batch<T> x);
    void real_fft2(Index n1, Index n2, Batch<const T> x, Batch<std::complex<T>> y);
    void real_ifft2(Index n1, Index n2, Batch<const std::complex<T>> y, Batch<T> x);

protected:
    ~Fourier() = default;

private:
    virtual void do_fft(const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) = 0;
    virtual void do_real_fft(const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y) = 0;
    virtual void do_real_ifft(const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x) = 0;
};

}  // namespace descrambler
