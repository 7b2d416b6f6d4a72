// Rivals from cuBLAS: Cayley transforms, the functional, Gram matrices. A = (I + Q)^-1, P = 2 A - I:
//   B = A L, Z = mu (2 B - L), eta = <2 B - L, Z>;  E = -4 (A^T Z) B^T, dq_ij = E_ij - E_ji
// which is the shortest form: one inverse and three products.
#include <algorithm>
#include <chrono>
#include <vector>

#include "rival_device.cuh"

namespace descrambler::bench {

namespace {

// ---- device functions and kernels ----------------------------------------------------------------------------------

__global__ void empty_kernel() {}

// Column by column of the strictly lower triangle.
__device__ Index packed_index(Index n, Index i, Index j) {
    return j * n - j * (j + 1) / 2 + i - j - 1;
}

__global__ void __launch_bounds__(threads) build_kernel(Batch<const double> q, Batch<double> A) {  // I + Q
    const Index n = A.rows;
    for (Index e = first_element(); e < A.size() * A.batch; e += element_step()) {
        const Index b = e / A.size(), i = e % n, j = e / n % n;
        A(i, j, b) = i == j ? 1 : i > j ? q(packed_index(n, i, j), 0, b) : -q(packed_index(n, j, i), 0, b);
    }
}

// to = alpha from + beta I
__global__ void __launch_bounds__(threads)
    shift_kernel(double alpha, Batch<const double> from, double beta, Batch<double> to) {
    for (Index e = first_element(); e < to.size() * to.batch; e += element_step()) {
        const Index b = e / to.size(), i = e % to.rows, j = e / to.rows % to.cols;
        to(i, j, b) = alpha * from(i, j, b) + (i == j ? beta : 0);
    }
}

// dq = E_ij - E_ji, i > j
__global__ void __launch_bounds__(threads) pack_kernel(Batch<const double> E, Batch<double> dq) {
    const Index n = E.rows;
    for (Index e = first_element(); e < E.size() * E.batch; e += element_step()) {
        const Index b = e / E.size(), i = e % n, j = e / n % n;
        if (i > j)
            dq(packed_index(n, i, j), 0, b) = E(i, j, b) - E(j, i, b);
    }
}

// Z = mu (2 B - L), eta = <2 B - L, Z>; one block per item.
__global__ void __launch_bounds__(threads) weight_kernel(Batch<const double> mu, Batch<const double> L,
                                                         Batch<const double> B, Batch<double> Z, Batch<double> eta) {
    double* const parts = cuda::dynamic_shared<double>();
    const Index b = blockIdx.x;
    double sum = 0;
    for (Index e = threadIdx.x; e < B.size(); e += threads) {
        const Index i = e % B.rows, j = e / B.rows;
        const double y = 2 * B(i, j, b) - L(i, j, b), z = mu(i, 0, b) * y;
        Z(i, j, b) = z;
        sum += y * z;
    }
    parts[threadIdx.x] = sum;
    for (unsigned half = threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            parts[threadIdx.x] += parts[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        eta(0, 0, b) = parts[0];
}

template <class T>
__global__ void __launch_bounds__(threads) tanh_kernel(Batch<const T> b, Batch<T> S) {  // S = tanh(S + b)
    for (Index e = first_element(); e < S.size() * S.batch; e += element_step()) {
        const Index item = e / S.size(), i = e % S.rows;
        S.data[e] = std::tanh(S.data[e] + b(i, 0, item));
    }
}

dim3 elements(const Batch<const double>& x) {
    return blocks_for(x.size() * x.batch, threads);
}

// A -> A^-1, pivots are >= 1
struct Inverse {
    std::shared_ptr<double[]> matrix, inverse;
    std::shared_ptr<double*[]> from, to;
    std::shared_ptr<int[]> info;
    Batch<double> A, B;

    Inverse(Index n, Index batch)
        : matrix(device_array<double>(n * n * batch)),
          inverse(device_array<double>(n * n * batch)),
          info(device_array<int>(batch)),
          A(matrix.get(), n, n, batch),
          B(inverse.get(), n, n, batch) {
        from = pointers(A);
        to = pointers(B);
    }
    void operator()(Rival& on, Batch<const double> q) const {
        const int n = static_cast<int>(A.rows), batch = static_cast<int>(A.batch);
        launch(on, build_kernel, elements(A), threads, 0, q, A);
        check(cublasDgetrfBatched(on.blas, n, from.get(), n, nullptr, info.get(), batch));
        check(cublasDgetriBatched(on.blas, n, from.get(), n, nullptr, to.get(), n, info.get(), batch));
    }
};

}  // namespace

// ---- the device ----------------------------------------------------------------------------------------------------

DeviceFacts device_facts(int device) {
    DeviceFacts facts;
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device));
    facts.name = properties.name;
    facts.l2_bytes = properties.l2CacheSize;
    int driver = 0, runtime = 0, clock_khz = 0;
    check(cudaDriverGetVersion(&driver));
    check(cudaRuntimeGetVersion(&runtime));
    check(cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, device));
    const auto version = [](int number) {
        return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
    };
    facts.driver = version(driver);
    facts.cuda = version(runtime);
    facts.clock_mhz = clock_khz / 1000.0;
    std::vector<double> calls(1000);
    for (double& us : calls) {
        std::size_t free = 0, total = 0;
        const auto start = std::chrono::steady_clock::now();
        check(cudaMemGetInfo(&free, &total));
        us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    }
    std::ranges::nth_element(calls, calls.begin() + 500);
    facts.memory_info_us = calls[500];
    return facts;
}

