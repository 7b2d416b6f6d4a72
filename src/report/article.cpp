#include "report/article.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "report/page_parts.hpp"

namespace descrambler {

namespace {

using page::element;
using page::text;

// What the pages of studies do not have: pictures.
constexpr const char* further_style = R"(
.plates { display: flex; flex-wrap: wrap; gap: 16px 20px; align-items: flex-start; }
.plates figure { margin: 0; min-width: 110px; }
.plates figcaption { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; }
img.pixels { image-rendering: pixelated; }
td.words { overflow-wrap: anywhere; }
@media print { .plates figure { break-inside: avoid; } }
)";

bool is_name(const std::string& name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

// A path below the folder of the page as an address: whatever else it has in it, it names no other place.
std::string address(const std::string& path) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path)
        if (is_name(std::string(1, c)) || c == '.' || c == '/') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.append(1, '%').append(1, digits[byte / 16]).append(1, digits[byte % 16]);
        }
    return out;
}
std::string file_link(const std::string& path) {
    return "<a href=\"" + address(path) + "\"><code>" + text(path) + "</code></a>";
}

std::string pixels(double px) {
    return number_text(std::max(std::round(px), 1.0), 6);
}

std::string plate_markup(const Plate& plate, const std::string& folder) {
    // Something long and thin must not fill the page.
    constexpr double most_height = 640;  // px
    const double ratio = static_cast<double>(plate.picture.height) / static_cast<double>(plate.picture.width);
    const double width = std::min(plate.width, most_height / ratio);
    const bool enlarged = width > static_cast<double>(plate.picture.width);
    const std::string image = "<img src=\"" + address(folder + "/" + plate.name + ".png") + "\" alt=\"" +
                              text(plate.alternative.empty() ? plate.caption : plate.alternative) + "\" width=\"" +
                              pixels(width) + "\" height=\"" + pixels(width * ratio) + "\"" +
                              (enlarged ? " class=\"pixels\"" : "") + " />\n";
    return element("figure", image + (plate.caption.empty() ? "" : element("figcaption", text(plate.caption))),
                   "style=\"width: " + pixels(width) + "px\"");
}

// What lies beside a page, by file name below its folder.
struct Files {
    std::map<std::string, std::string> texts;
    std::map<std::string, const Picture*> pictures;
};

std::string drawing_markup(const Drawing& drawing, const std::string& caption, const std::string& folder,
                           std::size_t& count, bool with_figures, Files& files) {
    const std::string images = image_table(drawing), curves = curve_table(drawing);
    std::vector<std::string> names;
    const auto keep = [&](const char* ending, const std::string& content) {
        files.texts[drawing.name + ending] = content;
        names.push_back(folder + "/" + drawing.name + ending);
    };
    if (!images.empty() || !curves.empty())
        keep(".csv", images.empty() ? curves : images);
    if (!images.empty() && !curves.empty())
        keep("-curves.csv", curves);
    const std::string svg = with_figures ? draw(drawing) : "";
    if (with_figures)
        keep(".svg", svg);
    std::string links;
    for (const std::string& name : names)
        links += (links.empty() ? "" : ", ") + file_link(name);
    if (!with_figures)
        return element("h3", text(drawing.title)) +
               element("p", "Not drawn, for want of gnuplot. " + text(caption) + " Data: " + links, "class=\"absent\"");
    const std::string words = "<b>Figure " + std::to_string(++count) + ". " + text(drawing.title) + ".</b> " +
                              text(caption) + " <span class=\"data\">Data and drawing: " + links + "</span>";
    std::string figure = page::inline_svg(svg, drawing.title);
    if (drawing.width < Drawing{}.width)  // or it would fill the page, its letters larger than the text
        figure.insert(std::string_view("<svg").size(), " style=\"max-width: " + number_text(drawing.width, 6) + "px\"");
    return element("figure", figure + element("figcaption", words), "id=\"figure-" + drawing.name + "\"");
}

// Removes what an earlier page names in its folder.
void remove_files_of(const std::filesystem::path& page, const std::filesystem::path& folder) {
    if (!std::filesystem::is_regular_file(page))
        return;
    const std::string markup = read_file(page);
    std::error_code ignored;
    std::vector<std::filesystem::path> old;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string name = folder.filename().string() + "/" + entry.path().filename().string();
        if (entry.is_regular_file(ignored) && markup.find("\"" + address(name) + "\"") != std::string::npos)
            old.push_back(entry.path());
    }
    for (const std::filesystem::path& file : old)
        std::filesystem::remove(file, ignored);
}

// How many bytes the character of UTF-8 that begins at `at` has; 0 where none does.
std::size_t character_at(const std::string& words, std::size_t at) {
    const auto byte = [&](std::size_t i) { return i < words.size() ? static_cast<unsigned char>(words[i]) : 0U; };
    const unsigned first = byte(at);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0) != 0x80)
            return 0;
    const bool too_long = (first == 0xE0 && byte(at + 1) < 0xA0) || (first == 0xF0 && byte(at + 1) < 0x90);
    const bool no_character = (first == 0xED && byte(at + 1) > 0x9F) || (first == 0xF4 && byte(at + 1) > 0x8F);
    return too_long || no_character ? 0 : length;
}
// Names of files and nodes may have any bytes; a page may not.
std::string in_utf8(const std::string& words) {
    std::string out;
    for (std::size_t at = 0; at < words.size();) {
        const std::size_t length = character_at(words, at);
        out += length > 0 ? words.substr(at, length) : std::string("\uFFFD");
        at += std::max<std::size_t>(length, 1);
    }
    return out;
}

