// Convolutions of probes and their adjoints as products that gather one of their factors: implicit gemm.
//   forward  y[n, m, o] (+)= sum over c, t of W[m, c, t] x[n, c, o stride + t dilation - pad]
//   adjoint  x[n, c, p] (+)= sum over m, t of W[m, c, t] y[n, m, (p + pad - t dilation) / stride]
// x [inputs, K], y [outputs, K], W [depth, out_channels]; of a group a product [positions, depth] [depth, outputs]. The
// positions of all images of all probes are the rows of its tiles (those of product.cuh); a chunk of the gathered factor
// goes from the source straight to shared memory, what the windows hold is never stored. Where a position reads stands in
// shared memory too, what a step of the depth adds is computed once a chunk by each thread (gather_sum.cuh). The adjoint
// gathers as well: every number is written once, by one thread. Groups with up to 4 outputs (channel by channel, an image
// of three colours) are summed directly, four positions a thread.
// A number is one chain of fused multiply-adds over the depth, c outside, taps inside; so its bits depend neither on the
// tile nor on K. A mask multiplies a number before it is stored.
// flops  2 depth a number of y, forward and adjoint; see cost.hpp
// bytes  the source ceil(outputs / 64) times and the weights once a tile of positions, mostly from L2; the target once
// resources gather_kernel double 64 channels, 64 outputs, 3 x 3, 16 x 16: shared 35264 bytes, 122 registers, 18874368 flops
// resources gather_kernel float 64 channels, 64 outputs, 3 x 3, 16 x 16: shared 18880 bytes, 100 registers, 18874368 flops
// resources direct_kernel double 64 channels, 3 outputs, 3 x 3, 16 x 16: shared 184 bytes, 105 registers, 884736 flops
// resources direct_kernel float 64 channels, 3 outputs, 3 x 3, 16 x 16: shared 184 bytes, 80 registers, 884736 flops
#include "convolution.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "gather_sum.cuh"
#include "product.cuh"
#include "repeated.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

constexpr int direct_threads = 128, direct_positions = 4 * direct_threads;  // of a block
constexpr int most_direct = 4;                                              // outputs of a group
constexpr Index most_numbers = Index{1} << 30;                              // that a launch counts

// ---- device functions ----------------------------------------------------------------------------------------------

// What a block knows of its tile, behind the chunks in shared memory.
template <int rows>
struct alignas(16) GatherTable {
    GatherPlace places[rows];
    std::uint32_t targets[rows];
    GatherSum sum;
};

// The gathered factor: 16 threads along the positions.
template <class T, int R, int pitch>
struct GatheredChunk {
    const T* source;
    const GatherShape& shape;
    const GatherSum& sum;
    const GatherPlace* places;
    T x[R];

    __device__ __forceinline__ void load(int k0) {
        const int k = k0 + static_cast<int>(threadIdx.x / 16);
        const bool any = k < sum.depth;
        const GatherStep step = sum.step(shape, static_cast<std::uint32_t>(k));
#pragma unroll
        for (int e = 0; e < R; ++e) {
            const GatherPlace place = places[threadIdx.x % 16 + 16 * e];
            x[e] = any && sum.inside(place, step) ? source[place.at + step.at] : T{0};
        }
    }
    __device__ __forceinline__ void store(T* to) const {
        T* const at = to + threadIdx.x / 16 * pitch + threadIdx.x % 16;
#pragma unroll
        for (int e = 0; e < R; ++e)
            at[16 * e] = x[e];
    }
};

// The weights, from output `begin` on: 16 threads along the depth, which is how they lie in memory.
template <class T, int R, int pitch>
struct WeightChunk {
    const T* weights;  // of the group
    const GatherShape& shape;
    const GatherSum& sum;
    int begin;
    T x[R];

    __device__ __forceinline__ void load(int k0) {
        const int k = k0 + static_cast<int>(threadIdx.x % 16), outer = begin + static_cast<int>(threadIdx.x / 16);
        const int inside = k < sum.depth ? shape.outputs - outer : 0;
        const std::uint32_t at = sum.step(shape, static_cast<std::uint32_t>(k)).weight;
#pragma unroll
        for (int e = 0; e < R; ++e)
            x[e] = 16 * e < inside ? weights[at + static_cast<std::uint32_t>((outer + 16 * e) * shape.weight_output)]
                                   : T{0};
    }
    __device__ __forceinline__ void store(T* to) const {
        T* const at = to + threadIdx.x % 16 * pitch + threadIdx.x / 16;
#pragma unroll
        for (int e = 0; e < R; ++e)
            at[16 * e] = x[e];
    }
};

