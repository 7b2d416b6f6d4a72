#include "core/vector_math.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

namespace descrambler {
namespace {

// Distance in units of the last place of the float nearest to `exact`.
double units(float x, double exact) {
    const float near = std::fabs(static_cast<float>(exact));
    const double unit = static_cast<double>(std::nextafter(near, 2 * near + 1)) - near;
    return std::fabs(x - exact) / unit;
}

// Largest distance over every `stride`-th float from low to high (both of one sign).
template <class F, class Exact>
double worst(F f, Exact exact, float low, float high, std::uint32_t stride) {
    double most = 0;
    const std::uint32_t a = std::bit_cast<std::uint32_t>(low), b = std::bit_cast<std::uint32_t>(high);
    for (std::uint32_t bits = std::min(a, b); bits <= std::max(a, b); bits += stride) {
        const float x = std::bit_cast<float>(bits);
        most = std::max(most, units(f(x), exact(static_cast<double>(x))));
    }
    return most;
}

// The bounds are those the header states. They follow from a polynomial error below 0.5 unit and the roundings of the
// last few operations.
TEST(VectorMath, ExpIsWithinItsBound) {
    const auto f = [](float x) { return fast_exp(x); };
    const auto exact = [](double x) { return std::exp(x); };
    EXPECT_LT(worst(f, exact, 1e-10f, 88.7f, 1009), 1.1);
    EXPECT_LT(worst(f, exact, -1e-10f, -87.3f, 1009), 1.1);
    EXPECT_EQ(fast_exp(0.0f), 1.0f);
}

TEST(VectorMath, ExpSaturatesAndKeepsNaN) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    EXPECT_TRUE(std::isnormal(fast_exp(-infinity)));
    EXPECT_LT(fast_exp(-infinity), 1.2e-38f);
    EXPECT_TRUE(std::isnormal(fast_exp(-1e30f)));
    EXPECT_TRUE(std::isnormal(fast_exp(infinity)));
    EXPECT_GT(fast_exp(infinity), 3.3e38f);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(fast_exp(nan)));
    EXPECT_TRUE(std::isnan(fast_tanh(nan)));
    EXPECT_TRUE(std::isnan(fast_logistic(nan)));
    EXPECT_TRUE(std::isnan(fast_softplus(nan)));
}

TEST(VectorMath, LogIsWithinItsBound) {
    const auto f = [](float x) { return fast_log(x); };
    const auto exact = [](double x) { return std::log(x); };
    EXPECT_LT(worst(f, exact, std::numeric_limits<float>::min(), std::numeric_limits<float>::max(), 1009), 1.0);
    EXPECT_LT(worst(f, exact, 0.5f, 2.0f, 11), 1.0);  // where the logarithm is small
    EXPECT_EQ(fast_log(1.0f), 0.0f);
}

TEST(VectorMath, SineAndCosineOfATurnAreWithinTheirBound) {
    double sine = 0, cosine = 0;
    for (std::uint32_t word = 0; word < (1u << 23); word += 3) {  // the uniform numbers there are
        const float u = (static_cast<float>(word) + 0.5f) * 0x1p-23f;
        const SinCos<float> turn = sincos_turn(u);
        // exact argument reduction, for the reference's sake
        const double d = u - 0.25 * std::round(4.0 * u), angle = 2 * std::numbers::pi * d;
        const int quarter = static_cast<int>(std::round(4.0 * u)) % 4;
        const double s[4] = {std::sin(angle), std::cos(angle), -std::sin(angle), -std::cos(angle)};
        sine = std::max(sine, units(turn.sin, s[quarter]));
        cosine = std::max(cosine, units(turn.cos, s[(quarter + 1) % 4]));
    }
    EXPECT_LT(sine, 1.7);
    EXPECT_LT(cosine, 1.7);
    EXPECT_EQ(sincos_turn(0.0f).sin, 0.0f);
    EXPECT_EQ(sincos_turn(0.0f).cos, 1.0f);
    EXPECT_EQ(sincos_turn(0.25f).sin, 1.0f);
    EXPECT_EQ(sincos_turn(0.5f).cos, -1.0f);
    EXPECT_EQ(sincos_turn(0.75f).sin, -1.0f);
}

TEST(VectorMath, TanhIsWithinItsBoundAndOdd) {
    const auto f = [](float x) { return fast_tanh(x); };
    const auto exact = [](double x) { return std::tanh(x); };
    EXPECT_LT(worst(f, exact, 1e-20f, 100.0f, 1009), 3.0);
    EXPECT_LT(worst(f, exact, 0.05f, 2.0f, 11), 3.0);
    for (float x = 0; x < 12; x += 0.001f) {
        EXPECT_EQ(fast_tanh(-x), -fast_tanh(x));
        EXPECT_LE(fast_tanh(x), 1.0f);
    }
    EXPECT_EQ(fast_tanh(std::numeric_limits<float>::infinity()), 1.0f);
}

