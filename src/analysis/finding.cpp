#include "analysis/finding.hpp"

#include <cmath>

#include "descrambler/error.hpp"

namespace descrambler {

std::string_view to_string(Verdict v) {
    switch (v) {
        case Verdict::reproduced_and_discriminating:
            return "reproduced and discriminating";
        case Verdict::reproduced_not_discriminating:
            return "reproduced, not discriminating";
        case Verdict::withheld:
            return "withheld";
        case Verdict::not_reproduced:
            break;
    }
    return "not reproduced";
}

std::string number_words(double value) {
    return std::isnan(value) ? "not measured" : digits(value);
}

FindingRow judged(FindingRow row, bool reproduced, bool discriminating) {
    row.verdict = !reproduced      ? Verdict::not_reproduced
                  : discriminating ? Verdict::reproduced_and_discriminating
                                   : Verdict::reproduced_not_discriminating;
    row.reading += ". Untrained networks: " + number_words(median_of(row.untrained)) +
                   ", shuffled targets: " + number_words(median_of(row.shuffled)) + ".";
    return row;
}

}  // namespace descrambler