// target (+)= the numbers of a tile: at once where the positions follow one another in memory.
template <class T>
struct Deliver {
    T* target;
    const std::uint32_t* places;
    int rows;
    std::uint32_t size;  // of one channel
    T beta;
    const ProbeMask<T>& mask;
    template <int count>
    __device__ __forceinline__ void group(int i, int j, const T* x) const {
        const std::uint32_t channel = static_cast<std::uint32_t>(j) * size;
        T* const to = target + channel;
        T numbers[count] = {};
        const bool together = count > 1 && i + count <= rows && places[i + count - 1] - places[i] == count - 1;
        if (beta != 0 && together)
            load_numbers<count>(to + places[i], count, numbers);
        else if (beta != 0)
            for (int e = 0; e < count; ++e)
                if (i + e < rows)
                    numbers[e] = to[places[i + e]];
#pragma unroll
        for (int e = 0; e < count; ++e)
            numbers[e] += x[e];
        if (mask.bits != nullptr)
#pragma unroll
            for (int e = 0; e < count; ++e)
                if (i + e < rows)
                    numbers[e] = mask(places[i + e] + channel, numbers[e]);
        if (together) {
            store_numbers<count>(to + places[i], count, numbers);
            return;
        }
#pragma unroll
        for (int e = 0; e < count; ++e)
            if (i + e < rows)
                to[places[i + e]] = numbers[e];
    }
};

// ---- kernels -------------------------------------------------------------------------------------------------------

// blockIdx.x = tile of outputs + tiles * (tile of positions + row_tiles * (group + groups * sum))
template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    gather_kernel(GatherShape shape, const T* W, Batch<const T> source, T beta, Batch<T> target, ProbeMask<T> mask,
                  int row_tiles) {
    auto& table = *reinterpret_cast<GatherTable<Tile::rows>*>(dynamic_shared<unsigned char>() + Tile::shared_bytes);
    const int across = (shape.outputs + Tile::cols - 1) / Tile::cols;
    int block = static_cast<int>(blockIdx.x);
    const int col = block % across * Tile::cols;
    block /= across;
    const int row = block % row_tiles * Tile::rows;
    block /= row_tiles;
    const int group = block % shape.groups;
    if (threadIdx.x == 0)
        table.sum = gather_sum(shape, block / shape.groups);
    __syncthreads();
    const GatherSum& sum = table.sum;
    const int all = sum.positions * shape.images * static_cast<int>(target.cols);
    if (row >= all)
        return;  // the whole block: a residue with fewer positions
    const int rows = all - row < Tile::rows ? all - row : Tile::rows;
    for (int r = static_cast<int>(threadIdx.x); r < Tile::rows; r += product_threads) {
        // beyond the last position nothing is inside
        table.places[r] = {0, -(1 << 30), 0, 0};
        if (r < rows)
            table.places[r] = sum.position(shape, group, row + r, static_cast<std::uint32_t>(source.ld),
                                           static_cast<std::uint32_t>(target.ld), table.targets[r]);
    }
    __syncthreads();
    GatheredChunk<T, Tile::rm, Tile::row_pitch> left{source.data, shape, sum, table.places, {}};
    WeightChunk<T, Tile::rn, Tile::col_pitch> right{
        W + static_cast<Index>(group) * shape.weight_group, shape, sum, col, {}};
    Tile acc;
    block_sum(left, right, sum.depth, acc);
    for_groups(0, col, rows, shape.outputs, acc,
               Deliver<T>{target.data, table.targets, rows, sum.target_size, beta, mask});
}

