// --pictures: all that has the shape of an image, as PNG files, and index.json that says what they are.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/interpret.hpp"
#include "cli/result_folder.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr Index most_tiles = 64;

// value = (pixel - zero) step
struct Scaling {
    double zero = 0, step = 1;
};

// 0 is the grey of 128, the largest size 255 or 1.
Scaling symmetric(std::span<const double> values) {
    double largest = 0;
    for (const double value : values)
        largest = std::max(largest, std::abs(value));
    return {128, largest > 0 ? largest / 127 : 1};
}

// Images as they are meant: 0 to 1 or 0 to 255 where the numbers leave that by no more than a quarter, otherwise the
// smallest black and the largest white. Of small numbers only whole ones are taken for a dark picture of 0 to 255; others
// are normalised ones, about 0.
Scaling natural(std::span<const double> values) {
    const auto [low, high] = std::ranges::minmax(values);
    if (low >= -.25 && high <= 1.25)
        return {0, 1.0 / 255};
    const bool fine =
        high <= 16 && std::ranges::any_of(values, [](double value) { return value != std::trunc(value); });
    if (low >= -64 && high <= 319 && !fine)
        return {0, 1};
    const double step = high > low ? (high - low) / 255 : 1;
    return {-low / step, step};
}

// Of 1 or 3 channels as it is; of others each channel as a grey tile, the first 64, with a black line between.
struct Tiles {
    Index count = 1, across = 1;
};
Picture drawn(std::span<const double> values, const ImageShape& image, const Scaling& scaling, Tiles& tiles) {
    const auto pixel = [&](Index c, Index i, Index j) {
        return values[static_cast<std::size_t>(image.at(c, i, j))] / scaling.step + scaling.zero;
    };
    Picture picture{image.height, image.width, image.channels, {}};
    if (image.channels == 1 || image.channels == 3) {
        for (Index i = 0; i < image.height; ++i)
            for (Index j = 0; j < image.width; ++j)
                for (Index c = 0; c < image.channels; ++c)
                    picture.values.push_back(pixel(c, i, j));
        return picture;
    }
    tiles.count = std::min(image.channels, most_tiles);
    tiles.across = static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(tiles.count))));
    const Index down = (tiles.count + tiles.across - 1) / tiles.across;
    picture = {down * (image.height + 1) - 1, tiles.across * (image.width + 1) - 1, 1, {}};
    picture.values.assign(static_cast<std::size_t>(picture.height * picture.width), 0);
    for (Index c = 0; c < tiles.count; ++c)
        for (Index i = 0; i < image.height; ++i)
            for (Index j = 0; j < image.width; ++j)
                picture.values[static_cast<std::size_t>((c / tiles.across * (image.height + 1) + i) * picture.width +
                                                        c % tiles.across * (image.width + 1) + j)] = pixel(c, i, j);
    return picture;
}

class Folder {
public:
    Folder(std::string path, Json index) : path_(std::move(path)), index_(std::move(index)) {}

    void draw(const std::string& name, const std::string& what, std::span<const double> values,
              const std::optional<ImageShape>& image, const Scaling& scaling) {
        if (!image || image->height < 2 || image->width < 2)
            return;
        Tiles tiles;
        const Picture picture = drawn(values, *image, scaling, tiles);
        const auto clipped = std::ranges::count_if(
            picture.values, [](double value) { return std::lround(value) < 0 || std::lround(value) > 255; });
        write_png(fs::path(path_) / (name + ".png"), picture,
                  {{"Title", what},
                   {"Scale", "value = (pixel - " + digits(scaling.zero, 17) + ") * " + digits(scaling.step, 17)},
                   {"Software", "descrambler " + version()}});
        Json entry{{"file", name + ".png"},   {"what", what},          {"channels", image->channels},
                   {"height", image->height}, {"width", image->width}, {"zero", scaling.zero},
                   {"step", scaling.step},    {"clipped", clipped}};
        if (picture.channels != image->channels)
            entry["tiles"] = {{"count", tiles.count}, {"across", tiles.across}};
        index_["pictures"].push_back(std::move(entry));
    }
    void finish() const {
        write_file(fs::path(path_) / "index.json", index_.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    }

private:
    std::string path_;
    Json index_;
};

}  // namespace

std::optional<ImageShape> output_image(const Shape& shape, const std::optional<ImageShape>& input) {
    const auto first = image_shape(shape, "nchw"), last = image_shape(shape, "nhwc");
    const auto alike = [&](const std::optional<ImageShape>& image) {
        return image && input && image->height * input->width == image->width * input->height;
    };
    const auto colours = [](const std::optional<ImageShape>& image) {
        return image && (image->channels == 1 || image->channels == 3);
    };
    if (alike(first) != alike(last))
        return alike(first) ? first : last;
    if (colours(first) != colours(last))
        return colours(first) ? first : last;
    return input && input->channels_last ? last : first;
}

