// The second layer: weights, cosines along the link, singular vectors and values.
#include <algorithm>
#include <cmath>

#include "report/figure_parts.hpp"

namespace descrambler {

namespace {

Panel weight_panel(const Study& study, const std::string& title, const Matrix<double>& weight) {
    std::vector<double> magnitude(weight.values().begin(), weight.values().end());
    for (double& v : magnitude)
        v = std::abs(v);
    const double top = std::max(nearest_quantile(std::move(magnitude), 0.995), 1e-300);
    const double first = study.distance_nm.front(), last = study.distance_nm.back();
    const double step = (last - first) / static_cast<double>(study.distances() - 1);
    return {.title = title,
            .x = axis("link index", -0.5, static_cast<double>(weight.cols()) - 0.5),
            .y = axis("distance, nm", first - step / 2, last + step / 2),
            .image = Image{.values = weight,
                           .y_first = first,
                           .y_step = step,
                           .diverging = true,
                           .low = -top,
                           .high = top,
                           .label = "weight"},
            .curves = {}};
}

Figure weight_figure(const Study& study) {
    Figure f{.section = "layer-2",
             .caption =
                 "Weights of layer 2 of the first network of each group; descrambling is by signals and link "
                 "together (joint criterion). Look for: smooth diagonal streaks after descrambling in the "
                 "trained network. Along the distance axis the raw weights are smooth already: that "
                 "direction is not touched by descrambling.",
             .alternative = "Images of second-layer weights against link index and distance, raw and descrambled.",
             .drawing = {.name = "layer_2_weights",
                         .title = "Weights of layer 2, raw and descrambled",
                         .columns = 2,
                         .panel_height = 330},
             .absent = ""};
    std::string after = "layers/layer_1_after_joint/descrambled_weight";
    if (!study.has(after)) {
        after = "layers/layer_1_after_smoothness/descrambled_weight";
        f.caption += " (The joint descrambling is not stored; descrambled by the signals alone.)";
    }
    const std::string raw = "networks/000/layer_2/weight";
    if (!study.has(raw) || !study.has(after)) {
        f.absent = "The weights of layer 2 are not stored before and after descrambling (/" + raw +
                   ", /layers/layer_1_after_joint/descrambled_weight).";
        return f;
    }
    add_weight_panels(
        f, study, {.layer = "layer_2", .descrambled = after, .control = "descrambled_2"},
        [&](const std::string& title, const Matrix<double>& weight) { return weight_panel(study, title, weight); });
    return f;
}

// Without the no-decay control: three groups fit beside each other.
std::vector<GroupStyle> three_groups(const Study& study, const std::string& dataset) {
    std::vector<GroupStyle> groups = study.groups_with(dataset);
    std::erase_if(groups, [](const GroupStyle& g) { return g.name == "no_decay"; });
    return groups;
}

std::string missing_of_three(std::vector<GroupStyle> present) {
    present.push_back(group_styles[3]);
    return missing_groups(present);
}

Figure gram_figure(const Study& study) {
    Figure f{.section = "layer-2",
             .caption =
                 "Cosines between the link columns of layer 2 (first network of each group), raw above, "
                 "descrambled below. Look for: descrambling brings the correlated columns of the trained network "
                 "together near the diagonal. Orthogonality is no sign of learning: the untrained network has "
                 "the most orthogonal columns of all.",
             .alternative = "Images of the cosines between link columns, raw and descrambled, for three groups.",
             .drawing = {.name = "layer_2_link_gram", .title = "Correlation along the link", .panel_height = 320},
             .absent = ""};
    const std::vector<GroupStyle> groups = three_groups(study, "link_gram_descrambled");
    if (groups.empty()) {
        f.absent = "No link correlations are stored in this study (/analysis/GROUP/link_gram_descrambled).";
        return f;
    }
    f.drawing.columns = static_cast<int>(groups.size());
    for (const char* state : {"raw", "descrambled"})
        for (const GroupStyle& group : groups) {
            const FileArray<double> gram = study.array("analysis/" + group.name + "/link_gram_" + state, {-1, -1, -1});
            const double n = static_cast<double>(gram.shape[1]);
            f.drawing.panels.push_back(
                {.title = group.words + ", " + state,
                 .x = axis("link index", -0.5, n - 0.5),
                 .y = axis("link index", -0.5, n - 0.5),
                 .image = Image{.values = item_of(gram, 0), .diverging = true, .low = -1, .high = 1, .label = "cosine"},
                 .curves = {}});
        }
    f.absent = missing_of_three(groups);
    return f;
}

// The first six vectors, one above the other, each scaled to the same height.
Panel vector_panel(const std::string& title, const std::vector<double>& x, const Axis& x_axis,
                   const Matrix<double>& vectors) {
    static const std::array<const char*, 6> colours = {"#0072B2", "#D55E00", "#009E73",
                                                       "#CC79A7", "#56B4E9", "#000000"};
    const Index count = std::min<Index>(vectors.cols(), 6);
    Panel panel{.title = title,
                .x = x_axis,
                .y = axis("singular vector", 0.3, static_cast<double>(count) + 0.7),
                .image = {},
                .curves = {}};
    for (Index j = 0; j < count; ++j) {
        const double place = static_cast<double>(count - j);  // the first on top
        const std::span<const double> column = vectors.column(j);
        double top = 1e-300;
        for (const double v : column)
            top = std::max(top, std::abs(v));
        Curve zero = straight_line(x.front(), place, x.back(), place, "");
        zero.width = 0.5;
        zero.dash = 3;
        zero.colour = "#999999";
        panel.curves.push_back(zero);
        panel.curves.push_back({.label = "",
                                .x = x,
                                .y = {column.begin(), column.end()},
                                .colour = colours[static_cast<std::size_t>(j)],
                                .width = 1.6,
                                .scale = 0.45 / top,
                                .offset = place});
        panel.y.ticks.emplace_back(place, std::to_string(j + 1));
    }
    return panel;
}

Figure vector_figure(const Study& study) {
    Figure f{
        .section = "layer-2",
        .caption =
            "Singular vectors 1 to 6 of layer 2 (first network of each group), each scaled to the same "
            "height, dotted lines are zero. Above: left vectors, on the distance side, from raw weights "
            "(descrambling does not touch them). Below: right vectors, on the link side, after "
            "descrambling. Look for: trained left vectors are smooth and vector j has j − 1 sign changes, "
            "controls do not; right vectors look like sinusoids in the controls as well, because the joint "
            "criterion asks for them.",
        .alternative = "First six left and right singular vectors of layer 2 for three groups.",
        .drawing = {.name = "layer_2_singular_vectors", .title = "Singular vectors of layer 2", .panel_height = 340},
        .absent = ""};
    std::vector<GroupStyle> groups = three_groups(study, "left_vectors");
    std::erase_if(groups, [&](const GroupStyle& g) { return !study.has("analysis/" + g.name + "/right_vectors"); });
    if (groups.empty()) {
        f.absent = "No singular vectors are stored in this study (/analysis/GROUP/left_vectors, right_vectors).";
        return f;
    }
    f.drawing.columns = static_cast<int>(groups.size());
    for (const GroupStyle& group : groups) {
        const FileArray<double> left =
            study.array("analysis/" + group.name + "/left_vectors", {-1, study.distances(), -1});
        f.drawing.panels.push_back(
            vector_panel(group.words + ", left", study.distance_nm,
                         axis("distance, nm", study.distance_nm.front(), study.distance_nm.back()), item_of(left, 0)));
    }
    for (const GroupStyle& group : groups) {
        const FileArray<double> right = study.array("analysis/" + group.name + "/right_vectors", {-1, -1, -1});
        std::vector<double> index;
        for (Index i = 0; i < right.shape[1]; ++i)
            index.push_back(static_cast<double>(i));
        f.drawing.panels.push_back(vector_panel(group.words + ", right", index,
                                                axis("link index", 0, static_cast<double>(right.shape[1] - 1)),
                                                item_of(right, 0)));
    }
    f.absent = missing_of_three(groups);
    return f;
}

Figure singular_value_figure(const Study& study) {
    Figure f{.section = "layer-2",
             .caption =
                 "Singular values relative to the largest; descrambling does not change them. Look for: a steep "
                 "fall in the trained networks and a flat line in the untrained ones. Networks trained on "
                 "shuffled targets with the same weight decay fall too, so a low rank alone is no evidence of "
                 "learning.",
             .alternative = "Singular values of both layers on a logarithmic axis, four groups.",
             .drawing = {.name = "singular_values", .title = "Singular values", .columns = 2, .panel_height = 320},
             .absent = ""};
    std::vector<GroupStyle> groups = study.groups_with("singular_1");
    std::erase_if(groups, [&](const GroupStyle& g) { return !study.has("analysis/" + g.name + "/singular_2"); });
    if (groups.empty()) {
        f.absent = "No singular values are stored in this study (/analysis/GROUP/singular_1, singular_2).";
        return f;
    }
    for (const char* layer : {"1", "2"}) {
        Panel panel{.title = std::string("layer ") + layer,
                    .x = axis("number of the singular value"),
                    .y = axis("singular value / largest"),
                    .image = {},
                    .curves = {}};
        panel.y.logarithmic = true;
        panel.x.low = 0;
        double smallest = 1;
        for (const GroupStyle& group : groups) {
            FileArray<double> s = study.array("analysis/" + group.name + "/singular_" + layer, {-1, -1});
            std::vector<double> number;
            for (Index j = 0; j < s.shape[1]; ++j)
                number.push_back(static_cast<double>(j + 1));
            for (Index i = 0; i < s.shape[0]; ++i) {
                double* row = s.values.data() + i * s.shape[1];
                const double top = std::max(row[0], 1e-300);
                for (Index j = 0; j < s.shape[1]; ++j)
                    smallest = std::min(smallest, row[j] = std::max(row[j] / top, 1e-8));  // below is rounding
            }
            panel.curves.push_back(band_over_networks(number, s, group));
        }
        panel.y.low = 0.5 * smallest;
        panel.y.high = 2;
        f.drawing.panels.push_back(panel);
    }
    f.absent = missing_groups(groups);
    return f;
}

}  // namespace

void add_layer_2_figures(const Study& study, std::vector<Figure>& figures) {
    figures.push_back(weight_figure(study));
    figures.push_back(gram_figure(study));
    figures.push_back(vector_figure(study));
    figures.push_back(singular_value_figure(study));
}

}  // namespace descrambler
