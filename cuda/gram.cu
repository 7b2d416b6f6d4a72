// Gram matrices of signals that are stored, or made on the spot by a dense layer and never stored.
//   gram        G = S S^T + beta G                S [n, N], G [n, n] symmetric, written whole
//   dense_gram  the same with S = f(W x + b)      W [n, d], b [n] or empty, x [d, N], which a batch may share
// Samples go by fixed slices of 2048: one block sums a slice in registers, 64 samples at a time through shared memory;
// a second kernel adds the slices in double, in their order. So the bits depend on N alone, and in float the sum over
// many samples loses nothing. n <= 128: one block has all of G, 16 x 16 threads with the blocks (r, c <= r) of 16 x 16
// entries. Beyond: tiles of 128 x 128, the signals of dense_gram stored slice by slice.
// flops  n (n + 1) N, dense_gram 2 n d N more;  bytes  n N words, dense_gram d N, and n n a slice
// resources slice_kernel double n 128, d 256, 2048 samples: shared 90624 bytes, 236 registers, 168034304 flops
// resources slice_kernel float n 128, d 256, 2048 samples: shared 45312 bytes, 158 registers, 168034304 flops
#include "gram.hpp"

#include <algorithm>

#include "activation.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

constexpr int side = 16, threads = side * side;  // thread = row + side * column
constexpr int chunk = 64;                        // samples in shared memory
template <class T>
constexpr int tile_chunk = sizeof(T) == 8 ? 32 : 64;  // of two tiles at once: 64 KiB
constexpr int depth = 16;                             // inputs in shared memory
constexpr int tile = 128;                             // signals a block can have
constexpr Index slice = 2048;

// Signals as they stand.
template <class T>
struct Stored {
    Batch<const T> S;
    static constexpr int space = 0;  // numbers of shared memory
    // Rows first .. of `count` samples from `sample` into to [16 R, wide]; what does not exist is 0.
    template <int R, int wide = chunk>
    __device__ void fill(Index item, Index first, Index sample, int count, T* to, T*) const {
        const T* const from = S.data + item * S.stride + sample * S.ld + first;
        for (int e = threadIdx.x; e < side * R * wide; e += threads) {
            const int i = e % (side * R), j = e / (side * R);
            to[e] = j < count && first + i < S.rows ? from[i + j * S.ld] : T{0};
        }
        __syncthreads();
    }
};

// Signals of a dense layer.
template <class T>
struct Dense {
    Activation f;
    Batch<const T> W, b, x;
    static constexpr int lead = depth + 1;
    static constexpr int space = tile * depth + chunk * lead;
    template <int R>
    __device__ void fill(Index item, Index first, Index sample, int count, T* to, T* space) const {
        constexpr int rows = side * R, wide = chunk / side;
        const Index left = W.rows - first;
        const int ti = threadIdx.x % side, tj = threadIdx.x / side;
        const T* const w = W.data + item * W.stride + first;
        const T* const in = x.data + item * x.stride + sample * x.ld;
        T* const ws = space;  // [rows, depth]
        T* const xs = space + rows * depth;
        T z[R][wide] = {};
        for (Index k0 = 0; k0 < W.cols; k0 += depth) {
            const int steps = W.cols - k0 < depth ? static_cast<int>(W.cols - k0) : depth;
            for (int e = threadIdx.x; e < rows * depth; e += threads) {
                const int i = e % rows, k = e / rows;
                ws[e] = i < left && k < steps ? w[i + (k0 + k) * W.ld] : T{0};
            }
            for (int e = threadIdx.x; e < chunk * depth; e += threads) {
                const int k = e % depth, j = e / depth;
                xs[k + j * lead] = j < count && k < steps ? in[k0 + k + j * x.ld] : T{0};
            }
            __syncthreads();
#pragma unroll 4
            for (int k = 0; k < depth; ++k) {
                T p[R], q[wide];
#pragma unroll
                for (int r = 0; r < R; ++r)
                    p[r] = ws[ti + side * r + k * rows];
#pragma unroll
                for (int c = 0; c < wide; ++c)
                    q[c] = xs[k + (tj + side * c) * lead];
#pragma unroll
                for (int r = 0; r < R; ++r)
#pragma unroll
                    for (int c = 0; c < wide; ++c)
                        z[r][c] = std::fma(p[r], q[c], z[r][c]);
            }
            __syncthreads();
        }
#pragma unroll
        for (int r = 0; r < R; ++r)
#pragma unroll
            for (int c = 0; c < wide; ++c)
                to[ti + side * r + (tj + side * c) * rows] = z[r][c];
        __syncthreads();
        // not in registers: five activations for each of them would make the code very long
        const T* const bias = b.data == nullptr ? nullptr : b.data + item * b.stride + first;
        with_activation<T>(f, [&](auto g) {
            for (int e = threadIdx.x; e < rows * chunk; e += threads) {
                const int i = e % rows, j = e / rows;
                to[e] = i < left && j < count ? g(bias == nullptr ? to[e] : to[e] + bias[i]) : T{0};
            }
        });
        __syncthreads();
    }
};

