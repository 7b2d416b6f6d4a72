// One block computes one tile of a product, in registers: the core of the dense layers, the DEER
// traces and, with operands that are gathered (block_sum), the convolutions.
//   acc [16 RM, 16 RN] = op(A) op(B),  A and B column-major in device memory,  sum over k = 0, 1, ... in this order
// 256 threads as 16 x 16; a thread owns RM x RN numbers: its rows lie in groups of 16 bytes (one load of shared memory,
// one store of the result), what does not fill a group is one by one. Chunks of `depth` columns of op(A) and rows of
// op(B) are double-buffered in shared memory: the next is on its way while the present one is used, one barrier per
// chunk.
// A number of the result is one chain of fused multiply-adds over k, so its bits do not depend on the tile.
// flops  2 M N K
// bytes  (M K ceil(N / 16 RN) + K N ceil(M / 16 RM)) sizeof(T), mostly from L2
// Shared memory per step of k and warp: RM / V + RN / V conflict-free loads of 16 bytes for RM RN multiply-adds.
#pragma once

#include "simt.hpp"

namespace descrambler::cuda {

inline constexpr int product_threads = 256;

template <class T>
inline constexpr int vector_width = 16 / static_cast<int>(sizeof(T));

template <class T>
struct alignas(16) Vector {
    T x[vector_width<T>];
};

template <class T, int rows_a_thread, int cols_a_thread>
struct Tile {
    using Number = T;
    static constexpr int rm = rows_a_thread, rn = cols_a_thread, rows = 16 * rm, cols = 16 * rn, depth = 16;
    // the pad keeps 16-byte alignment and spreads columns over banks
    static constexpr int row_pitch = rows + vector_width<T>, col_pitch = cols + vector_width<T>;
    static constexpr int stage = depth * (row_pitch + col_pitch);  // numbers
    static constexpr std::size_t shared_bytes = 2 * stage * sizeof(T);

    T at[cols_a_thread][rows_a_thread];  // the thread's numbers, column after column
};

// Where a thread stands in the tile. A warp is 8 x 4 threads.
struct TilePlace {
    int row, col;  // of 16 x 16
};
__device__ inline TilePlace tile_place() {
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    return {warp % 2 * 8 + lane % 8, warp / 2 * 4 + lane / 8};
}

// Row or column of the tile of number e of R that the thread at `place` owns.
template <class T, int R>
constexpr int tile_index(int place, int e) {
    constexpr int width = vector_width<T>, grouped = R / width * width;
    return e < grouped ? (16 * (e / width) + place) * width + e % width : 16 * e + place;
}

// A factor as the tile sees it: `outer` counts its rows (left factor) or columns (right factor), `depth` the sum.
template <class T>
struct Factor {
    const T* data;
    int outer, depth, pitch;  // int for the sake of registers
    bool outer_first;         // memory runs along outer, or along depth; the other advances by pitch
};
template <class T>
constexpr Factor<T> left_factor(Op op, const Batch<const T>& A) {
    const int rows = static_cast<int>(A.rows), cols = static_cast<int>(A.cols), pitch = static_cast<int>(A.ld);
    return op == Op::none ? Factor<T>{A.data, rows, cols, pitch, true} : Factor<T>{A.data, cols, rows, pitch, false};
}
template <class T>
constexpr Factor<T> right_factor(Op op, const Batch<const T>& B) {
    const int rows = static_cast<int>(B.rows), cols = static_cast<int>(B.cols), pitch = static_cast<int>(B.ld);
    return op == Op::none ? Factor<T>{B.data, cols, rows, pitch, false} : Factor<T>{B.data, rows, cols, pitch, true};
}

// What one thread carries of a chunk of a factor, from `begin` on: R numbers, 16 threads along memory.
template <class T, int R, int pitch>
struct Carried {
    Factor<T> from;
    int begin;
    T x[R];

