// The whole minimisation on the device: planted answers, and the CPU backend's path step by step.
#include <algorithm>

#include "cuda/device.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

constexpr double u = std::numeric_limits<double>::epsilon() / 2;

Matrix<double> orthogonal(Backend<double>& on, Index n, std::uint64_t number) {
    Matrix<double> A(n, n);
    std::ranges::copy(normals<double>(n * n, number), A.data());
    const Svd factors = svd(on, A);
    return multiply(on, Op::none, Op::transpose, factors.U, factors.V);
}

struct Problem {
    std::vector<double> mu, L;  // [n, 1], [n, n]
    double bound = 0;
};

// Singular values ratio^i on random axes; mu = k^4 in pairs (paired) or i^2.
Problem planted(Index n, Index rank, double ratio, bool paired, std::uint64_t number) {
    Matrix<double> L = orthogonal(*host<double>(), n, number);
    Problem out;
    for (Index i = 0; i < n; ++i) {
        const double k = static_cast<double>(paired ? (i + 1) / 2 : i);
        out.mu.push_back(paired ? k * k * k * k : k * k);
        const double sigma = i < rank ? std::pow(ratio, static_cast<double>(i)) : 0;
        out.bound += out.mu.back() * sigma * sigma;
        for (Index l = 0; l < n; ++l)
            L(l, i) *= sigma;
    }
    out.L.assign(L.values().begin(), L.values().end());
    return out;
}

struct Result {
    std::vector<double> P;
    std::vector<MinimiseReport> reports;
};

// All items from the same start, with the same mu.
template <class T = double>
Result run(Backend<T>& on, const std::vector<Problem>& problems, const Matrix<double>& start,
           const MinimiseOptions& options = {}) {
    const Index n = start.rows(), batch = static_cast<Index>(problems.size());
    std::vector<T> mu(problems[0].mu.begin(), problems[0].mu.end()), L, P;
    for (const Problem& p : problems) {
        L.insert(L.end(), p.L.begin(), p.L.end());
        P.insert(P.end(), start.values().begin(), start.values().end());
    }
    const Index k = static_cast<Index>(L.size()) / (n * batch);
    const OnDevice<T> m(on, n, 1, 1, mu), factor(on, n, k, batch, L);
    const OnDevice<T> turn(on, n, n, batch, P);
    Result out;
    out.reports.resize(problems.size());
    on.minimise(options, m.shared(batch), factor.view(), turn.view(), out.reports);
    const std::vector<T> found = turn.download();
    out.P.assign(found.begin(), found.end());
    return out;
}

Matrix<double> item(const Result& result, Index n, Index b = 0) {
    Matrix<double> P(n, n);
    std::copy_n(result.P.begin() + b * n * n, n * n, P.data());
    return P;
}

double eta_of(const Problem& p, const Matrix<double>& P) {
    const Index n = P.rows(), k = static_cast<Index>(p.L.size()) / n;
    double eta = 0;
    for (Index j = 0; j < k; ++j)
        for (Index i = 0; i < n; ++i) {
            double y = 0;
            for (Index l = 0; l < n; ++l)
                y += P(i, l) * p.L[j * n + l];
            eta += p.mu[i] * y * y;
        }
    return eta;
}

void expect_orthogonal(const Matrix<double>& P, double tolerance) {
    const Matrix<double> G = gram(*host<double>(), P);
    for (Index i = 0; i < P.rows(); ++i)
        for (Index j = 0; j < P.rows(); ++j)
            EXPECT_NEAR(G(i, j), i == j ? 1 : 0, tolerance);
}

// The two paths are the same up to rounding: the steps are, and the counts of evaluations but for a test that falls on
// its border; eta along the path is right to the condition of a step, 1e-9 of it covers that.
void expect_same_path(const MinimiseReport& found, const MinimiseReport& expected) {
    EXPECT_EQ(found.converged, expected.converged);
    EXPECT_LE(std::abs(found.evaluations - expected.evaluations), 2);
    EXPECT_LE(std::abs(found.iterations - expected.iterations), 2);
    for (std::size_t i = 0; i < std::min({found.history.size(), expected.history.size(), std::size_t{12}}); ++i) {
        EXPECT_EQ(found.history[i].evaluations, expected.history[i].evaluations) << i;
        EXPECT_NEAR(found.history[i].eta, expected.history[i].eta, 1e-9 * expected.history[i].eta) << i;
    }
    EXPECT_NEAR(found.history.front().gradient, expected.history.front().gradient,
                1e-10 * expected.history.front().gradient);
}

