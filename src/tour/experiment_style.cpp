// E4: image-to-image networks: style transfer in four styles and three norm modes, and CycleGAN for its shape and cost.
#include <algorithm>
#include <cmath>

#include "core/of_file.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/segments.hpp"
#include "descrambler/statistics.hpp"
#include "tour/cyclegan.hpp"
#include "tour/material.hpp"
#include "tour/singular.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

const std::string file = "multistyle26.onnx";
constexpr Index style_count = 26;
const std::vector<Index> styles = {19, 0, 7, 13};
constexpr double far_radius = 12;  // pixels

Opening opening_of(const Settings& settings, Index style, Index side, std::optional<std::uint64_t> random = {}) {
    if (settings.network)
        return {side, side, {0}, {255}, {}, random};
    std::vector<float> weights(style_count);
    weights[static_cast<std::size_t>(style)] = 1;
    return {side, side, {0}, {255}, {{"style_weights", tensor({style_count}, std::move(weights))}}, random};
}

struct Reading {
    std::string name;
    std::vector<double> shares;                 // |r| / |y| by norm rule: std, mean+std, none
    double far = 0;                             // mean share of a row's energy beyond the radius
    Concentration copied;                       // of the far energy that pixels of the input send
    double same = 0;                            // correlation of energy at the pixel with likeness of output and input
    double overlap = 0, overlap_elsewhere = 0;  // best IoU of thresholded columns with segments of the output
    MeanMeasures inputs, outputs;
    double chroma = 0;
    std::vector<Plate> plates;
};

// Share of the energy of vectors of three channels that is not grey.
double chroma_share(const Matrix<double>& vectors, const ImageShape& shape) {
    double grey = 0, all = 0;
    for (Index k = 0; k < vectors.cols(); ++k)
        for (Index i = 0; i < shape.height; ++i)
            for (Index j = 0; j < shape.width; ++j) {
                double sum = 0;
                for (Index c = 0; c < 3; ++c) {
                    const double value = vectors(shape.at(c, i, j), k);
                    sum += value;
                    all += value * value;
                }
                grey += sum * sum / 3;
            }
    return all > 0 ? 1 - grey / all : 0;
}

double share_of(const Settings& settings, const Subject& subject, const std::vector<double>& x0, NormRule norm_rule) {
    const FrozenNetwork<double> frozen(settings.execution.backend<double>(), subject.graph, x0,
                                       {FreezeRule::frozen, norm_rule});
    return norm(frozen.residual()) / norm(frozen.output());
}

// Best intersection over union of what a column changes most with a segment, mean over columns. Segments of a picture that
// is given; the number of pixels taken of a column is that of the segment under its pixel.
double overlap_of(const Matrix<double>& columns, const ImageShape& shape, const std::vector<Index>& segment) {
    std::vector<double> best;
    const Index count = *std::ranges::max_element(segment) + 1;
    std::vector<Index> size(static_cast<std::size_t>(count));
    for (const Index s : segment)
        ++size[static_cast<std::size_t>(s)];
    for (Index k = 0; k < columns.cols(); ++k) {
        std::vector<std::pair<double, std::size_t>> energy;
        for (Index i = 0; i < shape.height; ++i)
            for (Index j = 0; j < shape.width; ++j) {
                double sum = 0;
                for (Index c = 0; c < shape.channels; ++c)
                    sum += columns(shape.at(c, i, j), k) * columns(shape.at(c, i, j), k);
                energy.emplace_back(-sum, static_cast<std::size_t>(i * shape.width + j));
            }
        std::ranges::sort(energy);
        double found = 0;
        for (Index s = 0; s < count; ++s) {
            const Index taken = size[static_cast<std::size_t>(s)];
            double inside = 0;
            for (Index n = 0; n < taken; ++n)
                inside += segment[energy[static_cast<std::size_t>(n)].second] == s ? 1 : 0;
            found = std::max(found, inside / (2 * static_cast<double>(taken) - inside));
        }
        best.push_back(found);
    }
    return mean_of(best);
}

