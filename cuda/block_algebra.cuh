// Dense algebra of one block of 256 threads: product, inverse, sums. Thread (ti, tj) of 16 x 16 owns the R x R numbers
// (ti + 16 i, tj + 16 j) of a tile of 16 R x 16 R, in registers; ti runs along the lanes, so that column-major arrays
// are read in consecutive words. Tiles in shared memory have an odd leading dimension: no bank conflict along either
// index. Every function is reached by all threads and ends behind a barrier.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "descrambler/backend.hpp"
#include "simt.hpp"

namespace descrambler::cuda {

inline constexpr int block_side = 16, block_threads = block_side * block_side, block_warps = block_threads / 32;
inline constexpr int chunk = 16;  // depth of an operand tile that passes through shared memory

template <int R>
inline constexpr int tile_side = block_side* R;
template <int R>
inline constexpr int tile_stride = tile_side<R> + 1;
template <int R>
inline constexpr int tile_size = tile_stride<R>* tile_side<R>;
// The largest tile: its numbers fit into the registers, three of it into shared memory.
template <class T>
inline constexpr int largest_tile = sizeof(T) == 8 ? 6 : 8;

// Items first, first + 1, ... of a view; shared ones stay shared.
template <class T>
[[nodiscard]] Batch<T> items(Batch<T> x, Index first, Index count) {
    return {x.data + first * x.stride, x.rows, x.cols, count, x.stride};
}

// f(0), f(1), ... f(N - 1) with integral constants: a loop that is unrolled whatever its length, so that registers are
// indexed at compile time.
template <int N, class F>
__device__ __forceinline__ void each_constant(F&& f) {
    [&]<int... i>(std::integer_sequence<int, i...>) {
        (f(std::integral_constant<int, i>{}), ...);
    }
    (std::make_integer_sequence<int, N>{});
}

// From a tile in shared memory to the registers of the threads, and back. Global memory is accessed through a tile, by
// each_entry: with addresses of their own, 64 numbers in registers would spill.
template <int R, class T>
__device__ __forceinline__ void read_tile(T (&own)[R][R], const T* tile) {
    const T* x = tile + static_cast<int>(threadIdx.x) / block_side * tile_stride<R> + threadIdx.x % block_side;
    each_constant<R>(
        [&](auto j) { each_constant<R>([&](auto i) { own[i][j] = x[block_side * (j * tile_stride<R> + i)]; }); });
}
template <int R, class T>
__device__ __forceinline__ void write_tile(const T (&own)[R][R], T* tile) {
    T* x = tile + static_cast<int>(threadIdx.x) / block_side * tile_stride<R> + threadIdx.x % block_side;
    each_constant<R>(
        [&](auto j) { each_constant<R>([&](auto i) { x[block_side * (j * tile_stride<R> + i)] = own[i][j]; }); });
}

// f(i, j) for [rows, cols]: a warp per column, lanes along it.
template <class F>
__device__ __forceinline__ void each_entry(int rows, int cols, F&& f) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    for (int j = warp; j < cols; j += block_warps)
        for (int i = lane; i < rows; i += 32)
            f(i, j);
}

// tile(i, j) = f(i, j) in [rows, cols], else 0
template <int R, class T, class F>
__device__ __forceinline__ void fill_tile(T* tile, int rows, int cols, F&& f) {
    each_entry(tile_side<R>, tile_side<R>,
               [&](int i, int j) { tile[j * tile_stride<R> + i] = i < rows && j < cols ? f(i, j) : T{0}; });
    __syncthreads();
}

// f(i, j) for i > j (or i >= j) of [n, n]: a warp per column, lanes along it.
template <class F>
__device__ __forceinline__ void each_lower(int n, bool diagonal, F&& f) {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    for (int j = warp; j < n; j += block_warps)
        for (int i = j + (diagonal ? 0 : 1) + lane; i < n; i += 32)
            f(i, j);
}

// f(e), e < count
template <class F>
__device__ __forceinline__ void each_of(Index count, F&& f) {
    for (Index e = threadIdx.x; e < count; e += block_threads)
        f(e);
}

