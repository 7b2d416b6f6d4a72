// Philox numbers in bulk: uniform and normal, the bits of random.hpp and of the CPU backend.
//   word w of block i of a stream = philox(seed, stream, i)[w]
// float:  element e takes word e % 4 of block first + e / 4
// double: element e takes words 2 (e % 2), 2 (e % 2) + 1 of block first + e / 2
// normal: Box-Muller on consecutive pairs of uniforms u, v: sqrt(-2 ln u) cos(2 pi v), sqrt(-2 ln u) sin(2 pi v)
// x      [any] x batch, item b reads stream + b
// One thread a block of four words; nothing in shared memory.
#include "random.hpp"

#include <algorithm>
#include <limits>

#include "random.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256;

template <class T, bool normal>
__global__ void __launch_bounds__(threads)
    fill_kernel(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Index each, Batch<T> x) {
    constexpr int width = numbers_a_block<T>;
    const Index item = blockIdx.x / each, size = x.size();
    T* const to = x.item(item).data;
    const Index step = each * blockDim.x;
    for (Index block = blockIdx.x % each * blockDim.x + threadIdx.x; block * width < size; block += step) {
        T numbers[width];
        const std::uint64_t index = first + static_cast<std::uint64_t>(block);
        if constexpr (normal)
            normal_block(philox(seed, stream + static_cast<std::uint64_t>(item), index), numbers);
        else
            uniform_block(philox(seed, stream + static_cast<std::uint64_t>(item), index), numbers);
        for (int w = 0; w < width; ++w)
            if (block * width + w < size)
                to[block * width + w] = numbers[w];
    }
}

template <class T, bool normal>
void fill(Context& on, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) {
    if (x.size() == 0 || x.batch == 0)
        return;
    // `each` blocks an item, items in one dimension: the others end at 65535
    Index each = blocks_for((x.size() + numbers_a_block<T> - 1) / numbers_a_block<T>, threads).x;
    each = std::min(each, std::max<Index>(std::numeric_limits<int>::max() / x.batch, 1));
    launch(on, fill_kernel<T, normal>, dim3(static_cast<unsigned>(each * x.batch)), threads, 0, seed, stream, first,
           each, x);
}

}  // namespace

template <class T>
void random_uniform(Context& on, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) {
    fill<T, false>(on, seed, stream, first, x);
}
template <class T>
void random_normal(Context& on, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) {
    fill<T, true>(on, seed, stream, first, x);
}

template void random_uniform<float>(Context&, std::uint64_t, std::uint64_t, std::uint64_t, Batch<float>);
template void random_uniform<double>(Context&, std::uint64_t, std::uint64_t, std::uint64_t, Batch<double>);
template void random_normal<float>(Context&, std::uint64_t, std::uint64_t, std::uint64_t, Batch<float>);
template void random_normal<double>(Context&, std::uint64_t, std::uint64_t, std::uint64_t, Batch<double>);

}  // namespace descrambler::cuda
