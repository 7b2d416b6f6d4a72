#include "report/gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"

extern char** environ;

namespace descrambler {

namespace {

// Perceptually uniform, dark to bright.
constexpr std::array<const char*, 9> magnitude_colours = {"#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c",
                                                          "#28ae80", "#5ec962", "#addc30", "#fde725"};
// Signed: dark ends keep the sign readable when printed.
constexpr std::array<const char*, 9> signed_colours = {"#053061", "#2166ac", "#4393c3", "#a6cee3", "#f7f7f7",
                                                       "#f4b79a", "#d6604d", "#b2182b", "#67001f"};

constexpr double margin_left = 72, margin_right = 16, margin_top = 30, margin_bottom = 50;  // px around a panel
constexpr double colour_scale_room = 74, colour_scale_width = 12;
constexpr double legend_line = 22, character = 6.6;

std::string quoted(const std::string& text) {  // gnuplot: '' is a quote inside single quotes
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += '\'';
        out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
    }
    return out + "'";
}

std::string num(double value) {
    return number_text(value, 6);
}

std::size_t characters(const std::string& utf8) {
    std::size_t count = 0;
    for (const char c : utf8)
        count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return count;
}

std::string palette(bool diverging) {
    const auto& colours = diverging ? signed_colours : magnitude_colours;
    std::string out = "set palette defined (";
    for (std::size_t i = 0; i < colours.size(); ++i)
        out += (i ? ", " : "") + std::to_string(i) + " '" + colours[i] + "'";
    return out + ")\n";
}

// Positions in px from the upper left corner, written as fractions of the figure.
struct Page {
    double width, height;
    [[nodiscard]] std::string x(double px) const { return num(px / width); }
    [[nodiscard]] std::string y(double px) const { return num(1 - px / height); }
    [[nodiscard]] std::string at(double px, double py) const { return "screen " + x(px) + ", screen " + y(py); }
};

struct LegendEntry {
    const Curve* curve;
    double left;
    int line;
};

// Entries side by side, a new line where they would not fit.
std::vector<LegendEntry> place_legend(const Drawing& drawing) {
    std::vector<LegendEntry> entries;
    std::set<std::string> seen;
    double left = margin_left;
    int line = 0;
    for (const Panel& panel : drawing.panels)
        for (const Curve& curve : panel.curves) {
            if (curve.label.empty() || !seen.insert(curve.label).second)
                continue;
            const double length = 42 + character * static_cast<double>(characters(curve.label)) + 22;
            if (left + length > drawing.width && left > margin_left) {
                left = margin_left;
                ++line;
            }
            entries.push_back({&curve, left, line});
            left += length;
        }
    return entries;
}

std::string line_style(const Curve& curve, double wider = 0) {
    return " lc rgb '" + curve.colour + "' lw " + num(curve.width + wider) + " dt " + std::to_string(curve.dash);
}

std::string point_style(const Curve& curve) {
    return " pt " + std::to_string(curve.marker) + " ps " + num(curve.marker_size) + " lc rgb '" + curve.colour + "'";
}

std::string legend_script(const std::vector<LegendEntry>& entries, const Page& page) {
    std::string out;
    double wider = 0;  // gnuplot takes the dashes of the arrow before for one of equal colour and width
    for (const auto& [curve, left, line] : entries) {
        wider += 0.01;
        const double y = 14 + legend_line * line;
        if (!curve->lower.empty())
            out += "set object rectangle from " + page.at(left, y - 6) + " to " + page.at(left + 32, y + 6) +
                   " fc rgb '" + curve->colour + "' fs transparent solid 0.2 noborder\n";
        if (curve->dash != 0 && !curve->y.empty())
            out += "set arrow from " + page.at(left, y) + " to " + page.at(left + 32, y) + " nohead" +
                   line_style(*curve, wider) + "\n";
        if (curve->marker != 0)
            out += "set label '' at " + page.at(left + 16, y) + " point pt " + std::to_string(curve->marker) +
                   " ps 0.6 lc rgb '" + curve->colour + "'\n";
        out += "set label " + quoted(curve->label) + " at " + page.at(left + 40, y) + " left\n";
    }
    return out;
}

std::string range_of(const std::optional<double>& low, const std::optional<double>& high) {
    return "[" + (low ? num(*low) : "*") + ":" + (high ? num(*high) : "*") + "]";
}

// Distance between ticks, 1, 2 or 5 times a power of ten, so that at most `most` of them fit.
double tick_step(double range, double most) {
    const double least = range / most, decade = std::pow(10, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * decade >= least)
            return factor * decade;
    return 10 * decade;
}

// most_ticks: how many labels fit beside each other.
std::string axis_script(const std::string& name, const Axis& axis, double most_ticks) {
    std::string out = axis.logarithmic ? "set logscale " + name + "\n" : "unset logscale " + name + "\n";
    out += "set " + name + "range " + range_of(axis.low, axis.high) + " noextend\n";
    out += "set format " + name + " '%g'\nunset " + name + "tics\nset " + name + "tics out nomirror scale 0.6";
    if (!axis.ticks.empty()) {
        out += " (";
        for (std::size_t i = 0; i < axis.ticks.size(); ++i)
            out += (i ? ", " : "") + quoted(axis.ticks[i].second) + " " + num(axis.ticks[i].first);
        out += ")";
    } else if (axis.low && axis.high && axis.logarithmic && *axis.high >= 100 * *axis.low) {
        out += " 10";  // decades; otherwise steps such as 5, 25, 125 may be chosen
    } else if (axis.low && axis.high && *axis.high > *axis.low && !axis.logarithmic) {
        out += " " + num(tick_step(*axis.high - *axis.low, most_ticks));
    } else {
        out += " autofreq";  // otherwise the step of the panel before is kept
    }
    return out + (name == "x" ? " offset 0,0.3\n" : "\n");
}

// Indices of the points that are drawn.
std::vector<std::size_t> drawn_points(const Curve& curve) {
    const std::size_t n = curve.x.size();
    const std::size_t most = curve.most_points > 0 ? static_cast<std::size_t>(curve.most_points) : n;
    std::vector<std::size_t> points;
    if (n <= most)
        for (std::size_t i = 0; i < n; ++i)
            points.push_back(i);
    else
        for (std::size_t i = 0; i < most; ++i)
            points.push_back(i * (n - 1) / (most - 1));
    return points;
}

struct Plot {
    std::string data;      // data blocks
    std::string elements;  // what follows `plot`
    void add(const std::string& element) { elements += (elements.empty() ? "" : ", \\\n     ") + element; }
};

void add_image(Plot& plot, const Image& image, const std::string& block) {
    const Matrix<double>& v = image.values;
    plot.data += "$" + block + " << EOD\n";
    for (Index i = 0; i < v.rows(); ++i)
        for (Index j = 0; j < v.cols(); ++j)
            plot.data += number_text(v(i, j), 5) + (j + 1 < v.cols() ? " " : "\n");
    plot.data += "EOD\n";
    plot.add("$" + block + " matrix using (" + num(image.x_first) + "+" + num(image.x_step) + "*$1):(" +
             num(image.y_first) + "+" + num(image.y_step) + "*$2):3 with image notitle");
}

void add_curve(Plot& plot, const Curve& curve, const std::string& block) {
    const bool band = !curve.lower.empty(), line = !curve.y.empty();
    plot.data += "$" + block + " << EOD\n";
    for (const std::size_t i : drawn_points(curve)) {
        const auto drawn = [&](const std::vector<double>& y) {
            return y.empty() ? std::string("NaN") : num(curve.offset + curve.scale * y[i]);
        };
        plot.data +=
            num(curve.x[i]) + " " + drawn(curve.y) + " " + drawn(curve.lower) + " " + drawn(curve.upper) + "\n";
    }
    plot.data += "EOD\n";
    if (band)
        plot.add("$" + block + " using 1:3:4 with filledcurves fc rgb '" + curve.colour +
                 "' fs transparent solid 0.2 noborder notitle");
    if (line && curve.dash != 0)
        plot.add("$" + block + " using 1:2 with " + (curve.impulses ? "impulses" : "lines") + line_style(curve) +
                 " notitle");
    if (line && curve.marker != 0)
        plot.add("$" + block + " using 1:2 with points" + point_style(curve) + " notitle");
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// Identifiers made unique, tooltips of gnuplot's own names removed, a title for readers who cannot see, pixels left
// as they are (a matrix element is a rectangle, not a blur).
std::string finish_svg(std::string svg, const Drawing& drawing) {
    const std::string prefix = drawing.name + "-";
    for (const char* quote : {"'", "\""}) {
        svg = replace_all(std::move(svg), std::string("id=") + quote, std::string("id=") + quote + prefix);
        svg = replace_all(std::move(svg), std::string("href=") + quote + "#",
                          std::string("href=") + quote + "#" + prefix);
    }
    svg = replace_all(std::move(svg), "url(#", "url(#" + prefix);
    svg = replace_all(std::move(svg), "preserveAspectRatio='none'",
                      "preserveAspectRatio='none' style='image-rendering:pixelated'");
    svg = replace_all(std::move(svg), "]]>", "]]&gt;");  // of a label: gnuplot writes no CDATA
    svg = replace_all(std::move(svg), "font-family=\"Arial\"", "font-family=\"Arial, Helvetica, sans-serif\"");
    bool first = true;
    for (std::size_t at = svg.find("<title>"); at != std::string::npos; at = svg.find("<title>", at + 1)) {
        const std::size_t end = svg.find("</title>", at);
        if (end == std::string::npos)
            break;
        svg.replace(at, end + 8 - at, first ? "<title>" + escape_markup(drawing.title) + "</title>" : "");
        first = false;
    }
    return svg;
}

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "descrambler-figure-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            throw Error("cannot make a temporary folder " + name + ": " + std::strerror(errno));
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// gnuplot -d SCRIPT, standard output and error into files. Returns the exit status (or 128 + signal).
int run_gnuplot(const std::string& script, const std::string& output, const std::string& log) {
    std::string program = "gnuplot", defaults = "-d", file = script;
    char* arguments[] = {program.data(), defaults.data(), file.data(), nullptr};
    // Only what finds the program: a user's GNUPLOT_* or GNUTERM must not change a figure.
    std::vector<std::string> kept = {"LC_ALL=C"};
    for (char** e = environ; *e; ++e)
        for (const char* name : {"PATH=", "HOME=", "TMPDIR=", "LD_LIBRARY_PATH="})
            if (std::strncmp(*e, name, std::strlen(name)) == 0)
                kept.emplace_back(*e);
    std::vector<char*> environment;
    for (std::string& e : kept)
        environment.push_back(e.data());
    environment.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environment.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        throw Error(
            "gnuplot is not on the PATH; it draws the figures: install it with ./dev deps (Debian: gnuplot-nox)");
    if (failed)
        throw Error(std::string("cannot start gnuplot: ") + std::strerror(failed));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw Error(std::string("cannot wait for gnuplot: ") + std::strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos)
        return text;
    return "\"" + replace_all(text, "\"", "\"\"") + "\"";
}

std::string panel_name(const Drawing& drawing, std::size_t index) {
    const std::string& title = drawing.panels[index].title;
    if (drawing.panels.size() == 1)
        return title;
    return std::string(1, static_cast<char>('a' + index)) + (title.empty() ? "" : "  " + title);
}

}  // namespace

std::string number_text(double value, int digits) {
    if (std::isnan(value))
        return "NaN";
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    return text.data();
}

std::string escape_markup(const std::string& text) {
    std::string out;
    for (const char c : text)
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:  // other control characters are not allowed in SVG at all
                if (static_cast<unsigned char>(c) >= 32 || c == '\n' || c == '\t')
                    out += c;
        }
    return out;
}

