// Linear maps of probes that are no products of matrices, x and y [n, K], a column a probe:
//   sparse_product    y_i = sum over e of w_e x(index_e), e = starts_i .. starts_(i+1) - 1, in this order
//   diagonal_product  y_i = a_i x_i;     masked_product the same with a = 1 where bit i is set, otherwise `off`_i
//   add_offset        y_i += c_i
//   offset_dot        r = sum over i of c_i x_i: slices of 8192 rows, one block each, summed in double, and then the sums
//                     of the slices in their order
//   project_runs      y = g (x - mean(x) - h mean(h x)) in runs of m rows;     softmax_runs  y = D x, D of SoftmaxOf;
//                     one warp a run up to m = 1024, beyond one block; sums in double
// a, c and off repeat (Periodic); results are assigned (beta 0, y is not read) or added (beta 1). What a probe goes
// through depends on n and m alone, so it has the same bits in any K.
// flops  2 a number and entry, 1 add_offset, about 6 a number of a run
// bytes  x and y once, y twice with beta 1, x twice in runs; a word of bits for 32 numbers
#include "maps.hpp"

#include <algorithm>

#include "reduce.cuh"
#include "repeated.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256;
constexpr int rows_a_block = 4 * threads;
constexpr Index dot_slice = 8192;
constexpr Index most_of_a_warp = 1024;

// ---- device functions ----------------------------------------------------------------------------------------------

// The maps of single numbers: row i of A times x, plus `old`.
template <class T>
struct SparseMap {
    SparseRows<T> A;
    __device__ T operator()(std::uint32_t i, const T* x, T old) const {
        if (A.starts == nullptr) {
            const std::uint32_t at = A.index[i];
            if (at == SparseRows<T>::nothing)
                return old;
            return A.weight == nullptr ? x[at] + old : std::fma(A.weight[i], x[at], old);
        }
        T sum = 0;
        for (std::uint32_t e = A.starts[i]; e < A.starts[i + 1]; ++e)
            sum = std::fma(A.weight == nullptr ? T{1} : A.weight[e], x[A.index[e]], sum);
        return sum + old;
    }
};
template <class T>
struct DiagonalMap {
    Repeated<T> a;
    __device__ T operator()(std::uint32_t i, const T* x, T old) const { return std::fma(a(i), x[i], old); }
};
template <class T>
struct MaskedMap {
    const std::uint32_t* bits;
    Repeated<T> off;
    __device__ T operator()(std::uint32_t i, const T* x, T old) const {
        return (bits[i / 32] >> (i % 32) & 1) != 0 ? x[i] + old : std::fma(off(i), x[i], old);
    }
};

// The sum over `warps` warps that work together, in every thread of them.
template <int warps>
__device__ double sum_of_warps(double x, double* space) {
    x = warp_sum(x);
    if constexpr (warps > 1) {
        __syncthreads();
        if (threadIdx.x % warp_size == 0)
            space[threadIdx.x / warp_size] = x;
        __syncthreads();
        x = 0;
        for (int w = 0; w < warps; ++w)
            x += space[w];
    }
    return x;
}

// What runs are multiplied by: the number that a run has in common from two sums, and what a row becomes.
template <class T>
struct Projection {
    const T *gain, *h;
    bool centre;
    __device__ void add(Index i, T x, double& one, double& two) const {
        one += static_cast<double>(x);
        if (h != nullptr)
            two = std::fma(static_cast<double>(h[i]), static_cast<double>(x), two);
    }
    __device__ T finish(Index i, Index run, T x, Index m, double one, double two) const {
        const T mean = centre ? static_cast<T>(one / static_cast<double>(m)) : T{0};
        const T part = static_cast<T>(two / static_cast<double>(m));
        const T value = h == nullptr ? x - mean : std::fma(-h[i], part, x - mean);
        return gain == nullptr ? value : gain[run] * value;
    }
    static constexpr bool two_sums = true;
};
template <class T>
struct SoftmaxSlope {
    const T* share;
    SoftmaxOf of;
    __device__ void add(Index i, T x, double& one, double&) const {
        one = of == SoftmaxOf::log_adjoint ? one + static_cast<double>(x)
                                           : std::fma(static_cast<double>(share[i]), static_cast<double>(x), one);
    }
    __device__ T finish(Index i, Index, T x, Index, double one, double) const {
        const T common = static_cast<T>(one);
        if (of == SoftmaxOf::log_adjoint)
            return std::fma(-share[i], common, x);
        return of == SoftmaxOf::value ? share[i] * (x - common) : x - common;
    }
    static constexpr bool two_sums = false;
};