// Rows of pixels on a grid: how far they reach, what they copy, and where they are deltas.
void read_rows(const FrozenNetwork<double>& frozen, const Subject& subject, const std::vector<double>& x0, Index step,
               Reading& result) {
    const ImageShape& in = subject.input;
    const ImageShape& out = *subject.output;
    std::vector<Index> outputs;
    std::vector<PixelPlace> places;
    for (Index i = step / 2; i < out.height; i += step)
        for (Index j = step / 2; j < out.width; j += step) {
            outputs.push_back(out.at(1, i, j));
            places.push_back({i, j});
        }
    const Matrix<double> rows = frozen.rows(outputs);
    std::vector<double> far, near, unlike, sent(static_cast<std::size_t>(in.height * in.width));
    const double scale = static_cast<double>(in.height) / static_cast<double>(out.height);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        const auto row = rows.column(static_cast<Index>(k));
        const double down = scale * static_cast<double>(places[k].row),
                     across = scale * static_cast<double>(places[k].column);
        far.push_back(1 - energy_within(row, in, down, across, far_radius));
        near.push_back(energy_within(row, in, down, across, 1.5));
        double difference = 0;
        for (Index c = 0; c < 3; ++c)
            difference +=
                std::abs(frozen.output()[static_cast<std::size_t>(out.at(c, places[k].row, places[k].column))] -
                         x0[static_cast<std::size_t>(in.at(c, static_cast<Index>(down), static_cast<Index>(across)))]);
        unlike.push_back(-difference);
        for (Index i = 0; i < in.height; ++i)
            for (Index j = 0; j < in.width; ++j)
                if (std::hypot(static_cast<double>(i) - down, static_cast<double>(j) - across) > far_radius)
                    for (Index c = 0; c < in.channels; ++c) {
                        const double value = row[static_cast<std::size_t>(in.at(c, i, j))];
                        sent[static_cast<std::size_t>(i * in.width + j)] += value * value;
                    }
    }
    result.far = mean_of(far);
    result.copied = concentration(std::move(sent));
    result.same = cross_correlation(near, unlike);
    const Index middle =
        std::ssize(outputs) / 2 + static_cast<Index>(std::sqrt(static_cast<double>(outputs.size()))) / 2;
    const auto row = rows.column(middle);
    result.plates.push_back({result.name + "_row", signed_picture(row, in, largest(row)), "a row of F", "", 160});
}

std::vector<Index> segments_of(const Picture& picture) {
    return segments(picture.values, {picture.channels, picture.height, picture.width, true}, {100, .8, 20});
}

void read_columns(const FrozenNetwork<double>& frozen, const Subject& subject, Index step, const Picture& made,
                  const Picture& elsewhere, Reading& result) {
    std::vector<Index> inputs;
    for (Index i = step; i < subject.input.height; i += 2 * step)
        for (Index j = step; j < subject.input.width; j += 2 * step)
            inputs.push_back(subject.input.at(1, i, j));
    const Matrix<double> columns = frozen.columns(inputs);
    result.overlap = overlap_of(columns, *subject.output, segments_of(made));
    result.overlap_elsewhere = overlap_of(columns, *subject.output, segments_of(elsewhere));
    const auto column = columns.column(columns.cols() / 2);
    result.plates.push_back(
        {result.name + "_column", signed_picture(column, *subject.output, largest(column)), "a column of F", "", 160});
}

Reading read(const Settings& settings, const Subject& subject, const std::string& name, const Picture& photograph,
             const Picture& elsewhere) {
    Backend<double>& on = settings.execution.backend<double>();
    Reading result;
    result.name = name;
    const std::vector<double> x0 = subject.x0_of(photograph);
    for (const NormRule rule : {NormRule::std, NormRule::mean_std, NormRule::none})
        result.shares.push_back(share_of(settings, subject, x0, rule));
    const FrozenNetwork<double> frozen(on, subject.graph, x0, {});
    const Picture made = picture_of(frozen.output(), *subject.output, 0, 255);
    result.plates.push_back({name + "_output", made, "output", "", 160});
    const Index step = settings.quick ? 16 : 8;
    read_rows(frozen, subject, x0, step, result);
    read_columns(frozen, subject, step, made, elsewhere, result);
    const LanczosSvd svd = leading_triplets(on, frozen, settings.quick ? 2 : 6, 1e-4, settings.seed);
    result.inputs = mean_measures(on, svd.V, subject.input);
    result.outputs = mean_measures(on, svd.U, *subject.output);
    result.chroma = chroma_share(svd.U, *subject.output);
    for (Index k = 0; k < 2; ++k) {
        const std::string number = std::to_string(k + 1);
        result.plates.push_back({name + "_eigen_input_" + number,
                                 signed_picture(svd.V.column(k), subject.input, largest(svd.V.column(k))),
                                 "singular vector " + number + ", input", "", 160});
        result.plates.push_back({name + "_eigen_output_" + number,
                                 signed_picture(svd.U.column(k), *subject.output, largest(svd.U.column(k))),
                                 "singular vector " + number + ", output", "", 160});
    }
    return result;
}

