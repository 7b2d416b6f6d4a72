// Gram matrices of a tap over a library, all the way that the command `gram` goes: blocks, leaves, tree, threads.
// Inputs lie in memory for the sums themselves; rows with generated inputs show the share of the generator.
#include "bench.hpp"
#include "descrambler/gram.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::bench {
namespace {

constexpr Index d = 256;

Network one_layer(Index n) {
    Network network;
    DenseLayer layer{Matrix<double>(n, d), std::vector<double>(static_cast<std::size_t>(n)), Activation::tanh, false};
    const std::vector<double> noise = normals<double>(layer.weight.size(), 2);
    for (Index e = 0; e < layer.weight.size(); ++e)
        layer.weight.data()[e] = noise[static_cast<std::size_t>(e)] / 16;
    network.layers.push_back(std::move(layer));
    return network;
}

TapGram tap_gram_of(const Network& network, const Library& library) {
    Streaming sums;
    sums.factor = false;
    return tap_grams(std::span(&network, 1), {1, Tap::after}, library, Execution::on_cpu(threads()), sums).front();
}

// |G - S S^T| / |S S^T| over one leaf, S from the network as it is defined.
double residual(const Network& network, const Matrix<double>& X) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> expected = gram(*on, forward(*on, network, X)),
                         found = tap_gram_of(network, library_of(X)).gram;
    double difference = 0, size = 0;
    for (Index e = 0; e < expected.size(); ++e) {
        difference = std::max(difference, std::abs(found.data()[e] - expected.data()[e]));
        size = std::max(size, std::abs(expected.data()[e]));
    }
    return difference / size;
}

void tap_gram(benchmark::State& state) {
    const Index n = state.range(0), samples = 65536;
    const Network network = one_layer(n);
    Matrix<double> X(d, samples), few(d, 3000);
    const std::vector<double> noise = normals<double>(X.size(), 1);
    std::copy(noise.begin(), noise.end(), X.data());
    std::copy_n(X.data(), few.size(), few.data());
    const Library library = library_of(X);
    for (auto _ : state)
        benchmark::DoNotOptimize(tap_gram_of(network, library).gram(0, 0));
    describe(state, {"tap_gram", n, d, samples, "f64", cost::dense_gram(n, d, samples, 8), residual(network, few)});
}
BENCHMARK(tap_gram)->Arg(80)->Arg(512)->UseRealTime();

// The same work, but every input is drawn first (f32, as the command does): what deer:N costs.
void tap_gram_generated(benchmark::State& state) {
    const Index n = state.range(0), samples = 65536;
    const Network network = one_layer(n);
    const DeerSource<float> source(make_deer_tables(deer_preset("pnas")));
    const Library library{d, samples,
                          [&](Index first, Batch<double> X) {
                              thread_local const std::unique_ptr<Backend<float>> on = make_cpu_backend<float>(1);
                              thread_local std::vector<float> block;
                              block.resize(static_cast<std::size_t>(X.size()));
                              source.traces(*on, 1, stream::library, first, {.input = {block.data(), d, X.cols}});
                              std::ranges::copy(block, X.data);
                          },
                          Reading::at_once};
    Matrix<double> few(d, 3000);
    library.read(0, few.view());
    for (auto _ : state)
        benchmark::DoNotOptimize(tap_gram_of(network, library).gram(0, 0));
    describe(state,
             {"tap_gram_generated", n, d, samples, "f64", cost::dense_gram(n, d, samples, 8), residual(network, few)});
}
BENCHMARK(tap_gram_generated)->Arg(80)->Arg(512)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
