// The network, and the input that it is frozen at: numbers or a picture, as they are or (raw - mean) / scale.
#include <algorithm>
#include <cmath>
#include <map>

#include "cli/inputs.hpp"
#include "cli/interpret.hpp"
#include "cli/numbers.hpp"
#include "descrambler/error.hpp"
#include "descrambler/npy.hpp"

namespace descrambler::cli {

namespace {

bool few(Index channels) {
    return channels == 1 || channels == 3;
}

// What was read for x0: numbers or a picture, or nothing.
struct Given {
    std::optional<Picture> picture;
    std::optional<Tensor> numbers;
};

Given read_given(const std::string& file) {
    Given result;
    if (is_picture(file))
        result.picture = read_picture(file);
    else if (!file.empty())
        result.numbers = read_npy_tensor(file);
    return result;
}

// The network's only input that nothing is bound to; none: the import says what it needs.
const OnnxValue* only_input(const InterpretOptions& o, const OnnxModel& model, const ImportOptions& options) {
    const OnnxValue* chosen = nullptr;
    for (const OnnxValue& input : model.graph.inputs) {
        if (options.set.contains(input.name) || (!o.given.input_name.empty() && input.name != o.given.input_name))
            continue;
        if (chosen != nullptr)
            return nullptr;
        chosen = &input;
    }
    return chosen == nullptr || !chosen->dims || options.shapes.contains(chosen->name) ? nullptr : chosen;
}

// The extents of a picture in the order of the axes of `shape`, whose free extents are -1.
Shape extents_of(const InterpretOptions& o, const Picture& picture, const Shape& shape, const std::string& name) {
    const bool first = few(shape[1]), last = few(shape[3]);
    if (o.layout.empty() && first == last)
        throw InputError("--layout: expected nchw or nhwc, the shape of input \"" + name +
                         "\" does not tell where its channels are");
    const bool channels_last = o.layout.empty() ? last : o.layout == "nhwc";
    const Index channels = shape[channels_last ? 3 : 1] < 0 ? picture.channels : shape[channels_last ? 3 : 1];
    return channels_last ? Shape{1, picture.height, picture.width, channels}
                         : Shape{1, channels, picture.height, picture.width};
}

// Free extents of the only input take those of what is given for it; a free batch is 1.
void bind_extents(const InterpretOptions& o, const OnnxModel& model, const Given& given, ImportOptions& options) {
    const OnnxValue* const input = only_input(o, model, options);
    if (input == nullptr)
        return;
    bool free = false;
    Shape shape;
    std::string expected;
    for (const auto& dim : *input->dims) {
        const Index* const extent = std::get_if<Index>(&dim);
        free = free || (extent == nullptr && (!shape.empty() || input->dims->size() == 1));
        shape.push_back(extent != nullptr ? *extent : -1);
        expected += (expected.empty() ? "" : "x") + (extent != nullptr ? std::to_string(*extent) : "?");
    }
    if (!free)
        return;
    Shape fitting;
    if (given.picture && shape.size() == 4)
        fitting = extents_of(o, *given.picture, shape, input->name);
    if (given.numbers)
        fitting = given.numbers->shape;
    if (fitting.size() + 1 == shape.size())  // without the batch
        fitting.insert(fitting.begin(), 1);
    if (fitting.size() != shape.size())
        return;
    std::map<std::string, Index> named;  // one name is one extent
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::string* const name = std::get_if<std::string>(&(*input->dims)[i]);
        const bool batch = i == 0 && shape.size() > 1;
        const bool agrees = shape[i] < 0 ? batch || name == nullptr || name->empty() ||
                                               named.emplace(*name, fitting[i]).first->second == fitting[i]
                                         : given.picture || batch || shape[i] == fitting[i];
        if (!agrees)
            throw InputError(o.input + ": shape " + to_string(given.numbers ? given.numbers->shape : fitting) +
                             ", expected " + expected +
                             (shape[i] < 0 ? ", \"" + *name + "\" the same everywhere" : ""));
        if (shape[i] < 0)
            shape[i] = batch ? 1 : fitting[i];
    }
    options.shapes[input->name] = shape;
}

Graph open_graph(const InterpretOptions& o, const Given& given, std::string& source,
                 std::vector<std::string>& external) {
    if (!ends_as_onnx(o.net)) {
        const Ensemble ensemble = open_networks(o.net, o.network.value_or(0));
        source = o.net;
        return graph_of(ensemble.networks.front());
    }
    if (o.network)
        throw InputError("--network: expected an ensemble (HDF5)");
    const OnnxModel model = read_onnx(o.net);
    ImportOptions options = o.given.import();
    options.output = o.output_name;
    options.logits = !o.softmax;
    options.assume_opset = o.assume_opset;
    options.random_weights = o.random_weights.has_value();
    options.seed = o.random_weights.value_or(1);
    bind_extents(o, model, given, options);
    external.assign(model.external.begin(), model.external.end());
    source = model.producer.empty() ? o.net : o.net + " (" + model.producer + ")";
    return import_onnx(model, options);
}

// The image that the input is, where a picture has to fit it.
ImageShape image_for(const InterpretOptions& o, const Shape& shape, const Picture& picture) {
    const auto fits = [&](const ImageShape& image) {
        return few(image.channels) && image.height == picture.height && image.width == picture.width;
    };
    const auto image = image_shape(shape, o.layout);
    if (image && fits(*image))
        return *image;
    if (o.layout.empty())  // both ends may look like channels
        for (const char* const layout : {"nchw", "nhwc"})
            if (const auto other = image_shape(shape, layout); other && fits(*other))
                return *other;
    if (!image || !few(image->channels))
        throw InputError(o.input + ": a picture for an input of shape " + to_string(shape) +
                         ", expected one of 1 or 3 channels (--layout nchw or nhwc says which axis they are)");
    throw InputError(o.input + ": a picture of " + std::to_string(picture.height) + " x " +
                     std::to_string(picture.width) + " pixels (height x width), expected " +
                     std::to_string(image->height) + " x " + std::to_string(image->width));
}

std::vector<double> raw_of(const InterpretOptions& o, const Shape& shape, const Picture& picture,
                           std::optional<ImageShape>& image) {
    image = image_for(o, shape, picture);
    const Picture seen = with_channels(picture, image->channels);
    std::vector<double> raw(seen.values.size());
    std::size_t from = 0;
    for (Index i = 0; i < image->height; ++i)
        for (Index j = 0; j < image->width; ++j)
            for (Index c = 0; c < image->channels; ++c)
                raw[static_cast<std::size_t>(image->at(c, i, j))] = seen.values[from++];
    return raw;
}

std::vector<double> raw_of(const InterpretOptions& o, const Shape& shape, const Tensor& x) {
    const auto squeezed = [](const Shape& of) {
        Shape rest = of;
        while (!rest.empty() && rest.front() == 1)
            rest.erase(rest.begin());
        return rest;
    };
    if (squeezed(x.shape) != squeezed(shape) && x.shape != Shape{volume(shape)})
        throw InputError(o.input + ": shape " + to_string(x.shape) + ", expected " + to_string(shape));
    return x.as<double>();
}

// One number for all, or one a channel.
std::vector<double> by_channel(const std::string& option, const std::string& text, double otherwise, Index size,
                               const std::optional<ImageShape>& image) {
    std::vector<double> given{otherwise};
    if (!text.empty())
        given = real_numbers(option, text);
    if (given.size() == 1)
        return std::vector<double>(static_cast<std::size_t>(size), given[0]);
    if (!image || std::ssize(given) != image->channels)
        throw InputError(option + " " + text + ": " + std::to_string(given.size()) + " numbers, expected one" +
                         (image ? ", or one for each of " + std::to_string(image->channels) + " channels" : ""));
    std::vector<double> all(static_cast<std::size_t>(size));
    for (Index c = 0; c < image->channels; ++c)
        for (Index i = 0; i < image->height; ++i)
            for (Index j = 0; j < image->width; ++j)
                all[static_cast<std::size_t>(image->at(c, i, j))] = given[static_cast<std::size_t>(c)];
    return all;
}

}  // namespace

