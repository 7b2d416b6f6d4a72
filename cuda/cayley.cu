// Cayley transform of skew-symmetric generators, its pullback, and the smoothness functional in its chart; one block of
// 256 threads per network.
//   Q = lower(q) - lower(q)^T      B = (I + Q)^-1      P = 2 B - I
//   dq = -1/2 lower(A - A^T),      A = (I + P)^T dP (I + P)^T
//   eta and d eta / d q            as in block_cayley.cuh
// q      [n (n - 1) / 2]  strictly lower triangle, column by column; without pivoting: every pivot is >= 1
// flops  2 n^3 the transform, 4 n^3 the pullback, 2 n^3 + 6 n^2 k value and gradient, L [n, k]
// bytes  1.5 n^2, 2.5 n^2 and (n k + n^2) words
// One, two and three matrices of the network lie in shared memory (n <= 96 in double, 128 in single precision) where a
// block has as much; larger networks stream tiles, from P itself or from a workspace in global memory. Registers: the
// most over all tiles.
// resources tikhonov_kernel double n = 80: shared 155584 bytes, 232 registers, 4096000 flops
// resources tikhonov_kernel double n = 96: shared 223552 bytes, 232 registers, 7077888 flops
// resources cayley_kernel double n = 80: shared 51840 bytes, 112 registers, 1024000 flops
// Source: Amey et al., PNAS 2021; docs/numerics.md, "Methods".
#include "cayley.hpp"

#include "block_cayley.cuh"

