// The page: summary, sections, figures and tables as one XHTML-conforming HTML file without links or scripts.
#pragma once

#include <string>
#include <vector>

#include "report/figures.hpp"
#include "report/summary.hpp"

namespace descrambler {

struct DrawnFigure {
    Figure figure;
    std::string svg;                  // whole file; empty if the figure is absent
    std::vector<std::string> tables;  // names of the CSV files
};

[[nodiscard]] std::string report_page(const Summary& summary, const std::vector<DrawnFigure>& figures);

}  // namespace descrambler
