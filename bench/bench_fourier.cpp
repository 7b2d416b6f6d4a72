// Fourier transforms: images of the sizes that a scattering transform of 256 x 256 meets, batches of sequences, one long
// sequence, real pairs. Residual: there and back.
#include <cmath>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

template <class T>
double relative(const std::vector<T>& found, const std::vector<T>& wanted, double scale) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const double f = static_cast<double>(found[i]) * scale, w = static_cast<double>(wanted[i]);
        difference += (f - w) * (f - w);
        size += w * w;
    }
    return std::sqrt(difference / size);
}

template <class T>
void measure(benchmark::State& state, const std::string& name, Index n1, Index n2, Index columns) {
    const auto on = make_cpu_backend<T>(threads());
    const Index points = n1 * n2;
    const std::vector<T> x = normals<T>(2 * points * columns, 1);
    std::vector<T> y(x.size()), z(x.size());
    const auto view = [&](auto* data) {
        using Number = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(data)>>, const std::complex<T>,
                                          std::complex<T>>;
        return Batch<Number>(reinterpret_cast<Number*>(data), points, columns);
    };
    for (auto _ : state)
        on->fft2(n1, n2, view(x.data()), view(y.data()));
    on->ifft2(n1, n2, view(y.data()), view(z.data()));
    describe(state, {name, n1 > 1 ? n1 : n2, n1 > 1 ? n2 : 0, columns, dtype<T>(),
                     cost::fft(points, sizeof(T)) * static_cast<double>(columns),
                     relative(z, x, 1 / static_cast<double>(points))});
}

template <class T>
void fft2(benchmark::State& state) {
    measure<T>(state, "fft2", state.range(0), state.range(0), state.range(1));
}
void images(benchmark::internal::Benchmark* b) {
    for (const Index side : {66, 132, 256, 264})
        b->Args({side, 1})->Args({side, 16});
    b->UseRealTime();
}
BENCHMARK(fft2<float>)->Apply(images);
BENCHMARK(fft2<double>)->Apply(images);

template <class T>
void fft(benchmark::State& state) {
    measure<T>(state, "fft", 1, state.range(0), state.range(1));
}
void batches(benchmark::internal::Benchmark* b) {
    for (const Index n : {80, 256, 1000, 1024, 4096})
        b->Args({n, 256});
    b->Args({97, 256})->Args({65536, 1})->Args({65536, 64})->UseRealTime();  // 97: kissfft
}
BENCHMARK(fft<float>)->Apply(batches);
BENCHMARK(fft<double>)->Apply(batches);

template <class T>
void real_fft2(benchmark::State& state) {
    const auto on = make_cpu_backend<T>(threads());
    const Index n = state.range(0), columns = state.range(1), rows = n * (n / 2 + 1);
    const std::vector<T> x = normals<T>(n * n * columns, 1);
    std::vector<T> z(x.size());
    std::vector<std::complex<T>> y(static_cast<std::size_t>(rows * columns));
    for (auto _ : state)
        on->real_fft2(n, n, {x.data(), n * n, columns}, {y.data(), rows, columns});
    on->real_ifft2(n, n, {y.data(), rows, columns}, {z.data(), n * n, columns});
    describe(state,
             {"real_fft2", n, n, columns, dtype<T>(), cost::real_fft(n * n, sizeof(T)) * static_cast<double>(columns),
              relative(z, x, 1 / static_cast<double>(n * n))});
}
BENCHMARK(real_fft2<float>)->Apply(images);
BENCHMARK(real_fft2<double>)->Apply(images);

}  // namespace
}  // namespace descrambler::bench