// Sum or maximum over the block in a fixed order, for all threads. scratch: block_warps numbers of shared memory.
template <class F>
__device__ __forceinline__ double block_reduce(double x, double* scratch, F&& f) {
    for (int step = 16; step > 0; step /= 2)
        x = f(x, __shfl_xor_sync(0xffffffffU, x, step));
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = x;
    __syncthreads();
    double result = scratch[0];
    for (int w = 1; w < block_warps; ++w)
        result = f(result, scratch[w]);
    __syncthreads();
    return result;
}
__device__ inline double block_sum(double x, double* scratch) {
    return block_reduce(x, scratch, [](double a, double b) { return a + b; });
}
__device__ inline double block_max(double x, double* scratch) {
    return block_reduce(x, scratch, [](double a, double b) { return a < b ? b : a; });
}

// own += op(A) op(B), tiles in shared memory with leading dimension tile_stride<R>
template <int R, Op a, Op b, class T>
__device__ __forceinline__ void accumulate(T (&own)[R][R], const T* A, const T* B, int depth) {
    constexpr int ld = tile_stride<R>;
    constexpr int along_i = a == Op::none ? 1 : ld, along_j = b == Op::none ? ld : 1;
    const T* x = A + static_cast<int>(threadIdx.x) % block_side * along_i;
    const T* y = B + static_cast<int>(threadIdx.x) / block_side * along_j;
    for (int k = 0; k < depth; ++k) {
        T u[R], v[R];
        each_constant<R>([&](auto i) { u[i] = x[block_side * along_i * i]; });
        each_constant<R>([&](auto j) { v[j] = y[block_side * along_j * j]; });
        each_constant<R>([&](auto j) { each_constant<R>([&](auto i) { own[i][j] += u[i] * v[j]; }); });
        x += a == Op::none ? ld : 1;
        y += b == Op::none ? 1 : ld;
    }
}

// to(i, k) = from(i, k) for i < side, k < depth, else 0; in `from` i (along) or k runs fastest.
template <int R, bool along, class T>
__device__ __forceinline__ void stage(T* to, int side, int depth, const T* from, int ld) {
    for (int e = static_cast<int>(threadIdx.x); e < tile_side<R> * chunk; e += block_threads) {
        const int i = along ? e % tile_side<R> : e / chunk, k = along ? e / tile_side<R> : e % chunk;
        T x = 0;
        if (i < side && k < depth)
            x = along ? from[static_cast<Index>(k) * ld + i] : from[static_cast<Index>(i) * ld + k];
        to[k * tile_stride<R> + i] = x;
    }
}

// store(i, j, (op(A) op(B))_ij) for [rows, cols], or for its tiles on and below the diagonal. Operands in global memory
// pass through a tile of shared memory. A tile is stored when all of it has been computed, so an operand that no later
// tile reads may be overwritten.
template <int R, Op a, Op b, class T, class Store>
__device__ __forceinline__ void block_product(int rows, int cols, int depth, const T* A, int lda, const T* B, int ldb,
                                              T* tile, Store&& store, bool lower = false) {
    constexpr int side = tile_side<R>;
    constexpr bool x = a == Op::none, y = b == Op::transpose;
    T *const X = tile, *const Y = tile + chunk * tile_stride<R>;
    for (int j0 = 0; j0 < cols; j0 += side)
        for (int i0 = lower ? j0 : 0; i0 < rows; i0 += side) {
            T own[R][R] = {};
            const T *u = A + static_cast<Index>(i0) * (x ? 1 : lda), *v = B + static_cast<Index>(j0) * (y ? 1 : ldb);
            for (int k0 = 0; k0 < depth; k0 += chunk) {
                stage<R, x>(X, rows - i0, depth - k0, u + static_cast<Index>(k0) * (x ? lda : 1), lda);
                stage<R, y>(Y, cols - j0, depth - k0, v + static_cast<Index>(k0) * (y ? ldb : 1), ldb);
                __syncthreads();
                accumulate<R, Op::none, Op::transpose>(own, X, Y, depth - k0 < chunk ? depth - k0 : chunk);
                __syncthreads();
            }
            write_tile<R>(own, tile);
            __syncthreads();
            each_entry(rows - i0 < side ? rows - i0 : side, cols - j0 < side ? cols - j0 : side,
                       [&](int i, int j) { store(i0 + i, j0 + j, tile[j * tile_stride<R> + i]); });
            __syncthreads();
        }
}

