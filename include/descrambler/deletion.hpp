// Whether a map finds what an output hangs on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "descrambler/baselines.hpp"
#include "descrambler/evaluator.hpp"

namespace descrambler {

struct DeletionCurve {
    std::vector<double> share;  // of the pixels that are gone: 0, .05, ... .5
    std::vector<double> score;  // the output there
    double area = 0;            // mean score over the shares, by trapezia
};
// Pixels go from the largest |pixels| on, the first on ties, floor(share * pixels) of them: their numbers become those of
// `filler` [inputs]. pixels [pixels], x [inputs]. Throws InputError where an output is not finite.
// Samek et al., Evaluating the Visualization of What a Deep Neural Network Has Learned (IEEE TNNLS 2017).
[[nodiscard]] DeletionCurve deletion_curve(const Evaluator& network, std::span<const double> x,
                                           std::span<const double> filler, const PixelPlaces& places,
                                           std::span<const double> pixels, Index output);
// The control: numbers for pixels in no order.
[[nodiscard]] std::vector<double> random_pixels(Index pixels, std::uint64_t seed);

}  // namespace descrambler
