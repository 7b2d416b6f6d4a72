#include "report/report.hpp"

#include <cmath>
#include <filesystem>
#include <map>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "report/page.hpp"
#include "report/summary.hpp"

namespace descrambler {

namespace {

bool holds(const std::filesystem::path& file, const std::string& content) {
    return std::filesystem::is_regular_file(file) && read_file(file) == content;
}

}  // namespace

std::string missing_figures() {
    return has_gnuplot() ? ""
                         : "no figures: gnuplot is not on the PATH (./dev deps installs it; Debian: gnuplot-nox); "
                           "everything else is written";
}

void write_report(const std::filesystem::path& folder) {
    const bool with_figures = has_gnuplot();
    const Summary summary = read_summary(folder / "summary.json");
    const Hdf5File study = Hdf5File::open((folder / "study.h5").string());

    // Everything is drawn before anything is written.
    std::map<std::string, std::string> files;  // name in figures/, content; empty: an old one is removed
    std::vector<DrawnFigure> figures;
    for (Figure& figure : study_figures(study.root(), summary)) {
        const Drawing& drawing = figure.drawing;
        DrawnFigure drawn;
        for (const char* ending : {".svg", ".csv", "-curves.csv"})
            files[drawing.name + ending] = "";
        if (!drawing.panels.empty()) {
            const std::string images = image_table(drawing), curves = curve_table(drawing);
            if (with_figures)
                drawn.svg = draw(drawing);
            else if (const std::filesystem::path before = folder / "figures" / drawing.name;  // of the same numbers
                     holds(before.string() + ".csv", images.empty() ? curves : images) &&
                     std::filesystem::is_regular_file(before.string() + ".svg"))
                drawn.svg = read_file(before.string() + ".svg");
            files[drawing.name + ".svg"] = drawn.svg;
            files[drawing.name + ".csv"] = images.empty() ? curves : images;
            drawn.tables.push_back(drawing.name + ".csv");
            if (!images.empty() && !curves.empty()) {
                files[drawing.name + "-curves.csv"] = curves;
                drawn.tables.push_back(drawing.name + "-curves.csv");
            }
        }
        drawn.figure = std::move(figure);
        figures.push_back(std::move(drawn));
    }
    const std::string page = report_page(summary, figures);

    make_folder(folder / "figures");
    for (const auto& [name, content] : files) {
        std::error_code ignored;
        if (content.empty())
            std::filesystem::remove(folder / "figures" / name, ignored);
        else
            write_file(folder / "figures" / name, content);
    }
    write_file(folder / "report.html", page);
}

void draw_prediction(const std::filesystem::path& svg, const PredictionFigure& figure) {
    if (!has_gnuplot())
        return;
    const auto same = [](const std::vector<double>& a, const std::vector<double>& b) { return a.size() == b.size(); };
    require(figure.time_us.size() > 1 && same(figure.time_us, figure.signal), "a prediction needs a trace");
    require(figure.fit.empty() || same(figure.time_us, figure.fit), "the fit must be as long as the trace");
    require(figure.distance_nm.size() > 1 && same(figure.distance_nm, figure.mean) &&
                same(figure.distance_nm, figure.lower) && same(figure.distance_nm, figure.upper),
            "a prediction needs a distribution and its band");

    Panel trace;
    trace.title = figure.title;
    trace.x = {.label = "time, µs", .low = figure.time_us.front(), .high = figure.time_us.back(), .ticks = {}};
    trace.y.label = "signal";
    trace.curves.push_back({.label = "input",
                            .x = figure.time_us,
                            .y = figure.signal,
                            .colour = "#888888",
                            .dash = 0,
                            .marker = 7,
                            .marker_size = 0.2});
    if (!figure.fit.empty())
        trace.curves.push_back({.label = "fit", .x = figure.time_us, .y = figure.fit, .colour = "#CC79A7"});
    Panel distances;
    distances.title = "distance distribution";
    distances.x = {
        .label = "distance, nm", .low = figure.distance_nm.front(), .high = figure.distance_nm.back(), .ticks = {}};
    distances.y = {.label = "density, 1/nm", .low = 0, .ticks = {}};
    distances.curves.push_back({.label = "mean and band",
                                .x = figure.distance_nm,
                                .y = figure.mean,
                                .lower = figure.lower,
                                .upper = figure.upper,
                                .colour = "#0072B2",
                                .width = 2});
    if (std::isfinite(figure.peak_nm)) {
        double top = 0;
        for (const auto* values : {&figure.mean, &figure.upper})
            for (const double v : *values)
                top = std::max(top, v);
        distances.curves.push_back({.label = "peak at " + number_text(figure.peak_nm, 3) + " nm",
                                    .x = {figure.peak_nm, figure.peak_nm},
                                    .y = {0, top},
                                    .colour = "#D55E00",
                                    .dash = 2,
                                    .width = 1.4});
    }
    Drawing drawing{
        .name = "prediction", .title = figure.title, .columns = 2, .panel_height = 320, .panels = {trace, distances}};
    write_file(svg, draw(drawing));
}

}  // namespace descrambler
