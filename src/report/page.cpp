#include "report/page.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "report/page_parts.hpp"
#include "report/task_report.hpp"

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
.withheld { background: #eeeeee; border-color: #777777; color: #333333; }
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

std::string inline_svg(const std::string& file, const std::string& alternative) {
    const std::size_t start = file.find("<svg");
    std::string svg = file.substr(start == std::string::npos ? 0 : start);
    svg.insert(4, " role=\"img\" aria-label=\"" + text(alternative) + "\"");
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
        out += element("figure", inline_svg(drawn.svg, f.alternative) + element("figcaption", caption),
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

std::string withheld_words(const Summary& summary) {
    if (summary.samples_per_network >= summary.samples_needed && summary.samples_per_control)
        return "Verdicts are withheld: a control that has hardly been trained proves nothing. Shuffled targets and "
               "training without decay saw " +
               number(summary.samples_per_control, 10) + " samples each, expected at least " +
               number(summary.control_samples_needed, 7) + ". The numbers stand in the table of findings.";
    return "Verdicts are withheld: their thresholds were laid down for networks that were trained on at least " +
           number(summary.samples_needed, 7) + " samples each, these saw " + number(summary.samples_per_network, 10) +
           ". The numbers stand in the table of findings; “not reproduced” would here mean no more than not yet "
           "learnt.";
}

std::string claims(const Summary& summary, const std::string& not_reproduced) {
    if (summary.verdicts_withheld)
        return element("p", text(withheld_words(summary)), "class=\"absent\"");
    std::string out;
    std::array<std::size_t, 3> counts{};
    std::size_t comparisons = 0;
    for (const FindingLine& f : summary.findings)
        if (published(f) && f.badge != Badge::withheld)
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
    out += element("h3", not_reproduced);
    out += counts[2] ? claim_list(summary, Badge::not_reproduced, true)
                     : paragraph("None: every published finding in the table is reproduced.");
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
                           : f.badge == Badge::withheld           ? "withheld"
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

std::string heading(const Summary& summary, const std::string& standard) {
    const std::string what = summary.title.empty() ? standard : summary.title;
    const std::string line = (summary.title.empty() ? "" : standard + "; ") + summary.networks + " networks, seed " +
                             summary.seed + ", Descrambler " + summary.version;
    return element("h1", text(what)) + element("p", text(line), "class=\"data\"");
}

std::string section_heading(const Section& section) {
    return element("h2", text(section.second), std::string("id=\"") + section.first + "\"");
}

std::string links_to(std::span<const Section> contents) {
    std::string links;
    for (const auto& [anchor, words] : contents)
        links += element("li", element("a", text(words), std::string("href=\"#") + anchor + "\""));
    return element("nav", element("ul", links), "aria-label=\"Contents\"");
}

std::string document(const std::string& title, const std::string& body, const std::string& further_style) {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n<meta name=\"viewport\" "
           "content=\"width=device-width, initial-scale=1\" />\n<title>" +
           text(title) + "</title>\n<style>" + style_sheet + further_style + "</style>\n</head>\n<body>\n" + body +
           "</body>\n</html>\n";
}

std::string document(const Summary& summary, const std::string& body) {
    return document(summary.title.empty() ? "Descrambler study, " + summary.networks + " networks" : summary.title,
                    body);
}

}  // namespace page

std::string report_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    return task_report(summary.task).page(summary, figures);
}

}  // namespace descrambler
