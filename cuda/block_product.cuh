// C [rows, cols] = A B by one block of factor_threads threads, through shared memory: tiles of 128 x 64, of which a
// warp takes every 16th column and 32 rows at a time, so that of the parts outside C only the rest of the last 32 rows
// costs anything. An operand is given by the object that fills the stage in shared memory: rows of A as they stand or
// transposed, columns of B in any order, or the normal numbers of a sketch made on the spot. Every entry is summed over
// k in ascending order.
#pragma once

#include "block_factor.cuh"
#include "descrambler/random.hpp"
#include "random.cuh"

namespace descrambler::cuda {

inline constexpr int product_rows = 128, product_cols = 64, product_depth = 32;
inline constexpr int product_lead = product_rows + 1;  // odd: a transposed fill hits every bank
inline constexpr int product_stage = product_depth * (product_lead + product_cols);  // numbers of shared memory

template <class T>
struct Rows {  // A(i, k) = data[i + lead k], or, transposed, data[k + lead i]
    const T* data;
    int lead;
    bool transposed;
    __device__ void fill(T* stage, int first, int rows, int k0, int depth) const {
#pragma unroll 2
        for (int e = threadIdx.x; e < product_rows * product_depth; e += factor_threads) {
            const int i = transposed ? e / product_depth : e % product_rows;
            const int k = transposed ? e % product_depth : e / product_rows;
            if (first + i < rows && k < depth)
                stage[k * product_lead + i] = data[transposed ? k0 + k + static_cast<Index>(first + i) * lead
                                                              : first + i + static_cast<Index>(k0 + k) * lead];
        }
    }
};
template <class T>
struct Columns {  // B(k, j) = data[k + lead order[j]]
    const T* data;
    int lead;
    const int* order;  // null: as they stand
    __device__ void fill(T* stage, int first, int cols, int k0, int depth) const {
#pragma unroll 2
        for (int e = threadIdx.x; e < product_cols * product_depth; e += factor_threads) {
            const int k = e % product_depth, j = e / product_depth;
            if (first + j < cols && k < depth)
                stage[e] = data[k0 + k + static_cast<Index>(order == nullptr ? first + j : order[first + j]) * lead];
        }
    }
};
template <class T>
struct Sketch {  // B(k, j) = number k + rows j of random_normal(seed, stream::sketch, 0, [rows, cols])
    std::uint64_t seed;
    int rows;
    __device__ void fill(T* stage, int first, int cols, int k0, int depth) const {
        constexpr int width = numbers_a_block<T>, blocks = product_depth / width + 1;  // that a column may touch
#pragma unroll 1
        for (int t = threadIdx.x; t < product_cols * blocks; t += factor_threads) {
            const int j = t / blocks;
            if (first + j >= cols)
                continue;
            const Index begin = k0 + static_cast<Index>(first + j) * rows;
            const Index block = begin / width + t % blocks;
            if (block * width >= begin + depth)
                continue;
            T numbers[width];
            normal_block(philox(seed, stream::sketch, static_cast<std::uint64_t>(block)), numbers);
            for (int w = 0; w < width; ++w) {
                const Index k = block * width + w - begin;
                if (k >= 0 && k < depth)
                    stage[j * product_depth + k] = numbers[w];
            }
        }
    }
};

template <class T, class Left, class Right>
__device__ void block_product(int rows, int cols, int depth, const Left& left, const Right& right, T* C, T* stage) {
    constexpr int deep = product_rows / warp_size, wide = product_cols / factor_warps;
    T* const a = stage;
    T* const b = stage + product_depth * product_lead;
    const Lane me = this_lane();
    for (int i0 = 0; i0 < rows; i0 += product_rows)
        for (int j0 = 0; j0 < cols; j0 += product_cols) {
            T sum[deep][wide] = {};
            for (int k0 = 0; k0 < depth; k0 += product_depth) {
                const int steps = depth - k0 < product_depth ? depth - k0 : product_depth;
                left.fill(a, i0, rows, k0, steps);
                right.fill(b, j0, cols, k0, steps);
                __syncthreads();
#pragma unroll 2
                for (int k = 0; k < steps; ++k) {
                    T x[deep], y[wide];
#pragma unroll
                    for (int r = 0; r < deep; ++r)
                        x[r] = i0 + warp_size * r < rows ? a[k * product_lead + me.lane + warp_size * r] : T{0};
#pragma unroll
                    for (int c = 0; c < wide; ++c)
                        y[c] = b[(me.warp + factor_warps * c) * product_depth + k];
#pragma unroll
                    for (int c = 0; c < wide; ++c)
                        if (j0 + me.warp + factor_warps * c < cols)
#pragma unroll
                            for (int r = 0; r < deep; ++r)
                                if (i0 + warp_size * r < rows)
                                    sum[r][c] = std::fma(x[r], y[c], sum[r][c]);
                }
                __syncthreads();
            }
#pragma unroll
            for (int c = 0; c < wide; ++c)
#pragma unroll
                for (int r = 0; r < deep; ++r) {
                    const int i = i0 + me.lane + warp_size * r, j = j0 + me.warp + factor_warps * c;
                    if (i < rows && j < cols)
                        C[i + static_cast<Index>(j) * rows] = sum[r][c];
                }
        }
    __syncthreads();
}

}  // namespace descrambler::cuda
