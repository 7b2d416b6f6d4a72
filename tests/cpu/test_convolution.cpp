// Convolutions of probes against the loops that define them, and what holds whatever the loops say: adjointness, the same
// bits in any company, probes that do not touch each other.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "convolutions.hpp"
#include "descrambler/backend.hpp"

namespace descrambler {
namespace {

template <class T>
std::vector<T> normals(Index count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& value : x)
        value = static_cast<T>(normal(random));
    return x;
}

template <class T>
class ConvolutionTest : public ::testing::Test {
protected:
    static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
    std::unique_ptr<Backend<T>> on = make_cpu_backend<T>(2);

    // what one call makes of x (of y, backwards) where y holds `old` before it
    std::vector<T> run(Backend<T>& backend, const Convolution& s, bool adjoint, const std::vector<T>& W,
                       const std::vector<T>& from, Index K, T beta = 0, const std::vector<T>& old = {}) {
        const Index rows = adjoint ? s.inputs() : s.outputs();
        std::vector<T> to = old.empty() ? std::vector<T>(static_cast<std::size_t>(rows * K), nan) : old;
        const Batch<const T> w(W.data(), s.depth(), s.out_channels);
        if (adjoint)
            backend.convolve_adjoint(s, w, {from.data(), s.outputs(), K}, beta, {to.data(), rows, K});
        else
            backend.convolve(s, w, {from.data(), s.inputs(), K}, beta, {to.data(), rows, K});
        return to;
    }
    std::vector<T> run(const Convolution& s, bool adjoint, const std::vector<T>& W, const std::vector<T>& from,
                       Index K) {
        return run(*on, s, adjoint, W, from, K);
    }
    std::vector<T> weights(const Convolution& s) { return normals<T>(s.depth() * s.out_channels, 1); }
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ConvolutionTest, Types);

// x = 1 2 3 4, w = 1 10 100, a zero on each side: y_i = x_(i-1) + 10 x_i + 100 x_(i+1)
TYPED_TEST(ConvolutionTest, ByHand) {
    const Convolution s = sized({1, 1, 1, 1, {1, 1, 4}, {}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}, {0, 0, 1});
    EXPECT_EQ(this->run(s, false, {1, 10, 100}, {1, 2, 3, 4}, 1), (std::vector<TypeParam>{210, 321, 432, 43}));
    // x_j = 100 y_(j-1) + 10 y_j + y_(j+1)
    EXPECT_EQ(this->run(s, true, {1, 10, 100}, {1, 2, 3, 4}, 1), (std::vector<TypeParam>{12, 123, 234, 340}));
}

// Stride 2, dilation 2, one zero in front, none behind: y_0 reads places -1 and 1, y_1 reads 1 and 3.
TYPED_TEST(ConvolutionTest, ByHandWithStrideAndDilation) {
    const Convolution s = sized({1, 1, 1, 1, {1, 1, 5}, {}, {1, 1, 2}, {1, 1, 2}, {1, 1, 2}, {0, 0, 1}}, {});
    ASSERT_EQ(s.out[2], 2);
    EXPECT_EQ(this->run(s, false, {3, 5}, {1, 2, 3, 4, 6}, 1), (std::vector<TypeParam>{10, 26}));
    EXPECT_EQ(this->run(s, true, {3, 5}, {1, 10}, 1), (std::vector<TypeParam>{0, 35, 0, 50, 0}));
}

// A mask on the way: the bits of a product with it behind, in both directions, added and not, also where a strided kernel
// meets no place. Leading dimensions beyond the rows.
TYPED_TEST(ConvolutionTest, AMaskMultipliesTheResult) {
    using T = TypeParam;
    constexpr Index K = 3, gap = 5;
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true})
            for (const T beta : {T{0}, T{1}}) {
                const Convolution& s = c.shape;
                const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
                const Index run = std::max<Index>(results / 3, 1);
                const std::vector<T> w = this->weights(s), from = normals<T>(rows * K, 2),
                                     old = normals<T>((results + gap) * K, 3), off{T{.5}, T{-2}};
                std::vector<std::uint32_t> bits(static_cast<std::size_t>(results / 32 + 1));
                for (std::size_t i = 0; i < bits.size(); ++i)
                    bits[i] = 0x9e3779b9U * static_cast<std::uint32_t>(i + 1);
                const Index fits = results % run == 0 ? run : 1;
                const Mask<T> mask{bits.data(), {off.data(), 2, fits}};
                const Batch<const T> W(w.data(), s.depth(), s.out_channels), in(from.data(), rows, K);
                std::vector<T> once = old, twice = old;
                const auto out = [&](std::vector<T>& to) {
                    return Batch<T>(to.data(), results, K, 1, 0, results + gap);
                };
                if (adjoint) {
                    this->on->convolve_adjoint(s, W, in, beta, out(once), mask);
                    this->on->convolve_adjoint(s, W, in, beta, out(twice));
                } else {
                    this->on->convolve(s, W, in, beta, out(once), mask);
                    this->on->convolve(s, W, in, beta, out(twice));
                }
                this->on->masked_product(mask.bits, mask.off, out(twice), 0, out(twice));
                ASSERT_EQ(once, twice) << c.name << (adjoint ? ", adjoint" : "") << ", beta " << beta;
            }
}