// Sums of slice first_slice + blockIdx.x % slices, item blockIdx.x / slices: sums [n, n] x (slices x items), blocks on
// and below the diagonal.
template <class T, int R, class Source>
__global__ void __launch_bounds__(threads, 1)
    slice_kernel(Source source, Index n, Index samples, Index first_slice, Index slices, T* sums) {
    constexpr int rows = side * R;
    T* const s = dynamic_shared<T>();
    const Index item = blockIdx.x / slices;
    const Index begin = (first_slice + blockIdx.x % slices) * slice;
    const int ti = threadIdx.x % side, tj = threadIdx.x / side;
    T sum[R][R] = {};
    for (Index at = begin; at < samples && at < begin + slice; at += chunk) {
        const int count = samples - at < chunk ? static_cast<int>(samples - at) : chunk;
        source.template fill<R>(item, 0, at, count, s, s + rows * chunk);
#pragma unroll 2
        for (int j = 0; j < chunk; ++j) {
            T p[R], q[R];
#pragma unroll
            for (int r = 0; r < R; ++r) {
                p[r] = s[ti + side * r + j * rows];
                q[r] = s[tj + side * r + j * rows];
            }
#pragma unroll
            for (int r = 0; r < R; ++r)
#pragma unroll
                for (int c = 0; c <= r; ++c)
                    sum[r][c] = std::fma(p[r], q[c], sum[r][c]);
        }
        __syncthreads();
    }
    T* const to = sums + blockIdx.x * n * n;
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c <= r; ++c) {
            const int i = ti + side * r, j = tj + side * c;
            if (i < n && j < n)
                to[i + j * n] = sum[r][c];
        }
}

// The same by tiles: blockIdx.x = pair + pairs * (slice + slices * item), pair (I, J <= I) counted by rows.
template <class T>
__global__ void __launch_bounds__(threads, 1)
    tile_kernel(Stored<T> source, Index samples, Index first_slice, Index slices, Index pairs, T* sums) {
    constexpr int R = tile / side, wide = tile_chunk<T>;
    T* const s = dynamic_shared<T>();
    T* const t = s + tile * wide;
    const Index n = source.S.rows, block = blockIdx.x / pairs, item = block / slices;
    Index I = 0, J = blockIdx.x % pairs;
    while (J > I)
        J -= ++I;
    const Index begin = (first_slice + block % slices) * slice;
    const int ti = threadIdx.x % side, tj = threadIdx.x / side;
    T sum[R][R] = {};
    for (Index at = begin; at < samples && at < begin + slice; at += wide) {
        const int count = samples - at < wide ? static_cast<int>(samples - at) : wide;
        source.template fill<R, wide>(item, I * tile, at, count, s, nullptr);
        source.template fill<R, wide>(item, J * tile, at, count, t, nullptr);
        for (int j = 0; j < wide; ++j) {
            T p[R], q[R];
#pragma unroll
            for (int r = 0; r < R; ++r) {
                p[r] = s[ti + side * r + j * tile];
                q[r] = t[tj + side * r + j * tile];
            }
#pragma unroll
            for (int r = 0; r < R; ++r)
#pragma unroll
                for (int c = 0; c < R; ++c)
                    sum[r][c] = std::fma(p[r], q[c], sum[r][c]);
        }
        __syncthreads();
    }
    T* const to = sums + block * n * n;
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c < R; ++c) {
            const Index i = I * tile + ti + side * r, j = J * tile + tj + side * c;
            if (i < n && j < n)
                to[i + j * n] = sum[r][c];
        }
}

// S = f(W x + b), samples first .. first + count - 1: blockIdx.x = row tile + tiles * (chunk + chunks * item).
template <class T>
__global__ void __launch_bounds__(threads, 1) signal_kernel(Dense<T> layer, Index first, Index tiles, Batch<T> S) {
    constexpr int R = tile / side;
    T* const s = dynamic_shared<T>();
    const Index chunks = (S.cols + chunk - 1) / chunk, block = blockIdx.x / tiles, item = block / chunks;
    const Index row = blockIdx.x % tiles * tile, at = block % chunks * chunk;
    const int count = S.cols - at < chunk ? static_cast<int>(S.cols - at) : chunk;
    layer.template fill<R>(item, row, first + at, count, s, s + tile * chunk);
    T* const to = S.data + item * S.stride;
    for (int e = threadIdx.x; e < tile * chunk; e += threads) {
        const int i = e % tile, j = e / tile;
        if (row + i < S.rows && j < count)
            to[row + i + (at + j) * S.rows] = s[e];
    }
}

// total [n, n] x items += the slices, in their order.
template <class T>
__global__ void __launch_bounds__(threads)
    add_kernel(const T* sums, Index n, Index slices, Index items, double* total) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x, size = n * n;
    for (Index e = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; e < size * items; e += step) {
        const Index item = e / size, at = e % size;
        if (at % n < at / n)
            continue;
        double sum = total[e];
        for (Index s = 0; s < slices; ++s)
            sum += static_cast<double>(sums[(item * slices + s) * size + at]);
        total[e] = sum;
    }
}