TEST(Minimise, ReachesThePlantedMinimumOnTheCpusPath) {
    const auto cuda = device<double>(), cpu = host<double>();
    for (const Index n : {1, 2, 5, 31, 33, 48})
        for (const bool paired : {true, false})
            for (const std::uint64_t start : {0, 1}) {
                if (n > 30 && (paired != (start == 0) || (n == 48 && paired)))
                    continue;  // two cases of the slow ones, and one
                const Problem p = planted(n, n, 0.8, paired, static_cast<std::uint64_t>(n));
                const Matrix<double> from = start == 0 ? identity(n) : orthogonal(*cpu, n, 100 + start);
                const Result found = run(*cuda, {p}, from), expected = run(*cpu, {p}, from);
                const MinimiseReport& report = found.reports[0];
                SCOPED_TRACE(testing::Message() << n << (paired ? " in pairs" : "") << ", start " << start);
                EXPECT_TRUE(report.converged);
                expect_same_path(report, expected.reports[0]);
                EXPECT_LE(eta_of(p, item(found, n)), p.bound * (1 + 1e-10));
                EXPECT_NEAR(eta_of(p, item(found, n)), eta_of(p, item(expected, n)), 1e-12 * p.bound);
                expect_orthogonal(item(found, n), 1e-12);
                for (std::size_t i = 1; i < report.history.size(); ++i)
                    EXPECT_LE(report.history[i].eta, report.history[i - 1].eta * (1 + 1e-12));
            }
}

TEST(Minimise, LargeNetworksGoByPanels) {
    const Index n = 101;
    const auto cuda = device<double>(), cpu = host<double>();
    const Problem p = planted(n, n, 0.9, true, 3);
    MinimiseOptions options;
    options.evaluations = 14;  // past one orthogonalisation
    const Result found = run(*cuda, {p}, identity(n), options), expected = run(*cpu, {p}, identity(n), options);
    expect_same_path(found.reports[0], expected.reports[0]);
    EXPECT_GE(found.reports[0].iterations, 10);
    expect_orthogonal(item(found, n), 1e-12);
}

TEST(Minimise, LeavesPlantedSaddles) {
    // N diagonal, in the wrong order: the gradient is exactly zero
    const Index n = 20;
    Problem p;
    p.L.resize(static_cast<std::size_t>(n * n));
    for (Index i = 0; i < n; ++i) {
        const double k = static_cast<double>((i + 1) / 2);
        p.mu.push_back(k * k * k * k);
        p.L[i * n + i] = std::pow(0.7, static_cast<double>((7 * i) % n));
        p.bound += p.mu.back() * std::pow(0.49, static_cast<double>(i));
    }
    const Result found = run(*device<double>(), {p}, identity(n));
    EXPECT_EQ(found.reports[0].history.front().gradient, 0);
    EXPECT_GT(found.reports[0].history.front().eta, 2 * p.bound);
    EXPECT_TRUE(found.reports[0].converged);
    EXPECT_EQ(found.reports[0].evaluations, 2);
    EXPECT_EQ(found.reports[0].iterations, 0);
    EXPECT_NEAR(eta_of(p, item(found, n)), p.bound, 1e-13 * p.bound);
}

TEST(Minimise, SingularLibrariesMeetTheFlooredTest) {
    const Index n = 34;
    const auto cuda = device<double>();
    for (const Index rank : {0, 1, 12}) {
        const Problem p = planted(n, rank, 0.8, true, 3);
        const Result found = run(*cuda, {p}, orthogonal(*host<double>(), n, 4));
        EXPECT_TRUE(found.reports[0].converged) << rank;
        EXPECT_LE(found.reports[0].evaluations, 150);
        EXPECT_LE(eta_of(p, item(found, n)) - p.bound,
                  1e-10 * std::max(p.bound, static_cast<double>(n) * u * p.mu.back()));
    }
}

