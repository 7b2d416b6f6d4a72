// The parts that the pages of all tasks are made of. Strings come back marked up unless said otherwise.
#pragma once

#include "report/page.hpp"

namespace descrambler {

// The page of a task other than DEER.
[[nodiscard]] std::string task_page(const Summary& summary, const std::vector<DrawnFigure>& figures);

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
[[nodiscard]] std::string figures_of(const std::string& section, const std::vector<DrawnFigure>& figures);

[[nodiscard]] std::string claims(const Summary& summary);  // how many findings hold, and which
[[nodiscard]] std::string findings_table(const Summary& summary);
[[nodiscard]] std::string extras_table(const Summary& summary);
[[nodiscard]] std::string alignment_table(const Summary& summary);
[[nodiscard]] std::string layer_table(const Summary& summary);
[[nodiscard]] std::string provenance(const Summary& summary);
[[nodiscard]] std::string document(const std::string& title, const std::string& body);  // title is plain

// ---- sections of files of their own --------------------------------------------------------------------------------

// Section "Agreement between networks": is the interpretation the same for every network, and is that learning?
[[nodiscard]] std::string alignment_answer(const Summary& summary);
// Section "Descrambling quality": the published optimiser; empty where it was left out.
[[nodiscard]] std::string optimiser_answer(const Summary& summary);
// Section "Deeper layers"; summary.deep must be there. profile: the figure from layer to layer.
[[nodiscard]] std::string deep_section(const Summary& summary, const std::string& profile);

}  // namespace page
}  // namespace descrambler
