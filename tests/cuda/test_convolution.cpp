// Convolutions of probes on the device against the CPU. Between them each number is two sums of the same rounded products,
// each off by at most n u sum |products| with n terms, so by 2 n u sum |products|; the sum of the sizes of the products
// is the convolution of |W| and |x|, which is computed as well.
#include <algorithm>
#include <array>

#include "convolutions.hpp"
#include "device.hpp"

namespace descrambler::test {
namespace {

template <class T>
class CudaConvolution : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>(), cpu = host<T>();

    static std::vector<T> weights(const Convolution& s) { return normals<T>(s.depth() * s.out_channels, 1); }
    // What one call makes of `from` where the target holds `old` before it, NaN without.
    static std::vector<T> run(Backend<T>& on, const Convolution& s, bool adjoint, const std::vector<T>& W,
                              const std::vector<T>& from, Index K, const std::vector<T>& old = {}) {
        const OnDevice<T> w(on, W, s.depth(), s.out_channels), source(on, from, adjoint ? s.outputs() : s.inputs(), K);
        OnDevice<T> target(on, adjoint ? s.inputs() : s.outputs(), K);
        if (!old.empty())
            target.upload(old);
        const T beta = old.empty() ? T{0} : T{1};
        if (adjoint)
            on.convolve_adjoint(s, w.cview(), source.cview(), beta, target.view());
        else
            on.convolve(s, w.cview(), source.cview(), beta, target.view());
        return target.download();
    }
    static std::vector<T> sizes(std::vector<T> numbers) {
        for (T& x : numbers)
            x = std::abs(x);
        return numbers;
    }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(CudaConvolution, Precisions);

// x = 1 2 3 4, w = 1 10 100, a zero on each side: y_i = x_(i-1) + 10 x_i + 100 x_(i+1), x_j = 100 y_(j-1) + 10 y_j + y_(j+1)
TYPED_TEST(CudaConvolution, ByHand) {
    using T = TypeParam;
    const Convolution s = sized({1, 1, 1, 1, {1, 1, 4}, {}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}, {0, 0, 1});
    EXPECT_EQ(this->run(*this->gpu, s, false, {1, 10, 100}, {1, 2, 3, 4}, 1), (std::vector<T>{210, 321, 432, 43}));
    EXPECT_EQ(this->run(*this->gpu, s, true, {1, 10, 100}, {1, 2, 3, 4}, 1), (std::vector<T>{12, 123, 234, 340}));
    // the same five times over: outputs enough for a tile, y_m = (m + 1) y_0
    const Convolution wide = sized({1, 1, 5, 1, {1, 1, 4}, {}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1}}, {0, 0, 1});
    std::vector<T> W, y;
    for (int m = 1; m <= 5; ++m) {
        for (const int w : {1, 10, 100})
            W.push_back(static_cast<T>(m * w));
        for (const int value : {210, 321, 432, 43})
            y.push_back(static_cast<T>(m * value));
    }
    EXPECT_EQ(this->run(*this->gpu, wide, false, W, {1, 2, 3, 4}, 1), y);
}

TYPED_TEST(CudaConvolution, MatchesCpu) {
    using T = TypeParam;
    constexpr Index K = 3;
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true}) {
            const Convolution& s = c.shape;
            const std::vector<T> W = this->weights(s), from = normals<T>((adjoint ? s.outputs() : s.inputs()) * K, 2),
                                 old = normals<T>((adjoint ? s.inputs() : s.outputs()) * K, 3);
            const double terms =
                1 + static_cast<double>(adjoint ? s.out_channels / s.groups * s.kernel[0] * s.kernel[1] * s.kernel[2]
                                                : s.depth());
            const std::vector<T> size =
                this->run(*this->cpu, s, adjoint, this->sizes(W), this->sizes(from), K, this->sizes(old));
            for (const bool add : {false, true}) {
                const std::vector<T> found =
                                         this->run(*this->gpu, s, adjoint, W, from, K, add ? old : std::vector<T>()),
                                     wanted =
                                         this->run(*this->cpu, s, adjoint, W, from, K, add ? old : std::vector<T>());
                ASSERT_EQ(found.size(), wanted.size());
                for (std::size_t i = 0; i < found.size(); ++i)
                    ASSERT_NEAR(static_cast<double>(found[i]), static_cast<double>(wanted[i]),
                                2 * terms * unit_roundoff<T> * static_cast<double>(size[i]))
                        << c.name << (adjoint ? ", adjoint" : "") << (add ? ", added" : "") << ", number " << i;
            }
        }
}

