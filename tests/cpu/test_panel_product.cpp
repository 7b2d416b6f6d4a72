#include "cpu/panel_product.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace descrambler::cpu {
namespace {

template <class T>
std::vector<T> numbers(Index count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& value : x)
        value = static_cast<T>(normal(random));
    return x;
}

constexpr double guard = -12345;

template <class T>
class PanelProduct : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(PanelProduct, Types);

// A sum of `terms` products, each rounded: terms u sum |products|; the reference is in double.
template <class T>
double tolerance(Index terms, double size) {
    return static_cast<double>(terms + 1) * static_cast<double>(std::numeric_limits<T>::epsilon()) * size;
}

TYPED_TEST(PanelProduct, IsTheProductAtAnySizeAndWritesNothingElse) {
    using T = TypeParam;
    for (const Index n : {1, 7, 8, 9, 16, 17, 23, 24, 25, 48, 79, 80, 81, 200})
        for (const Index d : {1, 2, 5, 33})
            for (const Index samples : {1, 3, 7, 8, 9, 31}) {
                const std::vector<T> W = numbers<T>(n * d, 1), X = numbers<T>(d * samples, 2);
                std::vector<T> Y(static_cast<std::size_t>(n * samples + 16), static_cast<T>(guard));
                Panels<T>({W.data(), n, d}).multiply({X.data(), d, samples}, {Y.data() + 8, n, samples});
                for (Index j = 0; j < samples; ++j)
                    for (Index i = 0; i < n; ++i) {
                        double sum = 0, size = 0;
                        for (Index k = 0; k < d; ++k) {
                            const double product = static_cast<double>(W[i + k * n]) * X[k + j * d];
                            sum += product;
                            size += std::abs(product);
                        }
                        ASSERT_NEAR(Y[8 + i + j * n], sum, tolerance<T>(d, size)) << n << " " << d << " " << samples;
                    }
                for (Index e = 0; e < 8; ++e) {
                    ASSERT_EQ(Y[e], static_cast<T>(guard));
                    ASSERT_EQ(Y[Y.size() - 1 - e], static_cast<T>(guard));
                }
            }
}

TYPED_TEST(PanelProduct, GramOfFewRows) {
    using T = TypeParam;
    int served = 0;
    for (Index n = 1; n <= 128; ++n) {
        if (!panel_gram_serves<T>(n))
            continue;
        ++served;
        for (const Index samples : {1, 127, 128, 300})
            for (const T beta : {T{0}, T{1}, T{-2}}) {
                const std::vector<T> S = numbers<T>(n * samples, 3);
                std::vector<T> G = numbers<T>(n * n, 4);
                const std::vector<T> old = G;
                if (beta == 0)
                    std::fill(G.begin(), G.end(), std::numeric_limits<T>::quiet_NaN());  // must not survive
                panel_gram<T>({S.data(), n, samples}, beta, {G.data(), n, n});
                for (Index j = 0; j < n; ++j)
                    for (Index i = j; i < n; ++i) {
                        double sum = beta == 0 ? 0.0 : static_cast<double>(beta) * old[i + j * n], size = std::abs(sum);
                        for (Index k = 0; k < samples; ++k) {
                            const double product = static_cast<double>(S[i + k * n]) * S[j + k * n];
                            sum += product;
                            size += std::abs(product);
                        }
                        ASSERT_NEAR(G[i + j * n], sum, tolerance<T>(samples, size)) << n << " " << samples;
                    }
            }
    }
    EXPECT_GE(served, 4);
}

}  // namespace
}  // namespace descrambler::cpu
