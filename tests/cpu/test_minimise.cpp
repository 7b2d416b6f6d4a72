#include <gtest/gtest.h>

#include "descramble/fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

struct Problem {
    Matrix<double> mu, L;  // [n, 1], [n, k]
    double bound = 0;
};

// Singular values ratio^i on random axes; mu = k^4 in pairs (paired) or i^2.
Problem planted(Index n, Index rank, double ratio, bool paired, std::uint64_t number) {
    const auto on = make_cpu_backend<double>(1);
    Problem out{Matrix<double>(n, 1), orthogonal(*on, n, number), 0};
    for (Index i = 0; i < n; ++i) {
        const double k = static_cast<double>(paired ? (i + 1) / 2 : i);
        out.mu(i, 0) = paired ? k * k * k * k : k * k;
        const double sigma = i < rank ? std::pow(ratio, static_cast<double>(i)) : 0;
        out.bound += out.mu(i, 0) * sigma * sigma;
        for (Index l = 0; l < n; ++l)
            out.L(l, i) *= sigma;
    }
    return out;
}

double eta_of(const Problem& p, const Matrix<double>& P) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> Y = multiply(*on, Op::none, Op::none, P, p.L);
    double eta = 0;
    for (Index j = 0; j < Y.cols(); ++j)
        for (Index i = 0; i < Y.rows(); ++i)
            eta += p.mu(i, 0) * Y(i, j) * Y(i, j);
    return eta;
}

MinimiseReport run(const Problem& p, Matrix<double>& P, const MinimiseOptions& options = {}) {
    MinimiseReport report;
    make_cpu_backend<double>(1)->minimise(options, p.mu.view(), p.L.view(), P.view(), {&report, 1});
    return report;
}

TEST(Minimise, ReachesThePlantedMinimumFromAnyStart) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index n : {3, 5, 16, 33, 80})
        for (const bool paired : {true, false})
            for (std::uint64_t start = 0; start < 4; ++start) {
                const Problem p = planted(n, n, 0.8, paired, static_cast<std::uint64_t>(n));
                Matrix<double> P = start == 0 ? identity(n) : orthogonal(*on, n, 100 + start);
                const MinimiseReport report = run(p, P);
                EXPECT_TRUE(report.converged);
                EXPECT_LE(report.evaluations, 150);
                EXPECT_LE(eta_of(p, P) / p.bound - 1, 1e-10) << n << " " << paired << " " << start;
                EXPECT_LE(largest_difference(gram(*on, P), identity(n)), 1e-12);
                for (std::size_t i = 1; i < report.history.size(); ++i)
                    EXPECT_LE(report.history[i].eta, report.history[i - 1].eta * (1 + 1e-12));
            }
}

TEST(Minimise, LeavesPlantedSaddles) {
    // N diagonal, in the wrong order: the gradient is exactly zero
    const Index n = 20;
    Problem p{Matrix<double>(n, 1), Matrix<double>(n, n), 0};
    for (Index i = 0; i < n; ++i) {
        const double k = static_cast<double>((i + 1) / 2);
        p.mu(i, 0) = k * k * k * k;
        p.L(i, i) = std::pow(0.7, static_cast<double>((7 * i) % n));
        p.bound += p.mu(i, 0) * std::pow(0.49, static_cast<double>(i));
    }
    Matrix<double> P = identity(n);
    const MinimiseReport report = run(p, P);
    EXPECT_EQ(report.history.front().gradient, 0);
    EXPECT_GT(report.history.front().eta, 2 * p.bound);
    EXPECT_TRUE(report.converged);
    EXPECT_LE(report.evaluations, 2);
    EXPECT_NEAR(eta_of(p, P), p.bound, 1e-13 * p.bound);
    // two pairs exchanged, the rest in order
    Matrix<double> exchanged = identity(n);
    for (const Index a : {3, 4}) {
        exchanged(a, a) = exchanged(a + 4, a + 4) = 0;
        exchanged(a, a + 4) = exchanged(a + 4, a) = 1;
    }
    Matrix<double> Q = multiply(*make_cpu_backend<double>(1), Op::none, Op::none, exchanged, P);
    EXPECT_TRUE(run(p, Q).converged);
    EXPECT_NEAR(eta_of(p, Q), p.bound, 1e-13 * p.bound);
}

TEST(Minimise, SingularLibrariesMeetTheFlooredTest) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index rank : {0, 1, 20}) {
        const Problem p = planted(80, rank, 0.8, true, 3);
        Matrix<double> P = orthogonal(*on, 80, 4);
        const MinimiseReport report = run(p, P);
        EXPECT_TRUE(report.converged) << rank;
        EXPECT_LE(report.evaluations, 150);
        EXPECT_LE(eta_of(p, P) - p.bound, 1e-10 * std::max(p.bound, 80 * u * p.mu(79, 0)));
    }
}

