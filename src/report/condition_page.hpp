// The page of a study whose task has conditions: the same sections whatever the samples mean.
#pragma once

#include "report/page_parts.hpp"

namespace descrambler::page {

struct ConditionPage {
    std::string heading;          // where the study has no title
    std::string introduction;     // plain
    const char* reading_heading;  // of section 2
    std::string errors;           // table of section 1
    std::string reading;          // section 2 with its figures
};
[[nodiscard]] std::string condition_page(const Summary& summary, const std::vector<DrawnFigure>& figures,
                                         const ConditionPage& own);
// The range of one group, by its name.
[[nodiscard]] std::string group_cell(const Groups& groups, const std::string& name);

}  // namespace descrambler::page
