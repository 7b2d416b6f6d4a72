// The pages of the tasks other than DEER: the same parts, and what is their own between training and findings.
#include <array>

#include "report/page_parts.hpp"

namespace descrambler {

namespace {

using namespace page;

std::string group_cell(const Groups& groups, const std::string& name) {
    const auto found = groups.find(name);
    return range_cell(found == groups.end() ? MaybeRange{} : found->second);
}

std::string introduction(const Summary& summary) {
    std::string out = element("h2", "What this page shows", "id=\"summary\"");
    if (summary.task == "relaxometry")
        out += paragraph(
            "Neural networks that read two relaxation times from a noisy biexponential decay were trained several "
            "times (" +
            summary.networks +
            " networks over all conditions). A condition is a kind of input and a noise level: (ND,ND) networks see "
            "the "
            "noisy decay twice, (ND,Reg) networks see it beside the decay that a fit finds in it. It has been "
            "published "
            "that the singular vectors of their first layer are biexponential curves. That was measured again, next to "
            "networks that learnt nothing and next to curves that no network has ever seen.");
    else
        out += paragraph(
            "Neural networks were trained to keep the middle one of three tones in noise (" + summary.networks +
            " networks over all conditions). The conditions differ in what counts as the right answer: the noisy trace "
            "after an ideal band-pass filter (target filtered), or the tone itself without noise (target clean). Did "
            "the "
            "networks become the filter? Their frequency response was read from the first layer and from the Jacobian "
            "of the whole network, next to networks that learnt nothing.");
    return out + (summary.findings.empty() ? element("p", "This study holds no findings.", "class=\"absent\"")
                                           : claims(summary));
}

std::string error_table(const Summary& summary) {
    const bool in_ms = summary.task == "relaxometry";
    std::vector<Row> rows;
    for (const ConditionLine& c : summary.conditions) {
        const Groups& errors = in_ms ? c.error_ms : c.relative_error;
        Row row{text(c.words), group_cell(errors, "trained"), group_cell(errors, "untrained"),
                group_cell(errors, "shuffled"), number(in_ms ? c.predict_the_mean_ms : c.predict_the_mean)};
        if (!in_ms)
            row.push_back(number(c.filter_error, 2));
        rows.push_back(std::move(row));
    }
    Row head{in_ms ? "root mean square error, ms" : "relative error ‖ŷ − y‖ / ‖y‖, mean over traces", "trained",
             "untrained", "shuffled targets", "predict the mean"};
    if (!in_ms)
        head.push_back("ideal linear filter");
    return table(head, rows);
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

std::string task_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    const bool relaxometry = summary.task == "relaxometry";
    const std::array<std::pair<const char*, const char*>, 7> contents = {
        {{"summary", "What this page shows"},
         {"training", "1 Training"},
         {"reading", relaxometry ? "2 Singular vectors of layer 1" : "2 Frequency response"},
         {"findings", "3 Findings"},
         {"alignment", "4 Agreement between networks"},
         {"quality", "5 Descrambling quality"},
         {"provenance", "6 Provenance"}}};
    std::string links;
    for (const auto& [anchor, words] : contents)
        links += element("li", element("a", text(words), std::string("href=\"#") + anchor + "\""));
    const auto heading = [&](std::size_t section) {
        return element("h2", text(contents[section].second), std::string("id=\"") + contents[section].first + "\"");
    };
    const std::string title = relaxometry ? "What relaxometry networks compute: a descrambler study"
                                          : "What band-pass networks compute: a descrambler study";
    std::string body = element("h1", title);
    body +=
        element("p", text(summary.networks + " networks, seed " + summary.seed + ", Descrambler " + summary.version),
                "class=\"data\"");
    body += element("nav", element("ul", links), "aria-label=\"Contents\"");
    body += introduction(summary);
    body +=
        element("p",
                "How to read the pictures: every claim stands next to controls. <b>Untrained</b> networks have "
                "random weights; networks trained on <b>shuffled targets</b> saw the same inputs with the answers of "
                "other inputs, so that nothing but the mean can be learnt. A picture is never a verdict: the verdicts "
                "are made from the numbers of section 3.");
    body += heading(1) + error_table(summary) + figures_of("training", figures);
    body += heading(2);
    if (relaxometry)
        body +=
            paragraph(
                "The right singular vectors of layer 1 say which shapes of a trace the network listens to. "
                "Descrambling multiplies the layer by a rotation from the left, which leaves them as they are: this "
                "section is about the raw weights.") +
            figures_of("reading", figures) + fit_tables(summary);
    else
        body += paragraph(
                    "The gain of a matrix at a frequency is the length of what it makes of a wave of that frequency. "
                    "Descrambling cannot change the gain of layer 1; it changes how the frequencies are laid out along "
                    "the link.") +
                figures_of("reading", figures);
    body += heading(3) +
            paragraph(
                "Numbers are medians over the networks of a group and condition, with the smallest and largest below. "
                "“Same raw and descrambled” marks numbers that the rotation cannot change.") +
            findings_table(summary) + element("h3", "Further numbers") + extras_table(summary);
    body += heading(4) +
            paragraph(
                "Likeness of descrambled first layers of two networks of one condition: s allows only the freedom that "
                "descrambling leaves, s_octave and s_nuc allow more. What shows learning is the gap between trained "
                "networks among themselves and trained against shuffled.") +
            alignment_table(summary);
    body +=
        heading(5) +
        paragraph(
            "Numbers over the networks of all conditions. η is the smoothness functional; the closed form reaches its "
            "certified lower bound η*. The output layer is not descrambled: its axis has a meaning already.") +
        layer_table(summary);
    body += heading(6) + provenance(summary);
    return document("Descrambler study, " + summary.networks + " networks", body);
}

}  // namespace descrambler
