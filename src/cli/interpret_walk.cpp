// --walk: pictures of rows and columns along a walk over the image, subtitles, and a video where there is ffmpeg.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numbers>
#include <sstream>

#include "cli/interpret_tour.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"

extern char** environ;

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr Index frames = 120;
constexpr Index frames_a_second = 10;
constexpr Index panel = 288, gap = 12;  // px
constexpr Index block = 12;             // frames whose rows and columns are computed at once

struct Step {
    Index line = 0, place = 0;
};

// From the border to the middle in three turns.
std::vector<Step> spiral(const TourGrid& grid) {
    std::vector<Step> steps;
    for (Index k = 0; k < frames; ++k) {
        const double at = static_cast<double>(k) / (frames - 1), angle = 6 * std::numbers::pi * at,
                     radius = .48 * (1 - at);
        const auto along = [&](double turn, Index extent) {
            return std::clamp<Index>(std::lround((.5 + radius * turn) * static_cast<double>(extent - 1)), 0,
                                     extent - 1);
        };
        steps.push_back({along(std::sin(angle), grid.down), along(std::cos(angle), grid.across)});
    }
    return steps;
}

using Colour = std::array<double, 3>;

// Three images beside each other, each magnified to the size of a panel.
class Sheet {
public:
    explicit Sheet(Index panels) : picture_{panel, panels * panel + (panels - 1) * gap, 3, {}} {
        picture_.values.assign(static_cast<std::size_t>(picture_.height * picture_.width * 3), 255);
    }
    // colour(row, column) of the image; a frame around the pixel where there is one.
    template <class Paint>
    void draw(Index place, const ImageShape& image, TourGrid::Pixel pixel, const Paint& colour) {
        const double scale = static_cast<double>(panel) / static_cast<double>(std::max(image.height, image.width));
        const auto height = static_cast<Index>(static_cast<double>(image.height) * scale),
                   width = static_cast<Index>(static_cast<double>(image.width) * scale);
        const Index left = place * (panel + gap);
        for (Index i = 0; i < height; ++i)
            for (Index j = 0; j < width; ++j)
                put(i, left + j, colour(i * image.height / height, j * image.width / width));
        const auto mark = [&](Index distance, const Colour& ink) {
            const auto of = [&](Index at, Index extent) {
                return static_cast<Index>((static_cast<double>(at) + .5) * static_cast<double>(extent));
            };
            const Index y = of(pixel.row, height) / image.height, x = of(pixel.column, width) / image.width;
            for (Index k = -distance; k <= distance; ++k)
                for (const auto& [di, dj] : {std::pair{-distance, k}, {distance, k}, {k, -distance}, {k, distance}})
                    if (y + di >= 0 && y + di < height && x + dj >= 0 && x + dj < width)
                        put(y + di, left + x + dj, ink);
        };
        mark(5, {0, 0, 0});
        mark(6, {255, 255, 255});
    }
    [[nodiscard]] const Picture& picture() const { return picture_; }

private:
    void put(Index row, Index column, const Colour& colour) {
        for (Index c = 0; c < 3; ++c)
            picture_.values[static_cast<std::size_t>((row * picture_.width + column) * 3 + c)] =
                colour[static_cast<std::size_t>(c)];
    }
    Picture picture_;
};

// The sum over the channels of an image of F: what a grey pixel does.
std::vector<double> over_channels(const Matrix<double>& items, const ImageShape& image) {
    std::vector<double> sum(static_cast<std::size_t>(image.height * image.width));
    for (Index k = 0; k < items.cols(); ++k)
        for (Index c = 0; c < image.channels; ++c)
            for (Index i = 0; i < image.height; ++i)
                for (Index j = 0; j < image.width; ++j)
                    sum[static_cast<std::size_t>(i * image.width + j)] += items(image.at(c, i, j), k);
    return sum;
}

double largest(const std::vector<double>& values) {
    double most = 0;
    for (const double value : values)
        most = std::max(most, std::abs(value));
    return most;
}

