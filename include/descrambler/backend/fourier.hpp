// Discrete Fourier transforms, without leading dimensions. Throws std::invalid_argument where shapes differ.
#pragma once

#include <complex>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Fourier {
public:
    // y[k] = sum_j x[j] exp(-2 pi i j k / rows) for each column: complex, forward, not normalised; x and y [rows, cols]
    void fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y);

protected:
    ~Fourier() = default;

private:
    virtual void do_fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) = 0;
};

}  // namespace descrambler
