// The page of a DEER study.
#include <array>

#include "report/page_parts.hpp"
#include "report/task_report.hpp"

namespace descrambler {

namespace {

using namespace page;

// How good the networks are, before anything is said about how they work.
std::string accuracy(const Summary& summary) {
    if (!summary.relative_error.mean)
        return "";
    std::string out = "The networks make a mean relative error of " + number(summary.relative_error.mean);
    if (summary.predict_the_mean)
        out += "; always answering with the mean distribution makes " + number(summary.predict_the_mean);
    if (summary.peer && summary.peer->ratio)
        out += "; on the " + number(summary.peer->traces, 6) + " traces given to both, networks make " +
               number(summary.peer->ratio->median) + " times the error of Tikhonov regularisation";
    out += ".";
    // The thresholds of the findings were laid down for networks at least as good as this.
    constexpr double trained_well = 0.34;
    std::string marked = paragraph(out);
    if (*summary.relative_error.mean > trained_well && !summary.findings.empty() && !summary.verdicts_withheld)
        marked += element("p",
                          "The verdicts below use thresholds laid down for networks with a mean relative error of at "
                          "most " +
                              number(trained_well) +
                              ". These networks were trained less: “not reproduced” may "
                              "here mean not yet learnt.",
                          "class=\"absent\"");
    return marked;
}

std::string what_this_page_shows(const Summary& summary) {
    std::string out = element("h2", "What this page shows", "id=\"summary\"");
    out += paragraph(
        "A neural network that turns a dipolar trace into a distance distribution was trained several "
        "times (" +
        summary.networks +
        " independent networks). Between its layers a rotation was "
        "inserted that makes the signals there smooth, and the rewritten weights were read like filters. "
        "What has been published about such networks was measured again, next to networks that "
        "learnt nothing: untrained ones, and ones trained on shuffled targets.");
    out += accuracy(summary);
    if (summary.findings.empty())
        return out + element("p",
                             "This study gives no verdicts: the findings are defined for one hidden layer of at least "
                             "64 between 256 times and 256 distances, without renormalisation, drawn with the "
                             "fourier2 stencil." +
                                 std::string(summary.deep ? " What stays defined for several hidden layers is in "
                                                            "section 3, with its controls."
                                                          : ""),
                             "class=\"absent\"");
    return out + claims(summary, "Published findings that do not reproduce");
}

std::string error_table(const Summary& summary) {
    std::vector<Row> rows{
        {"one network, median over the ensemble", number(summary.relative_error.mean),
         number(summary.relative_error.median), "all validation traces"},
        {"mean output of the ensemble", number(summary.ensemble_relative_error), "–", "all validation traces"},
        {"control: trained on shuffled targets", number(summary.shuffled_relative_error), "–", "all validation traces"},
        {"predict the mean distribution", number(summary.predict_the_mean), "–", "all validation traces"}};
    if (summary.peer) {
        const std::string traces = "the same " + number(summary.peer->traces, 6) + " traces";
        rows.push_back({"one network, on the traces of the comparison",
                        range_cell(summary.peer->network_relative_error), "–", traces});
        rows.push_back({"peer: Tikhonov with non-negativity and fitted background",
                        number(summary.peer->relative_error.mean), number(summary.peer->relative_error.median),
                        traces});
        rows.push_back({"ratio network / Tikhonov (below 1: the network is better)", range_cell(summary.peer->ratio),
                        "–", traces});
    }
    std::string out = table({"relative error ‖p̂ − p‖ / ‖p‖", "mean", "median over traces", "measured on"}, rows);
    if (!summary.peer)
        return out + element("p", "No Tikhonov comparison is stored in this study.", "class=\"absent\"");
    std::string quantiles;
    for (const auto& [name, value] : summary.peer->lambda_quantiles)
        quantiles += (quantiles.empty() ? "" : ", ") + name + " %: " + value;
    if (summary.peer->lambda_interior)
        out +=
            paragraph("λ of the peer was chosen by generalised cross validation; it lies inside its grid for " +
                      number(100 * *summary.peer->lambda_interior) + " % of the traces (quantiles of λ: " + quantiles +
                      "). The networks know the distribution the test traces were drawn from, "
                      "Tikhonov regularisation does not.");
    return out;
}

// Section "Findings"; networks that have none have their numbers in the section of their layers.
std::string findings_section(const Summary& summary) {
    if (summary.findings.empty() && summary.extras.empty())
        return element("p",
                       "This study gives no verdicts" +
                           std::string(summary.deep ? ": what stays defined is in section 3, with its controls." : "."),
                       "class=\"absent\"");
    const std::string reading =
        "Numbers are medians over the networks of a group, with the smallest and largest below. “Same raw "
        "and descrambled” marks numbers that the rotation cannot change: they say nothing about "
        "descrambling, only about the network.";
    if (summary.findings.empty())
        return paragraph("This study gives no verdicts; these are numbers of its networks and controls.") +
               extras_table(summary);
    return paragraph(reading) + findings_table(summary) + element("h3", "Further controls") + extras_table(summary);
}

}  // namespace

std::string deer_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    const std::array<std::pair<const char*, const char*>, 9> contents = {
        {{"summary", "What this page shows"},
         {"training", "1 Training"},
         {"layer-1", "2 Layer 1"},
         {summary.deep ? "layers" : "layer-2", summary.deep ? "3 Deeper layers" : "3 Layer 2"},
         {"time-to-distance", "4 Time to distance"},
         {"findings", "5 Findings"},
         {"alignment", "6 Agreement between networks"},
         {"quality", "7 Descrambling quality"},
         {"provenance", "8 Provenance"}}};
    const auto heading = [&](std::size_t section) { return section_heading(contents[section]); };
    std::string body = page::heading(summary, "What the networks compute: a descrambler study") + links_to(contents);
    body += what_this_page_shows(summary);
    body += element("p",
                    "How to read the pictures: every claim stands next to controls. <b>Untrained</b> networks have "
                    "random weights; networks trained on <b>shuffled targets</b> saw the same traces with the "
                    "distributions of other traces, so that nothing but the mean can be learnt; <b>no decay</b> "
                    "networks were trained like the others but without weight decay. A picture is never a "
                    "verdict" +
                        std::string(summary.findings.empty() || summary.verdicts_withheld
                                        ? "."
                                        : ": the verdicts are made from the numbers of section 5."));
    body += heading(1) + error_table(summary) + figures_of("training", figures);
    body += heading(2) +
            paragraph(
                "Layer 1 multiplies the trace by a matrix of weights, link index by time. Descrambling multiplies "
                "it from the left by a rotation chosen for smooth signals. It cannot change how strongly a "
                "frequency is passed; it changes how the frequencies are laid out along the link.") +
            figures_of("layer-1", figures);
    if (summary.deep)
        body += heading(3) + deep_section(summary, figures_of("layers", figures)) + figures_of("inner-layers", figures);
    else
        body += heading(3) +
                paragraph(
                    "Layer 2 turns the link signals into distances. Its distance side (left singular vectors, "
                    "singular values) is the same before and after descrambling.") +
                figures_of("layer-2", figures);
    body += heading(4) + figures_of("time-to-distance", figures);
    body += heading(5) + findings_section(summary);
    body += heading(6) + alignment_answer(summary) + alignment_table(summary) + figures_of("alignment", figures);
    body += heading(7) +
            paragraph(
                "η is the smoothness functional; the closed form reaches its certified lower bound η*. The gap is "
                "the relative excess over that bound, off-diagonal how far the signals are from being separated "
                "in the basis of the stencil, orthogonality the largest entry of P Pᵀ − 1, rank the number of "
                "signal components that are not zero. A small gap alone does not make a picture right.") +
            layer_table(summary) + optimiser_answer(summary) + figures_of("quality", figures);
    body += heading(8) + provenance(summary);

    return document(summary, body);
}

}  // namespace descrambler
