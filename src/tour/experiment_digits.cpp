// E5: spectral splits of classifiers: all of a network of digits, the last convolution of a larger one, and baselines.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/of_file.hpp"
#include "descrambler/backward_rules.hpp"
#include "descrambler/baselines.hpp"
#include "descrambler/deletion.hpp"
#include "descrambler/graph_cut.hpp"
#include "descrambler/lime.hpp"
#include "descrambler/random.hpp"
#include "descrambler/segments.hpp"
#include "descrambler/spectrum.hpp"
#include "descrambler/statistics.hpp"
#include "descrambler/symbolic.hpp"
#include "tour/digits.hpp"
#include "tour/material.hpp"
#include "tour/singular.hpp"
#include "tour/splits.hpp"
#include "tour/votes.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

const std::string digits_file = "digits_cnn.onnx", photograph_file = "efficientnet_lite0.onnx";
const std::vector<std::string> nodes = {"conv1", "conv2", "conv3", "fc1", "output"};
constexpr Index side = 28;
const ImageShape image{1, side, side, false};

RightSpectrum leading(Backend<double>& on, const Graph& before, std::span<const double> x, Index terms) {
    const FrozenNetwork<double> frozen(on, before, x, {});
    SplitOptions options;
    options.terms = std::min(terms, std::min(frozen.inputs(), frozen.outputs()));
    options.largest_full = 64;
    return right_spectrum(on, operator_of(frozen), options);
}

// ---- evolution over layers --------------------------------------------------------------------------------------------

struct Evolution {
    std::vector<std::vector<double>> tenth;  // [digits][nodes] lambda_10 / lambda_1
    Index monotone = 0;
};

Evolution evolve(const Settings& settings, const Graph& graph, const Digits& digits, Index count) {
    Backend<double>& on = settings.execution.backend<double>();
    Evolution result;
    std::vector<GraphCut> cuts;
    for (const std::string& node : nodes)
        cuts.push_back(cut_graph(graph, node));
    for (Index k = 0; k < count; ++k) {
        settings.step("E5: digits", static_cast<double>(k), static_cast<double>(count));
        std::vector<double> tenth;
        for (std::size_t i = 0; i < cuts.size(); ++i) {
            if (i == 0 && k > 0) {  // a convolution alone: the same for every digit
                tenth.push_back(result.tenth.front().front());
                continue;
            }
            const RightSpectrum spectrum = leading(on, cuts[i].before, digits.x.column(k), 10);
            tenth.push_back(spectrum.s.size() < 10 ? 0 : spectrum.s[9] / spectrum.s[0]);
        }
        result.monotone += std::ranges::is_sorted(tenth, std::greater<>()) ? 1 : 0;
        result.tenth.push_back(std::move(tenth));
    }
    return result;
}

std::vector<double> at_node(const Evolution& evolution, std::size_t node) {
    std::vector<double> values;
    for (const auto& tenth : evolution.tenth)
        values.push_back(tenth[node]);
    return values;
}

// ---- one digit, split at every node -----------------------------------------------------------------------------------

struct Splits {
    std::vector<SplitOutput> at;
    Index output = 0;
    double error = 0, disagreement = 0, reduction = 0;  // of sums, over the sum of |alpha|
};

Splits split_everywhere(const Settings& settings, const Graph& graph, std::span<const double> x) {
    Backend<double>& on = settings.execution.backend<double>();
    Splits result;
    const FrozenNetwork<double> whole(on, graph, x, {});
    result.output = top_of(whole.output());
    std::vector<double> sums;
    for (const std::string& node : nodes) {
        result.at.push_back(split_output(on, cut_graph(graph, node), x, result.output));
        const SplitOutput& s = result.at.back();
        const double sum = std::accumulate(s.terms.alpha.begin(), s.terms.alpha.end(), 0.0);
        double kept = 0;
        for (const Term& term : s.reduced.terms)
            kept += term.value;
        sums.push_back(sum + s.terms.bias);
        result.error = std::max(result.error, s.terms.error);
        result.disagreement = std::max(result.disagreement, std::abs(sums.back() - sums.front()) / s.terms.size);
        result.reduction = std::max(result.reduction, std::abs(kept - sum) / s.terms.size);
    }
    return result;
}

