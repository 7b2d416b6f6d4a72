// The CUDA device language for a C++ compiler, as far as the kernels of cuda/ use it: one CUDA thread is one fiber of
// engine.cpp. Collectives report the kernel's file and line where threads do not meet. The macros below are the
// language's own keywords; nothing else here is one.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <source_location>
#include <tuple>
#include <type_traits>

#include "descrambler/array.hpp"
#include "engine.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct uint3 {
    unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline double2 make_double2(double x, double y) {
    return {x, y};
}

// Of the running thread; the engine sets them before it goes on.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace descrambler::simt {

using Where = std::source_location;
enum class Collective { barrier, count, all, any, syncwarp, shuffle, shuffle_xor, shuffle_up, shuffle_down, vote };

[[nodiscard]] void* dynamic_shared();
void check_launch(dim3 grid, int threads, std::size_t shared_bytes);  // throws Error beyond the device's limits
void run(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body);

[[noreturn]] void fail(const std::string& what, const Where& where);  // of the running thread
[[nodiscard]] int lane();
int block_barrier(Collective kind, int predicate, const Where& where);  // what the vote of this kind returns
void warp_barrier(unsigned mask, const Where& where);
// Lanes of the mask exchange words: each gets that of lane `source`; a vote, the bits of those that are not 0.
[[nodiscard]] std::uint64_t warp_exchange(Collective kind, unsigned mask, std::uint64_t word, int source,
                                          const Where& where);
void fence();

template <class T>
std::uint64_t to_word(T value) {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "a shuffle takes a number of at most 8 bytes");
    if constexpr (sizeof(T) == 8)
        return std::bit_cast<std::uint64_t>(value);
    else if constexpr (sizeof(T) == 4)
        return std::bit_cast<std::uint32_t>(value);
    else
        return static_cast<std::uint64_t>(value);
}
template <class T>
T from_word(std::uint64_t word) {
    if constexpr (sizeof(T) == 8)
        return std::bit_cast<T>(word);
    else if constexpr (sizeof(T) == 4)
        return std::bit_cast<T>(static_cast<std::uint32_t>(word));
    else
        return static_cast<T>(word);
}

// A source outside the segment of `width` lanes gives the caller's own value, one outside the mask is an error.
template <class T>
T shuffle(Collective kind, unsigned mask, T value, int by, int width, const Where& where) {
    if (width < 1 || width > 32 || !std::has_single_bit(static_cast<unsigned>(width)))
        fail("shuffle of width " + std::to_string(width), where);
    const int own = lane(), first = own & ~(width - 1), last = first + width - 1;
    int source = own;
    if (kind == Collective::shuffle)
        source = first + (by & (width - 1));
    else if (kind == Collective::shuffle_xor)
        source = (own ^ by) <= last ? own ^ by : own;  // an earlier segment may be read, as on the hardware
    else if (kind == Collective::shuffle_up)
        source = own - by >= first ? own - by : own;
    else
        source = own + by <= last ? own + by : own;
    return from_word<T>(warp_exchange(kind, mask, to_word(value), source, where));
}

// Relaxed: no race on the word itself, and no order for anything else.
template <class T, class Change>
T atomic(T* at, Change change) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    Word* const word = reinterpret_cast<Word*>(at);
    Word old = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(word, &old, std::bit_cast<Word>(static_cast<T>(change(std::bit_cast<T>(old)))),
                                        false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return std::bit_cast<T>(old);
}

// The array arguments of a launch must lie on the device. Pointers inside other structures are not seen.
template <class T>
void check_argument(const T&) {}
template <class T>
void check_argument(T* const& pointer) {
    if constexpr (!std::is_function_v<T>)
        check_on_device(pointer, 0);
}
template <class T>
void check_argument(const Batch<T>& x) {
    if (x.size() > 0 && x.batch > 0)
        check_on_device(x.data, static_cast<std::size_t>((x.batch - 1) * x.stride + x.size()) * sizeof(T));
}

}  // namespace descrambler::simt

// ---- barriers ------------------------------------------------------------------------------------------------------
inline void __syncthreads(descrambler::simt::Where where = descrambler::simt::Where::current()) {
    descrambler::simt::block_barrier(descrambler::simt::Collective::barrier, 0, where);
}
inline int __syncthreads_count(int predicate, descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::block_barrier(descrambler::simt::Collective::count, predicate, where);
}
inline int __syncthreads_and(int predicate, descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::block_barrier(descrambler::simt::Collective::all, predicate, where);
}
inline int __syncthreads_or(int predicate, descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::block_barrier(descrambler::simt::Collective::any, predicate, where);
}
inline void __syncwarp(unsigned mask = ~0u, descrambler::simt::Where where = descrambler::simt::Where::current()) {
    descrambler::simt::warp_barrier(mask, where);
}

// ---- shuffles and votes --------------------------------------------------------------------------------------------
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::shuffle(descrambler::simt::Collective::shuffle, mask, value, source, width, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int by, int width = 32,
                  descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::shuffle(descrambler::simt::Collective::shuffle_xor, mask, value, by, width, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32,
                 descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::shuffle(descrambler::simt::Collective::shuffle_up, mask, value, static_cast<int>(by),
                                      width, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32,
                   descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return descrambler::simt::shuffle(descrambler::simt::Collective::shuffle_down, mask, value, static_cast<int>(by),
                                      width, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return static_cast<unsigned>(descrambler::simt::warp_exchange(descrambler::simt::Collective::vote, mask,
                                                                  predicate != 0 ? 1u : 0u, 0, where));
}
inline int __any_sync(unsigned mask, int predicate,
                      descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      descrambler::simt::Where where = descrambler::simt::Where::current()) {
    return __ballot_sync(mask, !predicate, where) == 0;
}

// ---- atomics and fences --------------------------------------------------------------------------------------------
template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
    return descrambler::simt::atomic(at, [&](T old) { return old + value; });
}
template <class T>
T atomicSub(T* at, std::type_identity_t<T> value) {
    return descrambler::simt::atomic(at, [&](T old) { return old - value; });
}
template <class T>
T atomicMax(T* at, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>);
    return descrambler::simt::atomic(at, [&](T old) { return old > value ? old : value; });
}
template <class T>
T atomicMin(T* at, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>);
    return descrambler::simt::atomic(at, [&](T old) { return old < value ? old : value; });
}
template <class T>
T atomicExch(T* at, std::type_identity_t<T> value) {
    return descrambler::simt::atomic(at, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>);
    return descrambler::simt::atomic(at, [&](T old) { return old == expected ? value : old; });
}
inline void __threadfence() {
    descrambler::simt::fence();
}
inline void __threadfence_block() {
    descrambler::simt::fence();
}

// ---- numbers -------------------------------------------------------------------------------------------------------
template <class T>
T __ldg(const T* at) {
    return *at;
}
inline int __popc(unsigned x) {
    return std::popcount(x);
}
inline int __popcll(unsigned long long x) {
    return std::popcount(x);
}
inline int __ffs(int x) {
    return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1;
}
inline int __ffsll(long long x) {
    return x == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(x)) + 1;
}
inline int __clz(int x) {
    return std::countl_zero(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
    return std::countl_zero(static_cast<unsigned long long>(x));
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float rsqrt(float x) {
    return rsqrtf(x);
}
inline double rsqrt(double x) {
    return 1.0 / std::sqrt(x);
}
[[noreturn]] inline void __trap(descrambler::simt::Where where = descrambler::simt::Where::current()) {
    descrambler::simt::fail("trap", where);
}
