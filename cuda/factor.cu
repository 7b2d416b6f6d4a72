// Factorisations of a batch, one block of 512 threads per item; shapes beyond go to the vendor.
//   qr     A [m, n] = Q R           Householder; R(k, k) of either sign, as LAPACK
//   svd    A [m, n] = U diag(s) V^T   M = max(m, n), N = min(m, n); B = A or A^T = Q R,  R^T J = X diag(s) by one-sided
//          Jacobi (the triangle transposed converges in fewer sweeps: Drmac, Veselic, SIAM J. Matrix Anal. Appl. 29
//          (2008) 1322), B = (Q J) diag(s) X^T. Null columns of X are completed.
// Matrices lie in shared memory where they fit into 160 KiB (or what a block has), else in global memory (L2).
// flops  qr 4 m n^2 - 4/3 n^3; svd that, 9 N^3 a sweep (5 to 8 sweeps), and 2 M N^2;  bytes  see cost.hpp
// resources qr_kernel double m 256, n 40: shared 82368 bytes, 96 registers, 1553067 flops
// resources qr_kernel float m 256, n 40: shared 41184 bytes, 80 registers, 1553067 flops
// resources svd_kernel double m 80, n 256: shared 105088 bytes, 126 registers, 27033600 flops
// resources svd_kernel float m 80, n 256: shared 83264 bytes, 123 registers, 27033600 flops
#include "factor.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "block_factor.cuh"
#include "block_product.cuh"
#include "simt.hpp"
#include "vendor.hpp"