void add_splits(Article& page, const Splits& splits, std::span<const double> x) {
    page.section("splits", "One digit, split at every layer");
    page.paragraph(
        "In front of a node the network is R x + b_R with singular values lambda_k and vectors phi_k; an output is a "
        "sum of terms alpha_k = psi_k lambda_k <phi_k, x> and a bias, which differs from node to node. Without "
        "cancellation: positive and negative terms are added pair by pair until one sign is left.");
    Drawing drawing{.name = "spectra", .title = "Singular values in front of each node, over the first", .columns = 2};
    Panel full, reduced;
    full.title = "all, over the first";
    full.x.label = reduced.x.label = "k";
    full.x.logarithmic = true;
    full.y.logarithmic = true;
    full.y.low = 1e-4;
    reduced.title = "shares without cancellation, sorted";
    const std::vector<std::string> colours = {"#000000", "#0072B2", "#009E73", "#D55E00", "#CC79A7"};
    std::vector<std::vector<std::string>> rows;
    std::vector<Plate> plates;
    for (std::size_t i = 0; i < splits.at.size(); ++i) {
        const SplitOutput& s = splits.at[i];
        Curve spectrum{.label = nodes[i], .colour = colours[i], .dash = static_cast<int>(i) + 1}, shares = spectrum;
        for (std::size_t k = 0; k < s.right.s.size(); ++k) {
            spectrum.x.push_back(static_cast<double>(k + 1));
            spectrum.y.push_back(s.right.s[k] / s.right.s[0]);
        }
        for (std::size_t k = 0; k < std::min<std::size_t>(20, s.reduced.shares.size()); ++k) {
            shares.x.push_back(static_cast<double>(k + 1));
            shares.y.push_back(s.reduced.shares[k]);
        }
        full.curves.push_back(std::move(spectrum));
        reduced.curves.push_back(std::move(shares));
        double sizes = 0;
        for (const double alpha : s.terms.alpha)
            sizes += std::abs(alpha);
        rows.push_back({nodes[i], std::to_string(s.right.s.size()), text(decay(s.right.s, 9)), text(s.terms.bias),
                        text(sizes), std::to_string(s.reduced.terms.size()), text(s.reduced.effective_terms),
                        s.reduced.shares.empty() ? "" : percent(s.reduced.shares[0]), text(s.terms.error, 2)});
        for (Index k = 0; k < std::min<Index>(3, s.right.V.cols()); ++k)
            plates.push_back({nodes[i] + "_" + std::to_string(k),
                              signed_picture(s.right.V.column(k), image, largest(s.right.V.column(k))),
                              nodes[i] + ", vector " + std::to_string(k + 1), "", 112});
    }
    drawing.panels = {full, reduced};
    page.drawing(drawing, "The digit's own spectra; the number of shares that count falls with the depth.");
    page.table({"Split in front of", "Rank", "lambda_10 / lambda_1", "b_j", "Sum |alpha|", "Terms without cancellation",
                "Effective terms", "Largest share", "Error of the sum"},
               rows, "Effective terms: 1 / sum of squared shares; 1 where a single term has all.");
    plates.insert(plates.begin(), {"digit", signed_picture(x, image, largest(x)), "the digit", "", 112});
    page.plates(std::move(plates), "Leading singular vectors: what the network in front of the node passes on most.");
}

// ---- similarity over a set --------------------------------------------------------------------------------------------

struct Alike {
    double within = 0, between = 0,
           permuted = 0;  // mean |<phi, phi'>| of digits of one label, of two, of permuted labels
};

Alike compare(const Settings& settings, const Graph& graph, const Digits& digits, Index count) {
    Backend<double>& on = settings.execution.backend<double>();
    const GraphCut at = cut_graph(graph, "fc1");
    Matrix<double> V(digits.x.rows(), count);
    for (Index k = 0; k < count; ++k) {
        settings.step("E5: similarity", static_cast<double>(k), static_cast<double>(count));
        std::ranges::copy(leading(on, at.before, digits.x.column(k), 1).V.column(0), V.column(k).begin());
    }
    const Matrix<double> S = similarity(on, V);
    const auto means = [&](const std::vector<Index>& label) {
        double same = 0, other = 0, pairs = 0, others = 0;
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < i; ++j) {
                const bool one = label[static_cast<std::size_t>(i)] == label[static_cast<std::size_t>(j)];
                (one ? same : other) += S(i, j);
                (one ? pairs : others) += 1;
            }
        return std::pair{same / std::max(1.0, pairs), other / std::max(1.0, others)};
    };
    const auto [within, between] = means(digits.label);
    std::vector<Index> place(static_cast<std::size_t>(count));
    std::iota(place.begin(), place.end(), 0);
    std::vector<double> labels;
    for (Index k = 0; k < count; ++k)
        labels.push_back(static_cast<double>(digits.label[static_cast<std::size_t>(k)]));
    std::vector<Index> shuffled;
    for (const double label : shuffled_pixels(on, labels, place, settings.seed))
        shuffled.push_back(static_cast<Index>(label));
    return {within, between, means(shuffled).first};
}

