// A page that a person reads from top to bottom: text, tables, figures and pictures, in a folder of its own. The style and
// the figures are those of the report of a study.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "descrambler/picture.hpp"
#include "report/gnuplot.hpp"

namespace descrambler {

// A picture of the page: a PNG file beside it.
struct Plate {
    std::string name;  // file stem: letters, digits, - and _
    Picture picture;
    std::string caption;      // plain
    std::string alternative;  // for readers who cannot see it
    double width = 224;       // on the page, px; small pictures are enlarged without smoothing
};

// All words are plain: the page marks them up. What is added stands on the page in the order of the calls.
class Article {
public:
    Article(std::string title, std::string subtitle);

    void section(const std::string& anchor, const std::string& heading);  // in the list of contents
    void subsection(const std::string& heading);
    void paragraph(const std::string& words);
    void list(const std::vector<std::string>& items);
    void code(const std::string& lines);
    // The first column is words, the others numbers, aligned right; `words` names further columns of words.
    void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows,
               const std::string& caption = "", const std::vector<std::size_t>& words = {});
    // Side by side, each with its caption below.
    void plates(std::vector<Plate> plates, const std::string& caption = "");
    // A figure by gnuplot with its table as CSV; without gnuplot the table alone, which the page says.
    void drawing(Drawing drawing, const std::string& caption);
    // A link to another page of the same folder or below.
    void link(const std::string& file, const std::string& words);

    // Writes FOLDER/STEM.html, the page last; its pictures, figures and tables go to FOLDER/STEM/. Files that an earlier
    // page of this stem has left there are removed. Throws Error where a file cannot be written.
    void write(const std::filesystem::path& folder, const std::string& stem) const;

private:
    struct Piece {
        std::string markup;  // with the place of the files @FILES@
    };
    std::string title_, subtitle_;
    std::vector<Piece> pieces_;
    std::vector<std::pair<std::string, std::string>> contents_;  // anchor, heading
    std::vector<Plate> plates_;
    std::vector<Drawing> drawings_;
};

// Colours of a signed map: dark blue at -1, light grey at 0, dark orange at 1 on the screen; printed in grey the sign is
// still there, see map_picture.
[[nodiscard]] Picture map_picture(const std::vector<double>& map, Index height, Index width, double scale);
// The same over the picture it belongs to, which shows through in grey. `under` has the proportions of the map.
[[nodiscard]] Picture map_over(const std::vector<double>& map, Index height, Index width, double scale,
                               const Picture& under);
// The scale itself, with its numbers in the caption.
[[nodiscard]] Plate map_scale(const std::string& name, double scale, const std::string& unit);

}  // namespace descrambler
