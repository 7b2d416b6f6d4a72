// The parts that the pages of all tasks are made of. Strings come back marked up unless said otherwise.
#pragma once

#include <span>

#include "report/page.hpp"

namespace descrambler {

namespace page {

[[nodiscard]] std::string element(const std::string& tag, const std::string& content,
                                  const std::string& attributes = "");
[[nodiscard]] std::string text(const std::string& plain);
[[nodiscard]] std::string paragraph(const std::string& plain);
[[nodiscard]] std::string count_words(std::size_t n, const std::string& one, const std::string& many);
[[nodiscard]] std::string number(double value, int digits = 3);
[[nodiscard]] std::string number(const std::optional<double>& value, int digits = 3);
[[nodiscard]] std::string range_cell(const MaybeRange& range, int digits = 3);

using Row = std::vector<std::string>;  // cells, already marked up
[[nodiscard]] std::string table(const Row& head, const std::vector<Row>& rows);
[[nodiscard]] std::string value_table(const std::string& left, const std::string& right, const Values& values);
// A drawing as it stands in the page; `alternative` is plain, for readers who cannot see it.
[[nodiscard]] std::string inline_svg(const std::string& file, const std::string& alternative);
[[nodiscard]] std::string figures_of(const std::string& section, const std::vector<DrawnFigure>& figures);

// How many findings hold, and which, or that verdicts are withheld; not_reproduced heads those that do not.
[[nodiscard]] std::string claims(const Summary& summary, const std::string& not_reproduced);
[[nodiscard]] std::string findings_table(const Summary& summary);
[[nodiscard]] std::string extras_table(const Summary& summary);
[[nodiscard]] std::string alignment_table(const Summary& summary);
[[nodiscard]] std::string layer_table(const Summary& summary);
[[nodiscard]] std::string provenance(const Summary& summary);
// The title of the study over what every page says first; `standard` takes its place where it has none.
[[nodiscard]] std::string heading(const Summary& summary, const std::string& standard);
// Sections of a page: anchor and words.
using Section = std::pair<const char*, const char*>;
[[nodiscard]] std::string section_heading(const Section& section);
[[nodiscard]] std::string links_to(std::span<const Section> contents);
// The whole file; the title is plain. further_style: rules behind those that all pages share.
[[nodiscard]] std::string document(const std::string& title, const std::string& body,
                                   const std::string& further_style = "");
[[nodiscard]] std::string document(const Summary& summary, const std::string& body);

// ---- sections of files of their own --------------------------------------------------------------------------------

// Section "Agreement between networks": is the interpretation the same for every network, and is that learning?
[[nodiscard]] std::string alignment_answer(const Summary& summary);
// Section "Descrambling quality": the published optimiser; empty where it was left out.
[[nodiscard]] std::string optimiser_answer(const Summary& summary);
// Section "Deeper layers"; summary.deep must be there. profile: the figure from layer to layer.
[[nodiscard]] std::string deep_section(const Summary& summary, const std::string& profile);

}  // namespace page
}  // namespace descrambler
