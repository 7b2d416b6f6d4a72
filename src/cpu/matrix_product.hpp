// Products of one large matrix with a few vectors on the CPU: descrambler/backend/maps.hpp.
#pragma once

#include "cpu/scratch.hpp"
#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y, Scratch<T>& scratch, int threads);

}  // namespace descrambler::cpu
