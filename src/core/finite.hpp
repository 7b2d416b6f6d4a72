// Whether numbers are finite.
#pragma once

#include <cmath>
#include <span>

namespace descrambler {

// True if no value is NaN or infinite; true of none.
[[nodiscard]] inline bool all_finite(std::span<const double> values) {
    for (const double x : values)
        if (!std::isfinite(x))
            return false;
    return true;
}

}  // namespace descrambler
