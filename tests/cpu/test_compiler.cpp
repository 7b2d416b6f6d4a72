// The compiler keeps constants as they are written (CMakeLists.txt: what GCC 12 does to them without -mmove-max).
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace {

template <class T, std::size_t count>
[[gnu::noipa]] void expect(const T (&block)[count], std::array<T, count> wanted) {
    for (std::size_t i = 0; i < count; ++i)
        EXPECT_EQ(block[i], wanted[i]) << i;
}

TEST(Compiler, KeepsZerosBehindEqualWords) {
    const double a[]{1, 1, 1, 0}, b[]{3, 3, 3, 3, 3, 3, 3, 0}, c[]{1, 1, 0, 0};
    double x[4], y[8], z[4];
    std::copy(std::begin(a), std::end(a), x);
    std::copy(std::begin(b), std::end(b), y);
    std::copy(std::begin(c), std::end(c), z);
    volatile double one = 1, three = 3, zero = 0;
    expect(x, {one, one, one, zero});
    expect(y, {three, three, three, three, three, three, three, zero});
    expect(z, {one, one, zero, zero});
    const std::vector<double> list{1, 1, 1, 0};
    EXPECT_EQ(list.back(), zero);
}

}  // namespace
