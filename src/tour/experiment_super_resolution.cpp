// E3: super-resolution: residual, rows, columns and singular vectors of five networks beside random weights and PCA.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/of_file.hpp"
#include "descrambler/error.hpp"
#include "descrambler/evaluator.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/power_svd.hpp"
#include "descrambler/statistics.hpp"
#include "tour/material.hpp"
#include "tour/singular.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

struct Magnifier {
    std::string name, file;  // no file: cubic convolution
    Index scale = 4, side = 24, channels = 3;
};
const std::vector<Magnifier> magnifiers = {{"bicubic", "", 4, 24, 3},
                                           {"pixelshuffle4", "pixelshuffle4_x4.onnx", 4, 24, 1},
                                           {"edsr8", "edsr8_x4.onnx", 4, 24, 3},
                                           {"realesr", "realesr_animevideov3_x4.onnx", 4, 24, 3},
                                           {"upconv7", "waifu2x_upconv7_scale_rgb.onnx", 2, 32, 3}};

struct Reading {
    Magnifier of;
    Subject subject;
    std::vector<double> x0, r;
    double share = 0, residual_participation = 0;  // |r| / |y|
    LanczosSvd svd;
    MeanMeasures inputs, outputs;
    double adaptivity = 0, edges = 0, edges_elsewhere = 0;  // correlation of the deviations with edges
    double near_row = 0, near_column = 0;                   // energy within 3 pixels of the input
    std::vector<Plate> filters;                             // rows and columns at an edge and where there is none
};

Subject open_magnifier(const Settings& settings, const Magnifier& of, Index side,
                       std::optional<std::uint64_t> random = {}) {
    const Opening opening{side, side, {0}, {255}, {}, random};
    if (of.file.empty())
        return subject_of(cubic_resize(of.channels, static_cast<double>(of.scale)), of.name, opening);
    return open_subject(settings.data / "onnx" / of.file, opening);
}

// A photograph as such a network gets it: 240 x 240 pixels, made smaller by cubic convolution with antialiasing.
struct Scene {
    Picture large, small;
};
Scene scene_of(const Settings& settings, Index scale) {
    const std::filesystem::path file = settings.data / "images/chelsea.png";
    Scene scene{cut(read_picture(file), 20, 100, 240, 240, file), {}};
    const Subject shrink =
        subject_of(cubic_resize(3, 1 / static_cast<double>(scale)), "shrink", {240, 240, {0}, {1}, {}, std::nullopt});
    const Evaluator evaluator(shrink.graph, settings.execution.threads);
    Matrix<double> x(shrink.graph.inputs(), 1);
    std::ranges::copy(shrink.x0_of(scene.large), x.values().begin());
    const Matrix<double> y = evaluator.run(x.view());
    scene.small = picture_of(y.values(), *shrink.output, 0, 1);
    for (double& value : scene.small.values)  // as a file has it
        value = std::clamp(std::round(value), 0.0, 255.0);
    return scene;
}

// ---- places -----------------------------------------------------------------------------------------------------------

struct Places {
    std::vector<Index> columns;       // of F
    std::vector<PixelPlace> outputs;  // over which they lie
    std::vector<PixelPlace> inputs;
};
// Every second pixel of the input that is far enough from the border for a square of `reach` in the output.
Places places_of(const Magnifier& of, const Subject& subject, Index reach) {
    Places places;
    const Index offset = (of.scale * subject.input.height - subject.output->height) / 2;  // of networks without padding
    for (Index i = 0; i < subject.input.height; i += 2)
        for (Index j = 0; j < subject.input.width; j += 2) {
            const Index row = of.scale * i + of.scale / 2 - offset, column = of.scale * j + of.scale / 2 - offset;
            if (std::min(row, column) < reach || row + reach >= subject.output->height ||
                column + reach >= subject.output->width)
                continue;
            places.columns.push_back(subject.input.at(subject.input.channels / 2, i, j));
            places.outputs.push_back({row, column});
            places.inputs.push_back({i, j});
        }
    return places;
}