// blockIdx.x = tile of positions + row_tiles * (group + groups * sum)
template <class T, int outputs>
__global__ void __launch_bounds__(direct_threads, 4)
    direct_kernel(GatherShape shape, const T* W, Batch<const T> source, T beta, Batch<T> target, ProbeMask<T> mask,
                  int row_tiles) {
    constexpr int each = direct_positions / direct_threads;
    GatherSum& sum = *dynamic_shared<GatherSum>();
    int block = static_cast<int>(blockIdx.x);
    const int row = block % row_tiles * direct_positions + static_cast<int>(threadIdx.x);
    block /= row_tiles;
    const int group = block % shape.groups;
    if (threadIdx.x == 0)
        sum = gather_sum(shape, block / shape.groups);
    __syncthreads();
    const int all = sum.positions * shape.images * static_cast<int>(target.cols);
    GatherPlace places[each];
    std::uint32_t targets[each];
#pragma unroll
    for (int p = 0; p < each; ++p) {
        places[p] = {0, -(1 << 30), 0, 0};
        if (row + p * direct_threads < all)
            places[p] = sum.position(shape, group, row + p * direct_threads, static_cast<std::uint32_t>(source.ld),
                                     static_cast<std::uint32_t>(target.ld), targets[p]);
    }
    T result[each][outputs] = {};
    const T* const weights = W + static_cast<Index>(group) * shape.weight_group;
    // not unrolled: what a compiler computes ahead does not fit into registers
#pragma unroll 1
    for (int c = 0; c < shape.channels; ++c)
#pragma unroll 1
        for (int i = 0; i < sum.axes[0].taps; ++i)
#pragma unroll 1
            for (int j = 0; j < sum.axes[1].taps; ++j)
#pragma unroll 1
                for (int k = 0; k < sum.axes[2].taps; ++k) {
                    const GatherStep step = sum.step(shape, static_cast<std::uint32_t>(c), i, j, k);
                    T w[outputs];
#pragma unroll
                    for (int m = 0; m < outputs; ++m)
                        w[m] = weights[step.weight + static_cast<std::uint32_t>(m * shape.weight_output)];
#pragma unroll
                    for (int p = 0; p < each; ++p) {
                        const T x = sum.inside(places[p], step) ? source.data[places[p].at + step.at] : T{0};
#pragma unroll
                        for (int m = 0; m < outputs; ++m)
                            result[p][m] = std::fma(x, w[m], result[p][m]);
                    }
                }
#pragma unroll
    for (int p = 0; p < each; ++p)
        if (row + p * direct_threads < all)
#pragma unroll
            for (int m = 0; m < outputs; ++m) {
                const std::uint32_t place = targets[p] + static_cast<std::uint32_t>(m) * sum.target_size;
                const T number = beta == 0 ? result[p][m] : target.data[place] + result[p][m];
                target.data[place] = mask.bits == nullptr ? number : mask(place, number);
            }
}

// ---- launchers -----------------------------------------------------------------------------------------------------

GatherShape gather_shape(const Convolution& s, bool adjoint, Index ld) {
    GatherShape shape{};
    const auto number = [](Index n, const char* what) {
        if (n >= most_numbers)
            throw InputError("--device: a convolution with " + std::to_string(n) + " " + what +
                             ", expected less than 2^30 on a device");
        return static_cast<int>(n);
    };
    for (std::size_t a = 0; a < 3; ++a) {
        (void)number(s.in[a] + std::abs(s.pad[a]) + s.out[a] * s.stride[a] + s.kernel[a] * s.dilation[a],
                     "numbers on an axis");
        shape.source[a] = static_cast<int>(adjoint ? s.out[a] : s.in[a]);
        shape.target[a] = static_cast<int>(adjoint ? s.in[a] : s.out[a]);
        shape.kernel[a] = static_cast<int>(s.kernel[a]);
        shape.stride[a] = static_cast<int>(s.stride[a]);
        shape.dilation[a] = static_cast<int>(s.dilation[a]);
        shape.pad[a] = static_cast<int>(s.pad[a]);
        shape.common[a] = std::gcd(shape.stride[a], shape.dilation[a]);
    }
    (void)number(ld * s.out_channels, "weights");
    shape.images = number(s.images, "images");
    shape.groups = static_cast<int>(s.groups);
    const int inputs = static_cast<int>(s.in_channels / s.groups),
              outputs = static_cast<int>(s.out_channels / s.groups);
    const int taps = number(s.kernel[0] * s.kernel[1] * s.kernel[2], "places in its kernel");
    shape.channels = adjoint ? outputs : inputs;
    shape.outputs = adjoint ? inputs : outputs;
    shape.weight_group = static_cast<int>(outputs * ld);
    shape.weight_channel = adjoint ? static_cast<int>(ld) : taps;
    shape.weight_output = adjoint ? taps : static_cast<int>(ld);
    shape.adjoint = adjoint;
    return shape;
}

