// What the rivals share; for nvcc only.
#pragma once

#include <vector>

#include "check.hpp"
#include "rivals.hpp"
#include "simt.hpp"

namespace descrambler::bench {

using cuda::blocks_for;
using cuda::check;

struct Rival {
    explicit Rival(int device) : device(device) {
        check(cudaSetDevice(device));
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        check(cublasCreate(&blas));
        check(cublasSetStream(blas, stream));
        check(cusolverDnCreate(&solver));
        check(cusolverDnSetStream(solver, stream));
        check(cusolverDnCreateParams(&parameters));
    }
    Rival(const Rival&) = delete;
    Rival& operator=(const Rival&) = delete;
    ~Rival() {
        (void)cudaStreamSynchronize(stream);
        (void)cusolverDnDestroyParams(parameters);
        (void)cusolverDnDestroy(solver);
        (void)cublasDestroy(blas);
        (void)cudaStreamDestroy(stream);
    }
    int device = 0;
    cudaStream_t stream{};
    cublasHandle_t blas{};
    cusolverDnHandle_t solver{};
    cusolverDnParams_t parameters{};
};

inline constexpr int threads = 256;

// Device memory that a call keeps, zero-filled.
template <class T>
std::shared_ptr<T[]> device_array(Index count) {
    void* memory = nullptr;
    const std::size_t bytes = static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(T);
    check(cudaMalloc(&memory, bytes));
    check(cudaMemset(memory, 0, bytes));
    check(cudaDeviceSynchronize());  // the legacy stream does not order work on ours
    return std::shared_ptr<T[]>(static_cast<T*>(memory), [](T* p) { (void)cudaFree(p); });
}
template <class T>
std::shared_ptr<T[]> device_array(const std::vector<T>& values) {
    const auto array = device_array<T>(std::ssize(values));
    check(cudaMemcpy(array.get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    check(cudaDeviceSynchronize());
    return array;
}
template <class T>
std::shared_ptr<T* []> pointers(Batch<T> items) {
    std::vector<T*> list;
    for (Index i = 0; i < items.batch; ++i)
        list.push_back(items.item(i).data);
    return device_array<T*>(list);
}

template <class T>
void copy(Rival& on, Batch<const T> from, T* to) {
    check(cudaMemcpyAsync(to, from.data, static_cast<std::size_t>(from.size() * from.batch) * sizeof(T),
                          cudaMemcpyDeviceToDevice, on.stream));
}

// C = alpha op(A) op(B) + beta C
template <class T>
void gemm(Rival& on, Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) {
    const auto run = [&](auto routine) {
        check(routine(on.blas, a == Op::none ? CUBLAS_OP_N : CUBLAS_OP_T, b == Op::none ? CUBLAS_OP_N : CUBLAS_OP_T,
                      static_cast<int>(C.rows), static_cast<int>(C.cols),
                      static_cast<int>(a == Op::none ? A.cols : A.rows), &alpha, A.data, static_cast<int>(A.rows),
                      A.stride, B.data, static_cast<int>(B.rows), B.stride, &beta, C.data, static_cast<int>(C.rows),
                      C.stride, static_cast<int>(C.batch)));
    };
    if constexpr (sizeof(T) == 4)
        run(cublasSgemmStridedBatched);
    else
        run(cublasDgemmStridedBatched);
}

// A grid-stride loop over the elements of all items.
__device__ inline Index first_element() {
    return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline Index element_step() {
    return static_cast<Index>(gridDim.x) * blockDim.x;
}

template <class... P, class... A>
void launch(Rival& on, void (*kernel)(P...), dim3 grid, int block, std::size_t shared_bytes, A&&... arguments) {
    kernel<<<grid, static_cast<unsigned>(block), shared_bytes, on.stream>>>(
        static_cast<P>(std::forward<A>(arguments))...);
    check(cudaGetLastError());
}

}  // namespace descrambler::bench