// Size of the gradient of the luminance at each place, by central differences.
std::vector<double> edges_at(const Picture& picture, const std::vector<PixelPlace>& places) {
    const Picture grey = with_channels(picture, 1);
    const auto at = [&](Index i, Index j) {
        i = std::clamp<Index>(i, 0, grey.height - 1);
        j = std::clamp<Index>(j, 0, grey.width - 1);
        return grey.values[static_cast<std::size_t>(i * grey.width + j)];
    };
    std::vector<double> result;
    for (const PixelPlace& p : places)
        result.push_back(std::hypot(at(p.row + 1, p.column) - at(p.row - 1, p.column),
                                    at(p.row, p.column + 1) - at(p.row, p.column - 1)));
    return result;
}

// ---- reading a network ------------------------------------------------------------------------------------------------

Reading read_frozen(const Settings& settings, const Magnifier& of, Subject subject, const Picture& small,
                    const Picture& elsewhere, int wanted) {
    Backend<double>& on = settings.execution.backend<double>();
    Reading result;
    result.of = of;
    const Index side = subject.input.height;
    const Picture middle = cut(small, (small.height - side) / 2, (small.width - side) / 2, side, side);
    result.x0 = subject.x0_of(middle);
    const FrozenNetwork<double> frozen(on, subject.graph, result.x0, {});
    result.r = frozen.residual();
    result.share = norm(result.r) / norm(frozen.output());
    result.residual_participation = measure(on, result.r, *subject.output).participation;
    result.svd = leading_triplets(on, frozen, wanted, 1e-5, settings.seed);
    result.inputs = mean_measures(on, result.svd.V, subject.input);
    result.outputs = mean_measures(on, result.svd.U, *subject.output);

    const Index reach = 3 * of.scale;
    const Places places = places_of(of, subject, reach);
    const Matrix<double> columns = frozen.columns(places.columns);
    const Adaptivity adapted = adaptivity(columns, *subject.output, places.outputs, reach);
    result.adaptivity = adapted.overall;
    result.edges = cross_correlation(adapted.each, edges_at(middle, places.inputs));
    result.edges_elsewhere = cross_correlation(adapted.each, edges_at(resampled(elsewhere, side, side), places.inputs));
    std::vector<double> near_column, near_row;
    std::vector<Index> outputs;
    for (std::size_t k = 0; k < places.columns.size(); ++k) {
        near_column.push_back(energy_within(columns.column(static_cast<Index>(k)), *subject.output,
                                            static_cast<double>(places.outputs[k].row),
                                            static_cast<double>(places.outputs[k].column), static_cast<double>(reach)));
        outputs.push_back(
            subject.output->at(subject.output->channels / 2, places.outputs[k].row, places.outputs[k].column));
    }
    const Matrix<double> rows = frozen.rows(outputs);
    for (std::size_t k = 0; k < outputs.size(); ++k)
        near_row.push_back(energy_within(rows.column(static_cast<Index>(k)), subject.input,
                                         static_cast<double>(places.inputs[k].row),
                                         static_cast<double>(places.inputs[k].column), 3));
    const std::vector<double> edges = edges_at(middle, places.inputs);
    for (const auto& [where, k] : {std::pair{"on an edge", std::ranges::max_element(edges) - edges.begin()},
                                   std::pair{"on even ground", std::ranges::min_element(edges) - edges.begin()}}) {
        const std::string name = of.name + (std::string(where) == "on an edge" ? "_edge" : "_even");
        result.filters.push_back({name + "_column",
                                  signed_picture(columns.column(k), *subject.output, largest(columns.column(k))),
                                  std::string("column ") + where, "", 160});
        result.filters.push_back({name + "_row", signed_picture(rows.column(k), subject.input, largest(rows.column(k))),
                                  std::string("row ") + where, "", 160});
    }
    result.near_column = mean_of(near_column);
    result.near_row = mean_of(near_row);
    result.subject = std::move(subject);
    return result;
}

