// Complex transforms on the CPU: kissfft.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y, int threads);

}  // namespace descrambler::cpu
