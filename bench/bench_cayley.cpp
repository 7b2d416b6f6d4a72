// Cayley transforms and the functional in their chart: value and gradient of one network and of an ensemble.
#include <cmath>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

// The problem of numpy_tikhonov.py, with a triangular factor as descrambling gives.
struct Problem {
    std::vector<double> q, mu, L;
};

Problem problem(Index n) {
    const auto on = make_cpu_backend<double>(1);
    Problem out;
    for (Index k = 0; k < n * (n - 1) / 2; ++k)
        out.q.push_back(0.3 * std::sin(1 + static_cast<double>(k)));
    Matrix<double> S(2 * n, n), R(n, n);  // transposed
    for (Index i = 0; i < n; ++i) {
        out.mu.push_back(std::pow(static_cast<double>((i + 1) / 2), 4));
        for (Index j = 0; j < 2 * n; ++j)
            S(j, i) = std::cos(0.37 * static_cast<double>(i + 1) * (static_cast<double>(j) + 0.5)) /
                      static_cast<double>(1 + i);
    }
    on->qr(S.view(), R.view());
    const Matrix<double> L = transpose(R);
    out.L.assign(L.values().begin(), L.values().end());
    return out;
}

void tikhonov(benchmark::State& state) {
    const Index n = state.range(0), batch = state.range(1), packed = n * (n - 1) / 2;
    const auto on = make_cpu_backend<double>(batch == 1 ? 1 : threads());
    const Problem p = problem(n);
    std::vector<double> dq(static_cast<std::size_t>(packed * batch)), eta(static_cast<std::size_t>(batch));
    for (auto _ : state)
        on->tikhonov({p.mu.data(), n, 1, batch, 0}, {p.L.data(), n, n, batch, 0}, {p.q.data(), packed, 1, batch, 0},
                     {eta.data(), 1, 1, batch}, {dq.data(), packed, 1, batch});
    double direct = 0;  // from P, one item
    Matrix<double> P(n, n);
    on->cayley({p.q.data(), packed, 1}, P.view());
    const Matrix<double> Y = [&] {
        Matrix<double> L(n, n);
        std::copy(p.L.begin(), p.L.end(), L.data());
        return multiply(*on, Op::none, Op::none, P, L);
    }();
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            direct += p.mu[static_cast<std::size_t>(i)] * Y(i, j) * Y(i, j);
    describe(state, {"tikhonov", n, 0, batch, "f64", cost::tikhonov(n, n, 8) * static_cast<double>(batch),
                     std::abs(eta[0] / direct - 1)});
}
BENCHMARK(tikhonov)->Args({80, 1})->Args({256, 1})->Args({80, 100})->Args({256, 100})->UseRealTime();

// The recentred method from the identity on 20 networks; the work is that of the evaluations and steps it made.
void minimise(benchmark::State& state) {
    const Index n = state.range(0), batch = 20;
    const auto on = make_cpu_backend<double>(threads());
    const Problem p = problem(n);
    std::vector<double> P(static_cast<std::size_t>(n * n * batch)), L(P.size());
    for (Index b = 0; b < batch; ++b)
        std::copy(p.L.begin(), p.L.end(), L.begin() + b * n * n);
    std::vector<MinimiseReport> reports(static_cast<std::size_t>(batch));
    for (auto _ : state) {
        std::fill(P.begin(), P.end(), 0.0);
        for (Index b = 0; b < batch; ++b)
            for (Index i = 0; i < n; ++i)
                P[static_cast<std::size_t>(b * n * n + i * n + i)] = 1;
        on->minimise({}, {p.mu.data(), n, 1, batch, 0}, {L.data(), n, n, batch}, {P.data(), n, n, batch}, reports);
    }
    Matrix<double> R(n, n);  // L^T
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            R(i, j) = p.L[static_cast<std::size_t>(i * n + j)];
    double bound = 0;
    const std::vector<double> s = svd(*on, R).s;
    for (Index i = 0; i < n; ++i)
        bound += p.mu[static_cast<std::size_t>(i)] * s[static_cast<std::size_t>(i)] * s[static_cast<std::size_t>(i)];
    const MinimiseReport& report = reports.front();
    describe(state, {"minimise", n, 0, batch, "f64",
                     (cost::minimise_evaluation(n, n, 8) * static_cast<double>(report.evaluations) +
                      cost::minimise_step(n, n, 8) * static_cast<double>(report.iterations)) *
                         static_cast<double>(batch),
                     report.history.back().eta / bound - 1});
}
BENCHMARK(minimise)->Arg(80)->Arg(256)->UseRealTime();

void cayley(benchmark::State& state) {
    const Index n = state.range(0), batch = 100, packed = n * (n - 1) / 2;
    const auto on = make_cpu_backend<double>(threads());
    const Problem p = problem(n);
    std::vector<double> P(static_cast<std::size_t>(n * n * batch));
    for (auto _ : state)
        on->cayley({p.q.data(), packed, 1, batch, 0}, {P.data(), n, n, batch});
    double worst = 0;
    for (Index i = 0; i < n; ++i) {
        double sum = -1;
        for (Index k = 0; k < n; ++k)
            sum += P[static_cast<std::size_t>(i * n + k)] * P[static_cast<std::size_t>(i * n + k)];
        worst = std::max(worst, std::abs(sum));
    }
    describe(state, {"cayley", n, 0, batch, "f64", cost::cayley(n, 8) * static_cast<double>(batch), worst});
}
BENCHMARK(cayley)->Arg(80)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