std::string gnuplot_script(const Drawing& drawing) {
    require(drawing.columns > 0 && !drawing.panels.empty(), "a drawing needs panels");
    const int rows = (static_cast<int>(drawing.panels.size()) + drawing.columns - 1) / drawing.columns;
    const std::vector<LegendEntry> legend = place_legend(drawing);
    const double head = legend.empty() ? 4 : legend_line * (legend.back().line + 1) + 6;
    const double cell = drawing.width / drawing.columns;
    const Page page{drawing.width, head + rows * drawing.panel_height};

    std::string out = "set encoding utf8\nset decimalsign '.'\nset terminal svg noenhanced font 'Arial,12' size " +
                      num(page.width) + "," + num(page.height) + " dynamic background rgb 'white' name '" +
                      drawing.name +
                      "'\nset multiplot\nset border 3 lw 0.8\nset tics font 'Arial,11'\nunset key\n"
                      "set samples 2\nset datafile missing '?'\n";
    for (std::size_t p = 0; p < drawing.panels.size(); ++p) {
        const Panel& panel = drawing.panels[p];
        const int row = static_cast<int>(p) / drawing.columns, column = static_cast<int>(p) % drawing.columns;
        const double left = cell * column, top = head + drawing.panel_height * row;
        const double x0 = left + margin_left, y0 = top + margin_top, y1 = top + drawing.panel_height - margin_bottom;
        const double x1 = left + cell - (panel.image ? colour_scale_room : margin_right);

        out += "unset label\nunset arrow\nunset object\nunset colorbox\n";
        if (p == 0)
            out += legend_script(legend, page);
        out += "set lmargin at screen " + page.x(x0) + "\nset rmargin at screen " + page.x(x1) +
               "\nset tmargin at screen " + page.y(y0) + "\nset bmargin at screen " + page.y(y1) + "\n";
        out +=
            "set label " + quoted(panel_name(drawing, p)) + " at " + page.at(x0, y0 - 13) + " left font 'Arial,13'\n";
        // Placed by hand: the automatic place depends on the width of the tick labels and may leave the figure.
        out +=
            "set label " + quoted(panel.y.label) + " at " + page.at(left + 8, (y0 + y1) / 2) + " rotate by 90 center\n";
        out += "set label " + quoted(panel.x.label) + " at " + page.at((x0 + x1) / 2, y1 + 36) + " center\n";
        out += axis_script("x", panel.x, (x1 - x0) / 36) + axis_script("y", panel.y, (y1 - y0) / 24);

        Plot plot;
        const std::string block = "p" + std::to_string(p);
        if (panel.image) {
            const Image& image = *panel.image;
            out += palette(image.diverging);
            out += "set cbrange [" + num(image.low) + ":" + num(image.high) +
                   "]\nset format cb '%g'\nset cbtics font 'Arial,11' scale 0.5\n";
            out += "set colorbox vertical user origin screen " + page.x(x1 + 8) + ", screen " + page.y(y1) +
                   " size screen " + num(colour_scale_width / page.width) + ", screen " + num((y1 - y0) / page.height) +
                   "\n";
            out += "set label " + quoted(image.label) + " at " + page.at(x1 + colour_scale_room - 8, (y0 + y1) / 2) +
                   " rotate by 90 center font 'Arial,11'\n";
            add_image(plot, image, block + "i");
        }
        for (std::size_t c = 0; c < panel.curves.size(); ++c)
            add_curve(plot, panel.curves[c], block + "c" + std::to_string(c));
        if (plot.elements.empty())
            plot.add("NaN notitle");
        out += plot.data + "plot " + plot.elements + "\n";
    }
    return out + "unset multiplot\n";
}