Reading read(const Settings& settings, const Magnifier& of, const Subject& subject, const Picture& small,
             const Picture& elsewhere, int wanted) {
    return of_file(subject.file, [&] { return read_frozen(settings, of, subject, small, elsewhere, wanted); });
}

// A network of the user, at the same picture.
Reading read_given(const Settings& settings, const Picture& small, const Picture& elsewhere, int wanted) {
    const Subject subject = open_subject(settings, "", {24, 24, {0}, {255}, {}, std::nullopt});
    if (!subject.output || subject.output->height <= subject.input.height || small.height < subject.input.height)
        throw InputError(subject.file + ": input " + std::to_string(subject.input.height) + " x " +
                         std::to_string(subject.input.width) +
                         ", expected a network that enlarges pictures of at most 60 x 60 pixels");
    const Magnifier of{"given", "", std::max<Index>(1, subject.output->height / subject.input.height),
                       subject.input.height, subject.input.channels};
    return read(settings, of, subject, small, elsewhere, wanted);
}

double psnr(const Settings& settings, const Magnifier& of, const Scene& scene) {
    const Subject subject = open_magnifier(settings, of, 240 / of.scale);
    const Evaluator evaluator(subject.graph, settings.execution.threads);
    Matrix<double> x(subject.graph.inputs(), 1);
    std::ranges::copy(subject.x0_of(scene.small), x.values().begin());
    const Matrix<double> y = evaluator.run(x.view());
    const Picture truth = with_channels(scene.large, subject.input.channels);
    const Picture made = picture_of(y.values(), *subject.output, 0, 255);
    const Index off = (truth.height - made.height) / 2, border = std::max<Index>(8, off);
    double sum = 0, count = 0;
    for (Index i = border; i < truth.height - border; ++i)
        for (Index j = border; j < truth.width - border; ++j)
            for (Index c = 0; c < truth.channels; ++c, ++count) {
                const double wanted =
                    truth.values[static_cast<std::size_t>((i * truth.width + j) * truth.channels + c)];
                const double got = std::clamp(
                    made.values[static_cast<std::size_t>(((i - off) * made.width + j - off) * truth.channels + c)], 0.0,
                    255.0);
                sum += (wanted - got) * (wanted - got);
            }
    return 10 * std::log10(255 * 255 * count / sum);
}

// ---- pages ------------------------------------------------------------------------------------------------------------

void add_pictures(Article& page, std::vector<Reading>& readings) {
    page.section("pictures", "Rows, columns and singular vectors");
    page.paragraph(
        "Of each network: columns of F (what a pixel of the input does to the output) and rows (what a pixel of the "
        "output "
        "is made of), where the picture has its strongest edge and where it is most even; the residual; and the "
        "leading "
        "singular vectors, inputs and the outputs that they cause. Grey is 0; each picture has its own range.");
    for (Reading& r : readings) {
        std::vector<Plate> plates;
        const auto add = [&](const std::string& name, std::span<const double> map, const ImageShape& shape,
                             const std::string& caption) {
            const double range = largest(map);
            plates.push_back(
                {r.of.name + "_" + name, signed_picture(map, shape, range), caption, r.of.name + ": " + caption, 160});
        };
        for (Index k = 0; k < std::min<Index>(3, r.svd.V.cols()); ++k) {
            add("input_" + std::to_string(k), r.svd.V.column(k), r.subject.input, "input " + std::to_string(k + 1));
            add("output_" + std::to_string(k), r.svd.U.column(k), *r.subject.output,
                "output " + std::to_string(k + 1) + ", singular value " + text(r.svd.s[static_cast<std::size_t>(k)]));
        }
        const double range = largest(r.r);
        r.filters.push_back(
            {r.of.name + "_residual", signed_picture(r.r, *r.subject.output, range), "residual", "", 160});
        page.plates(std::move(r.filters), r.of.name + ": filters and residual.");
        page.plates(std::move(plates), r.of.name + ": singular vectors.");
    }
}

