#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "descrambler/error.hpp"
#include "io/packed.hpp"

namespace descrambler {
namespace {

template <class T>
class PackedTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(PackedTest, Types);

TYPED_TEST(PackedTest, EveryBitComesBack) {
    using T = TypeParam;
    const Extents extents{2, 5, 7};
    std::vector<T> values(70);
    values[static_cast<std::size_t>((1 * 5 + 2) * 7 + 3)] = T{1} / 3;
    values[static_cast<std::size_t>((1 * 5 + 4) * 7 + 1)] = std::numeric_limits<T>::denorm_min();
    values[static_cast<std::size_t>((1 * 5 + 3) * 7 + 5)] = -T{0};
    const Packed packed = pack<T>(values, extents);
    EXPECT_EQ(packed.box, (Box{{1, 2, 1}, {1, 3, 5}}));
    const std::vector<T> back = unpack<T>(packed.box, packed.bytes);
    ASSERT_EQ(std::ssize(back), 15);
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 5; ++j) {
            const T a = back[static_cast<std::size_t>(i * 5 + j)],
                    b = values[static_cast<std::size_t>((5 + 2 + i) * 7 + 1 + j)];
            EXPECT_EQ(a, b);
            EXPECT_EQ(std::signbit(a), std::signbit(b)) << i << ", " << j;
        }
}

TYPED_TEST(PackedTest, NothingTakesNoBytes) {
    using T = TypeParam;
    const Packed packed = pack<T>(std::vector<T>(24), {2, 3, 4});
    EXPECT_EQ(packed.box, Box{});
    EXPECT_TRUE(packed.bytes.empty());
    EXPECT_TRUE(unpack<T>(packed.box, packed.bytes).empty());
}

TYPED_TEST(PackedTest, DamageIsRefused) {
    using T = TypeParam;
    Packed packed = pack<T>(std::vector<T>(24, T{2}), {2, 3, 4});
    Box larger = packed.box;
    ++larger.size[2];
    EXPECT_THROW((void)unpack<T>(larger, packed.bytes), InputError);
    packed.bytes.resize(packed.bytes.size() / 2);
    EXPECT_THROW((void)unpack<T>(packed.box, packed.bytes), InputError);
    EXPECT_THROW((void)pack<T>(std::vector<T>(24), {2, 3, 5}), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
