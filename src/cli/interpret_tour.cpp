// What --all, --viewer and --walk share: their options, the operator, the places that are visited.
#include "cli/interpret_tour.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/finished.hpp"
#include "cli/result_folder.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "io/checksum.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr Index most_places = 4096;

std::vector<double> over_scale(const InterpretInput& input, const std::vector<double>& numbers) {
    std::vector<double> result(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
        result[i] = numbers[i] / input.scale[i];
    return result;
}

std::string content_of(const std::string& what, const std::string& path) {
    Checksum sum;
    sum.add(std::string_view(read_file(path, std::size_t{1} << 34)));
    return "content of " + what + " = checksum " + sum.text() + "\n";
}

// What decides the bits of the file.
std::string request_of(const InterpretOptions& o, const InterpretInput& input, const std::string& asked_for,
                       const std::string& device) {
    std::string request = asked_for + content_of("the network", o.net) + content_of("the input", o.input);
    std::vector<std::string> files = input.external;
    for (const std::string& file : o.given.files())
        files.push_back(file);
    for (const std::string& file : files)
        request += content_of(file, file);
    return request + "computed on = " + device + "\n";
}

// The mark of a folder: the request without what belongs to --all.
std::string folder_request(const std::string& request) {
    std::string mark;
    for (std::size_t at = 0; at < request.size();) {
        const std::size_t end = std::min(request.find('\n', at), request.size() - 1) + 1;
        if (const std::string line = request.substr(at, end - at); !line.starts_with("all = "))
            mark += line;
        at = end;
    }
    return mark;
}

// Makes the folder, or finds that of the same request, in which what is there stays. The page or the list of pictures
// comes last, so that it tells that all is there.
void open_folder(const InterpretOptions& o, const std::string& option, const std::string& folder,
                 const std::string& request) {
    make_folder(folder);
    std::error_code ignored;
    for (const std::string& file : {o.net, o.input})
        if (fs::equivalent(fs::absolute(file).parent_path(), folder, ignored))
            throw InputError(option + " " + folder + ": expected another folder than that of " + file);
    const fs::path mark = fs::path(folder) / "request.txt";
    const std::string wanted = folder_request(request);
    if (!fs::is_empty(folder) && (!fs::exists(mark) || read_file(mark) != wanted)) {
        if (!o.common.force)
            throw InputError(option + " " + folder +
                             ": holds files of another request: expected another folder, or --force");
        for (const char* const made : {"viewer.html", "data", "walk.mp4"})
            fs::remove_all(fs::path(folder) / made, ignored);
    }
    write_file(mark, wanted);
}

template <class T>
void run_tour_in(const InterpretOptions& o, const InterpretInput& input, const std::string& asked_for) {
    Communicator& ranks = *o.common.process.ranks;
    Execution execution = o.common.execution();
    const std::string device = settle_device(execution);
    const int threads = threads_of(execution);
    const std::string request = together(ranks, [&] { return request_of(o, input, asked_for, device); });
    const bool wanted = !o.all.empty() && !serves_already(o.out, request, o.out + ".parts", o.common);
    if (!wanted && o.viewer.empty() && o.walk.empty())
        return;
    if (!o.viewer.empty())
        open_folder(o, "--viewer", o.viewer, request);
    if (!o.walk.empty())
        open_folder(o, "--walk", o.walk, request);
    const auto F = together(ranks, [&] { return std::make_unique<TourOperator<T>>(o, input, execution); });
    if (wanted)
        stream_all(o, input, *F, request, threads);
    const Progress progress = stoppable_progress(o.common);
    if (!o.viewer.empty())
        write_viewer(o, input, *F, progress);
    if (!o.walk.empty())
        write_walk(o, input, *F, progress);
}

}  // namespace

std::vector<double> frozen_input(const InterpretInput& input) {
    std::vector<double> x0(input.raw.size());
    for (std::size_t i = 0; i < x0.size(); ++i)
        x0[i] = (input.raw[i] - input.mean[i]) / input.scale[i];
    return x0;
}

