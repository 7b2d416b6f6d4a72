// E1: shares of the residual, contributions, templates, discussions and votes of a classifier.
#include <algorithm>
#include <cmath>

#include "descrambler/receptive.hpp"
#include "descrambler/statistics.hpp"
#include "tour/material.hpp"
#include "tour/votes.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

const std::string file = "efficientnet_lite0.onnx";

struct Shares {  // |r| / (|r| + |F x|) over all outputs, for both origins, and r / y of the label
    double input = 0, raw = 0, signed_input = 0, signed_raw = 0;
};
struct Reading {              // of one picture
    std::string name, plate;  // of the file; of its pictures on the page
    Picture picture;
    std::vector<double> x0;
    Index label = 0;
    double score = 0, conservation = 0, cancellation = 0;  // sum of |parts| over |y|
    double centre = 0;                                     // of mass of |parts| over depth, 0 first, 1 last
    Shares shares;
    std::vector<double> parts;       // of nodes, by depth, over the score
    std::vector<double> row, other;  // F_c of the label, and of another class
    Index recorded = 0;
};
Opening opening_of(const Settings&) {
    return {224, 224, {127}, {128}, {}, std::nullopt};
}

Shares shares_of(const FrozenNetwork<double>& frozen, const Subject& subject, Index label) {
    const Parts<double> parts = frozen.parts();
    Matrix<double> shift(frozen.inputs(), 1);
    const std::vector<double> mean = subject.at_every_number(subject.mean),
                              scale = subject.at_every_number(subject.scale);
    for (std::size_t i = 0; i < mean.size(); ++i)
        shift.values()[i] = mean[i] / scale[i];
    const Matrix<double> moved = frozen.apply(shift);
    std::vector<double> linear_raw = parts.linear, residual_raw = parts.residual;
    for (std::size_t i = 0; i < linear_raw.size(); ++i) {
        linear_raw[i] += moved.values()[i];
        residual_raw[i] -= moved.values()[i];
    }
    const auto share = [](const std::vector<double>& r, const std::vector<double>& linear) {
        return norm(r) / std::max(norm(r) + norm(linear), 1e-300);
    };
    const auto at = static_cast<std::size_t>(label);
    const double y = frozen.output()[at];
    return {share(parts.residual, parts.linear), share(residual_raw, linear_raw), parts.residual[at] / y,
            residual_raw[at] / y};
}

Reading read(const Settings& settings, const Subject& subject, const std::filesystem::path& photograph) {
    Reading result;
    result.name = photograph.stem().string();
    result.picture = resampled(read_picture(photograph), subject.input.height, subject.input.width);
    result.x0 = subject.x0_of(result.picture);
    const FrozenNetwork<double> frozen(settings.execution.backend<double>(), subject.graph, result.x0, {});
    result.label = top_of(frozen.output());
    result.score = frozen.output()[static_cast<std::size_t>(result.label)];
    result.recorded = frozen.recorded_bytes();
    result.shares = shares_of(frozen, subject, result.label);
    const Index other = (result.label + frozen.outputs() / 2) % frozen.outputs();
    const Contributions parts = frozen.contributions(std::vector<Index>{result.label, other});
    double sum = 0, sizes = 0, moment = 0, nodes = 0;
    const auto column = parts.values.column(0);
    for (std::size_t i = 0; i < column.size(); ++i) {
        sum += column[i];
        sizes += std::abs(column[i]);
        if (i == 0)  // the input
            continue;
        result.parts.push_back(column[i] / result.score);
        nodes += std::abs(column[i]);
        moment +=
            std::abs(column[i]) * static_cast<double>(i - 1) / std::max(1.0, static_cast<double>(column.size() - 2));
    }
    result.conservation = std::abs(sum - result.score) / sizes;
    result.cancellation = sizes / std::abs(result.score);
    result.centre = nodes > 0 ? moment / nodes : 0;
    result.row.assign(parts.rows.column(0).begin(), parts.rows.column(0).end());
    result.other.assign(parts.rows.column(1).begin(), parts.rows.column(1).end());
    return result;
}

std::vector<Reading> read_all(const Settings& settings, const Subject& subject, std::size_t most) {
    std::vector<Reading> readings;
    const auto files = photographs(settings);
    for (std::size_t i = 0; i < std::min(most, files.size()); ++i) {
        settings.step("E1: " + subject.name, static_cast<double>(i), static_cast<double>(files.size()));
        readings.push_back(read(settings, subject, files[i]));
        readings.back().plate = std::string("picture_") + std::to_string(i);
    }
    return readings;
}

