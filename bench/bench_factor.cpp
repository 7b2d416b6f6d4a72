// The symmetric eigenproblem for a batch of networks.
#include <cmath>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

void eigh(benchmark::State& state) {
    const auto on = make_cpu_backend<double>(threads());
    const Index n = state.range(0), batch = 100;
    const std::vector<double> S = normals<double>(n * 2 * n, 1);
    Matrix<double> G(n, n);
    on->gram({S.data(), n, 2 * n}, 0.0, G.view());
    std::vector<double> all, w(static_cast<std::size_t>(n * batch));
    for (auto _ : state) {
        state.PauseTiming();
        all.clear();
        for (Index b = 0; b < batch; ++b)
            all.insert(all.end(), G.values().begin(), G.values().end());
        state.ResumeTiming();
        on->eigh({all.data(), n, n, batch}, {w.data(), n, 1, batch});
    }
    double worst = 0;  // ||G v - w v|| / ||G|| over the vectors of the first item
    for (Index j = 0; j < n; ++j) {
        double squares = 0;
        for (Index i = 0; i < n; ++i) {
            double sum = -w[static_cast<std::size_t>(j)] * all[static_cast<std::size_t>(j * n + i)];
            for (Index k = 0; k < n; ++k)
                sum += G(i, k) * all[static_cast<std::size_t>(j * n + k)];
            squares += sum * sum;
        }
        worst = std::max(worst, std::sqrt(squares) / w[static_cast<std::size_t>(n - 1)]);
    }
    describe(state, {"eigh", n, 0, batch, "f64", cost::eigh(n, 8) * static_cast<double>(batch), worst});
}
BENCHMARK(eigh)->Arg(80)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
