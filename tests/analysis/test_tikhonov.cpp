#include "descrambler/tikhonov.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/random.hpp"

using namespace descrambler;

namespace {

constexpr double u = std::numeric_limits<double>::epsilon() / 2;
using Vector = std::vector<double>;
using Solver = Vector (*)(Backend<double>&, const Matrix<double>&, const Vector&);
constexpr Solver solvers[] = {nonnegative_quadratic, nonnegative_active_set};

std::unique_ptr<Backend<double>> cpu() {
    return make_cpu_backend<double>(1);
}

struct Problem {
    Matrix<double> H;
    Vector f;
};

// H = B B^T + ridge I with B [n, k]: k < n and a small ridge make it nearly singular.
Problem random_problem(std::uint64_t seed, Index n, Index k, double ridge) {
    RandomStream random(seed, stream::analysis);
    Matrix<double> B(n, k);
    for (double& b : B.values())
        b = random.normal();
    Problem p{Matrix<double>(n, n), Vector(static_cast<std::size_t>(n))};
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
            for (Index c = 0; c < k; ++c)
                p.H(i, j) += B(i, c) * B(j, c);
            p.H(i, j) += i == j ? ridge : 0;
        }
    for (double& f : p.f)
        f = random.normal();
    return p;
}

Problem hilbert(Index n) {
    Problem p{Matrix<double>(n, n), Vector(static_cast<std::size_t>(n))};
    for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < n; ++j)
            p.H(i, j) = 1.0 / static_cast<double>(i + j + 1) + (i == j ? 1e-10 : 0);
        p.f[i] = std::cos(0.7 * static_cast<double>(i));
    }
    return p;
}

Vector multipliers(const Problem& p, const Vector& x) {
    Vector y(x.size());
    for (Index i = 0; i < p.H.rows(); ++i) {
        y[i] = -p.f[i];
        for (Index j = 0; j < p.H.cols(); ++j)
            y[i] += p.H(i, j) * x[j];
    }
    return y;
}

double objective(const Problem& p, const Vector& x) {
    const Vector y = multipliers(p, x);
    double value = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        value += 0.5 * x[i] * (y[i] - p.f[i]);
    return value;
}

// Residuals of a Cholesky solution are below n u |R^T| |R| |x| with (|R^T| |R|)_ij <= sqrt(H_ii H_jj) (Higham, chapter
// 10); 32: the constant there, 4, and the solver's own threshold of 8 n u for signs, taken twice.
void expect_kkt(const Problem& p, const Vector& x) {
    const Vector y = multipliers(p, x);
    const double n = static_cast<double>(x.size());
    for (Index i = 0; i < p.H.rows(); ++i) {
        double scale = std::abs(p.f[i]);
        for (Index j = 0; j < p.H.cols(); ++j)
            scale += std::sqrt(p.H(i, i) * p.H(j, j)) * x[j];
        const double tolerance = 32 * n * u * scale;
        EXPECT_GE(x[i], 0);
        EXPECT_GE(y[i], -tolerance) << "gradient at " << i;
        if (x[i] > 0) {
            EXPECT_LE(y[i], tolerance) << "complementarity at " << i;
        }
    }
}

// The best of all feasible solutions on a subset of the unknowns, by elimination without any pivoting rule.
Vector brute_force(Backend<double>& on, const Problem& p) {
    const Index n = p.H.rows();
    Vector best(static_cast<std::size_t>(n));
    for (Index mask = 1; mask < Index{1} << n; ++mask) {
        std::vector<Index> free;
        for (Index i = 0; i < n; ++i)
            if (mask >> i & 1)
                free.push_back(i);
        const Index m = std::ssize(free);
        Matrix<double> A(m, m), b(m, 1);
        for (Index i = 0; i < m; ++i) {
            b(i, 0) = p.f[free[i]];
            for (Index j = 0; j < m; ++j)
                A(i, j) = p.H(free[i], free[j]);
        }
        const Matrix<double> z = cholesky_solve(on, A, b);
        if (*std::min_element(z.values().begin(), z.values().end()) < 0)
            continue;
        Vector x(static_cast<std::size_t>(n));
        for (Index i = 0; i < m; ++i)
            x[free[i]] = z(i, 0);
        if (objective(p, x) < objective(p, best))
            best = x;
    }
    return best;
}

DeerTables small_tables() {
    DeerDatabase database;
    database.times = 64;
    database.distances = 48;
    return make_deer_tables(database);
}

