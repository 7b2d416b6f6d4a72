// Whether numbers are finite.
#pragma once

#include <algorithm>
#include <cmath>
#include <ranges>

namespace descrambler {

// True if no value is NaN or infinite; true of none, and of whole numbers.
template <std::ranges::input_range Numbers>
[[nodiscard]] bool all_finite(const Numbers& values) {
    return std::ranges::all_of(values, [](auto x) { return std::isfinite(static_cast<double>(x)); });
}

}  // namespace descrambler