template <class Take>
std::vector<double> each(const std::vector<Reading>& readings, const Take& take) {
    std::vector<double> values;
    for (const Reading& reading : readings)
        values.push_back(take(reading));
    return values;
}

// ---- shares -----------------------------------------------------------------------------------------------------------

void add_shares(Article& page, const std::vector<Reading>& readings, const std::vector<Reading>& random,
                std::vector<Finding>& findings) {
    page.section("shares", "How much of the answer is the residual");
    page.paragraph(
        "Frozen at a picture the network is y = F x + r. The share |r| / (|r| + |F x|), norms over all outputs, says "
        "how "
        "much of the answer is the residual. It depends on where the input has its zero: x = (raw - mean) / scale "
        "moves F mean / scale from one part to the other. So both are given, for the numbers that the network takes "
        "(input) and for the pixels (raw), and architectures with different preprocessing cannot be compared by "
        "either.");
    std::vector<std::vector<std::string>> rows;
    for (const Reading& r : readings)
        rows.push_back({r.name, std::to_string(r.label), text(r.score), text(r.shares.input), text(r.shares.raw),
                        text(r.shares.signed_input), text(r.cancellation), text(r.centre), text(r.conservation, 2)});
    page.table({"Picture", "Label", "Score", "Share, input", "Share, raw", "r / y of the label", "Sum |parts| / |y|",
                "Centre of mass", "Error of the sum"},
               rows,
               "Centre of mass: where along the depth the absolute values of the contributions lie, 0 the first node, "
               "1 the last.");
    const auto input = each(readings, [](const Reading& r) { return r.shares.input; });
    const auto raw = each(readings, [](const Reading& r) { return r.shares.raw; });
    const auto random_input = each(random, [](const Reading& r) { return r.shares.input; });
    const auto random_raw = each(random, [](const Reading& r) { return r.shares.raw; });
    page.paragraph(
        "Rule: the residual dominates where the mean share is above one half for both origins; in part for one.");
    findings.push_back({"Tour", "Table 3, 4", "the residual is most of a classifier's answer",
                        "share " + mean_and_deviation(input) + " (input), " + mean_and_deviation(raw) + " (raw), " +
                            std::to_string(readings.size()) + " pictures",
                        "random weights " + mean_and_deviation(random_input) + ", " + mean_and_deviation(random_raw),
                        verdict_of(mean_of(input) > .5, mean_of(raw) > .5)});
    findings.push_back({"Tour", "Table 3, 4", "the share grows with accuracy over architectures of a family",
                        "one trained classifier is here, a correlation needs several", "none", Verdict::not_repeated});
    const auto error = each(readings, [](const Reading& r) { return r.conservation; });
    findings.push_back({"Tour", "Fig. 1", "F x + r is the answer: parts sum to y",
                        "largest error " + text(largest(error), 2) + " of the sum of |parts|",
                        "an answer that rounds once a part: 1e-16",
                        verdict_of(largest(error) < 1e-12, largest(error) < 1e-12)});
}

// ---- contributions ----------------------------------------------------------------------------------------------------

std::vector<std::vector<double>> parts_of(const std::vector<Reading>& readings) {
    std::vector<std::vector<double>> result;
    for (const Reading& reading : readings)
        result.push_back(reading.parts);
    return result;
}

// Mean size of the parts in a tenth of the depth over that of all.
double end_over_mean(const std::vector<Reading>& readings, bool last) {
    std::vector<double> ratios;
    for (const Reading& r : readings) {
        const std::size_t count = std::max<std::size_t>(1, r.parts.size() / 10);
        double end = 0, all = 0;
        for (std::size_t i = 0; i < r.parts.size(); ++i) {
            all += std::abs(r.parts[i]);
            if (last ? i + count >= r.parts.size() : i < count)
                end += std::abs(r.parts[i]);
        }
        ratios.push_back(all > 0 ? end / static_cast<double>(count) / (all / static_cast<double>(r.parts.size())) : 0);
    }
    return median_of(ratios);
}