template <class T>
TourOperator<T>::TourOperator(const InterpretOptions& o, const InterpretInput& input, const Execution& execution)
    : o_(o),
      input_(input),
      frozen_(execution.backend<T>(), execution.backend<double>(), input.graph, frozen_input(input), o.freezing()) {
    frozen_.set_memory(o.memory << 20);
}

template <class T>
void TourOperator<T>::finish(Matrix<T>& items, const char* what) const {
    for (const T number : items.values())
        if (!std::isfinite(number))
            throw InputError(o_.net + ": " + what + " at this input is not finite in " + o_.common.precision +
                             (o_.common.precision == "f32" ? ", expected --precision f64" : ""));
}

template <class T>
Matrix<T> TourOperator<T>::rows(std::span<const Index> outputs) const {
    Matrix<T> items = frozen_.rows(outputs);
    if (o_.origin == "raw")
        for (Index k = 0; k < items.cols(); ++k)
            for (Index i = 0; i < items.rows(); ++i)
                items(i, k) = static_cast<T>(items(i, k) / input_.scale[static_cast<std::size_t>(i)]);
    finish(items, "a row");
    return items;
}

template <class T>
Matrix<T> TourOperator<T>::columns(std::span<const Index> inputs) const {
    Matrix<T> items = frozen_.columns(inputs);
    if (o_.origin == "raw")
        for (Index k = 0; k < items.cols(); ++k)
            for (T& number : items.column(k))
                number = static_cast<T>(number /
                                        input_.scale[static_cast<std::size_t>(inputs[static_cast<std::size_t>(k)])]);
    finish(items, "a column");
    return items;
}

template <class T>
std::vector<double> TourOperator<T>::residual() const {
    const std::vector<T> given = frozen_.residual();
    std::vector<double> r(given.begin(), given.end());
    if (o_.origin == "raw") {  // y = (F / scale) raw + r - F (mean / scale)
        Matrix<T> mean(frozen_.inputs(), 1);
        std::ranges::transform(over_scale(input_, input_.mean), mean.data(),
                               [](double number) { return static_cast<T>(number); });
        const Matrix<T> image = frozen_.apply(mean);
        for (Index i = 0; i < image.rows(); ++i)
            r[static_cast<std::size_t>(i)] -= static_cast<double>(image(i, 0));
    }
    return r;
}

template class TourOperator<float>;
template class TourOperator<double>;

TourGrid::Pixel TourGrid::input_pixel(Index line, Index place) const {
    return {std::min(line * step + step / 2, input.height - 1), std::min(place * step + step / 2, input.width - 1)};
}

TourGrid::Pixel TourGrid::output_pixel(Index line, Index place) const {
    const Pixel at = input_pixel(line, place);  // the pixel of the output under its centre
    return {(2 * at.row + 1) * output.height / (2 * input.height),
            (2 * at.column + 1) * output.width / (2 * input.width)};
}

Index TourGrid::input_index(Index line, Index place, Index channel) const {
    const Pixel at = input_pixel(line, place);
    return input.at(input_channel(channel), at.row, at.column);
}

Index TourGrid::output_index(Index line, Index place, Index channel) const {
    const Pixel at = output_pixel(line, place);
    return output.at(output_channel(channel), at.row, at.column);
}

TourGrid tour_grid(const InterpretOptions& o, const InterpretInput& input, const std::string& option) {
    const auto in = image_shape(input.shape(), o.layout);
    const auto out = output_image(input.graph.output_shape, in);
    if (!in || !out || in->height < 2 || in->width < 2 || out->height < 2 || out->width < 2)
        throw InputError(option + ": expected a network from images to images, found input " +
                         to_string(input.shape()) + ", output " + to_string(input.graph.output_shape));
    TourGrid grid{*in, *out};
    const auto along = [&](Index extent) { return (extent + grid.step - 1) / grid.step; };
    while (along(in->height) * along(in->width) > most_places)
        ++grid.step;
    grid.down = along(in->height);
    grid.across = along(in->width);
    grid.channels = std::min<Index>(3, std::max(in->channels, out->channels));
    return grid;
}