// ---- contraction ------------------------------------------------------------------------------------------------------

// Energy on the strokes over that of an even map: of vectors contracted with the input, and of their plain means.
struct OnStrokes {
    std::vector<double> contracted, averaged;
};

void add_strokes(std::span<const double> v, std::span<const double> x, OnStrokes& to) {
    double inside = 0;
    std::vector<bool> stroke;
    for (const double number : x) {
        stroke.push_back(number > 0);
        inside += number > 0 ? 1 : 0;
    }
    const auto share = [&](const std::vector<double>& map) {
        double on = 0, all = 0;
        for (std::size_t i = 0; i < map.size(); ++i) {
            all += map[i] * map[i];
            on += stroke[i] ? map[i] * map[i] : 0;
        }
        return on / std::max(all, 1e-300) * static_cast<double>(map.size()) / std::max(inside, 1.0);
    };
    const PixelLayout layout{1, side * side, false};
    to.contracted.push_back(share(contract(v, x, layout)));
    to.averaged.push_back(share(feature_mean(v, layout)));
}

// ---- the last convolution of a larger network -------------------------------------------------------------------------

struct LastConvolution {
    std::string node;
    double participation = 0, random = 0;  // of the leading vectors, mean
    double rest = 0;                       // |closing term| over the sum of sizes
    double effective = 0, error = 0;
    Index terms = 0;
};

std::string last_convolution(const Graph& graph) {
    for (std::size_t i = graph.nodes.size(); i-- > 0;)
        if (std::holds_alternative<Convolve>(graph.nodes[i].op))
            return graph.values[static_cast<std::size_t>(graph.nodes[i].output)].name;
    throw InputError("the network: no convolution, expected one");
}

LastConvolution split_photograph(const Settings& settings, const Picture& photograph,
                                 std::optional<std::uint64_t> random, Article* page) {
    Backend<double>& on = settings.execution.backend<double>();
    const Subject subject = open_subject(settings, photograph_file, {224, 224, {127}, {128}, {}, random});
    check_classifier(subject);
    const Picture picture = resampled(photograph, subject.input.height, subject.input.width);
    const std::vector<double> x = subject.x0_of(picture);
    const GraphCut at = cut_graph(subject.graph, last_convolution(subject.graph));
    SplitOptions options;
    options.terms = settings.quick ? 2 : 10;
    options.lanczos.tolerance = 1e-4;
    options.largest_full = 1;
    const Evaluator evaluator(subject.graph, settings.execution.threads);
    const Matrix<double> y = evaluator.run(Batch<const double>(x.data(), std::ssize(x), 1));
    const SplitOutput split = split_output(on, at, x, top_of({y.values().begin(), y.values().end()}), options);
    const RightSpectrum& spectrum = split.right;
    LastConvolution result;
    result.node = at.node;
    result.participation = mean_measures(on, spectrum.V, subject.input).participation;
    result.rest = std::abs(split.terms.rest) / split.terms.size;
    result.effective = split.reduced.effective_terms;
    result.terms = std::ssize(split.reduced.terms);
    result.error = split.terms.error;
    if (page == nullptr)
        return result;
    std::vector<Plate> plates{{"photograph", picture, "the photograph", "", 160}};
    const PixelLayout layout{subject.input.channels, subject.input.height * subject.input.width,
                             subject.input.channels_last};
    for (Index k = 0; k < std::min<Index>(3, spectrum.V.cols()); ++k) {
        const std::vector<double> map = contract(spectrum.V.column(k), x, layout);
        const std::string number = std::to_string(k + 1);
        plates.push_back({"vector_" + number,
                          signed_picture(spectrum.V.column(k), subject.input, colour_range(spectrum.V.column(k))),
                          "vector " + number, "", 160});
        plates.push_back({"map_" + number,
                          map_over(map, subject.input.height, subject.input.width, colour_range(map), picture),
                          "contracted with the photograph", "", 160});
    }
    page->plates(std::move(plates), "Leading vectors in front of " + at.node + ".");
    return result;
}

