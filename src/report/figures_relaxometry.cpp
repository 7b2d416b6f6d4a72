// Relaxometry networks: answers, singular vectors with their fits, and how well other curves are fitted.
#include <algorithm>
#include <cmath>

#include "report/task_report.hpp"

namespace descrambler {

namespace {

constexpr const char* first_colour = "#0072B2";
constexpr const char* second_colour = "#D55E00";
constexpr double figure_r2 = 0.75;  // the threshold of the finding

std::string vector_name(Index j) {
    return std::string("v").append(std::to_string(j + 1));
}

Figure answer_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "training",
        .caption =
            "Answers of the first network of each condition on validation traces. Look for: points along the dashed "
            "line, and how far they spread around it.",
        .alternative = "Relaxation times found against true ones, by condition.",
        .drawing = {.name = "answers", .title = "Answers", .columns = 2, .panel_height = 300},
        .absent = ""};
    const Index conditions = std::ssize(summary.conditions);
    const FileArray<double> truth = study.array("examples/target", {conditions, -1, 2}),
                            found = study.array("examples/output", {conditions, truth.shape[1], 2});
    double high = 0;
    for (const double x : truth.values)
        high = std::max(high, x);
    for (Index c = 0; c < conditions; ++c) {
        Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words,
                    .x = axis("true time / longest time", 0, 1.05 * high),
                    .y = axis("answer / longest time", 0, 1.15 * high),
                    .image = {},
                    .curves = {}};
        for (Index k = 0; k < 2; ++k) {
            Curve points{.label = k == 0 ? "T1" : "T2",
                         .x = {},
                         .y = {},
                         .colour = k == 0 ? first_colour : second_colour,
                         .dash = 0,
                         .marker = k == 0 ? 7 : 9,
                         .marker_size = 0.3};
            for (Index i = 0; i < truth.shape[1]; ++i) {
                const Index at = (c * truth.shape[1] + i) * 2 + k;
                points.x.push_back(truth.values[static_cast<std::size_t>(at)]);
                points.y.push_back(found.values[static_cast<std::size_t>(at)]);
            }
            panel.curves.push_back(std::move(points));
        }
        panel.curves.push_back(straight_line(0, 0, high, high, "answer = truth"));
        f.drawing.panels.push_back(std::move(panel));
    }
    return f;
}

Figure vector_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "reading",
        .caption =
            "Right singular vectors v1 to v3 of layer 1 of the first network of each condition (dots), and the best "
            "sum of two exponentials for each half of the input (lines), with R² of both fits. Look for: dots that "
            "leave the lines in runs, "
            "not at random; a sum of two exponentials crosses zero at most once. In (ND,Reg) networks the two halves "
            "may differ, in (ND,ND) networks both see the same numbers.",
        .alternative = "Singular vectors of layer 1 against time with their biexponential fits, by condition.",
        .drawing = {.name = "singular_vectors",
                    .title = "Singular vectors of layer 1 and two exponentials",
                    .columns = 3,
                    .panel_height = 230},
        .absent = ""};
    const std::string name = "analysis/trained/vectors";
    if (!study.has(name)) {
        f.absent = "No singular vectors are stored in this study (/" + name + ").";
        return f;
    }
    const std::vector<double> time = study.array("axes/time_ms", {-1}).values;
    const Index points = std::ssize(time), conditions = std::ssize(summary.conditions);
    const FileArray<double> vectors = study.array(name, {-1, 2 * points, -1}),
                            fits = study.array("analysis/trained/curves", vectors.shape),
                            r2 = study.array("analysis/trained/r2", {vectors.shape[0], 2, vectors.shape[2]});
    for (Index c = 0; c < conditions; ++c) {
        const Matrix<double> v = item_of(rows_of_condition(vectors, c, conditions), 0),
                             fit = item_of(rows_of_condition(fits, c, conditions), 0),
                             score = item_of(rows_of_condition(r2, c, conditions), 0);
        for (Index j = 0; j < v.cols(); ++j) {
            Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words + ", " + vector_name(j) +
                                 ": R² " + number_text(score(0, j), 2) + ", " + number_text(score(1, j), 2),
                        .x = axis("time, ms", time.front(), time.back()),
                        .y = axis("vector"),
                        .image = {},
                        .curves = {}};
            for (Index h = 0; h < 2; ++h) {
                Curve dots{.label = "",
                           .x = time,
                           .y = {},
                           .colour = h == 0 ? first_colour : second_colour,
                           .dash = 0,
                           .marker = h == 0 ? 7 : 9,
                           .marker_size = 0.3};
                Curve line = dots;
                for (Index i = 0; i < points; ++i) {
                    dots.y.push_back(v(h * points + i, j));
                    line.y.push_back(fit(h * points + i, j));
                }
                line.label = h == 0 ? "first half of the input" : "second half";
                line.dash = h == 0 ? 1 : 2;
                line.marker = 0;
                panel.curves.push_back(std::move(dots));
                panel.curves.push_back(std::move(line));
            }
            panel.curves.push_back(straight_line(time.front(), 0, time.back(), 0, ""));
            panel.curves.back().width = 0.7;
            f.drawing.panels.push_back(std::move(panel));
        }
    }
    return f;
}