// Blocks of equal mu of every kind: one row, a pair, three, eight; and of all rows, where eta is constant.
TEST(Minimise, LargerBlocksAreTurnedToo) {
    const auto cuda = device<double>(), cpu = host<double>();
    const Matrix<double> start = orthogonal(*cpu, 14, 6);
    for (const std::vector<int>& sizes : {std::vector{1, 2, 3, 8}, std::vector{3, 3, 8}, std::vector{14}}) {
        Problem p = planted(14, 14, 0.6, false, 5);
        p.bound = 0;
        p.mu.clear();
        for (std::size_t block = 0; block < sizes.size(); ++block)
            for (int row = 0; row < sizes[block]; ++row) {
                p.mu.push_back(static_cast<double>(block) + 0.5);
                p.bound += p.mu.back() * std::pow(0.36, static_cast<double>(p.mu.size() - 1));
            }
        const Result found = run(*cuda, {p}, start), expected = run(*cpu, {p}, start);
        expect_same_path(found.reports[0], expected.reports[0]);
        EXPECT_TRUE(found.reports[0].converged);
        EXPECT_NEAR(eta_of(p, item(found, 14)), p.bound, 1e-10 * p.bound);
        expect_orthogonal(item(found, 14), 1e-12);
        // the gauge: N = P G P^T is diagonal inside a block, descending
        const Matrix<double> P = item(found, 14);
        Matrix<double> L(14, 14);
        std::copy(p.L.begin(), p.L.end(), L.data());
        const Matrix<double> N = gram(*cpu, multiply(*cpu, Op::none, Op::none, P, L));
        for (Index i = 0; i < 14; ++i)
            for (Index j = i + 1; j < 14 && p.mu[j] == p.mu[i]; ++j) {
                // a row of Y is right to some n u ||L||
                EXPECT_LE(std::abs(N(i, j)), 8 * 14 * u * std::sqrt(N(i, i) * N(0, 0)));
                EXPECT_GE(N(i, i), N(j, j));
            }
    }
}

TEST(Minimise, BoundAndBudgetsAreKept) {
    const auto cuda = device<double>(), cpu = host<double>();
    const Index n = 14;
    const Problem p = planted(n, n, 0.8, true, 7);
    MinimiseOptions options;
    options.evaluations = 10;
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
        options.method = method;
        const Result found = run(*cuda, {p}, identity(n), options), expected = run(*cpu, {p}, identity(n), options);
        EXPECT_FALSE(found.reports[0].converged);
        EXPECT_LE(found.reports[0].evaluations, 10);
        EXPECT_EQ(found.reports[0].evaluations, expected.reports[0].evaluations);
        EXPECT_EQ(found.reports[0].iterations, expected.reports[0].iterations);
    }
    options = {};
    options.iterations = 3;
    EXPECT_EQ(run(*cuda, {p}, identity(n), options).reports[0].iterations, 3);
    options = {};
    options.evaluations = 80;
    options.bound = {p.bound / 2};  // cannot be reached, and the run says so
    EXPECT_FALSE(run(*cuda, {p}, identity(n), options).reports[0].converged);
    options.bound = {p.bound};
    EXPECT_TRUE(run(*cuda, {p}, identity(n), options).reports[0].converged);
}

TEST(Minimise, NotANumberEndsTheRun) {
    const auto cuda = device<double>(), cpu = host<double>();
    Problem p = planted(9, 9, 0.8, true, 8);
    p.L[40] = std::numeric_limits<double>::quiet_NaN();
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley})
        for (const Index evaluations : {500, 5}) {  // 5: the budget ends inside of a line search, which finds nothing
            MinimiseOptions options;
            options.method = method;
            options.evaluations = evaluations;
            options.bound = {p.bound};
            const Result found = run(*cuda, {p}, identity(9), options), expected = run(*cpu, {p}, identity(9), options);
            EXPECT_FALSE(found.reports[0].converged);
            EXPECT_FALSE(expected.reports[0].converged);
            EXPECT_TRUE(std::isnan(found.reports[0].history.back().eta));
            EXPECT_EQ(found.reports[0].iterations, expected.reports[0].iterations);
            EXPECT_EQ(found.reports[0].evaluations, expected.reports[0].evaluations);
        }
}

