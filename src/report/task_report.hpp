// What a report shows for one task alone: its page and its figures. One line per task in task_report.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/figure_parts.hpp"
#include "report/page.hpp"

namespace descrambler {

struct TaskReport {
    std::string_view task;  // of summary.json
    std::string (*page)(const Summary& summary, const std::vector<DrawnFigure>& figures);
    void (*add_figures)(const Study& study, const Summary& summary, std::vector<Figure>& figures);
};

[[nodiscard]] const TaskReport& task_report(const std::string& task);  // std::invalid_argument: is not known

[[nodiscard]] std::string deer_page(const Summary& summary, const std::vector<DrawnFigure>& figures);
void add_deer_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures);
[[nodiscard]] std::string relaxometry_page(const Summary& summary, const std::vector<DrawnFigure>& figures);
void add_relaxometry_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures);
[[nodiscard]] std::string bandpass_page(const Summary& summary, const std::vector<DrawnFigure>& figures);
void add_bandpass_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures);

}  // namespace descrambler
