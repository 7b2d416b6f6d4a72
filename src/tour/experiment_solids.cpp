// E7: autoencoders of voxels and regressors from their latent numbers: cars and turbines (SpecXAI, Fig. 4 to 7 and 10).
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "descrambler/clustering.hpp"
#include "descrambler/statistics.hpp"
#include "tour/solid_networks.hpp"
#include "tour/splits.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

constexpr Index told = 3;  // vectors of a solid
constexpr std::array<const char*, 3> nodes{"layer_1_relu", "layer_2", "layer_3_relu"};

std::string shown(double a, int significant = 3) {
    return digits(a, significant);
}

// A split of the answer at one node, at every solid of the set.
struct Told {
    std::vector<SplitOutput> splits;
    std::vector<std::vector<std::vector<double>>>
        top;                           // [solid][0 .. 2] the vectors that matter most, without cancellation
    double s10 = 0;                    // s10 / s1, mean
    double share = 0, share_of_3 = 0;  // of the first term and the first three, without cancellation
    double mirror = 0, turn = 0;       // of the first vector, mean
    double blade = 0;                  // largest share of a blade in the first vector, mean
    double apart = 0;  // share of the solids where the next two vectors have other blades than the first
    double worst = 0;  // error of the sum of terms
};

void add_blades(Told& result, const std::vector<std::vector<double>>& top, const Turbine& turbine, Index n,
                double one) {
    std::vector<Index> largest;
    for (const auto& vector : top) {
        const std::vector<double> shares = blade_shares(vector, n, turbine.azimuth);
        largest.push_back(std::ranges::max_element(shares) - shares.begin());
        if (largest.size() == 1)
            result.blade += one * *std::ranges::max_element(shares);
    }
    if (std::ssize(largest) == told && largest[1] != largest[0] && largest[2] != largest[0])
        result.apart += one;
}

Told tell(Backend<double>& on, const SolidNetworks& of, const Network& answer, const std::string& node, Index count) {
    const GraphCut at = cut_graph(graph_of(answer), node);
    const Index n = of.sizes.n, first = of.sizes.shapes - of.sizes.held_out;
    const double one = 1 / static_cast<double>(count);
    Told result;
    for (Index k = 0; k < count; ++k) {
        const std::vector<double> x = of.solid(k);
        SplitOutput split = split_output(on, at, x, 0);
        auto& top = result.top.emplace_back();
        const auto& shares = split.reduced.shares;
        for (std::size_t i = 0; i < std::min<std::size_t>(told, shares.size()); ++i) {
            const auto vector = split.right.V.column(split.reduced.terms[i].index);
            top.emplace_back(vector.begin(), vector.end());
            result.share += i == 0 ? one * shares[0] : 0;
            result.share_of_3 += one * shares[i];
        }
        result.s10 += one * decay(split.right.s, 9);
        result.worst = std::max(result.worst, split.terms.error);
        if (!top.empty()) {
            result.mirror += one * mirror_symmetry(top[0], n);
            result.turn += one * turn_symmetry(top[0], n);
        }
        if (!of.turbines.empty())
            add_blades(result, top, of.turbines[static_cast<std::size_t>(first + k)], n, one);
        split.right.V = {};  // the vectors that are told are kept above
        result.splits.push_back(std::move(split));
    }
    return result;
}

// Vectors of the set compared: |<first vector of i, first vector of j>|, and the groups they make.
struct Groups {
    Matrix<double> similarity;
    std::vector<Index> labels, order;
    double silhouette = 0, median = 0;
    Index clusters = 1, of_two = 0;  // of two solids or more
};

