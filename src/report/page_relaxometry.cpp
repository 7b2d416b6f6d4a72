// The page of a relaxometry study.
#include "report/condition_page.hpp"
#include "report/task_report.hpp"

namespace descrambler {

namespace {

using namespace page;

std::string error_table(const Summary& summary) {
    std::vector<Row> rows;
    for (const ConditionLine& c : summary.conditions)
        rows.push_back({text(c.words), group_cell(c.error_ms, "trained"), group_cell(c.error_ms, "untrained"),
                        group_cell(c.error_ms, "shuffled"), number(c.predict_the_mean_ms)});
    return table({"root mean square error, ms", "trained", "untrained", "shuffled targets", "predict the mean"}, rows);
}

// R² of every vector and half, and of the curves that no network has seen.
std::string fit_tables(const Summary& summary) {
    std::vector<Row> rows;
    for (const ConditionLine& c : summary.conditions)
        for (const auto& [group, words] :
             {std::pair{"trained", "trained"}, {"untrained", "untrained"}, {"shuffled", "shuffled targets"}}) {
            Row row{text(c.words) + ", " + words};
            for (const auto& [vector, halves] : c.r2)
                for (const auto& [half, groups] : halves)
                    row.push_back(group_cell(groups, group));
            rows.push_back(std::move(row));
        }
    Row head{"R² of the best two exponentials"};
    if (!summary.conditions.empty())
        for (const auto& [vector, halves] : summary.conditions.front().r2)
            for (const auto& [half, groups] : halves)
                head.push_back(text(vector) + ", " + text(half) + " half");
    std::string out = table(head, rows);
    std::vector<Row> curves;
    for (const auto& [name, range] : summary.curves)
        curves.push_back({text(name), range_cell(range)});
    for (const ConditionLine& c : summary.conditions)
        for (const auto& [name, range] : c.curves)
            curves.push_back({text(name) + " of the noisy traces, " + text(c.words), range_cell(range)});
    return out + element("h3", "Curves that no network has seen") +
           paragraph(
               "If cosines, polynomials, random walks and principal components of the traces are fitted as well as the "
               "singular vectors are, a good fit says that a vector is smooth and slow, not that it is "
               "biexponential.") +
           table({"curve", "R² of the best two exponentials"}, curves);
}

}  // namespace

std::string relaxometry_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    ConditionPage own;
    own.heading = "What relaxometry networks compute: a descrambler study";
    own.introduction =
        "Neural networks that read two relaxation times from a noisy biexponential decay were trained several "
        "times (" +
        summary.networks +
        " networks over all conditions). A condition is a kind of input and a noise level: (ND,ND) networks see "
        "the "
        "noisy decay twice, (ND,Reg) networks see it beside the decay that a fit finds in it. It has been "
        "published "
        "that the singular vectors of their first layer are biexponential curves. That was measured again, next to "
        "networks that learnt nothing and next to curves that no network has ever seen.";
    own.reading_heading = "2 Singular vectors of layer 1";
    own.errors = error_table(summary);
    own.reading = paragraph(
                      "The right singular vectors of layer 1 say which shapes of a trace the network listens to. "
                      "Descrambling multiplies the layer by a rotation from the left, which leaves them as they are: "
                      "this section is about the raw weights.") +
                  figures_of("reading", figures) + fit_tables(summary);
    return condition_page(summary, figures, own);
}

}  // namespace descrambler