TEST(VectorMath, LogisticIsWithinItsBound) {
    const auto f = [](float x) { return fast_logistic(x); };
    const auto exact = [](double x) { return 1 / (1 + std::exp(-x)); };
    EXPECT_LT(worst(f, exact, 1e-10f, 100.0f, 1009), 2.0);
    EXPECT_LT(worst(f, exact, -1e-10f, -87.0f, 1009), 2.0);
    EXPECT_EQ(fast_logistic(0.0f), 0.5f);
    EXPECT_LT(fast_logistic(-1e10f), 1e-37f);
}

TEST(VectorMath, SoftplusIsWithinItsBound) {
    const auto f = [](float x) { return fast_softplus(x); };
    const auto exact = [](double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x))); };
    EXPECT_LT(worst(f, exact, 1e-10f, 1000.0f, 1009), 2.5);
    EXPECT_LT(worst(f, exact, -1e-10f, -87.0f, 1009), 2.5);
}

// Vector lanes, remainder and one at a time.
TEST(VectorMath, BitsDoNotDependOnThePositionInALoop) {
    for (const int n : {1, 7, 16, 37, 1000}) {
        std::vector<float> x(static_cast<std::size_t>(n)), y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = -8.0f + 0.0163f * static_cast<float>(i);
#pragma omp simd
        for (std::size_t i = 0; i < x.size(); ++i)
            y[i] = fast_tanh(x[i]) + fast_softplus(x[i]) + fast_log(fast_exp(x[i]) + 1.0f);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const volatile float alone = x[i];
            const float v = alone;
            ASSERT_EQ(y[i], fast_tanh(v) + fast_softplus(v) + fast_log(fast_exp(v) + 1.0f)) << n << " " << i;
        }
    }
}

// The same in double, against the longer type of the machine where there is one.
double units(double x, long double exact) {
    const auto near = std::fabs(static_cast<double>(exact));
    const long double unit = static_cast<long double>(std::nextafter(near, 2 * near + 1)) - near;
    return static_cast<double>(std::fabs(static_cast<long double>(x) - exact) / unit);
}

template <class F, class Exact>
double worst_double(F f, Exact exact, double low, double high) {
    double most = 0;
    const std::uint64_t a = std::bit_cast<std::uint64_t>(low), b = std::bit_cast<std::uint64_t>(high);
    const std::uint64_t first = std::min(a, b), stride = (std::max(a, b) - first) / 400000 + 1;
    for (std::uint64_t bits = first; bits <= std::max(a, b); bits += stride) {
        const double x = std::bit_cast<double>(bits);
        most = std::max(most, units(f(x), exact(static_cast<long double>(x))));
    }
    return most;
}

TEST(VectorMath, DoubleVersionsAreWithinTheirBounds) {
    if (std::numeric_limits<long double>::digits <= std::numeric_limits<double>::digits)
        GTEST_SKIP() << "no longer type to compare with";
    const auto exponential = [](double x) { return fast_exp(x); };
    const auto exp_exact = [](long double x) { return std::exp(x); };
    EXPECT_LT(worst_double(exponential, exp_exact, 1e-10, 709.6), 1.0);
    EXPECT_LT(worst_double(exponential, exp_exact, 0.1, 2.0), 1.0);
    EXPECT_LT(worst_double(exponential, exp_exact, -1e-10, -707.9), 1.0);
    const auto tangent = [](double x) { return fast_tanh(x); };
    const auto tanh_exact = [](long double x) { return std::tanh(x); };
    EXPECT_LT(worst_double(tangent, tanh_exact, 1e-20, 100.0), 3.0);
    EXPECT_LT(worst_double(tangent, tanh_exact, 0.05, 2.0), 3.0);
    const auto logistic = [](double x) { return fast_logistic(x); };
    const auto logistic_exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
    EXPECT_LT(worst_double(logistic, logistic_exact, 1e-10, 700.0), 2.5);
    EXPECT_LT(worst_double(logistic, logistic_exact, -1e-10, -707.0), 2.5);
}

TEST(VectorMath, DoubleVersionsAtTheirEnds) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(fast_exp(0.0), 1.0);
    EXPECT_TRUE(std::isnormal(fast_exp(-infinity)));
    EXPECT_LT(fast_exp(-1e300), 1e-307);
    EXPECT_TRUE(std::isnormal(fast_exp(infinity)));
    EXPECT_GT(fast_exp(1e300), 1.5e308);
    EXPECT_TRUE(std::isnan(fast_exp(nan)));
    EXPECT_TRUE(std::isnan(fast_tanh(nan)));
    EXPECT_TRUE(std::isnan(fast_logistic(nan)));
    EXPECT_EQ(fast_tanh(infinity), 1.0);
    EXPECT_EQ(fast_tanh(-infinity), -1.0);
    EXPECT_EQ(fast_tanh(0.0), 0.0);
    EXPECT_EQ(fast_logistic(0.0), 0.5);
    for (double x = 0; x < 30; x += 0.001) {
        EXPECT_EQ(fast_tanh(-x), -fast_tanh(x));
        EXPECT_LE(fast_tanh(x), 1.0);
    }
}

}  // namespace
}  // namespace descrambler
