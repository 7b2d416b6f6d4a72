// The device language and the memory of the test device, by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "simt.hpp"

extern "C" [[gnu::weak]] void* __tsan_create_fiber(unsigned flags);

namespace descrambler {
namespace {

using cuda::Context;
using cuda::dynamic_shared;
using cuda::launch;
using cuda::Memory;

struct TestDevice : testing::Test {
    Context on{0};
    template <class T>
    std::vector<T> download(const Memory<T>& x) {
        std::vector<T> host(static_cast<std::size_t>(x.size()));
        x.download(host.data());
        return host;
    }
    template <class... A>
    std::string refused(A&&... arguments) {
        try {
            launch(on, std::forward<A>(arguments)...);
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
};

// ---- warp collectives ----------------------------------------------------------------------------------------------

enum Kind { indexed, by_xor, up, down };

template <class T>
__global__ void shuffle_kernel(Kind kind, int by, int width, T* out) {
    const T own = static_cast<T>(static_cast<int>(threadIdx.x) * 3 - 7);
    out[threadIdx.x] = kind == indexed  ? __shfl_sync(~0u, own, by, width)
                       : kind == by_xor ? __shfl_xor_sync(~0u, own, by, width)
                       : kind == up     ? __shfl_up_sync(~0u, own, static_cast<unsigned>(by), width)
                                        : __shfl_down_sync(~0u, own, static_cast<unsigned>(by), width);
}

// CUDA C++ Programming Guide, warp shuffle functions: which lane of its warp a lane reads.
int source_lane(Kind kind, int lane, int by, int width) {
    const int first = lane / width * width;
    switch (kind) {
        case indexed:
            return first + by % width;
        case by_xor:
            return (lane ^ by) < first + width ? lane ^ by : lane;
        case up:
            return lane - by >= first ? lane - by : lane;
        case down:
            break;
    }
    return lane + by < first + width ? lane + by : lane;
}

template <class T>
void expect_shuffles(TestDevice& test) {
    const Memory<T> out(test.on, 64);
    for (const Kind kind : {indexed, by_xor, up, down})
        for (const int width : {1, 2, 8, 16, 32})
            for (const int by : {0, 1, 3, 7, 16, 31}) {
                launch(test.on, shuffle_kernel<T>, dim3(1), 64, 0, kind, by, width, out.data());
                const std::vector<T> found = test.download(out);
                for (int t = 0; t < 64; ++t) {
                    const int from = t / 32 * 32 + source_lane(kind, t % 32, by, width);
                    ASSERT_EQ(found[static_cast<std::size_t>(t)], static_cast<T>(from * 3 - 7))
                        << kind << " by " << by << " width " << width << " thread " << t;
                }
            }
}
TEST_F(TestDevice, ShufflesReadTheLaneOfTheGuide) {
    expect_shuffles<int>(*this);
    expect_shuffles<float>(*this);
    expect_shuffles<double>(*this);
    expect_shuffles<long long>(*this);
}

// Halves of a warp meet by masks of their own, at lines of their own, one of them twice.
__global__ void halves_kernel(int* out) {
    const int t = static_cast<int>(threadIdx.x);
    int x = t;
    if (t % 32 < 16) {
        x = __shfl_xor_sync(0x0000ffffu, x, 1);
        x = __shfl_xor_sync(0x0000ffffu, x, 2);
    } else {
        x = __shfl_sync(0xffff0000u, x, 20);
    }
    out[t] = x;
}
TEST_F(TestDevice, HalvesOfAWarpMeetAlone) {
    const Memory<int> out(on, 64);
    launch(on, halves_kernel, dim3(1), 64, 0, out.data());
    const std::vector<int> found = download(out);
    for (int t = 0; t < 64; ++t)
        EXPECT_EQ(found[static_cast<std::size_t>(t)], t % 32 < 16 ? t ^ 3 : t / 32 * 32 + 20);
}

__global__ void vote_kernel(unsigned* out) {
    const int t = static_cast<int>(threadIdx.x);
    unsigned* const mine = out + 5 * t;
    mine[0] = __ballot_sync(~0u, t % 3 == 0);
    mine[1] = static_cast<unsigned>(__any_sync(~0u, t == 17));
    mine[2] = static_cast<unsigned>(__all_sync(~0u, t < 32));
    mine[3] = static_cast<unsigned>(__any_sync(~0u, t < 0));
    mine[4] = static_cast<unsigned>(__all_sync(~0u, t != 40));
}
TEST_F(TestDevice, VotesOfAWarp) {
    const Memory<unsigned> out(on, 48 * 5);  // the second warp has 16 lanes
    launch(on, vote_kernel, dim3(1), 48, 0, out.data());
    const std::vector<unsigned> found = download(out);
    for (unsigned t = 0; t < 48; ++t) {
        unsigned ballot = 0;
        for (unsigned l = 0; l < 32 && t / 32 * 32 + l < 48; ++l)
            ballot |= (t / 32 * 32 + l) % 3 == 0 ? 1u << l : 0u;
        EXPECT_EQ(found[5 * t], ballot);
        EXPECT_EQ(found[5 * t + 1], t < 32 ? 1u : 0u);
        EXPECT_EQ(found[5 * t + 2], t < 32 ? 1u : 0u);
        EXPECT_EQ(found[5 * t + 3], 0u);
        EXPECT_EQ(found[5 * t + 4], t < 32 ? 1u : 0u);
    }
}

__global__ void syncwarp_kernel(const int* in, int* out) {
    int* const tile = dynamic_shared<int>();
    const unsigned t = threadIdx.x;
    tile[t] = in[t];
    __syncwarp();
    const int sum = tile[t] + tile[t ^ 5u];
    __syncwarp();
    tile[t] = sum;
    __syncwarp();
    out[t] = tile[t ^ 31u];
}
TEST_F(TestDevice, SyncwarpOrdersMemory) {
    std::vector<int> in(64);
    std::iota(in.begin(), in.end(), 0);
    Memory<int> x(on, 64), out(on, 64);
    x.upload(in.data());
    launch(on, syncwarp_kernel, dim3(1), 64, 64 * sizeof(int), x.data(), out.data());
    const std::vector<int> found = download(out);
    for (int t = 0; t < 64; ++t)
        EXPECT_EQ(found[static_cast<std::size_t>(t)], (t ^ 31) + (t ^ 31 ^ 5));
}

// ---- block barriers ------------------------------------------------------------------------------------------------

__global__ void barrier_kernel(int rounds, double* out) {
    double* const tile = dynamic_shared<double>();
    const int n = static_cast<int>(blockDim.x), t = static_cast<int>(threadIdx.x);
    tile[t] = t + 1000.0 * blockIdx.x;
    for (int round = 0; round < rounds; ++round) {
        __syncthreads();
        const double x = tile[(t + 1) % n];
        __syncthreads();
        tile[t] = x;
    }
    out[static_cast<int>(blockIdx.x) * n + t] = tile[t];
}
TEST_F(TestDevice, BarriersOrderAnyNumberOfThreads) {
    for (const int threads : {1, 31, 32, 33, 100, 256, 1024}) {
        const Memory<double> out(on, 5 * threads);
        launch(on, barrier_kernel, dim3(5), threads, static_cast<std::size_t>(threads) * sizeof(double), 3, out.data());
        const std::vector<double> found = download(out);
        for (int i = 0; i < 5 * threads; ++i)
            ASSERT_EQ(found[static_cast<std::size_t>(i)], 1000.0 * (i / threads) + (i % threads + 3) % threads);
    }
}

__global__ void block_vote_kernel(int* out) {
    const int t = static_cast<int>(threadIdx.x);
    const int count = __syncthreads_count(t % 4 == 1);
    const int some = __syncthreads_or(t == 99);
    const int none = __syncthreads_or(t == 100);
    const int all = __syncthreads_and(t < 100);
    const int not_all = __syncthreads_and(t != 3);
    out[t] = count * 10000 + (some != 0) * 1000 + (none != 0) * 100 + (all != 0) * 10 + (not_all != 0);
}
TEST_F(TestDevice, VotesOfABlock) {
    const Memory<int> out(on, 100);
    launch(on, block_vote_kernel, dim3(1), 100, 0, out.data());
    for (const int x : download(out))
        EXPECT_EQ(x, 25 * 10000 + 1000 + 10);
}

// ---- grids, shared memory, atomics ---------------------------------------------------------------------------------

__global__ void where_kernel(int* out) {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    out[block * blockDim.x + threadIdx.x] = static_cast<int>(block * 100 + threadIdx.x);
}
TEST_F(TestDevice, EveryBlockOfAGridRunsOnce) {
    const Memory<int> out(on, 2 * 3 * 4 * 7);
    launch(on, where_kernel, dim3(2, 3, 4), 7, 0, out.data());
    const std::vector<int> found = download(out);
    for (int i = 0; i < 2 * 3 * 4 * 7; ++i)
        EXPECT_EQ(found[static_cast<std::size_t>(i)], i / 7 * 100 + i % 7);
    launch(on, where_kernel, dim3(0), 7, 0, out.data());  // nothing to do
}

__global__ void stride_kernel(Batch<int> x) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
    for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < x.size(); i += step)
        atomicAdd(x.data + i, static_cast<int>(i));
}
TEST_F(TestDevice, GridStrideVisitsEachElementOnce) {
    Memory<int> x(on, 1001);
    x.zero();
    launch(on, stride_kernel, dim3(3), 64, 0, x.view(1001, 1));
    const std::vector<int> found = download(x);
    for (int i = 0; i < 1001; ++i)
        EXPECT_EQ(found[static_cast<std::size_t>(i)], i);
}

__global__ void poison_kernel(double* out) {
    double* const tile = dynamic_shared<double>();
    out[blockIdx.x * blockDim.x + threadIdx.x] = tile[threadIdx.x];
    tile[threadIdx.x] = 1;  // of this block only
}
TEST_F(TestDevice, SharedMemoryStartsAsNotANumber) {
    const Memory<double> out(on, 3 * 32);
    launch(on, poison_kernel, dim3(3), 32, 32 * sizeof(double), out.data());
    for (const double x : download(out))
        EXPECT_TRUE(std::isnan(x));
}

__global__ void atomics_kernel(int* i, double* d, float* f, unsigned long long* u) {
    const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(i, t);
    atomicMax(i + 1, t);
    atomicMin(i + 2, -t);
    atomicCAS(i + 3, t, -5);  // only thread 0 finds 0
    atomicExch(i + 4, 77);
    atomicSub(i + 5, 2);
    atomicAdd(d, 0.5 * t);
    atomicAdd(f, 1.0f);
    atomicAdd(u, 1ull << 40);
}
TEST_F(TestDevice, AtomicsLoseNothing) {
    Memory<int> i(on, 6);
    Memory<double> d(on, 1);
    Memory<float> f(on, 1);
    Memory<unsigned long long> u(on, 1);
    i.zero(), d.zero(), f.zero(), u.zero();
    launch(on, atomics_kernel, dim3(4), 100, 0, i.data(), d.data(), f.data(), u.data());
    EXPECT_EQ(download(i), (std::vector<int>{399 * 200, 399, -399, -5, 77, -800}));
    EXPECT_EQ(download(d).front(), 0.5 * 399 * 200);  // exact
    EXPECT_EQ(download(f).front(), 400);
    EXPECT_EQ(download(u).front(), 400ull << 40);
}

TEST(DeviceLanguage, BitFunctions) {
    EXPECT_EQ(__popc(0xf0f0u), 8);
    EXPECT_EQ(__popcll(~0ull), 64);
    EXPECT_EQ(__ffs(0), 0);
    EXPECT_EQ(__ffs(0x10), 5);
    EXPECT_EQ(__ffsll(1ll << 40), 41);
    EXPECT_EQ(__clz(1), 31);
    EXPECT_EQ(__clz(0), 32);
    EXPECT_EQ(__clzll(1), 63);
}

// ---- schedules -----------------------------------------------------------------------------------------------------

__global__ void order_kernel(int* counter, int* out) {
    out[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1);
}
TEST_F(TestDevice, SchedulesOrderThreads) {
    const simt::Schedule before = simt::schedule();
    const auto order = [&](simt::Schedule schedule) {
        simt::set_schedule(schedule);
        Memory<int> counter(on, 1), out(on, 2 * 40);
        counter.zero();
        launch(on, order_kernel, dim3(2), 40, 0, counter.data(), out.data());
        return download(out);
    };
    std::vector<int> ascending(80);
    std::iota(ascending.begin(), ascending.end(), 0);
    const std::vector<int> descending(ascending.rbegin(), ascending.rend());
    EXPECT_EQ(order({simt::Order::forward}), ascending);
    EXPECT_EQ(order({simt::Order::reverse}), descending);
    const std::vector<int> some = order({simt::Order::random, 5});
    EXPECT_NE(some, ascending);
    EXPECT_NE(some, order({simt::Order::random, 6}));
    EXPECT_EQ(some, order({simt::Order::random, 5}));
    EXPECT_EQ(order({simt::Order::deep}).front(), 39);  // the last to become ready runs first
    simt::set_schedule(before);
    EXPECT_EQ(simt::parse_schedule("random:42").seed, 42u);
    EXPECT_THROW((void)simt::parse_schedule("sideways"), InputError);
    EXPECT_THROW((void)simt::parse_schedule("random:x"), InputError);
}

// ---- launches and memory -------------------------------------------------------------------------------------------

__global__ void touch_kernel(Batch<double> x) {
    if (threadIdx.x == 0 && blockIdx.y == 0)
        x(0, 0) = 1;
}
TEST_F(TestDevice, LaunchesBeyondTheLimitsAreRefused) {
    const Memory<double> x(on, 4);
    EXPECT_NE(refused(touch_kernel, dim3(1), 1025, std::size_t{0}, x.view(2, 2)).find("1025 threads"),
              std::string::npos);
    EXPECT_NE(refused(touch_kernel, dim3(1), 0, std::size_t{0}, x.view(2, 2)).find("0 threads"), std::string::npos);
    EXPECT_NE(refused(touch_kernel, dim3(1), 32, simt::shared_limit() + 8, x.view(2, 2)).find("shared memory"),
              std::string::npos);
    EXPECT_NE(refused(touch_kernel, dim3(1, 65536), 32, std::size_t{0}, x.view(2, 2)).find("grid"), std::string::npos);
    EXPECT_EQ(refused(touch_kernel, dim3(1, 2), 1024, simt::shared_limit(), x.view(2, 2)), "");
}
TEST_F(TestDevice, ArraysOfAKernelMustLieOnTheDevice) {
    const Memory<double> x(on, 4);
    double host[4] = {};
    EXPECT_NE(refused(touch_kernel, dim3(1), 32, std::size_t{0}, Batch<double>(host, 2, 2)).find("host memory"),
              std::string::npos);
    EXPECT_NE(refused(touch_kernel, dim3(1), 32, std::size_t{0}, Batch<double>(x.data(), 2, 3)).find("48 bytes"),
              std::string::npos);
    EXPECT_EQ(refused(touch_kernel, dim3(1), 32, std::size_t{0}, Batch<double>(x.data(), 2, 2)), "");
}
TEST_F(TestDevice, MemoryIsAlignedFreshAndCounted) {
    const std::size_t before = simt::memory_in_use(), free = on.free_bytes();
    {
        const Memory<double> x(on, 5), y(on, 0);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data()) % 256, 0u);
        EXPECT_EQ(simt::memory_in_use(), before + 2 * 256);
        EXPECT_EQ(on.free_bytes(), free - 2 * 256);
        for (const double value : download(x))
            EXPECT_TRUE(std::isnan(value));
        for (int i = 0; i < 20; ++i) {  // gaps close again
            const Memory<double> a(on, 1000), b(on, 10), c(on, 100000);
            EXPECT_NE(a.data(), b.data());
        }
    }
    EXPECT_EQ(simt::memory_in_use(), before);
}
TEST_F(TestDevice, OutOfMemoryNamesTheBytes) {
    const std::size_t free = on.free_bytes(), used = simt::memory_in_use();
    simt::set_memory(used + 4096);
    try {
        const Memory<double> x(on, 1024);
        ADD_FAILURE() << "8192 bytes of 4096";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "--device cuda:0: out of memory: 8192 bytes asked, 4096 free");
    }
    const Memory<double> fits(on, 512);
    EXPECT_EQ(on.free_bytes(), 0u);
    simt::set_memory(used + free);
}
TEST(Devices, OnlyOne) {
    try {
        Context second(1);
        ADD_FAILURE() << "there is no second device";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "--device cuda:1: this machine has 1 device, expected cuda:0");
    }
    Context first(0), again(0);
    EXPECT_EQ(first.name(), "cuda:0 (test device)");
    Memory<double> x(first, 1);
    const double one = 1;
    x.upload(&one);
    double back = 0;
    again.to_host(&back, x.data(), sizeof back);
    EXPECT_EQ(back, 1);
}

// A kernel that fails leaves a device that works.
__global__ void fails_kernel(int* out) {
    if (threadIdx.x == 3)
        __trap();
    __syncthreads();
    out[threadIdx.x] = 1;
}
TEST_F(TestDevice, WorksAfterAFailure) {
    if (__tsan_create_fiber != nullptr)
        GTEST_SKIP() << "an error ends the process under the thread sanitizer";
    const Memory<int> out(on, 64);
    EXPECT_NE(refused(fails_kernel, dim3(4), 64, std::size_t{0}, out.data()).find("trap at"), std::string::npos);
    launch(on, halves_kernel, dim3(1), 64, 0, out.data());
    EXPECT_EQ(download(out).front(), 3);
}

}  // namespace
}  // namespace descrambler
