// E6: autoencoders of rotated squares, one without biases and one with (SpecXAI, sections 2.3 and 3.1, Fig. 8 and 9).
#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <functional>
#include <numbers>
#include <numeric>

#include "descrambler/measures.hpp"
#include "descrambler/random.hpp"
#include "descrambler/statistics.hpp"
#include "descrambler/symbolic.hpp"
#include "tour/autoencoder.hpp"
#include "tour/experiment.hpp"
#include "tour/splits.hpp"
#include "tour/squares.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

constexpr Index bottleneck = 8;

struct Sizes {
    Index size = 64;
    double side = 32;
    Index hidden = 128, angles = 512, iterations = 2500, tests = 8;
};
Sizes sizes_of(const Settings& settings) {
    return settings.quick ? Sizes{16, 8, 32, 64, 400, 2} : Sizes{};
}

struct Data {
    Sizes sizes;
    std::vector<double> test_angles;
    Matrix<double> train, test;   // [pixels, angles]
    Svd svd;                      // of train, not centred
    std::vector<double> centred;  // singular values without the mean picture
};

Data make_data(Backend<double>& on, const Sizes& sizes) {
    Data data{sizes, {}, {}, {}, {}, {}};
    std::vector<double> angles;
    for (Index k = 0; k < sizes.angles; ++k)
        angles.push_back(static_cast<double>(k) / static_cast<double>(sizes.angles) * std::numbers::pi / 2);
    // not among those of the training
    for (Index k = 0; k < sizes.tests; ++k) {
        const double place = static_cast<double>(k * sizes.angles / sizes.tests) + .5;
        data.test_angles.push_back(place / static_cast<double>(sizes.angles) * std::numbers::pi / 2);
    }
    data.train = rotated_square_pictures(sizes.size, sizes.side, angles);
    data.test = rotated_square_pictures(sizes.size, sizes.side, data.test_angles);
    data.svd = svd(on, data.train);
    Matrix<double> centred = data.train;
    const std::vector<double> mean = mean_column(centred);
    for (Index k = 0; k < centred.cols(); ++k)
        std::ranges::transform(centred.column(k), mean, centred.column(k).begin(), std::minus<>());
    data.centred = singular_values(on, centred);
    return data;
}

DenseJob job_of(const Data& data, const Matrix<float>& pictures, const Settings& settings, bool bias) {
    const Index pixels = data.train.rows(), hidden = data.sizes.hidden;
    DenseJob job;
    job.name = std::string("squares ") + (bias ? "with" : "without") + " biases";
    job.inputs = job.targets = &pictures;
    job.layers = relu_layers(std::array{pixels, hidden, bottleneck, hidden, pixels}, bias);
    job.layers[1].activation = Activation::identity;  // all units of the bottleneck count
    job.initial.kind = Initialisation::fan_in;        // biases are drawn too: the untrained control has some
    job.iterations = data.sizes.iterations;
    job.rate = 5e-4;  // at 2e-3 most units of the first layer die and F has rank 2
    job.seed = settings.seed;
    return job;
}

// One network at the pictures that it has not seen.
struct Answers {
    std::vector<SplitPicture> splits;        // at the bottleneck, a picture each
    std::vector<double> whole;               // singular values of F at the first picture, the leading 12
    double captured = 0;                     // share of ||F||^2 in the first 8
    double residual = 0;                     // the largest |r_i| of all pictures
    double error = 0;                        // ||y - x|| / ||x||, mean
    double bulk = 0;                         // 1 - ||y - b||^2 / ||y||^2, mean
    double edge_vectors = 0, edge_bias = 0;  // energy near the outline of F x, of b, over that of an even map, mean
    OffsetImages offsets;                    // at the first picture
};

double near_share(std::span<const double> map, const std::vector<bool>& near) {
    double all = 0, there = 0, count = 0;
    for (std::size_t i = 0; i < map.size(); ++i) {
        all += map[i] * map[i];
        there += near[i] ? map[i] * map[i] : 0;
        count += near[i] ? 1 : 0;
    }
    return all > 0 && count > 0 ? there / all * static_cast<double>(map.size()) / count : 0;
}

