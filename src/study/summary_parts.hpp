// What the files that write summary.json share.
#pragma once
#include "core/finite.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "study/study_data.hpp"

namespace descrambler::json {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

[[nodiscard]] inline Json spread(const std::vector<double>& values) {
    if (values.empty() || !all_finite(values))
        return nullptr;
    const Spread s = spread_of(values);
    return {{"median", s.median}, {"min", s.min}, {"max", s.max}};
}

// alignment.threshold, alignment.same_function, alignment.clusters
[[nodiscard]] Json threshold(const StudyData& study);
[[nodiscard]] Json same_function_shares(const StudyData& study);
[[nodiscard]] Json clusters(const StudyData& study);
// optimiser; null where it was left out
[[nodiscard]] Json optimiser(const StudyData& study);
// deep; null for one hidden layer
[[nodiscard]] Json deep(const StudyData& study);

}  // namespace descrambler::json
