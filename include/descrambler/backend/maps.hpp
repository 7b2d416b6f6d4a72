// Linear maps of probes: matrices, sparse rows, diagonals, masks, and what norms and softmax make of runs. One column of
// an operand is one probe; results are assigned (beta 0) or added (beta 1), and a probe has the same bits in any number of
// columns (with gemm it has not: a matrix of another shape goes through other kernels).
#pragma once

#include <cstdint>

#include "descrambler/array.hpp"
#include "descrambler/backend/algebra.hpp"

namespace descrambler {

// A sparse matrix [rows, cols] where the backend computes. Row i has the entries starts[i] .. starts[i + 1] - 1; without
// `starts` one a row, none where its index is `nothing`. Without `weight` every entry is 1.
template <class T>
struct SparseRows {
    static constexpr std::uint32_t nothing = 0xffffffff;
    Index rows = 0, cols = 0;
    const std::uint32_t* starts = nullptr;
    const std::uint32_t* index = nullptr;
    const T* weight = nullptr;
};

// Element i of a vector that repeats: data[(i / run) % count]. run = pixels and count = channels: a number a channel.
template <class T>
struct Periodic {
    const T* data = nullptr;
    Index count = 1, run = 1;
};

// m_i = 1 where bit i of `bits` (32 a word, lowest first) is set, otherwise the number of `off`. No bits: 1 everywhere.
template <class T>
struct Mask {
    const std::uint32_t* bits = nullptr;
    Periodic<T> off;
};

// Which derivative of a softmax with the values s: of itself, S = diag(s) - s s^T (symmetric), or of its logarithm,
// L = I - 1 s^T, or L^T.
enum class SoftmaxOf { value, log, log_adjoint };

template <class T>
class Maps {
public:
    // y = op(A) x + beta y. Made for few probes and many weights, of which each is read once.
    void matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y);
    // y [rows, K] = A x + beta y, x [cols, K]
    void sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y);
    // y [n, K] = a .* x + beta y
    void diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y);
    // The same with the mask of bits and off.
    void masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y);
    // y [n, K] += c in every column
    void add_offset(Periodic<T> c, Batch<T> y);
    // r [1, K] = sum over i of c_i x(i, k)
    void offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r);
    // In every run of m rows: y = g (x - mean(x) (if centre) - h mean(h x)) + beta y. Symmetric. gain [n / m, 1] holds g of
    // each run, empty: 1; h [n, 1], empty: 0.
    void project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                      Batch<T> y);
    // In every run of m rows: y = D x + beta y, D the derivative that `of` names; s [n, 1].
    void softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y);

protected:
    ~Maps() = default;

private:
    virtual void do_matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y) = 0;
    virtual void do_sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y) = 0;
    virtual void do_diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y) = 0;
    virtual void do_masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta,
                                   Batch<T> y) = 0;
    virtual void do_add_offset(Periodic<T> c, Batch<T> y) = 0;
    virtual void do_offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r) = 0;
    virtual void do_project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                                 Batch<T> y) = 0;
    virtual void do_softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y) = 0;
};

}  // namespace descrambler