TEST(Minimise, SinglePrecisionIsUsableInFactorForm) {
    for (const Index n : {33, 81}) {
        Problem p = planted(n, n, 0.85, true, 8);
        const double top = p.mu.back();
        for (double& m : p.mu)
            m /= top;
        MinimiseOptions options;
        options.evaluations = n == 81 ? 12 : 500;
        const Result found = run<float>(*device<float>(), {p}, identity(n), options),
                     expected = run<float>(*host<float>(), {p}, identity(n), options);
        const double eta = eta_of(p, item(found, n)), other = eta_of(p, item(expected, n));
        // on the way both paths carry u ||M|| ||G|| / eta of noise, at the end the minimum forgives it
        EXPECT_NEAR(eta, other, (n == 81 ? 1e-3 : 1e-4) * other) << n;
        EXPECT_EQ(found.reports[0].converged, expected.reports[0].converged);
        expect_orthogonal(item(found, n), static_cast<double>(n) * 0x1p-22);
        if (n == 33) {
            EXPECT_TRUE(found.reports[0].converged);
            EXPECT_NEAR(eta, p.bound / top, 1e-4 * p.bound / top);
        }
    }
}

// Rectangular factors: fewer and more columns than rows, shared by the batch.
TEST(Minimise, FactorsMayBeNarrowOrWide) {
    const auto cuda = device<double>(), cpu = host<double>();
    const Index n = 17;
    for (const Index k : {0, 3, 40}) {
        Problem p = planted(n, n, 0.8, true, 9);
        p.L = normals<double>(n * k, 10);
        for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
            MinimiseOptions options;
            options.method = method;
            options.evaluations = 12;
            const Result found = run(*cuda, {p, p}, identity(n), options),
                         expected = run(*cpu, {p, p}, identity(n), options);
            expect_same_path(found.reports[1], expected.reports[1]);
            EXPECT_EQ(item(found, n, 0), item(found, n, 1));
        }
    }
}

TEST(Minimise, ChartTakesTheCpusPath) {
    const auto cuda = device<double>(), cpu = host<double>();
    for (const Index n : {1, 2, 5, 33, 97}) {
        const Problem p = planted(n, n, 0.6, true, 9);
        const Matrix<double> start = orthogonal(*cpu, n, 10);  // not looked at
        MinimiseOptions options;
        options.method = Minimiser::cayley;
        options.iterations = options.evaluations = n == 5 ? 3000 : n == 97 ? 5 : 40;
        options.memory = 6;
        options.bound = {p.bound};
        options.gap = 1e-9;
        const Result found = run(*cuda, {p}, start, options), expected = run(*cpu, {p}, start, options);
        const MinimiseReport &report = found.reports[0], &other = expected.reports[0];
        EXPECT_EQ(report.converged, other.converged) << n;
        EXPECT_EQ(report.history.size(), static_cast<std::size_t>(report.iterations + 1));
        ASSERT_GE(report.history.size(), std::min<std::size_t>(other.history.size(), 15));
        for (std::size_t i = 0; i < std::min<std::size_t>(other.history.size(), 15); ++i) {
            EXPECT_NEAR(report.history[i].eta, other.history[i].eta, 1e-8 * other.history[i].eta) << n << ", " << i;
            EXPECT_NEAR(report.history[i].gradient, other.history[i].gradient, 1e-6 * other.history[0].gradient);
            EXPECT_EQ(report.history[i].evaluations, other.history[i].evaluations);
        }
        for (std::size_t i = 1; i < report.history.size(); ++i)
            EXPECT_LT(report.history[i].eta, report.history[i - 1].eta);
        EXPECT_NEAR(report.history.back().eta, eta_of(p, item(found, n)), 1e-9 * eta_of(p, item(found, n)));
        expect_orthogonal(item(found, n), 1e-12);
        if (n == 5) {
            EXPECT_TRUE(report.converged);
            EXPECT_LE(eta_of(p, item(found, n)), p.bound * (1 + 1e-9));
        }
    }
}

TEST(Minimise, BitsDoNotDependOnTheBatch) {
    const Index n = 24, batch = 5;
    const auto cuda = device<double>();
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
        MinimiseOptions options;
        options.method = method;
        options.evaluations = 12;
        std::vector<Problem> problems;
        std::vector<double> alone;
        for (Index b = 0; b < batch; ++b) {
            problems.push_back(planted(n, n, 0.8, true, 20 + static_cast<std::uint64_t>(b)));
            const Result one = run(*cuda, {problems.back()}, identity(n), options);
            alone.insert(alone.end(), one.P.begin(), one.P.end());
        }
        EXPECT_EQ(run(*cuda, problems, identity(n), options).P, alone);
    }
}

}  // namespace
}  // namespace descrambler