void add_whole(Backend<double>& on, const FrozenNetwork<double>& frozen, Answers& answers) {
    LanczosOptions options;
    options.wanted = static_cast<int>(std::min<Index>(12, frozen.inputs()));
    answers.whole = lanczos_svd(on, operator_of(frozen), options).s;
    const double all = frobenius(frozen.apply(identity(frozen.inputs())));
    double first = 0;
    for (std::size_t k = 0; k < bottleneck; ++k)
        first += answers.whole[k] * answers.whole[k];
    answers.captured = all > 0 ? first / (all * all) : 0;
    answers.offsets = frozen.offset_images();
}

Answers ask(Backend<double>& on, const Network& network, const Data& data) {
    const Graph graph = graph_of(network);
    const GraphCut at = cut_graph(graph, "layer_2");
    const double reach = static_cast<double>(data.sizes.size) / 32, count = static_cast<double>(data.test.cols());
    Answers answers;
    for (Index k = 0; k < data.test.cols(); ++k) {
        const auto x = data.test.column(k);
        const FrozenNetwork<double> frozen(on, graph, x, {});
        for (const double r : frozen.residual())
            answers.residual = std::max(answers.residual, std::abs(r));
        if (k == 0)
            add_whole(on, frozen, answers);
        answers.splits.push_back(split_picture(on, at, x));
        const SplitPicture& split = answers.splits.back();
        std::vector<double> linear(split.y), wrong(split.y);
        for (std::size_t i = 0; i < linear.size(); ++i) {
            linear[i] -= split.bias[i];
            wrong[i] -= x[i];
        }
        const std::vector<bool> near =
            near_outline(data.sizes.size, data.sizes.side, data.test_angles[static_cast<std::size_t>(k)], reach);
        answers.error += norm(wrong) / norm(x) / count;
        answers.bulk += (1 - std::pow(norm(linear) / norm(split.y), 2)) / count;
        answers.edge_vectors += near_share(linear, near) / count;
        answers.edge_bias += near_share(split.bias, near) / count;
    }
    return answers;
}

struct All {
    Data data;
    std::vector<TrainedDense> trained;        // without biases, with
    std::vector<Network> fresh;               // the same before training
    std::vector<Answers> answers, untrained;  // of them
    double processor_seconds = 0;
};

All make_all(Backend<double>& on, const Settings& settings) {
    All all;
    all.data = make_data(on, sizes_of(settings));
    const Matrix<float> pictures = to_single(all.data.train);
    const std::vector<DenseJob> jobs{job_of(all.data, pictures, settings, false),
                                     job_of(all.data, pictures, settings, true)};
    const std::clock_t start = std::clock();
    all.trained = train_dense(jobs, settings.execution, settings.progress);
    all.processor_seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        all.fresh.push_back(untrained(jobs[i]));
        all.answers.push_back(ask(on, all.trained[i].network, all.data));
        all.untrained.push_back(ask(on, all.fresh[i], all.data));
    }
    return all;
}

// ||x - P x|| / ||x|| of the pictures not seen, P the projection on the first `count` vectors of the data.
double error_of_data(const Data& data, Index count) {
    double mean = 0;
    for (Index k = 0; k < data.test.cols(); ++k) {
        const auto x = data.test.column(k);
        double kept = 0;
        for (Index i = 0; i < count; ++i) {
            const auto u = data.svd.U.column(i);
            kept += std::pow(std::inner_product(u.begin(), u.end(), x.begin(), 0.0), 2);
        }
        const double all = norm(x) * norm(x);
        mean += std::sqrt(std::max(0.0, 1 - kept / all)) / static_cast<double>(data.test.cols());
    }
    return mean;
}