namespace descrambler::cuda {

namespace {

template <class T, int R>
__global__ void __launch_bounds__(block_threads) cayley_kernel(Batch<const T> q, Batch<T> P) {
    const int n = static_cast<int>(P.rows);
    const T* const from = q.item(blockIdx.x).data;
    const Batch<T> to = P.item(blockIdx.x);
    T* const B = dynamic_shared<T>();
    fill_tile<R>(B, n, n, [&](int i, int j) { return identity_plus(n, from, i, j); });
    block_invert_tile<R>(n, B);
    each_entry(n, n, [&](int i, int j) { to(i, j) = 2 * B[j * tile_stride<R> + i] - (i == j ? T{1} : T{0}); });
}

template <class T, int R>
__global__ void __launch_bounds__(block_threads) cayley_streamed_kernel(Batch<const T> q, Batch<T> P) {
    const int n = static_cast<int>(P.rows);
    const T* const from = q.item(blockIdx.x).data;
    const Batch<T> to = P.item(blockIdx.x);
    each_entry(n, n, [&](int i, int j) { to(i, j) = identity_plus(n, from, i, j); });
    __syncthreads();
    block_invert_panels<R>(n, to.data, dynamic_shared<T>());
    each_entry(n, n, [&](int i, int j) { to(i, j) = 2 * to(i, j) - (i == j ? T{1} : T{0}); });
}

template <class T, int R>
__global__ void __launch_bounds__(block_threads) pullback_kernel(Batch<const T> P, Batch<const T> dP, Batch<T> dq) {
    const int n = static_cast<int>(P.rows);
    const Batch<const T> p = P.item(blockIdx.x), d = dP.item(blockIdx.x);
    T *const E = dynamic_shared<T>(), *const X = E + tile_size<R>;
    fill_tile<R>(E, n, n, [&](int i, int j) { return p(i, j) + (i == j ? T{1} : T{0}); });
    fill_tile<R>(X, n, n, [&](int i, int j) { return d(i, j); });
    {
        T own[R][R] = {};
        accumulate<R, Op::transpose, Op::none>(own, E, X, n);
        __syncthreads();
        write_tile<R>(own, X);
        __syncthreads();
    }
    T own[R][R] = {};
    accumulate<R, Op::none, Op::transpose>(own, X, E, n);
    __syncthreads();
    write_tile<R>(own, X);
    __syncthreads();
    pack_difference(n, X, tile_stride<R>, T(-0.5), dq.item(blockIdx.x).data);
}

// E^T dP = P^T dP + dP and X E^T = X P^T + X; two matrices of an item in `workspace`.
template <class T, int R>
__global__ void __launch_bounds__(block_threads)
    pullback_streamed_kernel(Batch<const T> P, Batch<const T> dP, Batch<T> dq, T* workspace) {
    const int n = static_cast<int>(P.rows);
    const Batch<const T> p = P.item(blockIdx.x), d = dP.item(blockIdx.x);
    T* const tile = dynamic_shared<T>();
    const Batch<T> X(workspace + blockIdx.x * 2 * P.size(), n, n), A(X.data + P.size(), n, n);
    block_product<R, Op::transpose, Op::none>(n, n, n, p.data, n, d.data, n, tile,
                                              [&](int i, int j, T sum) { X(i, j) = sum + d(i, j); });
    block_product<R, Op::none, Op::transpose>(n, n, n, X.data, n, p.data, n, tile,
                                              [&](int i, int j, T sum) { A(i, j) = sum + X(i, j); });
    pack_difference(n, A.data, n, T(-0.5), dq.item(blockIdx.x).data);
}

template <class T, class Method>
__global__ void __launch_bounds__(block_threads)
    tikhonov_kernel(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq, T* workspace) {
    const Index item = blockIdx.x;
    const int n = static_cast<int>(L.rows), k = static_cast<int>(L.cols);
    double* const scratch = dynamic_shared<double>();
    const double value = Method::evaluate(n, k, mu.item(item).data, L.item(item).data, q.item(item).data,
                                          dq.item(item).data, workspace + item * Method::workspace(L.rows, L.cols),
                                          scratch, reinterpret_cast<T*>(scratch + block_warps));
    if (threadIdx.x == 0)
        *eta.item(item).data = static_cast<T>(value);
}

dim3 blocks(Index batch) {
    return dim3(static_cast<unsigned>(batch));
}

template <class Method>
constexpr std::size_t tikhonov_shared = block_warps * sizeof(double) + Method::shared_bytes;

template <class T, class Method>
void run_tikhonov(Context& on, Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) {
    const Scratch<T> workspace(on, L.batch, Method::workspace(L.rows, L.cols));
    const Index most = workspace.items();
    for (Index first = 0; first < L.batch; first += most) {
        const Index count = std::min(most, L.batch - first);
        launch(on, tikhonov_kernel<T, Method>, blocks(count), block_threads, tikhonov_shared<Method>,
               items(mu, first, count), items(L, first, count), items(q, first, count), items(eta, first, count),
               items(dq, first, count), workspace.data());
    }
}

// Launches the kernel that keeps its matrices in shared memory; false where a block has too little of it.
template <class T, int R>
bool run_pullback(Context& on, Batch<const T> P, Batch<const T> dP, Batch<T> dq) {
    constexpr std::size_t shared_bytes = 2 * tile_size<R> * sizeof(T);
    if (P.rows > tile_side<R> || shared_bytes > on.shared_bytes())
        return false;
    launch(on, pullback_kernel<T, R>, blocks(P.batch), block_threads, shared_bytes, P, dP, dq);
    return true;
}

}  // namespace

template <class T>
void cayley(Context& on, Batch<const T> q, Batch<T> P) {
    if (P.size() == 0 || P.batch == 0)
        return;
    const auto run = [&](auto kernel, int numbers) {
        launch(on, kernel, blocks(P.batch), block_threads, static_cast<std::size_t>(numbers) * sizeof(T), q, P);
    };
    if (P.rows <= tile_side<2>)
        run(cayley_kernel<T, 2>, tile_size<2>);
    else if (P.rows <= tile_side<5>)
        run(cayley_kernel<T, 5>, tile_size<5>);
    else if (P.rows <= tile_side<largest_tile<T>>)
        run(cayley_kernel<T, largest_tile<T>>, tile_size<largest_tile<T>>);
    else
        run(cayley_streamed_kernel<T, largest_tile<T>>, tile_size<largest_tile<T>>);
}

template <class T>
void cayley_pullback(Context& on, Batch<const T> P, Batch<const T> dP, Batch<T> dq) {
    if (dq.size() == 0 || dq.batch == 0)
        return;
    if (run_pullback<T, 2>(on, P, dP, dq) || run_pullback<T, 5>(on, P, dP, dq) ||
        run_pullback<T, largest_tile<T>>(on, P, dP, dq))
        return;
    const Scratch<T> workspace(on, dq.batch, 2 * P.size());
    const Index most = workspace.items();
    for (Index first = 0; first < dq.batch; first += most) {
        const Index count = std::min(most, dq.batch - first);
        launch(on, pullback_streamed_kernel<T, largest_tile<T>>, blocks(count), block_threads,
               tile_size<largest_tile<T>> * sizeof(T), items(P, first, count), items(dP, first, count),
               items(dq, first, count), workspace.data());
    }
}

template <class T>
void tikhonov(Context& on, Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) {
    if (L.batch == 0)
        return;
    constexpr int largest = largest_tile<T>;
    const auto resident = [&]<int R>(std::integral_constant<int, R>) {
        return L.rows <= tile_side<R> && tikhonov_shared<ResidentTikhonov<T, R>> <= on.shared_bytes();
    };
    if (resident(std::integral_constant<int, 2>{}))
        run_tikhonov<T, ResidentTikhonov<T, 2>>(on, mu, L, q, eta, dq);
    else if (resident(std::integral_constant<int, 5>{}))
        run_tikhonov<T, ResidentTikhonov<T, 5>>(on, mu, L, q, eta, dq);
    else if (resident(std::integral_constant<int, largest>{}))
        run_tikhonov<T, ResidentTikhonov<T, largest>>(on, mu, L, q, eta, dq);
    else
        run_tikhonov<T, StreamedTikhonov<T, largest>>(on, mu, L, q, eta, dq);
}

template void cayley<float>(Context&, Batch<const float>, Batch<float>);
template void cayley<double>(Context&, Batch<const double>, Batch<double>);
template void cayley_pullback<float>(Context&, Batch<const float>, Batch<const float>, Batch<float>);
template void cayley_pullback<double>(Context&, Batch<const double>, Batch<const double>, Batch<double>);
template void tikhonov<float>(Context&, Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>,
                              Batch<float>);
template void tikhonov<double>(Context&, Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                               Batch<double>);

}  // namespace descrambler::cuda