template <class T, int rm, int rn>
void launch_tiles(Context& on, const GatherShape& shape, Index rows, Batch<const T> W, Batch<const T> source, T beta,
                  Batch<T> target, const ProbeMask<T>& mask) {
    using Shape = Tile<T, rm, rn>;
    const Index down = (rows + Shape::rows - 1) / Shape::rows, across = (shape.outputs + Shape::cols - 1) / Shape::cols;
    launch(on, gather_kernel<Shape, T>, dim3(static_cast<unsigned>(down * across * shape.groups * shape.sums())),
           product_threads, Shape::shared_bytes + sizeof(GatherTable<Shape::rows>), shape, W.data, source, beta, target,
           mask, static_cast<int>(down));
}
template <class T, int outputs>
void launch_direct(Context& on, const GatherShape& shape, Index rows, Batch<const T> W, Batch<const T> source, T beta,
                   Batch<T> target, const ProbeMask<T>& mask) {
    const Index down = (rows + direct_positions - 1) / direct_positions;
    launch(on, direct_kernel<T, outputs>, dim3(static_cast<unsigned>(down * shape.groups * shape.sums())),
           direct_threads, sizeof(GatherSum), shape, W.data, source, beta, target, mask, static_cast<int>(down));
}

// Tiles as wide as the outputs, and in single precision taller ones where they fill a device; bits do not depend on the
// choice.
template <class T>
void gather(Context& on, const GatherShape& shape, Batch<const T> W, Batch<const T> source, T beta, Batch<T> target,
            const ProbeMask<T>& mask) {
    const GatherSum first = gather_sum(shape, 0);  // no other has more positions
    const Index rows = static_cast<Index>(first.positions) * shape.images * target.cols;
    const auto run = [&](auto&& launcher) { launcher(on, shape, rows, W, source, beta, target, mask); };
    constexpr int tall = sizeof(T) == 4 ? 8 : 4;
    switch (shape.outputs) {
        case 1:
            return run(launch_direct<T, 1>);
        case 2:
            return run(launch_direct<T, 2>);
        case 3:
            return run(launch_direct<T, 3>);
        case most_direct:
            return run(launch_direct<T, most_direct>);
        default:
            break;
    }
    constexpr Index enough = 128;  // blocks
    if (shape.outputs <= 16)
        return run(launch_tiles<T, tall, 1>);
    if (shape.outputs <= 32)
        return run(launch_tiles<T, tall, 2>);
    if (rows / 128 * ((shape.outputs + 63) / 64) * shape.groups * shape.sums() >= enough)
        return run(launch_tiles<T, tall, 4>);
    run(launch_tiles<T, 4, 4>);
}

// As many probes at once as 30 bits can count.
template <class T>
void in_probes(Context& on, const Convolution& s, bool adjoint, Batch<const T> W, Batch<const T> source, T beta,
               Batch<T> target, const Mask<T>& mask) {
    if (target.size() == 0)
        return;
    const Index longest = std::max({source.rows, target.rows, source.ld, target.ld});
    if (std::max(source.rows, target.rows) >= most_numbers)
        throw InputError("--device: a value of " + std::to_string(std::max(source.rows, target.rows)) +
                         " numbers, expected less than 2^30 on a device");
    const GatherShape shape = gather_shape(s, adjoint, W.ld);
    const Index probes = std::max<Index>(most_numbers / longest, 1);
    for (Index k = 0; k < target.cols; k += probes) {
        const Index count = std::min(probes, target.cols - k);
        gather(on, shape, W, source.columns(k, count), beta, target.columns(k, count), ProbeMask<T>(mask, target.ld));
    }
}

}  // namespace

template <class T>
void convolve(Context& on, const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
              const Mask<T>& mask) {
    in_probes(on, shape, false, W, x, beta, y, mask);
}
template <class T>
void convolve_adjoint(Context& on, const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                      const Mask<T>& mask) {
    in_probes(on, shape, true, W, y, beta, x, mask);
}

template void convolve(Context&, const Convolution&, Batch<const float>, Batch<const float>, float, Batch<float>,
                       const Mask<float>&);
template void convolve(Context&, const Convolution&, Batch<const double>, Batch<const double>, double, Batch<double>,
                       const Mask<double>&);
template void convolve_adjoint(Context&, const Convolution&, Batch<const float>, Batch<const float>, float,
                               Batch<float>, const Mask<float>&);
template void convolve_adjoint(Context&, const Convolution&, Batch<const double>, Batch<const double>, double,
                               Batch<double>, const Mask<double>&);

}  // namespace descrambler::cuda
