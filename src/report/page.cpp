#include "report/page.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "report/page_parts.hpp"

namespace descrambler {

namespace page {

constexpr const char* style_sheet = R"(
body { font: 15px/1.5 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; color: #1a1a1a;
       background: #ffffff; margin: 0 auto; max-width: 1100px; padding: 16px 20px 60px; }
h1 { font-size: 28px; line-height: 1.2; margin: 12px 0 4px; }
h2 { font-size: 21px; margin: 44px 0 8px; border-bottom: 2px solid #0072B2; padding-bottom: 3px; }
h3 { font-size: 16px; margin: 24px 0 6px; }
p, li { max-width: 860px; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; }
a { color: #0b5a8f; }
code { font: 13px/1.4 "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { background: #f4f5f7; padding: 10px 12px; font: 12px/1.4 "DejaVu Sans Mono", Menlo, Consolas, monospace;
      white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 20px 0 30px; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: 14px; max-width: 960px; margin-top: 4px; }
.data { color: #555555; font-size: 12px; }
.absent { border-left: 4px solid #999999; padding: 2px 10px; color: #444444; font-size: 14px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; line-height: 1.35; margin: 10px 0; }
th, td { border-bottom: 1px solid #cccccc; padding: 4px 8px; text-align: right; vertical-align: top; }
th { border-bottom: 2px solid #555555; vertical-align: bottom; }
th:first-child, td:first-child, td.words, th.words { text-align: left; }
.range { color: #555555; font-size: 11px; white-space: nowrap; display: block; }
tr.reading td { border-bottom: 2px solid #dddddd; color: #333333; padding-top: 0; text-align: left; }
tr.numbers td { border-bottom: none; padding-top: 8px; }
.badge { display: inline-block; border-radius: 4px; padding: 2px 7px; font-size: 12px; line-height: 1.3;
         font-weight: 600; border: 1px solid; min-width: 96px; text-align: center; }
.discriminating { background: #d5ebf7; border-color: #0072B2; color: #00405f; }
.not_discriminating { background: #fdf0c8; border-color: #B07A00; color: #5c4000; }
.not_reproduced { background: #f8dccb; border-color: #D55E00; color: #702f00; }
td.both { text-align: center; }
.same { color: #555555; font-size: 12px; display: block; }
.counts { display: flex; flex-wrap: wrap; gap: 12px; padding: 0; margin: 14px 0; }
.counts div { border: 1px solid; border-radius: 6px; padding: 8px 14px; flex: 1 1 260px; font-size: 14px; }
.counts b { font-size: 26px; display: block; line-height: 1.1; }
@media print {
  body { font-size: 11pt; max-width: none; padding: 0; }
  nav { display: none; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  .badge, .counts div { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)";

std::string element(const std::string& tag, const std::string& content, const std::string& attributes) {
    return "<" + tag + (attributes.empty() ? "" : " " + attributes) + ">" + content + "</" + tag + ">\n";
}
std::string text(const std::string& plain) {
    return escape_markup(plain);
}
std::string paragraph(const std::string& plain) {
    return element("p", text(plain));
}

std::string count_words(std::size_t n, const std::string& one, const std::string& many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
}

// ---- numbers and tables --------------------------------------------------------------------------------------------

std::string number(double value, int digits) {
    return number_text(value, digits);
}
std::string number(const std::optional<double>& value, int digits) {
    return value ? number(*value, digits) : "not measured";
}

std::string range_cell(const MaybeRange& r, int digits) {
    if (!r)
        return "–";
    std::string cell = number(r->median, digits);
    if (r->min != r->max)
        cell += "<span class=\"range\">" + number(r->min, digits) + " to " + number(r->max, digits) + "</span>";
    return cell;
}

std::string table(const Row& head, const std::vector<Row>& rows) {
    std::string out = "<thead><tr>";
    for (const std::string& cell : head)
        out += "<th scope=\"col\">" + cell + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (const Row& row : rows) {
        out += "<tr>";
        for (const std::string& cell : row)
            out += "<td>" + cell + "</td>";
        out += "</tr>\n";
    }
    return element("div", element("table", out + "</tbody>"), "class=\"scroll\"");
}

std::string value_table(const std::string& left, const std::string& right, const Values& values) {
    std::vector<Row> rows;
    for (const auto& [name, value] : values)
        rows.push_back({text(name), text(value)});
    return table({text(left), text(right)}, rows);
}

// ---- figures -------------------------------------------------------------------------------------------------------

std::string inline_svg(const DrawnFigure& drawn) {
    const std::size_t start = drawn.svg.find("<svg");
    std::string svg = drawn.svg.substr(start == std::string::npos ? 0 : start);
    svg.insert(4, " role=\"img\" aria-label=\"" + text(drawn.figure.alternative) + "\"");
    return svg;
}

std::string figures_of(const std::string& section, const std::vector<DrawnFigure>& figures) {
    std::string out;
    std::size_t count = 0;
    for (const DrawnFigure& drawn : figures) {
        const Figure& f = drawn.figure;
        if (!drawn.svg.empty())
            ++count;
        if (f.section != section)
            continue;
        const std::string absent = f.absent.empty() ? "" : element("p", text(f.absent), "class=\"absent\"");
        std::string names;
        for (const std::string& name : drawn.tables)
            names += (names.empty() ? "" : ", ") + ("<code>figures/" + text(name) + "</code>");
        if (drawn.svg.empty()) {
            out += element("h3", text(f.drawing.title)) + absent;
            if (!names.empty())  // there is something to draw, and no gnuplot
                out += element("p", "Not drawn, for want of gnuplot. Data: " + names, "class=\"absent\"");
            continue;
        }
        const std::string caption = "<b>Figure " + std::to_string(count) + ". " + text(f.drawing.title) + ".</b> " +
                                    text(f.caption) + " <span class=\"data\">Data: " + names + "</span>";
        out += element("figure", inline_svg(drawn) + element("figcaption", caption),
                       "id=\"figure-" + text(f.drawing.name) + "\"") +
               absent;
    }
    return out;
}

// ---- sections ------------------------------------------------------------------------------------------------------

// Rows that say themselves that nobody published them are comparisons, not claims.
bool published(const FindingLine& f) {
    return f.claim.find("not published") == std::string::npos;
}

std::string claim_list(const Summary& summary, Badge badge, bool with_reading) {
    std::string items;
    for (const FindingLine& f : summary.findings)
        if (f.badge == badge && published(f))
            items += element("li", "<b>" + text(f.claim) + "</b>" + (with_reading ? " " + text(f.reading) : ""));
    return items.empty() ? "" : element("ul", items);
}

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
    if (*summary.relative_error.mean > trained_well)
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
                             "This study holds no findings: they are defined for one hidden layer of at least 64 "
                             "between 256 times and 256 distances, without renormalisation, drawn with the "
                             "fourier2 stencil." +
                                 std::string(summary.deep ? " What stays defined for several hidden layers is in "
                                                            "section 3, with its controls."
                                                          : ""),
                             "class=\"absent\"");
    return out + claims(summary);
}

std::string claims(const Summary& summary) {
    std::string out;
    std::array<std::size_t, 3> counts{};
    std::size_t comparisons = 0;
    for (const FindingLine& f : summary.findings)
        if (published(f))
            ++counts[static_cast<std::size_t>(f.badge)];
        else
            ++comparisons;
    const std::size_t total = summary.findings.size() - comparisons;
    const auto box = [](std::size_t n, const std::string& of, const std::string& words, const char* look) {
        return element("div", "<b>" + std::to_string(n) + of + "</b>" + words, std::string("class=\"") + look + "\"");
    };
    const std::string of = " of " + std::to_string(total);
    out += element("div",
                   box(counts[0], of,
                       "findings reproduced, and the controls do not show them: evidence of what "
                       "the network learnt",
                       "discriminating") +
                       box(counts[1], of,
                           "findings reproduced, but a control shows them too (or is missing): no "
                           "evidence of what the network learnt",
                           "not_discriminating") +
                       box(counts[2], of, "findings not reproduced as they were stated", "not_reproduced"),
                   "class=\"counts\"");
    if (comparisons)
        out += paragraph("The findings table has " + count_words(comparisons, "further row", "further rows") +
                         " with alternatives that nobody claimed, for comparison.");
    if (counts[0])
        out += element("h3", "Reproduced and discriminating") + claim_list(summary, Badge::discriminating, false);
    if (counts[1])
        out += element("h3", "Reproduced, but no evidence of learning") +
               claim_list(summary, Badge::not_discriminating, false);
    out += element("h3", summary.task == "deer" ? "Published findings that do not reproduce" : "Not reproduced");
    out += counts[2] ? claim_list(summary, Badge::not_reproduced, true)
                     : paragraph("None: every published finding in the table is reproduced.");
    return out;
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

std::string findings_table(const Summary& summary) {
    if (summary.findings.empty())
        return element("p", "No findings are stored in summary.json.", "class=\"absent\"");
    std::string out =
        "<thead><tr><th scope=\"col\">finding</th><th scope=\"col\">unit</th><th scope=\"col\">trained, "
        "raw</th><th scope=\"col\">trained, descrambled</th><th scope=\"col\">untrained</th><th "
        "scope=\"col\">shuffled targets</th><th scope=\"col\">no decay</th><th scope=\"col\" "
        "class=\"words\">verdict</th></tr></thead>\n<tbody>\n";
    for (const FindingLine& f : summary.findings) {
        std::string row = "<td><b>" + text(f.claim) + "</b><br /><code>" + text(f.name) + "</code></td><td>" +
                          text(f.unit == "1" ? "" : f.unit) + "</td>";
        if (f.invariant)
            row += "<td colspan=\"2\" class=\"both\">" + range_cell(f.raw) +
                   "<span class=\"same\">same raw and descrambled</span></td>";
        else
            row += "<td>" + range_cell(f.raw) + "</td><td>" + range_cell(f.descrambled) + "</td>";
        row += "<td>" + range_cell(f.untrained) + "</td><td>" + range_cell(f.shuffled) + "</td><td>" +
               range_cell(f.no_decay) + "</td>";
        const char* look = f.badge == Badge::discriminating       ? "discriminating"
                           : f.badge == Badge::not_discriminating ? "not_discriminating"
                                                                  : "not_reproduced";
        row +=
            "<td class=\"words\"><span class=\"badge " + std::string(look) + "\">" + text(f.verdict) + "</span></td>";
        out += "<tr class=\"numbers\">" + row + "</tr>\n";
        out += "<tr class=\"reading\"><td colspan=\"8\">" + text(f.reading) + "</td></tr>\n";
    }
    return element("div", element("table", out + "</tbody>"), "class=\"scroll\"");
}

// What the further controls are; one that is not listed keeps its name only.
std::string extra_words(const std::string& name) {
    static const std::map<std::string, const char*> words = {
        {"DC16_white_noise_library", "zero-frequency dip DC16 after descrambling with noise only, dB"},
        {"DC16_non_periodic_stencil", "DC16 with a stencil that is not periodic, dB"},
        {"DC16_centred_library", "DC16 with the mean trace subtracted, dB"},
        {"chebyshev_r2_of_covariance", "Chebyshev fit of a plain smooth covariance: what needs no network"},
        {"cube_root_r2", "R² of the power law of c(k)"},
        {"cube_root_residual_0", "residual of c(k) if constant"},
        {"cube_root_residual_1", "residual of c(k) on a line"},
        {"cube_root_residual_1_2", "residual of c(k) on a square root"},
        {"cube_root_residual_1_3", "residual of c(k) on a cube root"},
        {"cube_root_residual_1_6", "residual of c(k) on a sixth root"},
        {"distance_orthogonality", "mean cosine of distant rows (distances) of layer 2"},
        {"extremum_ratio", "smallest over largest extremum of the output vectors; 1 for Chebyshev polynomials"},
        {"gain_background", "gain of layer 1 for the background"},
        {"gain_form_factor", "gain of layer 1 for the dipolar modulation"},
        {"gain_noise", "gain of layer 1 for white noise"},
        {"jacobian_frequency_exponent", "power of distance in the frequency that an output distance listens to"},
        {"jacobian_frequency_rank", "rank correlation of output distance and that frequency"},
        {"knee", "singular values of layer 1 above twice their median"},
        {"left_overlap_targets", "overlap of the output vectors with principal components of the targets"},
        {"right_overlap_inputs", "overlap of the input vectors with principal components of the traces"},
        {"link_band", "share of link correlation within 8 indices of the diagonal, descrambled"},
        {"link_band_raw", "the same, raw"},
        {"link_band_signals", "the same, descrambled by the signals alone"},
        {"link_frequency_signals", "rank correlation of distance and link frequency, descrambled by the signals alone"},
        {"link_law_exponent", "power of distance in the link frequency of its oscillation; a cube root means −1"},
        {"link_law_r2", "R² of that power law"},
        {"link_orthogonality_signals", "mean cosine of distant link columns, descrambled by the signals alone"},
        {"right_vector_purity_signals", "purity of the right vectors, descrambled by the signals alone"},
        {"span_cosines", "part of the output vectors in the first six cosines"},
        {"span_polynomials", "part of the output vectors in the polynomials below degree 6"},
    };
    const auto found = words.find(name);
    return found == words.end() ? "" : text(found->second) + "<br />";
}

std::string extras_table(const Summary& summary) {
    if (summary.extras.empty())
        return element("p", "No further controls are stored in summary.json.", "class=\"absent\"");
    std::vector<Row> rows;
    for (const ExtraLine& e : summary.extras)
        rows.push_back({extra_words(e.name) + "<code>" + text(e.name) + "</code>", range_cell(e.trained),
                        range_cell(e.untrained), range_cell(e.shuffled), range_cell(e.no_decay)});
    return table({"further control", "trained", "untrained", "shuffled targets", "no decay"}, rows);
}

std::string alignment_table(const Summary& summary) {
    const std::array<std::pair<const char*, const char*>, 5> kinds = {
        {{"raw", "trained among themselves, raw"},
         {"descrambled", "trained among themselves, descrambled"},
         {"shuffled", "shuffled targets among themselves"},
         {"untrained", "untrained among themselves"},
         {"against_shuffled", "trained against shuffled targets"}}};
    std::vector<Row> rows;
    for (const auto& [name, words] : kinds) {
        const auto kind = summary.alignment.find(name);
        if (kind == summary.alignment.end())
            continue;
        Row row{words};
        for (const char* score : {"s", "s_octave", "s_nuc", "fft_correlation"}) {
            const auto found = kind->second.find(score);
            row.push_back(range_cell(found == kind->second.end() ? MaybeRange{} : found->second));
        }
        rows.push_back(row);
    }
    if (rows.empty())
        return element("p", "No comparison of networks is stored in summary.json.", "class=\"absent\"");
    return table({"pairs of networks", "s", "s_octave", "s_nuc", "correlation of |FFT2|"}, rows);
}

std::string layer_table(const Summary& summary) {
    std::vector<Row> rows;
    for (const LayerLine& l : summary.layers)
        rows.push_back({"layer " + text(l.layer) + ", " + text(l.tap), text(l.criterion), text(l.stencil),
                        text(l.method), range_cell(l.eta_raw), range_cell(l.eta), range_cell(l.eta_bound),
                        range_cell(l.gap, 2), range_cell(l.offdiagonal, 2), range_cell(l.orthogonality, 2),
                        range_cell(l.rank)});
    if (rows.empty())
        return element("p", "No descrambled layers are stored in summary.json.", "class=\"absent\"");
    return table({"tap", "criterion", "stencil", "method", "η raw", "η", "bound η*", "gap", "off-diagonal",
                  "orthogonality", "rank"},
                 rows);
}

std::string provenance(const Summary& summary) {
    std::string out = value_table("item", "value",
                                  {{"version", summary.version},
                                   {"commit", summary.commit.empty() ? "not recorded" : summary.commit},
                                   {"seed", summary.seed},
                                   {"device", summary.device},
                                   {"precision of training", summary.precision},
                                   {"ranks", summary.ranks},
                                   {"trained networks", summary.networks},
                                   {"training traces a network", number(summary.samples_per_network, 10)}});
    out += element("h3", "Controls") + value_table("networks of each control", "count", summary.controls);
    out += element("h3", "Time");
    out += summary.timing.empty() ? element("p", "No times are stored in summary.json.", "class=\"absent\"")
                                  : value_table("stage", "seconds", summary.timing);
    out += element("h3", "Configuration") + element("pre", text(summary.configuration));
    out += element("p",
                   "Each figure is also stored as <code>figures/NAME.svg</code> with its data in "
                   "<code>figures/NAME.csv</code>: for an image one line a row, with the horizontal coordinates in "
                   "the first line; for curves one line a point, with the lower and upper edge of a band. Curves "
                   "that lie over an image are in <code>figures/NAME-curves.csv</code>.");
    return out;
}

std::string document(const std::string& title, const std::string& body) {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n<meta name=\"viewport\" "
           "content=\"width=device-width, initial-scale=1\" />\n<title>" +
           text(title) + "</title>\n<style>" + style_sheet + "</style>\n</head>\n<body>\n" + body +
           "</body>\n</html>\n";
}

}  // namespace page

using namespace page;

std::string report_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    if (summary.task != "deer")
        return task_page(summary, figures);
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
    std::string links;
    for (const auto& [anchor, words] : contents)
        links += element("li", element("a", text(words), std::string("href=\"#") + anchor + "\""));
    const auto heading = [&](std::size_t section) {
        return element("h2", text(contents[section].second), std::string("id=\"") + contents[section].first + "\"");
    };

    std::string body = element("h1", "What the networks compute: a descrambler study");
    body +=
        element("p", text(summary.networks + " networks, seed " + summary.seed + ", Descrambler " + summary.version),
                "class=\"data\"");
    body += element("nav", element("ul", links), "aria-label=\"Contents\"");
    body += what_this_page_shows(summary);
    body += element("p",
                    "How to read the pictures: every claim stands next to controls. <b>Untrained</b> networks have "
                    "random weights; networks trained on <b>shuffled targets</b> saw the same traces with the "
                    "distributions of other traces, so that nothing but the mean can be learnt; <b>no decay</b> "
                    "networks were trained like the others but without weight decay. A picture is never a "
                    "verdict: the verdicts are made from the numbers of section 5.");
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
    body += heading(5) +
            paragraph(
                "Numbers are medians over the networks of a group, with the smallest and largest below. “Same raw "
                "and descrambled” marks numbers that the rotation cannot change: they say nothing about "
                "descrambling, only about the network.") +
            findings_table(summary) + element("h3", "Further controls") + extras_table(summary);
    body += heading(6) + alignment_answer(summary) + alignment_table(summary) + figures_of("alignment", figures);
    body += heading(7) +
            paragraph(
                "η is the smoothness functional; the closed form reaches its certified lower bound η*. The gap is "
                "the relative excess over that bound, off-diagonal how far the signals are from being separated "
                "in the basis of the stencil, orthogonality the largest entry of P Pᵀ − 1, rank the number of "
                "signal components that are not zero. A small gap alone does not make a picture right.") +
            layer_table(summary) + optimiser_answer(summary) + figures_of("quality", figures);
    body += heading(8) + provenance(summary);

    return document("Descrambler study, " + summary.networks + " networks", body);
}

}  // namespace descrambler
