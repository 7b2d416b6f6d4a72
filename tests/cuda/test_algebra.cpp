// Vectors and Gram matrices on the device against the CPU.
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "cuda/device.hpp"
#include "descrambler/random.hpp"
#include "slices.hpp"

namespace descrambler {
namespace {

template <class T>
class CudaBlas : public ::testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>();
    std::unique_ptr<Backend<T>> cpu = host<T>();

    std::vector<T> gram(Backend<T>& on, const std::vector<T>& S, Index n, Index N, Index batch, bool shared, T beta,
                        const std::vector<T>& G) {
        OnDevice<T> s(on, n, N, shared ? 1 : batch), g(on, n, n, batch);
        s.upload(S);
        g.upload(G);
        const Batch<T> view = s.view();
        on.gram({view.data, n, N, batch, shared ? 0 : n * N}, beta, g.view());
        return g.download();
    }
    std::vector<T> dense_gram(Backend<T>& on, Activation f, const std::vector<T>& W, const std::vector<T>& b,
                              const std::vector<T>& x, Index n, Index d, Index N, Index batch, bool shared, T beta,
                              const std::vector<T>& G) {
        OnDevice<T> w(on, n, d, batch), bias(on, n, 1, batch), in(on, d, N, shared ? 1 : batch), g(on, n, n, batch);
        w.upload(W);
        in.upload(x);
        g.upload(G);
        if (!b.empty())
            bias.upload(b);
        const Batch<T> view = in.view();
        on.dense_gram(f, w.view(), b.empty() ? Batch<T>{} : bias.view(), {view.data, d, N, batch, shared ? 0 : d * N},
                      beta, g.view());
        return g.download();
    }
};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(CudaBlas, Precisions);

TYPED_TEST(CudaBlas, AxpbyOfEverySizeAndASharedOperand) {
    using T = TypeParam;
    for (const auto& [size, batch] : {std::array<Index, 2>{0, 1}, {5, 0}, {1, 1}, {33, 11}, {1000, 3}})
        for (const bool shared : {false, true}) {
            const std::vector<T> x = normals<T>(shared ? size : size * batch, 1), y = normals<T>(size * batch, 2);
            OnDevice<T> dx(*this->gpu, size, 1, shared ? 1 : batch), dy(*this->gpu, size, 1, batch);
            dx.upload(x);
            dy.upload(y);
            const Batch<T> view = dx.view();
            this->gpu->axpby(T(0.5), {view.data, size, 1, batch, shared ? 0 : size}, T(-2), dy.view());
            const std::vector<T> found = dy.download();
            std::vector<T> wanted = y;
            for (std::size_t e = 0; e < y.size(); ++e)
                wanted[e] = T(0.5) * x[shared ? e % static_cast<std::size_t>(size) : e] + T(-2) * y[e];
            EXPECT_LE(relative_error(found, wanted), 2 * unit_roundoff<T>) << size << " x " << batch;
        }
}

TYPED_TEST(CudaBlas, AxpbyForgetsAnOperandWithFactorZero) {
    using T = TypeParam;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    OnDevice<T> x(*this->gpu, 2, 1, 1), y(*this->gpu, 2, 1, 1);
    x.upload({nan, 3});
    y.upload({1, 2});
    this->gpu->axpby(T{0}, x.view(), T{2}, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{2, 4}));
    x.upload({5, 3});
    y.upload({nan, nan});
    this->gpu->axpby(T{1}, x.view(), T{0}, y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{5, 3}));
}

TYPED_TEST(CudaBlas, TakesRowRangesWithoutCopies) {
    test::expect_a_channel_by_hand(*this->gpu);
    test::expect_slices_as_packed(*this->gpu);
}

TYPED_TEST(CudaBlas, HoldsComplexNumbers) {
    test::expect_complex_buffers(*this->gpu);
}

