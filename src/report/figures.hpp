// The figures of a study: what is drawn, what it is called and what to look for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descrambler/hdf5.hpp"
#include "report/gnuplot.hpp"
#include "report/summary.hpp"

namespace descrambler {

struct Figure {
    std::string section;      // anchor of the section of the page
    std::string caption;      // after the title; says what to look for
    std::string alternative;  // for readers who cannot see it
    Drawing drawing;          // no panels: absent says why
    std::string absent;       // whole sentences: what is not in the study
};

// In the order of the page. Throws InputError if something of study.h5 is malformed; what is absent is said.
[[nodiscard]] std::vector<Figure> study_figures(const Hdf5Group& study, const Summary& summary);

}  // namespace descrambler
