// All networks of a study against each other: a picture of pairs in the order of their clusters, and likeness by kind
// of pair beside that of one network with itself.
#include <algorithm>
#include <cmath>

#include "report/figure_parts.hpp"

namespace descrambler {

namespace {

const std::string networks_at = "alignment/networks/", itself_at = "alignment/itself/";

// Whole numbers from 0 to last, or InputError.
std::vector<Index> whole_numbers(const Study& study, const std::string& name, Index count, Index last) {
    std::vector<Index> out;
    for (const double v : study.array(name, {count}).values) {
        if (!(v >= 0 && v <= static_cast<double>(last) && v == std::floor(v)))
            throw InputError(study.root().path() + name + ": expected whole numbers from 0 to " + std::to_string(last));
        out.push_back(static_cast<Index>(v));
    }
    return out;
}

struct Pairs {
    std::vector<Index> group, order, cluster;
    Matrix<double> s, picture;
};

Pairs read_pairs(const Study& study) {
    Pairs p;
    const Index n = study.array(networks_at + "group", {-1}).shape[0];
    p.group = whole_numbers(study, networks_at + "group", n, std::ssize(group_styles) - 1);
    p.order = whole_numbers(study, networks_at + "order", n, n - 1);
    p.cluster = whole_numbers(study, networks_at + "cluster_by_gap", n, n - 1);
    FileArray<double> s = study.array(networks_at + "s", {n, n}),
                      picture = study.array(networks_at + "fft_correlation", {n, n});
    s.shape = picture.shape = {1, n, n};
    p.s = item_of(s, 0);
    p.picture = item_of(picture, 0);
    return p;
}

// One score of all pairs; marks outside the image say which group a row and a column belong to.
Panel pair_panel(const std::string& title, const Pairs& p, const Matrix<double>& score) {
    const Index n = std::ssize(p.order);
    const double end = static_cast<double>(n) - 0.5, room = std::max(1.0, 0.06 * static_cast<double>(n));
    Image image{.values = Matrix<double>(n, n), .low = 0, .high = 1, .label = "likeness"};
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)
            image.values(i, j) = score(p.order[i], p.order[j]);
    Panel panel{.title = title,
                .x = axis("network, in the order of the clusters", -0.5 - room, end),
                .y = axis("network, in the order of the clusters", -0.5 - room, end),
                .image = std::move(image),
                .curves = {}};
    for (std::size_t g = 0; g < group_styles.size(); ++g) {
        Curve marks{.label = group_styles[g].words,
                    .x = {},
                    .y = {},
                    .colour = group_styles[g].colour,
                    .dash = 0,
                    .marker = group_styles[g].marker,
                    .marker_size = std::clamp(12.0 / static_cast<double>(n), 0.25, 0.8)};
        for (Index i = 0; i < n; ++i)
            if (p.group[p.order[i]] == static_cast<Index>(g)) {
                marks.x.insert(marks.x.end(), {static_cast<double>(i), -0.5 - room / 2});
                marks.y.insert(marks.y.end(), {-0.5 - room / 2, static_cast<double>(i)});
            }
        if (!marks.x.empty())
            panel.curves.push_back(std::move(marks));
    }
    for (Index i = 1; i < n; ++i)  // between clusters
        if (p.cluster[p.order[i]] != p.cluster[p.order[i - 1]]) {
            const double at = static_cast<double>(i) - 0.5;
            for (Curve line : {straight_line(-0.5, at, end, at, ""), straight_line(at, -0.5, at, end, "clusters")}) {
                line.colour = "#ffffff";
                line.dash = 1;
                panel.curves.push_back(std::move(line));
            }
        }
    return panel;
}

Figure pair_figure(const Study& study) {
    Figure f{.section = "alignment",
             .caption =
                 "Likeness of the descrambled first layers of all networks of the study, in the order of average "
                 "linkage on 1 − s; marks along the edges: the group of each network; white lines: clusters "
                 "across the largest gap. Look for: bright blocks, and whether each block holds one kind of "
                 "network. A bright block of shuffled-target networks says that agreement alone is no sign of "
                 "learning; a dark field between trained and shuffled says that they came to different ends.",
             .alternative = "Images of pairwise likeness, rows and columns sorted by cluster and marked by group.",
             .drawing = {.name = "network_pairs",
                         .title = "All networks against each other",
                         .columns = 2,
                         .panel_height = 430},
             .absent = ""};
    if (!study.has(networks_at + "s")) {
        f.absent = "No pairs of all networks are stored in this study (/alignment/networks).";
        return f;
    }
    const Pairs p = read_pairs(study);
    if (p.order.size() < 2) {
        f.absent = "One network cannot be compared.";
        return f;
    }
    f.drawing.panels = {pair_panel("s", p, p.s), pair_panel("correlation of |FFT2|", p, p.picture)};
    return f;
}

struct Strip {
    std::string words, colour;
    int marker = 7;
    std::vector<double> values;
};

std::vector<Strip> strips_of(const Study& study, const Pairs& p, const Matrix<double>& score, const std::string& name) {
    std::vector<Strip> strips;
    if (study.has(itself_at + "trained/" + name))
        strips.push_back({"one trained network, two libraries", "#000000", 1,
                          study.array(itself_at + "trained/" + name, {-1, -1}).values});
    const auto add = [&](const std::string& words, const std::string& colour, int marker, Index a, Index b) {
        Strip strip{words, colour, marker, {}};
        for (Index i = 0; i < score.rows(); ++i)
            for (Index j = i + 1; j < score.rows(); ++j)
                if (std::minmax(p.group[i], p.group[j]) == std::minmax(a, b))
                    strip.values.push_back(score(i, j));
        if (!strip.values.empty())
            strips.push_back(std::move(strip));
    };
    for (Index g = 0; g < std::ssize(group_styles); ++g)
        add(group_styles[g].words + " among themselves", group_styles[g].colour, group_styles[g].marker, g, g);
    static constexpr std::array<const char*, 4> mixed = {"", "#E69F00", "#CC79A7", "#56B4E9"};
    for (Index g = 1; g < std::ssize(group_styles); ++g)
        add("trained against " + group_styles[g].words, mixed[g], 10 + static_cast<int>(g), 0, g);
    return strips;
}

Panel strip_panel(const std::string& title, std::vector<Strip> strips, const std::optional<double>& threshold) {
    Panel panel{
        .title = title, .x = axis("kind of pair (see the legend)"), .y = axis("likeness"), .image = {}, .curves = {}};
    double place = 0, low = 0;
    for (Strip& strip : strips) {
        std::sort(strip.values.begin(), strip.values.end());
        low = std::min(low, strip.values.front());
        const double middle = nearest_quantile(strip.values, 0.5);
        Curve median = straight_line(place - 0.36, middle, place + 0.36, middle, "");
        median.dash = 1;
        median.width = 2;
        panel.curves.push_back(std::move(median));
        const std::string letter(1, static_cast<char>('A' + (&strip - strips.data())));
        Curve points{.label = letter + ": " + strip.words,
                     .x = {},
                     .y = strip.values,
                     .colour = strip.colour,
                     .dash = 0,
                     .marker = strip.marker,
                     .marker_size = 0.5,
                     .most_points = 200};
        for (std::size_t i = 0; i < strip.values.size(); ++i)  // spread by a low-discrepancy sequence
            points.x.push_back(place + 0.5 * (std::fmod(static_cast<double>(i + 1) * 0.6180339887, 1.0) - 0.5));
        panel.curves.push_back(std::move(points));
        panel.x.ticks.emplace_back(place, letter);
        place += 1;
    }
    panel.x.low = -0.6;
    panel.x.high = place - 0.4;
    panel.y.low = low - 0.02;
    panel.y.high = 1.03;
    if (threshold)
        panel.curves.push_back(straight_line(-0.6, *threshold, place - 0.4, *threshold,
                                             "threshold, " + title + ": " + number_text(*threshold, 3)));
    return panel;
}

Figure strip_figure(const Study& study) {
    Figure f{.section = "alignment",
             .caption =
                 "The same likeness by kind of pair (at most 200 points of a kind, evenly chosen by rank; bars: "
                 "medians), beside that of one trained network with itself when the library of inputs is "
                 "resampled. Dashed: the threshold of “same function”, which 95 % of the latter reach. Look for: "
                 "where the trained pairs lie with respect to the line, and the distance between trained pairs "
                 "and trained against shuffled.",
             .alternative = "Strips of likeness by kind of pair with the threshold.",
             .drawing = {.name = "same_function",
                         .title = "Which networks compute the same function",
                         .columns = 2,
                         .panel_height = 340},
             .absent = ""};
    if (!study.has(networks_at + "s")) {
        f.absent = "No pairs of all networks are stored in this study (/alignment/networks).";
        return f;
    }
    const Pairs p = read_pairs(study);
    std::optional<double> threshold, threshold_picture;
    if (study.has(itself_at + "trained/s")) {
        threshold = study.root().number_attribute("alignment/itself", "threshold_s");
        threshold_picture = study.root().number_attribute("alignment/itself", "threshold_fft_correlation");
    } else {
        f.absent = "The library was not resampled in this study (analysis.bootstrap = 0), so there is no threshold.";
    }
    const std::vector<Strip> s = strips_of(study, p, p.s, "s");
    if (s.empty()) {
        f.absent = "One network cannot be compared.";
        return f;
    }
    f.drawing.panels = {
        strip_panel("s", s, threshold),
        strip_panel("correlation of |FFT2|", strips_of(study, p, p.picture, "fft_correlation"), threshold_picture)};
    return f;
}

}  // namespace

void add_relation_figures(const Study& study, std::vector<Figure>& figures) {
    figures.push_back(pair_figure(study));
    figures.push_back(strip_figure(study));
}

}  // namespace descrambler
