#include "tour/material.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/discussion.hpp"
#include "descrambler/error.hpp"
#include "descrambler/receptive.hpp"

namespace descrambler::tour {

namespace {

bool few(Index channels) {
    return channels == 1 || channels == 3;
}

std::optional<ImageShape> image_of(const Shape& shape) {
    if (shape.size() != 4 || shape[0] != 1)
        return std::nullopt;
    if (few(shape[3]) && !few(shape[1]))
        return ImageShape{shape[3], shape[1], shape[2], true};
    return ImageShape{shape[1], shape[2], shape[3], false};
}

// Free extents of inputs that nothing is bound to: a batch of one picture of this size.
void bind_picture(const OnnxModel& model, const Opening& opening, ImportOptions& options) {
    for (const OnnxValue& input : model.graph.inputs) {
        if (opening.set.contains(input.name) || !input.dims || input.dims->size() != 4)
            continue;
        Shape shape;
        bool free = false;
        for (std::size_t i = 0; i < 4; ++i) {
            const Index* const extent = std::get_if<Index>(&(*input.dims)[i]);
            free = free || extent == nullptr;
            shape.push_back(extent != nullptr ? *extent : i == 0 ? 1 : -1);
        }
        if (!free)
            continue;
        const std::size_t down = few(shape[3]) ? 1 : 2;
        if (shape[down] < 0)
            shape[down] = opening.height;
        if (shape[down + 1] < 0)
            shape[down + 1] = opening.width;
        if (std::ranges::min(shape) < 1)
            throw InputError(model.path + ": input \"" + input.name + "\" has a free number of channels");
        options.shapes[input.name] = shape;
    }
}

}  // namespace

const std::vector<std::string> shipped_photographs = {
    "astronaut.png", "brick.png",  "camera.png", "cell.png",         "chelsea.png", "china.jpg",
    "coffee.png",    "coins.png",  "flower.jpg", "grass.png",        "gravel.png",  "hubble_deep_field.jpg",
    "ihc.png",       "retina.jpg", "rocket.jpg", "clock_motion.png", "text.png"};

std::vector<double> Subject::raw_of(const Picture& picture) const {
    if (picture.height != input.height || picture.width != input.width)
        throw InputError(file + ": a picture of " + std::to_string(picture.height) + " x " +
                         std::to_string(picture.width) + " pixels, expected " + std::to_string(input.height) + " x " +
                         std::to_string(input.width));
    const Picture seen = with_channels(picture, input.channels);
    std::vector<double> raw(seen.values.size());
    std::size_t from = 0;
    for (Index i = 0; i < input.height; ++i)
        for (Index j = 0; j < input.width; ++j)
            for (Index c = 0; c < input.channels; ++c)
                raw[static_cast<std::size_t>(input.at(c, i, j))] = seen.values[from++];
    return raw;
}

std::vector<double> Subject::at_every_number(const std::vector<double>& of_channels) const {
    std::vector<double> result(static_cast<std::size_t>(input.size()));
    for (Index c = 0; c < input.channels; ++c)
        for (Index i = 0; i < input.height; ++i)
            for (Index j = 0; j < input.width; ++j)
                result[static_cast<std::size_t>(input.at(c, i, j))] =
                    of_channels[static_cast<std::size_t>(c) % of_channels.size()];
    return result;
}

std::vector<double> Subject::x0_of(const Picture& picture) const {
    std::vector<double> x0 = raw_of(picture);
    const std::vector<double> shift = at_every_number(mean), step = at_every_number(scale);
    for (std::size_t i = 0; i < x0.size(); ++i)
        x0[i] = (x0[i] - shift[i]) / step[i];
    return x0;
}

std::vector<double> Subject::pixels(std::span<const double> map) const {
    return summed_at(map, place);
}

Subject subject_of(const OnnxModel& model, const std::string& name, const Opening& opening) {
    ImportOptions options;
    options.set = opening.set;
    options.random_weights = opening.random_weights.has_value();
    options.seed = opening.random_weights.value_or(1);
    bind_picture(model, opening, options);
    Subject result;
    result.name = name;
    result.file = model.path;
    result.graph = import_onnx(model, options);
    const Shape& shape = result.graph.values[static_cast<std::size_t>(result.graph.input)].shape;
    const std::optional<ImageShape> image = image_of(shape);
    if (!image || !few(image->channels))
        throw InputError(result.file + ": input " + descrambler::to_string(shape) +
                         ", expected one picture of 1 or 3 channels");
    result.input = *image;
    if (const auto output = image_of(result.graph.output_shape);
        output && output->height * image->width == output->width * image->height && output->height > 1)
        result.output = output;
    for (const std::vector<double>& numbers : {opening.mean, opening.scale})
        if (numbers.size() != 1 && std::ssize(numbers) != image->channels)
            throw InputError("--mean, --scale: " + std::to_string(numbers.size()) +
                             " numbers, expected one, or one for each of " + std::to_string(image->channels) +
                             " channels");
    result.mean = opening.mean;
    result.scale = opening.scale;
    result.place = kept_places(shape, image->channels_last ? std::vector<Index>{1, 2} : std::vector<Index>{2, 3});
    return result;
}

Subject open_subject(const std::filesystem::path& file, const Opening& opening) {
    return subject_of(read_onnx(file), file.stem().string(), opening);
}

Subject open_subject(const Settings& settings, const std::string& file, const Opening& opening) {
    if (!settings.network)
        return open_subject(settings.data / "onnx" / file, opening);
    Opening given = opening;
    given.mean = settings.network->mean;
    given.scale = settings.network->scale;
    return open_subject(settings.network->file, given);
}

Picture resampled(const Picture& picture, Index height, Index width) {
    const double scale = std::min(static_cast<double>(picture.height) / static_cast<double>(height),
                                  static_cast<double>(picture.width) / static_cast<double>(width));
    const double top = (static_cast<double>(picture.height) - scale * static_cast<double>(height)) / 2,
                 left = (static_cast<double>(picture.width) - scale * static_cast<double>(width)) / 2;
    // what pixel k covers of the pixels below, from first to last, with the share of each
    const auto covered = [scale](double start, Index k, Index size, const auto& take) {
        const double low = start + scale * static_cast<double>(k), high = low + scale;
        for (auto i = std::max<Index>(static_cast<Index>(std::floor(low)), 0);
             i < size && static_cast<double>(i) < high; ++i)
            if (const double share = std::min(high, static_cast<double>(i + 1)) - std::max(low, static_cast<double>(i));
                share > 0)
                take(i, share);
    };
    Picture result{height, width, picture.channels, {}};
    result.values.reserve(static_cast<std::size_t>(height * width * picture.channels));
    for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j)
            for (Index c = 0; c < picture.channels; ++c) {
                double sum = 0, all = 0;
                covered(top, i, picture.height, [&](Index y, double down) {
                    covered(left, j, picture.width, [&](Index x, double across) {
                        sum += down * across *
                               picture.values[static_cast<std::size_t>((y * picture.width + x) * picture.channels + c)];
                        all += down * across;
                    });
                });
                result.values.push_back(sum / all);
            }
    return result;
}