namespace descrambler::cuda {

namespace {

constexpr Index own_qr_columns = 128, own_qr_batch = 8, own_svd_size = 512;

// What an item of svd needs, and where it lies.
struct Plan {
    int rows, cols;  // M, N
    bool tall;       // m >= n
    bool vectors;
    bool panel_shared, small_shared;
    Index workspace;           // numbers of global memory: R^T, J where it is not shared, A^T where it is not
    std::size_t shared_bytes;  // tau [N], space [16], 2 N, order [N] (as numbers), then the arena
};

constexpr Index header_size(Index n) {
    return 4 * n + factor_warps;
}

template <class T>
Plan plan_svd(Index m, Index n, bool vectors, std::size_t shared_bytes) {
    Plan plan{};
    const Index M = std::max(m, n), N = std::min(m, n);
    const Index most = static_cast<Index>(shared_bytes / sizeof(T)) - header_size(N);
    const Index stage = vectors ? product_stage : 0, small = vectors ? N * N + std::max(N * N, stage) : N * N;
    plan.rows = static_cast<int>(M);
    plan.cols = static_cast<int>(N);
    plan.tall = m >= n;
    plan.vectors = vectors;
    plan.panel_shared = M * N <= most;
    plan.small_shared = small <= most;
    plan.workspace = N * N + (vectors && !plan.small_shared ? N * N : 0) + (plan.tall || plan.panel_shared ? 0 : M * N);
    const Index arena = std::max(plan.panel_shared ? M * N : 0, plan.small_shared ? small : stage);
    plan.shared_bytes = static_cast<std::size_t>(header_size(N) + arena) * sizeof(T);
    return plan;
}

template <class T>
__global__ void __launch_bounds__(factor_threads, 1) qr_kernel(Batch<T> A, Batch<T> R, bool shared) {
    const int m = static_cast<int>(A.rows), n = static_cast<int>(A.cols);
    T* const tau = dynamic_shared<T>();
    T* const space = tau + n;
    bool finite = true;
    orthonormalise(A.item(blockIdx.x).data, m, n, shared ? space + factor_warps : nullptr, tau, space,
                   R.item(blockIdx.x).data, false, finite);
}

// large: U if tall, else V; small: the other.
template <class T>
__global__ void __launch_bounds__(factor_threads, 1)
    svd_kernel(Plan plan, Batch<T> A, Batch<T> large, Batch<T> s, Batch<T> small, T* workspace, int* failed) {
    const int M = plan.rows, N = plan.cols;
    const Index item = blockIdx.x, size = static_cast<Index>(M) * N, square = static_cast<Index>(N) * N;
    T* const tau = dynamic_shared<T>();  // later the norms
    T* const space = tau + N;
    T* const ends = space + factor_warps;
    int* const order = reinterpret_cast<int*>(ends + 2 * N);
    T* const arena = ends + 3 * N;
    T* const a = A.item(item).data;
    T* const triangle = workspace + item * plan.workspace;
    T* const J = !plan.vectors ? nullptr : plan.small_shared ? arena : triangle + square;
    T* const L = plan.small_shared ? arena + (plan.vectors ? square : 0) : triangle;
    T* const B = plan.tall || plan.panel_shared ? a : triangle + plan.workspace - size;
    T* const P = plan.panel_shared ? arena : B;

    bool finite = true;
    const T scale = scale_of(a, size, space, finite);
    if (!finite) {
        if (threadIdx.x == 0)
            failed[item] = 1;
        return;
    }
    if (plan.tall)
        copy_block(a, size, scale, P);
    else {
        for (Index e = threadIdx.x; e < size; e += blockDim.x)
            P[e] = a[e / M + e % M * N] * scale;
        __syncthreads();
    }
    factor_columns(P, M, N, tau);
    take_triangle(P, M, N, T{1}, true, triangle);
    if (plan.vectors) {
        form_columns(P, M, N, tau);
        if (P != B)
            copy_block(P, size, T{1}, B);
    }
    if (L != triangle)
        copy_block(triangle, square, T{1}, L);
    const bool converged = jacobi(L, J, N);
    if (!converged && threadIdx.x == 0)
        failed[item] = 1;
    T* const norms = tau;
    const int rank = sort_norms(L, N, norms, order);
    for (int j = threadIdx.x; j < N; j += blockDim.x)
        s.item(item).data[j] = norms[order[j]] / scale;
    if (!plan.vectors)
        return;
    T* const X = small.item(item).data;
    scaled_columns(L, N, norms, order, rank, X);
    complete(X, N, rank, N, ends);
    T* const stage = plan.small_shared ? arena + square : arena;
    block_product(M, N, N, Rows<T>{B, M, false}, Columns<T>{J, N, order}, large.item(item).data, stage);
}

template <class T>
__global__ void __launch_bounds__(factor_threads, 1) finite_kernel(Batch<const T> A, int* failed) {
    const T* const a = A.item(blockIdx.x).data;
    T nonsense = 0;
    for (Index e = threadIdx.x; e < A.size(); e += blockDim.x)
        nonsense += a[e] * 0;
    if (__syncthreads_or(nonsense == 0 ? 0 : 1) != 0 && threadIdx.x == 0)
        failed[blockIdx.x] = 1;
}

dim3 one_an_item(Index batch) {
    return dim3(static_cast<unsigned>(batch));
}

template <class T>
void refuse_nonsense(Context& on, Batch<const T> A, const char* what) {
    Memory<int> failed(on, A.batch);
    failed.zero();
    launch(on, finite_kernel<T>, one_an_item(A.batch), factor_threads, 0, A, failed.data());
    throw_failed(failed, what);
}

template <class T>
Batch<T> part_of(Batch<T> x, Index first, Index count) {
    return x.data == nullptr ? x : Batch<T>{x.data + first * x.stride, x.rows, x.cols, count, x.stride};
}

}  // namespace

void throw_failed(const Memory<int>& failed, const char* what) {
    std::vector<int> host(static_cast<std::size_t>(failed.size()));
    failed.download(host.data());
    const auto lowest = std::ranges::find_if(host, [](int code) { return code != 0; });
    if (lowest != host.end())
        throw Error(std::string(what) + ": item " + std::to_string(lowest - host.begin()) + " did not factorise");
}

template <class T>
void qr(Context& on, Batch<T> A, Batch<T> R) {
    if (A.cols == 0 || A.batch == 0)
        return;
    if (A.cols > own_qr_columns && A.batch < own_qr_batch) {
        vendor_qr(on, A, R);
        return;
    }
    const std::size_t header = static_cast<std::size_t>(A.cols + factor_warps) * sizeof(T);
    const std::size_t panel = static_cast<std::size_t>(A.size()) * sizeof(T);
    const bool shared = header + panel <= factor_shared(on);
    launch(on, qr_kernel<T>, one_an_item(A.batch), factor_threads, header + (shared ? panel : 0), A, R, shared);
}

template <class T>
void eigh(Context& on, Batch<T> A, Batch<T> w) {
    if (A.rows == 0 || A.batch == 0)
        return;
    refuse_nonsense<T>(on, A, "eigh");
    vendor_eigh(on, A, w);
}

template <class T>
void svd(Context& on, Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) {
    const Index k = std::min(A.rows, A.cols);
    if (k == 0 || A.batch == 0)
        return;
    if (k > own_svd_size) {
        refuse_nonsense<T>(on, A, "svd");
        vendor_svd(on, A, U, s, V);
        return;
    }
    const Plan plan = plan_svd<T>(A.rows, A.cols, U.data != nullptr, factor_shared(on));
    Memory<int> failed(on, A.batch);
    failed.zero();
    const Scratch<T> workspace(on, A.batch, plan.workspace);
    const Index each = workspace.items();
    const Batch<T> large = plan.tall ? U : V, small = plan.tall ? V : U;
    for (Index first = 0; first < A.batch; first += each) {
        const Index count = std::min(each, A.batch - first);
        launch(on, svd_kernel<T>, one_an_item(count), factor_threads, plan.shared_bytes, plan, part_of(A, first, count),
               part_of(large, first, count), part_of(s, first, count), part_of(small, first, count), workspace.data(),
               failed.data() + first);
    }
    throw_failed(failed, "svd");
}

template <class T>
void cholesky_solve(Context& on, Batch<T> A, Batch<T> B) {
    if (A.rows == 0 || B.cols == 0 || A.batch == 0)
        return;
    vendor_cholesky_solve(on, A, B);
}

template void qr<float>(Context&, Batch<float>, Batch<float>);
template void qr<double>(Context&, Batch<double>, Batch<double>);
template void eigh<float>(Context&, Batch<float>, Batch<float>);
template void eigh<double>(Context&, Batch<double>, Batch<double>);
template void svd<float>(Context&, Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void svd<double>(Context&, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template void cholesky_solve<float>(Context&, Batch<float>, Batch<float>);
template void cholesky_solve<double>(Context&, Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