// A sum of n rounded products is off by at most n eps sum |products|. Leading dimensions beyond the rows, and what lies
// between the columns stays; beta 0 does not read.
TYPED_TEST(ConvolutionTest, MatchesTheDefinition) {
    using T = TypeParam;
    constexpr Index K = 3, gap = 5;
    constexpr T guard = -12345;
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true})
            for (const T beta : {T{0}, T{1}}) {
                const Convolution& s = c.shape;
                const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
                const std::vector<T> w = normals<T>((s.depth() + gap) * s.out_channels, 1),
                                     from = normals<T>((rows + gap) * K, 2);
                std::vector<T> to = normals<T>((results + gap) * K, 3);
                const std::vector<T> old = to;
                for (Index k = 0; k < K; ++k) {
                    if (beta == 0)
                        std::fill_n(to.data() + k * (results + gap), results, this->nan);
                    std::fill_n(to.data() + k * (results + gap) + results, gap, guard);
                }
                const Batch<const T> W(w.data(), s.depth(), s.out_channels, 1, 0, s.depth() + gap),
                    in(from.data(), rows, K, 1, 0, rows + gap);
                const Batch<T> out(to.data(), results, K, 1, 0, results + gap);
                if (adjoint)
                    this->on->convolve_adjoint(s, W, in, beta, out);
                else
                    this->on->convolve(s, W, in, beta, out);
                for (Index k = 0; k < K; ++k) {
                    std::vector<double> sum(static_cast<std::size_t>(results)), size(sum);
                    for (Index i = 0; i < results; ++i)
                        size[i] = std::abs(sum[i] = static_cast<double>(beta) * old[k * (results + gap) + i]);
                    for_products(s, [&](Index v, Index i, Index o) {
                        const double product = static_cast<double>(W(v % s.depth(), v / s.depth())) *
                                               static_cast<double>(in(adjoint ? o : i, k));
                        sum[adjoint ? i : o] += product;
                        size[adjoint ? i : o] += std::abs(product);
                    });
                    const double terms = static_cast<double>(
                        adjoint ? s.out_channels / s.groups * s.kernel[0] * s.kernel[1] * s.kernel[2] : s.depth());
                    for (Index i = 0; i < results; ++i)
                        ASSERT_NEAR(static_cast<double>(out(i, k)), sum[i],
                                    (terms + 1) * static_cast<double>(std::numeric_limits<T>::epsilon()) * size[i])
                            << c.name << (adjoint ? ", adjoint" : "") << ", beta " << beta << ", probe " << k;
                    for (Index i = 0; i < gap; ++i)
                        ASSERT_EQ(out.data[k * (results + gap) + results + i], guard) << c.name;
                }
            }
}

// <conv x, y> = <x, conv^T y>, each product rounded: depth eps |w| |x| |y|, the sums taken in double.
TYPED_TEST(ConvolutionTest, AdjointIsTheTranspose) {
    using T = TypeParam;
    for (const ConvolutionCase& c : convolution_cases()) {
        const Convolution& s = c.shape;
        const std::vector<T> W = this->weights(s), x = normals<T>(s.inputs(), 2), y = normals<T>(s.outputs(), 3);
        const std::vector<T> Ax = this->run(s, false, W, x, 1), Aty = this->run(s, true, W, y, 1);
        double left = 0, right = 0, size = 0;
        for (std::size_t i = 0; i < y.size(); ++i)
            left += static_cast<double>(Ax[i]) * static_cast<double>(y[i]);
        for (std::size_t i = 0; i < x.size(); ++i)
            right += static_cast<double>(x[i]) * static_cast<double>(Aty[i]);
        for_products(s, [&](Index w, Index i, Index o) {
            size += std::abs(static_cast<double>(W[w]) * static_cast<double>(x[i]) * static_cast<double>(y[o]));
        });
        const double terms =
            static_cast<double>(std::max(s.depth(), s.out_channels * s.kernel[0] * s.kernel[1] * s.kernel[2]) + 1);
        EXPECT_NEAR(left, right, 2 * terms * static_cast<double>(std::numeric_limits<T>::epsilon()) * size) << c.name;
    }
}

