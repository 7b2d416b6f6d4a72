// Kernels with one fault each, and what each should write. The test device has to notice every one (test_planted.cpp).
#pragma once

#include "simt.hpp"

namespace descrambler::planted {

using cuda::dynamic_shared;

constexpr int threads = 64;

// No barrier between writing a tile and reading what others wrote.
__global__ void tile_read_too_early(const double* in, double* out) {
    double* const tile = dynamic_shared<double>();
    const unsigned t = threadIdx.x;
    tile[t] = in[t];
    out[t] = tile[threads - 1 - t];
}

// No barrier between reading a tile and overwriting it.
__global__ void tile_overwritten(const double* in, double* out) {
    double* const tile = dynamic_shared<double>();
    const unsigned t = threadIdx.x;
    double sum = 0;
    for (int step = 0; step < 2; ++step) {
        tile[t] = in[t] + step;
        __syncthreads();
        sum += tile[(t + 1) % threads];
    }
    out[t] = sum;
}

// Exchange within a warp through memory, as if lanes ran in step.
__global__ void no_syncwarp(const double* in, double* out) {
    double* const tile = dynamic_shared<double>();
    const unsigned t = threadIdx.x;
    tile[t] = in[t];
    out[t] = tile[t ^ 1u];
}

__global__ void divergent_barrier(const double* in, double* out) {
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
    out[threadIdx.x] = in[threadIdx.x];
}

__global__ void early_return(const double* in, double* out) {
    out[threadIdx.x] = in[threadIdx.x];
    if (threadIdx.x >= 40)
        return;
    __syncthreads();
}

__global__ void shuffle_in_a_branch(const double* in, double* out) {
    double x = in[threadIdx.x];
    if (threadIdx.x % 32 < 16)
        x = __shfl_xor_sync(~0u, x, 1);
    out[threadIdx.x] = x;
    __syncthreads();
}

__global__ void lane_not_in_its_mask(const double* in, double* out) {
    out[threadIdx.x] = __shfl_xor_sync(0xffffu, in[threadIdx.x], 1);
}

__global__ void shuffle_from_outside_the_mask(const double* in, double* out) {
    out[threadIdx.x] = threadIdx.x % 32 < 16 ? __shfl_down_sync(0xffffu, in[threadIdx.x], 1) : 0.0;
}

__global__ void shared_never_written(const double*, double* out) {
    out[threadIdx.x] = dynamic_shared<double>()[threadIdx.x];
}

__global__ void shared_overflow(const double* in, double* out) {
    double* const tile = dynamic_shared<double>();
    tile[threadIdx.x + 1] = in[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = in[threadIdx.x];
}

__global__ void global_overflow(const double* in, double* out) {
    out[threadIdx.x + 1] = in[threadIdx.x];
}

__global__ void global_read_beyond(const double* in, double* out) {
    out[threadIdx.x] = in[threadIdx.x + 1];
}

// Every thread writes what all others write.
__global__ void same_value(const double* in, double* out) {
    out[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    out[0] = in[0];
}

// Two blocks add to one element.
__global__ void blocks_add(const double* in, double* out) {
    if (blockIdx.x == 0)
        out[threadIdx.x] = in[threadIdx.x];
    else if (threadIdx.x == 0)
        out[0] = in[0];
}

}  // namespace descrambler::planted