// Numbers at one place of the axis.
Curve strip(const std::vector<double>& values, double place, const std::string& label, const std::string& colour,
            int marker) {
    Curve curve{
        .label = label, .x = {}, .y = values, .colour = colour, .dash = 0, .marker = marker, .marker_size = 0.55};
    for (std::size_t i = 0; i < values.size(); ++i)
        curve.x.push_back(place + 0.4 * (values.size() < 2
                                             ? 0.0
                                             : static_cast<double>(i) / static_cast<double>(values.size() - 1) - 0.5));
    return curve;
}

Figure score_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "reading",
        .caption =
            "R² of the best sum of two exponentials: v1 to v3 of the networks (each network, each half), and curves "
            "that no network has seen. Look for: trained networks far above untrained and shuffled ones; and for half "
            "a cosine, a straight line and the principal components of the traces, which are fitted as well. Dashed: "
            "the threshold of the finding.",
        .alternative = "Fit quality of singular vectors of trained and control networks, and of generic curves.",
        .drawing = {.name = "biexponential_scores",
                    .title = "Specificity of a biexponential fit",
                    .columns = 1,
                    .panel_height = 290},
        .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("r2");
    if (groups.empty() || !study.has("curves/name")) {
        f.absent = "No fits are stored in this study (/analysis/GROUP/r2, /curves).";
        return f;
    }
    const Index conditions = std::ssize(summary.conditions);
    const std::vector<std::string> names = study.root().read_text("curves/name");
    const FileArray<double> curves = study.array("curves/r2", {std::ssize(names), -1});
    for (Index c = 0; c < conditions; ++c) {
        const ConditionLine& condition = summary.conditions[static_cast<std::size_t>(c)];
        Panel panel{.title = condition.words,
                    .x = axis("singular vectors, then curves that no network has seen"),
                    .y = axis("R²", -0.05, 1.05),
                    .image = {},
                    .curves = {}};
        double place = 0;
        for (const GroupStyle& group : groups) {
            const FileArray<double> all = study.array("analysis/" + group.name + "/r2", {-1, 2, -1}),
                                    own = rows_of_condition(all, c, conditions);
            if (own.shape[0] == 0)
                continue;
            for (Index j = 0; j < own.shape[2]; ++j, ++place) {
                std::vector<double> values;
                for (Index i = 0; i < 2 * own.shape[0]; ++i)
                    values.push_back(own.values[static_cast<std::size_t>(i * own.shape[2] + j)]);
                panel.curves.push_back(strip(values, place, group.words, group.colour, group.marker));
                panel.x.ticks.emplace_back(place, vector_name(j));
            }
        }
        for (std::size_t k = 0; k < names.size(); ++k) {
            const std::size_t of = names[k].find(" of ");
            if (of != std::string::npos && names[k].substr(of + 4) != condition.name)
                continue;
            std::vector<double> values = row_of(curves, static_cast<Index>(k));
            std::erase_if(values, [](double x) { return std::isnan(x); });
            panel.curves.push_back(strip(values, place, "curves", "#009E73", 5));
            std::string tick = names[k].substr(0, of);
            for (const auto& [longer, shorter] :
                 {std::pair{" vector ", " "}, {"Legendre ", ""}, {"random walk", "walks"}, {"white noise", "noise"}})
                if (const std::size_t at = tick.find(longer); at != std::string::npos)
                    tick.replace(at, std::string(longer).size(), shorter);
            panel.x.ticks.emplace_back(place, tick);
            place += 1;
        }
        panel.x.low = -0.6;
        panel.x.high = place - 0.4;
        panel.curves.push_back(straight_line(-0.6, figure_r2, place - 0.4, figure_r2, "threshold for v1"));
        f.drawing.panels.push_back(std::move(panel));
    }
    f.absent = missing_controls(groups);
    return f;
}

}  // namespace

void add_relaxometry_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures) {
    add_loss_figure(study, summary, figures);
    figures.push_back(answer_figure(study, summary));
    figures.push_back(vector_figure(study, summary));
    figures.push_back(score_figure(study, summary));
}

}  // namespace descrambler