struct Planted {
    Vector distribution, trace;
};
// Two Gaussians, m = 0.5, k = 0.1 per us, d = 3.
Planted planted_trace(const DeerTables& tables, double noise = 0) {
    const std::size_t M = tables.distance_nm.size();
    Planted planted{Vector(M), Vector(tables.time_us.size())};
    for (std::size_t j = 0; j < M; ++j) {
        const double a = (tables.distance_nm[j] - 2.6) / 0.25, b = (tables.distance_nm[j] - 4.0) / 0.35;
        planted.distribution[j] = std::exp(-0.5 * a * a) + 0.6 * std::exp(-0.5 * b * b);
    }
    const double sum = std::accumulate(planted.distribution.begin(), planted.distribution.end(), 0.0);
    RandomStream random(5, stream::analysis);
    for (std::size_t t = 0; t < planted.trace.size(); ++t) {
        double form = 0;
        for (std::size_t j = 0; j < M; ++j)
            form += tables.kernel(t, j) * planted.distribution[j] / sum;
        planted.trace[t] = (0.5 + 0.5 * form) * std::exp(-0.1 * tables.time_us[t]) + noise * random.normal();
    }
    const double largest = *std::max_element(planted.distribution.begin(), planted.distribution.end());
    for (double& p : planted.distribution)
        p /= largest;
    return planted;
}

double relative_distance(const Vector& a, const Vector& b) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return std::sqrt(difference / norm);
}

struct Library {
    Matrix<double> trace, target;
};
Library library(const DeerTables& tables, Index count) {
    const auto on = make_cpu_backend<float>(1);
    const DeerLibrary drawn = make_deer_library(*on, tables, 11, stream::library, 0, count);
    return {to_double(drawn.trace), to_double(drawn.target)};
}

}  // namespace

TEST(Nonnegative, MatchesBruteForce) {
    const auto on = cpu();
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const Index n = 1 + static_cast<Index>(seed % 8);
        const Problem p = random_problem(seed, n, n, 0.1);
        const Vector expected = brute_force(*on, p);
        double largest = 0, trace = 0;
        for (const double x : expected)
            largest = std::max(largest, x);
        for (Index i = 0; i < n; ++i)
            trace += p.H(i, i);
        // condition number trace / 0.1 at most, times the backward error n u of a Cholesky solution
        const double tolerance = 8 * static_cast<double>(n) * u * trace / 0.1 * std::max(largest, 1.0);
        for (const Solver solve : solvers) {
            const Vector x = solve(*on, p.H, p.f);
            for (Index i = 0; i < n; ++i)
                EXPECT_NEAR(x[i], expected[i], tolerance) << "seed " << seed;
        }
    }
}

TEST(Nonnegative, MeetsKktOnRandomProblems) {
    const auto on = cpu();
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const Problem p = random_problem(100 + seed, 60, 60, 1e-3);
        for (const Solver solve : solvers)
            expect_kkt(p, solve(*on, p.H, p.f));
    }
}

TEST(Nonnegative, MeetsKktWhereTheMatrixIsNearlySingular) {
    const auto on = cpu();
    for (const Problem& p : {random_problem(7, 50, 5, 1e-8), random_problem(8, 50, 1, 1e-6), hilbert(12), hilbert(40)})
        for (const Solver solve : solvers)
            expect_kkt(p, solve(*on, p.H, p.f));
}

TEST(Nonnegative, IsZeroWhereNothingPullsUp) {
    const auto on = cpu();
    Problem p = random_problem(9, 12, 12, 0.1);
    for (const double sign : {0.0, -1.0}) {
        for (double& f : p.f)
            f = sign * std::abs(f);
        for (const Solver solve : solvers)
            for (const double x : solve(*on, p.H, p.f))
                EXPECT_EQ(x, 0);
    }
}

TEST(Nonnegative, KeepsAnUnknownThatIsZeroWithZeroGradient) {
    // By hand: H = I, f = (1, 0): x = (1, 0), and the multiplier of x_1 is exactly zero.
    const auto on = cpu();
    Matrix<double> H(2, 2);
    H(0, 0) = H(1, 1) = 1;
    for (const Solver solve : solvers) {
        const Vector x = solve(*on, H, {1, 0});
        EXPECT_EQ(x[0], 1);
        EXPECT_EQ(x[1], 0);
    }
}

