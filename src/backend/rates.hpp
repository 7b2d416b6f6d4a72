// What the training steps on host and device compute from the number of the iteration.
#pragma once

#include <cmath>
#include <numbers>

#include "descrambler/backend/training.hpp"

namespace descrambler {

// The schedule of TrainPlan.
[[nodiscard]] inline double learning_rate(double rate, double floor, Index iteration, Index iterations) {
    const double phase = std::numbers::pi * static_cast<double>(iteration) / static_cast<double>(iterations);
    return rate * (floor + (1 - floor) * 0.5 * (1 + std::cos(phase)));
}

// Adam with its bias corrections: rate / (1 - beta1^step), 1 / sqrt(1 - beta2^step).
template <class T>
struct AdamRate {
    T first, second, decay;
};
template <class T>
[[nodiscard]] AdamRate<T> adam_rate(const AdamOptions& options, T rate, T decay, Index step) {
    // in double: 1 - beta2^step loses digits in float
    return {static_cast<T>(static_cast<double>(rate) / (1 - std::pow(options.beta1, static_cast<double>(step)))),
            static_cast<T>(1 / std::sqrt(1 - std::pow(options.beta2, static_cast<double>(step)))), decay};
}

}  // namespace descrambler