TYPED_TEST(CudaBlas, DotMatchesASumInDouble) {
    using T = TypeParam;
    // 70001: two slices
    for (const auto& [size, batch] : {std::array<Index, 2>{0, 2}, {4, 0}, {1, 1}, {31, 11}, {33, 3}, {70001, 2}}) {
        const std::vector<T> x = normals<T>(size * batch, 3), y = normals<T>(size, 4);
        OnDevice<T> dx(*this->gpu, size, 1, batch), dy(*this->gpu, size, 1, 1), r(*this->gpu, 1, 1, batch);
        dx.upload(x);
        dy.upload(y);
        const Batch<T> view = dy.view();
        this->gpu->dot(dx.view(), {view.data, size, 1, batch, 0}, r.view());
        const std::vector<T> found = r.download();
        for (Index b = 0; b < batch; ++b) {
            long double wanted = 0, bulk = 0;
            for (Index e = 0; e < size; ++e) {
                const long double term = static_cast<long double>(x[static_cast<std::size_t>(b * size + e)]) *
                                         y[static_cast<std::size_t>(e)];
                wanted += term;
                bulk += std::abs(term);
            }
            // a sum in double, some 300 terms deep, and the rounding of the result
            EXPECT_NEAR(
                found[static_cast<std::size_t>(b)], static_cast<double>(wanted),
                static_cast<double>(300 * unit_roundoff<double> * bulk + 2 * unit_roundoff<T> * std::abs(wanted)))
                << size;
        }
    }
}

TYPED_TEST(CudaBlas, GramByHand) {
    using T = TypeParam;
    // rows (1, 2), (3, 4), beta = 2
    const std::vector<T> G = this->gram(*this->gpu, {1, 3, 2, 4}, 2, 2, 1, false, T{2}, {1, 1, 1, 2});
    EXPECT_EQ(G, (std::vector<T>{7, 13, 13, 29}));
}

TYPED_TEST(CudaBlas, GramMatchesTheCpuForEverySize) {
    using T = TypeParam;
    struct Case {
        Index n, N, batch;
        bool shared;
    };
    // 2048 samples a slice, one kernel for each of n <= 32, 64, 80, 96, 128, tiles of 128 beyond
    for (const Case c :
         {Case{1, 1, 1, false}, Case{0, 5, 2, false}, Case{5, 0, 2, false}, Case{3, 4, 0, false},
          Case{31, 65, 11, false}, Case{33, 2049, 2, false}, Case{80, 63, 2, true}, Case{96, 130, 1, false},
          Case{128, 64, 1, false}, Case{129, 33, 2, true}, Case{257, 2100, 1, false}}) {
        const std::vector<T> S = normals<T>(c.n * c.N * (c.shared ? 1 : c.batch), 5);
        std::vector<T> G(static_cast<std::size_t>(c.n * c.n * c.batch));
        for (std::size_t e = 0; e < G.size(); ++e)
            G[e] = T{1};  // symmetric
        const std::vector<T> found = this->gram(*this->gpu, S, c.n, c.N, c.batch, c.shared, T(0.5), G);
        const std::vector<T> wanted = this->gram(*this->cpu, S, c.n, c.N, c.batch, c.shared, T(0.5), G);
        // N terms of order 1 against a diagonal of N: at most N u, in practice sqrt(N) u
        EXPECT_LE(relative_error(found, wanted), 20 * std::sqrt(static_cast<double>(c.N) + 1) * unit_roundoff<T>)
            << c.n << " x " << c.N << " x " << c.batch;
        for (Index b = 0; b < c.batch; ++b)
            for (Index i = 0; i < c.n; ++i)
                for (Index j = 0; j < i; ++j)
                    ASSERT_EQ(found[static_cast<std::size_t>(b * c.n * c.n + i + j * c.n)],
                              found[static_cast<std::size_t>(b * c.n * c.n + j + i * c.n)]);
    }
}

TYPED_TEST(CudaBlas, GramForgetsTheResultWithFactorZero) {
    using T = TypeParam;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    EXPECT_EQ(this->gram(*this->gpu, {2}, 1, 1, 1, false, T{0}, {nan}), (std::vector<T>{4}));
    EXPECT_EQ(this->gram(*this->gpu, {}, 1, 0, 1, false, T{0}, {nan}), (std::vector<T>{0}));
}

