// Every figure and table of both papers, and where the tour looks at it.
#pragma once

#include <vector>

#include "tour/experiment.hpp"

namespace descrambler::tour {

struct Entry {
    std::string paper, where, what;
    std::string experiment;  // "E1"; empty: none
    std::string instead;     // where there is none, or where only a part can be repeated: why, and what there is
};
[[nodiscard]] const std::vector<Entry>& catalogue();

}  // namespace descrambler::tour
