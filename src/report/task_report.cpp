#include "report/task_report.hpp"

#include <algorithm>
#include <array>

#include "descrambler/error.hpp"

namespace descrambler {

namespace {

constexpr std::array<TaskReport, 3> reports = {{{"deer", deer_page, add_deer_figures},
                                                {"relaxometry", relaxometry_page, add_relaxometry_figures},
                                                {"bandpass", bandpass_page, add_bandpass_figures}}};

}  // namespace

const TaskReport& task_report(const std::string& task) {
    const auto found = std::ranges::find(reports, task, &TaskReport::task);
    require(found != reports.end(), "a task that is reported");
    return *found;
}

std::string reported_tasks() {
    std::string names;
    for (std::size_t i = 0; i < reports.size(); ++i)
        names += (i == 0 ? "" : i + 1 == reports.size() ? " or " : ", ") + ('"' + std::string(reports[i].task) + '"');
    return names;
}

bool is_reported(const std::string& task) {
    return std::ranges::find(reports, task, &TaskReport::task) != reports.end();
}

}  // namespace descrambler
