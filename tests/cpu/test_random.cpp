#include "cpu/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr std::uint64_t seed = 20210331, some_stream = (7ull << 32) + 5;

// Known answers published with the Random123 library.
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST(Philox, GivesTheKnownAnswers) {
    cpu::PhiloxLanes lanes;
    cpu::philox_blocks(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, 3, lanes);
    const PhiloxBlock expected{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    for (std::size_t w = 0; w < 4; ++w)
        EXPECT_EQ(lanes.word[w][0], expected[w]);
}

TEST(Philox, LanesAreBlocks) {
    for (const std::uint64_t first : {0ull, 12345ull, (1ull << 32) - 5, ~0ull - 40})
        for (const std::uint64_t step : {1ull, 140ull, 1ull << 31}) {
            cpu::PhiloxLanes lanes;
            cpu::philox_blocks(seed, some_stream, first, step, lanes);
            for (std::uint64_t l = 0; l < cpu::philox_lanes; ++l) {
                const PhiloxBlock block = philox(seed, some_stream, first + l * step);
                for (std::size_t w = 0; w < 4; ++w)
                    ASSERT_EQ(lanes.word[w][l], block[w]);
            }
        }
}

TEST(Random, UniformsAreTheBitsOfTheWords) {
    std::vector<float> x(1001);
    std::vector<double> y(1001);
    cpu::random_uniform(seed, some_stream, 77, x.data(), std::ssize(x));
    cpu::random_uniform(seed, some_stream, 77, y.data(), std::ssize(y));
    for (std::size_t e = 0; e < x.size(); ++e) {
        ASSERT_EQ(x[e], uniform_f32(philox(seed, some_stream, 77 + e / 4)[e % 4]));
        const PhiloxBlock block = philox(seed, some_stream, 77 + e / 2);
        ASSERT_EQ(y[e], uniform_f64(block[2 * (e % 2)], block[2 * (e % 2) + 1]));
    }
}

TEST(Random, UniformsStayInsideTheOpenInterval) {
    EXPECT_EQ(uniform_f32(0), 0x1p-24f);
    EXPECT_EQ(uniform_f32(~0u), 1.0f - 0x1p-24f);
    EXPECT_EQ(uniform_f64(0, 0), 0x1p-53);
    EXPECT_EQ(uniform_f64(~0u, ~0u), 1.0 - 0x1p-53);
}

// A normal number of magnitude up to 6 from a logarithm within 1 unit, a root (halves it), a sine within 1.7 units and
// two roundings: 4 units of a number below 8, plus cancellation nowhere.
TEST(Random, NormalsAreBoxMullerOfTheUniforms) {
    std::vector<float> u(100000), x(u.size());
    cpu::random_uniform(seed, some_stream, 3, u.data(), std::ssize(u));
    cpu::random_normal(seed, some_stream, 3, x.data(), std::ssize(x));
    for (std::size_t e = 0; e < x.size(); e += 2) {
        const double radius = std::sqrt(-2 * std::log(static_cast<double>(u[e])));
        const double angle = 2 * std::numbers::pi * u[e + 1];
        ASSERT_NEAR(x[e], radius * std::cos(angle), 4 * 0x1p-24 * radius);
        ASSERT_NEAR(x[e + 1], radius * std::sin(angle), 4 * 0x1p-24 * radius);
    }
    std::vector<double> v(1000), y(v.size());
    cpu::random_uniform(seed, some_stream, 3, v.data(), std::ssize(v));
    cpu::random_normal(seed, some_stream, 3, y.data(), std::ssize(y));
    for (std::size_t e = 0; e < y.size(); e += 2)
        ASSERT_NEAR(y[e], std::sqrt(-2 * std::log(v[e])) * std::cos(2 * std::numbers::pi * v[e + 1]), 1e-14);
}

TEST(Random, NumbersDoNotDependOnHowManyAreAskedFor) {
    const auto check = [](auto zero) {
        using T = decltype(zero);
        std::vector<T> all(1000);
        cpu::random_normal(seed, some_stream, 0, all.data(), std::ssize(all));
        for (const Index n : {1, 2, 3, 15, 127, 128, 129, 300, 999}) {
            const Index per_block = sizeof(T) == 4 ? 4 : 2, first = 8;
            std::vector<T> some(static_cast<std::size_t>(n) + 1, T{99});
            const Index fits = std::min<Index>(n, 1000 - first);
            cpu::random_normal(seed, some_stream, static_cast<std::uint64_t>(first / per_block), some.data(), fits);
            for (Index e = 0; e < fits; ++e)
                ASSERT_EQ(some[static_cast<std::size_t>(e)], all[static_cast<std::size_t>(first + e)]) << n;
            ASSERT_EQ(some[static_cast<std::size_t>(fits)], T{99});  // nothing written beyond
        }
    };
    check(0.0f);
    check(0.0);
}

// Largest distance between the empirical distribution function and the given one. With n numbers it exceeds
// 2.5 / sqrt(n) with probability 2 exp(-2 * 2.5^2) = 7e-6.
template <class T, class F>
double kolmogorov_distance(std::vector<T> x, F distribution) {
    std::sort(x.begin(), x.end());
    double most = 0;
    const double n = static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double f = distribution(static_cast<double>(x[i]));
        most = std::max({most, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
    }
    return most;
}

template <class T>
class RandomNumbers : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(RandomNumbers, Reals);

TYPED_TEST(RandomNumbers, UniformsAreUniform) {
    std::vector<TypeParam> x(200000);
    cpu::random_uniform(seed, 1, 0, x.data(), std::ssize(x));
    const double n = static_cast<double>(x.size());
    EXPECT_LT(kolmogorov_distance(x, [](double u) { return u; }), 2.5 / std::sqrt(n));
    double mean = 0, pairs = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        mean += x[i] / n;
        if (i > 0)
            pairs += (x[i] - 0.5) * (x[i - 1] - 0.5) / n;
    }
    EXPECT_NEAR(mean, 0.5, 4.5 / std::sqrt(12 * n));  // 4.5 standard errors, as below
    EXPECT_NEAR(pairs, 0, 4.5 / (12 * std::sqrt(n)));
}

TYPED_TEST(RandomNumbers, NormalsAreNormal) {
    std::vector<TypeParam> x(200000);
    cpu::random_normal(seed, 2, 0, x.data(), std::ssize(x));
    const double n = static_cast<double>(x.size());
    EXPECT_LT(kolmogorov_distance(x, [](double g) { return std::erfc(-g / std::numbers::sqrt2) / 2; }),
              2.5 / std::sqrt(n));
    double moment[5] = {}, pairs = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        for (int k = 1; k <= 4; ++k)
            moment[k] += std::pow(x[i], k) / n;
        if (i > 0)
            pairs += static_cast<double>(x[i]) * x[i - 1] / n;
    }
    // variances of the moments: E g^2k - (E g^k)^2 = 1, 2, 15, 96
    EXPECT_NEAR(moment[1], 0, 4.5 * std::sqrt(1 / n));
    EXPECT_NEAR(moment[2], 1, 4.5 * std::sqrt(2 / n));
    EXPECT_NEAR(moment[3], 0, 4.5 * std::sqrt(15 / n));
    EXPECT_NEAR(moment[4], 3, 4.5 * std::sqrt(96 / n));
    EXPECT_NEAR(pairs, 0, 4.5 / std::sqrt(n));
}