TEST(CudaGram, ManySamplesInFloatLoseNothing) {
    const auto gpu = device<float>();
    const Index N = 100000;
    std::vector<float> x(static_cast<std::size_t>(N), 1.1f);
    OnDevice<float> s(*gpu, 1, N, 1), g(*gpu, 1, 1, 1);
    s.upload(x);
    gpu->gram(s.view(), 0.0f, g.view());
    const double wanted = static_cast<double>(N) * 1.1f * 1.1f;
    // in a slice of 2048 equal terms the rounding errors may all have one sign: 1024 u; a plain sum in float is off by
    // 2e-3
    EXPECT_NEAR(g.download()[0] / wanted, 1, 1024 * unit_roundoff<float>);
}

TYPED_TEST(CudaBlas, DenseGramMatchesTheCpuForEverySizeAndFunction) {
    using T = TypeParam;
    struct Case {
        Index n, d, N, batch;
        bool shared, bias;
        Activation f;
    };
    for (const Case c :
         {Case{1, 1, 1, 1, false, true, Activation::identity}, Case{0, 3, 5, 2, false, true, Activation::tanh},
          Case{3, 0, 5, 2, false, true, Activation::tanh}, Case{3, 4, 0, 2, false, true, Activation::relu},
          Case{3, 4, 5, 0, false, false, Activation::relu}, Case{31, 33, 65, 11, true, true, Activation::tanh},
          Case{33, 17, 2049, 1, false, false, Activation::relu}, Case{80, 40, 70, 3, true, true, Activation::softplus},
          Case{95, 16, 64, 1, false, true, Activation::logistic}, Case{128, 31, 33, 1, false, true, Activation::tanh},
          Case{129, 32, 70, 2, true, true, Activation::softplus},
          Case{200, 5, 2060, 1, false, false, Activation::identity}}) {
        const std::vector<T> W = normals<T>(c.n * c.d * c.batch, 6), b = normals<T>(c.bias ? c.n * c.batch : 0, 7),
                             x = normals<T>(c.d * c.N * (c.shared ? 1 : c.batch), 8);
        const std::vector<T> G(static_cast<std::size_t>(c.n * c.n * c.batch), T{1});
        const auto run = [&](Backend<T>& on) {
            return this->dense_gram(on, c.f, W, b, x, c.n, c.d, c.N, c.batch, c.shared, T{2}, G);
        };
        // signals carry the rounding of d terms, the sum that of N; tanh and its like 3 units
        const double tolerance =
            (20 * std::sqrt(static_cast<double>(c.N) + 1) + 4 * static_cast<double>(c.d) + 12) * unit_roundoff<T>;
        EXPECT_LE(relative_error(run(*this->gpu), run(*this->cpu)), tolerance)
            << c.n << ", " << c.d << ", " << c.N << ", " << c.batch;
    }
}

TYPED_TEST(CudaBlas, DenseGramOfNetworksOnOneLibraryHasTheBitsOfEachAlone) {
    using T = TypeParam;
    for (const Index n : {Index{40}, Index{130}}) {
        const Index d = 20, N = 90, batch = 3;
        const std::vector<T> W = normals<T>(n * d * batch, 9), x = normals<T>(d * N, 10);
        const std::vector<T> all = this->dense_gram(*this->gpu, Activation::tanh, W, {}, x, n, d, N, batch, true, T{0},
                                                    std::vector<T>(static_cast<std::size_t>(n * n * batch)));
        for (Index b = 0; b < batch; ++b) {
            const std::vector<T> one(W.begin() + b * n * d, W.begin() + (b + 1) * n * d);
            const std::vector<T> alone = this->dense_gram(*this->gpu, Activation::tanh, one, {}, x, n, d, N, 1, false,
                                                          T{0}, std::vector<T>(static_cast<std::size_t>(n * n)));
            EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + b * n * n));
        }
    }
}

}  // namespace
}  // namespace descrambler
