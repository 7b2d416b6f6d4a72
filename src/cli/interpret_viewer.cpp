// --viewer: a page that shows the row and the column of the pixel under the pointer. It is read from a folder, without a
// server, where scripts are the only files that a page may load: the data are scripts.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "cli/interpret_tour.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "io/packed.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr Index tile =
    2;  // places along each side of what one script holds: little, so that a jump is answered at once

std::string base64(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t three = 0;
        for (std::size_t k = 0; k < 3; ++k)
            three = three << 8 | (k < left ? bytes[i + k] : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            text += k <= left ? letters[three >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

void put(std::vector<std::uint8_t>& to, Index number) {  // 16 bits
    to.push_back(static_cast<std::uint8_t>(number & 255));
    to.push_back(static_cast<std::uint8_t>(number >> 8));
}

// One channel of an image: u16 first row, first column, rows, columns, f32 step, then a signed byte a pixel of this box,
// of which value = step * byte; beyond the box every byte is 0.
template <class T>
void put_picture(std::vector<std::uint8_t>& to, std::span<const T> values, const ImageShape& image, Index channel) {
    double largest = 0;
    for (Index i = 0; i < image.height; ++i)
        for (Index j = 0; j < image.width; ++j)
            largest = std::max(
                largest, std::abs(static_cast<double>(values[static_cast<std::size_t>(image.at(channel, i, j))])));
    const auto step = static_cast<float>(largest / 127);
    std::vector<float> bytes(static_cast<std::size_t>(image.height * image.width));
    for (Index i = 0; step > 0 && i < image.height; ++i)
        for (Index j = 0; j < image.width; ++j)
            bytes[static_cast<std::size_t>(i * image.width + j)] = static_cast<float>(std::clamp<long>(
                std::lround(static_cast<double>(values[static_cast<std::size_t>(image.at(channel, i, j))]) / step),
                -127, 127));
    const Box box = box_of<float>(bytes, {1, image.height, image.width});
    for (const Index number : {box.first[1], box.first[2], box.size[1], box.size[2]})
        put(to, number);
    const auto bits = std::bit_cast<std::uint32_t>(step);
    for (int shift = 0; shift < 32; shift += 8)
        to.push_back(static_cast<std::uint8_t>(bits >> shift));
    for (Index i = 0; i < box.size[1]; ++i)
        for (Index j = 0; j < box.size[2]; ++j) {
            const float byte = bytes[static_cast<std::size_t>((box.first[1] + i) * image.width + box.first[2] + j)];
            to.push_back(static_cast<std::uint8_t>(static_cast<std::int8_t>(byte)));
        }
}

// The script of one tile: of every place and channel the row, then the column.
template <class T>
std::string tile_script(const TourGrid& grid, const TourOperator<T>& F, Index down, Index across) {
    std::vector<Index> rows, columns;
    for (Index line = down * tile; line < std::min((down + 1) * tile, grid.down); ++line)
        for (Index place = across * tile; place < std::min((across + 1) * tile, grid.across); ++place)
            for (Index channel = 0; channel < grid.channels; ++channel) {
                rows.push_back(grid.output_index(line, place, channel));
                columns.push_back(grid.input_index(line, place, channel));
            }
    const Matrix<T> of_rows = F.rows(rows), of_columns = F.columns(columns);
    std::vector<std::uint8_t> bytes;
    for (Index k = 0; k < of_rows.cols(); ++k) {
        const Index channel = k % grid.channels;
        put_picture<T>(bytes, of_rows.column(k), grid.input, grid.input_channel(channel));
        put_picture<T>(bytes, of_columns.column(k), grid.output, grid.output_channel(channel));
    }
    return "tile(\"" + std::to_string(down) + "_" + std::to_string(across) + "\",\"" + base64(deflated(bytes)) +
           "\")\n";
}

void write_image(const fs::path& path, std::span<const double> values, const ImageShape& image) {
    if (image.channels == 1 || image.channels == 3)
        return write_png(path, natural_picture(values, image));
    std::vector<double> first;  // of features the first channel
    for (Index i = 0; i < image.height; ++i)
        for (Index j = 0; j < image.width; ++j)
            first.push_back(values[static_cast<std::size_t>(image.at(0, i, j))]);
    write_png(path, natural_picture(first, {1, image.height, image.width}));
}

Json json_of(const ImageShape& image) {
    return {{"channels", image.channels}, {"height", image.height}, {"width", image.width}};
}

}  // namespace

template <class T>
void write_viewer(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                  const Progress& progress) {
    const TourGrid grid = tour_grid(o, input, "--viewer");
    if (std::max({grid.input.height, grid.input.width, grid.output.height, grid.output.width}) > 65535)
        throw InputError("--viewer: expected images of at most 65535 pixels a side");
    const fs::path folder = o.viewer, data = folder / "data";
    make_folder(data);
    Leftovers(data).remove();
    write_image(data / "x.png", input.raw, grid.input);
    write_image(data / "y.png", F.frozen().output(), grid.output);
    const Index down = (grid.down + tile - 1) / tile, across = (grid.across + tile - 1) / tile;
    for (Index k = 0; k < down * across; ++k) {
        progress("viewer", static_cast<double>(k), static_cast<double>(down * across));
        if (progress.stop && progress.stop())
            throw Stopped("stopped after a part of the viewer");
        const fs::path script = data / (std::to_string(k / across) + "_" + std::to_string(k % across) + ".js");
        if (!fs::exists(script))
            write_file(script, tile_script(grid, F, k / across, k % across));
    }
    const Json tour{{"net", fs::path(o.net).filename().string()},
                    {"freeze", o.freeze},
                    {"norm", o.norm},
                    {"origin", o.origin},
                    {"input", json_of(grid.input)},
                    {"output", json_of(grid.output)},
                    {"step", grid.step},
                    {"down", grid.down},
                    {"across", grid.across},
                    {"channels", grid.channels},
                    {"tile", tile}};
    std::string page = viewer_page, text = tour.dump(-1, ' ', true, Json::error_handler_t::replace);
    for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)  // the name of a file ends no script
        text.replace(at, 1, "\\u003c");
    const std::string hole = "@TOUR@";
    page.replace(page.find(hole), hole.size(), text);
    write_file(folder / "viewer.html", page);
    if (!o.common.json && !o.common.quiet) {
        end_progress();
        std::printf("%s: open it in a browser\n", (folder / "viewer.html").c_str());
    }
}

template void write_viewer(const InterpretOptions&, const InterpretInput&, const TourOperator<float>&, const Progress&);
template void write_viewer(const InterpretOptions&, const InterpretInput&, const TourOperator<double>&,
                           const Progress&);

}  // namespace descrambler::cli