// ---- baselines --------------------------------------------------------------------------------------------------------

struct Method {
    std::string name;
    std::vector<double> areas, agreement;  // by digit: deletion area over the score; Spearman with our terms
    std::vector<double> error;             // of conservation or completeness; empty: none is promised
};

std::vector<double> sizes_of(std::vector<double> map) {
    for (double& number : map)
        number = std::abs(number);
    return map;
}

void add_baselines_of(const Settings& settings, const Graph& graph, std::span<const double> x,
                      std::vector<Method>& methods, std::vector<Plate>& plates, Index digit) {
    Backend<double>& on = settings.execution.backend<double>();
    const FrozenNetwork<double> frozen(on, graph, x, {}), tangent(on, graph, x, {FreezeRule::taylor, NormRule::none});
    const Index j = top_of(frozen.output());
    const double y = frozen.output()[static_cast<std::size_t>(j)];
    const std::vector<Index> label{j};
    const PixelPlaces places = pixel_places(graph.values[static_cast<std::size_t>(graph.input)].shape, {2, 3});
    const Evaluator evaluator(graph, settings.execution.threads);
    const std::vector<double> filler = channel_means(x, places), zero(x.size());
    const PixelLayout layout{1, side * side, false};
    std::size_t next = 0;
    std::vector<double> ours;
    const auto add = [&](const std::string& name, const std::vector<double>& map, std::optional<double> error) {
        if (next == methods.size())
            methods.push_back({name, {}, {}, {}});
        Method& method = methods[next++];
        if (ours.empty())
            ours = map;
        method.areas.push_back(deletion_curve(evaluator, x, filler, places, map, j).area / y);
        method.agreement.push_back(spearman(sizes_of(map), sizes_of(ours)));
        if (error)
            method.error.push_back(*error);
        if (digit == 0)
            plates.push_back(
                {"baseline_" + std::to_string(next), signed_picture(map, image, largest(map)), name, "", 112});
    };
    const std::vector<double> row = [&] {
        const Matrix<double> rows = frozen.rows(label);
        return std::vector<double>(rows.column(0).begin(), rows.column(0).end());
    }();
    const Matrix<double> slopes = tangent.rows(label);
    add("row times input (contracted terms)", contract(row, x, layout),
        conservation_error(contract(row, x, layout), y));
    const Discussions discussion = Discussion(frozen, DiscussionRule::conserving).of(label);
    const auto of_column = [](const Matrix<double>& m) {
        return std::vector<double>(m.column(0).begin(), m.column(0).end());
    };
    add("discussion (conserving)", of_column(discussion.maps), conservation_error(discussion.maps.column(0), y));
    add("gradient", of_column(slopes), std::nullopt);
    add("gradient times input", contract(slopes.column(0), x, layout),
        conservation_error(contract(slopes.column(0), x, layout), y));
    const IntegratedGradients integrated = integrated_gradients(on, graph, x, zero, j, 64, settings.execution.threads);
    add("integrated gradients", integrated.map, integrated.error / std::abs(y));
    const BackwardRules rules(frozen);
    const Matrix<double> relevance = rules.relevance(label).maps;
    add("LRP", of_column(relevance), conservation_error(relevance.column(0), y));
    Matrix<double> unit(frozen.outputs(), 1);
    unit(j, 0) = 1;
    add("deconvolution", of_column(rules.deconvolution(unit)), std::nullopt);
    add("GradCAM", grad_cam(tangent, graph, j, side, side).map, std::nullopt);
    std::vector<double> grey;
    for (const double number : x)
        grey.push_back(255 * (number * .3081 + .1307));
    LimeOptions options;
    options.seed = settings.seed;
    options.draws = settings.quick ? 100 : 1000;
    add("LIME", lime(on, evaluator, x, places, segments(grey, image, {4, .2, 20}), j, options).map, std::nullopt);
    add("pixels in no order (control)", random_pixels(side * side, settings.seed + static_cast<std::uint64_t>(digit)),
        std::nullopt);
}