void add_tables(Article& page, const std::vector<Reading>& readings, const Reading& random, const MeanMeasures& faces) {
    page.section("measures", "Measures");
    std::vector<std::vector<std::string>> rows;
    const auto row = [&](const std::string& what, const MeanMeasures& m) {
        rows.push_back({what, text(m.participation), text(m.frequency), text(m.bandwidth), text(m.orientation),
                        text(m.constant, 2)});
    };
    for (const Reading& r : readings) {
        row(r.of.name + ", inputs", r.inputs);
        row(r.of.name + ", outputs", r.outputs);
    }
    row(random.of.name + " with random weights, inputs", random.inputs);
    row(random.of.name + " with random weights, outputs", random.outputs);
    row("PCA of patches", faces);
    page.table(
        {"Vectors", "Participation", "Frequency", "Bandwidth", "Orientation", "Constant"}, rows,
        "Means over the leading singular vectors. Participation: 1 where the energy is everywhere the same, 1 / pixels "
        "in one pixel; frequency in cycles a pixel; orientation 1 for one direction; constant: share at frequency 0.");
    rows.clear();
    for (const Reading& r : readings)
        rows.push_back({r.of.name, text(r.share), text(r.residual_participation), text(r.adaptivity, 2),
                        text(r.edges, 2), text(r.edges_elsewhere, 2), percent(r.near_row), percent(r.near_column),
                        std::to_string(r.svd.pairs)});
    page.table(
        {"Network", "|r| / |y|", "Participation of r", "Adaptivity of columns", "its correlation with edges",
         "with edges of another picture", "Row within 3 pixels", "Column within 3 pixels", "Products for the SVD"},
        rows, "Adaptivity: how much a column differs from place to place, 0 for a filter that is the same everywhere.");
}

// ---- controls ---------------------------------------------------------------------------------------------------------

// Principal components of patches of the photographs, as eigenfaces are made.
MeanMeasures eigenfaces(const Settings& settings, Index side, int wanted) {
    std::vector<std::vector<double>> patches;
    for (const std::filesystem::path& file : photographs({.data = settings.data})) {
        const Picture picture = with_channels(resampled(read_picture(file), 160, 160), 3);
        for (Index i = 0; i + side <= 160; i += side)
            for (Index j = 0; j + side <= 160; j += side)
                patches.push_back(cut(picture, i, j, side, side).values);
    }
    Matrix<double> all(std::ssize(patches.front()), std::ssize(patches));
    for (Index i = 0; i < all.rows(); ++i) {
        double mean = 0;
        for (Index k = 0; k < all.cols(); ++k)
            mean += patches[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)] / static_cast<double>(all.cols());
        for (Index k = 0; k < all.cols(); ++k)
            all(i, k) = patches[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)] - mean;
    }
    LanczosOptions lanczos;
    lanczos.wanted = wanted;
    lanczos.seed = settings.seed;
    Backend<double>& on = settings.execution.backend<double>();
    return mean_measures(on, lanczos_svd(on, matrix_operator(std::move(all)), lanczos).U, {3, side, side, true});
}

// Mean participation of the leading inputs at the middle of several photographs, as they are.
const std::vector<std::string> places_of_interest = {"chelsea.png", "coffee.png", "astronaut.png", "china.jpg",
                                                     "flower.jpg"};
std::vector<double> participations(const Settings& settings, const Subject& subject, int wanted) {
    Backend<double>& on = settings.execution.backend<double>();
    std::vector<double> result;
    const Index side = subject.input.height;
    for (const std::string& name : places_of_interest) {
        settings.step("E3: " + name, static_cast<double>(result.size()), 5);
        const std::filesystem::path file = settings.data / "images" / name;
        const Picture photograph = read_picture(file);
        const Picture middle =
            cut(photograph, (photograph.height - side) / 2, (photograph.width - side) / 2, side, side, file);
        const FrozenNetwork<double> frozen(on, subject.graph, subject.x0_of(middle), {});
        result.push_back(mean_measures(on, leading_triplets(on, frozen, wanted, 1e-4, settings.seed).V, subject.input)
                             .participation);
    }
    return result;
}

