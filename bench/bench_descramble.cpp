// The closed form of many networks from their Grams: eigenvectors, pairing, one product.
#include "bench.hpp"
#include "descrambler/closed_form.hpp"

namespace descrambler::bench {
namespace {

void closed_form(benchmark::State& state) {
    const Index n = state.range(0), networks = 20;
    const auto on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    Matrix<double> S(n, 4 * n);
    const std::vector<double> noise = normals<double>(S.size(), 1);
    for (Index j = 0; j < S.cols(); ++j)
        for (Index i = 0; i < n; ++i)  // a spectrum that falls, as those of trained layers do
            S(i, j) = noise[static_cast<std::size_t>(j * n + i)] / static_cast<double>(1 + i);
    const Matrix<double> G = gram(*on, S);
    double gap = 0;
    for (auto _ : state)
        parallel_items(networks, threads(), [&](Index i, Backend<double>& own) {
            const Solution found = closed_form_from_gram(own, stencil, G, S.cols(), {}, 1e-12);
            if (i == 0)
                gap = found.gap;
        });
    describe(state,
             {"closed_form", n, 0, networks, "f64", cost::closed_form(n, 8) * static_cast<double>(networks), gap});
}
BENCHMARK(closed_form)->Arg(80)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
