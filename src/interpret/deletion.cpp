#include "descrambler/deletion.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

namespace {

constexpr Index steps = 10;

}  // namespace

DeletionCurve deletion_curve(const Evaluator& network, std::span<const double> x, std::span<const double> filler,
                             const PixelPlaces& places, std::span<const double> pixels, Index output) {
    require(std::ssize(pixels) == places.pixels && x.size() == filler.size() && x.size() == places.pixel.size(),
            "deletion curve: a number for each pixel, and a filler for each number");
    std::vector<std::size_t> order(pixels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return std::abs(pixels[i]); });
    std::vector<Index> place(pixels.size());  // of a pixel in the order
    for (std::size_t k = 0; k < order.size(); ++k)
        place[order[k]] = static_cast<Index>(k);
    Matrix<double> X(std::ssize(x), steps + 1);
    DeletionCurve curve;
    for (Index k = 0; k <= steps; ++k) {
        curve.share.push_back(.5 * static_cast<double>(k) / steps);
        const Index gone = k * places.pixels / (2 * steps);
        for (std::size_t i = 0; i < x.size(); ++i)
            X(static_cast<Index>(i), k) = place[static_cast<std::size_t>(places.pixel[i])] < gone ? filler[i] : x[i];
    }
    const Matrix<double> answers = network.run(X.view());
    for (Index k = 0; k <= steps; ++k) {
        curve.score.push_back(answers(output, k));
        curve.area += answers(output, k) / (k == 0 || k == steps ? 2 * steps : steps);
    }
    if (!all_finite(curve.score))
        throw InputError("the network: an output with pixels deleted is not finite");
    return curve;
}

std::vector<double> random_pixels(Index pixels, std::uint64_t seed) {
    RandomStream random(seed, stream::deletion);
    std::vector<double> result;
    for (Index i = 0; i < pixels; ++i)
        result.push_back(random.uniform());
    return result;
}

}  // namespace descrambler
