// What was published about networks, as rows of a table: numbers of the networks and of their controls, and a verdict.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "descrambler/statistics.hpp"

namespace descrambler {

// withheld: the networks were trained less than the thresholds assume.
enum class Verdict { reproduced_and_discriminating, reproduced_not_discriminating, not_reproduced, withheld };
[[nodiscard]] std::string_view to_string(Verdict v);

// One row of the findings table; an empty vector means "not measured" (null in summary.json).
struct FindingRow {
    std::string name;        // key
    std::string unit;        // "dB", "nm", "bin", "1"
    std::string claim;       // what was published, one plain sentence
    std::string reading;     // what the number says, one plain sentence, with the controls' part
    bool invariant = false;  // does not depend on P: raw = descrambled
    std::vector<double> raw, descrambled, untrained, shuffled, no_decay;
    Verdict verdict = Verdict::not_reproduced;
};

// Training that the thresholds of a task's findings were laid down for; networks that saw fewer samples get no verdict.
struct VerdictRule {
    double samples = 0;          // of each trained network
    double control_samples = 0;  // of each control that is trained
};

[[nodiscard]] std::string number_words(double value);  // three digits, "not measured" for NaN
// The row with its verdict and the controls in its reading. Controls that were not measured prove nothing: their
// medians are NaN, so that `discriminating` is false already.
[[nodiscard]] FindingRow judged(FindingRow row, bool reproduced, bool discriminating);

}  // namespace descrambler
