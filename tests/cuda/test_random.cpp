#include <bit>

#include "cuda/device.hpp"

namespace descrambler {
namespace {

template <class T>
struct Random : testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Random, Types);

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// Numbers between a and b, over all pairs; signs must agree.
template <class T>
std::int64_t most_ulps(const std::vector<T>& a, const std::vector<T>& b) {
    std::int64_t most = a.size() == b.size() ? 0 : -1;
    for (std::size_t i = 0; i < a.size() && most >= 0; ++i) {
        const std::int64_t between = std::bit_cast<Bits<T>>(a[i]) - std::int64_t{std::bit_cast<Bits<T>>(b[i])};
        most = std::max(most, std::abs(between));
    }
    return most;
}

constexpr Index sizes[] = {0, 1, 2, 3, 4, 5, 31, 32, 33, 127, 1023, 1025};
constexpr std::uint64_t seed = 0x123456789abcdefull, own_stream = 77, first = 3;

TYPED_TEST(Random, UniformHasTheBitsOfTheCpu) {
    using T = TypeParam;
    const auto cuda = device<T>(), cpu = host<T>();
    for (const Index n : sizes)
        for (const Index batch : {1, 11}) {
            OnDevice<T> x(*cuda, n, 1, batch), y(*cpu, n, 1, batch);
            cuda->random_uniform(seed, own_stream, first, x.view());
            cpu->random_uniform(seed, own_stream, first, y.view());
            EXPECT_EQ(x.download(), y.download()) << "n = " << n << ", batch = " << batch;
        }
}

// Both sides round the logarithm, the root, the sine and their product once each: within 4 ulp of one another.
TYPED_TEST(Random, NormalsAreThoseOfTheCpu) {
    using T = TypeParam;
    const auto cuda = device<T>(), cpu = host<T>();
    std::int64_t most = 0;
    for (const Index n : sizes)
        for (const Index batch : {1, 11}) {
            OnDevice<T> x(*cuda, n, 1, batch), y(*cpu, n, 1, batch);
            cuda->random_normal(seed, own_stream, first, x.view());
            cpu->random_normal(seed, own_stream, first, y.view());
            const std::int64_t between = most_ulps(x.download(), y.download());
            EXPECT_GE(between, 0);
            most = std::max(most, between);
        }
    EXPECT_LE(most, 4);
    this->RecordProperty("ulps", std::to_string(most));
}

TYPED_TEST(Random, ItemReadsItsOwnStream) {
    using T = TypeParam;
    const auto cuda = device<T>();
    OnDevice<T> all(*cuda, 37, 3, 5), one(*cuda, 37, 3);
    cuda->random_normal(seed, own_stream, first, all.view());
    cuda->random_normal(seed, own_stream + 4, first, one.view());
    const std::vector<T> batch = all.download(), alone = one.download();
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin() + 4 * 37 * 3));
}

TYPED_TEST(Random, StartsAtAnyBlock) {
    using T = TypeParam;
    const Index width = sizeof(T) == 4 ? 4 : 2;
    const auto cuda = device<T>();
    OnDevice<T> whole(*cuda, 50 * width, 1), part(*cuda, 9 * width, 1);
    cuda->random_uniform(seed, own_stream, 0, whole.view());
    cuda->random_uniform(seed, own_stream, 20, part.view());
    const std::vector<T> numbers = whole.download(), later = part.download();
    EXPECT_TRUE(std::equal(later.begin(), later.end(), numbers.begin() + 20 * width));
}

TYPED_TEST(Random, UniformIsThatOfRandomHpp) {
    using T = TypeParam;
    const auto cuda = device<T>();
    OnDevice<T> x(*cuda, 4, 1);
    cuda->random_uniform(seed, own_stream, first, x.view());
    const PhiloxBlock w = philox(seed, own_stream, first), next = philox(seed, own_stream, first + 1);
    if constexpr (sizeof(T) == 4)
        EXPECT_EQ(x.download(),
                  (std::vector<T>{uniform_f32(w[0]), uniform_f32(w[1]), uniform_f32(w[2]), uniform_f32(w[3])}));
    else
        EXPECT_EQ(x.download(), (std::vector<T>{uniform_f64(w[0], w[1]), uniform_f64(w[2], w[3]),
                                                uniform_f64(next[0], next[1]), uniform_f64(next[2], next[3])}));
}

}  // namespace
}  // namespace descrambler