Finding local_inputs(const std::vector<double>& trained, const std::vector<double>& random,
                     const MeanMeasures& bicubic) {
    const double ours = median_of(trained), untrained = median_of(random);
    return {"Tour",
            "Fig. 5, 12",
            "eigen-inputs are local",
            "participation " + text(ours) + " (upconv7, median of " + std::to_string(trained.size()) +
                " photographs, " + text(std::ranges::min(trained)) + " to " + text(std::ranges::max(trained)) + ")",
            "random weights " + text(untrained) + ", bicubic " + text(bicubic.participation),
            verdict_of(ours <= untrained / 3, ours <= bicubic.participation / 10)};
}

Finding power_method(const Settings& settings, const Reading& r) {
    Backend<double>& on = settings.execution.backend<double>();
    const FrozenNetwork<double> frozen(on, r.subject.graph, r.x0, {});
    PowerOptions power;
    power.wanted = 1;
    power.tolerance = 1e-4;
    power.seed = settings.seed;
    const PowerSvd found = power_svd(on, operator_of(frozen), power);
    const double error = found.s.empty() ? 1 : std::abs(found.s[0] / r.svd.s[0] - 1);
    return {"Tour",
            "Algorithm 1",
            "the power method with momentum finds singular vectors",
            "first value off by " + text(error, 2) + " in " + std::to_string(found.pairs) +
                " products, in a corrected form (the printed one converges to another number)",
            std::to_string(r.svd.V.cols()) + " triplets by Lanczos in " + std::to_string(r.svd.pairs) + " products",
            verdict_of(error < 1e-6, found.converged)};
}

// ---- findings ---------------------------------------------------------------------------------------------------------

const Reading& named(const std::vector<Reading>& readings, const std::string& name) {
    return *std::ranges::find(readings, name, [](const Reading& r) { return r.of.name; });
}

void add_vector_findings(const std::vector<Reading>& all, const Reading& random, const MeanMeasures& faces,
                         std::vector<Finding>& findings) {
    const Reading &up = named(all, "upconv7"), &bicubic = named(all, "bicubic"), &edsr = named(all, "edsr8"),
                  &shuffle = named(all, "pixelshuffle4");
    findings.push_back({"Tour", "Fig. 5, 12", "eigen-inputs are band-pass and oriented, like Gabor filters",
                        "frequency " + text(up.inputs.frequency) + ", constant " + text(up.inputs.constant, 2) +
                            ", orientation " + text(up.inputs.orientation),
                        "white noise: .38, .001, .04; random weights: " + text(random.inputs.frequency) + ", " +
                            text(random.inputs.constant, 2) + ", " + text(random.inputs.orientation),
                        verdict_of(up.inputs.frequency > .25 &&
                                   up.inputs.constant<.01, up.inputs.orientation> random.inputs.orientation &&
                                   up.inputs.orientation > .2)});
    findings.push_back(
        {"Tour", "Fig. 5, 12", "a classic magnification has harmonics that cover the whole picture",
         "participation " + text(bicubic.inputs.participation) + ", bandwidth " + text(bicubic.inputs.bandwidth),
         "upconv7 " + text(up.inputs.participation) + ", " + text(up.inputs.bandwidth),
         verdict_of(bicubic.inputs.participation > 10 * up.inputs.participation,
                    bicubic.inputs.bandwidth < up.inputs.bandwidth / 2)});
    const auto trend = [](const Reading& r) {
        const std::size_t third = std::max<std::size_t>(1, r.outputs.each_participation.size() / 3);
        const std::span<const double> each(r.outputs.each_participation);
        return mean_of(each.last(third)) / mean_of(each.first(third));
    };
    findings.push_back({"Tour", "Fig. 5, 12", "eigen-outputs of smaller singular values are wider",
                        "last third over first third of participation: " + text(trend(edsr)) + " (edsr8), " +
                            text(trend(up)) + " (upconv7)",
                        "bicubic " + text(trend(bicubic)), verdict_of(trend(edsr) > 1.2, trend(up) > 1.2)});
    findings.push_back({"Tour", "Section 4.2", "eigenfaces are not local, singular vectors are",
                        "participation " + text(up.inputs.participation) + " (upconv7)",
                        "PCA of patches " + text(faces.participation),
                        verdict_of(faces.participation > 3 * up.inputs.participation, faces.participation > .3)});
    findings.push_back({"Tour", "Fig. 6", "eigen-outputs of EDSR are more local than those of a four-layer network",
                        "participation " + text(edsr.outputs.participation) + " (edsr8)",
                        text(shuffle.outputs.participation) + " (pixelshuffle4)",
                        verdict_of(edsr.outputs.participation <= shuffle.outputs.participation / 2,
                                   edsr.outputs.participation <= shuffle.outputs.participation / 2)});
    const bool concentrated = edsr.residual_participation < .8 * shuffle.residual_participation;
    findings.push_back({"Tour", "Fig. 6", "the residual of EDSR is concentrated",
                        "participation " + text(edsr.residual_participation) + " (edsr8)",
                        text(shuffle.residual_participation) + " (pixelshuffle4)",
                        verdict_of(concentrated, concentrated)});
}

