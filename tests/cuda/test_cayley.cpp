// Cayley transform, pullback and functional on the device: against the CPU backend, by hand, and by residuals.
#include <algorithm>

#include "cuda/device.hpp"

namespace descrambler {
namespace {

template <class T>
class Cayley : public testing::Test {};
template <class T>
class Tikhonov : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Cayley, Precisions);
TYPED_TEST_SUITE(Tikhonov, Precisions);

Index packed(Index n) {
    return n * (n - 1) / 2;
}

template <class T>
constexpr double unit = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;

template <class T>
std::vector<T> scaled_normals(Index count, double scale, std::uint64_t stream) {
    std::vector<T> x = normals<T>(count, stream);
    for (T& v : x)
        v *= static_cast<T>(scale);
    return x;
}

// A skew matrix of normals of this size has a 2-norm of about 2.
double one_over_root(Index n) {
    return 1 / std::sqrt(static_cast<double>(n) + 1);
}

// mu_i = (i / n)^2
template <class T>
std::vector<T> weights(Index n) {
    std::vector<T> mu;
    for (Index i = 0; i < n; ++i)
        mu.push_back(static_cast<T>(static_cast<double>(i * i) / static_cast<double>(n * n)));
    return mu;
}

// Both sides make 2 n^3 operations on numbers of order 1 with a few units of error growth each; 4 for the condition
// number of I + Q, at most sqrt(1 + ||Q||^2) with ||Q|| < 4 here.
template <class T>
double tolerance(Index n) {
    return 4 * std::max<double>(8, static_cast<double>(n)) * unit<T>;
}

// The sizes about each tile (32, 80, 96 or 128) and beyond the largest; few of the costly ones for a whole batch.
std::vector<std::pair<Index, Index>> sizes() {
    return {{0, 2},  {1, 1},  {1, 11}, {2, 1},  {5, 1},  {5, 11}, {31, 1},  {32, 11}, {33, 1},
            {48, 3}, {80, 1}, {81, 2}, {96, 1}, {97, 1}, {98, 2}, {128, 1}, {130, 1}, {200, 1}};
}

TYPED_TEST(Cayley, ByHand) {
    using T = TypeParam;  // Q = [0 -q; q 0], P = [1 - q^2, 2 q; -2 q, 1 - q^2] / (1 + q^2)
    const auto gpu = device<T>();
    Backend<T>& on = *gpu;
    OnDevice<T> q(on, 1, 1, 1, {T(0.75)}), P(on, 2, 2);
    on.cayley(q.view(), P.view());
    EXPECT_LE(relative_error<T>(P.download(), {T(0.28), T(-0.96), T(0.96), T(0.28)}), 2 * unit<T>);
}

TYPED_TEST(Cayley, IsThatOfTheCpuAndOrthogonal) {
    using T = TypeParam;
    const auto gpu = device<T>();
    Backend<T>& on = *gpu;
    const auto cpu = make_cpu_backend<T>(1);
    for (const auto& [n, batch] : sizes()) {
        const std::vector<T> q = scaled_normals<T>(packed(n) * batch, one_over_root(n), 3);
        std::vector<T> expected(static_cast<std::size_t>(n * n * batch));
        cpu->cayley({q.data(), packed(n), 1, batch}, {expected.data(), n, n, batch});
        OnDevice<T> x(on, packed(n), 1, batch, q), P(on, n, n, batch);
        on.cayley(x.view(), P.view());
        const std::vector<T> found = P.download();
        EXPECT_LE(relative_error(found, expected), tolerance<T>(n)) << n << " x " << batch;
        double worst = 0;
        for (Index b = 0; b < batch; ++b)
            for (Index i = 0; i < n; ++i)
                for (Index j = 0; j <= i; ++j) {
                    double sum = i == j ? -1 : 0;
                    for (Index k = 0; k < n; ++k)
                        sum += static_cast<double>(found[(b * n + i) * n + k]) *
                               static_cast<double>(found[(b * n + j) * n + k]);
                    worst = std::max(worst, std::abs(sum));
                }
        EXPECT_LE(worst, 2 * tolerance<T>(n)) << n << " x " << batch;
    }
}

// ||Q|| = 1e3: the elimination without pivoting loses about ||Q|| u, squared at the worst.
TEST(CayleyHard, LargeGeneratorsLoseWhatTheyMay) {
    const auto gpu = device<double>();
    Backend<double>& on = *gpu;
    const auto cpu = make_cpu_backend<double>(1);
    for (const Index n : {16, 80, 110}) {
        const std::vector<double> q = scaled_normals<double>(packed(n), 500 * one_over_root(n), 4);
        std::vector<double> expected(static_cast<std::size_t>(n * n));
        cpu->cayley({q.data(), packed(n), 1}, {expected.data(), n, n});
        OnDevice<double> x(on, packed(n), 1, 1, q), P(on, n, n);
        on.cayley(x.view(), P.view());
        EXPECT_LE(relative_error(P.download(), expected), 1e-9) << n;
    }
}

TYPED_TEST(Cayley, PullbackIsThatOfTheCpu) {
    using T = TypeParam;
    const auto gpu = device<T>();
    Backend<T>& on = *gpu;
    const auto cpu = make_cpu_backend<T>(1);
    for (const auto& [n, batch] : sizes()) {
        const std::vector<T> p = scaled_normals<T>(n * n * batch, one_over_root(n), 5),
                             d = normals<T>(n * n * batch, 6);
        std::vector<T> expected(static_cast<std::size_t>(packed(n) * batch));
        cpu->cayley_pullback({p.data(), n, n, batch}, {d.data(), n, n, batch}, {expected.data(), packed(n), 1, batch});
        OnDevice<T> P(on, n, n, batch, p), D(on, n, n, batch, d), dq(on, packed(n), 1, batch);
        on.cayley_pullback(P.view(), D.view(), dq.view());
        EXPECT_LE(relative_error(dq.download(), expected), tolerance<T>(n)) << n << " x " << batch;
    }
}

TYPED_TEST(Tikhonov, ValueAndGradientAreThoseOfTheCpu) {
    using T = TypeParam;
    const auto gpu = device<T>();
    Backend<T>& on = *gpu;
    const auto cpu = make_cpu_backend<T>(1);
    for (const auto& [n, batch] : sizes())
        for (const Index k : {n / 2, n, 2 * n + 1}) {
            if (n > 90 && k != n / 2 + (n == 97 || n == 130 ? n / 2 + n % 2 : 0))
                continue;  // k = n at one size of each kind
            const std::vector<T> q = scaled_normals<T>(packed(n) * batch, one_over_root(n), 7), mu = weights<T>(n),
                                 l = normals<T>(n * k * batch, 8);
            std::vector<T> value(static_cast<std::size_t>(batch)), slope(static_cast<std::size_t>(packed(n) * batch));
            if (n > 0)  // BLAS complains of an empty triangle
                cpu->tikhonov({mu.data(), n, 1, batch, 0}, {l.data(), n, k, batch}, {q.data(), packed(n), 1, batch},
                              {value.data(), 1, 1, batch}, {slope.data(), packed(n), 1, batch});
            OnDevice<T> x(on, packed(n), 1, batch, q), M(on, n, 1, 1, mu), L(on, n, k, batch, l), eta(on, 1, 1, batch),
                dq(on, packed(n), 1, batch);
            on.tikhonov(M.shared(batch), L.view(), x.view(), eta.view(), dq.view());
            EXPECT_LE(relative_error(eta.download(), value), tolerance<T>(n)) << n << " " << k << " x " << batch;
            EXPECT_LE(relative_error(dq.download(), slope), 4 * tolerance<T>(n)) << n << " " << k << " x " << batch;
        }
}

TYPED_TEST(Tikhonov, OneFactorMayServeTheWholeBatch) {
    using T = TypeParam;
    const auto gpu = device<T>();
    Backend<T>& on = *gpu;
    const Index n = 33, batch = 4;
    const std::vector<T> q = scaled_normals<T>(packed(n) * batch, 0.2, 9), mu = weights<T>(n),
                         l = normals<T>(n * n, 10);
    std::vector<T> many;
    for (Index b = 0; b < batch; ++b)
        many.insert(many.end(), l.begin(), l.end());
    OnDevice<T> x(on, packed(n), 1, batch, q), M(on, n, 1, 1, mu), L(on, n, n, 1, l), all(on, n, n, batch, many);
    std::vector<std::vector<T>> found;
    for (const Batch<const T> factor : {Batch<const T>(L.shared(batch)), Batch<const T>(all.view())}) {
        OnDevice<T> eta(on, 1, 1, batch), dq(on, packed(n), 1, batch);
        on.tikhonov(M.shared(batch), factor, x.view(), eta.view(), dq.view());
        found.push_back(eta.download());
        found.push_back(dq.download());
    }
    EXPECT_EQ(found[0], found[2]);
    EXPECT_EQ(found[1], found[3]);
    // and alone an item has the same bits
    OnDevice<T> eta(on, 1, 1), dq(on, packed(n), 1),
        last(on, packed(n), 1, 1, std::vector<T>(q.end() - packed(n), q.end()));
    on.tikhonov(M.view(), L.view(), last.view(), eta.view(), dq.view());
    EXPECT_EQ(eta.download()[0], found[0].back());
    EXPECT_EQ(dq.download(), std::vector<T>(found[1].end() - packed(n), found[1].end()));
}

TEST(TikhonovSlope, MatchesFiniteDifferences) {
    const auto gpu = device<double>();
    Backend<double>& on = *gpu;
    const Index n = 12, k = 7;
    const std::vector<double> q = scaled_normals<double>(packed(n), 0.3, 11), mu = weights<double>(n),
                              l = normals<double>(n * k, 12);
    OnDevice<double> M(on, n, 1, 1, mu), L(on, n, k, 1, l);
    // the gradient and, one item each, the points of a difference of fourth order along every fifth entry
    std::vector<double> points = q;
    const double h = 1e-3;
    std::vector<Index> entries;
    for (Index e = 0; e < packed(n); e += 5) {
        entries.push_back(e);
        for (const double step : {h, -h, 2 * h, -2 * h}) {
            points.insert(points.end(), q.begin(), q.end());
            points[points.size() - static_cast<std::size_t>(packed(n) - e)] += step;
        }
    }
    const Index batch = static_cast<Index>(points.size()) / packed(n);
    OnDevice<double> x(on, packed(n), 1, batch, points), eta(on, 1, 1, batch), dq(on, packed(n), 1, batch);
    on.tikhonov(M.shared(batch), L.shared(batch), x.view(), eta.view(), dq.view());
    const std::vector<double> value = eta.download(), slope = dq.download();
    for (std::size_t e = 0; e < entries.size(); ++e) {
        const double* v = value.data() + 1 + 4 * e;
        // error h^4 times a fifth derivative of order eta, and u eta / h
        EXPECT_NEAR(slope[entries[e]], (8 * (v[0] - v[1]) - (v[2] - v[3])) / (12 * h), 1e-9 * value[0]);
    }
}

}  // namespace
}  // namespace descrambler
