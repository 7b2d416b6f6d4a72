#include "tour/tour.hpp"

namespace descrambler::tour {

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::holds:
            return "holds";
        case Verdict::in_part:
            return "holds in part";
        case Verdict::does_not_hold:
            return "does not hold";
        case Verdict::not_repeated:
            break;
    }
    return "not repeated";
}

const std::vector<Experiment>& experiments() {
    static const std::vector<Experiment> all = {};
    return all;
}

}  // namespace descrambler::tour
