// A page that a person reads from top to bottom: text, tables, figures and pictures, in a folder of its own. The style and
// the figures are those of the report of a study.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "descrambler/picture.hpp"
#include "report/gnuplot.hpp"

namespace descrambler {

// A picture of the page: a PNG file beside it.
struct Plate {
    std::string name;  // file stem: letters, digits, - and _
    Picture picture;
    std::string caption;      // plain
    std::string alternative;  // for readers who cannot see it; empty: the caption
    double width = 224;       // on the page, px; small pictures are enlarged without smoothing
};

// All words are plain: the page marks them up. What is added stands on the page in the order of the calls. Throws
// std::invalid_argument for an anchor or a name of a file that is not made of letters, digits, - and _ or is there already,
// and for rows of another length than the header.
class Article {
public:
    Article(std::string title, std::string subtitle);

    void section(const std::string& anchor, const std::string& heading);  // in the list of contents
    void subsection(const std::string& heading);
    void paragraph(const std::string& words);
    // What is missing here, and why.
    void absent(const std::string& words);
    void list(const std::vector<std::string>& items);
    void code(const std::string& lines);
    // The first column is words, the others numbers, aligned right; `words` names further columns of words.
    void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows,
               const std::string& caption = "", const std::vector<std::size_t>& words = {});
    // Side by side, each with its caption below. None: nothing.
    void plates(std::vector<Plate> plates, const std::string& caption = "");
    // A figure by gnuplot with its table as CSV; without gnuplot the table alone, which the page says.
    void drawing(Drawing drawing, const std::string& caption);
    // A link to another page of the same folder or below.
    void link(const std::string& file, const std::string& words);

    // Writes FOLDER/STEM.html, the page last; its pictures, figures and tables go to FOLDER/STEM/. Files that an earlier
    // page of this stem names there are removed, other files are left alone. Until all is drawn and written beside it, an
    // earlier page stays. Throws InputError where something that is no folder is in the way, Error where a file cannot be
    // written.
    void write(const std::filesystem::path& folder, const std::string& stem) const;

private:
    struct Piece {  // one of the three; the caption belongs to the latter two
        std::string markup;
        std::vector<Plate> plates = {};
        std::optional<Drawing> drawing = {};
        std::string caption = {};
    };
    void check_file(const std::string& name);

    std::string title_, subtitle_;
    std::vector<Piece> pieces_;
    std::vector<std::pair<std::string, std::string>> contents_;  // anchor, heading
    std::vector<std::string> names_;                             // of plates and drawings
};

// Colours of a signed map, dark blue at -scale, mid grey at 0, bright yellow at scale and beyond. Their luminance (BT.601)
// grows in proportion to the value, so that sign and size survive printing in grey and do not rest on telling hues apart.
// map: [height, width] row-major, finite; a scale of 0 is that of a map of zeros. Throws std::invalid_argument otherwise.
[[nodiscard]] Picture map_picture(const std::vector<double>& map, Index height, Index width, double scale);
// The same over the picture it belongs to, whose outlines show through in grey: of its luminance only what differs from
// the surroundings, so that bright and dark areas do not look like signs. `under` has the proportions of the map; the
// result has the size of the larger of the two.
[[nodiscard]] Picture map_over(const std::vector<double>& map, Index height, Index width, double scale,
                               const Picture& under);
// The scale itself with a mark at every half of it, and its numbers in the caption.
[[nodiscard]] Plate map_scale(const std::string& name, double scale, const std::string& unit);

}  // namespace descrambler
