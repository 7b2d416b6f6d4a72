#include "cpu/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "core/vector_math.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

double RandomStream::normal() {
    const double u = uniform();
    const double v = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

namespace cpu {
namespace {

// Numbers in one set of lanes.
template <class T>
constexpr Index chunk = philox_lanes*(std::is_same_v<T, float> ? 4 : 2);

// Below 2^23, so the conversion from a signed integer, which vectors have, gives the bits of uniform_f32.
inline float uniform(std::uint32_t word) {
    return (static_cast<float>(static_cast<std::int32_t>(word >> 9)) + 0.5f) * 0x1p-23f;
}

void uniform_chunk(const PhiloxLanes& blocks, float* __restrict x) {
#pragma omp simd
    for (Index l = 0; l < philox_lanes; ++l)
        for (Index w = 0; w < 4; ++w)
            x[4 * l + w] = uniform(blocks.word[w][l]);
}

void uniform_chunk(const PhiloxLanes& blocks, double* __restrict x) {
    for (Index l = 0; l < philox_lanes; ++l)
        for (Index w = 0; w < 2; ++w)
            x[2 * l + w] = uniform_f64(blocks.word[2 * w][l], blocks.word[2 * w + 1][l]);
}

void normal_chunk(const PhiloxLanes& blocks, float* __restrict x) {
    alignas(64) float normal[4][philox_lanes];
    for (Index w = 0; w < 4; w += 2)
#pragma omp simd
        for (Index l = 0; l < philox_lanes; ++l) {
            const float radius = std::sqrt(-2.0f * fast_log(uniform(blocks.word[w][l])));
            const SinCos<float> turn = sincos_turn(uniform(blocks.word[w + 1][l]));
            normal[w][l] = radius * turn.cos;
            normal[w + 1][l] = radius * turn.sin;
        }
#pragma omp simd
    for (Index l = 0; l < philox_lanes; ++l)
        for (Index w = 0; w < 4; ++w)
            x[4 * l + w] = normal[w][l];
}

void normal_chunk(const PhiloxLanes& blocks, double* __restrict x) {
    for (Index l = 0; l < philox_lanes; ++l) {
        const double radius = std::sqrt(-2 * std::log(uniform_f64(blocks.word[0][l], blocks.word[1][l])));
        const SinCos<double> turn = sincos_turn(uniform_f64(blocks.word[2][l], blocks.word[3][l]));
        x[2 * l] = radius * turn.cos;
        x[2 * l + 1] = radius * turn.sin;
    }
}

// Whole chunks always, so that a number does not depend on how many are asked for.
template <class T, class Fill>
void fill_chunks(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, T* x, Index n, Fill fill) {
    PhiloxLanes blocks;
    for (Index done = 0; done < n; done += chunk<T>) {
        philox_blocks(seed, stream, first_block, 1, blocks);
        first_block += philox_lanes;
        if (n - done >= chunk<T>) {
            fill(blocks, x + done);
        } else {
            T last[chunk<T>];
            fill(blocks, last);
            std::copy_n(last, n - done, x + done);
        }
    }
}

}  // namespace

void philox_blocks(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, std::uint64_t step,
                   PhiloxLanes& blocks) {
    alignas(64) std::uint32_t c[4][philox_lanes];
    for (Index l = 0; l < philox_lanes; ++l) {
        const std::uint64_t index = first + static_cast<std::uint64_t>(l) * step;
        c[0][l] = static_cast<std::uint32_t>(index);
        c[1][l] = static_cast<std::uint32_t>(index >> 32);
        c[2][l] = static_cast<std::uint32_t>(stream);
        c[3][l] = static_cast<std::uint32_t>(stream >> 32);
    }
    std::uint32_t key0 = static_cast<std::uint32_t>(seed);
    std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
#pragma omp simd
        for (Index l = 0; l < philox_lanes; ++l) {
            const std::uint64_t a = std::uint64_t{0xD2511F53u} * c[0][l];
            const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c[2][l];
            c[0][l] = static_cast<std::uint32_t>(b >> 32) ^ c[1][l] ^ key0;
            c[1][l] = static_cast<std::uint32_t>(b);
            c[2][l] = static_cast<std::uint32_t>(a >> 32) ^ c[3][l] ^ key1;
            c[3][l] = static_cast<std::uint32_t>(a);
        }
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (Index w = 0; w < 4; ++w)
        std::copy_n(c[w], philox_lanes, blocks.word[w]);
}

template <class T>
void random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, T* x, Index n) {
    fill_chunks(seed, stream, first_block, x, n, [](const PhiloxLanes& b, T* to) { uniform_chunk(b, to); });
}

template <class T>
void random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, T* x, Index n) {
    fill_chunks(seed, stream, first_block, x, n, [](const PhiloxLanes& b, T* to) { normal_chunk(b, to); });
}

template void random_uniform<float>(std::uint64_t, std::uint64_t, std::uint64_t, float*, Index);
template void random_uniform<double>(std::uint64_t, std::uint64_t, std::uint64_t, double*, Index);
template void random_normal<float>(std::uint64_t, std::uint64_t, std::uint64_t, float*, Index);
template void random_normal<double>(std::uint64_t, std::uint64_t, std::uint64_t, double*, Index);

}  // namespace cpu
}  // namespace descrambler
