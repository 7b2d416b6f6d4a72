// What the files of the page share: elements, numbers and tables as markup.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gnuplot.hpp"
#include "summary.hpp"

namespace descrambler::page {

inline std::string element(const std::string& tag, const std::string& content, const std::string& attributes = "") {
    return "<" + tag + (attributes.empty() ? "" : " " + attributes) + ">" + content + "</" + tag + ">\n";
}
inline std::string text(const std::string& plain) {
    return escape_markup(plain);
}
inline std::string paragraph(const std::string& plain) {
    return element("p", text(plain));
}

inline std::string count_words(std::size_t n, const std::string& one, const std::string& many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
}

inline std::string number(double value, int digits = 3) {
    return number_text(value, digits);
}
inline std::string number(const std::optional<double>& value, int digits = 3) {
    return value ? number(*value, digits) : "not measured";
}

inline std::string range_cell(const MaybeRange& r, int digits = 3) {
    if (!r)
        return "–";
    std::string cell = number(r->median, digits);
    if (r->min != r->max)
        cell += "<span class=\"range\">" + number(r->min, digits) + " to " + number(r->max, digits) + "</span>";
    return cell;
}

using Row = std::vector<std::string>;  // cells, already marked up

inline std::string table(const Row& head, const std::vector<Row>& rows) {
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

inline std::string value_table(const std::string& left, const std::string& right, const Values& values) {
    std::vector<Row> rows;
    for (const auto& [name, value] : values)
        rows.push_back({text(name), text(value)});
    return table({text(left), text(right)}, rows);
}

// ---- sections of files of their own --------------------------------------------------------------------------------

// Section "Agreement between networks": is the interpretation the same for every network, and is that learning?
std::string alignment_answer(const Summary& summary);
// Section "Deeper layers"; summary.deep must be there. profile: the figure from layer to layer.
std::string deep_section(const Summary& summary, const std::string& profile);

}  // namespace descrambler::page
