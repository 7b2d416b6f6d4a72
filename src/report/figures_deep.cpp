// Networks with more than one hidden layer: what changes from tap to tap, and the weights between hidden layers.
#include <algorithm>
#include <cmath>

#include "report/figure_parts.hpp"

namespace descrambler {

namespace {

std::string layer_name(Index k) {
    return "layer_" + std::to_string(k);
}

// Median and range over networks (or pairs) of one number, tap by tap; NaN where a tap does not have it.
struct Profile {
    std::vector<double> x, y, lower, upper;
    void add(double place, std::vector<double> values) {
        x.push_back(place);
        y.push_back(nearest_quantile(values, 0.5));
        lower.push_back(nearest_quantile(values, 0));
        upper.push_back(nearest_quantile(std::move(values), 1));
    }
};

Curve profile_curve(Profile profile, const std::string& label, const std::string& colour, int dash, int marker) {
    return {.label = label,
            .x = std::move(profile.x),
            .y = std::move(profile.y),
            .lower = std::move(profile.lower),
            .upper = std::move(profile.upper),
            .colour = colour,
            .dash = dash,
            .width = 1.8,
            .marker = marker,
            .marker_size = 0.7};
}

struct TapName {
    std::string path, tick;
};

// The smoothness taps in the order of the signals.
std::vector<TapName> taps_of(const Study& study, Index depth) {
    std::vector<TapName> taps;
    for (Index k = 1; k <= depth; ++k)
        for (const char* tap : {"before", "after"}) {
            const std::string path = "deep/taps/" + layer_name(k) + "_" + tap + "_smoothness/";
            if (study.has(path + "trained"))
                taps.push_back({path, std::to_string(k) + (tap[0] == 'b' ? "b" : "a")});
        }
    return taps;
}

Axis tap_axis(const std::vector<TapName>& taps) {
    Axis a = axis("tap: layer, b before and a after its activation", -0.4, static_cast<double>(taps.size()) - 0.6);
    for (std::size_t t = 0; t < taps.size(); ++t)
        a.ticks.emplace_back(static_cast<double>(t), taps[t].tick);
    return a;
}

Panel tap_panel(const Study& study, const std::vector<TapName>& taps, const std::string& title,
                const std::string& label, const std::string& number) {
    Panel panel{.title = title, .x = tap_axis(taps), .y = axis(label), .image = {}, .curves = {}};
    for (const GroupStyle& group : group_styles) {
        Profile profile;
        for (std::size_t t = 0; t < taps.size(); ++t)
            if (const std::string name = taps[t].path + group.name + "/" + number; study.has(name))
                profile.add(static_cast<double>(t), study.array(name, {-1}).values);
        if (!profile.x.empty())
            panel.curves.push_back(
                profile_curve(std::move(profile), group.words, group.colour, group.dash, group.marker));
    }
    return panel;
}

Panel likeness_panel(const Study& study, const std::vector<TapName>& taps) {
    Panel panel{.title = "agreement s among themselves",
                .x = tap_axis(taps),
                .y = axis("s", 0, 1.02),
                .image = {},
                .curves = {}};
    const auto add = [&](const std::string& label, const std::string& where, const GroupStyle& style, int dash) {
        Profile profile;
        for (std::size_t t = 0; t < taps.size(); ++t)
            if (study.has(taps[t].path + where))
                profile.add(static_cast<double>(t), study.array(taps[t].path + where, {-1}).values);
        if (!profile.x.empty())
            panel.curves.push_back(profile_curve(std::move(profile), label, style.colour, dash, style.marker));
    };
    for (const GroupStyle& group : group_styles)
        add(group.words, group.name + "/s", group, group.dash);
    add("trained against shuffled targets", "shuffled/s_against_trained", {"", "", "#CC79A7", 5, 13}, 5);
    return panel;
}

Panel rank_panel(const Study& study, Index depth) {
    Panel panel{.title = "effective rank of the weight",
                .x = axis("layer", 0.6, static_cast<double>(depth) + 0.4),
                .y = axis("effective rank"),
                .image = {},
                .curves = {}};
    panel.y.low = 0;
    for (Index k = 1; k <= depth; ++k)
        panel.x.ticks.emplace_back(static_cast<double>(k), std::to_string(k));
    for (const GroupStyle& group : group_styles) {
        Profile profile;
        for (Index k = 1; k <= depth; ++k)
            if (const std::string name = "deep/" + layer_name(k) + "/" + group.name + "/effective_rank";
                study.has(name))
                profile.add(static_cast<double>(k), study.array(name, {-1}).values);
        if (!profile.x.empty())
            panel.curves.push_back(
                profile_curve(std::move(profile), group.words, group.colour, group.dash, group.marker));
    }
    return panel;
}

Figure profile_figure(const Study& study, Index depth) {
    Figure f{.section = "layers",
             .caption =
                 "From tap to tap, median and range over the networks of a group. Smoothness gain: roughness of "
                 "the signals before over after descrambling. Compactness: share of the descrambled weight in "
                 "the lowest 13 of 80 components. Agreement: the weight carried to the axis of the input "
                 "(before) or of the output (after) by the linearised network, compared between networks. Look "
                 "for: whether networks trained on shuffled targets, which learnt nothing, gain as much and are as "
                 "compact: then neither is a sign of learning. Where trained networks agree among themselves, what "
                 "matters is the distance to trained against shuffled.",
             .alternative = "Smoothness gain, compactness, agreement and effective rank from layer to layer, by group.",
             .drawing = {.name = "deep_profile", .title = "From layer to layer", .columns = 2, .panel_height = 300},
             .absent = ""};
    const std::vector<TapName> taps = taps_of(study, depth);
    if (taps.empty()) {
        f.absent = "No taps of the deeper layers are stored in this study (/deep/taps).";
        return f;
    }
    f.drawing.panels = {tap_panel(study, taps, "smoothness gain", "gain, dB", "eta_gain_db"),
                        tap_panel(study, taps, "compactness of the descrambled weight", "share", "compactness"),
                        likeness_panel(study, taps), rank_panel(study, depth)};
    return f;
}

double top_of(const Matrix<double>& weight) {
    std::vector<double> magnitude(weight.values().begin(), weight.values().end());
    for (double& v : magnitude)
        v = std::abs(v);
    return std::max(nearest_quantile(std::move(magnitude), 0.995), 1e-300);
}

Panel weight_panel(const std::string& title, const Matrix<double>& weight, const std::string& along) {
    const double top = top_of(weight);
    return {.title = title,
            .x = axis(along + " in", -0.5, static_cast<double>(weight.cols()) - 0.5),
            .y = axis(along + " out", -0.5, static_cast<double>(weight.rows()) - 0.5),
            .image = Image{.values = weight, .diverging = true, .low = -top, .high = top, .label = "weight"},
            .curves = {}};
}

// |E| in dB below its maximum: components of the incoming signals against those of the outgoing ones.
Panel component_panel(const std::string& title, Matrix<double> E) {
    double top = 1e-300;
    for (const double v : E.values())
        top = std::max(top, std::abs(v));
    for (double& v : E.values())
        v = 20 * std::log10(std::max(std::abs(v) / top, 1e-6));
    const double rows = static_cast<double>(E.rows()), cols = static_cast<double>(E.cols());
    return {.title = title,
            .x = axis("component in", -0.5, cols - 0.5),
            .y = axis("component out", -0.5, rows - 0.5),
            .image = Image{.values = std::move(E), .low = -40, .high = 0, .label = "dB of the maximum"},
            .curves = {}};
}

Figure inner_figure(const Study& study, Index k) {
    const std::string at = "deep/" + layer_name(k) + "/", raw = "networks/000/" + layer_name(k) + "/weight";
    Figure f{
        .section = "inner-layers",
        .caption = "Weight of layer " + std::to_string(k) +
                   ", between two hidden layers (first network of each group). Raw: neurons are numbered at "
                   "random on both sides. Descrambled on both sides, P W Pᵀ, on the link and (dB) in the "
                   "components of the stencil, ordered by the variance of the signals. A permutation would be one "
                   "bright cell in each row, a diagonal one on the diagonal. The dark corner at the upper left is "
                   "arithmetic: squares of a row, weighted by the variances that come in, sum to the variance that "
                   "goes out, so a strong component cannot feed a weak one. Look for: whether the trained network is "
                   "closer to a permutation or a diagonal than the controls; the numbers are in the table above.",
        .alternative = "Images of an inner weight matrix, raw, descrambled, and in components with controls.",
        .drawing = {.name = "deep_" + layer_name(k),
                    .title = "Layer " + std::to_string(k) + " between hidden layers",
                    .columns = 3,
                    .panel_height = 300},
        .absent = ""};
    if (!study.has(raw) || !study.has(at + "trained/embedding") || !study.has(at + "trained/descrambled")) {
        f.absent = "The weight of layer " + std::to_string(k) + " is not stored raw and descrambled (/" + raw + ", /" +
                   at + "trained).";
        return f;
    }
    const FileArray<double> E = study.array(at + "trained/embedding", {-1, -1, -1});
    const Index rows = E.shape[1], cols = E.shape[2];
    const FileArray<double> weight = study.array(raw, {rows, cols});
    f.drawing.panels = {weight_panel("trained, raw", item_of({{1, rows, cols}, weight.values}, 0), "neuron"),
                        weight_panel("trained, descrambled on both sides",
                                     item_of(study.array(at + "trained/descrambled", {-1, rows, cols}), 0), "link")};
    std::vector<GroupStyle> present;
    for (const GroupStyle& group : group_styles)
        if (study.has(at + group.name + "/embedding")) {
            present.push_back(group);
            f.drawing.panels.push_back(
                component_panel(group.words + ", components",
                                item_of(study.array(at + group.name + "/embedding", {-1, rows, cols}), 0)));
        }
    f.absent = missing_groups(present);
    return f;
}

Figure last_figure(const Study& study, Index depth) {
    const std::string last = layer_name(depth),
                      after = "layers/" + layer_name(depth - 1) + "_after_joint/descrambled_weight";
    Figure f{.section = "inner-layers",
             .caption =
                 "Weights of the last layer of the first network of each group, descrambled by signals and link "
                 "together (joint criterion). Along the distance axis the raw weights of the trained network are "
                 "smooth already: that direction is not touched by descrambling.",
             .alternative = "Images of last-layer weights against link index and distance, raw and descrambled.",
             .drawing = {.name = "deep_last_weights",
                         .title = "Weights of the last layer, raw and descrambled",
                         .columns = 2,
                         .panel_height = 330},
             .absent = ""};
    if (!study.has("networks/000/" + last + "/weight") || !study.has(after)) {
        f.absent = "The weights of the last layer are not stored before and after descrambling (/" + after + ").";
        return f;
    }
    const double first = study.distance_nm.front(), end = study.distance_nm.back();
    const double step = (end - first) / static_cast<double>(study.distances() - 1);
    add_weight_panels(f, study, {.layer = last, .descrambled = after, .control = "descrambled_last"},
                      [&](const std::string& title, const Matrix<double>& weight) {
                          const double top = top_of(weight);
                          return Panel{.title = title,
                                       .x = axis("link index", -0.5, static_cast<double>(weight.cols()) - 0.5),
                                       .y = axis("distance, nm", first - step / 2, end + step / 2),
                                       .image = Image{.values = weight,
                                                      .y_first = first,
                                                      .y_step = step,
                                                      .diverging = true,
                                                      .low = -top,
                                                      .high = top,
                                                      .label = "weight"},
                                       .curves = {}};
                      });
    return f;
}

}  // namespace

void add_deep_figures(const Study& study, std::vector<Figure>& figures) {
    Index depth = 0;
    while (study.has("networks/000/" + layer_name(depth + 1)))
        ++depth;
    figures.push_back(profile_figure(study, depth));
    for (Index k = 2; k < depth; ++k)
        figures.push_back(inner_figure(study, k));
    figures.push_back(last_figure(study, depth));
}

}  // namespace descrambler
