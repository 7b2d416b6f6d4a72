// Ceilings (gemm, copy), products with few vectors and the Gram matrix.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

template <class T>
void gemm(benchmark::State& state) {
    const auto on = make_cpu_backend<T>(threads());
    const Index n = state.range(0), batch = on->threads();  // one product per thread
    const std::vector<T> A = normals<T>(n * n * batch, 1), B = normals<T>(n * n * batch, 2);
    std::vector<T> C(A.size());
    for (auto _ : state)
        on->gemm(Op::none, Op::none, T{1}, {A.data(), n, n, batch}, {B.data(), n, n, batch}, T{0},
                 {C.data(), n, n, batch});
    describe(state, {"gemm", n, n, batch, dtype<T>(), cost::gemm(n, n, n, sizeof(T)) * static_cast<double>(batch)});
}
BENCHMARK(gemm<float>)->Arg(80)->Arg(256)->Arg(512)->Arg(1024)->UseRealTime();
BENCHMARK(gemm<double>)->Arg(80)->Arg(256)->Arg(512)->Arg(1024)->UseRealTime();

// Bytes read plus bytes written, each thread its own part, far larger than the caches.
void copy(benchmark::State& state) {
    const int team = make_cpu_backend<double>(threads())->threads();
    const Index n = (Index{64} << 20) / 8;
    std::vector<double> from(static_cast<std::size_t>(n * team), 1.0), to(from.size());
    for (auto _ : state) {
#pragma omp parallel num_threads(team)
        std::memcpy(to.data() + omp_get_thread_num() * n, from.data() + omp_get_thread_num() * n,
                    static_cast<std::size_t>(n) * 8);
        benchmark::ClobberMemory();
    }
    describe(state, {"copy", n, 0, team, "f64", {0, 16.0 * static_cast<double>(n * team)}});
}
BENCHMARK(copy)->UseRealTime();

// A large matrix with few vectors, as the dense layers of a network have them: its bytes are the floor.
template <class T, Op op>
void matrix_product(benchmark::State& state) {
    const auto on = make_cpu_backend<T>(threads());
    const Index n = state.range(0), K = state.range(1);
    const std::vector<T> A = normals<T>(n * n, 1), x = normals<T>(n * K, 2);
    std::vector<T> y(x.size()), z(x.size());
    for (auto _ : state)
        on->matrix_product(op, {A.data(), n, n}, {x.data(), n, K}, 0, {y.data(), n, K});
    on->gemm(op, Op::none, 1, {A.data(), n, n}, {x.data(), n, K}, 0, {z.data(), n, K});
    double off = 0, size = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        off = std::max(off, std::abs(static_cast<double>(y[i]) - static_cast<double>(z[i])));
        size = std::max(size, std::abs(static_cast<double>(z[i])));
    }
    describe(state, {op == Op::none ? "matrix_product" : "matrix_product_adjoint",
                     n,
                     n,
                     K,
                     dtype<T>(),
                     {2.0 * static_cast<double>(n * n * K),
                      static_cast<double>(sizeof(T)) * static_cast<double>(n * n + 2 * n * K)},
                     off / size});
}
void few(benchmark::internal::Benchmark* b) {
    for (const Index n : {512, 4096})
        for (const Index K : {1, 8, 64})
            b->Args({n, K})->UseRealTime();
}
BENCHMARK_TEMPLATE(matrix_product, float, Op::none)->Apply(few);
BENCHMARK_TEMPLATE(matrix_product, float, Op::transpose)->Apply(few);
BENCHMARK_TEMPLATE(matrix_product, double, Op::none)->Apply(few);
BENCHMARK_TEMPLATE(matrix_product, double, Op::transpose)->Apply(few);

// Without an activation: G += S S^T, S [n, 4096] resident, at least one network per thread.
void gram(benchmark::State& state) {
    const auto on = make_cpu_backend<double>(threads());
    const Index n = state.range(0), samples = 4096, batch = 8;
    const std::vector<double> S = normals<double>(n * samples * batch, 3);
    std::vector<double> G(static_cast<std::size_t>(n * n * batch));
    for (auto _ : state)
        on->gram({S.data(), n, samples, batch}, 0.0, {G.data(), n, n, batch});
    double wanted = 0;  // the first entry against a plain sum
    for (Index j = 0; j < samples; ++j)
        wanted += S[static_cast<std::size_t>(j * n)] * S[static_cast<std::size_t>(j * n)];
    describe(state, {"gram", n, samples, batch, "f64", cost::gram(n, samples, 8) * static_cast<double>(batch),
                     std::abs(G[0] - wanted) / wanted});
}
BENCHMARK(gram)->Arg(80)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
