// Figures as plain data, and gnuplot as the pen. A Drawing says what is seen; from the same Drawing come the picture
// and the table of its numbers, so that the two cannot disagree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// A line, its markers and a band between lower and upper; whatever is empty is not drawn. NaN interrupts.
struct Curve {
    std::string label;  // in the legend (once for a label) and in the table
    std::vector<double> x, y, lower, upper;
    std::string colour = "#000000";
    int dash = 1;  // 1 solid, 2 dashed, 3 dotted, 4 dash-dot, 5 dash-dot-dot; 0: no line
    double width = 1.6;
    int marker = 0;  // gnuplot's point type; 0: none
    double marker_size = 0.5;
    double scale = 1, offset = 0;  // drawn at offset + scale y; the table keeps y
    bool impulses = false;         // from 0 up or down in place of a line
    Index most_points = 0;         // 0: all; otherwise at most so many, evenly chosen (the table keeps all)
};

// values(i, j) is centred at (x_first + j x_step, y_first + i y_step).
struct Image {
    Matrix<double> values;
    double x_first = 0, x_step = 1, y_first = 0, y_step = 1;
    bool diverging = false;    // blue - white - red for signed values; otherwise dark to bright
    double low = 0, high = 1;  // colours saturate outside
    std::string label;         // of the colour scale
};

struct Axis {
    std::string label;
    std::optional<double> low, high;  // automatic if absent
    bool logarithmic = false;
    std::vector<std::pair<double, std::string>> ticks;  // automatic if empty
};

struct Panel {
    std::string title;
    Axis x, y;
    std::optional<Image> image;
    std::vector<Curve> curves;
};

struct Drawing {
    std::string name;  // file stem
    std::string title;
    int columns = 1;
    double width = 1080, panel_height = 300;  // px
    std::vector<Panel> panels;                // row by row
};

[[nodiscard]] std::string gnuplot_script(const Drawing& drawing);
// Whether there is a gnuplot on the PATH.
[[nodiscard]] bool has_gnuplot();
// Runs gnuplot without any user configuration. Returns the SVG (with prolog), identifiers prefixed by the name of the
// drawing so that several fit in one page. Throws Error if gnuplot is missing or fails.
[[nodiscard]] std::string draw(const Drawing& drawing);

// Tables, comma separated, one header line. Images: one line per row, columns are x. Curves: one line per point.
// Empty if the drawing has none.
[[nodiscard]] std::string image_table(const Drawing& drawing);
[[nodiscard]] std::string curve_table(const Drawing& drawing);

[[nodiscard]] std::string escape_markup(const std::string& text);  // & < > " ' for HTML and SVG
[[nodiscard]] std::string number_text(double value, int digits);   // %.*g, "NaN" for NaN

}  // namespace descrambler