std::optional<ImageShape> image_shape(const Shape& shape, const std::string& layout) {
    const std::size_t rank = shape.size();
    if (rank == 2 && shape[0] > 1)
        return ImageShape{1, shape[0], shape[1], false};
    if (rank != 3 && !(rank == 4 && shape[0] == 1))
        return std::nullopt;
    const Index a = shape[rank - 3], b = shape[rank - 2], c = shape[rank - 1];
    if (layout.empty() ? few(c) && !few(a) : layout == "nhwc")
        return ImageShape{c, a, b, true};
    return ImageShape{a, b, c, false};
}

InterpretInput open_interpreted(const InterpretOptions& o) {
    InterpretInput result;
    if (!o.layout.empty() && o.layout != "nchw" && o.layout != "nhwc")
        throw InputError("--layout: expected nchw or nhwc, found \"" + o.layout + "\"");
    if (!o.mean.empty())
        (void)real_numbers("--mean", o.mean);
    if (!o.scale.empty())
        for (const double number : real_numbers("--scale", o.scale))
            if (number == 0)
                throw InputError("--scale " + o.scale + ": expected numbers other than 0");
    const Given given = read_given(o.input);
    result.graph = open_graph(o, given, result.source, result.external);
    const Shape& shape = result.shape();
    std::optional<ImageShape> image = image_shape(shape, o.layout);
    result.picture = given.picture.has_value();
    result.shifted = !o.mean.empty() || !o.scale.empty();
    if (!o.input.empty()) {
        result.raw = given.picture ? raw_of(o, shape, *given.picture, image) : raw_of(o, shape, *given.numbers);
        const Index size = std::ssize(result.raw);
        for (std::size_t i = 0; i < result.raw.size(); ++i)
            if (!std::isfinite(result.raw[i]))
                throw InputError(o.input + ": number " + std::to_string(i) + " is not finite");
        result.mean = by_channel("--mean", o.mean, 0, size, image);
        result.scale = by_channel("--scale", o.scale, 1, size, image);
        for (std::size_t i = 0; i < result.raw.size(); ++i)
            if (!std::isfinite(result.mean[i] / result.scale[i]) ||
                !std::isfinite((result.raw[i] - result.mean[i]) / result.scale[i]))
                throw InputError("--scale " + o.scale + ": --mean or the input over it is not finite");
    }
    result.axes = spatial_axes(shape);
    if (image && (shape.size() == 4 || (shape.size() == 3 && !o.layout.empty()))) {  // [1, C, L] is a signal
        const auto first = static_cast<Index>(shape.size()) - (image->channels_last ? 3 : 2);
        result.axes = {first, first + 1};
    }
    return result;
}

}  // namespace descrambler::cli