// A mask on the way: the numbers of a product with it behind, in both directions, added and not.
TYPED_TEST(CudaConvolution, AMaskMultipliesTheResult) {
    using T = TypeParam;
    constexpr Index K = 3, gap = 5;
    Backend<T>& on = *this->gpu;
    for (const ConvolutionCase& c : convolution_cases())
        for (const bool adjoint : {false, true})
            for (const T beta : {T{0}, T{1}}) {
                const Convolution& s = c.shape;
                const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
                std::vector<std::uint32_t> words(static_cast<std::size_t>(results / 32 + 1));
                for (std::size_t i = 0; i < words.size(); ++i)
                    words[i] = 0x9e3779b9U * static_cast<std::uint32_t>(i + 1);
                const Buffer<std::uint32_t> bits = on.allocate_words(std::ssize(words));
                on.upload(words.data(), Batch<std::uint32_t>(bits.data(), std::ssize(words), 1));
                const OnDevice<T> w(on, this->weights(s), s.depth(), s.out_channels),
                    from(on, normals<T>(rows * K, 2), rows, K), off(on, {T{.5}, T{-2}}, 2, 1);
                const std::vector<T> old = normals<T>((results + gap) * K, 3);
                OnDevice<T> once(on, old, results + gap, K), twice(on, old, results + gap, K);
                const Mask<T> mask{bits.data(), {off.view().data, 2, 1}};
                const Batch<T> one = once.view().row_range(0, results), two = twice.view().row_range(0, results);
                if (adjoint) {
                    on.convolve_adjoint(s, w.cview(), from.cview(), beta, one, mask);
                    on.convolve_adjoint(s, w.cview(), from.cview(), beta, two);
                } else {
                    on.convolve(s, w.cview(), from.cview(), beta, one, mask);
                    on.convolve(s, w.cview(), from.cview(), beta, two);
                }
                on.masked_product(mask.bits, mask.off, two, 0, two);
                ASSERT_EQ(once.download(), twice.download())
                    << c.name << (adjoint ? ", adjoint" : "") << ", beta " << beta;
            }
}

// Ranges of rows of taller matrices, few outputs and by tiles; what lies between the columns stays.
TYPED_TEST(CudaConvolution, LeadingDimensionsBeyondTheRows) {
    using T = TypeParam;
    constexpr Index K = 3, gap = 5;
    for (const Index channels : {2, 5})
        for (const bool adjoint : {false, true}) {
            const Convolution s =
                sized({2, 2 * channels, 2 * channels + 2, 2, {1, 5, 6}, {}, {1, 3, 3}, {1, 2, 1}, {1, 1, 1}, {0, 1, 1}},
                      {0, 1, 1});
            const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
            const std::vector<T> w = normals<T>((s.depth() + gap) * s.out_channels, 1),
                                 from = normals<T>((rows + gap) * K, 2), old = normals<T>((results + gap) * K, 3);
            const auto run = [&](Backend<T>& on) {
                const OnDevice<T> W(on, w, s.depth() + gap, s.out_channels), source(on, from, rows + gap, K),
                    target(on, old, results + gap, K);
                const auto in = source.cview().row_range(2, rows);
                const auto out = target.view().row_range(3, results);
                if (adjoint)
                    on.convolve_adjoint(s, W.cview().row_range(1, s.depth()), in, 0, out);
                else
                    on.convolve(s, W.cview().row_range(1, s.depth()), in, 0, out);
                return target.download();
            };
            const std::vector<T> found = run(*this->gpu), wanted = run(*this->cpu);
            EXPECT_LE(relative_error(found, wanted), 4 * 54 * unit_roundoff<T>);
            for (Index k = 0; k < K; ++k)
                for (Index i = 0; i < results + gap; ++i)
                    if (i < 3 || i >= results + 3) {
                        const auto at = static_cast<std::size_t>(k * (results + gap) + i);
                        ASSERT_EQ(found[at], old[at]);
                    }
        }
}