// ---- kernels -------------------------------------------------------------------------------------------------------

// blockIdx.x = block of rows + blocks * probe, in both
template <class T, class Map>
__global__ void __launch_bounds__(threads) map_kernel(Map map, Batch<const T> x, T beta, Batch<T> y, int blocks) {
    const Index k = blockIdx.x / blocks;
    const std::uint32_t rows = static_cast<std::uint32_t>(y.rows),
                        first = blockIdx.x % blocks * rows_a_block + threadIdx.x;
    const T* const from = x.data + k * x.ld;
    T* const to = y.data + k * y.ld;
    for (std::uint32_t i = first; i < first + rows_a_block && i < rows; i += threads)
        to[i] = map(i, from, beta == 0 ? T{0} : to[i]);
}

template <class T>
__global__ void __launch_bounds__(threads) offset_kernel(Repeated<T> c, Batch<T> y, int blocks) {
    const std::uint32_t rows = static_cast<std::uint32_t>(y.rows),
                        first = blockIdx.x % blocks * rows_a_block + threadIdx.x;
    T* const to = y.data + blockIdx.x / blocks * y.ld;
    for (std::uint32_t i = first; i < first + rows_a_block && i < rows; i += threads)
        to[i] += c(i);
}

// sums[slice + slices * probe]
template <class T>
__global__ void __launch_bounds__(threads)
    offset_dot_kernel(Repeated<T> c, Batch<const T> x, int slices, double* sums) {
    const std::uint32_t rows = static_cast<std::uint32_t>(x.rows), begin = blockIdx.x % slices * dot_slice;
    const T* const from = x.data + blockIdx.x / slices * x.ld;
    double sum = 0;
    for (std::uint32_t i = begin + threadIdx.x; i < begin + dot_slice && i < rows; i += threads)
        sum = std::fma(static_cast<double>(c(i)), static_cast<double>(from[i]), sum);
    sum = sum_of_warps<threads / warp_size>(sum, dynamic_shared<double>());
    if (threadIdx.x == 0)
        sums[blockIdx.x] = sum;
}

template <class T>
__global__ void __launch_bounds__(threads) slices_kernel(const double* sums, int slices, Batch<T> r) {
    const Index k = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (k >= r.cols)
        return;
    double sum = 0;
    for (Index s = 0; s < slices; ++s)
        sum += sums[k * slices + s];
    r(0, k) = static_cast<T>(sum);
}

// Run number run + runs * probe by `warps` warps of the block, which has threads / 32 / warps of them at once.
template <class T, class Map, int warps>
__global__ void __launch_bounds__(threads)
    runs_kernel(Map map, Index m, Index runs, Batch<const T> x, T beta, Batch<T> y) {
    constexpr int group = warps * warp_size, groups = threads / group;
    double* const space = dynamic_shared<double>();
    const Index number = static_cast<Index>(blockIdx.x) * groups + threadIdx.x / group;
    if (number >= runs * x.cols)
        return;  // whole warps, and with several of them a run no barrier is missed: they have the block
    const Index k = number / runs, run = number % runs, first = run * m, lane = threadIdx.x % group;
    const T* const from = x.data + k * x.ld;
    T* const to = y.data + k * y.ld;
    double one = 0, two = 0;
    for (Index i = first + lane; i < first + m; i += group)
        map.add(i, from[i], one, two);
    one = sum_of_warps<warps>(one, space);
    if constexpr (Map::two_sums)
        two = sum_of_warps<warps>(two, space);
    for (Index i = first + lane; i < first + m; i += group) {
        const T value = map.finish(i, run, from[i], m, one, two);
        to[i] = beta == 0 ? value : to[i] + value;
    }
}

// ---- launchers -----------------------------------------------------------------------------------------------------

void check_rows(Index rows) {  // kernels count them in 32 bits
    if (rows >= Index{1} << 31)
        throw InputError("--device: a value of " + std::to_string(rows) +
                         " numbers, expected less than 2^31 on a device");
}
dim3 grid_of(Index blocks) {
    return dim3(static_cast<unsigned>(blocks));
}
Index blocks_of(Index rows) {
    return (rows + rows_a_block - 1) / rows_a_block;
}

