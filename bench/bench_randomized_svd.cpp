// The randomised SVD beside the exact one, on the shapes of the DEER layers and on one where it pays.
#include <cmath>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

constexpr Index batch = 10;

// A batch of matrices U diag(1 / i) V^T, U and V orthonormal.
std::vector<double> falling(Backend<double>& on, Index m, Index n) {
    const Index k = std::min(m, n);
    std::vector<double> U = normals<double>(m * k * batch, 1), V = normals<double>(n * k * batch, 2),
                        R(static_cast<std::size_t>(k * k * batch)), A(static_cast<std::size_t>(m * n * batch));
    on.qr({U.data(), m, k, batch}, {R.data(), k, k, batch});
    on.qr({V.data(), n, k, batch}, {R.data(), k, k, batch});
    for (Index b = 0; b < batch; ++b)
        for (Index j = 0; j < k; ++j)
            for (Index i = 0; i < m; ++i)
                U[static_cast<std::size_t>((b * k + j) * m + i)] /= static_cast<double>(1 + j);
    on.gemm(Op::none, Op::transpose, 1.0, {U.data(), m, k, batch}, {V.data(), n, k, batch}, 0.0,
            {A.data(), m, n, batch});
    return A;
}

// The residual is the largest relative error of the singular values asked for.
void randomized_svd(benchmark::State& state) {
    const auto on = make_cpu_backend<double>(threads());
    const Index m = state.range(0), n = state.range(1);
    const int rank = static_cast<int>(state.range(2)), oversampling = 10, power_iterations = 1;
    const std::vector<double> A = falling(*on, m, n);
    std::vector<double> U(static_cast<std::size_t>(m * rank * batch)), s(static_cast<std::size_t>(rank * batch)),
        V(static_cast<std::size_t>(n * rank * batch));
    for (auto _ : state)
        on->randomized_svd({A.data(), m, n, batch}, rank, oversampling, power_iterations, 1, {U.data(), m, rank, batch},
                           {s.data(), rank, 1, batch}, {V.data(), n, rank, batch});
    double worst = 0;
    for (Index i = 0; i < rank; ++i)
        worst = std::max(worst, std::abs(s[static_cast<std::size_t>(i)] * static_cast<double>(1 + i) - 1));
    const Index sketch = std::min({static_cast<Index>(rank + oversampling), m, n});
    describe(state,
             {"randomized_svd_k" + std::to_string(rank), m, n, batch, "f64",
              cost::randomized_svd(m, n, rank, sketch, power_iterations, 8) * static_cast<double>(batch), worst});
}
BENCHMARK(randomized_svd)
    ->Args({80, 256, 10})
    ->Args({256, 256, 10})
    ->Args({256, 256, 30})
    ->Args({1024, 1024, 30})
    ->UseRealTime();

void exact_svd(benchmark::State& state) {
    const auto on = make_cpu_backend<double>(threads());
    const Index m = state.range(0), n = state.range(1), k = std::min(m, n);
    const std::vector<double> A = falling(*on, m, n);
    std::vector<double> work, U(static_cast<std::size_t>(m * k * batch)), s(static_cast<std::size_t>(k * batch)),
        V(static_cast<std::size_t>(n * k * batch));
    for (auto _ : state) {
        state.PauseTiming();
        work = A;
        state.ResumeTiming();
        on->svd({work.data(), m, n, batch}, {U.data(), m, k, batch}, {s.data(), k, 1, batch}, {V.data(), n, k, batch});
    }
    double worst = 0;
    for (Index i = 0; i < k; ++i)
        worst = std::max(worst, std::abs(s[static_cast<std::size_t>(i)] * static_cast<double>(1 + i) - 1));
    describe(state, {"svd", m, n, batch, "f64", cost::svd(m, n, 8) * static_cast<double>(batch), worst});
}
BENCHMARK(exact_svd)->Args({80, 256})->Args({256, 256})->Args({1024, 1024})->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
