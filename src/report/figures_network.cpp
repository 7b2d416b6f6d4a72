// What is read from the whole network, and from the whole ensemble.
#include <algorithm>
#include <cmath>

#include "report/figure_parts.hpp"

namespace descrambler {

namespace {

Figure distance_figure(const Study& study) {
    Figure f{
        .section = "time-to-distance",
        .caption =
            "Response of the linearised network to the oscillation that belongs to one distance (first "
            "network of each group, each panel relative to its own maximum). Dots: output distance with "
            "the largest response; dashed: where it should be. Look for: a red ridge with its dots on the "
            "diagonal in the trained network, and dots anywhere in networks that learnt nothing. "
            "Descrambling does not change this picture: it belongs to the whole network.",
        .alternative = "Images of output distance against input distance for trained and control networks.",
        .drawing = {.name = "time_to_distance", .title = "From time to distance", .columns = 2, .panel_height = 400},
        .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("jacobian_response");
    if (groups.empty()) {
        f.absent = "No responses are stored in this study (/analysis/GROUP/jacobian_response).";
        return f;
    }
    const Index M = study.distances();
    const double first = study.distance_nm.front(), last = study.distance_nm.back();
    const double step = (last - first) / static_cast<double>(M - 1);
    for (const GroupStyle& group : groups) {
        const FileArray<double> response = study.array("analysis/" + group.name + "/jacobian_response", {-1, M, M});
        const FileArray<double> peak =
            study.array("analysis/" + group.name + "/jacobian_peak_nm", {response.shape[0], M});
        Image image{.values = item_of(response, 0),
                    .x_first = first,
                    .x_step = step,
                    .y_first = first,
                    .y_step = step,
                    .diverging = true,
                    .low = -1,
                    .high = 1,
                    .label = "response / maximum"};
        double top = 1e-300;
        for (const double v : image.values.values())
            top = std::max(top, std::abs(v));
        for (double& v : image.values.values())
            v /= top;
        Panel panel{.title = group.words,
                    .x = axis("input distance, nm", first - step / 2, last + step / 2),
                    .y = axis("output distance, nm", first - step / 2, last + step / 2),
                    .image = std::move(image),
                    .curves = {}};
        panel.curves.push_back(straight_line(first, first, last, last, "input = output"));
        panel.curves.push_back({.label = "largest response",
                                .x = study.distance_nm,
                                .y = row_of(peak, 0),
                                .colour = "#000000",
                                .dash = 0,
                                .marker = 7,
                                .marker_size = 0.22});
        f.drawing.panels.push_back(std::move(panel));
    }
    f.absent = missing_groups(groups);
    return f;
}

struct Comparison {
    std::string name, tick, colour;
    int marker;
};
const std::array<Comparison, 5> comparisons = {{{"raw", "trained, raw", "#56B4E9", 6},
                                                {"descrambled", "trained, descrambled", "#0072B2", 7},
                                                {"shuffled", "shuffled targets", "#D55E00", 9},
                                                {"untrained", "untrained", "#555555", 4},
                                                {"against_shuffled", "trained against shuffled", "#CC79A7", 13}}};

Figure alignment_figure(const Study& study) {
    Figure f{.section = "alignment",
             .caption =
                 "Likeness of descrambled first layers of two networks, one point for each pair (at most 200 "
                 "drawn, evenly chosen by rank); bars: medians. s allows only the freedom that descrambling "
                 "leaves, s_octave and s_nuc allow more. Look for: trained networks agree (descrambled, not "
                 "raw), but networks trained on shuffled targets agree with each other almost as well. What "
                 "shows learning is the gap between “trained” and “trained against shuffled”.",
             .alternative = "Four likeness scores of pairs of networks, by kind of pair.",
             .drawing = {.name = "alignment", .title = "Agreement between networks", .columns = 2, .panel_height = 300},
             .absent = ""};
    if (!study.has("alignment")) {
        f.absent = "No comparison of networks is stored in this study (/alignment).";
        return f;
    }
    std::string missing;
    for (const char* score : {"s", "s_octave", "s_nuc", "fft_correlation"}) {
        Panel panel{.title = score == std::string("fft_correlation") ? "correlation of |FFT2|" : score,
                    .x = axis("kind of pair (see the legend)"),
                    .y = axis("likeness"),
                    .image = {},
                    .curves = {}};
        double place = 0, low = 0;
        for (const Comparison& kind : comparisons) {
            const std::string name = "alignment/" + kind.name + "/" + score;
            if (!study.has(name)) {
                if (score == std::string("s"))
                    missing += (missing.empty() ? "" : ", ") + kind.tick;
                continue;
            }
            std::vector<double> values = study.array(name, {-1}).values;
            std::sort(values.begin(), values.end());
            const double middle = nearest_quantile(values, 0.5);
            low = std::min(low, values.front());
            Curve median = straight_line(place - 0.36, middle, place + 0.36, middle, "");
            median.dash = 1;
            median.width = 2;
            panel.curves.push_back(std::move(median));
            const std::string letter(1, static_cast<char>('A' + (&kind - comparisons.data())));
            Curve points{.label = letter + ": " + kind.tick,
                         .x = {},
                         .y = values,
                         .colour = kind.colour,
                         .dash = 0,
                         .marker = kind.marker,
                         .marker_size = 0.5,
                         .most_points = 200};
            for (std::size_t i = 0; i < values.size(); ++i)  // spread over the width by a low-discrepancy sequence
                points.x.push_back(place + 0.5 * (std::fmod(static_cast<double>(i + 1) * 0.6180339887, 1.0) - 0.5));
            panel.curves.push_back(std::move(points));
            panel.x.ticks.emplace_back(place, letter);
            place += 1;
        }
        panel.y.low = low - 0.02;
        panel.y.high = 1.03;
        panel.x.low = -0.6;
        panel.x.high = std::max(place, 1.0) - 0.4;
        if (!panel.curves.empty())
            f.drawing.panels.push_back(std::move(panel));
    }
    if (f.drawing.panels.empty())
        f.absent = "No pair of networks is stored in this study (/alignment): one network cannot be compared.";
    else if (!missing.empty())
        f.absent = "Not stored in this study, so not shown: " + missing + ".";
    return f;
}

}  // namespace

void add_network_figures(const Study& study, std::vector<Figure>& figures) {
    figures.push_back(distance_figure(study));
    figures.push_back(alignment_figure(study));
}

}  // namespace descrambler