Picture natural_picture(std::span<const double> values, const ImageShape& image) {
    Tiles tiles;
    return drawn(values, image, natural(values), tiles);
}

void check_folders_apart(const InterpretOptions& o, const std::vector<std::string>& read) {
    std::vector<std::string> others = read;
    if (!o.out.empty())
        others.push_back(o.out);
    const auto same = [](const fs::path& a, const fs::path& b) { return lies_within(a, b) && lies_within(b, a); };
    for (const auto& [option, folder] : {std::pair{"--pictures ", o.pictures}, {"--report ", o.report}})
        for (const std::string& file : others)
            if (!folder.empty() && !file.empty() && same(fs::absolute(file).parent_path(), folder))
                throw InputError(option + folder + ": expected another folder than that of " + file);
    for (const auto& [option, folder] : {std::pair{"--pictures ", o.pictures}, {"--report ", o.report}})
        if (!folder.empty() && !o.out.empty() && lies_within(folder, o.out))
            throw InputError(option + folder + ": expected another path than --out " + o.out + ", which is a file");
    if (!o.pictures.empty() && !o.report.empty() && same(o.pictures, o.report))
        throw InputError("--report " + o.report + ": expected another folder than that of --pictures");
    if (!o.pictures.empty() && !o.report.empty() && lies_within(o.pictures, fs::path(o.report) / "index"))
        throw InputError("--pictures " + o.pictures + ": expected another folder than that of the page's own pictures");
}

// Those of an earlier request that its index names.
void remove_pictures(const std::string& folder) {
    const fs::path index = fs::path(folder) / "index.json";
    std::error_code ignored;
    if (!fs::exists(index, ignored))
        return;
    const Json before = Json::parse(read_file(index), nullptr, false);
    fs::remove(index, ignored);  // until all are there
    if (!before.is_object() || !before.contains("pictures") || !before["pictures"].is_array())
        return;
    for (const Json& one : before["pictures"])
        if (const std::string name = one.is_object() ? one.value("file", "") : "";
            name.ends_with(".png") && name.find('/') == std::string::npos)
            fs::remove(fs::path(folder) / name, ignored);
}

void check_pictures(const InterpretOptions& o, const std::string& asked_for) {
    if (o.pictures.empty())
        return;
    const ResultFolder made("--pictures", o.pictures);
    if (o.common.force || fs::is_empty(o.pictures))
        return;
    const fs::path index = fs::path(o.pictures) / "index.json";
    const std::string hint = ": expected another --pictures, or --force";
    if (!fs::exists(index))
        throw InputError(o.pictures + ": holds other files and no index.json" + hint);
    const Json before = Json::parse(read_file(index), nullptr, false);
    if (!before.is_object() || before.value("request", Json()) != asked_for)
        throw InputError(index.string() + ": is there already, of another request" + hint);
}

// Maps, and what of x0 votes for the two outputs with the most votes; the other pixels are 0.
template <class Draw>
void draw_discussions(const InterpretInput& input, const InterpretAnswers& a, const std::optional<ImageShape>& image,
                      const Draw& draw) {
    if (!a.discussion)
        return;
    for (Index k = 0; k < a.discussion->found.maps.cols(); ++k) {
        const std::string number = std::to_string(a.discussion->index[static_cast<std::size_t>(k)]);
        draw("discussion_" + number, "discussion of output " + number, a.discussion->found.maps.column(k), image);
    }
    if (!a.discussion->votes || !image || image->height != a.discussion->height || image->width != a.discussion->width)
        return;
    const VoteCount& votes = *a.discussion->votes;
    std::vector<Index> order = a.discussion->labels;
    std::ranges::stable_sort(order, std::greater<>(), [&](Index j) { return votes.share(j); });
    for (std::size_t k = 0; k < std::min<std::size_t>(2, order.size()); ++k) {
        std::vector<double> masked = input.raw;
        for (Index c = 0; c < image->channels; ++c)
            for (Index i = 0; i < image->height; ++i)
                for (Index j = 0; j < image->width; ++j)
                    if (votes.winner[static_cast<std::size_t>(i * image->width + j)] != order[k])
                        masked[static_cast<std::size_t>(image->at(c, i, j))] = 0;
        const std::string number = std::to_string(order[k]);
        draw("votes_" + number, "what of x0 votes for output " + number, masked, image);
    }
}

// A map for each method, and what --deconvolution brings back.
template <class Draw>
void draw_baselines(const InterpretAnswers& a, const std::optional<ImageShape>& image, const Draw& draw) {
    if (!a.baselines)
        return;
    for (Index k = 0; k < a.baselines->deconvolved.cols(); ++k) {
        const std::string number = std::to_string(a.baselines->index[static_cast<std::size_t>(k)]);
        draw("deconvolution_" + number, "deconvolution of output " + number, a.baselines->deconvolved.column(k), image);
    }
    for (const BaselineMap& one : a.baselines->maps)
        draw("baseline_" + one.name, "output " + std::to_string(*a.baselines->output) + " by " + one.name, one.map,
             image);
}