std::shared_ptr<Rival> make_rival(int device) {
    return std::make_shared<Rival>(device);
}

void wait(Rival& on) {
    check(cudaStreamSynchronize(on.stream));
}

Call graphed(Rival& on, const Call& call) {
    call();  // what the libraries do at their first use
    wait(on);
    check(cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeThreadLocal));
    bool captured = true;
    try {
        call();
    } catch (const Error&) {
        captured = false;
    }
    cudaGraph_t graph{};
    captured = cudaStreamEndCapture(on.stream, &graph) == cudaSuccess && graph != nullptr && captured;
    cudaGraphExec_t ready{};
    captured = captured && cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess;
    if (graph != nullptr)
        (void)cudaGraphDestroy(graph);
    (void)cudaGetLastError();  // of a capture that failed
    if (!captured)
        return {};
    const std::shared_ptr<CUgraphExec_st> owner(ready, [](cudaGraphExec_t g) { (void)cudaGraphExecDestroy(g); });
    return [&on, owner, call] { check(cudaGraphLaunch(owner.get(), on.stream)); };  // `call` owns the memory
}

Call empty_launch(Rival& on) {
    return [&on] { launch(on, empty_kernel, dim3(1), 32, 0); };
}

Call copy_call(Rival& on, const void* from, void* to, std::size_t bytes) {
    return [&on, from, to, bytes] { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, on.stream)); };
}

// ---- cayley --------------------------------------------------------------------------------------------------------

Call cayley_call(Rival& on, Batch<const double> q, Batch<double> P) {
    return [&on, inverse = Inverse(P.rows, P.batch), q, P] {
        inverse(on, q);
        launch(on, shift_kernel, elements(P), threads, 0, 2.0, inverse.B, -1.0, P);
    };
}

Call cayley_pullback_call(Rival& on, Batch<const double> P, Batch<const double> dP, Batch<double> dq) {
    const Index n = P.rows, size = n * n * P.batch;
    const auto first = device_array<double>(size), second = device_array<double>(size),
               third = device_array<double>(size);
    const Batch<double> A(first.get(), n, n, P.batch), C(second.get(), n, n, P.batch), E(third.get(), n, n, P.batch);
    return [&on, first, second, third, A, C, E, P, dP, dq] {
        launch(on, shift_kernel, elements(P), threads, 0, 0.5, P, 0.5, A);  // (P + I) / 2
        gemm<double>(on, Op::transpose, Op::none, -2, A, dP, 0, C);
        gemm<double>(on, Op::none, Op::transpose, 1, C, A, 0, E);
        launch(on, pack_kernel, elements(E), threads, 0, E, dq);
    };
}

Call tikhonov_call(Rival& on, Batch<const double> mu, Batch<const double> L, Batch<const double> q, Batch<double> eta,
                   Batch<double> dq) {
    const Index n = L.rows, k = L.cols, batch = q.batch;
    const auto first = device_array<double>(n * k * batch), second = device_array<double>(n * k * batch);
    const Batch<double> B(first.get(), n, k, batch), Z(second.get(), n, k, batch);
    const auto third = device_array<double>(n * k * batch);
    const Batch<double> C(third.get(), n, k, batch);
    return [&on, inverse = Inverse(n, batch), first, second, third, B, Z, C, mu, L, q, eta, dq] {
        inverse(on, q);
        gemm<double>(on, Op::none, Op::none, 1, inverse.B, L, 0, B);
        launch(on, weight_kernel, dim3(static_cast<unsigned>(B.batch)), threads, threads * sizeof(double), mu, L, B, Z,
               eta);
        gemm<double>(on, Op::transpose, Op::none, -4, inverse.B, Z, 0, C);
        gemm<double>(on, Op::none, Op::transpose, 1, C, B, 0, inverse.A);  // no longer needed
        launch(on, pack_kernel, elements(inverse.A), threads, 0, inverse.A, dq);
    };
}

// ---- gram ----------------------------------------------------------------------------------------------------------

template <class T>
Call gram_call(Rival& on, Batch<const T> S, Batch<T> G) {
    return [&on, S, G] { gemm<T>(on, Op::none, Op::transpose, 1, S, S, 0, G); };
}

template <class T>
Call dense_gram_call(Rival& on, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> G) {
    const auto memory = device_array<T>(W.rows * x.cols * W.batch);
    const Batch<T> S(memory.get(), W.rows, x.cols, W.batch);
    return [&on, memory, S, W, b, x, G] {
        gemm<T>(on, Op::none, Op::none, 1, W, x, 0, S);
        launch(on, tanh_kernel<T>, blocks_for(S.size() * S.batch, threads), threads, 0, b, S);
        gemm<T>(on, Op::none, Op::transpose, 1, S, S, 0, G);
    };
}

template <class T>
Call gemm_call(Rival& on, Batch<const T> P, Batch<const T> W, Batch<T> Y) {
    return [&on, P, W, Y] { gemm<T>(on, Op::none, Op::none, 1, P, W, 0, Y); };
}

template Call gram_call<float>(Rival&, Batch<const float>, Batch<float>);
template Call gram_call<double>(Rival&, Batch<const double>, Batch<double>);
template Call gemm_call<float>(Rival&, Batch<const float>, Batch<const float>, Batch<float>);
template Call gemm_call<double>(Rival&, Batch<const double>, Batch<const double>, Batch<double>);
template Call dense_gram_call<float>(Rival&, Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>);
template Call dense_gram_call<double>(Rival&, Batch<const double>, Batch<const double>, Batch<const double>,
                                      Batch<double>);

}  // namespace descrambler::bench
