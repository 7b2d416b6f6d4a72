// What the findings of the tasks share: medians that may be absent, words, verdicts.
#pragma once

#include <string>
#include <vector>

#include "analysis/deer/findings.hpp"
#include "descrambler/relaxometry.hpp"

namespace descrambler {

[[nodiscard]] double median_of(const std::vector<double>& values);  // NaN where there is none: passes no comparison
[[nodiscard]] std::string number_words(double value);               // three digits, "not measured" for NaN
// Controls that were not measured prove nothing: their medians are NaN, so that `discriminating` is false already.
[[nodiscard]] Verdict verdict_of(bool reproduced, bool discriminating);
// "; untrained 0.03, shuffled targets 0.8." with what is missing named.
[[nodiscard]] std::string controls_text(const FindingRow& row);
// The values of all groups, values_of(name of a group); numbers that P cannot change.
template <class F>
void fill_groups(FindingRow& row, const F& values_of) {
    row.raw = row.descrambled = values_of("trained");
    row.untrained = values_of("untrained");
    row.shuffled = values_of("shuffled");
    row.no_decay = values_of("no_decay");
    row.invariant = true;
}
// The row with its verdict and the controls in its reading.
[[nodiscard]] FindingRow judged(FindingRow row, bool reproduced, bool discriminating);
[[nodiscard]] std::string condition_words(const Relaxometry& data, Index condition);  // "(ND,Reg), SNR 30"

}  // namespace descrambler