Groups groups_of(Backend<double>& on, const Told& at) {
    Groups groups;
    std::vector<const std::vector<double>*> vectors;
    for (const auto& top : at.top)
        if (!top.empty())
            vectors.push_back(&top[0]);
    const Index count = std::ssize(vectors);
    if (count < 3)
        return groups;
    Matrix<double> V(std::ssize(*vectors[0]), count), distance(count, count);
    for (Index k = 0; k < count; ++k)
        std::ranges::copy(*vectors[static_cast<std::size_t>(k)], V.column(k).begin());
    groups.similarity = similarity(on, V);
    std::vector<double> pairs;
    for (Index i = 0; i < count; ++i)
        for (Index j = 0; j < count; ++j) {
            distance(i, j) = i == j ? 0 : std::max(0.0, 1 - groups.similarity(i, j));
            if (i < j)
                pairs.push_back(groups.similarity(i, j));
        }
    groups.median = median_of(pairs);
    const Dendrogram tree = average_linkage(distance);
    groups.order = tree.order;
    groups.labels = cut(tree, largest_gap(tree));
    groups.clusters = *std::ranges::max_element(groups.labels) + 1;
    for (Index label = 0; label < groups.clusters; ++label)
        groups.of_two += std::ranges::count(groups.labels, label) >= 2 ? 1 : 0;
    if (groups.clusters > 1)
        groups.silhouette = silhouette(distance, groups.labels);
    return groups;
}

// What the biases of the last layers of an autoencoder add, and the sum.
struct BiasImages {
    std::vector<std::string> names;
    std::vector<double> rough;                // of the parts, means over the solids
    double sum = 0;                           // of their sum
    std::vector<std::vector<double>> images;  // at the first solid; the sum last
};

BiasImages bias_images(Backend<double>& on, const SolidNetworks& of, const Network& autoencoder, Index count) {
    const Graph graph = graph_of(autoencoder);
    constexpr Index last = 3;
    BiasImages result;
    result.rough.resize(last);
    for (Index k = 0; k < count; ++k) {
        const std::vector<double> x = of.solid(k);
        const OffsetImages all = FrozenNetwork<double>(on, graph, x, {}).offset_images();
        const Index parts = all.images.cols();
        std::vector<double> sum(x.size());
        for (Index i = 0; i < last; ++i) {
            const auto image = all.images.column(parts - last + i);
            std::ranges::transform(sum, image, sum.begin(), std::plus<>());
            result.rough[static_cast<std::size_t>(i)] += roughness(image, of.sizes.n) / static_cast<double>(count);
            if (k == 0) {
                result.names.push_back(all.names[static_cast<std::size_t>(parts - last + i)]);
                result.images.emplace_back(image.begin(), image.end());
            }
        }
        result.sum += roughness(sum, of.sizes.n) / static_cast<double>(count);
        if (k == 0)
            result.images.push_back(std::move(sum));
    }
    return result;
}

struct All {
    SolidTraining training;
    std::array<Told, 3> cars, fresh_cars;  // at the nodes
    Told turbines, fresh_turbines;         // at the first
    Groups car_groups, fresh_groups, turbine_groups;
    BiasImages biases, fresh_biases;
    double turbine_turn = 0;  // of the turbines themselves
};

All make_all(Backend<double>& on, const Settings& settings) {
    All all{.training = train_on_solids(settings)};
    const SolidNetworks &cars = all.training.cars, &turbines = all.training.turbines;
    const Index set = cars.sizes.set, few = std::min<Index>(8, set);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        all.cars[i] = tell(on, cars, cars.answer, nodes[i], set);
        all.fresh_cars[i] = tell(on, cars, cars.fresh, nodes[i], i == 0 ? set : few);
    }
    all.turbines = tell(on, turbines, turbines.answer, nodes[0], set);
    all.fresh_turbines = tell(on, turbines, turbines.fresh, nodes[0], few);
    all.car_groups = groups_of(on, all.cars[0]);
    all.fresh_groups = groups_of(on, all.fresh_cars[0]);
    all.turbine_groups = groups_of(on, all.turbines);
    all.biases = bias_images(on, cars, cars.autoencoder.network, few);
    all.fresh_biases = bias_images(on, cars, cars.fresh_autoencoder, few);
    for (Index k = 0; k < set; ++k)
        all.turbine_turn += turn_symmetry(turbines.solid(k), turbines.sizes.n) / static_cast<double>(set);
    return all;
}

// ---- the page ------------------------------------------------------------------------------------------------------