// Whatever the tile: groups of few outputs, tiles of 16, 32 and 64 outputs, in single precision of 128 positions.
TYPED_TEST(CudaConvolution, AProbeHasTheSameBitsInAnyCompany) {
    using T = TypeParam;
    using C = Convolution;
    const std::array<Convolution, 5> shapes{
        sized(C{1, 6, 6, 6, {1, 7, 9}, {}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1}),
        sized(C{2, 3, 9, 1, {1, 6, 5}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1}),
        sized(C{1, 20, 17, 1, {1, 5, 5}, {}, {1, 2, 3}, {1, 2, 1}}, {}),
        sized(C{1, 3, 33, 1, {1, 9, 9}, {}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}}, {0, 1, 1}),
        sized(C{1, 1, 130, 1, {1, 1, 40}, {}, {1, 1, 3}}, {})};
    for (const Convolution& s : shapes)
        for (const bool adjoint : {false, true}) {
            const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
            // the last shape alone has tiles enough for the tall ones
            const Index K = !adjoint && s.out_channels == 130 ? 160 : 17;
            const std::vector<T> W = this->weights(s), from = normals<T>(rows * K, 2);
            const std::vector<T> all = this->run(*this->gpu, s, adjoint, W, from, K);
            for (const Index k : {Index{0}, K / 3, K - 1}) {
                const std::vector<T> alone =
                    this->run(*this->gpu, s, adjoint, W, {from.begin() + k * rows, from.begin() + (k + 1) * rows}, 1);
                ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + k * results))
                    << s.out_channels << " outputs" << (adjoint ? ", adjoint" : "") << ", probe " << k;
            }
        }
}

// NaN in one number of one of three probes: where a window holds it, and nowhere else.
TYPED_TEST(CudaConvolution, NaNStaysWhereItIsRead) {
    using T = TypeParam;
    constexpr Index K = 3;
    for (const ConvolutionCase& c : convolution_cases()) {
        const Convolution& s = c.shape;
        if (s.inputs() + s.outputs() > 4000)
            continue;
        for (const bool adjoint : {false, true}) {
            const Index rows = adjoint ? s.outputs() : s.inputs(), results = adjoint ? s.inputs() : s.outputs();
            const Index at = rows * 2 / 3;
            std::vector<T> from = normals<T>(rows * K, 2);
            from[static_cast<std::size_t>(rows + at)] = std::numeric_limits<T>::quiet_NaN();
            const std::vector<T> to = this->run(*this->gpu, s, adjoint, this->weights(s), from, K);
            std::vector<bool> reached(static_cast<std::size_t>(results * K));
            for_products(s, [&](Index, Index i, Index o) {
                if ((adjoint ? o : i) == at)
                    reached[static_cast<std::size_t>(results + (adjoint ? i : o))] = true;
            });
            for (std::size_t i = 0; i < to.size(); ++i)
                ASSERT_EQ(std::isnan(to[i]), reached[i]) << c.name << (adjoint ? ", adjoint" : "") << " " << i;
        }
    }
}

TYPED_TEST(CudaConvolution, NothingIsHarmless) {
    using T = TypeParam;
    const Convolution s = sized({1, 2, 7, 1, {1, 4, 5}, {}, {1, 3, 3}}, {});
    const auto run = [&](const Convolution& t, bool adjoint, Index K) {
        return this->run(*this->gpu, t, adjoint, this->weights(t), normals<T>((adjoint ? t.outputs() : t.inputs()) * K),
                         K);
    };
    EXPECT_TRUE(run(s, false, 0).empty());
    EXPECT_TRUE(run(s, true, 0).empty());
    for (const auto& change : {+[](Convolution& t) { t.images = 0; },
                               +[](Convolution& t) {
                                   t.out = {1, 0, 3};
                               },
                               +[](Convolution& t) { t.in_channels = 0; }, +[](Convolution& t) { t.out_channels = 0; },
                               +[](Convolution& t) {
                                   t.in = {1, 4, 0};
                               }}) {
        Convolution t = s;
        change(t);
        // a sum of nothing
        EXPECT_EQ(run(t, false, 2), std::vector<T>(static_cast<std::size_t>(t.outputs() * 2)));
        EXPECT_EQ(run(t, true, 2), std::vector<T>(static_cast<std::size_t>(t.inputs() * 2)));
    }
}

TYPED_TEST(CudaConvolution, RefusesWhatItCannotCount) {
    using T = TypeParam;
    // no memory behind them: refused before it would be read
    const Convolution s = sized({1, 1, 1, 1, {1, 1, Index{1} << 30}, {}, {1, 1, 1}}, {});
    EXPECT_THROW(this->gpu->convolve(s, {nullptr, 1, 1}, {nullptr, s.inputs(), 1}, 0, {nullptr, s.outputs(), 1}),
                 InputError);
    const Convolution padded =
        sized({1, 1, 1, 1, {1, 1, 4}, {}, {1, 1, 1}, {1, 1, Index{1} << 30}, {1, 1, 1}, {0, 0, Index{1} << 30}}, {});
    const OnDevice<T> W(*this->gpu, {1}, 1, 1), x(*this->gpu, {1, 2, 3, 4}, 4, 1), y(*this->gpu, padded.outputs(), 1);
    EXPECT_THROW(this->gpu->convolve(padded, W.cview(), x.cview(), 0, y.view()), InputError);
}

}  // namespace
}  // namespace descrambler::test