std::array<double, 3> signed_colour(double value) {
    // as the figures of the reports: dark ends keep the sign readable when printed
    constexpr std::array<std::array<double, 3>, 9> colours{{{5, 48, 97},
                                                            {33, 102, 172},
                                                            {67, 147, 195},
                                                            {166, 206, 227},
                                                            {247, 247, 247},
                                                            {244, 183, 154},
                                                            {214, 96, 77},
                                                            {178, 24, 43},
                                                            {103, 0, 31}}};
    const double at = 4 + 4 * std::clamp(value, -1.0, 1.0);
    const auto low = std::min<std::size_t>(7, static_cast<std::size_t>(at));
    std::array<double, 3> colour{};
    for (std::size_t c = 0; c < 3; ++c)
        colour[c] =
            std::round(colours[low][c] + (at - static_cast<double>(low)) * (colours[low + 1][c] - colours[low][c]));
    return colour;
}

void add_tour_options(CLI::App& command, InterpretOptions& o) {
    command
        .add_option(
            "--all", o.all,
            "rows or columns: all of them into --out, packed without loss; it goes on where it was stopped, and "
            "any number of ranks share the work")
        ->check(CLI::IsMember({"rows", "columns"}));
    command.add_option("--viewer", o.viewer,
                       "folder for viewer.html: move over the image, see the row and the column of that pixel");
    command.add_option("--walk", o.walk,
                       "folder for pictures of rows and columns along a walk, and where ffmpeg is there a video");
}

void check_tour(const InterpretOptions& o) {
    const bool asked = !o.all.empty() || !o.viewer.empty() || !o.walk.empty();
    const std::string option = !o.all.empty() ? "--all" : !o.viewer.empty() ? "--viewer" : "--walk";
    for (const auto& [name, text] :
         {std::pair<const char*, const std::string*>{"--viewer", &o.viewer}, {"--walk", &o.walk}})
        if (o.command->count(name) > 0 && text->empty())
            throw InputError(std::string(name) + ": expected a folder, found nothing");
    if (const int size = o.common.process.ranks->size();
        size > 1 && (o.all.empty() || !o.viewer.empty() || !o.walk.empty()))
        throw InputError("interpret: expected one process, or --all alone, started as " + std::to_string(size) +
                         " ranks");
    if (!asked)
        return;
    for (const char* const other :
         {"--rows", "--columns", "--contributions", "--svd", "--residual", "--explain", "--two-batch", "--pictures",
          "--report", "--baselines", "--deconvolution", "--discussion", "--votes", "--split", "--adversarial",
          "--measures", "--kink", "--bias-images"})
        if (o.command->count(other) > 0)
            throw InputError(option + ": expected no " + other + " beside it");
    if (!o.all.empty() && o.out.empty())
        throw InputError("--all: expected --out, the file that it goes to");
    if (o.all.empty() && !o.out.empty())
        throw InputError("--out: expected --all rows or columns beside " + option);
    for (const auto& [name, folder] :
         {std::pair<const char*, const std::string*>{"--viewer ", &o.viewer}, {"--walk ", &o.walk}})
        if (!folder->empty() && !o.out.empty() && lies_within(*folder, o.out))
            throw InputError(name + *folder + ": expected another path than --out " + o.out + ", which is a file");
    if (!o.viewer.empty() && !o.walk.empty() && lies_within(o.viewer, o.walk) && lies_within(o.walk, o.viewer))
        throw InputError("--walk " + o.walk + ": expected another folder than that of --viewer");
}

void run_tour(const InterpretOptions& o, const InterpretInput& input, const std::string& asked_for) {
    if (o.common.precision == "f32")
        run_tour_in<float>(o, input, asked_for);
    else
        run_tour_in<double>(o, input, asked_for);
}

}  // namespace descrambler::cli