void add_solid_plates(std::vector<Plate>& plates, const SolidNetworks& of, Index k, const std::vector<double>& solid,
                      const std::string& name, const std::string& words) {
    const Index n = of.sizes.n;
    const int axis = of.turbines.empty() ? 1 : 0;
    plates.push_back(
        grey_plate(of.name + "-" + name + "-" + std::to_string(k), projection(solid, n, axis), n, n, words));
}

void write_kind(const SolidNetworks& of, Article& article) {
    std::vector<Plate> plates;
    for (Index k = 0; k < std::min<Index>(3, of.sizes.set); ++k) {
        const std::vector<double> solid = of.solid(k);
        Matrix<double> x(std::ssize(solid), 1);
        std::ranges::copy(solid, x.data());
        const Matrix<double> y = forward(*make_cpu_backend<double>(1), of.autoencoder.network, x);
        add_solid_plates(plates, of, k, solid, "x", "solid " + std::to_string(k));
        add_solid_plates(plates, of, k, {y.values().begin(), y.values().end()}, "y", "by the autoencoder");
    }
    article.plates(std::move(plates),
                   "The " + of.name + ", " + (of.turbines.empty() ? "seen from the side" : "along the axis") +
                       ": voxels summed along the line of sight. None of them was seen in training.");
}

void write_start(const All& all, const Settings& settings, Article& article) {
    const SolidNetworks &cars = all.training.cars, &turbines = all.training.turbines;
    const SolidSizes& sizes = cars.sizes;
    const std::string voxels = std::to_string(sizes.n * sizes.n * sizes.n);
    article.section("solids-data", "Cars and turbines");
    article.paragraph(
        "The cars and turbines of the paper are not available. Those here are made from a few parameters on " +
        std::to_string(sizes.n) +
        "^3 voxels: cars of a superellipsoid, a cabin and wheels, with a drag "
        "(frontal area times a smooth factor of the shape), and rotors of three blades turned by any angle, with a "
        "peak stress (that of the worst blade as a beam under wind and weight). " +
        std::to_string(sizes.shapes) + " of each, the last " + std::to_string(sizes.held_out) +
        " held out. What follows is of those." +
        (settings.quick ? " This is the quick version, on few small solids." : ""));
    article.paragraph(
        "An autoencoder " + voxels + "-" + std::to_string(sizes.hidden) + "-" + std::to_string(sizes.latent) + "-" +
        std::to_string(sizes.hidden) + "-" + voxels + " for each kind, then a regressor " +
        std::to_string(sizes.latent) + "-" + std::to_string(sizes.regressor) +
        "-1 from its latent numbers. The answer that is explained is encoder and regressor in one. All "
        "training took " +
        shown(all.training.seconds) + " s (" + shown(all.training.processor_seconds) + " s of processor time).");
    write_kind(cars, article);
    write_kind(turbines, article);
    const auto row = [](const SolidNetworks& of) {
        return std::vector<std::string>{of.name, shown(of.error), shown(of.error_of_mean), shown(of.explained),
                                        shown(of.shuffled)};
    };
    article.table({"", "error of the autoencoder", "of the mean solid", "explained of the target", "targets shuffled"},
                  {row(cars), row(turbines)},
                  "Errors: ||y - x|| / ||x||, means. Explained: 1 - squared error / variance; 1 is perfect, 0 no "
                  "better than the mean.");
}

void write_vectors(const SolidNetworks& of, const Told& at, const std::string& heading, const std::string& words,
                   Article& article) {
    const Index n = of.sizes.n;
    article.section("solids-" + of.name, heading);
    article.paragraph(words);
    for (Index k = 0; k < std::min<Index>(2, std::ssize(at.top)); ++k) {
        const auto& top = at.top[static_cast<std::size_t>(k)];
        const SplitOutput& split = at.splits[static_cast<std::size_t>(k)];
        std::vector<Plate> plates;
        add_solid_plates(plates, of, k, of.solid(k), "seen", "solid " + std::to_string(k));
        for (std::size_t i = 0; i < top.size(); ++i) {
            const std::string stem = of.name + "-" + std::to_string(k) + "-" + std::to_string(i);
            const std::string share = "share " + shown(split.reduced.shares[i]);
            plates.push_back(signed_plate(stem + "-front", projection(top[i], n, 0), n, n, share + ", along the axis"));
            plates.push_back(signed_plate(stem + "-side", projection(top[i], n, 1), n, n, share + ", from the side"));
        }
        article.plates(std::move(plates), "Solid " + std::to_string(k) + ", its " + of.target + " " +
                                              shown(of.target_of(k)) + " (standardised), answered " +
                                              shown(split.terms.y) + ".");
    }
}