TEST(Nonnegative, RefusesShapesThatDoNotFit) {
    const auto on = cpu();
    EXPECT_THROW((void)nonnegative_quadratic(*on, Matrix<double>(2, 3), {1, 2}), std::invalid_argument);
    EXPECT_THROW((void)nonnegative_active_set(*on, Matrix<double>(2, 2), {1}), std::invalid_argument);
}

TEST(CrossValidation, MatchesItsFormulaForEveryLambda) {
    const auto on = cpu();
    const Index unknowns = 12, points = 20;
    RandomStream random(3, stream::analysis);
    Matrix<double> At(unknowns, points), R(unknowns, unknowns);
    for (double& a : At.values())
        a = random.normal();
    constexpr double stencil[] = {1, -2, 1};
    for (Index row = 0; row + 2 < unknowns; ++row)
        for (Index a = 0; a < 3; ++a)
            for (Index b = 0; b < 3; ++b)
                R(row + a, row + b) += stencil[a] * stencil[b];
    Vector v;
    for (Index t = 0; t < points; ++t)
        v.push_back(random.normal());
    const Vector lambdas{1, 30, 100, 1e4};
    const Vector gcv = generalised_cross_validation(*on, At, R, v, lambdas);
    for (std::size_t l = 0; l < lambdas.size(); ++l) {
        Matrix<double> H = gram(*on, At);
        for (Index i = 0; i < H.size(); ++i)
            H.values()[i] += lambdas[l] * lambdas[l] * R.values()[i];
        const Matrix<double> hat = multiply(*on, Op::transpose, Op::none, At, cholesky_solve(*on, H, At));
        double residual = 0, freedom = static_cast<double>(points);
        for (Index i = 0; i < points; ++i) {
            double fit = 0;
            for (Index j = 0; j < points; ++j)
                fit += hat(i, j) * v[j];
            residual += (fit - v[i]) * (fit - v[i]);
            freedom -= hat(i, i);
        }
        const double expected = residual / (freedom * freedom);
        // both ways solve systems of condition number <= 16 lambda^2 / 0.1, with 1e4 the larger of lambda^2 and mu
        const double condition = 160 * std::max(1e4, lambdas[l] * lambdas[l]);
        EXPECT_NEAR(gcv[l], expected, 8 * static_cast<double>(points) * u * condition * expected);
    }
}

TEST(Background, GradientMatchesFiniteDifferences) {
    const auto on = cpu();
    const DeerTables tables = small_tables();
    const Vector trace = planted_trace(tables, 0.01).trace;
    const double step = 1e-4;
    for (const auto& [log_rate, shape] : {std::pair{-1.5, 0.5}, {-3.0, -1.0}, {-0.3, 2.0}}) {
        const BackgroundCost at = background_cost(*on, tables, trace, log_rate, shape);
        const auto value = [&](double a, double b) { return background_cost(*on, tables, trace, a, b).value; };
        const double by_rate = (value(log_rate + step, shape) - value(log_rate - step, shape)) / (2 * step);
        const double by_shape = (value(log_rate, shape + step) - value(log_rate, shape - step)) / (2 * step);
        // truncation step^2 / 6 times a third derivative of the size of the gradient (both parameters are of order
        // one), and roundoff of the cost, whose linear system has a condition number below 1e6, over the step
        const double truncation = 10 * step * step, roundoff = 1e6 * u * at.value / step;
        EXPECT_NEAR(at.by_log_rate, by_rate, truncation * std::abs(by_rate) + roundoff);
        EXPECT_NEAR(at.by_shape, by_shape, truncation * std::abs(by_shape) + roundoff);
    }
}

TEST(Tikhonov, RecoversAPlantedDistribution) {
    const auto on = cpu();
    const DeerTables tables = make_deer_tables(DeerDatabase{});
    const Planted planted = planted_trace(tables);
    const TikhonovFit fit = tikhonov_fit(*on, tables, planted.trace);
    // Without noise the only error is the bias of the background step at lambda = 100; a network's error is 0.3.
    EXPECT_LT(relative_distance(fit.distribution, planted.distribution), 0.05);
    EXPECT_NEAR(fit.depth, 0.5, 0.02);
    EXPECT_NEAR(fit.rate_mhz, 0.1, 0.02);
}

