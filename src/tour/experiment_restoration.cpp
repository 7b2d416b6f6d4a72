// E8: a denoiser and a demosaicker: residual, rows, singular vectors.
#include <algorithm>
#include <cmath>

#include "core/of_file.hpp"
#include "descrambler/evaluator.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/statistics.hpp"
#include "tour/material.hpp"
#include "tour/singular.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

constexpr Index side = 32, large = 160;
constexpr double noise = 10;  // standard deviation, of 255

struct Task {
    std::string name, file;
    Picture truth, given;  // 0 to 255
};

Picture noisy(const Settings& settings, Picture picture) {
    Backend<double>& on = settings.execution.backend<double>();
    const auto count = std::ssize(picture.values);
    const Buffer<double> normal = on.allocate(count);
    on.random_normal(settings.seed, 0, 0, normal.view(count, 1));
    std::vector<double> added(picture.values.size());
    on.download(normal.view(count, 1), added.data());
    for (std::size_t i = 0; i < added.size(); ++i)
        picture.values[i] = std::clamp(std::round(picture.values[i] + noise * added[i]), 0.0, 255.0);
    return picture;
}

// Green where row + column is even, red at the others of even rows, blue at those of odd rows; the other colours 0.
Picture mosaic(Picture picture) {
    for (Index i = 0; i < picture.height; ++i)
        for (Index j = 0; j < picture.width; ++j)
            for (Index c = 0; c < 3; ++c) {
                const Index there = (i + j) % 2 == 0 ? 1 : i % 2 == 0 ? 0 : 2;
                if (c != there)
                    picture.values[static_cast<std::size_t>((i * picture.width + j) * 3 + c)] = 0;
            }
    return picture;
}

// Of what `made` shows of `truth`, whose middle it is.
double psnr(const Picture& truth, const Picture& made) {
    const Index down = (truth.height - made.height) / 2, across = (truth.width - made.width) / 2;
    constexpr Index border = 8;
    double sum = 0, count = 0;
    for (Index i = border; i < made.height - border; ++i)
        for (Index j = border; j < made.width - border; ++j)
            for (Index c = 0; c < made.channels; ++c, ++count) {
                const double wanted = truth.values[static_cast<std::size_t>(
                                 ((i + down) * truth.width + j + across) * truth.channels + c)],
                             got = made.values[static_cast<std::size_t>((i * made.width + j) * made.channels + c)];
                sum += (wanted - got) * (wanted - got);
            }
    return 10 * std::log10(255 * 255 * count / sum);
}

// The mean of the neighbours (up to eight) that have a colour, at those that lack it: linear interpolation.
Picture interpolated(const Picture& picture) {
    Picture result = picture;
    const auto there = [](Index i, Index j) { return (i + j) % 2 == 0 ? 1 : i % 2 == 0 ? 0 : 2; };
    for (Index i = 0; i < picture.height; ++i)
        for (Index j = 0; j < picture.width; ++j)
            for (Index c = 0; c < 3; ++c) {
                if (there(i, j) == c)
                    continue;
                double sum = 0, count = 0;
                for (Index y = std::max<Index>(0, i - 1); y <= std::min(picture.height - 1, i + 1); ++y)
                    for (Index x = std::max<Index>(0, j - 1); x <= std::min(picture.width - 1, j + 1); ++x)
                        if (there(y, x) == c) {
                            sum += picture.values[static_cast<std::size_t>((y * picture.width + x) * 3 + c)];
                            ++count;
                        }
                result.values[static_cast<std::size_t>((i * picture.width + j) * 3 + c)] = sum / count;
            }
    return result;
}

struct Reading {
    double share = 0, near = 0, quality = 0;
    MeanMeasures inputs, outputs;
};

Picture made_by(const Settings& settings, const Subject& subject, const Picture& given) {
    const Evaluator evaluator(subject.graph, settings.execution.threads);
    Matrix<double> x(subject.graph.inputs(), 1);
    std::ranges::copy(subject.x0_of(given), x.values().begin());
    Picture made = picture_of(evaluator.run(x.view()).values(), *subject.output, 0, 255);
    for (double& value : made.values)
        value = std::clamp(value, 0.0, 255.0);
    return made;
}

Subject opened(const Settings& settings, const Task& task, Index size, std::optional<std::uint64_t> random) {
    Subject subject = open_subject(settings.data / "onnx" / task.file, {size, size, {0}, {255}, {}, random});
    if (!subject.output)
        throw InputError(subject.file + ": expected a network from pictures to pictures");
    return subject;
}