// The same measures of a super-resolution network.
Reading read_edsr(const Settings& settings, const Picture& photograph) {
    Backend<double>& on = settings.execution.backend<double>();
    Reading result;
    result.name = "edsr8 (super-resolution)";
    const Subject subject = open_subject(settings.data / "onnx/edsr8_x4.onnx", {24, 24, {0}, {255}, {}, std::nullopt});
    const FrozenNetwork<double> frozen(on, subject.graph, subject.x0_of(resampled(photograph, 24, 24)), {});
    result.shares = {norm(frozen.residual()) / norm(frozen.output())};
    const LanczosSvd svd = leading_triplets(on, frozen, settings.quick ? 2 : 6, 1e-4, settings.seed);
    result.inputs = mean_measures(on, svd.V, subject.input);
    result.outputs = mean_measures(on, svd.U, *subject.output);
    result.chroma = chroma_share(svd.U, *subject.output);
    return result;
}

// Share of numbers that are not 0 in a row, with deviations and means kept, or deviations alone.
double support(const Settings& settings, const Subject& subject, const Picture& photograph, NormRule rule) {
    Backend<double>& on = settings.execution.backend<double>();
    const FrozenNetwork<double> frozen(on, subject.graph, subject.x0_of(photograph), {FreezeRule::frozen, rule});
    const ImageShape& out = *subject.output;
    const Matrix<double> row = frozen.rows(std::vector<Index>{out.at(1, out.height / 2, out.width / 2)});
    return measure(on, row.column(0), subject.input).nonzero;
}

void add_tables(Article& page, const std::vector<Reading>& readings, const Reading& edsr) {
    page.section("measures", "Measures");
    std::vector<std::vector<std::string>> rows;
    for (const Reading& r : readings)
        rows.push_back({r.name, text(r.shares[0]), text(r.shares[1]), text(r.shares[2]), percent(r.far),
                        percent(r.copied.top_hundredth), text(r.copied.gini), text(r.same, 2), text(r.overlap),
                        text(r.overlap_elsewhere)});
    page.table({"Network", "|r| / |y|, std", "mean+std", "none", "Row beyond 12 pixels", "Copied: top 1 %", "Gini",
                "Delta where unchanged", "Overlap with segments", "with those of another picture"},
               rows,
               "Copied: how unevenly the energy that travels further than 12 pixels comes from the pixels of the "
               "input, as the share of the top hundredth of them and as the Gini coefficient; 1 % and 0 if all send "
               "equally much. Delta where unchanged: correlation, over pixels, between the energy of a row at its own "
               "pixel and the likeness of output and input there. Overlap: of the pixels that a column changes most "
               "with the segment that fits them best, intersection over union.");
    rows.clear();
    std::vector<Reading> all = readings;
    all.push_back(edsr);
    for (const Reading& r : all)
        rows.push_back({r.name, text(r.inputs.participation), text(r.inputs.frequency), text(r.outputs.participation),
                        text(r.outputs.frequency), percent(r.chroma)});
    page.table({"Network", "Participation, inputs", "Frequency, inputs", "Participation, outputs", "Frequency, outputs",
                "Colour in the outputs"},
               rows,
               "Singular vectors, means over the leading ones (deviations kept). Colour: share of the energy that is "
               "not grey.");
}

