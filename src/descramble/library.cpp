#include "descrambler/library.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "descrambler/random.hpp"

namespace descrambler {

namespace {

// Calls block(X) for each block of the library in order.
template <class Block>
void each_block(const Library& library, const Block& block) {
    if (library.samples < 1)
        throw InputError("library: no samples, expected at least 1");
    for (Index first = 0; first < library.samples; first += library_block) {
        Matrix<double> X(library.features, std::min(library_block, library.samples - first));
        library.read(first, X.view());
        block(X);
    }
}

// scale * (the noise of samples first, first + 1, ...) is added to X, or assigned.
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
            [on, seed](Index first, Batch<double> X) { draw_noise(*on, seed, stream::noise, 1, false, first, X); }};
}

Library with_noise(const Library& library, double snr, std::uint64_t seed) {
    if (!(snr > 0 && std::isfinite(snr)))
        throw InputError("snr: " + std::to_string(snr) + ", expected a finite number above 0");
    const double sigma = library_rms(library) / snr;
    if (!std::isfinite(sigma))
        throw InputError("snr: " + std::to_string(snr) + " is too small, the noise is not finite");
    const std::shared_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    return {library.features, library.samples, [on, seed, sigma, read = library.read](Index first, Batch<double> X) {
                read(first, X);
                draw_noise(*on, seed, stream::noise + 1, sigma, true, first, X);
            }};
}

double library_rms(const Library& library) {
    double total = 0;
    each_block(library, [&](const Matrix<double>& X) {
        double squares = 0;
        for (const double x : X.values())
            squares += x * x;
        total += squares;
    });
    const double rms = std::sqrt(total / static_cast<double>(library.features) / static_cast<double>(library.samples));
    if (!std::isfinite(rms))
        throw InputError("library: its root mean square is not finite, expected numbers below 1e154");
    return rms;
}

std::vector<double> library_mean(const Library& library) {
    std::vector<double> mean(static_cast<std::size_t>(library.features));
    each_block(library, [&](const Matrix<double>& X) {
        std::vector<double> sum(mean.size());
        for (Index j = 0; j < X.cols(); ++j)
            for (Index i = 0; i < X.rows(); ++i)
                sum[i] += X(i, j);
        std::ranges::transform(mean, sum, mean.begin(), std::plus<>());
    });
    for (double& x : mean) {
        x /= static_cast<double>(library.samples);
        if (!std::isfinite(x))
            throw InputError("library: its mean is not finite, expected numbers");
    }
    return mean;
}

}  // namespace descrambler
