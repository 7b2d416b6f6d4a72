#include "device.hpp"

namespace descrambler::test {
namespace {

template <class T>
class Random : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Random, Precisions);

TYPED_TEST(Random, UniformBitsAreThoseOfTheCpu) {
    using T = TypeParam;
    const auto cpu = make_cpu_backend<T>(1);
    for (const Index n : {0, 1, 31, 32, 33, 257, 4099})
        for (const Index batch : {1, 11}) {
            OnDevice<T> x(device<T>(), n, 1, batch);
            device<T>().random_uniform(7, 3, 5, x.view());
            std::vector<T> expected(static_cast<std::size_t>(n * batch));
            cpu->random_uniform(7, 3, 5, {expected.data(), n, 1, batch});
            EXPECT_EQ(x.download(), expected) << n << " x " << batch;
        }
}

// log, sine, cosine: a unit or two each on either side; their product is within four.
TYPED_TEST(Random, NormalsAreThoseOfTheCpuToFourUnits) {
    using T = TypeParam;
    const auto cpu = make_cpu_backend<T>(1);
    const Index n = 10007, batch = 3;
    OnDevice<T> x(device<T>(), n, 1, batch);
    device<T>().random_normal(7, 3, 5, x.view());
    std::vector<T> expected(static_cast<std::size_t>(n * batch));
    cpu->random_normal(7, 3, 5, {expected.data(), n, 1, batch});
    const std::vector<T> found = x.download();
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const T size = std::abs(expected[i]);
        const T unit = std::nextafter(size, std::numeric_limits<T>::infinity()) - size;
        worst = std::max(worst, static_cast<double>(std::abs(found[i] - expected[i]) / unit));
    }
    EXPECT_LE(worst, 4.0);
}

}  // namespace
}  // namespace descrambler::test