void add_contributions(Article& page, const Subject& subject, const std::vector<Reading>& readings,
                       const std::vector<Reading>& random, std::vector<Finding>& findings) {
    page.section("contributions", "What each layer adds to the score");
    if (readings.front().parts.empty() || random.front().parts.empty())
        return page.absent("No node has a bias or another constant: all of the score comes from the input.");
    Drawing drawing{.name = "contributions", .title = "Contributions of the nodes to the score of the label"};
    Panel panel;
    panel.x.label = "node with an offset, by depth";
    panel.y.label = "part / score";
    panel.curves = {band(parts_of(readings), "trained, mean and deviation", "#0072B2", 1)};
    panel.curves.push_back(band(parts_of(random), "random weights", "#555555", 3));
    drawing.panels = {panel};
    page.drawing(
        drawing,
        "Parts of the score, node by node, mean and one standard deviation over pictures. Each picture's parts sum, "
        "with that of its input, to 1.");
    const double first = end_over_mean(readings, false), last = end_over_mean(readings, true);
    page.paragraph(
        "Rule: there is a peak at an end where the mean absolute value in that tenth of the depth is above that of all "
        "nodes.");
    findings.push_back(
        {"Tour", "Fig. 4, 8", "contributions peak in the first layers and before the last ones",
         "first tenth " + text(first) + ", last tenth " + text(last) + " times the mean of all nodes",
         "random weights " + text(end_over_mean(random, false)) + ", " + text(end_over_mean(random, true)),
         verdict_of(first > 1, last > 1)});
    const auto centre = each(readings, [](const Reading& r) { return r.centre; });
    findings.push_back(
        {"Tour", "Fig. 4, 8", "batch normalisation moves the mass deeper",
         "centre of mass " + mean_and_deviation(centre) + "; a twin that differs in this alone is not here",
         "random weights " + mean_and_deviation(each(random, [](const Reading& r) { return r.centre; })),
         Verdict::not_repeated});
    const auto fields = receptive_fields(
        subject.graph, {}, subject.input.channels_last ? std::vector<Index>{1, 2} : std::vector<Index>{2, 3});
    std::vector<std::vector<std::string>> rows;
    std::vector<double> sizes;
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (std::holds_alternative<Convolve>(subject.graph.nodes[i].op) ||
            std::holds_alternative<Product>(subject.graph.nodes[i].op)) {
            sizes.push_back(fields[i][0].whole ? static_cast<double>(subject.input.height)
                                               : static_cast<double>(fields[i][0].size));
            if (sizes.size() % 8 == 1 || i + 1 == fields.size())
                rows.push_back({subject.graph.nodes[i].name,
                                fields[i][0].whole ? "whole" : std::to_string(fields[i][0].size),
                                text(fields[i][0].stride)});
        }
    page.table({"Node", "Receptive field, pixels", "Stride"}, rows, "From the structure of the network alone.");
    findings.push_back(
        {"Tour", "Fig. 4, 8", "early contributions are local, late ones global",
         "receptive fields from " + text(sizes.front()) + " to " + text(sizes.back()) + " pixels",
         "the structure alone: weights have no part in it",
         verdict_of(sizes.front() < 16, sizes.back() >= .9 * static_cast<double>(subject.input.height))});
}

// ---- templates --------------------------------------------------------------------------------------------------------

void add_templates(Article& page, const std::vector<Reading>& readings, const std::vector<Reading>& random,
                   std::vector<Finding>& findings) {
    page.section("templates", "Is a row of F a template of its class?");
    page.paragraph(
        "A template would look like the picture that it responds to. The row of the label is correlated with the "
        "picture itself and with the other pictures, the row of another class with the picture; the control has random "
        "weights.");
    std::vector<double> own, others, other_class, control;
    for (const Reading& r : readings) {
        own.push_back(cross_correlation(r.row, r.x0));
        other_class.push_back(cross_correlation(r.other, r.x0));
        for (const Reading& s : readings)
            if (&s != &r)
                others.push_back(cross_correlation(r.row, s.x0));
    }
    for (const Reading& r : random)
        control.push_back(cross_correlation(r.row, r.x0));
    page.table({"Row of", "with", "Correlation"},
               {{"the label", "its picture", mean_and_deviation(own)},
                {"the label", "other pictures", mean_and_deviation(others)},
                {"another class", "the picture", mean_and_deviation(other_class)},
                {"the label, random weights", "its picture", mean_and_deviation(control)}},
               "Normalised cross-correlation, mean and standard deviation.", {1});
    page.paragraph("Rule: no template where the median correlation with its own picture is below 0.1.");
    const bool none = median_of(own) < .1;
    findings.push_back({"Tour", "Section 4.1", "rows of F are no templates of their classes",
                        "correlation with its picture " + mean_and_deviation(own),
                        "other pictures " + mean_and_deviation(others) + ", other class " +
                            mean_and_deviation(other_class) + ", random weights " + mean_and_deviation(control),
                        verdict_of(none, none)});
}

