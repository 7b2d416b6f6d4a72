// Loss curves, errors against the peer, examples.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "descrambler/error.hpp"
#include "report/figure_parts.hpp"

namespace descrambler {

std::vector<std::pair<double, std::string>> decade_ticks(const std::vector<Curve>& curves) {
    double low = std::numeric_limits<double>::infinity(), high = 0;
    for (const Curve& curve : curves)
        for (const double v : curve.y)
            if (v > 0 && std::isfinite(v)) {
                low = std::min(low, v);
                high = std::max(high, v);
            }
    std::vector<std::pair<double, std::string>> ticks;
    if (!(high > 0))
        return ticks;
    const int first = static_cast<int>(std::floor(std::log10(low))),
              last = static_cast<int>(std::floor(std::log10(high)));
    for (int exponent = first; exponent <= last && last - first <= 12; ++exponent)
        for (const int mantissa : {1, 2, 5}) {
            const double value = mantissa * std::pow(10, exponent);
            if (value < 0.9 * low || value > 1.1 * high)
                continue;
            char text[32];
            std::snprintf(text, sizeof text, "%.3g", value);
            ticks.emplace_back(value, text);
        }
    return ticks;
}

namespace {

Figure loss_figure(const Study& study) {
    Figure f{.section = "training",
             .caption =
                 "Mean squared error on the training batches, each point a mean over an interval. Look for: the "
                 "trained networks keep falling; networks trained on shuffled targets stop at the error of the "
                 "mean distribution, because nothing but the mean can be learnt from them.",
             .alternative = "Training loss against iteration on logarithmic axes for trained and control networks.",
             .drawing = {.name = "training_loss", .title = "Training loss", .panel_height = 330},
             .absent = ""};
    if (!study.has("training/iteration") || !study.has("training/loss")) {
        f.absent = "No loss curves are stored in this study (/training/iteration, /training/loss).";
        return f;
    }
    const std::vector<double> iteration = study.array("training/iteration", {-1}).values;
    Panel panel{.title = "", .x = axis("iteration"), .y = axis("mean squared error"), .image = {}, .curves = {}};
    panel.x.logarithmic = panel.y.logarithmic = true;
    std::vector<GroupStyle> present{group_styles[1]};  // an untrained network has no loss
    for (const GroupStyle& style : group_styles) {
        const std::string name = "training/loss/" + style.name;
        if (!study.has(name))
            continue;
        const FileArray<double> loss = study.array(name, {-1, -1});
        if (loss.shape[1] > std::ssize(iteration))
            throw InputError(study.root().path() + name + ": " + std::to_string(loss.shape[1]) +
                             " intervals, expected at most " + std::to_string(iteration.size()) +
                             " (training/iteration)");
        const std::vector<double> x(iteration.begin(), iteration.begin() + loss.shape[1]);
        panel.curves.push_back(band_over_networks(x, loss, style));
        present.push_back(style);
    }
    if (panel.curves.empty()) {
        f.absent = "No loss curves are stored in this study (/training/loss).";
        return f;
    }
    panel.y.ticks = decade_ticks(panel.curves);
    f.drawing.panels = {panel};
    f.absent = missing_groups(present);
    return f;
}

// Values of one group side by side, spread evenly around x.
Curve strip(const std::vector<double>& values, double x, const GroupStyle& style) {
    Curve curve{.label = style.words,
                .x = {},
                .y = values,
                .colour = style.colour,
                .dash = 0,
                .marker = style.marker,
                .marker_size = 0.6};
    for (std::size_t i = 0; i < values.size(); ++i)
        curve.x.push_back(
            values.size() < 2 ? x : x + 0.5 * (static_cast<double>(i) / static_cast<double>(values.size() - 1) - 0.5));
    return curve;
}

Panel error_panel(const Study& study, const Summary& summary) {
    Panel panel{.title = "mean error of each network",
                .x = axis("group of networks"),
                .y = axis("relative error ‖p̂ − p‖ / ‖p‖"),
                .image = {},
                .curves = {}};
    double place = 0, top = summary.predict_the_mean.value_or(0);
    for (const GroupStyle& style : group_styles) {
        const std::string name =
            style.name == "trained" ? "training/relative_error_mean" : "training/" + style.name + "_relative_error";
        if (!study.has(name))
            continue;
        const std::vector<double> errors = study.array(name, {-1}).values;
        top = std::max(top, *std::max_element(errors.begin(), errors.end()));
        panel.curves.push_back(strip(errors, place, style));
        panel.x.ticks.emplace_back(place, style.name == "shuffled" ? "shuffled" : style.words);
        place += 1;
    }
    panel.x.low = -0.6;
    panel.x.high = std::max(place, 1.0) - 0.4;
    panel.y.low = 0;
    panel.y.high = 1.08 * std::max(top, 1e-3);
    if (summary.predict_the_mean && !panel.curves.empty()) {
        panel.curves.push_back(straight_line(*panel.x.low, *summary.predict_the_mean, *panel.x.high,
                                             *summary.predict_the_mean, "predict the mean distribution"));
        panel.curves.back().dash = 1;
    }
    return panel;
}

Panel peer_panel(const Study& study) {
    const std::vector<double> peer = study.array("tikhonov/relative_error", {-1}).values;
    const std::vector<double> network = study.array("tikhonov/network_relative_error", {std::ssize(peer)}).values;
    const double high = 1.05 * std::max(nearest_quantile(peer, 0.99), nearest_quantile(network, 0.99));
    Panel panel{.title = "network against Tikhonov, trace by trace",
                .x = axis("relative error, Tikhonov", 0, high),
                .y = axis("relative error, network", 0, high),
                .image = {},
                .curves = {}};
    panel.curves.push_back({.label = "one validation trace",
                            .x = peer,
                            .y = network,
                            .colour = peer_colour,
                            .dash = 0,
                            .marker = 7,
                            .marker_size = 0.35,
                            .most_points = 500});
    panel.curves.push_back(straight_line(0, 0, high, high, "equal errors"));
    return panel;
}

Panel lambda_panel(const Study& study) {
    const std::vector<double> lambda = study.array("tikhonov/lambda", {-1}).values;
    Panel panel{.title = "regularisation chosen for Tikhonov",
                .x = axis("λ (generalised cross validation)"),
                .y = axis("share of traces with a smaller λ", 0, 1.02),
                .image = {},
                .curves = {}};
    panel.x.logarithmic = true;
    Curve curve{.label = "", .x = lambda, .y = {}, .colour = peer_colour, .dash = 1, .width = 2};
    std::sort(curve.x.begin(), curve.x.end());
    if (curve.x.front() > 0) {  // whole decades
        panel.x.low = std::pow(10, std::floor(std::log10(curve.x.front())));
        panel.x.high =
            std::pow(10, std::max(std::ceil(std::log10(curve.x.back()) - 1e-9), std::log10(*panel.x.low) + 1));
    }
    for (std::size_t i = 0; i < lambda.size(); ++i)
        curve.y.push_back((static_cast<double>(i) + 1) / static_cast<double>(lambda.size()));
    panel.curves = {curve};
    return panel;
}

Figure error_figure(const Study& study, const Summary& summary) {
    Figure f{.section = "training",
             .caption =
                 "Errors on validation traces that no network has seen. Look for: (a) trained networks far below "
                 "the line of the mean distribution, the shuffled control on it; ",
             .alternative = "Relative errors of networks by group, and network error against Tikhonov error.",
             .drawing = {.name = "relative_error", .title = "Relative error", .columns = 3, .panel_height = 330},
             .absent = ""};
    const Panel errors = error_panel(study, summary);
    if (!errors.curves.empty())
        f.drawing.panels.push_back(errors);
    else
        f.absent = "No errors of single networks are stored in this study (/training/relative_error_mean). ";
    if (study.has("tikhonov")) {
        f.drawing.panels.push_back(peer_panel(study));
        f.drawing.panels.push_back(lambda_panel(study));
        f.caption +=
            "(b) points below the dashed line are traces on which the network of median error is better than "
            "Tikhonov regularisation with non-negativity and fitted background; (c) the choice of λ must not "
            "pile up at either end of its grid, or the peer is handicapped.";
    } else {
        f.absent +=
            "No Tikhonov comparison is stored in this study (/tikhonov), so nothing is said about accuracy "
            "against regularisation.";
        f.caption += "nothing else is shown.";
    }
    f.drawing.columns = static_cast<int>(std::max<std::size_t>(f.drawing.panels.size(), 1));
    return f;
}

Figure example_figure(const Study& study) {
    Figure f{.section = "training",
             .caption =
                 "Held-out traces and what the ensemble makes of them (distributions scaled to a maximum of 1; "
                 "the band is the mean ± 2 standard deviations over the networks). Look for: the true "
                 "distribution inside the band, and where Tikhonov regularisation errs differently. The band "
                 "shows how far networks disagree; it does not contain the error that they share.",
             .alternative = "Six noisy traces and, beside each, true and estimated distance distributions.",
             .drawing = {.name = "examples", .title = "Examples", .columns = 4, .panel_height = 215},
             .absent = ""};
    if (!study.has("examples")) {
        f.absent = "No example traces are stored in this study (/examples).";
        return f;
    }
    const FileArray<double> trace = study.array("examples/trace", {-1, study.times()});
    const Index count = trace.shape[0];
    const auto table = [&](const std::string& name, Index columns) {
        return study.array("examples/" + name, {count, columns});
    };
    const FileArray<double> clean = table("clean", study.times());
    const FileArray<double> target = table("target", study.distances()), mean = table("mean", study.distances()),
                            lower = table("lower", study.distances()), upper = table("upper", study.distances());
    const bool has_peer = study.has("examples/tikhonov");
    // The peer may have been run on fewer traces.
    const FileArray<double> peer =
        has_peer ? study.array("examples/tikhonov", {-1, study.distances()}) : FileArray<double>{{0, 0}, {}};
    if (peer.shape[0] < count)
        f.absent = peer.shape[0] == 0 ? "No Tikhonov result is stored for these traces."
                                      : "Tikhonov results are stored for the first " + std::to_string(peer.shape[0]) +
                                            " of these traces only.";
    for (Index i = 0; i < std::min<Index>(count, 6); ++i) {
        const std::string number = "trace " + std::to_string(i + 1);
        Panel left{.title = number,
                   .x = axis("time, µs", study.time_us.front(), study.time_us.back()),
                   .y = axis("signal"),
                   .image = {},
                   .curves = {}};
        left.curves.push_back({.label = "noisy trace",
                               .x = study.time_us,
                               .y = row_of(trace, i),
                               .colour = "#888888",
                               .dash = 0,
                               .marker = 7,
                               .marker_size = 0.15});
        left.curves.push_back(
            {.label = "without noise", .x = study.time_us, .y = row_of(clean, i), .colour = "#CC79A7", .width = 1.4});
        Panel right{.title = "distances of " + number,
                    .x = axis("distance, nm", study.distance_nm.front(), study.distance_nm.back()),
                    .y = axis("density / maximum"),
                    .image = {},
                    .curves = {}};
        right.y.low = 0;
        right.curves.push_back({.label = "ensemble, mean and band",
                                .x = study.distance_nm,
                                .y = row_of(mean, i),
                                .lower = row_of(lower, i),
                                .upper = row_of(upper, i),
                                .colour = group_styles[0].colour,
                                .width = 2});
        if (i < peer.shape[0])
            right.curves.push_back(
                {.label = "Tikhonov", .x = study.distance_nm, .y = row_of(peer, i), .colour = peer_colour, .dash = 4});
        right.curves.push_back({.label = "truth",
                                .x = study.distance_nm,
                                .y = row_of(target, i),
                                .colour = truth_colour,
                                .dash = 2,
                                .width = 1.4});
        f.drawing.panels.push_back(left);
        f.drawing.panels.push_back(right);
    }
    return f;
}

}  // namespace

void add_training_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures) {
    figures.push_back(loss_figure(study));
    figures.push_back(error_figure(study, summary));
    figures.push_back(example_figure(study));
}

}  // namespace descrambler
