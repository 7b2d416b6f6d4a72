#include <gtest/gtest.h>

#include "descramble/fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Index packed(Index n) {
    return n * (n - 1) / 2;
}

template <class T>
std::vector<T> generator(Index n, double size, std::uint64_t number, Index batch = 1) {
    const Matrix<double> q = normal(std::max<Index>(packed(n), 1), batch, number);
    std::vector<T> out;
    for (Index b = 0; b < batch; ++b)
        for (Index i = 0; i < packed(n); ++i)
            out.push_back(static_cast<T>(size * q(i, b)));
    return out;
}

// A guard zone around an array that a primitive writes: nothing may be written beside it.
template <class T>
class Guarded {
public:
    explicit Guarded(Index size) : size_(size), data_(static_cast<std::size_t>(size + 32), T{-7}) {}
    T* data() { return data_.data() + 16; }
    [[nodiscard]] bool intact() const {
        return std::all_of(data_.begin(), data_.begin() + 16, [](T x) { return x == T{-7}; }) &&
               std::all_of(data_.end() - 16, data_.end(), [](T x) { return x == T{-7}; });
    }

private:
    Index size_;
    std::vector<T> data_;
};

TEST(Cayley, ByHand) {
    const auto on = make_cpu_backend<double>(1);
    const double q = 0.75;  // Q = [0 -q; q 0], P = [1 - q^2, 2 q; -2 q, 1 - q^2] / (1 + q^2)
    double P[4];
    on->cayley({&q, 1, 1}, {P, 2, 2});
    EXPECT_NEAR(P[0], 0.28, 1e-16);
    EXPECT_NEAR(P[1], -0.96, 1e-16);
    EXPECT_NEAR(P[2], 0.96, 1e-16);
    EXPECT_NEAR(P[3], 0.28, 1e-16);
}

template <class T>
void orthogonal_at_all_sizes(double unit) {
    const auto on = make_cpu_backend<T>(2);
    for (const Index n : {0, 1, 2, 3, 31, 32, 33, 64, 65, 80, 127, 256})
        for (const Index batch : {1, 11}) {
            if (n > 100 && batch > 1)
                continue;
            const std::vector<T> q = generator<T>(n, 0.5, static_cast<std::uint64_t>(n), batch);
            Guarded<T> P(n * n * batch);
            on->cayley({q.data(), packed(n), 1, batch}, {P.data(), n, n, batch});
            EXPECT_TRUE(P.intact());
            // ||Q|| is about sqrt(n): the backward error of the elimination grows with it
            const double tolerance = 8 * std::max<double>(1, static_cast<double>(n)) * unit;
            for (Index b = 0; b < batch; ++b) {
                const T* p = P.data() + b * n * n;
                for (Index i = 0; i < n; ++i)
                    for (Index j = 0; j <= i; ++j) {
                        double sum = 0;
                        for (Index k = 0; k < n; ++k)
                            sum += static_cast<double>(p[i * n + k]) * static_cast<double>(p[j * n + k]);
                        ASSERT_NEAR(sum, i == j ? 1 : 0, tolerance) << "n = " << n << ", batch item " << b;
                    }
            }
        }
}
TEST(Cayley, IsOrthogonal) {
    orthogonal_at_all_sizes<double>(u);
    orthogonal_at_all_sizes<float>(0x1p-24);
}

TEST(Cayley, MatchesTheGoldenTransforms) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {5, 16, 80}) {
        const Matrix<double> q = golden(n, "q_colmajor");
        Matrix<double> P(n, n);
        on->cayley(q.view(), P.view());
        EXPECT_LE(largest_difference(P, golden(n, "P")), 1e-13);
    }
    for (const Index n : {16, 80}) {  // ||Q|| = 1e3
        const std::string name = "golden/hard" + std::to_string(n);
        const Matrix<double> Q = read_npy(data(name + "_Q.npy"));
        std::vector<double> q;
        for (Index j = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i)
                q.push_back(Q(i, j));
        Matrix<double> P(n, n);
        on->cayley({q.data(), packed(n), 1}, P.view());
        EXPECT_LE(largest_difference(P, read_npy(data(name + "_P.npy"))), 1e-11);
    }
}

TEST(Cayley, PullbackMatchesFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {2, 5, 33}) {
        const std::vector<double> q = generator<double>(n, 0.4, 7);
        const Matrix<double> weight = normal(n, n, 8);  // value = <weight, P>, so dP = weight
        const auto value = [&](const std::vector<double>& x) {
            Matrix<double> P(n, n);
            on->cayley({x.data(), packed(n), 1}, P.view());
            double sum = 0;
            for (Index e = 0; e < P.size(); ++e)
                sum += weight.data()[e] * P.data()[e];
            return sum;
        };
        Matrix<double> P(n, n);
        on->cayley({q.data(), packed(n), 1}, P.view());
        Guarded<double> dq(packed(n));
        on->cayley_pullback(std::as_const(P).view(), weight.view(), {dq.data(), packed(n), 1});
        EXPECT_TRUE(dq.intact());
        for (Index k = 0; k < packed(n); k += std::max<Index>(1, packed(n) / 20)) {
            std::vector<double> up = q, down = q;
            const double h = 1e-5;
            up[k] += h;
            down[k] -= h;
            // the error of the difference: h^2 times a third derivative of order ||weight||, and u / h
            EXPECT_NEAR(dq.data()[k], (value(up) - value(down)) / (2 * h), 1e-8 * frobenius(weight));
        }
    }
}