template <class T, class Map>
void launch_map(Context& on, const Map& map, Batch<const T> x, T beta, Batch<T> y) {
    check_rows(std::max(x.rows, y.rows));
    const Index blocks = blocks_of(y.rows);
    launch(on, map_kernel<T, Map>, grid_of(blocks * y.cols), threads, 0, map, x, beta, y, static_cast<int>(blocks));
}

template <class T, class Map>
void launch_runs(Context& on, const Map& map, Index m, Batch<const T> x, T beta, Batch<T> y) {
    const Index runs = x.rows / m, all = runs * x.cols;
    constexpr int warps = threads / warp_size;
    if (m <= most_of_a_warp)
        launch(on, runs_kernel<T, Map, 1>, grid_of((all + warps - 1) / warps), threads, 0, map, m, runs, x, beta, y);
    else
        launch(on, runs_kernel<T, Map, warps>, grid_of(all), threads, warps * sizeof(double), map, m, runs, x, beta, y);
}

}  // namespace

template <class T>
void sparse_product(Context& on, const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y) {
    launch_map(on, SparseMap<T>{A}, x, beta, y);
}
template <class T>
void diagonal_product(Context& on, Periodic<T> a, Batch<const T> x, T beta, Batch<T> y) {
    launch_map(on, DiagonalMap<T>{Repeated<T>(a)}, x, beta, y);
}
template <class T>
void masked_product(Context& on, const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y) {
    launch_map(on, MaskedMap<T>{bits, Repeated<T>(off)}, x, beta, y);
}
template <class T>
void add_offset(Context& on, Periodic<T> c, Batch<T> y) {
    check_rows(y.rows);
    const Index blocks = blocks_of(y.rows);
    launch(on, offset_kernel<T>, grid_of(blocks * y.cols), threads, 0, Repeated<T>(c), y, static_cast<int>(blocks));
}
template <class T>
void offset_dot(Context& on, Periodic<T> c, Batch<const T> x, Batch<T> r) {
    check_rows(x.rows);
    if (x.cols == 0)
        return;
    const Index slices = (x.rows + dot_slice - 1) / dot_slice;
    const Memory<double> sums(on, slices * x.cols);
    launch(on, offset_dot_kernel<T>, grid_of(slices * x.cols), threads, threads / warp_size * sizeof(double),
           Repeated<T>(c), x, static_cast<int>(slices), sums.data());
    launch(on, slices_kernel<T>, grid_of((x.cols + threads - 1) / threads), threads, 0, sums.data(),
           static_cast<int>(slices), r);
}
template <class T>
void project_runs(Context& on, Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                  Batch<T> y) {
    launch_runs(on, Projection<T>{gain.data, h.data, centre}, m, x, beta, y);
}
template <class T>
void softmax_runs(Context& on, SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y) {
    launch_runs(on, SoftmaxSlope<T>{s.data, of}, m, x, beta, y);
}

template void sparse_product(Context&, const SparseRows<float>&, Batch<const float>, float, Batch<float>);
template void diagonal_product(Context&, Periodic<float>, Batch<const float>, float, Batch<float>);
template void masked_product(Context&, const std::uint32_t*, Periodic<float>, Batch<const float>, float, Batch<float>);
template void add_offset(Context&, Periodic<float>, Batch<float>);
template void offset_dot(Context&, Periodic<float>, Batch<const float>, Batch<float>);
template void project_runs(Context&, Index, bool, Batch<const float>, Batch<const float>, Batch<const float>, float,
                           Batch<float>);
template void softmax_runs(Context&, SoftmaxOf, Index, Batch<const float>, Batch<const float>, float, Batch<float>);
template void sparse_product(Context&, const SparseRows<double>&, Batch<const double>, double, Batch<double>);
template void diagonal_product(Context&, Periodic<double>, Batch<const double>, double, Batch<double>);
template void masked_product(Context&, const std::uint32_t*, Periodic<double>, Batch<const double>, double,
                             Batch<double>);
template void add_offset(Context&, Periodic<double>, Batch<double>);
template void offset_dot(Context&, Periodic<double>, Batch<const double>, Batch<double>);
template void project_runs(Context&, Index, bool, Batch<const double>, Batch<const double>, Batch<const double>, double,
                           Batch<double>);
template void softmax_runs(Context&, SoftmaxOf, Index, Batch<const double>, Batch<const double>, double, Batch<double>);

}  // namespace descrambler::cuda