// A <- A^-1 of [n, n], n <= 16 R, a tile in shared memory, zero outside: in-place Gauss-Jordan without pivoting, in
// registers. One barrier a pivot: its row and column are published in one of two buffers by turns. 2 n^3 operations.
template <int R, class T>
__device__ __forceinline__ void block_invert_tile(int n, T* tile) {
    constexpr int side = tile_side<R>;
    const int ti = static_cast<int>(threadIdx.x) % block_side, tj = static_cast<int>(threadIdx.x) / block_side;
    T own[R][R];
    read_tile<R>(own, tile);
    __syncthreads();
    each_constant<R>([&](auto kk) {
        const int left = n - block_side * kk;
        for (int s = 0; s < left && s < block_side; ++s) {
            T *const row = tile + (s % 2) * 2 * side, *const column = row + side;
            if (tj == s)
                each_constant<R>([&](auto i) { column[ti + block_side * i] = own[i][kk]; });
            if (ti == s)
                each_constant<R>([&](auto j) { row[tj + block_side * j] = own[kk][j]; });
            __syncthreads();
            const T inverse = 1 / row[s + block_side * kk];
            T c[R], f[R];
            each_constant<R>([&](auto i) { c[i] = column[ti + block_side * i]; });
            each_constant<R>([&](auto j) { f[j] = row[tj + block_side * j] * inverse; });
            // a_ij - a_ik a_kj / a_kk everywhere; the pivot row, column and number join by setting 0, -1 and 1 / a_kk
            if (ti == s) {
                c[kk] = -1;
                each_constant<R>([&](auto j) { own[kk][j] = 0; });
            }
            if (tj == s) {
                f[kk] = inverse;
                each_constant<R>([&](auto i) { own[i][kk] = 0; });
            }
            each_constant<R>([&](auto j) { each_constant<R>([&](auto i) { own[i][j] -= c[i] * f[j]; }); });
        }
    });
    __syncthreads();
    write_tile<R>(own, tile);
    __syncthreads();
}

// A <- A^-1 in global memory, [n, n] of leading dimension n, by panels of a tile:
//   D = A_pp^-1,  A_pj <- D A_pj,  A_ij <- A_ij - A_ip A_pj,  A_ip <- -A_ip D,  A_pp <- D
template <int R, class T>
__device__ __forceinline__ void block_invert_panels(int n, T* A, T* tile) {
    constexpr int side = tile_side<R>, ld = tile_stride<R>;
    const auto at = [&](int i, int j) { return A + static_cast<Index>(j) * n + i; };
    for (int p = 0; p < n; p += side) {
        const int size = n - p < side ? n - p : side, end = p + size;
        fill_tile<R>(tile, size, size, [&](int i, int j) { return *at(p + i, p + j); });
        block_invert_tile<R>(size, tile);
        each_entry(size, size, [&](int i, int j) { *at(p + i, p + j) = tile[j * ld + i]; });
        __syncthreads();
        for (int part = 0; part < 2; ++part) {
            const int j0 = part == 0 ? 0 : end, cols = part == 0 ? p : n - end;
            block_product<R, Op::none, Op::none>(size, cols, size, at(p, p), n, at(p, j0), n, tile,
                                                 [&](int i, int j, T sum) { *at(p + i, j0 + j) = sum; });
        }
        for (int part = 0; part < 4; ++part) {
            const int i0 = part % 2 == 0 ? 0 : end, rows = part % 2 == 0 ? p : n - end;
            const int j0 = part / 2 == 0 ? 0 : end, cols = part / 2 == 0 ? p : n - end;
            block_product<R, Op::none, Op::none>(rows, cols, size, at(i0, p), n, at(p, j0), n, tile,
                                                 [&](int i, int j, T sum) { *at(i0 + i, j0 + j) -= sum; });
        }
        for (int part = 0; part < 2; ++part) {
            const int i0 = part == 0 ? 0 : end, rows = part == 0 ? p : n - end;
            block_product<R, Op::none, Op::none>(rows, size, size, at(i0, p), n, at(p, p), n, tile,
                                                 [&](int i, int j, T sum) { *at(i0 + i, p + j) = -sum; });
        }
    }
}

}  // namespace descrambler::cuda
