// Randomised singular value decomposition (Halko, Martinsson, Tropp, SIAM Rev. 53 (2011) 217), fused: one block of 512
// threads an item does all of it.
//   A      [m, n]   in           Z [n, l] normal, l = min(rank + oversampling, m, n), made inside the product
//   Q = qr(A Z);  power_iterations times:  W = qr(A^T Q),  Q = qr(A W)
//   A^T Q = W R,   R^T J = X diag(s) by one-sided Jacobi,   U = Q X, V = W J, cut to rank
// Q, W, R in global memory (L2); the panel that is factorised, R^T and J in shared memory where they fit.
// flops, bytes  see cost.hpp
// resources sketch_kernel double m 256, n 256, rank 32, l 40, q 1: shared 83328 bytes, 128 registers, 29902507 flops
// resources sketch_kernel float m 256, n 256, rank 32, l 40, q 1: shared 41664 bytes, 123 registers, 29902507 flops
#include "randomized_svd.hpp"

#include <algorithm>

#include "block_factor.cuh"
#include "block_product.cuh"
#include "factor.hpp"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

struct Plan {
    int rows, cols, sketch, rank, power_iterations;
    std::uint64_t seed;
    bool left_shared, right_shared, small_shared;  // the panel of Q, that of W, J and R^T
    Index workspace;                               // numbers: Q, W, R^T, X, and J where it is not shared
    std::size_t shared_bytes;                      // tau [l], space [16], 2 l, order [l] (as numbers), the arena
};

template <class T>
Plan make_plan(Index m, Index n, Index rank, Index oversampling, int power_iterations, std::uint64_t seed,
               std::size_t shared_bytes) {
    Plan plan{};
    const Index l = std::min({rank + oversampling, m, n});
    const Index header = 4 * l + factor_warps, most = static_cast<Index>(shared_bytes / sizeof(T)) - header;
    const Index stage = product_stage, small = l * l + std::max(l * l, stage);
    plan.rows = static_cast<int>(m);
    plan.cols = static_cast<int>(n);
    plan.sketch = static_cast<int>(l);
    plan.rank = static_cast<int>(rank);
    plan.power_iterations = power_iterations;
    plan.seed = seed;
    plan.left_shared = m * l <= most;
    plan.right_shared = n * l <= most;
    plan.small_shared = small <= most;
    plan.workspace = (m + n + l + rank + (plan.small_shared ? 0 : l)) * l;
    const Index arena =
        std::max({stage, plan.left_shared ? m * l : 0, plan.right_shared ? n * l : 0, plan.small_shared ? small : 0});
    plan.shared_bytes = static_cast<std::size_t>(header + arena) * sizeof(T);
    return plan;
}

// Columns of a matrix or, in their place, the sketch.
template <class T>
struct SketchOrColumns {
    Columns<T> columns;  // without data: the sketch
    Sketch<T> sketch;
    __device__ void fill(T* stage, int first, int cols, int k0, int depth) const {
        if (columns.data == nullptr)
            sketch.fill(stage, first, cols, k0, depth);
        else
            columns.fill(stage, first, cols, k0, depth);
    }
};

template <class T>
__global__ void __launch_bounds__(factor_threads, 1)
    sketch_kernel(Plan plan, Batch<const T> A, Batch<T> U, Batch<T> s, Batch<T> V, T* workspace, int* failed) {
    const int m = plan.rows, n = plan.cols, l = plan.sketch;
    const Index item = blockIdx.x, square = static_cast<Index>(l) * l;
    T* const tau = dynamic_shared<T>();  // later the norms
    T* const space = tau + l;
    T* const ends = space + factor_warps;
    int* const order = reinterpret_cast<int*>(ends + 2 * l);
    T* const arena = ends + 3 * l;
    T* const Q = workspace + item * plan.workspace;
    T* const W = Q + static_cast<Index>(m) * l;
    T* const triangle = W + static_cast<Index>(n) * l;
    T* const X = triangle + square;
    T* const J = plan.small_shared ? arena : X + static_cast<Index>(plan.rank) * l;
    T* const L = plan.small_shared ? arena + square : triangle;
    const T* const a = A.item(item).data;

    bool finite = true;
    T scale = 1;
    // the same code for both directions: two copies would not fit into the registers
    for (int step = 0; step < 2 * plan.power_iterations + 2; ++step) {
        const bool left = step % 2 == 0;  // Q = qr(A W), else W = qr(A^T Q)
        const int rows = left ? m : n;
        T* const to = left ? Q : W;
        const SketchOrColumns<T> right{{step == 0 ? nullptr : left ? W : Q, left ? n : m, nullptr}, {plan.seed, n}};
        block_product(rows, l, left ? n : m, Rows<T>{a, m, !left}, right, to, arena);
        const bool shared = left ? plan.left_shared : plan.right_shared;
        scale = orthonormalise(to, rows, l, shared ? arena : nullptr, tau, space, triangle, true, finite);
    }
    if (!finite) {  // of A^T Q: nonsense in A reaches it
        if (threadIdx.x == 0)
            failed[item] = 1;
        return;
    }
    if (L != triangle)
        copy_block(triangle, square, T{1}, L);
    const bool converged = jacobi(L, J, l);
    if (!converged && threadIdx.x == 0)
        failed[item] = 1;
    T* const norms = tau;
    const int found = sort_norms(L, l, norms, order), k = plan.rank, rank = found < k ? found : k;
    for (int j = threadIdx.x; j < k; j += blockDim.x)
        s.item(item).data[j] = norms[order[j]] / scale;
    scaled_columns(L, l, norms, order, rank, X);
    complete(X, l, rank, k, ends);
    T* const stage = plan.small_shared ? arena + square : arena;
    for (int side = 0; side < 2; ++side) {
        const Columns<T> right{side == 0 ? X : J, l, side == 0 ? nullptr : order};
        block_product(side == 0 ? m : n, k, l, Rows<T>{side == 0 ? Q : W, side == 0 ? m : n, false}, right,
                      side == 0 ? U.item(item).data : V.item(item).data, stage);
    }
}

template <class T>
Batch<T> part_of(Batch<T> x, Index first, Index count) {
    return {x.data + first * x.stride, x.rows, x.cols, count, x.stride};
}

}  // namespace

template <class T>
void randomized_svd(Context& on, Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                    Batch<T> U, Batch<T> s, Batch<T> V) {
    if (A.batch == 0)
        return;
    const Plan plan = make_plan<T>(A.rows, A.cols, rank, oversampling, power_iterations, seed, factor_shared(on));
    Memory<int> failed(on, A.batch);
    failed.zero();
    const Scratch<T> workspace(on, A.batch, plan.workspace);
    const Index each = workspace.items();
    for (Index first = 0; first < A.batch; first += each) {
        const Index count = std::min(each, A.batch - first);
        launch(on, sketch_kernel<T>, dim3(static_cast<unsigned>(count)), factor_threads, plan.shared_bytes, plan,
               part_of(A, first, count), part_of(U, first, count), part_of(s, first, count), part_of(V, first, count),
               workspace.data(), failed.data() + first);
    }
    throw_failed(failed, "svd");
}

template void randomized_svd<float>(Context&, Batch<const float>, int, int, int, std::uint64_t, Batch<float>,
                                    Batch<float>, Batch<float>);
template void randomized_svd<double>(Context&, Batch<const double>, int, int, int, std::uint64_t, Batch<double>,
                                     Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