void write_layers(const All& all, Article& article) {
    article.section("solids-layers", "From the first layer to the last but one");
    article.paragraph(
        "The same answer split at each layer. The spectrum in front of a layer is narrow where s10 / s1 is "
        "small; the share is that of the first term once terms of opposite sign are cancelled.");
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        for (const bool trained : {true, false}) {
            const Told& at = trained ? all.cars[i] : all.fresh_cars[i];
            rows.push_back({std::string(nodes[i]) + (trained ? "" : ", untrained"), shown(at.s10), shown(at.share),
                            shown(at.share_of_3), shown(at.mirror), shown(at.worst, 2)});
        }
    article.table({"cars", "s10 / s1", "share of the first", "of the first 3", "mirror symmetry", "error of the sum"},
                  rows,
                  "Means over the set; mirror symmetry: the cosine between the first vector and its mirror image.");
    Drawing drawing{"solids_spectra", "Spectra in front of each layer, first car", 1, 900, 300, {}};
    Panel panel{"", {"number", {}, {}, true, {}}, {"s_k / s_1", {}, {}, true, {}}, {}, {}};
    const std::array<const char*, 3> colours{"#0072b2", "#009e73", "#d55e00"};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        Curve curve;
        curve.label = nodes[i];
        curve.colour = colours[i];
        curve.dash = static_cast<int>(i) + 1;
        const std::vector<double>& s = all.cars[i].splits[0].right.s;
        for (std::size_t k = 0; k < s.size(); ++k) {
            curve.x.push_back(static_cast<double>(k + 1));
            curve.y.push_back(s[k] / s[0]);
        }
        panel.curves.push_back(std::move(curve));
    }
    drawing.panels.push_back(std::move(panel));
    article.drawing(std::move(drawing), "All singular values that are not rounding.");
    const Index n = all.training.cars.sizes.n;
    std::vector<Plate> plates;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (!all.cars[i].top[0].empty())
            plates.push_back(
                signed_plate("layer-" + std::to_string(i), projection(all.cars[i].top[0][0], n, 1), n, n, nodes[i]));
    article.plates(std::move(plates), "The first vector of car 0 at each layer, from the side.");
    article.paragraph(
        "Rules: the spectrum narrows where s10 / s1 falls at each layer; one vector works almost alone where its "
        "share before the last layer is at least 0.9; symmetry stays where it is at least 0.8 at all three "
        "layers; in part for some of the three.");
}

void write_groups(const All& all, Article& article) {
    const Groups& groups = all.car_groups;
    article.section("solids-groups", "Vectors compared over the set");
    article.paragraph("|<a, b>| of the first vectors of every two solids: 1 where the network uses the same vector.");
    const auto row = [](const std::string& name, const Groups& g) {
        return std::vector<std::string>{name, shown(g.median), std::to_string(g.clusters), std::to_string(g.of_two),
                                        shown(g.silhouette)};
    };
    article.table({"", "median", "groups", "of two or more", "silhouette"},
                  {row("cars", groups), row("cars, untrained", all.fresh_groups), row("turbines", all.turbine_groups)},
                  "Groups by average linkage of 1 - |<a, b>|, cut at the largest gap.");
    const Index count = groups.similarity.rows();
    if (count == 0)
        return;
    Image image;
    image.values = Matrix<double>(count, count);
    for (Index i = 0; i < count; ++i)
        for (Index j = 0; j < count; ++j)
            image.values(i, j) =
                groups.similarity(groups.order[static_cast<std::size_t>(i)], groups.order[static_cast<std::size_t>(j)]);
    image.label = "|<a, b>|";
    Drawing drawing{"solids_similarity", "Cars", 1, 520, 420, {}};
    Panel panel{"", {"car, in the order of the groups", {}, {}, false, {}}, {"car", {}, {}, false, {}}, {}, {}};
    panel.image = std::move(image);
    drawing.panels.push_back(std::move(panel));
    article.drawing(std::move(drawing), "Bright blocks along the diagonal are groups.");
    article.paragraph(
        "Rule: subgroups where there are two groups of two solids or more and their silhouette is at least "
        "0.5; in part for one of the two.");
}

