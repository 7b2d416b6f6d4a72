// The report of a study: figures, the data behind them, and one self-contained page.
// Figures are drawn by gnuplot (5.4 or later). Where it is not on the PATH there are none, and everything else is
// written.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace descrambler {

// Where figures cannot be drawn, the one line that says so; else empty.
[[nodiscard]] std::string missing_figures();

// Reads folder/study.h5 and folder/summary.json (docs/formats.md), writes folder/figures/NAME.svg with its data
// folder/figures/NAME.csv (and NAME-curves.csv where curves lie over an image), then folder/report.html. Everything is
// drawn before anything is written; the same study gives the same bytes. Parts of the study that are absent (no
// Tikhonov comparison, no controls, ...) are named in the page. Throws InputError naming file and field for what is
// malformed, Error if gnuplot fails.
void write_report(const std::filesystem::path& folder);

// One measured trace and what an ensemble makes of it.
struct PredictionFigure {
    std::string title;
    std::vector<double> time_us, signal;                        // the input; same length
    std::vector<double> fit;                                    // on time_us; empty if there is none
    std::vector<double> distance_nm, mean, lower, upper;        // distribution and its band; same length
    double peak_nm = std::numeric_limits<double>::quiet_NaN();  // marked if finite
};
// Nothing without gnuplot.
void draw_prediction(const std::filesystem::path& svg, const PredictionFigure& figure);

}  // namespace descrambler