// ---- discussions and votes --------------------------------------------------------------------------------------------

Picture masked(const Picture& picture, const std::vector<Index>& winner, Index label) {
    Picture result = picture;
    for (std::size_t p = 0; p < winner.size(); ++p)
        if (winner[p] != label)
            for (Index c = 0; c < picture.channels; ++c)
                result.values[p * static_cast<std::size_t>(picture.channels) + static_cast<std::size_t>(c)] = 255;
    return result;
}

// The trained network at a picture, at its shuffled pixels, and the network with random weights.
struct Discussed {
    std::vector<double> opposite, lag, random_opposite;
    std::vector<VoteReading> votes, shuffled, random;
};

void discuss(const Settings& settings, const Subject& subject, const Subject& random, const Reading& reading,
             Discussed& all, Article& page) {
    Backend<double>& on = settings.execution.backend<double>();
    const Index height = subject.input.height, width = subject.input.width;
    const FrozenNetwork<double> frozen(on, subject.graph, reading.x0, {});
    const Discussion discussion(frozen, DiscussionRule::conserving);
    const Discussions own = discussion.of(std::vector<Index>{reading.label});
    const std::vector<double> map = subject.pixels(own.maps.column(0));
    const NeighbourSigns signs = neighbour_signs(map, width);
    all.opposite.push_back(signs.opposite);
    all.lag.push_back(signs.correlation);
    all.votes.push_back(vote(frozen, discussion, subject));

    const FrozenNetwork<double> shuffled(on, subject.graph,
                                         shuffled_pixels(on, reading.x0, subject.place, settings.seed), {});
    const Discussion of_shuffled(shuffled, DiscussionRule::conserving);
    all.shuffled.push_back(vote(shuffled, of_shuffled, subject));

    const FrozenNetwork<double> untrained(on, random.graph, reading.x0, {});
    const Discussion of_random(untrained, DiscussionRule::conserving);
    const Index top = top_of(untrained.output());
    all.random.push_back(vote(untrained, of_random, random));
    all.random_opposite.push_back(
        neighbour_signs(random.pixels(of_random.of(std::vector<Index>{top}).maps.column(0)), width).opposite);

    const double range = colour_range(map);
    page.plates(
        {{reading.plate, reading.picture, reading.name + ", label " + std::to_string(reading.label), "the picture"},
         {reading.plate + "_discussion", map_picture(map, height, width, range),
          "Discussion of the label: sums to its score, " + text(reading.score) + ".", "map of the discussion"},
         {reading.plate + "_over", map_over(map, height, width, range, reading.picture), "The same over the picture.",
          "map over the picture"},
         {reading.plate + "_votes", masked(reading.picture, all.votes.back().winner, reading.label),
          "Pixels that vote for the label: " + percent(all.votes.back().share) + ".", "pixels of the votes"},
         map_scale(reading.plate + "_scale", range, "part of the score a pixel")});
}

