#include "descrambler/library.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/finite.hpp"
#include "descramble/sums/library_sum.hpp"
#include "descrambler/evaluator.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

namespace {

// The sum [size] over a library of what add(X, to) adds for each block X.
template <class Add>
std::vector<double> sum_of(const Library& library, Index size, const Execution& execution, const Streaming& streaming,
                           const char* not_finite, const Add& add) {
    together(*execution.ranks, [&] {
        if (library.samples < 1)
            throw InputError("library: no samples, expected at least 1");
    });
    HostSums sums;
    sums.size = size;
    sums.leaf = [&](HostThread&, Index, Index blocks, const HostSums::Block& block, std::span<double> to) {
        for (Index k = 0; k < blocks; ++k)
            add(block(k), to);
        if (!all_finite(to))  // such a sum is not worth keeping
            throw InputError(not_finite);
    };
    sums.merge = [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); };
    return sum_on_host(library, sums, execution, streaming);
}

// Adds scale * (the noise of samples first, first + 1, ...) to X, or assigns it.
void draw_noise(Backend<double>& on, std::uint64_t seed, std::uint64_t stream, double scale, bool add, Index first,
                Batch<double> X) {
    const auto blocks = static_cast<std::uint64_t>((X.rows + 1) / 2);
    Matrix<double> noise(X.rows, 1);
    for (Index j = 0; j < X.cols; ++j) {
        on.random_normal(seed, stream, static_cast<std::uint64_t>(first + j) * blocks, noise.view());
        for (Index i = 0; i < X.rows; ++i)
            X(i, j) = (add ? X(i, j) : 0.0) + scale * noise(i, 0);
    }
}

}  // namespace

Library noise_library(Index features, Index samples, std::uint64_t seed) {
    require(features >= 1 && samples >= 1, "noise_library: needs features and samples");
    const std::shared_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    return {features, samples,
            [on, seed](Index first, Batch<double> X) { draw_noise(*on, seed, stream::noise, 1, false, first, X); },
            Reading::at_once};
}

Library with_noise(const Library& library, double snr, std::uint64_t seed, const Execution& execution,
                   const Streaming& streaming) {
    if (!(snr > 0 && std::isfinite(snr)))
        throw InputError("snr: " + std::to_string(snr) + ", expected a finite number above 0");
    Streaming pass = streaming;
    if (!pass.checkpoints.empty())
        pass.checkpoints /= "rms";
    pass.fingerprint += "pass = rms\n";
    const double sigma = library_rms(library, execution, pass) / snr;
    together(*execution.ranks, [&] {
        if (!std::isfinite(sigma))
            throw InputError("snr: " + std::to_string(snr) + " is too small, the noise is not finite");
    });
    const std::shared_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    Library noisy = library;
    noisy.resident = nullptr;
    noisy.read = [on, seed, sigma, read = library.read](Index first, Batch<double> X) {
        read(first, X);
        draw_noise(*on, seed, stream::noise + 1, sigma, true, first, X);
    };
    return noisy;
}

double library_rms(const Library& library, const Execution& execution, const Streaming& streaming) {
    constexpr const char* not_finite = "library: its root mean square is not finite, expected numbers below 1e154";
    const std::vector<double> total =
        sum_of(library, 1, execution, streaming, not_finite, [](Batch<const double> X, std::span<double> squares) {
            for (Index e = 0; e < X.size(); ++e)
                squares[0] += X.data[e] * X.data[e];
        });
    const double rms =
        std::sqrt(total[0] / static_cast<double>(library.features) / static_cast<double>(library.samples));
    together(*execution.ranks, [&] {
        if (!std::isfinite(rms))
            throw InputError(not_finite);
    });
    return rms;
}

std::vector<double> library_mean(const Library& library, const Execution& execution) {
    constexpr const char* not_finite = "library: its mean is not finite, expected numbers";
    std::vector<double> mean =
        sum_of(library, library.features, execution, {}, not_finite, [](Batch<const double> X, std::span<double> sum) {
            for (Index j = 0; j < X.cols; ++j)
                for (Index i = 0; i < X.rows; ++i)
                    sum[i] += X(i, j);
        });
    for (double& x : mean)
        x /= static_cast<double>(library.samples);
    together(*execution.ranks, [&] {
        if (!all_finite(mean))
            throw InputError(not_finite);
    });
    return mean;
}

Library library_at(const DenseTap& tap, const Library& inputs, int threads) {
    if (inputs.features != tap.before.inputs())
        throw InputError("library: inputs of " + std::to_string(inputs.features) + " values, the network takes " +
                         std::to_string(tap.before.inputs()));
    struct Values {
        Graph graph;
        Evaluator at;
        Values(const Graph& of, int threads) : graph(of), at(graph, threads) {}
        [[nodiscard]] const std::string& name() const {
            return graph.values[static_cast<std::size_t>(graph.output)].name;
        }
    };
    const auto values = std::make_shared<const Values>(tap.before, threads);
    const Index rows = tap.rows, width = tap.layer.weight.cols();
    // inputs that are read at a time: windows of signals are long, and inputs may be much wider than they
    constexpr Index numbers = Index{1} << 23;
    const bool together = inputs.reading == Reading::together;  // as often as the other ranks: once
    const Index most = together ? inputs.samples : std::clamp<Index>(numbers / inputs.features, 1, library_block);
    Library result{width, inputs.samples * rows, [=](Index first, Batch<double> H) {
                       for (Index done = 0; done < std::max<Index>(H.cols, 1); done += most * rows) {
                           const Index begin = first + done, count = std::min(most * rows, H.cols - done),
                                       from = begin / rows, end = (begin + count + rows - 1) / rows;
                           Matrix<double> X(inputs.features, count > 0 ? end - from : 0);
                           inputs.read(from, X.view());
                           const Matrix<double> here = values->at.run(X.view());
                           for (Index i = 0; i < here.cols(); ++i)
                               if (!all_finite(here.column(i)))
                                   throw InputError("sample " + std::to_string(from + i) + ": value \"" +
                                                    values->name() + "\" of the network is not finite");
                           std::copy_n(here.data() + (begin - from * rows) * width, count * width,
                                       H.data + done * width);
                       }
                   }};
    result.reading = inputs.reading;
    result.content = inputs.content;
    return result;
}

}  // namespace descrambler
