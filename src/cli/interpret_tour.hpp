// What interpret makes of many rows and columns: all of them in a file, a page to move over, a walk in pictures.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cli/interpret.hpp"
#include "descrambler/frozen.hpp"

namespace descrambler::cli {

// Rows and columns of F for the origin that is asked for.
template <class T>  // float, double
class TourOperator {
public:
    // Freezes the network; what is given outlives this. Throws InputError as FrozenNetwork.
    TourOperator(const InterpretOptions& o, const InterpretInput& input, const Execution& execution);

    [[nodiscard]] const FrozenNetwork<T>& frozen() const { return frozen_; }
    // [inputs, count] and [outputs, count]. Throws InputError where a number is not finite.
    [[nodiscard]] Matrix<T> rows(std::span<const Index> outputs) const;
    [[nodiscard]] Matrix<T> columns(std::span<const Index> inputs) const;
    // r with y = F x + r
    [[nodiscard]] std::vector<double> residual() const;

private:
    void finish(Matrix<T>& items, const char* what) const;

    const InterpretOptions& o_;
    const InterpretInput& input_;
    FrozenNetwork<T> frozen_;
};

// The places of an image network that a person visits: every step-th pixel of the input, in lines from the top, each with
// the pixel of the output that lies over it.
struct TourGrid {
    ImageShape input, output;
    Index step = 1, down = 0, across = 0, channels = 1;  // up to three: of an image with fewer the last one again

    struct Pixel {
        Index row = 0, column = 0;
    };
    [[nodiscard]] Pixel input_pixel(Index line, Index place) const;
    [[nodiscard]] Pixel output_pixel(Index line, Index place) const;
    [[nodiscard]] Index input_channel(Index channel) const { return std::min(channel, input.channels - 1); }
    [[nodiscard]] Index output_channel(Index channel) const { return std::min(channel, output.channels - 1); }
    // Where the numbers of the pixels lie in x and y.
    [[nodiscard]] Index input_index(Index line, Index place, Index channel) const;
    [[nodiscard]] Index output_index(Index line, Index place, Index channel) const;
};
// At most 4096 places. Throws InputError that names `option` where input or output is no image.
[[nodiscard]] TourGrid tour_grid(const InterpretOptions& o, const InterpretInput& input, const std::string& option);

// Blue, white, red for -1 to 1, clipped.
[[nodiscard]] std::array<double, 3> signed_colour(double value);

// x0, which the network is frozen at.
[[nodiscard]] std::vector<double> frozen_input(const InterpretInput& input);

// interpret_all.cpp: --out, by all ranks. Throws Error where it cannot be written, Stopped after a part.
template <class T>
void stream_all(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                const std::string& request, int threads);

// interpret_viewer.cpp: DIR/viewer.html and its data. Throws Error where a file cannot be written, Stopped.
template <class T>
void write_viewer(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                  const Progress& progress);
extern const char* const viewer_page;  // with @TOUR@ where a JSON object goes

// interpret_walk.cpp: DIR/frame_0000.png ..., the subtitles, and where there is an ffmpeg DIR/walk.mp4.
template <class T>
void write_walk(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                const Progress& progress);

void add_tour_options(CLI::App& command, InterpretOptions& o);
void check_tour(const InterpretOptions& o);
// All ranks call.
void run_tour(const InterpretOptions& o, const InterpretInput& input, const std::string& asked_for);

}  // namespace descrambler::cli