void write_biases(const All& all, Article& article) {
    article.section("solids-biases", "What biases add");
    article.paragraph(
        "The images that the biases of the last three layers of the autoencoder of cars add to its answer, and "
        "their sum. Roughness: total variation over the sum of absolute values.");
    const Index n = all.training.cars.sizes.n;
    std::vector<Plate> plates;
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < all.biases.images.size(); ++i) {
        const bool sum = i == all.biases.names.size();
        const std::string name = sum ? "sum" : all.biases.names[i];
        plates.push_back(signed_plate("bias-" + std::to_string(i), projection(all.biases.images[i], n, 1), n, n, name));
        rows.push_back({name, shown(norm(all.biases.images[i])), shown(sum ? all.biases.sum : all.biases.rough[i]),
                        shown(sum ? all.fresh_biases.sum : all.fresh_biases.rough[i])});
    }
    article.plates(std::move(plates), "At car 0, summed along the line of sight from the side.");
    article.table(
        {"", "norm at car 0", "roughness", "roughness, untrained"}, rows,
        "Rule: the sum has structure where it is less rough than each part; in part where it is less rough than "
        "their mean. Roughness: means over solids.");
}

// ---- findings ------------------------------------------------------------------------------------------------------

Verdict verdict_of(std::initializer_list<bool> rules) {
    const auto kept = std::count(rules.begin(), rules.end(), true);
    if (kept == static_cast<std::ptrdiff_t>(rules.size()))
        return Verdict::holds;
    return kept > 0 ? Verdict::in_part : Verdict::does_not_hold;
}

Finding drag_vectors(const All& all) {
    const SolidNetworks& cars = all.training.cars;
    const Told &ours = all.cars[0], &fresh = all.fresh_cars[0];
    return {"SpecXAI",
            "Fig. 4",
            "cars: a few vectors of the first layer carry the drag (explained of the target; share of the first three; "
            "mirror symmetry)",
            shown(cars.explained) + "; " + shown(ours.share_of_3) + "; " + shown(ours.mirror),
            "targets shuffled " + shown(cars.shuffled) + "; untrained " + shown(fresh.share_of_3) + "; " +
                shown(fresh.mirror),
            cars.explained < .5 ? Verdict::not_repeated
                                : verdict_of({ours.share_of_3 >= .5, ours.mirror >= .8 && ours.mirror > fresh.mirror})};
}

Finding subgroups(const All& all) {
    const Groups &ours = all.car_groups, &fresh = all.fresh_groups;
    return {"SpecXAI",
            "Fig. 5",
            "vectors of different solids make subgroups (groups of two or more; silhouette)",
            std::to_string(ours.of_two) + "; " + shown(ours.silhouette) + "; median |<a, b>| " + shown(ours.median),
            "untrained " + std::to_string(fresh.of_two) + "; " + shown(fresh.silhouette) + "; " + shown(fresh.median),
            verdict_of({ours.of_two >= 2, ours.silhouette >= .5})};
}