void add_row_findings(const std::vector<Reading>& readings, const Reading& random, std::vector<Finding>& findings) {
    const auto list = [&](const auto& take) {
        std::string result;
        for (const Reading& r : readings)
            result += (result.empty() ? "" : ", ") + text(take(r), 2);
        return result;
    };
    const auto most = [&](const auto& holds) {
        return 2 * std::ranges::count_if(readings, holds) > std::ssize(readings);
    };
    const auto verdict = [](bool holds) { return verdict_of(holds, holds); };
    findings.push_back({"Tour", "Fig. 7, 13", "rows have strong parts far from their pixel",
                        "energy beyond 12 pixels " + list([](const Reading& r) { return r.far; }),
                        "random weights " + text(random.far, 2),
                        verdict(most([](const Reading& r) { return r.far > .05; }))});
    findings.push_back({"Tour", "Fig. 7, 13", "copy-move: few areas of the input serve all of the output",
                        "top 1 % of pixels send " + list([](const Reading& r) { return r.copied.top_hundredth; }),
                        "random weights " + text(random.copied.top_hundredth, 2) + ", alike in all .01",
                        verdict(most([&](const Reading& r) {
                            return r.copied.top_hundredth > .05 &&
                                   r.copied.top_hundredth > 1.5 * random.copied.top_hundredth;
                        }))});
    findings.push_back({"Tour", "Fig. 7, 13", "filters are deltas where the content does not change",
                        "correlation " + list([](const Reading& r) { return r.same; }),
                        "random weights " + text(random.same, 2),
                        verdict(most([](const Reading& r) { return r.same > .3; }))});
    findings.push_back(
        {"Tour", "Fig. 7, 13", "templates: a pixel of the input fills a segment of the output",
         "overlap " + list([](const Reading& r) { return r.overlap; }),
         "segments of another picture " + list([](const Reading& r) { return r.overlap_elsewhere; }) +
             ", random weights " + text(random.overlap, 2),
         verdict(most([](const Reading& r) { return r.overlap > .5 && r.overlap > r.overlap_elsewhere + .1; }))});
}

void add_norm_findings(const Settings& settings, const Picture& photograph, const std::vector<Reading>& readings,
                       const Reading& edsr, std::vector<Finding>& findings) {
    const Reading& first = readings.front();
    std::vector<double> shares, sparse, chroma;
    for (const Reading& r : readings) {
        shares.push_back(r.shares[0]);
        sparse.push_back(r.outputs.participation);
        chroma.push_back(r.chroma);
    }
    findings.push_back({"Tour", "Fig. 14, 15", "the residual is larger than in super-resolution",
                        "|r| / |y| " + mean_and_deviation(shares) + " (deviations kept)",
                        "edsr8 " + text(edsr.shares[0]),
                        verdict_of(mean_of(shares) > edsr.shares[0], mean_of(shares) > 3 * edsr.shares[0])});
    findings.push_back(
        {"Tour", "Fig. 14, 15", "singular vectors are less sparse than in super-resolution",
         "participation of outputs " + mean_and_deviation(sparse), "edsr8 " + text(edsr.outputs.participation),
         verdict_of(mean_of(sparse) > edsr.outputs.participation, mean_of(sparse) > 2 * edsr.outputs.participation)});
    findings.push_back({"Tour", "Fig. 14, 15", "singular vectors show colour rather than edges",
                        "colour " + mean_and_deviation(chroma), "edsr8 " + text(edsr.chroma),
                        verdict_of(mean_of(chroma) > edsr.chroma, mean_of(chroma) > .5)});
    const Index side = settings.quick ? 64 : 192;
    const Subject wide = open_subject(settings, file, opening_of(settings, styles.front(), side));
    const Picture picture = resampled(photograph, side, side);
    const double kept = support(settings, wide, picture, NormRule::mean_std),
                 moving = support(settings, wide, picture, NormRule::std);
    findings.push_back(
        {"Tour", "Fig. 2", "what a norm keeps decides what F is",
         "|r| / |y| " + text(first.shares[1]) + " with mean and deviation kept, " + text(first.shares[0]) +
             " with the deviation, " + text(first.shares[2]) + " with neither; a row reaches " + percent(kept) +
             " and " + percent(moving) + " of " + std::to_string(side) + "^2 pixels",
         "a network without norms: one answer", verdict_of(first.shares[1] > 2 * first.shares[0], moving > kept)});
}