bool has_gnuplot() {
    const char* const path = std::getenv("PATH");
    std::stringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access(((folder.empty() ? "." : folder) + "/gnuplot").c_str(), X_OK) == 0)
            return true;
    return false;
}

std::string draw(const Drawing& drawing) {
    const TemporaryFolder folder;
    write_file(folder / "script.gp", gnuplot_script(drawing));
    const int status = run_gnuplot(folder / "script.gp", folder / "figure.svg", folder / "log");
    std::string svg = read_file(folder / "figure.svg");
    if (status != 0 || svg.find("</svg>") == std::string::npos) {
        std::string log = read_file(folder / "log").substr(0, 400);
        for (char& c : log)
            if (c == '\n')
                c = ' ';
        throw Error("gnuplot failed to draw the figure " + drawing.name + " (status " + std::to_string(status) +
                    "): " + log);
    }
    return finish_svg(std::move(svg), drawing);
}

std::string image_table(const Drawing& drawing) {
    std::string out, header;
    for (std::size_t p = 0; p < drawing.panels.size(); ++p) {
        const Panel& panel = drawing.panels[p];
        if (!panel.image)
            continue;
        const Image& image = *panel.image;
        // The header names the vertical coordinate in the first columns and the horizontal one above the values.
        std::string line = "panel," + csv_field(panel.y.label + " \\ " + panel.x.label);
        for (Index j = 0; j < image.values.cols(); ++j)
            line.append(",").append(num(image.x_first + image.x_step * static_cast<double>(j)));
        if (line != header)
            out += line + "\n";
        header = line;
        for (Index i = 0; i < image.values.rows(); ++i) {
            out += csv_field(panel_name(drawing, p)) + "," + num(image.y_first + image.y_step * static_cast<double>(i));
            for (Index j = 0; j < image.values.cols(); ++j)
                out.append(",").append(number_text(image.values(i, j), 5));
            out += "\n";
        }
    }
    return out;
}

std::string curve_table(const Drawing& drawing) {
    std::string out = "panel,curve,x,y,lower,upper,x_label,y_label\n";
    const std::size_t header = out.size();
    for (std::size_t p = 0; p < drawing.panels.size(); ++p) {
        const Panel& panel = drawing.panels[p];
        for (const Curve& curve : panel.curves)
            for (std::size_t i = 0; i < curve.x.size(); ++i) {
                const auto value = [&](const std::vector<double>& y) { return y.empty() ? std::string() : num(y[i]); };
                out += csv_field(panel_name(drawing, p)) + "," + csv_field(curve.label) + "," + num(curve.x[i]) + "," +
                       value(curve.y) + "," + value(curve.lower) + "," + value(curve.upper) + "," +
                       csv_field(panel.x.label) + "," + csv_field(panel.y.label) + "\n";
            }
    }
    return out.size() == header ? std::string() : out;
}

}  // namespace descrambler