// The mean |cosine| between a vector and 64 random directions.
double random_alignment(std::span<const double> vector, std::uint64_t seed) {
    RandomStream random(seed, stream::analysis + (1ull << 16) + 2);
    double mean = 0;
    for (int draw = 0; draw < 64; ++draw) {
        std::vector<double> direction;
        for (std::size_t i = 0; i < vector.size(); ++i)
            direction.push_back(random.normal());
        mean += std::abs(cosine(vector, direction)) / 64;
    }
    return mean;
}

Curve curve_of(const std::string& label, std::span<const double> s, const std::string& colour, int dash) {
    Curve curve;
    curve.label = label;
    for (std::size_t k = 0; k < std::min<std::size_t>(s.size(), 12) && s[k] > 1e-12 * s[0]; ++k) {
        curve.x.push_back(static_cast<double>(k + 1));
        curve.y.push_back(s[k] / s[0]);
    }
    curve.colour = colour;
    curve.dash = dash;
    curve.marker = 7;
    return curve;
}

void write_start(const All& all, const Settings& settings, Article& article) {
    const Data& data = all.data;
    const Index n = data.sizes.size;
    article.section("squares-data", "Rotated squares");
    article.paragraph("White squares with a side of " + digits(data.sizes.side) + " pixels on " + std::to_string(n) +
                      " x " + std::to_string(n) + " black ones, turned by " + std::to_string(data.sizes.angles) +
                      " angles from 0 to 90 degrees; a pixel has the share of its area that the square covers. "
                      "Everything below refers to " +
                      std::to_string(data.sizes.tests) + " angles between those of the training.");
    article.paragraph("Two autoencoders, " + std::to_string(n * n) + "-" + std::to_string(data.sizes.hidden) + "-8-" +
                      std::to_string(data.sizes.hidden) + "-" + std::to_string(n * n) +
                      ", ReLU in the two wide layers, learn them by Adam in " + std::to_string(data.sizes.iterations) +
                      " steps of 32 pictures: one without biases, one with. They took " +
                      digits(all.trained[0].seconds) + " s and " + digits(all.trained[1].seconds) +
                      " s side by side (" + digits(all.processor_seconds) + " s of processor time)." +
                      (settings.quick ? " This is the quick version, on small pictures." : ""));
    std::vector<Plate> plates;
    for (Index k = 0; k < std::min<Index>(4, data.test.cols()); ++k) {
        const double degrees = data.test_angles[static_cast<std::size_t>(k)] * 180 / std::numbers::pi;
        plates.push_back(
            grey_plate("square-" + std::to_string(k), data.test.column(k), n, n, digits(degrees) + " degrees"));
    }
    article.plates(std::move(plates), "Pictures that neither network was trained on.");
    Drawing drawing{"squares_loss", "Training", 1, 900, 300, {}};
    Panel panel{"", {"step", {}, {}, false, {}}, {"mean squared error", {}, {}, true, {}}, {}, {}};
    for (std::size_t i = 0; i < 2; ++i) {
        Curve curve;
        curve.label = i == 0 ? "without biases" : "with biases";
        curve.colour = i == 0 ? "#0072b2" : "#d55e00";
        curve.dash = static_cast<int>(i) + 1;
        for (std::size_t k = 0; k < all.trained[i].loss.size(); ++k) {
            curve.x.push_back(static_cast<double>((static_cast<Index>(k) + 1) * all.trained[i].interval));
            curve.y.push_back(all.trained[i].loss[k]);
        }
        panel.curves.push_back(std::move(curve));
    }
    drawing.panels.push_back(std::move(panel));
    article.drawing(std::move(drawing), "The error of a batch before its step, averaged over each interval.");
}

