// Vectors of a batch.
//   axpby  y = alpha x + beta y     [any] x batch; a factor of 0 forgets its operand, NaN included, as in BLAS
//   dot    r = <x, y>               r [1, 1] x batch; slices of 65536 numbers, one block each, summed in double, and
//                                   then the sums of the slices in their order
// flops  axpby 3 a number, dot 2;  bytes  3 and 2 words a number
#include "algebra.hpp"

#include "reduce.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256;
constexpr Index dot_slice = 65536;

// Where number e of an item stands, counted column by column.
template <class T>
__device__ __forceinline__ Index place(const Batch<T>& x, Index e) {
    return x.packed() ? e : e / x.rows * x.ld + e % x.rows;
}

template <class T>
__global__ void __launch_bounds__(threads) axpby_kernel(T alpha, Batch<const T> x, T beta, Batch<T> y) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x, size = y.size();
    for (Index e = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; e < size * y.batch; e += step) {
        const Index item = y.batch == 1 ? 0 : e / size, at = e - item * size;
        T& to = y.data[item * y.stride + place(y, at)];
        to = (alpha == 0 ? T{0} : alpha * x.data[item * x.stride + place(x, at)]) + (beta == 0 ? T{0} : beta * to);
    }
}

// sums[slice + slices * item]
template <class T>
__global__ void __launch_bounds__(threads) dot_kernel(Batch<const T> x, Batch<const T> y, Index slices, double* sums) {
    double* const space = dynamic_shared<double>();
    const Index item = blockIdx.x / slices, slice = blockIdx.x % slices, size = x.size();
    const Index begin = slice * dot_slice, end = begin + dot_slice < size ? begin + dot_slice : size;
    const T* const a = x.data + item * x.stride;
    const T* const b = y.data + item * y.stride;
    // row and column advance with e: a division per element would cost more than the element
    const Index down = threads % x.rows, across = threads / x.rows;
    Index i = (begin + threadIdx.x) % x.rows, j = (begin + threadIdx.x) / x.rows;
    double sum = 0;
    for (Index e = begin + threadIdx.x; e < end; e += threads) {
        sum = std::fma(static_cast<double>(a[i + j * x.ld]), static_cast<double>(b[i + j * y.ld]), sum);
        i += down;
        j += across;
        if (i >= x.rows) {
            i -= x.rows;
            ++j;
        }
    }
    sum = warp_sum(sum);
    if (threadIdx.x % warp_size == 0)
        space[threadIdx.x / warp_size] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        sum = 0;
        for (int w = 0; w < threads / warp_size; ++w)
            sum += space[w];
        sums[blockIdx.x] = sum;
    }
}

template <class T>
__global__ void __launch_bounds__(threads) dot_sum_kernel(const double* sums, Index slices, Batch<T> r) {
    const Index item = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (item >= r.batch)
        return;
    double sum = 0;
    for (Index s = 0; s < slices; ++s)
        sum += sums[item * slices + s];
    r.data[item * r.stride] = static_cast<T>(sum);
}

}  // namespace

template <class T>
void axpby(Context& on, T alpha, Batch<const T> x, T beta, Batch<T> y) {
    launch(on, axpby_kernel<T>, blocks_for(y.size() * y.batch, threads), threads, 0, alpha, x, beta, y);
}

template <class T>
void dot(Context& on, Batch<const T> x, Batch<const T> y, Batch<T> r) {
    if (x.batch == 0)
        return;
    const Index slices = (x.size() + dot_slice - 1) / dot_slice;
    Memory<double> sums(on, slices * x.batch);
    launch(on, dot_kernel<T>, dim3(static_cast<unsigned>(slices * x.batch)), threads,
           threads / warp_size * sizeof(double), x, y, slices, sums.data());
    launch(on, dot_sum_kernel<T>, dim3(static_cast<unsigned>((r.batch + threads - 1) / threads)), threads, 0,
           sums.data(), slices, r);
}

template void axpby<float>(Context&, float, Batch<const float>, float, Batch<float>);
template void axpby<double>(Context&, double, Batch<const double>, double, Batch<double>);
template void dot<float>(Context&, Batch<const float>, Batch<const float>, Batch<float>);
template void dot<double>(Context&, Batch<const double>, Batch<const double>, Batch<double>);

}  // namespace descrambler::cuda
