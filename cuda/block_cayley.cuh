// The Cayley chart and the smoothness functional in it, as functions of a block (block_algebra.cuh); cayley.cu and
// minimise.cu use them.
//   Q = lower(q) - lower(q)^T      B = (I + Q)^-1      P = 2 B - I      Y = P L = 2 X - L, X = B L
//   eta = sum_i mu_i ||row_i(Y)||^2      d eta / d q = -4 lower(A - A^T),  A = B^T diag(mu) Y X^T
#pragma once

#include "block_algebra.cuh"

namespace descrambler::cuda {

// q at (i, j), i > j: the strictly lower triangle, column by column
constexpr Index packed(Index n, Index i, Index j) {
    return j * n - j * (j + 1) / 2 - j - 1 + i;
}

template <class T>
__device__ __forceinline__ T identity_plus(int n, const T* q, int i, int j) {
    if (i == j)
        return 1;
    return i > j ? q[packed(n, i, j)] : -q[packed(n, j, i)];
}

// dq = scale lower(A - A^T), A with leading dimension ld
template <class T>
__device__ __forceinline__ void pack_difference(int n, const T* A, int ld, T scale, T* dq) {
    each_lower(n, false, [&](int i, int j) {
        dq[packed(n, i, j)] = scale * (A[static_cast<Index>(j) * ld + i] - A[static_cast<Index>(i) * ld + j]);
    });
}

// Value and gradient of one network; three matrices in shared memory, n <= 16 R, L by chunks of columns.
template <class T, int R>
struct ResidentTikhonov {
    static constexpr std::size_t shared_bytes = 3 * tile_size<R> * sizeof(T);
    static constexpr Index workspace(Index, Index) { return 0; }

    __device__ static __forceinline__ double evaluate(int n, int k, const T* mu, const T* L, const T* q, T* dq, T*,
                                                      double* scratch, T* B) {
        constexpr int side = tile_side<R>, ld = tile_stride<R>;
        T *const F = B + tile_size<R>, *const S = F + tile_size<R>;
        fill_tile<R>(B, n, n, [&](int i, int j) { return identity_plus(n, q, i, j); });
        block_invert_tile<R>(n, B);
        T A[R][R] = {};
        double value = 0;
        for (int first = 0; first < k; first += side) {
            const int cols = k - first < side ? k - first : side;
            const T* const l = L + static_cast<Index>(first) * n;
            fill_tile<R>(F, n, cols, [&](int i, int j) { return l[static_cast<Index>(j) * n + i]; });
            {
                T X[R][R] = {};
                accumulate<R, Op::none, Op::none>(X, B, F, n);
                write_tile<R>(X, S);
                __syncthreads();
            }
            each_entry(n, cols, [&](int i, int j) {
                const T y = 2 * S[j * ld + i] - F[j * ld + i], z = mu[i] * y;
                value += static_cast<double>(y) * static_cast<double>(z);
                F[j * ld + i] = z;
            });
            __syncthreads();
            {
                T U[R][R] = {};
                accumulate<R, Op::transpose, Op::none>(U, B, F, n);
                __syncthreads();
                write_tile<R>(U, F);
                __syncthreads();
            }
            accumulate<R, Op::none, Op::transpose>(A, F, S, cols);
            __syncthreads();
        }
        write_tile<R>(A, F);
        value = block_sum(value, scratch);
        pack_difference(n, F, ld, T{-4}, dq);
        __syncthreads();
        return value;
    }
};

// The same for any n; B, A [n, n] and X, Z, U [n, k] in a workspace of the block.
template <class T, int R>
struct StreamedTikhonov {
    static constexpr std::size_t shared_bytes = tile_size<R> * sizeof(T);
    static constexpr Index workspace(Index n, Index k) { return 2 * n * n + 3 * n * k; }

    __device__ static __forceinline__ double evaluate(int n, int k, const T* mu, const T* L, const T* q, T* dq,
                                                      T* workspace, double* scratch, T* tile) {
        const Index square = static_cast<Index>(n) * n, factor = static_cast<Index>(n) * k;
        T *const B = workspace, *const A = B + square, *const X = A + square, *const Z = X + factor,
                 *const U = Z + factor;
        const auto at = [&](int i, int j) { return static_cast<Index>(j) * n + i; };
        each_entry(n, n, [&](int i, int j) { B[at(i, j)] = identity_plus(n, q, i, j); });
        __syncthreads();
        block_invert_panels<R>(n, B, tile);
        double value = 0;
        block_product<R, Op::none, Op::none>(n, k, n, B, n, L, n, tile, [&](int i, int j, T x) {
            const T y = 2 * x - L[at(i, j)], z = mu[i] * y;
            value += static_cast<double>(y) * static_cast<double>(z);
            X[at(i, j)] = x;
            Z[at(i, j)] = z;
        });
        block_product<R, Op::transpose, Op::none>(n, k, n, B, n, Z, n, tile,
                                                  [&](int i, int j, T x) { U[at(i, j)] = x; });
        block_product<R, Op::none, Op::transpose>(n, n, k, U, n, X, n, tile,
                                                  [&](int i, int j, T x) { A[at(i, j)] = x; });
        value = block_sum(value, scratch);
        pack_difference(n, A, n, T{-4}, dq);
        __syncthreads();
        return value;
    }
};

}  // namespace descrambler::cuda