void write_spectra(const All& all, Article& article) {
    const Answers &ours = all.answers[0], &fresh = all.untrained[0];
    article.section("squares-spectra", "Spectra: the network and the data");
    article.paragraph(
        "Without biases the network is y = F x at every picture, and F can have no more than 8 singular "
        "values that are not 0: everything goes through 8 numbers. The data need many more vectors.");
    Drawing drawing{"squares_spectra", "Singular values over the first", 1, 900, 300, {}};
    Panel panel{"", {"number", {}, {}, false, {}}, {"s_k / s_1", 0.01, 1.2, true, {}}, {}, {}};
    panel.curves = {curve_of("network, F", ours.whole, "#0072b2", 1),
                    curve_of("in front of the bottleneck, R", ours.splits[0].right.s, "#009e73", 2),
                    curve_of("data", all.data.svd.s, "#000000", 3),
                    curve_of("untrained network, F", fresh.whole, "#999999", 4)};
    drawing.panels.push_back(std::move(panel));
    article.drawing(std::move(drawing), "At the first picture. A network has 8: further ones are 0 up to rounding.");
    const auto row = [&](const std::string& name, std::span<const double> s, const std::string& captured) {
        return std::vector<std::string>{
            name,    digits(decay(s, 1)), digits(decay(s, 3)), digits(decay(s, 8)), digits(energy_share(s, 4), 5),
            captured};
    };
    article.table(
        {"", "s2 / s1", "s4 / s1", "s9 / s1", "energy of the first 4", "energy of the first 8"},
        {row("network, F", ours.whole, digits(ours.captured, 12)),
         row("untrained network, F", fresh.whole, digits(fresh.captured, 12)),
         row("data", all.data.svd.s, digits(energy_share(all.data.svd.s, 8), 5)),
         row("data without their mean", all.data.centred, digits(energy_share(all.data.centred, 8), 5))},
        "Energy: squares of singular values. The total of F is its squared Frobenius norm, from all of its columns.");
    article.paragraph(
        "Rules: b = 0 where it is exactly 0 at every pixel of every picture. The spectrum decays faster where s9 / s1 "
        "is at "
        "most "
        "1e-6 and below that of the data, which a network with 8 numbers in its middle meets untrained too, and where "
        "the first four values hold more of the energy than those of the data; in part for one of the two.");
}

void write_vectors(const All& all, Article& article) {
    const Index n = all.data.sizes.size;
    const SplitPicture& split = all.answers[0].splits[0];
    const auto x = all.data.test.column(0);
    article.section("squares-vectors", "Vectors without biases");
    article.paragraph(
        "Right vectors say what the network looks at, left images what it paints for it: "
        "y = c0 image_0 + c1 image_1 + ... with no other term. The maps phi x show, pixel by pixel, where "
        "a coefficient comes from. Signs of pairs are free.");
    const Index shown = std::min<Index>(4, std::ssize(split.right.s));
    std::vector<Plate> of_data, right, left, maps;
    for (Index k = 0; k < shown; ++k) {
        const std::string number = std::to_string(k);
        const auto vector = [&](std::span<const double> a) { return std::vector<double>(a.begin(), a.end()); };
        of_data.push_back(
            signed_plate("data-" + number, vector(all.data.svd.U.column(k)), n, n, "data vector " + number));
        right.push_back(signed_plate("right-" + number, vector(split.right.V.column(k)), n, n,
                                     "phi_" + number + ", s = " + digits(split.right.s[static_cast<std::size_t>(k)])));
        left.push_back(signed_plate("left-" + number, vector(split.images.column(k)), n, n, "image_" + number));
        maps.push_back(signed_plate(
            "map-" + number, contract(split.right.V.column(k), x, {1, n * n, false}), n, n,
            "phi_" + number + " x, c" + number + " = " + digits(split.coefficients[static_cast<std::size_t>(k)])));
    }
    article.plates(std::move(of_data), "The data: left singular vectors of all pictures, not centred.");
    article.plates(std::move(right), "Right vectors of the network at the first picture.");
    article.plates(std::move(left), "What they paint.");
    article.plates(std::move(maps), "Contraction with the picture: each map sums to c over s.");
    article.paragraph(
        "Rule: a picture is the sum of its vectors where the error of the sum is at most 1e-10 and the first two terms "
        "make half of the sum of absolute values; in part where only the sum is right.");
}

