// The closed form of many networks from their Grams, beside a plain loop over LAPACK: eigenvectors and one product.
#include "bench.hpp"
#include "cpu/lapack.hpp"
#include "descrambler/closed_form.hpp"

namespace descrambler::bench {
namespace {

constexpr Index networks = 100;

Matrix<double> falling_gram(Index n) {  // a spectrum that falls, as those of trained layers do
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> S(n, 4 * n);
    const std::vector<double> noise = normals<double>(S.size(), 1);
    for (Index j = 0; j < S.cols(); ++j)
        for (Index i = 0; i < n; ++i)
            S(i, j) = noise[static_cast<std::size_t>(j * n + i)] / static_cast<double>(1 + i);
    return gram(*on, S);
}

// Every case starts from fresh Grams, since both destroy them; the copy is timed on both sides.
void copies(const Matrix<double>& G, std::vector<double>& all) {
    for (Index b = 0; b < networks; ++b)
        std::copy_n(G.data(), G.size(), all.data() + b * G.size());
}

void closed_forms(benchmark::State& state) {
    const Index n = state.range(0);
    const auto on = make_cpu_backend<double>(threads());
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    const Matrix<double> G = falling_gram(n);
    std::vector<double> all(static_cast<std::size_t>(n * n * networks)), P(all.size()), bound(networks);
    for (auto _ : state) {
        copies(G, all);
        descrambler::closed_forms(*on, stencil, {all.data(), n, n, networks}, {P.data(), n, n, networks},
                                  {bound.data(), 1, 1, networks});
    }
    Matrix<double> first(n, n);
    std::copy_n(P.data(), first.size(), first.data());
    double eta = 0;  // of the first network, from its Gram
    const Matrix<double> B = multiply(*on, Op::transpose, Op::none, stencil.T, first);
    const Matrix<double> N = multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, B, G), B);
    for (Index i = 0; i < n; ++i)
        eta += stencil.mu[static_cast<std::size_t>(i)] * N(i, i);
    describe(state, {"closed_forms", n, 0, networks, "f64", cost::closed_form(n, 8) * static_cast<double>(networks),
                     std::abs(eta / bound[0] - 1)});
}
BENCHMARK(closed_forms)->Arg(80)->Arg(256)->UseRealTime();

void closed_forms_lapack(benchmark::State& state) {
    const Index n = state.range(0);
    const auto on = make_cpu_backend<double>(1);  // BLAS and LAPACK with one thread
    Matrix<double> reversed = make_stencil(*on, StencilKind::fourier2, n).T;
    for (Index j = 0; j < n / 2; ++j)
        std::swap_ranges(reversed.column(j).begin(), reversed.column(j).end(), reversed.column(n - 1 - j).begin());
    const Matrix<double> G = falling_gram(n);
    const int size = static_cast<int>(n);
    std::vector<double> all(static_cast<std::size_t>(n * n * networks)), P(all.size()), w(static_cast<std::size_t>(n)),
        work(static_cast<std::size_t>(1 + 6 * n + 2 * n * n));
    std::vector<int> iwork(static_cast<std::size_t>(3 + 5 * n));
    for (auto _ : state) {
        copies(G, all);
        for (Index b = 0; b < networks; ++b) {
            double* a = all.data() + b * n * n;
            int info = 0;
            cpu::lapack::syevd(size, a, w.data(), work.data(), static_cast<int>(work.size()), iwork.data(),
                               static_cast<int>(iwork.size()), info);
            cpu::gemm(CblasNoTrans, CblasTrans, size, size, size, 1.0, reversed.data(), size, a, size, 0.0,
                      P.data() + b * n * n, size);
        }
    }
    describe(state, {"closed_forms", n, 0, networks, "f64", cost::closed_form(n, 8) * static_cast<double>(networks), 0,
                     "LAPACK loop, 1 thread"});
}
BENCHMARK(closed_forms_lapack)->Arg(80)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
