#include "report/condition_page.hpp"

#include <array>

namespace descrambler::page {

std::string group_cell(const Groups& groups, const std::string& name) {
    const auto found = groups.find(name);
    return range_cell(found == groups.end() ? MaybeRange{} : found->second);
}

std::string condition_page(const Summary& summary, const std::vector<DrawnFigure>& figures, const ConditionPage& own) {
    const std::array<Section, 7> contents = {{{"summary", "What this page shows"},
                                              {"training", "1 Training"},
                                              {"reading", own.reading_heading},
                                              {"findings", "3 Findings"},
                                              {"alignment", "4 Agreement between networks"},
                                              {"quality", "5 Descrambling quality"},
                                              {"provenance", "6 Provenance"}}};
    const auto heading = [&](std::size_t section) { return section_heading(contents[section]); };
    std::string body = page::heading(summary, own.heading) + links_to(contents) + heading(0);
    body += paragraph(own.introduction);
    body += summary.findings.empty() ? element("p", "This study gives no verdicts.", "class=\"absent\"")
                                     : claims(summary, "Not reproduced");
    body += element(
        "p",
        "How to read the pictures: every claim stands next to controls. <b>Untrained</b> networks have "
        "random weights; networks trained on <b>shuffled targets</b> saw the same inputs with the answers of "
        "other inputs, so that nothing but the mean can be learnt. A picture is never a verdict" +
            std::string(summary.verdicts_withheld ? "." : ": the verdicts are made from the numbers of section 3."));
    body += heading(1) + own.errors + figures_of("training", figures);
    body += heading(2) + own.reading;
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
    return document(summary, body);
}

}  // namespace descrambler::page
