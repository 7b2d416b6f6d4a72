#include "report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "report/figure_parts.hpp"
#include "report/task_report.hpp"

namespace descrambler {

namespace {

constexpr Index most_values = Index{1} << 28;

std::string shape_text(const std::vector<Index>& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
    return text + "]";
}

}  // namespace

Study Study::with_deer_axes() const {
    Study study(root_);
    study.time_us = array("axes/time_us", {-1}).values;
    study.distance_nm = array("axes/distance_nm", {-1}).values;
    for (const auto& [name, values] : {std::pair{"time_us", &study.time_us}, {"distance_nm", &study.distance_nm}})
        if (values->size() < 2 || !std::is_sorted(values->begin(), values->end()) || !all_finite(*values) ||
            values->front() == values->back())
            throw InputError(root_.path() + "axes/" + name + ": expected at least two ascending values");
    return study;
}

FileArray<double> Study::array(const std::string& name, const std::vector<Index>& shape) const {
    FileArray<double> a = root_.read<double>(name, most_values);
    bool fits = a.shape.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
        fits = a.shape[i] > 0 && (shape[i] < 0 || a.shape[i] == shape[i]);
    if (!fits)
        throw InputError(root_.path() + name + ": shape " + shape_text(a.shape) + ", expected " + shape_text(shape) +
                         " and not empty");
    return a;
}

std::vector<GroupStyle> Study::groups_with(const std::string& dataset) const {
    std::vector<GroupStyle> present;
    for (const GroupStyle& style : group_styles)
        if (has("analysis/" + style.name + "/" + dataset))
            present.push_back(style);
    return present;
}

double Study::frequency_step_mhz() const {
    const double step_us = (time_us.back() - time_us.front()) / static_cast<double>(times() - 1);
    return 1 / (static_cast<double>(times()) * step_us);
}

Matrix<double> item_of(const FileArray<double>& stack, Index item) {
    Matrix<double> m(stack.shape[1], stack.shape[2]);
    const double* from = stack.values.data() + item * m.size();
    for (Index i = 0; i < m.rows(); ++i)
        for (Index j = 0; j < m.cols(); ++j)
            m(i, j) = from[i * m.cols() + j];
    return m;
}

std::vector<double> row_of(const FileArray<double>& table, Index row) {
    const auto from = table.values.begin() + row * table.shape[1];
    return {from, from + table.shape[1]};
}

Curve band_over_networks(const std::vector<double>& x, const FileArray<double>& table, const GroupStyle& style) {
    Curve curve{.label = style.words, .x = x, .colour = style.colour, .dash = style.dash, .width = 2};
    const Index networks = table.shape[0];
    for (std::size_t j = 0; j < x.size(); ++j) {
        std::vector<double> values;
        for (Index i = 0; i < networks; ++i)
            values.push_back(table.values[i * table.shape[1] + j]);
        const double below = nearest_quantile(values, 0.5);
        std::transform(values.begin(), values.end(), values.begin(), [](double v) { return -v; });
        curve.y.push_back(0.5 * (below - nearest_quantile(values, 0.5)));  // mean of the middle two of an even count
        if (networks > 1) {
            curve.upper.push_back(-nearest_quantile(values, 0));
            curve.lower.push_back(-nearest_quantile(values, 1));
        }
    }
    if (networks > 1)
        curve.label += ", median and range of " + std::to_string(networks);
    return curve;
}

Curve straight_line(double x0, double y0, double x1, double y1, const std::string& label) {
    return {.label = label, .x = {x0, x1}, .y = {y0, y1}, .colour = "#000000", .dash = 2, .width = 1.2};
}

Axis axis(const std::string& label) {
    Axis a;
    a.label = label;
    return a;
}

Axis axis(const std::string& label, double low, double high) {
    Axis a = axis(label);
    a.low = low;
    a.high = high;
    return a;
}

void add_weight_panels(Figure& figure, const Study& study, const WeightPictures& names,
                       const std::function<Panel(const std::string& title, const Matrix<double>& weight)>& panel) {
    const FileArray<double> descrambled = study.array(names.descrambled, {-1, -1, -1});
    const Index rows = descrambled.shape[1], cols = descrambled.shape[2];
    const auto raw = [&](const std::string& network) {
        const FileArray<double> weight = study.array(network + "/" + names.layer + "/weight", {rows, cols});
        return item_of({{1, rows, cols}, weight.values}, 0);
    };
    figure.drawing.panels.push_back(panel("trained, raw", raw("networks/000")));
    figure.drawing.panels.push_back(panel("trained, descrambled", item_of(descrambled, 0)));
    for (const GroupStyle& group : {group_styles[1], group_styles[2]}) {
        const std::string after = "analysis/" + group.name + "/" + names.control;
        const std::string network = "controls/" + group.name + "/000";
        if (study.has(after))
            figure.drawing.panels.push_back(
                panel(group.words + ", descrambled", item_of(study.array(after, {-1, rows, cols}), 0)));
        else if (study.has(network + "/" + names.layer + "/weight"))
            figure.drawing.panels.push_back(panel(group.words + ", raw", raw(network)));
        else
            figure.absent += "No " + group.words + " control is stored. ";
    }
}

std::string missing_groups(const std::vector<GroupStyle>& present) {
    std::string words;
    for (const GroupStyle& style : group_styles)
        if (std::none_of(present.begin(), present.end(), [&](const GroupStyle& p) { return p.name == style.name; }))
            words += (words.empty() ? "" : ", ") + style.words;
    return words.empty() ? "" : "Not stored in this study, so not shown: " + words + ".";
}

std::vector<Figure> study_figures(const Hdf5Group& root, const Summary& summary) {
    const Study study(root);
    std::vector<Figure> figures;
    task_report(summary.task).add_figures(study, summary, figures);
    return figures;
}

void add_deer_figures(const Study& given, const Summary& summary, std::vector<Figure>& figures) {
    const Study study = given.with_deer_axes();
    add_training_figures(study, summary, figures);
    add_layer_1_figures(study, figures);
    if (summary.deep)
        add_deep_figures(study, figures);
    else
        add_layer_2_figures(study, figures);
    add_network_figures(study, figures);
    add_relation_figures(study, figures);
    if (summary.optimiser)
        add_optimiser_figures(study, figures);
}

}  // namespace descrambler