void add_baselines(const Settings& settings, Article& page, const Graph& graph, const Digits& digits,
                   std::vector<Finding>& findings) {
    page.section("baselines", "Beside other explanations");
    std::vector<Method> methods;
    std::vector<Plate> plates;
    const Index count = settings.quick ? 1 : 10;
    for (Index k = 0; k < count; ++k) {
        settings.step("E5: baselines", static_cast<double>(k), static_cast<double>(count));
        add_baselines_of(settings, graph, digits.x.column(k), methods, plates, k);
    }
    page.plates(std::move(plates), "The first digit. Grey is 0; each map has its own range.");
    std::vector<std::vector<std::string>> rows;
    std::vector<double> others;
    for (const Method& m : methods) {
        rows.push_back({m.name, m.error.empty() ? "none promised" : text(median_of(m.error), 2),
                        text(median_of(m.agreement), 2), text(median_of(m.areas))});
        if (m.error.empty() && m.name.find("control") == std::string::npos)
            others.push_back(median_of(m.areas));
    }
    page.table(
        {"Method", "Error of its sum", "Agreement with the first", "Deletion area / score"}, rows,
        "Medians over " + std::to_string(count) +
            " digits. Error: |sum of the map - y| over the larger of |y| and the sum of absolute values; for "
            "integrated gradients |sum - (y - y(0))| / |y|. Agreement: Spearman's correlation of absolute values. "
            "Deletion: mean score while the pixels with the largest absolute values, up to half of all, are "
            "replaced by the mean; small where the map finds what the score "
            "depends on.");
    const double ours = median_of(methods.front().areas), control = median_of(methods.back().areas);
    std::vector<double> agreement;
    for (std::size_t i = 1; i + 1 < methods.size(); ++i)
        agreement.push_back(median_of(methods[i].agreement));
    page.paragraph(
        "Rule: the contracted terms explain the answer where deleting by them takes more of the score than in no "
        "order; "
        "they agree with the others where the median correlation with them is above one half.");
    findings.push_back(
        {"SpecXAI", "Fig. 12, 13", "spectral maps show what other explanations show",
         "deletion area " + text(ours) + ", median agreement with the others " + text(median_of(agreement), 2),
         "no order " + text(control) + ", agreement " + text(median_of(methods.back().agreement), 2),
         verdict_of(ours<control, median_of(agreement)> .5)});
}

// ---- all of it --------------------------------------------------------------------------------------------------------

void add_evolution(Article& page, const Evolution& trained, const Evolution& random, std::vector<Finding>& findings) {
    page.section("evolution", "The spectrum narrows with the depth");
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        rows.push_back({nodes[i], mean_and_deviation(at_node(trained, i)), mean_and_deviation(at_node(random, i))});
    page.table({"Split in front of", "lambda_10 / lambda_1", "random weights"}, rows,
               "Mean and standard deviation over " + std::to_string(trained.tenth.size()) + " digits.");
    const auto count = std::ssize(trained.tenth);
    const bool all = trained.monotone == count;
    findings.push_back({"SpecXAI", "Fig. 1", "spectra fall faster in deeper layers",
                        "from split to split for " + std::to_string(trained.monotone) + " of " + std::to_string(count) +
                            " digits, to " + text(mean_of(at_node(trained, nodes.size() - 1)), 2) + " at the output",
                        "random weights: " + std::to_string(random.monotone) + " of " +
                            std::to_string(random.tenth.size()) + ", to " +
                            text(mean_of(at_node(random, nodes.size() - 1)), 2),
                        verdict_of(2 * trained.monotone > count, all)});
}