// Value and gradient of the functional; L may be any factor of one and the same G.
TEST(Tikhonov, MatchesFiniteDifferencesAndDoesNotDependOnTheFactor) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 16, 33}) {
        Matrix<double> L = normal(n, n, 9), mu(n, 1);
        for (Index j = 0; j < n; ++j) {
            mu(j, 0) = static_cast<double>(j * j) / static_cast<double>(n);
            for (Index i = 0; i < j; ++i)
                L(i, j) = 0;  // lower triangular
        }
        const Matrix<double> rotated = multiply(*on, Op::none, Op::none, L, orthogonal(*on, n, 10));
        const std::vector<double> q = generator<double>(n, 0.3, 11);
        const auto evaluate = [&](const Matrix<double>& factor, const std::vector<double>& x, double* dq) {
            double eta = 0;
            std::vector<double> unused(x.size());
            on->tikhonov(std::as_const(mu).view(), factor.view(), {x.data(), packed(n), 1}, {&eta, 1, 1},
                         {dq == nullptr ? unused.data() : dq, packed(n), 1});
            return eta;
        };
        Guarded<double> dq(packed(n));
        std::vector<double> other(q.size());
        const double eta = evaluate(L, q, dq.data());
        EXPECT_TRUE(dq.intact());
        EXPECT_NEAR(evaluate(rotated, q, other.data()), eta, 100 * static_cast<double>(n) * u * eta);
        Matrix<double> P(n, n);
        on->cayley({q.data(), packed(n), 1}, P.view());
        const Matrix<double> Y = multiply(*on, Op::none, Op::none, P, L);
        double direct = 0, top = 0;
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i)
                direct += mu(i, 0) * Y(i, j) * Y(i, j);
        EXPECT_NEAR(eta, direct, 100 * static_cast<double>(n) * u * eta);
        for (Index k = 0; k < packed(n); ++k)
            top = std::max(top, std::abs(dq.data()[k]));
        for (Index k = 0; k < packed(n); ++k) {
            EXPECT_NEAR(dq.data()[k], other[k], 1e-12 * top);
            if (k % std::max<Index>(1, packed(n) / 20) != 0)
                continue;
            const auto slope = [&](double h) {
                std::vector<double> up = q, down = q;
                up[k] += h;
                down[k] -= h;
                return (evaluate(L, up, nullptr) - evaluate(L, down, nullptr)) / (2 * h);
            };
            EXPECT_NEAR(dq.data()[k], (4 * slope(1e-3) - slope(2e-3)) / 3, 1e-8 * top);  // error h^4 and u eta / h
        }
    }
}

TEST(Tikhonov, SinglePrecisionStatesItsError) {
    const auto on = make_cpu_backend<double>(1);
    const auto single = make_cpu_backend<float>(1);
    const Index n = 80;
    const Matrix<double> L = normal(n, n, 12);
    Matrix<double> mu(n, 1);
    for (Index i = 0; i < n; ++i)
        mu(i, 0) = static_cast<double>(i) / static_cast<double>(n);
    const std::vector<double> q = generator<double>(n, 0.1, 13);
    std::vector<double> dq(q.size());
    double eta = 0;
    on->tikhonov(std::as_const(mu).view(), L.view(), {q.data(), packed(n), 1}, {&eta, 1, 1}, {dq.data(), packed(n), 1});
    const std::vector<float> l(L.values().begin(), L.values().end()), m(mu.values().begin(), mu.values().end()),
        x(q.begin(), q.end());
    std::vector<float> g(x.size());
    float value = 0;
    single->tikhonov({m.data(), n, 1}, {l.data(), n, n}, {x.data(), packed(n), 1}, {&value, 1, 1},
                     {g.data(), packed(n), 1});
    EXPECT_NEAR(value, eta, 1e-5 * eta);
    const double top = *std::ranges::max_element(dq, {}, [](double d) { return std::abs(d); });
    for (std::size_t k = 0; k < dq.size(); ++k)
        ASSERT_NEAR(g[k], dq[k], 1e-4 * std::abs(top));
}

TEST(Tikhonov, BitsDependNeitherOnThreadsNorOnTheBatch) {
    const Index n = 40, batch = 5;
    const Matrix<double> L = normal(n, n * batch, 14), mu = normal(n, 1, 15);
    const std::vector<double> q = generator<double>(n, 0.3, 16, batch);
    std::vector<double> reference;
    for (const int threads : {1, 2}) {
        const auto on = make_cpu_backend<double>(threads);
        std::vector<double> eta(static_cast<std::size_t>(batch)), dq(q.size());
        on->tikhonov({mu.data(), n, 1, batch, 0}, {L.data(), n, n, batch}, {q.data(), packed(n), 1, batch},
                     {eta.data(), 1, 1, batch}, {dq.data(), packed(n), 1, batch});
        if (threads == 1)
            reference = dq;
        EXPECT_EQ(dq, reference);
        std::vector<double> last(static_cast<std::size_t>(packed(n)));
        double value = 0;
        on->tikhonov(mu.view(), {L.data() + 4 * n * n, n, n}, {q.data() + 4 * packed(n), packed(n), 1}, {&value, 1, 1},
                     {last.data(), packed(n), 1});
        EXPECT_EQ(value, eta[4]);
        EXPECT_TRUE(std::equal(last.begin(), last.end(), dq.end() - packed(n)));
    }
}

TEST(Cayley, RefusesShapesThatDoNotFit) {
    const auto on = make_cpu_backend<double>(1);
    std::vector<double> x(100);
    EXPECT_THROW(on->cayley({x.data(), 5, 1}, {x.data(), 4, 4}), std::invalid_argument);
    EXPECT_THROW(on->cayley_pullback({x.data(), 4, 4}, {x.data(), 4, 3}, {x.data(), 6, 1}), std::invalid_argument);
    EXPECT_THROW(on->tikhonov({x.data(), 3, 1}, {x.data(), 4, 4}, {x.data(), 6, 1}, {x.data(), 1, 1}, {x.data(), 6, 1}),
                 std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
