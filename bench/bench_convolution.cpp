// Convolutions of probes and their adjoints: whole images, and small windows of many probes.
#include <algorithm>
#include <cmath>

#include "bench.hpp"

namespace descrambler::bench {
namespace {

// an odd kernel with the zeros that keep the side at stride 1
Convolution square(Index in, Index out, Index side, Index kernel, Index stride, Index groups) {
    Convolution s{.in_channels = in, .out_channels = out, .groups = groups};
    for (std::size_t a = 1; a < 3; ++a) {
        s.in[a] = side;
        s.kernel[a] = kernel;
        s.stride[a] = stride;
        s.pad[a] = kernel / 2;
        s.out[a] = (side + 2 * s.pad[a] - kernel) / stride + 1;
    }
    return s;
}

template <class T>
double product(const std::vector<T>& a, const std::vector<T>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

template <class T>
void measure(benchmark::State& state, const std::string& name, const Convolution& s, Index K, bool adjoint) {
    const auto on = make_cpu_backend<T>(threads());
    const std::vector<T> W = normals<T>(s.depth() * s.out_channels, 1), x = normals<T>(s.inputs() * K, 2),
                         y = normals<T>(s.outputs() * K, 3);
    std::vector<T> Ax(y.size()), Aty(x.size());
    const Batch<const T> w(W.data(), s.depth(), s.out_channels);
    const auto forward = [&] { on->convolve(s, w, {x.data(), s.inputs(), K}, T{0}, {Ax.data(), s.outputs(), K}); };
    const auto backward = [&] {
        on->convolve_adjoint(s, w, {y.data(), s.outputs(), K}, T{0}, {Aty.data(), s.inputs(), K});
    };
    for (auto _ : state)
        adjoint ? backward() : forward();
    adjoint ? forward() : backward();
    const double left = product(Ax, y), right = product(x, Aty), size = std::sqrt(product(Ax, Ax) * product(y, y));
    describe(state, {name + (adjoint ? "_adjoint" : ""), s.in_channels, s.in[2], K, dtype<T>(),
                     cost::convolve(s, K, sizeof(T)), std::abs(left - right) / size});
}

// side, probes
template <class T>
void convolve(benchmark::State& state) {
    measure<T>(state, "convolve", square(64, 64, state.range(0), 3, 1, 1), state.range(1), false);
}
template <class T>
void convolve_adjoint(benchmark::State& state) {
    measure<T>(state, "convolve", square(64, 64, state.range(0), 3, 1, 1), state.range(1), true);
}
void images_and_windows(benchmark::internal::Benchmark* b) {
    for (const Index side : {48, 128})
        b->Args({side, 1});
    for (const Index side : {5, 7, 9, 13, 21})
        b->Args({side, 16});
    b->UseRealTime();
}
BENCHMARK(convolve<float>)->Apply(images_and_windows);
BENCHMARK(convolve<double>)->Apply(images_and_windows);
BENCHMARK(convolve_adjoint<float>)->Apply(images_and_windows);
BENCHMARK(convolve_adjoint<double>)->Apply(images_and_windows);

// in, out, side, kernel, stride, groups: layers of ResNet, EfficientNet and super-resolution
template <class T>
void layer(benchmark::State& state, bool adjoint) {
    measure<T>(state, "convolve_layer",
               square(state.range(0), state.range(1), state.range(2), state.range(3), state.range(4), state.range(5)),
               1, adjoint);
}
template <class T>
void convolve_layer(benchmark::State& state) {
    layer<T>(state, false);
}
template <class T>
void convolve_layer_adjoint(benchmark::State& state) {
    layer<T>(state, true);
}
void layers(benchmark::internal::Benchmark* b) {
    b->Args({512, 512, 14, 3, 1, 1})->Args({64, 256, 56, 1, 1, 1})->Args({64, 128, 56, 3, 2, 1});
    b->Args({3, 64, 224, 7, 2, 1})->Args({64, 3, 48, 3, 1, 1})->Args({96, 96, 56, 3, 1, 96});
    b->Args({96, 96, 56, 3, 2, 96})->Args({240, 240, 14, 5, 1, 240});
    b->UseRealTime();
}
BENCHMARK(convolve_layer<float>)->Apply(layers);
BENCHMARK(convolve_layer<double>)->Apply(layers);
BENCHMARK(convolve_layer_adjoint<float>)->Apply(layers);
BENCHMARK(convolve_layer_adjoint<double>)->Apply(layers);

}  // namespace
}  // namespace descrambler::bench