Picture cut(const Picture& picture, Index top, Index left, Index height, Index width,
            const std::filesystem::path& file) {
    if (top < 0 || left < 0 || top + height > picture.height || left + width > picture.width)
        throw InputError(file.string() + ": " + std::to_string(picture.height) + " x " + std::to_string(picture.width) +
                         " pixels, expected " + std::to_string(top + height) + " x " + std::to_string(left + width) +
                         " at least");
    Picture result{height, width, picture.channels, {}};
    for (Index i = top; i < top + height; ++i) {
        const auto from = picture.values.begin() + (i * picture.width + left) * picture.channels;
        result.values.insert(result.values.end(), from, from + width * picture.channels);
    }
    return result;
}

Picture picture_of(std::span<const double> values, const ImageShape& image, double zero, double step) {
    Picture result{image.height, image.width, image.channels, {}};
    for (Index i = 0; i < image.height; ++i)
        for (Index j = 0; j < image.width; ++j)
            for (Index c = 0; c < image.channels; ++c)
                result.values.push_back(zero + step * values[static_cast<std::size_t>(image.at(c, i, j))]);
    return result;
}

std::vector<std::filesystem::path> photographs(const Settings& settings) {
    if (settings.network && !settings.network->pictures.empty())
        return settings.network->pictures;
    std::vector<std::filesystem::path> result;
    for (const std::string& name : shipped_photographs)
        result.push_back(settings.data / "images" / name);
    return result;
}

Picture photograph_of(const Settings& settings, std::size_t k, const std::string& name) {
    if (settings.network && k < settings.network->pictures.size())
        return read_picture(settings.network->pictures[k]);
    return read_picture(settings.data / "images" / name);
}

void check_classifier(const Subject& subject) {
    const Shape& shape = subject.graph.output_shape;
    const Index most = shape.empty() ? 1 : *std::ranges::max_element(shape);
    if (most < 2 || most != subject.graph.outputs())
        throw InputError(subject.file + ": output " + descrambler::to_string(shape) +
                         ", expected a classifier: two scores or more in one row");
}

OnnxModel cubic_resize(Index channels, double scale) {
    OnnxModel model;
    model.path = "cubic resize";
    model.ir_version = 9;
    model.opset = 18;
    const auto factor = static_cast<float>(scale);
    model.graph.constants["scales"] = tensor({4}, std::vector<float>{1, 1, factor, factor});
    model.graph.nodes.push_back({"resize",
                                 "Resize",
                                 "",
                                 {"x", "", "scales"},
                                 {"y"},
                                 {{"mode", std::string("cubic")}, {"antialias", std::int64_t{scale < 1 ? 1 : 0}}}});
    using Dims = std::vector<std::variant<Index, std::string>>;
    model.graph.inputs = {{"x", ElementType::f32, Dims{Index{1}, channels, "height", "width"}}};
    model.graph.outputs = {{"y", ElementType::f32, std::nullopt}};
    return model;
}

}  // namespace descrambler::tour