template <class T>
__global__ void __launch_bounds__(threads) finish_kernel(const double* total, T beta, Batch<T> G) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x, n = G.rows, size = n * n;
    for (Index e = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; e < size * G.batch; e += step) {
        const Index item = e / size, i = e % size % n, j = e % size / n;
        if (i < j)
            continue;
        T* const g = G.data + item * G.stride;
        const double old = beta == 0 ? 0.0 : static_cast<double>(beta) * static_cast<double>(g[i + j * G.ld]);
        g[i + j * G.ld] = g[j + i * G.ld] = static_cast<T>(total[e] + old);
    }
}

dim3 grid_of(Index blocks) {
    return dim3(static_cast<unsigned>(blocks));
}

// total += Gram of the signals of all samples; n = rows of them.
template <class T, class Source>
void accumulate(Context& on, const Source& source, Index n, Index samples, Index items, double* total) {
    const Index all = (samples + slice - 1) / slice;
    const Scratch<T> sums(on, all, n * n * items);
    const Index slices = sums.items();
    for (Index first = 0; first < all; first += slices) {
        const Index count = std::min(slices, all - first);
        const auto run = [&]<int R>(std::integral_constant<int, R>) {
            launch(on, slice_kernel<T, R, Source>, grid_of(count * items), threads,
                   static_cast<std::size_t>(side * R * chunk + Source::space) * sizeof(T), source, n, samples, first,
                   count, sums.data());
        };
        if (n <= 32)
            run(std::integral_constant<int, 2>{});
        else if (n <= 64)
            run(std::integral_constant<int, 4>{});
        else if (n <= 80)
            run(std::integral_constant<int, 5>{});
        else if (n <= 96)
            run(std::integral_constant<int, 6>{});
        else if (n <= tile)
            run(std::integral_constant<int, 8>{});
        else if constexpr (std::is_same_v<Source, Stored<T>>) {
            const Index tiles = (n + tile - 1) / tile, pairs = tiles * (tiles + 1) / 2;
            launch(on, tile_kernel<T>, grid_of(pairs * count * items), threads, 2 * tile * tile_chunk<T> * sizeof(T),
                   source, samples, first, count, pairs, sums.data());
        }
        launch(on, add_kernel<T>, blocks_for(n * n * items, threads), threads, 0, sums.data(), n, count, items, total);
    }
}

template <class T>
void finish(Context& on, const Memory<double>& total, T beta, Batch<T> G) {
    launch(on, finish_kernel<T>, blocks_for(G.size() * G.batch, threads), threads, 0, total.data(), beta, G);
}

}  // namespace

template <class T>
void gram(Context& on, Batch<const T> S, T beta, Batch<T> G) {
    if (G.size() == 0 || G.batch == 0)
        return;
    Memory<double> total(on, G.size() * G.batch);
    total.zero();
    accumulate<T>(on, Stored<T>{S}, S.rows, S.cols, G.batch, total.data());
    finish(on, total, beta, G);
}

template <class T>
void dense_gram(Context& on, Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G) {
    if (G.size() == 0 || G.batch == 0)
        return;
    const Index n = W.rows, samples = x.cols;
    const Dense<T> layer{f, W, b, x};
    Memory<double> total(on, G.size() * G.batch);
    total.zero();
    if (n <= tile)
        accumulate<T>(on, layer, n, samples, G.batch, total.data());
    else {
        // one item at a time: a slice of it fills the device
        const Index all = (samples + slice - 1) / slice, tiles = (n + tile - 1) / tile;
        Index slices =
            std::min<Index>(items_that_fit(on, all, static_cast<std::size_t>(slice + n) * n * sizeof(T)), 16);
        const Memory<T> signals =
            make_what_fits(slices, [&](Index count) { return Memory<T>(on, n * std::min(count * slice, samples)); });
        for (Index item = 0; item < G.batch; ++item)
            for (Index first = 0; first < samples; first += slices * slice) {
                const Batch<T> S = signals.view(n, std::min(slices * slice, samples - first));
                const Dense<T> one{f, W.item(item), b.data == nullptr ? b : b.item(item), x.item(item)};
                launch(on, signal_kernel<T>, grid_of(tiles * ((S.cols + chunk - 1) / chunk)), threads,
                       static_cast<std::size_t>(tile * chunk + Dense<T>::space) * sizeof(T), one, first, tiles, S);
                accumulate<T>(on, Stored<T>{S}, n, S.cols, 1, total.data() + item * n * n);
            }
    }
    finish(on, total, beta, G);
}

template void gram<float>(Context&, Batch<const float>, float, Batch<float>);
template void gram<double>(Context&, Batch<const double>, double, Batch<double>);
template void dense_gram<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>, float,
                                Batch<float>);
template void dense_gram<double>(Context&, Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                 double, Batch<double>);

}  // namespace descrambler::cuda