Finding narrowing(const All& all) {
    const auto chain = [](const std::array<Told, 3>& at, double Told::*number) {
        return shown(at[0].*number) + ", " + shown(at[1].*number) + ", " + shown(at[2].*number);
    };
    const auto& ours = all.cars;
    return {"SpecXAI",
            "Fig. 6",
            "cars: the spectrum narrows from layer to layer, the last but one uses one vector almost alone, symmetry "
            "stays (s10 / s1; share of the first; mirror symmetry)",
            chain(ours, &Told::s10) + "; " + shown(ours[2].share) + "; " + chain(ours, &Told::mirror),
            "untrained " + chain(all.fresh_cars, &Told::s10) + "; " + shown(all.fresh_cars[2].share) + "; " +
                chain(all.fresh_cars, &Told::mirror),
            verdict_of({ours[0].s10 > ours[1].s10 && ours[1].s10 > ours[2].s10, ours[2].share >= .9,
                        std::min({ours[0].mirror, ours[1].mirror, ours[2].mirror}) >= .8})};
}

Finding blades(const All& all) {
    const Told &ours = all.turbines, &fresh = all.fresh_turbines;
    return {"SpecXAI",
            "Fig. 7",
            "turbines: the first vector is not symmetric, further vectors take the other blades (symmetry under a "
            "third of a turn; largest share of a blade; next two elsewhere)",
            shown(ours.turn) + "; " + shown(ours.blade) + "; " + shown(ours.apart) + " of the solids; explained " +
                shown(all.training.turbines.explained),
            "turbines themselves " + shown(all.turbine_turn) + "; untrained " + shown(fresh.turn) + "; " +
                shown(fresh.blade) + "; " + shown(fresh.apart) + "; by chance 1/3 and 4/9",
            all.training.turbines.explained < .5
                ? Verdict::not_repeated
                : verdict_of({ours.turn < .5 && ours.turn<all.turbine_turn, ours.blade >= .5, ours.apart> 4. / 9})};
}

Finding smooth_sum(const All& all) {
    const auto listed = [](const BiasImages& b) {
        return shown(b.rough[0]) + ", " + shown(b.rough[1]) + ", " + shown(b.rough[2]) + "; " + shown(b.sum);
    };
    const double least = *std::ranges::min_element(all.biases.rough);
    const double mean = std::accumulate(all.biases.rough.begin(), all.biases.rough.end(), 0.0) / 3;
    return {
        "SpecXAI",
        "Fig. 10",
        "bias images of the last three layers are noisy, their sum has structure (roughness of the parts; of the sum)",
        listed(all.biases),
        "untrained " + listed(all.fresh_biases),
        all.biases.sum < least ? Verdict::holds : (all.biases.sum < mean ? Verdict::in_part : Verdict::does_not_hold)};
}

std::vector<Finding> run(const Settings& settings, Article& article) {
    Backend<double>& on = settings.execution.backend<double>();
    const All all = make_all(on, settings);
    write_start(all, settings, article);
    write_vectors(
        all.training.cars, all.cars[0], "Cars: vectors of the first layer",
        "The answer frozen at a car and split behind the first layer: the three vectors with the largest terms, "
        "once terms of opposite sign are cancelled. They are maps over the voxels, summed here along the line of "
        "sight. "
        "Rules: three vectors carry the drag where they make half of it; they keep the symmetry of cars where the "
        "cosine between the first and its mirror image is at least 0.8 and above that of the untrained network; in "
        "part for "
        "one of the two. Where the regressor explains less than half of the target the finding counts as not repeated, "
        "here and for turbines.",
        article);
    write_groups(all, article);
    write_layers(all, article);
    write_vectors(
        all.training.turbines, all.turbines, "Turbines: vectors of the first layer",
        "The same for the peak stress, which one blade decides. A third of a turn maps a turbine onto itself; the "
        "symmetry on the voxels, the cosine between a map and its turned copy, is " +
            shown(all.turbine_turn) + " for the turbines and " + shown(all.turbines.turn) +
            " for their first vectors. Rule: the first vector is not symmetric where that is below one half and below "
            "that "
            "of the turbines; one blade has half of its energy or more; the next two vectors lie mostly on other "
            "blades for more solids than by chance, 4/9; in part for some of the three.",
        article);
    write_biases(all, article);
    return {drag_vectors(all), subgroups(all), narrowing(all), blades(all), smooth_sum(all)};
}

}  // namespace

Experiment shapes() {
    return {"E7", "Voxels: cars with a drag, turbines with a stress", {}, run};
}

}  // namespace descrambler::tour
