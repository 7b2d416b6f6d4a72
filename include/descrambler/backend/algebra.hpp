// Products and sums of batches. All operands may have a leading dimension. Throws std::invalid_argument where shapes or
// batches do not fit.
#pragma once

#include "descrambler/array.hpp"

namespace descrambler {

enum class Op { none, transpose };

template <class T>
class Algebra {
public:
    // C [m, n] = alpha op(A) op(B) + beta C with op(A) [m, k], op(B) [k, n]. A and B may be shared by the batch
    // (stride 0), C not.
    void gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C);
    // G [n, n] = S S^T + beta G, both triangles; S [n, N]
    void gram(Batch<const T> S, T beta, Batch<T> G);
    // y = alpha x + beta y, x and y of one shape; a factor of zero drops its operand, NaN included
    void axpby(T alpha, Batch<const T> x, T beta, Batch<T> y);
    // r [1, 1]: r[b] = <x[b], y[b]>, the sum over all elements; x and y of one shape
    void dot(Batch<const T> x, Batch<const T> y, Batch<T> r);

protected:
    ~Algebra() = default;

private:
    virtual void do_gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) = 0;
    virtual void do_gram(Batch<const T> S, T beta, Batch<T> G) = 0;
    virtual void do_axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) = 0;
    virtual void do_dot(Batch<const T> x, Batch<const T> y, Batch<T> r) = 0;
};

}  // namespace descrambler