void add_discussions(const Settings& settings, Article& page, const Subject& subject, const Subject& random,
                     const std::vector<Reading>& readings, std::vector<Finding>& findings) {
    page.section("discussions", "Discussions and votes of the pixels");
    const Index among = std::min(voters, subject.graph.outputs());
    const double chance = 1 / static_cast<double>(among);
    page.paragraph(
        "A discussion gives every pixel its part of one score, biases included, so that the map sums to the score. A "
        "pixel votes for the label whose discussion is largest there, among the " +
        std::to_string(among) + " labels with the largest scores; chance is " + percent(chance) + ".");
    Discussed all;
    const std::size_t count = std::min<std::size_t>(settings.quick ? 1 : 4, readings.size());
    for (std::size_t i = 0; i < count; ++i)
        discuss(settings, subject, random, readings[i], all, page);
    std::vector<std::vector<std::string>> rows;
    const auto row = [&](const std::string& what, const std::vector<VoteReading>& votes, std::size_t i) {
        rows.push_back({readings[i].name + what, percent(votes[i].share), std::to_string(votes[i].rank),
                        text(votes[i].entropy), percent(votes[i].middle)});
    };
    std::vector<double> share, shuffled, random_share, middle, middle_shuffled;
    double first = 0;
    for (std::size_t i = 0; i < count; ++i) {
        row("", all.votes, i);
        row(", shuffled pixels", all.shuffled, i);
        row(", random weights", all.random, i);
        share.push_back(all.votes[i].share);
        shuffled.push_back(all.shuffled[i].share);
        random_share.push_back(all.random[i].share);
        middle.push_back(all.votes[i].middle);
        middle_shuffled.push_back(all.shuffled[i].middle);
        first += all.votes[i].rank == 1 ? 1 : 0;
    }
    page.table(
        {"Picture", "Votes for the first label", "Its rank", "Entropy of the votes", "Of them in the middle quarter"},
        rows, "Entropy: 1 where all labels have equally many votes, 0 where one has all.");
    page.paragraph(
        "Rules: most popular where the first label has rank 1 on most pictures and more votes than with shuffled "
        "pixels and with random weights; votes lie on the object where the share of them in the middle quarter of the "
        "area, where photographs have their object, is more than 10 percentage points above that with shuffled pixels; "
        "signs alternate where most neighbours have opposite signs.");
    const bool popular = 2 * first > static_cast<double>(count) && median_of(share) > median_of(shuffled) &&
                         median_of(share) > median_of(random_share);
    findings.push_back(
        {"Tour", "Fig. 3, 9", "the first label has the most votes",
         percent(median_of(share)) + " of the votes, rank 1 on " + text(first) + " of " + std::to_string(count),
         "chance " + percent(chance) + ", shuffled pixels " + percent(median_of(shuffled)) + ", random weights " +
             percent(median_of(random_share)),
         verdict_of(popular, popular)});
    const bool focused = median_of(middle) > median_of(middle_shuffled) + .1;
    findings.push_back({"Tour", "Fig. 3, 9", "votes focus on the object",
                        percent(median_of(middle)) + " of them in the middle quarter",
                        "shuffled pixels " + percent(median_of(middle_shuffled)) + ", area 25 %",
                        verdict_of(focused, focused)});
    const bool alternate = median_of(all.opposite) > .5;
    findings.push_back({"Tour", "Fig. 3, 9", "positive pixels are followed by negative ones",
                        percent(median_of(all.opposite)) + " of neighbours have opposite signs, correlation " +
                            text(median_of(all.lag)),
                        "random weights " + percent(median_of(all.random_opposite)) + ", independent signs 50 %",
                        verdict_of(alternate, alternate)});
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    Opening opening = opening_of(settings);
    const Subject subject = open_subject(settings, file, opening);
    opening.random_weights = settings.seed;
    const Subject random = open_subject(settings, file, opening);
    check_classifier(subject);
    const std::vector<Reading> readings = read_all(settings, subject, settings.quick ? 2 : 18);
    const std::vector<Reading> controls = read_all(settings, random, settings.quick ? 2 : 6);
    std::vector<Finding> findings;
    page.paragraph(subject.name + " on " + std::to_string(readings.size()) +
                   " photographs, the middle of each, resampled by averaging over areas; control: the same graph with "
                   "random weights.");
    add_shares(page, readings, controls, findings);
    add_contributions(page, subject, readings, controls, findings);
    add_templates(page, readings, controls, findings);
    add_discussions(settings, page, subject, random, readings, findings);
    double activations = 0;
    for (const GraphNode& node : subject.graph.nodes)
        if (std::holds_alternative<Pointwise>(node.op))
            activations +=
                4 * static_cast<double>(volume(subject.graph.values[static_cast<std::size_t>(node.output)].shape));
    const auto recorded = static_cast<double>(readings.front().recorded);
    findings.push_back({"Tour", "Table 1", "a record of masks is about 32 times smaller than stored activations",
                        text(recorded / 1024) + " KiB recorded, " + text(activations / recorded) + " times less",
                        "activations in single precision: " + text(activations / 1024) + " KiB",
                        verdict_of(activations / recorded > 8, activations / recorded > 24)});
    return findings;
}

}  // namespace

Experiment classification() {
    return {"E1", "A classifier read by linear interpreters", {"onnx/" + file, "images"}, run, "onnx/" + file};
}

}  // namespace descrambler::tour