// Files under temporary names, all of them in their places at once or none.
class Staged {
public:
    Staged() = default;
    Staged(const Staged&) = delete;
    Staged& operator=(const Staged&) = delete;
    ~Staged() {
        std::error_code ignored;
        for (const auto& [temporary, path] : files_)
            std::filesystem::remove(temporary, ignored);
    }
    // Where to write what is meant for `path`.
    [[nodiscard]] std::filesystem::path add(const std::filesystem::path& path) {
        return files_.emplace_back(temporary_name(path), path).first;
    }
    void commit() const {
        for (const auto& [temporary, path] : files_)
            commit_file(temporary, path);
    }

private:
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> files_;
};

}  // namespace

Article::Article(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Article::section(const std::string& anchor, const std::string& heading) {
    require(is_name(anchor) &&
                std::ranges::find(contents_, anchor, &std::pair<std::string, std::string>::first) == contents_.end(),
            "a section needs an anchor of its own of letters, digits, - and _");
    contents_.emplace_back(anchor, heading);
    pieces_.push_back({element("h2", text(heading), "id=\"" + anchor + "\"")});
}
void Article::subsection(const std::string& heading) {
    pieces_.push_back({element("h3", text(heading))});
}
void Article::paragraph(const std::string& words) {
    pieces_.push_back({page::paragraph(words)});
}
void Article::absent(const std::string& words) {
    pieces_.push_back({element("p", text(words), "class=\"absent\"")});
}
void Article::list(const std::vector<std::string>& items) {
    std::string markup;
    for (const std::string& item : items)
        markup += element("li", text(item));
    if (!items.empty())
        pieces_.push_back({element("ul", markup)});
}
void Article::code(const std::string& lines) {
    pieces_.push_back({element("pre", text(lines))});
}

void Article::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows,
                    const std::string& caption, const std::vector<std::size_t>& words) {
    const auto look = [&](std::size_t column) {
        return std::ranges::find(words, column) == words.end() ? "" : " class=\"words\"";
    };
    std::string markup = "<thead><tr>";
    for (std::size_t j = 0; j < header.size(); ++j)
        markup += std::string("<th scope=\"col\"") + look(j) + ">" + text(header[j]) + "</th>";
    markup += "</tr></thead>\n<tbody>\n";
    for (const std::vector<std::string>& row : rows) {
        require(row.size() == header.size(), "a row of a table has as many cells as its header");
        markup += "<tr>";
        for (std::size_t j = 0; j < row.size(); ++j)
            markup += std::string("<td") + look(j) + ">" + text(row[j]) + "</td>";
        markup += "</tr>\n";
    }
    const std::string scroll = element("div", element("table", markup + "</tbody>"), "class=\"scroll\"");
    pieces_.push_back({caption.empty() ? scroll : element("figure", scroll + element("figcaption", text(caption)))});
}

void Article::check_file(const std::string& name) {
    require(is_name(name) && std::ranges::find(names_, name) == names_.end(),
            "a picture or a drawing needs a name of its own of letters, digits, - and _");
    names_.push_back(name);
}
void Article::plates(std::vector<Plate> plates, const std::string& caption) {
    for (const Plate& plate : plates) {
        check_file(plate.name);
        require(plate.picture.height > 0 && plate.picture.width > 0 && plate.width > 0, "a picture has pixels");
    }
    if (!plates.empty())
        pieces_.push_back({.markup = "", .plates = std::move(plates), .caption = caption});
}
void Article::drawing(Drawing drawing, const std::string& caption) {
    check_file(drawing.name);
    pieces_.push_back({.markup = "", .drawing = std::move(drawing), .caption = caption});
}
void Article::link(const std::string& file, const std::string& words) {
    pieces_.push_back({element("p", "<a href=\"" + address(file) + "\">" + text(words) + "</a>")});
}

void Article::write(const std::filesystem::path& folder, const std::string& stem) const {
    require(is_name(stem), "a page needs a name of letters, digits, - and _");
    Files files;
    std::size_t figures = 0;
    const bool with_figures = has_gnuplot();
    std::string links, body;
    for (const auto& [anchor, heading] : contents_)
        links += element("li", element("a", text(heading), "href=\"#" + anchor + "\""));
    for (const Piece& piece : pieces_) {
        body += piece.markup;
        if (piece.drawing)
            body += drawing_markup(*piece.drawing, piece.caption, stem, figures, with_figures, files);
        if (piece.plates.empty())
            continue;
        std::string plates;
        for (const Plate& plate : piece.plates) {
            plates += plate_markup(plate, stem);
            files.pictures[plate.name + ".png"] = &plate.picture;
        }
        body += element("figure", element("div", plates, "class=\"plates\"") +
                                      (piece.caption.empty() ? "" : element("figcaption", text(piece.caption))));
    }
    body = element("h1", text(title_)) + element("p", text(subtitle_), "class=\"data\"") +
           (links.empty() ? "" : element("nav", element("ul", links), "aria-label=\"Contents\"")) + body;

    const std::filesystem::path file = folder / (stem + ".html"), beside = folder / stem;
    make_folder(folder);
    if (!files.texts.empty() || !files.pictures.empty())
        make_folder(beside);
    const Leftovers of_page(folder), of_files(beside);
    Staged staged;
    for (const auto& [name, content] : files.texts)
        write_file(staged.add(beside / name), content);
    for (const auto& [name, picture] : files.pictures)
        write_png(staged.add(beside / name), *picture);
    write_file(staged.add(file), in_utf8(page::document(title_, body, further_style)));
    remove_files_of(file, beside);
    staged.commit();
    of_page.remove();
    of_files.remove();
}

}  // namespace descrambler