std::vector<Finding> read(const Settings& settings, Article& page) {
    const Graph graph = import_onnx(read_onnx(settings.data / "onnx" / digits_file), {});
    ImportOptions random_options;
    random_options.random_weights = true;
    random_options.seed = settings.seed;
    const Graph random_graph = import_onnx(read_onnx(settings.data / "onnx" / digits_file), random_options);
    const Index all = settings.quick ? 20 : 500;
    const Digits digits = read_digits(settings.data / "images/digits.csv.gz", all);
    page.paragraph(
        "A network of handwritten digits (three convolutions, two dense layers) split at every layer, all singular "
        "triplets; and a classifier of photographs at its last convolution, the leading ones and the rest.");
    std::vector<Finding> findings;
    add_evolution(page, evolve(settings, graph, digits, settings.quick ? 3 : 100),
                  evolve(settings, random_graph, digits, settings.quick ? 3 : 20), findings);

    const Splits splits = split_everywhere(settings, graph, digits.x.column(0));
    add_splits(page, splits, digits.x.column(0));
    findings.push_back(
        {"SpecXAI", "Fig. 1", "an output is a sum of spectral terms, at every layer",
         "sums off by " + text(splits.error, 2) + " of the sizes, layers differ by " + text(splits.disagreement, 2),
         "rounding: 1e-16 a term", verdict_of(splits.error < 1e-10, splits.disagreement < 1e-10)});
    const Reduction &early = splits.at[1].reduced, &late = splits.at[3].reduced;
    findings.push_back({"SpecXAI", "Fig. 2", "without cancellation few vectors make an output",
                        text(late.effective_terms) + " effective terms of " +
                            std::to_string(splits.at[3].right.s.size()) + " at fc1, " + text(early.effective_terms) +
                            " of " + std::to_string(splits.at[1].right.s.size()) + " at conv2; the sum kept to " +
                            text(splits.reduction, 2),
                        "as many as the rank, were all alike",
                        verdict_of(late.effective_terms < .1 * static_cast<double>(splits.at[3].right.s.size()),
                                   late.effective_terms < early.effective_terms)});

    page.section("photograph", "The last convolution of a larger network");
    const Picture photograph = photograph_of(settings, 0, "chelsea.png");
    const std::string larger =
        (settings.network ? settings.network->file : settings.data / "onnx" / photograph_file).string();
    const auto split = [&](std::optional<std::uint64_t> seed, Article* on) {
        return of_file(larger, [&] { return split_photograph(settings, photograph, seed, on); });
    };
    const LastConvolution trained = split(std::nullopt, &page), random = split(settings.seed, nullptr);
    findings.push_back({"SpecXAI", "Fig. 3", "at the last convolution vectors are local and few count",
                        "participation " + text(trained.participation) + ", " + text(trained.effective) +
                            " effective terms; rest " + percent(trained.rest) + " of the sizes, the sum off by " +
                            text(trained.error, 2),
                        "random weights " + text(random.participation) + ", " + text(random.effective),
                        verdict_of(trained.participation < .5 * random.participation, trained.effective < 3)});

    const Alike alike = compare(settings, graph, digits, all);
    page.section("similarity", "Vectors over a set");
    page.table({"Pairs of digits", "Mean |<phi, phi'>|"},
               {{"of one label", text(alike.within)},
                {"of two labels", text(alike.between)},
                {"of one label, labels permuted", text(alike.permuted)}},
               "First singular vector in front of fc1 of " + std::to_string(all) + " digits.");
    findings.push_back(
        {"SpecXAI", "Fig. 5", "vectors are alike within subgroups",
         "mean similarity " + text(alike.within) + " within a label, " + text(alike.between) + " between",
         "permuted labels " + text(alike.permuted),
         verdict_of(alike.within > alike.between + .05, alike.within > alike.permuted + .05)});

    OnStrokes strokes;
    for (std::size_t i = 1; i < splits.at.size(); ++i)
        for (Index k = 0; k < std::min<Index>(3, splits.at[i].right.V.cols()); ++k)
            add_strokes(splits.at[i].right.V.column(k), digits.x.column(0), strokes);
    findings.push_back(
        {"SpecXAI", "Fig. 11", "contracted maps show the object, averaged ones do not",
         "energy on the strokes " + text(median_of(strokes.contracted)) + " times that of an even map",
         "averaged " + text(median_of(strokes.averaged)),
         verdict_of(median_of(strokes.contracted) > 1, median_of(strokes.contracted) > median_of(strokes.averaged))});
    add_baselines(settings, page, graph, digits, findings);
    return findings;
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    return of_file((settings.data / "onnx" / digits_file).string(), [&] { return read(settings, page); });
}

}  // namespace

Experiment spectral_digits() {
    return {"E5",
            "Spectral splits of classifiers",
            {"onnx/" + digits_file, "onnx/" + photograph_file, "images/digits.csv.gz", "images/chelsea.png"},
            run,
            "onnx/" + photograph_file};
}

}  // namespace descrambler::tour