// Of each node of --split its vectors, contracted, beside their plain channel means, and of --bias-images each image.
static void draw_splits(Folder& folder, const InterpretInput& input, const InterpretAnswers& a,
                        const std::optional<ImageShape>& of_input, const std::optional<ImageShape>& of_output) {
    const auto draw = [&](const std::string& name, const std::string& what, std::span<const double> values,
                          const std::optional<ImageShape>& image) {
        folder.draw(name, what, values, image, symmetric(values));
    };
    if (a.region && a.region->bias)
        for (Index k = 0; k < a.region->bias->images.cols(); ++k)
            draw("bias_" + std::to_string(k),
                 "what the bias of " + one_line(a.region->bias->names[static_cast<std::size_t>(k)]) + " adds to y",
                 a.region->bias->images.column(k), of_output);
    if (!a.split || !of_input || of_input->size() != input.graph.inputs())
        return;
    const std::optional<ImageShape> map = ImageShape{1, of_input->height, of_input->width, false};
    draw("gradient_x_input", "row " + std::to_string(a.split->output) + " of F times x0, over channels",
         a.split->gradient, map);
    const std::vector<double> masked = without_negatives(a.split->gradient);
    draw("gradient_x_input_positive", "the same, negative pixels masked", masked, map);
    for (std::size_t i = 0; i < a.split->splits.size(); ++i) {
        const Split& s = a.split->splits[i];
        const std::string name = "split_" + std::to_string(i) + "_", of = " in front of " + one_line(s.node);
        for (Index k = 0; k < std::min<Index>(s.right.cols(), 3); ++k) {
            const std::string number = std::to_string(k), vector = "right singular vector " + number + of;
            draw(name + "right_" + number, vector, s.right.column(k), of_input);
            draw(name + "map_" + number, vector + ", times x0, over channels", s.maps.column(k), map);
            draw(name + "mean_" + number, vector + ", mean of channels", s.means.column(k), map);
        }
        for (Index k = 0; k < std::min<Index>(s.reduced_maps.cols(), 3); ++k)
            draw(name + "reduced_" + std::to_string(k),
                 "term " + std::to_string(k) + of + " without cancellation, times x0, over channels",
                 s.reduced_maps.column(k), map);
    }
}

void write_pictures(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                    const std::string& asked_for) {
    const ResultFolder made("--pictures", o.pictures);
    remove_pictures(o.pictures);
    Folder folder(o.pictures, {{"net", o.net},
                               {"input", o.input},
                               {"origin", o.origin},
                               {"scale", "value = (pixel - zero) * step"},
                               {"pictures", Json::array()},
                               {"request", asked_for}});
    const auto of_input = image_shape(input.shape(), o.layout);
    const auto of_output = output_image(input.graph.output_shape, of_input);
    folder.draw("x0", "input x0, as the file has it", input.raw, of_input, natural(input.raw));
    folder.draw("y", "output y", a.y, of_output, natural(a.y));
    folder.draw("r", "residual r", a.r, of_output, symmetric(a.r));
    const auto draw = [&](const std::string& name, const std::string& what, std::span<const double> values,
                          const std::optional<ImageShape>& image) {
        folder.draw(name, what, values, image, symmetric(values));
    };
    for (Index k = 0; k < a.rows.cols(); ++k) {
        const std::string number = std::to_string(a.row_index[static_cast<std::size_t>(k)]);
        draw("row_" + number, "row " + number + " of F", a.rows.column(k), of_input);
    }
    for (Index k = 0; k < a.columns.cols(); ++k) {
        const std::string number = std::to_string(a.column_index[static_cast<std::size_t>(k)]);
        draw("column_" + number, "column " + number + " of F", a.columns.column(k), of_output);
    }
    for (Index k = 0; a.svd && k < std::ssize(a.svd->s); ++k) {
        const std::string number = std::to_string(k);
        const std::string sigma = ", singular value " + digits(a.svd->s[static_cast<std::size_t>(k)], 6);
        draw("left_" + number, "left singular vector " + number + sigma, a.svd->U.column(k), of_output);
        draw("right_" + number, "right singular vector " + number + sigma, a.svd->V.column(k), of_input);
    }
    draw_discussions(input, a, of_input, draw);
    draw_baselines(a, of_input, draw);
    if (a.attack)
        folder.draw("adversarial", "the changed input", a.attack->raw, of_input, natural(a.attack->raw));
    draw_splits(folder, input, a, of_input, of_output);
    folder.finish();
}

}  // namespace descrambler::cli