TEST(Tikhonov, IsNonnegativeAndScaledToOne) {
    const auto on = cpu();
    const DeerTables tables = small_tables();
    const TikhonovFit fit = tikhonov_fit(*on, tables, planted_trace(tables, 0.02).trace);
    ASSERT_EQ(fit.distribution.size(), tables.distance_nm.size());
    EXPECT_GE(*std::min_element(fit.distribution.begin(), fit.distribution.end()), 0);
    EXPECT_EQ(*std::max_element(fit.distribution.begin(), fit.distribution.end()), 1);
    EXPECT_GT(fit.depth, 0);
    EXPECT_LT(fit.depth, 1);
    EXPECT_GE(fit.rate_mhz, 1e-3);
    EXPECT_LE(fit.rate_mhz, 1);
    EXPECT_GE(fit.dimension, 2);
    EXPECT_LE(fit.dimension, 3.5);
}

TEST(Tikhonov, DoesNotDependOnTheScaleOfTheTrace) {
    const auto on = cpu();
    const DeerTables tables = small_tables();
    Vector trace = planted_trace(tables, 0.02).trace;
    const TikhonovFit one = tikhonov_fit(*on, tables, trace);
    for (double& v : trace)
        v *= 4;  // a power of two: every number scales without rounding, but for the thresholds and the jitter
    const TikhonovFit four = tikhonov_fit(*on, tables, trace);
    EXPECT_EQ(one.lambda, four.lambda);
    // the iteration for the background stops at relative changes, so that both end at the same point
    EXPECT_NEAR(one.depth, four.depth, 1e-9);
    EXPECT_LT(relative_distance(one.distribution, four.distribution), 1e-9);
}

TEST(Tikhonov, RefusesTracesThatDoNotFit) {
    const auto on = cpu();
    const DeerTables tables = small_tables();
    EXPECT_THROW((void)tikhonov_fit(*on, tables, Vector(63, 1.0)), std::invalid_argument);
    Vector trace(64, 1.0);
    trace[5] = std::nan("");
    EXPECT_THROW((void)tikhonov_fit(*on, tables, trace), std::invalid_argument);
    EXPECT_THROW((void)tikhonov_peer(tables, Matrix<double>(64, 2), Matrix<double>(48, 3), 1), std::invalid_argument);
}

TEST(TikhonovPeer, HasTheErrorAndTheLambdasOfTheReference) {
    const DeerTables tables = make_deer_tables(DeerDatabase{});
    const Library drawn = library(tables, 60);
    const TikhonovPeer peer = tikhonov_peer(tables, drawn.trace, drawn.target, 0);
    double mean = 0, interior = 0;
    for (std::size_t i = 0; i < peer.fits.size(); ++i) {
        mean += peer.relative_error[i] / 60;
        interior += peer.fits[i].lambda_interior ? 1.0 / 60 : 0;
    }
    // Reference measurement: 0.319 on 200 traces; one trace scatters by 0.31, so three standard errors of 60 are 0.12.
    // With a lambda grid that is too short it is 0.49, and 0.19 with the true background known.
    EXPECT_LE(mean, 0.319 + 0.12);
    EXPECT_GE(mean, 0.319 - 0.12);
    EXPECT_GE(interior, 0.9);
}

TEST(TikhonovPeer, IsTheSameToTheBitForAnyNumberOfThreads) {
    const DeerTables tables = small_tables();
    const Library drawn = library(tables, 7);
    const TikhonovPeer one = tikhonov_peer(tables, drawn.trace, drawn.target, 1);
    for (const int threads : {2, 3, 5}) {
        const TikhonovPeer many = tikhonov_peer(tables, drawn.trace, drawn.target, threads);
        EXPECT_EQ(one.relative_error, many.relative_error);
        for (std::size_t i = 0; i < one.fits.size(); ++i)
            EXPECT_EQ(one.fits[i].distribution, many.fits[i].distribution);
    }
}

TEST(TikhonovPeer, ComparesWithTheTargetScaledToItsMaximum) {
    const DeerTables tables = small_tables();
    Library drawn = library(tables, 2);
    const TikhonovPeer peer = tikhonov_peer(tables, drawn.trace, drawn.target, 1);
    for (double& y : drawn.target.values())
        y *= 3;
    const TikhonovPeer scaled = tikhonov_peer(tables, drawn.trace, drawn.target, 1);
    for (Index i = 0; i < 2; ++i) {
        const auto target = drawn.target.column(i);
        const double largest = *std::max_element(target.begin(), target.end());
        Vector y(target.begin(), target.end());
        for (double& value : y)
            value /= largest;
        EXPECT_NEAR(peer.relative_error[i], relative_distance(peer.fits[i].distribution, y), 1e-12);
        EXPECT_NEAR(scaled.relative_error[i], peer.relative_error[i], 1e-12);
    }
}
