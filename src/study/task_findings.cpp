#include "study/task_findings.hpp"

#include <cmath>
#include <cstdio>
#include <limits>

namespace descrambler {

double median_of(const std::vector<double>& values) {
    return values.empty() ? std::numeric_limits<double>::quiet_NaN() : spread_of(values).median;
}

std::string number_words(double value) {
    if (std::isnan(value))
        return "not measured";
    return digits(value);
}

Verdict verdict_of(bool reproduced, bool discriminating) {
    if (!reproduced)
        return Verdict::not_reproduced;
    return discriminating ? Verdict::reproduced_and_discriminating : Verdict::reproduced_not_discriminating;
}

std::string controls_text(const FindingRow& row) {
    return ". Untrained networks: " + number_words(median_of(row.untrained)) +
           ", shuffled targets: " + number_words(median_of(row.shuffled)) + ".";
}

FindingRow judged(FindingRow row, bool reproduced, bool discriminating) {
    row.verdict = verdict_of(reproduced, discriminating);
    row.reading += controls_text(row);
    return row;
}

}  // namespace descrambler