// A record of CycleGAN, whose weights do not matter for it.
Finding record_of_cyclegan(const Settings& settings) {
    const Index side = settings.quick ? 32 : 256;
    Opening opening{side, side, {0}, {255}, {}, settings.seed};
    const Subject subject = subject_of(cyclegan(9), "CycleGAN with 9 residual blocks", opening);
    const Picture photograph = resampled(read_picture(settings.data / "images/chelsea.png"), side, side);
    const FrozenNetwork<double> frozen(settings.execution.backend<double>(), subject.graph, subject.x0_of(photograph),
                                       {});
    double relus = 0, others = 0;
    for (const GraphNode& node : subject.graph.nodes)
        if (const auto* const unit = std::get_if<Pointwise>(&node.op))
            (unit->function == Function::relu ? relus : others) +=
                static_cast<double>(volume(subject.graph.values[static_cast<std::size_t>(node.output)].shape));
    return {"Tour",
            "Table 1",
            "masks of CycleGAN take 32 times less than activations",
            text(relus / 8, 8) + " bytes of masks; whole record " + std::to_string(frozen.recorded_bytes()) +
                " bytes, with slopes of tanh and what norms keep",
            "activations of ReLU in single precision: " + text(4 * relus, 9) + " bytes",
            verdict_of(static_cast<double>(frozen.recorded_bytes()) < 4 * (relus + others),
                       settings.quick || relus / 8 == 2883584)};
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    const Index side = settings.quick ? 32 : 64;
    const Picture photograph = resampled(photograph_of(settings, 0, "chelsea.png"), side, side),
                  elsewhere = resampled(photograph_of(settings, 1, "coffee.png"), side, side);
    std::vector<Reading> readings;
    const std::size_t count = settings.quick || settings.network ? 1 : styles.size();
    for (std::size_t i = 0; i < count; ++i) {
        settings.step("E4: styles", static_cast<double>(i), static_cast<double>(count + 2));
        const Subject subject = open_subject(settings, file, opening_of(settings, styles[i], side));
        readings.push_back(read(settings, subject, settings.network ? "given" : "style_" + std::to_string(styles[i]),
                                photograph, elsewhere));
    }
    const Subject untrained = open_subject(settings, file, opening_of(settings, styles.front(), side, settings.seed));
    const Reading random = read(settings, untrained, "random_weights", photograph, elsewhere);
    const Reading edsr = of_file((settings.data / "onnx/edsr8_x4.onnx").string(), [&] {
        return read_edsr(settings, read_picture(settings.data / "images/chelsea.png"));
    });
    page.paragraph("A network of style transfer at a photograph of " + std::to_string(side) + " x " +
                   std::to_string(side) + " pixels, in " + std::to_string(count) +
                   " of its 26 styles; controls: random weights, super-resolution, segments of another picture.");
    page.section("pictures", "Pictures");
    for (Reading& r : readings)
        page.plates(std::move(r.plates), r.name + ". Grey is 0 but for the output; each picture has its own range.");
    std::vector<Reading> all = readings;
    all.push_back(random);
    add_tables(page, all, edsr);
    page.paragraph(
        "Rules: far where more than 5 % of a row's energy lies beyond 12 pixels; copy-move where the top hundredth of "
        "pixels sends more than 5 % and half more than with random weights; deltas where the correlation is above "
        "0.3; templates where the overlap is above one half and 0.1 above that with another picture's segments; each "
        "on most styles.");
    std::vector<Finding> findings;
    add_row_findings(readings, random, findings);
    add_norm_findings(settings, photograph_of(settings, 0, "chelsea.png"), readings, edsr, findings);
    findings.push_back(record_of_cyclegan(settings));
    return findings;
}

}  // namespace

Experiment style_transfer() {
    return {"E4",
            "Style transfer",
            {"onnx/" + file, "onnx/edsr8_x4.onnx", "images/chelsea.png", "images/coffee.png"},
            run,
            "onnx/" + file};
}

}  // namespace descrambler::tour
