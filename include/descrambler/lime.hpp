// An output as a linear function of which segments of the input are there, fitted to draws around it.
#pragma once

#include <span>
#include <vector>

#include "descrambler/baselines.hpp"
#include "descrambler/evaluator.hpp"

namespace descrambler {

struct LimeOptions {
    Index draws = 1000;  // x itself is the first
    double width = .25;  // of the kernel
    double ridge = 1;
    std::uint64_t seed = 1;
};
struct Lime {
    std::vector<double> weights;  // [segments]
    double intercept = 0;
    double at_x = 0;          // |intercept + sum of weights - y_j(x)| over max(|y_j|, |intercept| + sum of |weights|)
    double fitted = 0;        // R^2 of the draws, by their weights; 1 where all outputs are alike
    std::vector<double> map;  // [pixels]: the weight of its segment
};
// z_ds in {0, 1}: whether segment s is on in draw d, each with probability 1/2; off: all its numbers are the mean of their
// channel in the segment. y_d is output j of the network; with the cosine distance d(z) = 1 - sqrt(share of segments that
// are on) the weights pi_d = exp(-d(z_d)^2 / width^2), and
//   min over w, b of  sum_d pi_d (y_d - b - sum_s z_ds w_s)^2 + ridge |w|^2.
// segment [pixels]: 0, 1, ..., each at least once. The same bits for any number of threads of the network. Throws
// InputError where an output is not finite. Ribeiro, Singh, Guestrin, "Why Should I Trust You?" (KDD 2016).
[[nodiscard]] Lime lime(Backend<double>& on, const Evaluator& network, std::span<const double> x,
                        const PixelPlaces& places, std::span<const Index> segment, Index output,
                        const LimeOptions& options = {});

}  // namespace descrambler