TEST(Minimise, BlocksOfThreeAreTurnedToo) {
    Problem p = planted(12, 12, 0.6, false, 5);
    p.bound = 0;
    for (Index i = 0; i < 12; ++i) {
        p.mu(i, 0) = static_cast<double>(i / 3);
        p.bound += p.mu(i, 0) * std::pow(0.36, static_cast<double>(i));
    }
    Matrix<double> P = orthogonal(*make_cpu_backend<double>(1), 12, 6);
    EXPECT_TRUE(run(p, P).converged);
    EXPECT_NEAR(eta_of(p, P), p.bound, 1e-10 * p.bound);
}

TEST(Minimise, BoundAndBudgetsAreKept) {
    const Problem p = planted(40, 40, 0.8, true, 7);
    Matrix<double> P = identity(40);
    MinimiseOptions options;
    options.evaluations = 10;
    MinimiseReport report = run(p, P, options);
    EXPECT_FALSE(report.converged);
    EXPECT_LE(report.evaluations, 10);
    options.evaluations = 500;
    options.bound = {p.bound / 2};  // cannot be reached: the run stops by itself and says so
    P = identity(40);
    report = run(p, P, options);
    EXPECT_FALSE(report.converged);
    options.bound = {p.bound};
    P = identity(40);
    EXPECT_TRUE(run(p, P, options).converged);
}

TEST(Minimise, SinglePrecisionIsUsableInFactorForm) {
    const auto on = make_cpu_backend<double>(1);
    const auto single = make_cpu_backend<float>(1);
    const Index n = 80;
    const Problem p = planted(n, n, 0.85, true, 8);
    std::vector<float> mu, L(p.L.values().begin(), p.L.values().end()), P(static_cast<std::size_t>(n * n));
    for (const double m : p.mu.values())
        mu.push_back(static_cast<float>(m / p.mu(n - 1, 0)));
    for (Index i = 0; i < n; ++i)
        P[static_cast<std::size_t>(i * n + i)] = 1;
    MinimiseReport report;
    single->minimise({}, {mu.data(), n, 1}, {L.data(), n, n}, {P.data(), n, n}, {&report, 1});
    EXPECT_TRUE(report.converged);
    EXPECT_LE(report.evaluations, 150);
    Matrix<double> found(n, n);
    std::copy(P.begin(), P.end(), found.data());
    const Svd d = svd(*on, found);  // back to O(n), then certified in fp64
    EXPECT_LE(eta_of(p, multiply(*on, Op::none, Op::transpose, d.U, d.V)) / p.bound - 1, 1e-5);
}

TEST(Minimise, ChartStartsFromTheIdentityAndDescends) {
    const auto on = make_cpu_backend<double>(1);
    const Problem p = planted(5, 5, 0.6, true, 9);
    Matrix<double> P = orthogonal(*on, 5, 10);  // not looked at
    MinimiseOptions options;
    options.method = Minimiser::cayley;
    options.iterations = options.evaluations = 3000;
    options.bound = {p.bound};
    options.gap = 1e-9;
    const MinimiseReport report = run(p, P, options);
    EXPECT_NEAR(report.history.front().eta, eta_of(p, identity(5)), 1e-12 * report.history.front().eta);
    EXPECT_TRUE(report.converged);
    EXPECT_LE(eta_of(p, P) / p.bound - 1, 1e-9);
    EXPECT_NEAR(report.history.back().eta, eta_of(p, P), 1e-9 * p.bound);
    EXPECT_EQ(report.history.size(), static_cast<std::size_t>(report.iterations + 1));
    for (std::size_t i = 1; i < report.history.size(); ++i)
        EXPECT_LT(report.history[i].eta, report.history[i - 1].eta);
    options.iterations = 7;
    EXPECT_EQ(run(p, P, options).iterations, 7);
}

TEST(Minimise, BitsDependNeitherOnThreadsNorOnTheBatch) {
    const Index n = 24, batch = 5;
    std::vector<double> L, mu, alone;
    for (Index b = 0; b < batch; ++b) {
        const Problem p = planted(n, n, 0.8, true, 20 + static_cast<std::uint64_t>(b));
        L.insert(L.end(), p.L.values().begin(), p.L.values().end());
        mu.assign(p.mu.values().begin(), p.mu.values().end());
        Matrix<double> P = identity(n);
        run(p, P);
        alone.insert(alone.end(), P.values().begin(), P.values().end());
    }
    for (const int threads : {1, 2}) {
        std::vector<double> P;
        for (Index b = 0; b < batch; ++b) {
            const Matrix<double> I = identity(n);
            P.insert(P.end(), I.values().begin(), I.values().end());
        }
        std::vector<MinimiseReport> reports(static_cast<std::size_t>(batch));
        make_cpu_backend<double>(threads)->minimise({}, {mu.data(), n, 1, batch, 0}, {L.data(), n, n, batch},
                                                    {P.data(), n, n, batch}, reports);
        EXPECT_EQ(P, alone);
    }
}

}  // namespace
}  // namespace descrambler