std::string time_text(Index frame, char point) {
    const Index milliseconds = frame * 1000 / frames_a_second;
    char text[32];
    std::snprintf(text, sizeof text, "00:%02td:%02td%c%03td", milliseconds / 60000, milliseconds / 1000 % 60, point,
                  milliseconds % 1000);
    return text;
}

// Whether there is an ffmpeg on the PATH.
bool has_ffmpeg() {
    const char* const path = std::getenv("PATH");
    std::stringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access(((folder.empty() ? "." : folder) + "/ffmpeg").c_str(), X_OK) == 0)
            return true;
    return false;
}

// ffmpeg without its messages; the exit status, or 128 + signal.
int run_ffmpeg(std::vector<std::string> arguments) {
    std::vector<char*> words;
    for (std::string& argument : arguments)
        words.push_back(argument.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, "ffmpeg", &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        throw Error(std::string("cannot start ffmpeg: ") + std::strerror(failed));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw Error(std::string("cannot wait for ffmpeg: ") + std::strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The frames and the subtitles, as a track of its own, in one file. Whole or not at all.
void write_video(const fs::path& folder) {
    const fs::path made = temporary_name(folder / "walk.mp4");
    const int status = run_ffmpeg({"ffmpeg",
                                   "-nostdin",
                                   "-y",
                                   "-framerate",
                                   std::to_string(frames_a_second),
                                   "-i",
                                   folder / "frame_%04d.png",
                                   "-i",
                                   folder / "walk.srt",
                                   "-map",
                                   "0:v",
                                   "-map",
                                   "1:s",
                                   "-pix_fmt",
                                   "yuv420p",
                                   "-c:s",
                                   "mov_text",
                                   "-metadata:s:s:0",
                                   "language=eng",
                                   "-f",
                                   "mp4",
                                   made});
    std::error_code ignored;
    try {
        if (status != 0 || !fs::exists(made))
            throw Error((folder / "walk.mp4").string() + ": ffmpeg failed with " + std::to_string(status) +
                        "; the pictures are there");
        commit_file(made, folder / "walk.mp4");
    } catch (...) {
        fs::remove(made, ignored);
        throw;
    }
}

std::string frame_name(Index frame) {
    char name[32];
    std::snprintf(name, sizeof name, "frame_%04td.png", frame);
    return name;
}

struct Frame {
    std::vector<double> row, column;
    std::string text;
};

void draw_frame(const fs::path& path, const TourGrid& grid, const Picture& x, Step step, const Frame& frame) {
    const TourGrid::Pixel in = grid.input_pixel(step.line, step.place), out = grid.output_pixel(step.line, step.place);
    Sheet sheet(3);
    sheet.draw(0, grid.input, in, [&](Index i, Index j) {
        Colour colour{};
        for (Index c = 0; c < 3; ++c)
            colour[static_cast<std::size_t>(c)] =
                x.values[static_cast<std::size_t>((i * x.width + j) * x.channels + std::min(c, x.channels - 1))];
        return colour;
    });
    const auto signed_image = [](const std::vector<double>& values, const ImageShape& image) {
        const double most = std::max(largest(values), 1e-300);
        return [&values, &image, most](Index i, Index j) {
            return signed_colour(values[static_cast<std::size_t>(i * image.width + j)] / most);
        };
    };
    sheet.draw(1, grid.input, in, signed_image(frame.row, grid.input));
    sheet.draw(2, grid.output, out, signed_image(frame.column, grid.output));
    write_png(path, sheet.picture(), {{"Title", frame.text}});
}

// Frames first, first + 1, ...: rows and columns of all channels of their pixels.
template <class T>
std::vector<Frame> frames_from(Index first, const std::vector<Step>& steps, const TourGrid& grid,
                               const TourOperator<T>& F) {
    const Index count = std::min(block, std::ssize(steps) - first), in = grid.input.channels,
                out = grid.output.channels;
    std::vector<Index> rows, columns;
    for (Index k = first; k < first + count; ++k) {
        const Step step = steps[static_cast<std::size_t>(k)];
        const TourGrid::Pixel at = grid.input_pixel(step.line, step.place),
                              over = grid.output_pixel(step.line, step.place);
        for (Index c = 0; c < out; ++c)
            rows.push_back(grid.output.at(c, over.row, over.column));
        for (Index c = 0; c < in; ++c)
            columns.push_back(grid.input.at(c, at.row, at.column));
    }
    const auto part = [](const Matrix<T>& from, Index begin, Index number) {
        Matrix<double> to(from.rows(), number);
        std::ranges::copy(from.values().subspan(static_cast<std::size_t>(begin * from.rows()),
                                                static_cast<std::size_t>(number * from.rows())),
                          to.data());
        return to;
    };
    const Matrix<T> of_rows = F.rows(rows), of_columns = F.columns(columns);
    std::vector<Frame> result;
    for (Index k = 0; k < count; ++k) {
        const Step step = steps[static_cast<std::size_t>(first + k)];
        const TourGrid::Pixel at = grid.input_pixel(step.line, step.place),
                              over = grid.output_pixel(step.line, step.place);
        Frame frame{over_channels(part(of_rows, k * out, out), grid.input),
                    over_channels(part(of_columns, k * in, in), grid.output),
                    {}};
        char text[160];
        std::snprintf(text, sizeof text, "row of output (%td, %td), up to %.3g; column of input (%td, %td), up to %.3g",
                      over.row, over.column, largest(frame.row), at.row, at.column, largest(frame.column));
        frame.text = text;
        result.push_back(std::move(frame));
    }
    return result;
}

}  // namespace

template <class T>
void write_walk(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                const Progress& progress) {
    const TourGrid grid = tour_grid(o, input, "--walk");
    const fs::path folder = o.walk;
    Leftovers(folder).remove();
    const ImageShape grey{1, grid.input.height, grid.input.width};
    const bool colours = grid.input.channels == 1 || grid.input.channels == 3;
    std::vector<double> first;  // of features the first channel
    for (Index i = 0; i < grey.height; ++i)
        for (Index j = 0; j < grey.width; ++j)
            first.push_back(input.raw[static_cast<std::size_t>(grid.input.at(0, i, j))]);
    const Picture x = colours ? natural_picture(input.raw, grid.input) : natural_picture(first, grey);
    const std::vector<Step> steps = spiral(grid);
    std::string srt, vtt = "WEBVTT\n";
    for (Index begin = 0; begin < frames; begin += block) {
        progress("walk", static_cast<double>(begin), static_cast<double>(frames));
        if (progress.stop && progress.stop())
            throw Stopped("stopped within the walk");
        Index k = begin;
        for (const Frame& frame : frames_from(begin, steps, grid, F)) {
            draw_frame(folder / frame_name(k), grid, x, steps[static_cast<std::size_t>(k)], frame);
            srt += std::to_string(k + 1) + "\n" + time_text(k, ',') + " --> " + time_text(k + 1, ',') + "\n" +
                   frame.text + "\n\n";
            vtt += "\n" + time_text(k, '.') + " --> " + time_text(k + 1, '.') + "\n" + frame.text + "\n";
            ++k;
        }
    }
    write_file(folder / "walk.srt", srt);
    write_file(folder / "walk.vtt", vtt);
    const bool video = has_ffmpeg();
    if (video)
        write_video(folder);
    end_progress();
    if (!o.common.json && !o.common.quiet)
        std::printf("%s: %td pictures, subtitles%s\n", o.walk.c_str(), frames,
                    video ? ", walk.mp4" : "; no ffmpeg on the PATH, so no video");
}

template void write_walk(const InterpretOptions&, const InterpretInput&, const TourOperator<float>&, const Progress&);
template void write_walk(const InterpretOptions&, const InterpretInput&, const TourOperator<double>&, const Progress&);

}  // namespace descrambler::cli