TEST(Random, StreamsAndSeedsDiffer) {
    std::vector<float> x(4096), y(4096);
    cpu::random_normal(seed, 1, 0, x.data(), std::ssize(x));
    for (const auto& [other_seed, other_stream] :
         {std::pair{seed, std::uint64_t{2}}, std::pair{seed + 1, std::uint64_t{1}},
          std::pair{seed, 1 + (std::uint64_t{1} << 32)}}) {
        cpu::random_normal(other_seed, other_stream, 0, y.data(), std::ssize(y));
        double dot = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            dot += static_cast<double>(x[i]) * y[i];
        EXPECT_LT(std::fabs(dot), 4.5 * 64);  // standard deviation sqrt(4096)
    }
}

TEST(RandomStream, ReadsWordsInOrder) {
    RandomStream words(seed, 9, 4), normals(seed, 9, 4);
    for (std::uint64_t block = 4; block < 8; ++block)
        for (const std::uint32_t word : philox(seed, 9, block))
            EXPECT_EQ(words.word(), word);
    double sum = 0, squares = 0;
    const int n = 20000;
    for (int i = 0; i < n; ++i) {
        const double g = normals.normal();
        sum += g;
        squares += g * g;
    }
    EXPECT_NEAR(sum / n, 0, 4.5 / std::sqrt(n));
    EXPECT_NEAR(squares / n, 1, 4.5 * std::sqrt(2.0 / n));
    // the first one by hand
    const PhiloxBlock block = philox(seed, 9, 4);
    EXPECT_DOUBLE_EQ(RandomStream(seed, 9, 4).normal(),
                     std::sqrt(-2 * std::log(uniform_f64(block[0], block[1]))) *
                         std::cos(2 * std::numbers::pi * uniform_f64(block[2], block[3])));
}

TEST(RandomStream, BelowIsUniform) {
    RandomStream stream(seed, 10);
    int counts[7] = {};
    for (int i = 0; i < 70000; ++i)
        ++counts[stream.below(7)];
    for (const int c : counts)
        EXPECT_NEAR(c, 10000, 4.5 * std::sqrt(10000 * 6.0 / 7));  // binomial standard deviation
}

}  // namespace
}  // namespace descrambler