// A probe alone on one thread, and at every place among others on one, two or three threads.
TYPED_TEST(ConvolutionTest, BitsOfAProbeDependOnNothingElse) {
    using T = TypeParam;
    std::vector<std::unique_ptr<Backend<T>>> backends;
    for (const int threads : {1, 2, 3})
        backends.push_back(make_cpu_backend<T>(threads));
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true})
            for (const T beta : {T{0}, T{1}}) {
                const Convolution& s = c.shape;
                const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
                const std::vector<T> W = this->weights(s), probes = normals<T>(rows * 17, 4);
                const std::vector<T> old = normals<T>(results, 5);
                std::vector<std::vector<T>> alone;
                for (Index k = 0; k < 17; ++k)
                    alone.push_back(this->run(*backends[0], s, adjoint, W,
                                              {probes.begin() + k * rows, probes.begin() + (k + 1) * rows}, 1, beta,
                                              old));
                for (const Index K : {2, 3, 5, 16, 17})
                    for (const auto& backend : backends) {
                        const Index shift = K * 7 % 17;  // the probe at place k: k 5 + shift
                        std::vector<T> x, y;
                        for (Index k = 0; k < K; ++k) {
                            const auto first = probes.begin() + (k * 5 + shift) % 17 * rows;
                            x.insert(x.end(), first, first + rows);
                            y.insert(y.end(), old.begin(), old.end());
                        }
                        const std::vector<T> all = this->run(*backend, s, adjoint, W, x, K, beta, y);
                        for (Index k = 0; k < K; ++k)
                            ASSERT_TRUE(std::equal(alone[(k * 5 + shift) % 17].begin(),
                                                   alone[(k * 5 + shift) % 17].end(), all.begin() + k * results))
                                << c.name << (adjoint ? ", adjoint" : "") << ", K " << K << ", place " << k << ", "
                                << backend->threads() << " threads";
                    }
            }
}

// NaN in one number of one of three probes: where a window holds it, and nowhere else.
TYPED_TEST(ConvolutionTest, NaNStaysWhereItIsRead) {
    using T = TypeParam;
    constexpr Index K = 3;
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true}) {
            const Convolution& s = c.shape;
            const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
            const Index at = rows * 2 / 3;
            std::vector<T> from = normals<T>(rows * K, 2);
            from[rows + at] = this->nan;
            const std::vector<T> to = this->run(s, adjoint, this->weights(s), from, K);
            std::vector<bool> reached(static_cast<std::size_t>(results * K));
            for_products(s, [&](Index, Index i, Index o) {
                if ((adjoint ? o : i) == at)
                    reached[results + (adjoint ? i : o)] = true;
            });
            for (std::size_t i = 0; i < to.size(); ++i)
                ASSERT_EQ(std::isnan(to[i]), reached[i]) << c.name << (adjoint ? ", adjoint" : "") << " " << i;
        }
}

TYPED_TEST(ConvolutionTest, NothingIsHarmless) {
    using T = TypeParam;
    const Convolution s = sized({1, 2, 3, 1, {1, 4, 5}, {}, {1, 3, 3}}, {});
    const std::vector<T> W = this->weights(s), one = normals<T>(s.inputs(), 1);
    EXPECT_TRUE(this->run(s, false, W, {}, 0).empty());  // no probe
    EXPECT_TRUE(this->run(s, true, W, {}, 0).empty());
    Convolution t = s;
    t.images = 0;
    EXPECT_TRUE(this->run(t, false, W, {}, 2).empty());
    t = s;
    t.out = {1, 0, 3};
    EXPECT_TRUE(this->run(t, false, W, one, 1).empty());
    EXPECT_EQ(this->run(t, true, W, {}, 1), std::vector<T>(one.size()));  // a sum of nothing
    EXPECT_EQ(this->run(*this->on, t, true, W, {}, 1, 1, one), one);
    t = s;
    t.in_channels = 0;
    EXPECT_EQ(this->run(t, false, {}, {}, 1), std::vector<T>(static_cast<std::size_t>(s.outputs())));
    EXPECT_TRUE(this->run(t, true, {}, normals<T>(s.outputs(), 1), 1).empty());
    t = s;
    t.out_channels = 0;
    EXPECT_TRUE(this->run(t, false, {}, one, 1).empty());
    EXPECT_EQ(this->run(t, true, {}, {}, 1), std::vector<T>(one.size()));
    t = s;
    t.in = {1, 4, 0};
    EXPECT_EQ(this->run(t, false, W, {}, 1), std::vector<T>(static_cast<std::size_t>(s.outputs())));
    EXPECT_TRUE(this->run(t, true, W, normals<T>(s.outputs(), 1), 1).empty());
}

TYPED_TEST(ConvolutionTest, RefusesOtherShapes) {
    using T = TypeParam;
    const Convolution s = sized({1, 2, 4, 1, {1, 4, 5}, {}, {1, 3, 3}}, {});
    const std::vector<T> W = this->weights(s), x = normals<T>(s.inputs(), 1);
    std::vector<T> y(static_cast<std::size_t>(s.outputs()));
    const Batch<const T> w(W.data(), s.depth(), 4), in(x.data(), s.inputs(), 1);
    const Batch<T> out(y.data(), s.outputs(), 1);
    const auto refused = [&](const Convolution& t, Batch<const T> weights, Batch<const T> from, T beta) {
        EXPECT_THROW(this->on->convolve(t, weights, from, beta, out), std::invalid_argument);
    };
    EXPECT_NO_THROW(this->on->convolve(s, w, in, T{1}, out));
    Convolution t = s;
    t.groups = 3;
    refused(t, w, in, 0);
    t = s;
    t.stride[1] = 0;
    refused(t, w, in, 0);
    refused(s, {W.data(), s.depth(), 3}, in, 0);
    refused(s, w, {x.data(), s.inputs() - 1, 1}, 0);
    refused(s, w, in, T{2});
}

}  // namespace
}  // namespace descrambler