// What is added by the biases of a network: parts, sum, and the vectors' correction.
void write_biases(const All& all, Article& article) {
    const Index n = all.data.sizes.size;
    const PixelLayout layout{1, n * n, false};
    const Answers& ours = all.answers[1];
    const SplitPicture& split = ours.splits[0];
    article.section("squares-biases", "Vectors and biases");
    article.paragraph(
        "With biases y = F x + b. The share of the picture that b paints alone, and where the energy of both parts "
        "lies: 1 if it is spread evenly, more if it lies near the outline of the square (within " +
        digits(static_cast<double>(n) / 32) + " pixels).");
    const auto row = [](const std::string& name, const Answers& a) {
        return std::vector<std::string>{name, digits(a.error), digits(a.bulk), digits(a.edge_vectors),
                                        digits(a.edge_bias)};
    };
    article.table(
        {"", "error", "share of y that b paints", "F x near the outline", "b near the outline"},
        {row("with biases", ours), row("the same, untrained", all.untrained[1]), row("without biases", all.answers[0])},
        "Means over the pictures not seen in training. Error: ||y - x|| / ||x||; the best 8 vectors of the data have " +
            digits(error_of_data(all.data, bottleneck)) + ". Share: 1 - ||F x||^2 / ||y||^2.");
    std::vector<double> linear(split.y);
    for (std::size_t i = 0; i < linear.size(); ++i)
        linear[i] -= split.bias[i];
    article.plates({grey_plate("input", all.data.test.column(0), n, n, "x"), grey_plate("answer", split.y, n, n, "y"),
                    signed_plate("bias", split.bias, n, n, "b"), signed_plate("linear", linear, n, n, "F x")},
                   "The first picture, the answer, and its two parts.");
    std::vector<Plate> parts;
    std::vector<std::vector<std::string>> rows;
    for (Index k = 0; k < ours.offsets.images.cols(); ++k) {
        const std::string& name = ours.offsets.names[static_cast<std::size_t>(k)];
        const auto image = ours.offsets.images.column(k);
        parts.push_back(signed_plate("offset-" + std::to_string(k), {image.begin(), image.end()}, n, n, name));
        rows.push_back({name, digits(norm(image)), digits(roughness(image, layout, n))});
    }
    rows.push_back({"sum", digits(norm(split.bias)), digits(roughness(split.bias, layout, n))});
    article.plates(std::move(parts), "What the biases of each layer add to the first picture.");
    article.table({"", "norm", "roughness"}, rows, "Roughness: total variation over the sum of absolute values.");
    article.paragraph(
        "Rules: the last bias aligns where |cos| is at least 0.9, in part from 0.5 on, of the bias itself or of what "
        "training "
        "has added to it, if the bias is three times above both controls. Biases paint the bulk where b alone has half "
        "of "
        "the picture; vectors correct the edges where the energy of F x near the outline is above that of an even "
        "spread and above that of b; in part "
        "for "
        "one of the two.");
}

std::string pair_of(double a, double b) {
    return digits(a) + " and " + digits(b);
}

Finding decays(const All& all) {
    const Answers& ours = all.answers[0];
    const double s9 = decay(ours.whole, 8), data9 = decay(all.data.svd.s, 8);
    const double share = energy_share(ours.whole, 4), of_data = energy_share(all.data.svd.s, 4);
    const bool few = s9 <= 1e-6 && s9 < data9;
    const bool faster = share > of_data;
    return {"SpecXAI",
            "Fig. 8",
            "the spectrum of the operator decays faster than that of the data (s9 / s1; energy of the first 4)",
            pair_of(s9, share),
            "data " + pair_of(data9, of_data) + "; untrained " +
                pair_of(decay(all.untrained[0].whole, 8), energy_share(all.untrained[0].whole, 4)),
            verdict_of(few, faster)};
}

