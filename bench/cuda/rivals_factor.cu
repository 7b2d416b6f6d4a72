// Rivals from cuSOLVER: what it offers batched, and loops over what it offers for one matrix. Shapes have rows >= cols
// but for Xgesvdr. A is copied first, as the routines destroy it.
#include <algorithm>

#include "rival_device.cuh"

namespace descrambler::bench {

namespace {

using Bytes = std::shared_ptr<unsigned char[]>;

struct Workspace {
    std::size_t device_bytes = 0, host_bytes = 0;
    Bytes device;
    std::shared_ptr<std::vector<unsigned char>> host;
    void allocate() {
        device = device_array<unsigned char>(static_cast<Index>(device_bytes));
        host = std::make_shared<std::vector<unsigned char>>(host_bytes);
    }
};

// bound = <mu, w>, one block of a warp an item
__global__ void __launch_bounds__(32) bound_kernel(Batch<const double> mu, Batch<const double> w, Batch<double> bound) {
    const Index b = blockIdx.x;
    double sum = 0;
    for (Index i = threadIdx.x; i < w.rows; i += 32)
        sum += mu(i, 0, b) * w(i, 0, b);
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (threadIdx.x == 0)
        bound(0, 0, b) = sum;
}

}  // namespace

Call eigh_call(Rival& on, Batch<const double> A, Batch<double> vectors, Batch<double> w) {
    Workspace work;
    const Index n = A.rows;
    check(cusolverDnXsyevBatched_bufferSize(on.solver, on.parameters, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER,
                                            n, CUDA_R_64F, vectors.data, n, CUDA_R_64F, w.data, CUDA_R_64F,
                                            &work.device_bytes, &work.host_bytes, A.batch));
    work.allocate();
    const auto info = device_array<int>(A.batch);
    return [&on, work, info, n, A, vectors, w] {
        copy(on, A, vectors.data);
        check(cusolverDnXsyevBatched(on.solver, on.parameters, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, n,
                                     CUDA_R_64F, vectors.data, n, CUDA_R_64F, w.data, CUDA_R_64F, work.device.get(),
                                     work.device_bytes, work.host->data(), work.host_bytes, info.get(), A.batch));
    };
}

Call closed_forms_call(Rival& on, Batch<const double> G, Batch<const double> T, Batch<const double> mu, Batch<double> P,
                       Batch<double> bound) {
    const Index n = G.rows;
    const auto memory = device_array<double>(n * n * G.batch), values = device_array<double>(n * G.batch);
    const Batch<double> V(memory.get(), n, n, G.batch), w(values.get(), n, 1, G.batch);
    return [&on, memory, values, solve = eigh_call(on, G, V, w), V, w, T, mu, P, bound] {
        solve();
        gemm<double>(on, Op::none, Op::transpose, 1, T, V, 0, P);
        launch(on, bound_kernel, dim3(static_cast<unsigned>(V.batch)), 32, 0, mu, w, bound);
    };
}

Call qr_call(Rival& on, Batch<const double> A, Batch<double> Q) {
    const int m = static_cast<int>(A.rows), n = static_cast<int>(A.cols);
    int first = 0, second = 0;
    check(cusolverDnDgeqrf_bufferSize(on.solver, m, n, Q.data, m, &first));
    check(cusolverDnDorgqr_bufferSize(on.solver, m, n, n, Q.data, m, nullptr, &second));
    const int size = std::max(first, second);
    const auto work = device_array<double>(size), tau = device_array<double>(n);
    const auto info = device_array<int>(1);
    return [&on, work, tau, info, size, m, n, A, Q] {
        copy(on, A, Q.data);
        for (Index i = 0; i < A.batch; ++i) {
            double* const a = Q.item(i).data;
            check(cusolverDnDgeqrf(on.solver, m, n, a, m, tau.get(), work.get(), size, info.get()));
            check(cusolverDnDorgqr(on.solver, m, n, n, a, m, tau.get(), work.get(), size, info.get()));
        }
    };
}

Call gesvd_call(Rival& on, Batch<const double> A, Batch<double> U, Batch<double> s, Batch<double> Vt) {
    const int m = static_cast<int>(A.rows), n = static_cast<int>(A.cols);
    int size = 0;
    check(cusolverDnDgesvd_bufferSize(on.solver, m, n, &size));
    const auto work = device_array<double>(size), matrices = device_array<double>(A.size() * A.batch);
    const auto info = device_array<int>(1);
    return [&on, work, matrices, info, size, m, n, A, U, s, Vt] {
        copy(on, A, matrices.get());
        for (Index i = 0; i < A.batch; ++i)
            check(cusolverDnDgesvd(on.solver, 'S', 'S', m, n, matrices.get() + i * A.size(), m, s.item(i).data,
                                   U.item(i).data, m, Vt.item(i).data, n, work.get(), size, nullptr, info.get()));
    };
}

Call gesvda_call(Rival& on, Batch<const double> A, Batch<double> U, Batch<double> s, Batch<double> V) {
    const int m = static_cast<int>(A.rows), n = static_cast<int>(A.cols), batch = static_cast<int>(A.batch);
    int size = 0;
    check(cusolverDnDgesvdaStridedBatched_bufferSize(on.solver, CUSOLVER_EIG_MODE_VECTOR, n, m, n, A.data, m, A.stride,
                                                     s.data, s.stride, U.data, m, U.stride, V.data, n, V.stride, &size,
                                                     batch));
    const auto work = device_array<double>(size), matrices = device_array<double>(A.size() * A.batch);
    const auto info = device_array<int>(batch);
    return [&on, work, matrices, info, size, m, n, batch, A, U, s, V] {
        copy(on, A, matrices.get());
        // nullptr: no residual norm for the host, which would have to wait for it
        check(cusolverDnDgesvdaStridedBatched(on.solver, CUSOLVER_EIG_MODE_VECTOR, n, m, n, matrices.get(), m, A.stride,
                                              s.data, s.stride, U.data, m, U.stride, V.data, n, V.stride, work.get(),
                                              size, info.get(), nullptr, batch));
    };
}

Call gesvdr_call(Rival& on, Batch<const double> A, int rank, int oversampling, int power_iterations, Batch<double> s) {
    const Index m = A.rows, n = A.cols;
    const auto U = device_array<double>(m * m), V = device_array<double>(n * n),
               matrices = device_array<double>(A.size() * A.batch);
    const auto info = device_array<int>(1);
    Workspace work;
    check(cusolverDnXgesvdr_bufferSize(on.solver, on.parameters, 'S', 'S', m, n, rank, oversampling, power_iterations,
                                       CUDA_R_64F, matrices.get(), m, CUDA_R_64F, s.data, CUDA_R_64F, U.get(), m,
                                       CUDA_R_64F, V.get(), n, CUDA_R_64F, &work.device_bytes, &work.host_bytes));
    work.allocate();
    return [&on, U, V, matrices, info, work, rank, oversampling, power_iterations, m, n, A, s] {
        copy(on, A, matrices.get());
        for (Index i = 0; i < A.batch; ++i)
            check(cusolverDnXgesvdr(on.solver, on.parameters, 'S', 'S', m, n, rank, oversampling, power_iterations,
                                    CUDA_R_64F, matrices.get() + i * A.size(), m, CUDA_R_64F, s.item(i).data,
                                    CUDA_R_64F, U.get(), m, CUDA_R_64F, V.get(), n, CUDA_R_64F, work.device.get(),
                                    work.device_bytes, work.host->data(), work.host_bytes, info.get()));
    };
}

}  // namespace descrambler::bench
