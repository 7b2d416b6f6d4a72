// What the findings of the tasks share: medians that may be absent, words, verdicts.
#pragma once

#include <string>
#include <vector>

#include "descrambler/findings.hpp"
#include "descrambler/relaxometry.hpp"

namespace descrambler {

[[nodiscard]] double median_of(const std::vector<double>& values);  // NaN where there is none: passes no comparison
[[nodiscard]] std::string number_words(double value);               // three digits, "not measured" for NaN
// Controls that were not measured prove nothing: their medians are NaN, so that `discriminating` is false already.
[[nodiscard]] Verdict verdict_of(bool reproduced, bool discriminating);
// "; untrained 0.03, shuffled targets 0.8." with what is missing named.
[[nodiscard]] std::string controls_text(const FindingRow& row);
[[nodiscard]] std::string condition_words(const Relaxometry& data, Index condition);  // "(ND,Reg), SNR 30"

}  // namespace descrambler