Finding few_coefficients(const All& all) {
    const SplitPicture& split = all.answers[0].splits[0];
    double error = 0;
    for (const SplitPicture& one : all.answers[0].splits)
        error = std::max(error, one.error);
    std::vector<double> terms;
    for (std::size_t k = 0; k < split.coefficients.size(); ++k)
        terms.push_back(std::abs(split.coefficients[k]) * norm(split.images.column(static_cast<Index>(k))));
    const double sum = std::accumulate(terms.begin(), terms.end(), 0.0);
    const double two = sum > 0 && terms.size() > 1 ? (terms[0] + terms[1]) / sum : 0;
    const bool exact = error <= 1e-10;
    return {
        "SpecXAI",
        "Fig. 8",
        "a picture is the sum of its vectors times coefficients (there c0 = 5, c1 = 25); which depend on the training",
        "c0 = " + digits(split.coefficients.front()) +
            ", c1 = " + digits(split.coefficients.size() > 1 ? split.coefficients[1] : 0) +
            "; the first two of the terms' sizes: " + digits(two) + "; error of the sum " + digits(error, 2),
        "8 vectors of the data miss " + digits(error_of_data(all.data, bottleneck)) + " of a picture, the network " +
            digits(all.answers[0].error),
        exact && two >= .5 ? Verdict::holds : (exact ? Verdict::in_part : Verdict::does_not_hold)};
}

Finding last_bias(const All& all, std::uint64_t seed) {
    const auto v1 = all.data.svd.U.column(0);
    const std::vector<double>&trained = all.trained[1].network.layers.back().bias,
          &first = all.fresh[1].layers.back().bias;
    std::vector<double> added(trained);
    for (std::size_t i = 0; i < added.size(); ++i)
        added[i] -= first[i];
    const double ours = std::abs(cosine(trained, v1)), learnt = std::abs(cosine(added, v1));
    const double fresh = std::abs(cosine(first, v1)), chance = random_alignment(v1, seed);
    return {"SpecXAI",
            "Fig. 9",
            "the last bias of the decoder aligns with the first vector of the data (|cos|; of what training has added "
            "to it)",
            digits(ours) + "; " + digits(learnt),
            "untrained " + digits(fresh) + "; random directions " + digits(chance),
            ours >= .9                                                           ? Verdict::holds
            : std::max(ours, learnt) >= .5 && ours > 3 * std::max(fresh, chance) ? Verdict::in_part
                                                                                 : Verdict::does_not_hold};
}

Finding bulk_and_edges(const All& all) {
    const Answers &ours = all.answers[1], &fresh = all.untrained[1];
    const bool bulk = ours.bulk >= .5, edges = ours.edge_vectors > 1 && ours.edge_vectors > ours.edge_bias;
    return {
        "SpecXAI",
        "Fig. 9",
        "biases paint the bulk, vectors correct the edges (share of y that b paints; density of energy near the "
        "outline)",
        digits(ours.bulk) + "; F x " + digits(ours.edge_vectors) + ", b " + digits(ours.edge_bias),
        "untrained " + digits(fresh.bulk) + "; F x " + digits(fresh.edge_vectors) + ", b " + digits(fresh.edge_bias),
        verdict_of(bulk, edges)};
}

std::vector<Finding> run(const Settings& settings, Article& article) {
    Backend<double>& on = settings.execution.backend<double>();
    const All all = make_all(on, settings);
    write_start(all, settings, article);
    write_spectra(all, article);
    write_vectors(all, article);
    write_biases(all, article);
    return {{"SpecXAI", "Fig. 8", "without biases b = 0 (largest |b| of a pixel)", digits(all.answers[0].residual),
             "with biases " + digits(all.answers[1].residual),
             all.answers[0].residual == 0 ? Verdict::holds : Verdict::does_not_hold},
            decays(all),
            few_coefficients(all),
            last_bias(all, settings.seed),
            bulk_and_edges(all)};
}

}  // namespace

Experiment rotated_squares() {
    return {"E6", "Rotated squares: autoencoders without and with biases", {}, run};
}

}  // namespace descrambler::tour
