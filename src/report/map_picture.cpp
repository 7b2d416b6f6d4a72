// Colours of signed maps.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "report/article.hpp"

namespace descrambler {

namespace {

using Colour = std::array<double, 3>;

// At -1, -1/2, 0, 1/2, 1. Luminance 26, 77, 126, 175, 225: a straight line to within one grey level.
constexpr std::array<Colour, 5> stops = {{{8, 24, 88}, {28, 82, 176}, {126, 126, 126}, {238, 165, 60}, {255, 236, 90}}};

Colour colour_of(double value, double scale) {
    const double v = scale > 0 ? std::clamp(value / scale, -1.0, 1.0) : 0;
    const double at = 2 * (v + 1);
    const auto below = std::min<std::size_t>(static_cast<std::size_t>(at), stops.size() - 2);
    const double part = at - static_cast<double>(below);
    Colour colour{};
    for (std::size_t c = 0; c < 3; ++c)
        colour[c] = (1 - part) * stops[below][c] + part * stops[below + 1][c];
    return colour;
}

void check_map(const std::vector<double>& map, Index height, Index width, double scale) {
    require(height > 0 && width > 0 && std::ssize(map) == height * width && all_finite(map),
            "a map: finite numbers [height, width]");
    require(std::isfinite(scale) && scale >= 0, "a map: a scale of 0 or more");
}

// Means over windows of 2 radius + 1 pixels a side, cut off at the edges. [height, width]
std::vector<double> surroundings(const std::vector<double>& grey, Index height, Index width, Index radius) {
    const auto at = [](Index i, Index j, Index columns) { return static_cast<std::size_t>(i * columns + j); };
    std::vector<double> sums(static_cast<std::size_t>((height + 1) * (width + 1)));  // of all above and to the left
    for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j)
            sums[at(i + 1, j + 1, width + 1)] = grey[at(i, j, width)] + sums[at(i, j + 1, width + 1)] +
                                                sums[at(i + 1, j, width + 1)] - sums[at(i, j, width + 1)];
    std::vector<double> means(grey.size());
    for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j) {
            const Index top = std::max<Index>(i - radius, 0), bottom = std::min(i + radius + 1, height);
            const Index left = std::max<Index>(j - radius, 0), right = std::min(j + radius + 1, width);
            means[at(i, j, width)] = (sums[at(bottom, right, width + 1)] - sums[at(top, right, width + 1)] -
                                      sums[at(bottom, left, width + 1)] + sums[at(top, left, width + 1)]) /
                                     static_cast<double>((bottom - top) * (right - left));
        }
    return means;
}

std::string magnitude(double scale) {
    return number_text(scale, 3);
}

}  // namespace

Picture map_picture(const std::vector<double>& map, Index height, Index width, double scale) {
    check_map(map, height, width, scale);
    Picture picture{height, width, 3, {}};
    picture.values.reserve(3 * map.size());
    for (const double value : map)
        for (const double part : colour_of(value, scale))
            picture.values.push_back(part);
    return picture;
}

Picture map_over(const std::vector<double>& map, Index height, Index width, double scale, const Picture& under) {
    check_map(map, height, width, scale);
    const Picture grey = with_channels(under, 1);
    const std::vector<double> means =
        surroundings(grey.values, grey.height, grey.width, std::max<Index>(1, std::max(grey.height, grey.width) / 24));
    // Half the step from 0 to half the scale: an outline never turns a sign.
    constexpr double most = 24, share = .5;
    const bool larger = grey.width > width;
    Picture picture{larger ? grey.height : height, larger ? grey.width : width, 3, {}};
    picture.values.reserve(static_cast<std::size_t>(3 * picture.height * picture.width));
    for (Index i = 0; i < picture.height; ++i)
        for (Index j = 0; j < picture.width; ++j) {
            const Index a = i * height / picture.height, b = j * width / picture.width;
            const Index c = i * grey.height / picture.height, d = j * grey.width / picture.width;
            const auto pixel = static_cast<std::size_t>(c * grey.width + d);
            const double outline = std::clamp(share * (grey.values[pixel] - means[pixel]), -most, most);
            for (const double part : colour_of(map[static_cast<std::size_t>(a * width + b)], scale))
                picture.values.push_back(std::clamp(part + outline, 0.0, 255.0));
        }
    return picture;
}

Plate map_scale(const std::string& name, double scale, const std::string& unit) {
    constexpr Index height = 20, width = 257, marks = 6;  // px
    std::vector<double> map;
    for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j)
            map.push_back(2.0 * static_cast<double>(j) / (width - 1) - 1);
    Plate plate{name, map_picture(map, height, width, 1), "", "", width};
    for (Index i = height - marks; i < height; ++i)
        for (Index j = 0; j < width; ++j)  // the marks hang below the scale, on white
            for (Index c = 0; c < 3; ++c)
                plate.picture.values[static_cast<std::size_t>((i * width + j) * 3 + c)] =
                    j % ((width - 1) / 4) == 0 ? 0 : 255;
    plate.caption = "Scale: left (dark blue) −" + magnitude(scale) + ", middle (grey) 0, right (bright yellow) " +
                    magnitude(scale) + (unit.empty() ? "" : " " + unit) + "; beyond as at the ends.";
    plate.alternative = "scale of colours from −" + magnitude(scale) + " to " + magnitude(scale);
    return plate;
}

}  // namespace descrambler
