// The device language, for nvcc and for the test device on the CPU (tests/simt), and the two functions that differ
// between them: dynamic shared memory and the launch. Kernels use dynamic shared memory only, one-dimensional blocks,
// and arguments that are plain values: Batch views, pointers, numbers.
#pragma once

#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "simt_host.hpp"
#endif

#include <cstddef>
#include <utility>

#include "descrambler/array.hpp"
#include "runtime.hpp"

#ifdef __CUDACC__
#include "check.hpp"

namespace descrambler::cuda {

// Dynamic shared memory of the block, aligned to 16 bytes, undefined at the start.
template <class T>
__device__ T* dynamic_shared() {
    extern __shared__ __align__(16) unsigned char descrambler_shared[];
    return reinterpret_cast<T*>(descrambler_shared);
}

// After a launch: throws Error with the kernel's name where it or one before it failed. With
// DESCRAMBLER_CUDA_SYNCHRONISE=1 in the environment it waits for the kernel, so that failures inside it come with its
// name too. In context.cpp.
void check_launch(Context& on, const void* kernel);

// kernel<<<grid, threads, shared_bytes>>>(arguments...) on the stream of the context.
template <class... P, class... A>
void launch(Context& on, void (*kernel)(P...), dim3 grid, int threads, std::size_t shared_bytes, A&&... arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0)
        return;
    const void* const address = reinterpret_cast<const void*>(kernel);
    cudaStream_t stream = on.stream();  // and makes the device current, to which the attribute belongs
    if (shared_bytes > 48 * 1024)
        check(
            cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
    kernel<<<grid, static_cast<unsigned>(threads), shared_bytes, stream>>>(
        static_cast<P>(std::forward<A>(arguments))...);
    check_launch(on, address);
}

}  // namespace descrambler::cuda
#else
namespace descrambler::cuda {

template <class T>
T* dynamic_shared() {
    return static_cast<T*>(simt::dynamic_shared());
}

template <class... P, class... A>
void launch(Context&, void (*kernel)(P...), dim3 grid, int threads, std::size_t shared_bytes, A&&... arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0)
        return;
    const std::tuple<P...> copies(static_cast<P>(std::forward<A>(arguments))...);
    std::apply([](const P&... copy) { (simt::check_argument(copy), ...); }, copies);
    simt::check_launch(grid, threads, shared_bytes);
    simt::enqueue([=] { simt::run(grid, threads, shared_bytes, [&] { std::apply(kernel, copies); }); });
}

}  // namespace descrambler::cuda
#endif

namespace descrambler::cuda {

// Blocks of a grid-stride loop over n things: enough to fill a device, not more.
[[nodiscard]] inline dim3 blocks_for(Index n, int threads) {
    const Index blocks = (n + threads - 1) / threads;
    return dim3(static_cast<unsigned>(blocks < 2048 ? blocks : 2048));
}

}  // namespace descrambler::cuda