void add_filter_findings(const std::vector<Reading>& all, std::vector<Finding>& findings) {
    const Reading &bicubic = named(all, "bicubic"), &edsr = named(all, "edsr8"), &shuffle = named(all, "pixelshuffle4"),
                  &realesr = named(all, "realesr");
    const auto list = [&](const auto& take) {
        std::string result;
        for (const Reading& r : all)
            result += (result.empty() ? "" : ", ") + r.of.name + " " + text(take(r), 2);
        return result;
    };
    findings.push_back({"Tour", "Fig. 11", "bicubic is blind, the four-layer network adapts, EDSR more so",
                        "adaptivity " + list([](const Reading& r) { return r.adaptivity; }),
                        "0 for one filter everywhere",
                        verdict_of(bicubic.adaptivity < 1e-6 && shuffle.adaptivity > 1e-6,
                                   shuffle.adaptivity < edsr.adaptivity && edsr.adaptivity < realesr.adaptivity)});
    findings.push_back(
        {"Tour", "Fig. 11", "filters show the geometry of the picture",
         "correlation of a column's deviation with edges " + text(edsr.edges, 2) + " (edsr8), " +
             text(realesr.edges, 2) + " (realesr)",
         "edges of another picture " + text(edsr.edges_elsewhere, 2) + ", " + text(realesr.edges_elsewhere, 2),
         verdict_of(edsr.edges > .3 && edsr.edges > edsr.edges_elsewhere + .2,
                    realesr.edges > .3 && realesr.edges > realesr.edges_elsewhere + .2)});
    findings.push_back({"Tour", "Fig. 11", "rows and columns are concentrated at their pixel",
                        "energy within 3 pixels: rows " + list([](const Reading& r) { return r.near_row; }),
                        "columns " + list([](const Reading& r) { return r.near_column; }),
                        verdict_of(std::min({bicubic.near_row, shuffle.near_row, edsr.near_row}) > .8,
                                   std::min({bicubic.near_column, shuffle.near_column, edsr.near_column}) > .8)});
    const bool small = std::ranges::all_of(all, [](const Reading& r) { return r.share <= .3; });
    findings.push_back({"Tour", "Fig. 6", "the residual of restoration is small",
                        "|r| / |y| " + list([](const Reading& r) { return r.share; }), "style transfer: see E4",
                        verdict_of(small, small)});
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    const int wanted = settings.quick ? 3 : 10;
    const Picture elsewhere = read_picture(settings.data / "images/coffee.png");
    const Scene by_four = scene_of(settings, 4), by_two = scene_of(settings, 2);
    const auto small = [&](const Magnifier& of) { return of.scale == 4 ? by_four.small : by_two.small; };
    std::vector<Reading> readings;
    std::optional<Reading> given;  // first, so that a network that does not fit is refused at once
    if (settings.network)
        given = read_given(settings,
                           settings.network->pictures.empty()
                               ? by_four.small
                               : resampled(read_picture(settings.network->pictures.front()), 60, 60),
                           elsewhere, wanted);
    for (const Magnifier& of : magnifiers) {
        settings.step("E3: " + of.name, static_cast<double>(readings.size()),
                      static_cast<double>(magnifiers.size() + 1));
        readings.push_back(read(settings, of, open_magnifier(settings, of, of.side), small(of), elsewhere, wanted));
    }
    if (given)
        readings.push_back(std::move(*given));
    const Magnifier& last = magnifiers.back();
    const Reading random =
        read(settings, last,
             open_subject(settings.data / "onnx" / last.file, {last.side, last.side, {0}, {255}, {}, settings.seed}),
             small(last), elsewhere, wanted);
    const MeanMeasures faces = eigenfaces(settings, 24, wanted);
    page.paragraph(
        "Networks that make a photograph larger, at its middle, " + std::to_string(wanted) +
        " singular triplets each; controls: cubic convolution, random weights, principal components of patches.");
    add_pictures(page, readings);
    add_tables(page, readings, random, faces);
    std::vector<std::vector<std::string>> rows;
    std::vector<double> quality;
    for (const Magnifier& of : magnifiers) {
        quality.push_back(psnr(settings, of, of.scale == 4 ? by_four : by_two));
        rows.push_back({of.name, std::to_string(of.scale), text(quality.back(), 4)});
    }
    page.table({"Network", "Magnification", "PSNR, dB"}, rows,
               "Of the photograph's 240 x 240 pixels, without the border. pixelshuffle4 makes luminance alone.");
    page.paragraph(
        "Rules. Local: participation of upconv7's inputs, median of five photographs, at most 1/3 of that with random "
        "weights and 1/10 of "
        "bicubic's. "
        "Band-pass: mean frequency above 0.25 and less than 1 % at frequency 0; oriented: above 0.2 and above random "
        "weights. Harmonics: participation 10 times upconv7's, half its bandwidth. Wider: the last third 1.2 times the "
        "first. Eigenfaces: participation 3 times upconv7's and above 0.3. Four layers against EDSR: half the "
        "participation of outputs; residual less than 0.8 of it. Geometry: correlation with edges above 0.3 and 0.2 "
        "above "
        "that with another picture's. Concentrated: 80 % of the energy within 3 pixels, for bicubic, pixelshuffle4 and "
        "edsr8, the networks that the paper shows. Residual small: |r| / |y| at most 0.3.");
    std::vector<Finding> findings;
    findings.push_back(local_inputs(participations(settings, named(readings, "upconv7").subject, wanted),
                                    participations(settings, random.subject, wanted),
                                    named(readings, "bicubic").inputs));
    add_vector_findings(readings, random, faces, findings);
    add_filter_findings(readings, findings);
    findings.push_back(
        {"Tour", "Fig. 6", "EDSR makes better pictures than the four-layer network and bicubic",
         "PSNR " + text(quality[2], 4) + " dB (edsr8)",
         text(quality[1], 4) + " dB (pixelshuffle4, luminance), " + text(quality[0], 4) + " dB (bicubic)",
         verdict_of(quality[2] > quality[0], quality[2] > quality[1])});
    findings.push_back(power_method(settings, named(readings, "edsr8")));
    return findings;
}

}  // namespace

Experiment super_resolution() {
    std::vector<std::string> needs;
    for (const std::string& name : places_of_interest)
        needs.push_back("images/" + name);
    for (const Magnifier& of : magnifiers)
        if (!of.file.empty())
            needs.push_back("onnx/" + of.file);
    return {"E3", "Super-resolution", needs, run, "beside"};
}

}  // namespace descrambler::tour