Reading read_frozen(const Settings& settings, const Task& task, std::optional<std::uint64_t> random, Article* page) {
    Backend<double>& on = settings.execution.backend<double>();
    const Subject subject = opened(settings, task, side, random);
    const Index first = (large - side) / 2;  // even: the mosaic stays
    const Picture given = cut(task.given, first, first, side, side);
    const FrozenNetwork<double> frozen(on, subject.graph, subject.x0_of(given), {});
    Reading result;
    const std::vector<double> r = frozen.residual();
    result.share = norm(r) / norm(frozen.output());
    const ImageShape& out = *subject.output;
    std::vector<Index> outputs;
    std::vector<PixelPlace> places;
    for (Index i = out.height / 4; i < out.height * 3 / 4; i += 3)
        for (Index j = out.width / 4; j < out.width * 3 / 4; j += 3) {
            outputs.push_back(out.at(out.channels / 2, i, j));
            places.push_back({i + (side - out.height) / 2, j + (side - out.width) / 2});
        }
    const Matrix<double> rows = frozen.rows(outputs);
    std::vector<double> near;
    for (std::size_t k = 0; k < outputs.size(); ++k)
        near.push_back(energy_within(rows.column(static_cast<Index>(k)), subject.input,
                                     static_cast<double>(places[k].row), static_cast<double>(places[k].column), 3));
    result.near = mean_of(near);
    const LanczosSvd svd = leading_triplets(on, frozen, settings.quick ? 2 : 10, 1e-4, settings.seed);
    result.inputs = mean_measures(on, svd.V, subject.input);
    result.outputs = mean_measures(on, svd.U, out);
    const Picture made = made_by(settings, opened(settings, task, large, random), task.given);
    result.quality = psnr(task.truth, made);
    if (page == nullptr)
        return result;
    const Index middle = std::ssize(outputs) / 2;
    const auto plate = [&](const std::string& name, std::span<const double> map, const ImageShape& shape,
                           const std::string& caption) {
        return Plate{task.name + "_" + name, signed_picture(map, shape, largest(map)), caption, "", 160};
    };
    page->plates({{task.name + "_given", task.given, "given", ""}, {task.name + "_made", made, "made", ""}},
                 task.name + ": its input and its output.");
    page->plates(
        {plate("row", rows.column(middle), subject.input, "row of F of a pixel in the middle"),
         plate("input", svd.V.column(0), subject.input, "first singular vector, input"),
         plate("output", svd.U.column(0), out, "first singular vector, output"), plate("residual", r, out, "residual")},
        task.name + ": grey is 0, each picture has its own range.");
    return result;
}

Reading read(const Settings& settings, const Task& task, std::optional<std::uint64_t> random, Article* page) {
    return of_file((settings.data / "onnx" / task.file).string(),
                   [&] { return read_frozen(settings, task, random, page); });
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    const std::filesystem::path file = settings.data / "images/coffee.png";
    const Picture photograph = cut(read_picture(file), 120, 200, large, large, file);
    const Picture grey = with_channels(photograph, 1);
    const std::vector<Task> tasks = {{"denoiser", "waifu2x_resnet10_noise1_y.onnx", grey, noisy(settings, grey)},
                                     {"demosaicker", "demosaicnet_bayer.onnx", photograph, mosaic(photograph)}};
    const std::vector<double> before = {psnr(tasks[0].truth, tasks[0].given),
                                        psnr(tasks[1].truth, interpolated(tasks[1].given))};
    page.paragraph("A denoiser of luminance (the photograph with noise of standard deviation " + text(noise) +
                   " of 255) and a demosaicker; control: the same graphs with random weights.");
    page.section("pictures", "Pictures");
    std::vector<std::vector<std::string>> rows;
    std::vector<Reading> trained, random;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        settings.step("E8: " + tasks[i].name, static_cast<double>(i), 2);
        trained.push_back(read(settings, tasks[i], std::nullopt, &page));
        random.push_back(read(settings, tasks[i], settings.seed, nullptr));
        for (const auto& [words, r] : {std::pair{"", &trained.back()}, {", random weights", &random.back()}})
            rows.push_back({tasks[i].name + words, text(r->share), percent(r->near), text(r->inputs.participation),
                            text(r->inputs.frequency), text(r->outputs.participation), text(r->outputs.frequency),
                            text(r->quality, 4)});
        rows.push_back({tasks[i].name + (i == 0 ? ": input as it is" : ": linear interpolation"), "", "", "", "", "",
                        "", text(before[i], 4)});
    }
    page.section("measures", "Measures");
    page.table({"Network", "|r| / |y|", "Row within 3 pixels", "Participation, inputs", "Frequency, inputs",
                "Participation, outputs", "Frequency, outputs", "PSNR, dB"},
               rows,
               "Singular vectors: means over the leading ones, " + std::to_string(side) + " x " + std::to_string(side) +
                   " pixels of input.");
    page.paragraph(
        "Rules: small where |r| / |y| is at most 0.3; local where 80 % of a row's energy lies within 3 pixels; the "
        "networks do what they are for where their PSNR is above that of the noisy input (denoiser) and of linear "
        "interpolation (demosaicker).");
    const auto both = [&](const std::vector<Reading>& of, const auto& take) {
        return text(take(of[0])) + ", " + text(take(of[1]));
    };
    const auto share = [](const Reading& r) { return r.share; };
    const auto near = [](const Reading& r) { return r.near; };
    const auto quality = [](const Reading& r) { return r.quality; };
    return {
        {"Tour", "Section 5", "the residual of restoration is small", "|r| / |y| " + both(trained, share),
         "random weights " + both(random, share), verdict_of(trained[0].share <= .3, trained[1].share <= .3)},
        {"Tour", "Section 5", "rows are concentrated at their pixel", "energy within 3 pixels " + both(trained, near),
         "random weights " + both(random, near), verdict_of(trained[0].near > .8, trained[1].near > .8)},
        {"Tour", "Section 5", "the networks do what they are for", "PSNR " + both(trained, quality) + " dB",
         text(before[0]) + " dB as it is, " + text(before[1]) + " dB interpolated",
         verdict_of(trained[0].quality > before[0], trained[1].quality > before[1])}};
}

}  // namespace

Experiment restoration() {
    return {"E8",
            "Denoising and demosaicking",
            {"onnx/waifu2x_resnet10_noise1_y.onnx", "onnx/demosaicnet_bayer.onnx", "images/coffee.png"},
            run};
}

}  // namespace descrambler::tour
