// Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011). A number is a pure function of seed, stream
// and index, so the same bits come out for any number of threads and ranks, on a CPU and on a GPU. Nothing here throws.
//   key     = seed             (64 bits)
//   counter = (index, stream)  (64 bits each, low word first); one counter gives a block of four 32-bit words
#pragma once

#include <array>
#include <cstdint>

namespace descrambler {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// The generator itself: ten rounds on a counter under a key.
[[nodiscard]] constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

// Block `index` of a stream.
[[nodiscard]] constexpr PhiloxBlock philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    return philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                       static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// Uniform on the open interval (0, 1): the centre of one of 2^23 (float) or 2^52 (double) cells.
// Exactly representable, so the same bits everywhere.
[[nodiscard]] constexpr float uniform_f32(std::uint32_t word) {
    return (static_cast<float>(word >> 9) + 0.5f) * 0x1p-23f;
}
[[nodiscard]] constexpr double uniform_f64(std::uint32_t low, std::uint32_t high) {
    const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 12;
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

// Sequential reader of one stream from block `index` on, for host code that draws a few numbers by hand. word() is the
// next 32-bit word, uniform() takes two words, normal() two uniforms, below() one word.
class RandomStream {
public:
    constexpr RandomStream(std::uint64_t seed, std::uint64_t stream, std::uint64_t index = 0)
        : seed_(seed), stream_(stream), index_(index) {}
    constexpr std::uint32_t word() {
        if (used_ == 4) {
            block_ = philox(seed_, stream_, index_++);
            used_ = 0;
        }
        return block_[static_cast<std::size_t>(used_++)];
    }
    constexpr double uniform() {
        const std::uint32_t low = word();
        return uniform_f64(low, word());
    }
    constexpr std::uint32_t below(std::uint32_t bound) {  // 0 .. bound-1; relative bias below bound * 2^-32
        return static_cast<std::uint32_t>((std::uint64_t{word()} * bound) >> 32);
    }
    double normal();  // Box-Muller, one number of the pair per call

private:
    std::uint64_t seed_, stream_, index_;
    PhiloxBlock block_{};
    int used_ = 4;
};

// Streams of one seed. A stream is never shared: each purpose draws from one of its own.
namespace stream {
inline constexpr std::uint64_t member = 0;               // + member: its data; the member's own index
inline constexpr std::uint64_t initialise = 1ull << 32;  // + member: initial weights
inline constexpr std::uint64_t shuffle = 2ull << 32;     // + member: permutations of the shuffled control
inline constexpr std::uint64_t validation = 3ull << 32;  // held-out traces
inline constexpr std::uint64_t library = 4ull << 32;     // analysis library
inline constexpr std::uint64_t analysis = 5ull << 32;    // whatever an analysis draws
inline constexpr std::uint64_t check = 16ull << 32;      // gradients against finite differences
inline constexpr std::uint64_t start = 17ull << 32;      // + number: random starts of an optimiser
inline constexpr std::uint64_t sketch = 8ull << 32;      // range finder of the randomised SVD; + 1: its error probes
inline constexpr std::uint64_t lanczos = 24ull << 32;    // + number: start vectors, right; + 2^31 + number: left ones
inline constexpr std::uint64_t power = 25ull << 32;      // + number: start vectors of the power method
inline constexpr std::uint64_t noise = 9ull << 32;       // library of noise alone; + 1: noise added to a library
inline constexpr std::uint64_t verify = 12ull << 32;     // + check * 2^16 + repetition: what `verify` draws
inline constexpr std::uint64_t curves = 7ull << 32;      // generic curves that published shapes are compared with
inline constexpr std::uint64_t bootstrap = 10ull << 32;  // + replicate: resampled analysis libraries
inline constexpr std::uint64_t control = 1ull << 24;     // added to the member number of control networks
inline constexpr std::uint64_t condition = 1ull << 20;   // times the condition, added to the member number (below 16)
inline constexpr std::uint64_t lime = 30ull << 32;       // + draw: which segments are on
inline constexpr std::uint64_t deletion = 31ull << 32;   // order in which pixels go, of the control
inline constexpr std::uint64_t folds = 32ull << 32;      // + draw: which samples are held out
inline constexpr std::uint64_t removal = 33ull << 32;    // + draw: random orders in which groups of features go
inline constexpr std::uint64_t graph = std::uint64_t{26}
                                       << 32;  // + number of a learnt constant, in the order of the nodes
}  // namespace stream

}  // namespace descrambler
