// The published optimiser and ours on the same networks: how fast, how far, and the picture at the end.
#include <algorithm>
#include <cmath>

#include "report/figure_parts.hpp"

namespace descrambler {

namespace {

// Iterations from 1 on a logarithmic axis; the start stands at 1/2.
std::vector<double> iteration_axis(Index count) {
    std::vector<double> x;
    for (Index i = 0; i < count; ++i)
        x.push_back(i == 0 ? 0.5 : static_cast<double>(i));
    return x;
}

// Gaps below the rounding of eta are drawn at 1e-16.
FileArray<double> floored(FileArray<double> gaps) {
    for (double& gap : gaps.values)
        if (gap < 1e-16)
            gap = 1e-16;
    return gaps;
}

Figure convergence_figure(const Study& study) {
    Figure f{
        .section = "quality",
        .caption =
            "Relative excess of the smoothness functional over its certified minimum, median and range over the "
            "trained networks, first layer before the activation. Both methods start from P = 1; the published one "
            "(L-BFGS in one fixed Cayley chart) is shown for its whole budget. Look for: after how many iterations "
            "each curve crosses the horizontal line, and where it ends.",
        .alternative = "Curves of the gap against iterations for both methods, logarithmic axes.",
        .drawing = {.name = "optimiser_gap", .title = "Reaching the minimum by iteration", .panel_height = 340},
        .absent = ""};
    Panel panel{.title = "",
                .x = axis("iteration (the start at 1/2)"),
                .y = axis("gap, (η − η*) / η*"),
                .image = {},
                .curves = {}};
    panel.x.logarithmic = panel.y.logarithmic = true;
    panel.y.low = 1e-16;
    const auto add = [&](const std::string& name, const std::string& words, const std::string& colour, int dash) {
        const FileArray<double> gaps = floored(study.array("optimiser/trained/" + name, {-1, -1}));
        GroupStyle style{name, words, colour, dash, 7};
        panel.curves.push_back(band_over_networks(iteration_axis(gaps.shape[1]), gaps, style));
    };
    add("chart_gap", "published: one chart, L-BFGS", "#D55E00", 2);
    add("recentred_gap", "recentred, preconditioned", "#0072B2", 1);
    const double last = panel.curves.front().x.back();
    panel.curves.push_back(straight_line(0.5, 1e-6, std::max(last, 1.0), 1e-6, "gap 1e-6"));
    f.drawing.panels.push_back(std::move(panel));
    return f;
}

Figure picture_figure(const Study& study) {
    Figure f{
        .section = "quality",
        .caption =
            "Two-dimensional spectrum of layer 1 of the first trained network, descrambled by the published optimiser "
            "after its budget and by the global minimiser. Look for: where the energy lies along the link axis. The "
            "correlation of the two pictures is in the table above.",
        .alternative = "Two images of the two-dimensional spectrum of layer 1: published optimiser and minimiser.",
        .drawing = {.name = "optimiser_spectrum",
                    .title = "The picture of an unfinished minimisation",
                    .columns = 2,
                    .panel_height = 290},
        .absent = ""};
    if (!study.has("analysis/trained/spectrum_descrambled")) {
        f.absent = "No two-dimensional spectra are stored in this study.";
        return f;
    }
    FileArray<double> published = study.array("optimiser/spectrum", {-1, study.times()});
    published.shape = {1, published.shape[0], published.shape[1]};
    const auto add = [&](const std::string& title, const FileArray<double>& stack) {
        f.drawing.panels.push_back(spectrum_panel(
            title, spectrum_image(item_of(stack, 0), stack.shape[1], study.times(), study.frequency_step_mhz(), 60)));
    };
    add("published optimiser", published);
    add("global minimiser",
        study.array("analysis/trained/spectrum_descrambled", {-1, published.shape[1], study.times()}));
    return f;
}

}  // namespace

void add_optimiser_figures(const Study& study, std::vector<Figure>& figures) {
    figures.push_back(convergence_figure(study));
    figures.push_back(picture_figure(study));
}

}  // namespace descrambler