    __device__ __forceinline__ void load(int k0) {
        const int fast = static_cast<int>(threadIdx.x % 16), slow = static_cast<int>(threadIdx.x / 16);
        const int k = k0 + (from.outer_first ? slow : fast), outer = begin + (from.outer_first ? fast : slow);
        const Index step = from.outer_first ? 16 : 16 * static_cast<Index>(from.pitch);
        const T* at = from.data + (from.outer_first ? outer + static_cast<Index>(k) * from.pitch
                                                    : k + static_cast<Index>(outer) * from.pitch);
        const int inside = k < from.depth ? from.outer - outer : 0;
#pragma unroll
        for (int e = 0; e < R; ++e) {
            x[e] = 16 * e < inside ? *at : T{0};
            at += step;
        }
    }
    __device__ __forceinline__ void store(T* to) const {
        const int fast = static_cast<int>(threadIdx.x % 16), slow = static_cast<int>(threadIdx.x / 16);
        T* const at = to + (from.outer_first ? slow * pitch + fast : fast * pitch + slow);
#pragma unroll
        for (int e = 0; e < R; ++e)
            at[16 * e] = x[e];
    }
};

// The R numbers of one step of k that the thread at `place` needs.
template <class T, int R>
__device__ __forceinline__ void fragment(const T* from, int place, T* x) {
    constexpr int width = vector_width<T>, grouped = R / width * width;
#pragma unroll
    for (int g = 0; g < grouped / width; ++g) {
        const Vector<T> v = *reinterpret_cast<const Vector<T>*>(from + (16 * g + place) * width);
#pragma unroll
        for (int i = 0; i < width; ++i)
            x[g * width + i] = v.x[i];
    }
#pragma unroll
    for (int e = grouped; e < R; ++e)
        x[e] = from[tile_index<T, R>(place, e)];
}

// Half a chunk.
template <class Tile, class T = typename Tile::Number>
__device__ __forceinline__ void multiply_add(const T* a, const T* b, TilePlace place, Tile& acc) {
#pragma unroll
    for (int k = 0; k < Tile::depth / 2; ++k) {
        T x[Tile::rm], y[Tile::rn];
        fragment<T, Tile::rm>(a + k * Tile::row_pitch, place.row, x);
        fragment<T, Tile::rn>(b + k * Tile::col_pitch, place.col, y);
#pragma unroll
        for (int j = 0; j < Tile::rn; ++j)
#pragma unroll
            for (int i = 0; i < Tile::rm; ++i)
                acc.at[j][i] = std::fma(x[i], y[j], acc.at[j][i]);
    }
}

// acc = sum over k = 0 .. depth - 1 of what `left` and `right` carry: load(k0) takes the thread's share of a chunk into
// registers, zeros beyond the depth, store(to) puts it into shared memory, [depth][pitch]. All threads of the block; uses
// Tile::shared_bytes.
template <class Tile, class Left, class Right, class T = typename Tile::Number>
__device__ __forceinline__ void block_sum(Left& left, Right& right, int depth, Tile& acc) {
    T* const shared = dynamic_shared<T>();
    const TilePlace place = tile_place();
#pragma unroll
    for (int j = 0; j < Tile::rn; ++j)
#pragma unroll
        for (int i = 0; i < Tile::rm; ++i)
            acc.at[j][i] = 0;

    // One factor of the next chunk at a time is in registers: both at once would be too many.
    left.load(0);
    right.load(0);
    left.store(shared);
    right.store(shared + Tile::depth * Tile::row_pitch);
    __syncthreads();
    int half = 0;
    for (int k0 = 0; k0 < depth; k0 += Tile::depth) {
        const T* const a = shared + half * Tile::stage;
        const T* const b = a + Tile::depth * Tile::row_pitch;
        half ^= 1;
        T* const next = shared + half * Tile::stage;
        const bool more = k0 + Tile::depth < depth;
        if (more)
            left.load(k0 + Tile::depth);
        multiply_add(a, b, place, acc);
        if (more) {
            left.store(next);
            right.load(k0 + Tile::depth);
        }
        multiply_add(a + Tile::depth / 2 * Tile::row_pitch, b + Tile::depth / 2 * Tile::col_pitch, place, acc);
        if (more)
            right.store(next + Tile::depth * Tile::row_pitch);
        __syncthreads();
    }
}

// The tile of op(A) op(B) whose first element is (row, col).
template <class Tile, class T = typename Tile::Number>
__device__ __forceinline__ void block_product(const Factor<T>& A, const Factor<T>& B, int row, int col, Tile& acc) {
    Carried<T, Tile::rm, Tile::row_pitch> left{A, row, {}};
    Carried<T, Tile::rn, Tile::col_pitch> right{B, col, {}};
    block_sum(left, right, A.depth, acc);
}

// count numbers of a column, as one access of 16 bytes where that is possible; `inside`: how many exist.
template <int count, class T>
__device__ __forceinline__ void load_numbers(const T* from, int inside, T* x) {
    if (count == vector_width<T> && inside >= count && reinterpret_cast<std::uintptr_t>(from) % 16 == 0) {
        const Vector<T> v = *reinterpret_cast<const Vector<T>*>(from);
#pragma unroll
        for (int i = 0; i < count; ++i)
            x[i] = v.x[i % vector_width<T>];
        return;
    }
#pragma unroll
    for (int i = 0; i < count; ++i)
        x[i] = i < inside ? from[i] : T{0};
}
template <int count, class T>
__device__ __forceinline__ void store_numbers(T* to, int inside, const T* x) {
    if (count == vector_width<T> && inside >= count && reinterpret_cast<std::uintptr_t>(to) % 16 == 0) {
        Vector<T> v;
#pragma unroll
        for (int i = 0; i < count; ++i)
            v.x[i % vector_width<T>] = x[i];
        *reinterpret_cast<Vector<T>*>(to) = v;
        return;
    }
#pragma unroll
    for (int i = 0; i < count; ++i)
        if (i < inside)
            to[i] = x[i];
}

// Calls body.template group<count>(i, j, numbers) for each group of rows i .. i + count - 1 of column j that the thread
// owns and that begins inside [rows, cols].
template <class Tile, class Body>
__device__ __forceinline__ void for_groups(int row, int col, int rows, int cols, Tile& acc, Body&& body) {
    using T = typename Tile::Number;
    constexpr int width = vector_width<T>, grouped = Tile::rm / width * width;
    const TilePlace place = tile_place();
#pragma unroll
    for (int c = 0; c < Tile::rn; ++c) {
        const int j = col + tile_index<T, Tile::rn>(place.col, c);
        if (j >= cols)
            continue;
#pragma unroll
        for (int g = 0; g < grouped / width; ++g) {  // GCC 12 miscompiles this loop over e = 0, width, ...
            const int i = row + (16 * g + place.row) * width;
            if (i < rows)
                body.template group<width>(i, j, &acc.at[c][g * width]);
        }
        if constexpr (grouped < Tile::rm) {
#pragma unroll
            for (int e = grouped; e < Tile::rm; ++e) {
                const int i = row + tile_index<T, Tile::rm>(place.row, e);
                if (i < rows)
                    body.template group<1>(i, j, &acc.at[c][e]);
            }
        }
    }
}

// The tile of a grid of grid_of_tiles(rows, cols, items) blocks, flattened.
struct TileOfGrid {
    int row, col;
    Index item;
};
template <class Tile>
__device__ TileOfGrid tile_of_grid(Index rows, Index cols) {
    const Index down = (rows + Tile::rows - 1) / Tile::rows, across = (cols + Tile::cols - 1) / Tile::cols;
    const Index block = blockIdx.x, tile = block % (down * across);
    return {static_cast<int>(tile % down * Tile::rows), static_cast<int>(tile / down * Tile::cols),
            block / (down * across)};
}
template <class Tile>
[[nodiscard]] dim3 grid_of_tiles(Index rows, Index cols, Index items) {
    return dim3(
        static_cast<unsigned>((rows + Tile::rows - 1) / Tile::rows * ((cols + Tile::cols - 1) / Tile::cols) * items));
}

// Calls run.template operator()<RM, RN>() with the tile for a product [rows, cols] of each of `items`: large ones where
// they fill a device, with sides of 80 where that wastes less. Bits do not depend on the choice.
template <class T, class Run>
void with_tile(Index rows, Index cols, Index items, Run&& run) {
    if constexpr (sizeof(T) == 4) {
        constexpr Index enough = 128;  // blocks
        const auto padded = [](Index n, Index tile) { return (n + tile - 1) / tile * tile; };
        if (padded(rows, 128) * padded(cols, 128) * items >= enough * 128 * 128) {
            if (padded(rows, 80) < padded(rows, 128))
                return run.template operator()<5, 8>();
            if (padded(cols, 80) < padded(cols, 64))
                return run.template operator()<8, 5>();
            return run.template operator()<8, 4>();
        }
    }
    run.template operator()<4, 4>();
}

}  // namespace descrambler::cuda
