// A small change of an input that changes the answer of a classifier most, to first order: the fast gradient sign method.
// Goodfellow et al. (ICLR 2015), eq. in section 4; used by Navarrete Michelini et al. (ICCV 2019) against interpreters.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "descrambler/frozen.hpp"

namespace descrambler {

struct Attack {
    double epsilon = 0;           // in the units of `raw`
    std::optional<Index> target;  // towards this output; without: away from the largest one
    double low = -std::numeric_limits<double>::infinity(),
           high = std::numeric_limits<double>::infinity();  // of raw numbers
};

// clip(raw + epsilon sign(d CE(y, label) / d raw), low, high), CE the cross-entropy of softmax(y), label the largest
// output; towards a target clip(raw - epsilon sign(d CE(y, target) / d raw)). The network sees (raw - mean) / scale, number
// by number. Throws InputError where there are fewer than two outputs, std::invalid_argument for a target that is none.
[[nodiscard]] std::vector<double> fast_gradient_sign(Backend<double>& on, const Graph& graph,
                                                     std::span<const double> raw, std::span<const double> mean,
                                                     std::span<const double> scale, const Attack& attack);
// The control: the same size with random signs.
[[nodiscard]] std::vector<double> random_signs(Backend<double>& on, std::span<const double> raw, const Attack& attack,
                                               std::uint64_t seed);

}  // namespace descrambler
