// interpret --report: all that is a map over the input or the output.
#include <algorithm>
#include <cmath>

#include "cli/interpret_report.hpp"
#include "descrambler/error.hpp"
#include "descrambler/statistics.hpp"

namespace descrambler::cli {

namespace {

constexpr std::size_t most_maps = 12, most_panels = 6;
constexpr Index most_lines = 2048;
constexpr double plate_width = 300;  // px

std::string numbered(const std::string& name, Index k) {
    return name + "_" + std::to_string(k);
}

struct Box {
    Index top = 0, left = 0, height = 0, width = 0;
};
// The smallest one around what is not 0, a pixel wider.
Box box_of(const std::vector<double>& map, Index height, Index width) {
    Index top = height, left = width, bottom = 0, right = 0;
    for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j)
            if (map[static_cast<std::size_t>(i * width + j)] != 0) {
                top = std::min(top, i);
                left = std::min(left, j);
                bottom = std::max(bottom, i + 1);
                right = std::max(right, j + 1);
            }
    if (bottom == 0)
        return {};
    top = std::max<Index>(top - 1, 0);
    left = std::max<Index>(left - 1, 0);
    return {top, left, std::min(bottom + 1, height) - top, std::min(right + 1, width) - left};
}
std::vector<double> cut(const std::vector<double>& map, Index width, const Box& box) {
    std::vector<double> part;
    for (Index i = 0; i < box.height; ++i)
        for (Index j = 0; j < box.width; ++j)
            part.push_back(map[static_cast<std::size_t>((box.top + i) * width + box.left + j)]);
    return part;
}

std::string scale_words(double scale, std::span<const double> map) {
    double largest = 0;
    for (const double value : map)
        largest = std::max(largest, std::abs(value));
    return largest == 0 ? std::string("0 everywhere")
                        : "colours end at ±" + digits(scale) + ", the largest is " + digits(largest);
}

std::string vector_numbers(const std::vector<double>& values) {
    const auto [low, high] = std::ranges::minmax(values);
    return "from " + digits(low, 4) + " to " + digits(high, 4);
}

// One after the other, [numbers, count].
void add_columns(Article& page, const Reported& r, const std::string& name, const std::vector<std::string>& titles,
                 const Matrix<double>& columns, bool over_input,
                 const std::string& meaning = "what a change of a pixel in all of them alike would do.") {
    const auto& image = over_input ? r.of_input : r.of_output;
    std::vector<NamedMap> maps;
    std::vector<NamedVector> vectors;
    for (Index k = 0; k < std::min<Index>(columns.cols(), most_maps); ++k) {
        const auto values = columns.column(k);
        if (image)
            maps.push_back({numbered(name, k), titles[static_cast<std::size_t>(k)], over_channels(values, *image)});
        else
            vectors.push_back({titles[static_cast<std::size_t>(k)], {values.begin(), values.end()}});
    }
    if (image)
        add_maps(page, maps, image->height, image->width, over_input ? r.x0 : r.y,
                 image->channels > 1 ? std::string("Summed over the ") + std::to_string(image->channels) +
                                           (over_input ? " channels: " + meaning : " channels.")
                                     : "");
    else
        add_vectors(page, name, over_input ? "Numbers over the input" : "Numbers over the output", vectors,
                    over_input ? "number of the input" : "output", "In the order of the numbers in memory.");
    if (columns.cols() > static_cast<Index>(most_maps))
        page.absent(std::string("The first ") + std::to_string(most_maps) + " of " + std::to_string(columns.cols()) +
                    " are shown; --out and --pictures have all.");
}

std::vector<std::string> titles_of(const std::string& what, const std::vector<Index>& index) {
    std::vector<std::string> titles;
    for (const Index i : index)
        titles.push_back(what + " " + std::to_string(i));
    return titles;
}

}  // namespace

bool spans_a_decade(std::span<const double> values) {
    if (values.empty())
        return false;
    const auto [low, high] = std::ranges::minmax(values);
    return low > 0 && high >= 10 * low;
}

std::vector<double> over_channels(std::span<const double> values, const ImageShape& image) {
    std::vector<double> sums;
    for (Index i = 0; i < image.height; ++i)
        for (Index j = 0; j < image.width; ++j) {
            double sum = 0;
            for (Index c = 0; c < image.channels; ++c)
                sum += values[static_cast<std::size_t>(image.at(c, i, j))];
            sums.push_back(sum);
        }
    return sums;
}

double colour_range(std::span<const double> map) {
    std::vector<double> sizes;
    for (const double value : map)
        if (value != 0)
            sizes.push_back(std::abs(value));
    return sizes.empty() ? 0 : lower_quantile(std::move(sizes), .99);
}

void add_maps(Article& page, const std::vector<NamedMap>& maps, Index height, Index width,
              const std::optional<Picture>& under, const std::string& caption) {
    if (maps.empty())
        return;
    page.plates({map_scale(maps.front().name + "_scale", 1, "times the range that each map tells")});
    for (const NamedMap& one : maps) {
        const double scale = colour_range(one.map);
        std::vector<Plate> plates;
        if (under)
            plates.push_back({one.name + "_over", map_over(one.map, height, width, scale, *under),
                              one.caption + ", over the picture; " + scale_words(scale, one.map), "", plate_width});
        plates.push_back({one.name, map_picture(one.map, height, width, scale),
                          under ? "the map alone" : one.caption + "; " + scale_words(scale, one.map), one.caption,
                          plate_width});
        const Box box = box_of(one.map, height, width);
        if (box.width > 0 && 2 * box.width < width && 2 * box.height < height)
            plates.push_back({one.name + "_box", map_picture(cut(one.map, width, box), box.height, box.width, scale),
                              std::string("where it is not 0: ") + std::to_string(box.height) + " x " +
                                  std::to_string(box.width) + " pixels from row " + std::to_string(box.top) +
                                  ", column " + std::to_string(box.left) + ", with a border",
                              one.caption + ", enlarged", plate_width});
        page.plates(std::move(plates));
    }
    if (!caption.empty())
        page.paragraph(caption);
}

void add_vectors(Article& page, const std::string& name, const std::string& title,
                 const std::vector<NamedVector>& vectors, const std::string& axis, const std::string& caption) {
    Drawing drawing{.name = name, .title = title, .columns = 2, .panel_height = 220};
    std::vector<std::vector<std::string>> rows;
    for (const NamedVector& one : vectors) {
        if (std::ssize(one.values) > most_lines || drawing.panels.size() >= most_panels) {
            rows.push_back({one.title, vector_numbers(one.values)});
            continue;
        }
        Curve curve{.label = "", .colour = "#0072B2", .width = 2, .impulses = true};
        for (std::size_t i = 0; i < one.values.size(); ++i) {
            curve.x.push_back(static_cast<double>(i));
            curve.y.push_back(one.values[i]);
        }
        Panel panel;
        panel.title = one.title;
        panel.x = {.label = axis, .low = -1, .high = static_cast<double>(one.values.size()), .ticks = {}};
        panel.curves.push_back(std::move(curve));
        drawing.panels.push_back(std::move(panel));
    }
    if (drawing.panels.size() == 1)
        drawing.columns = 1;
    if (!drawing.panels.empty())
        page.drawing(std::move(drawing), caption);
    if (!rows.empty())
        page.table({title, "numbers"}, rows, "Not drawn: too many. --out has all numbers.", {1});
}

void add_measures(Article& page, const Reported& r, const std::vector<std::string>& beginnings) {
    std::vector<std::vector<std::string>> rows;
    for (const MeasuredMap& one : r.a.measures) {
        const MapMeasures& m = one.measures;
        if (std::ranges::any_of(beginnings, [&](const std::string& name) { return one.what.starts_with(name); }))
            rows.push_back({one.what, digits(m.participation, 4), digits(m.frequency), digits(m.bandwidth),
                            digits(m.orientation), digits(m.constant), digits(m.nonzero),
                            std::to_string(m.height) + " x " + std::to_string(m.width)});
    }
    if (rows.empty())
        return;
    page.table(
        {"map", "participation", "frequency, cycles/pixel", "bandwidth", "orientation", "constant", "nonzero",
         "box, pixels"},
        rows,
        "Participation: share of the pixels that the energy is in, 1 everywhere alike. Frequency and bandwidth: mean "
        "and deviation of |f| over the energy; the finest pattern has 0.5 along a line. Orientation: 1 for stripes, "
        "0 for no direction. Constant: share of the energy in the mean. Nonzero: share of the pixels that are "
        "reached at all.");
}

void report_rows(Article& page, const Reported& r) {
    const InterpretAnswers& a = r.a;
    if (!a.row_index.empty()) {
        page.section("rows", "Rows of F: what an output looks at");
        page.paragraph(
            std::string("Row j has a number for every number of the input: how much output j grows when that one grows "
                        "by 1, as long as no decision changes. Positive numbers push it up, negative ones down. A row "
                        "does not tell how much a ") +
            (r.pixels ? "pixel" : "number") + " adds to the output: that is its entry in the row times its value.");
        add_columns(page, r, "row", titles_of("row", a.row_index), a.rows, true);
        add_measures(page, r, {"row "});
    }
    if (a.column_index.empty())
        return;
    page.section("columns", "Columns of F: what an input touches");
    page.paragraph(
        std::string("Column i has a number for every output: how much each of them grows when number i of the input "
                    "grows by 1, as long as no decision changes.") +
        (r.pixels && r.of_output ? " It is the spot that one pixel paints in the output." : ""));
    add_columns(page, r, "column", titles_of("column", a.column_index), a.columns, false);
    add_measures(page, r, {"column "});
}

void report_svd(Article& page, const Reported& r) {
    if (!r.a.svd)
        return;
    const LanczosSvd& svd = *r.a.svd;
    page.section("svd", "Singular vectors: the patterns that F passes most strongly");
    page.paragraph(
        "F = Σ σ u vᵀ: the pattern v of the input becomes the pattern u of the output, σ times as strong. They are "
        "sorted by "
        "σ. A pattern of a large σ is one that the network would amplify, not one that is in this input. The sign of a "
        "pair "
        "has no meaning, and vectors of equal σ may be mixed with each other at will." +
        std::string(svd.converged ? "" : " The search has not converged: the last triplets are estimates."));
    Drawing drawing{.name = "spectrum", .title = "Singular values", .panel_height = 260};
    Panel panel;
    panel.x.label = "number";
    panel.y.label = "σ";
    panel.y.logarithmic = spans_a_decade(svd.s);
    Curve curve{.label = "", .colour = "#0072B2", .marker = 7};
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> left, right;
    for (std::size_t k = 0; k < svd.s.size(); ++k) {
        curve.x.push_back(static_cast<double>(k));
        curve.y.push_back(svd.s[k]);
        rows.push_back({std::to_string(k), digits(svd.s[k], 6),
                        svd.s[0] > 0 ? digits(svd.s[k] / svd.s[0], 4) : std::string("–"), digits(svd.residuals[k], 2)});
        left.push_back(std::string("left ") + std::to_string(k) + ", σ = " + digits(svd.s[k], 4));
        right.push_back(std::string("right ") + std::to_string(k) + ", σ = " + digits(svd.s[k], 4));
    }
    panel.curves.push_back(std::move(curve));
    drawing.panels.push_back(std::move(panel));
    page.drawing(std::move(drawing), std::string("The leading ones, ") + std::to_string(svd.s.size()) + " of " +
                                         std::to_string(std::min(svd.U.rows(), svd.V.rows())) + ".");
    page.table({"number", "σ", "over the first", "residual ‖Fᵀu − σ v‖"}, rows);
    page.subsection("Of the output: left vectors u");
    add_columns(page, r, "left", left, svd.U, false);
    page.subsection("Of the input: right vectors v");
    add_columns(page, r, "right", right, svd.V, true);
    add_measures(page, r, {"left ", "right "});
}

// ---- discussions and votes -------------------------------------------------------------------------------------------

namespace {

void add_votes(Article& page, const Reported& r) {
    const DiscussionAnswers& d = *r.a.discussion;
    const VoteCount &votes = *d.votes, &control = *d.shuffled;
    const std::string voter = r.pixels ? "pixel" : "number";
    page.section("votes", "Votes: which output has the largest discussion at a " + voter);
    page.paragraph(std::to_string(votes.winner.size()) + " " + voter + "s of the input vote among " +
                   std::to_string(d.labels.size()) +
                   " outputs, each for the output whose map is largest there. The control is the same question of x0 "
                   "with its " +
                   voter +
                   "s shuffled: what is as large there comes from the network and not from where things are in the "
                   "input. Chance is " +
                   digits(1 / static_cast<double>(d.labels.size()), 6) + ".");
    std::vector<Index> order = d.labels;
    std::ranges::stable_sort(order, std::greater<>(), [&](Index j) { return votes.share(j); });
    if (order.size() > 10)
        order.resize(10);
    if (std::ranges::find(order, d.first) == order.end())
        order.push_back(d.first);
    std::vector<std::vector<std::string>> rows;
    for (const Index j : order)
        rows.push_back({std::to_string(j) + (j == d.first ? " (largest y)" : ""),
                        digits(r.a.y[static_cast<std::size_t>(j)], 6), digits(votes.share(j), 6),
                        std::to_string(votes.rank(j, d.labels)), digits(control.share(j), 6),
                        std::to_string(control.rank(j, d.labels))});
    page.table({"output", "y", "share of votes", "rank", "share, shuffled", "rank, shuffled"}, rows,
               "Entropy of the shares, 1 where all outputs have equally many: " + digits(votes.entropy, 4) +
                   ", shuffled " + digits(control.entropy, 4) + ". A vote counts " + voter +
                   "s, not how much they add: an output may win it and be small.");
    if (!r.of_input || r.of_input->height != d.height || r.of_input->width != d.width)
        return;
    std::vector<Plate> plates;
    for (std::size_t k = 0; k < std::min<std::size_t>(3, order.size()); ++k) {
        std::vector<double> chosen;
        for (const Index winner : votes.winner)
            chosen.push_back(winner == order[k] ? 1 : 0);
        const std::string caption = std::string("bright: pixels that vote for output ") + std::to_string(order[k]);
        plates.push_back(
            {numbered("votes", static_cast<Index>(k)),
             r.x0 ? map_over(chosen, d.height, d.width, 1, *r.x0) : map_picture(chosen, d.height, d.width, 1), caption,
             caption, plate_width});
    }
    page.plates(std::move(plates));
}

void table_discussions(Article& page, const Reported& r) {
    const DiscussionAnswers& d = *r.a.discussion;
    std::vector<std::string> header{"output", "y", "error of the sum", "no live path", "no path", "factor"};
    if (r.pixels)
        header.insert(header.begin() + 3, {"neighbours of opposite sign", "correlation of neighbours"});
    std::vector<std::vector<std::string>> rows;
    for (std::size_t k = 0; k < d.index.size(); ++k) {
        std::vector<std::string> row{std::to_string(d.index[k]),
                                     digits(r.a.y[static_cast<std::size_t>(d.index[k])], 6),
                                     digits(d.error[k], 2),
                                     d.found.rest.empty() ? "–" : digits(d.found.rest[k], 4),
                                     d.found.even.empty() ? "–" : digits(d.found.even[k], 4),
                                     d.found.scale.empty() ? "–" : digits(d.found.scale[k], 4)};
        if (r.pixels)
            row.insert(row.begin() + 3, {digits(d.opposite[k]), digits(d.lag[k])});
        rows.push_back(std::move(row));
    }
    page.table(header, rows,
               std::string("Error: |sum of the map − y| over the sum of the sizes of its parts. ") +
                   (r.pixels ? "Neighbours: share of pixels whose neighbour to the right has the other sign, and their "
                               "correlation; 0.5 and 0 for noise. "
                             : "") +
                   "No live path: part of y from biases that no open path leads to, shared out by all paths; no path: "
                   "of it what is spread evenly. Factor: what a map of the paper's rules was multiplied by.");
}

}  // namespace

void report_discussions(Article& page, const Reported& r) {
    if (!r.a.discussion)
        return;
    const DiscussionAnswers& d = *r.a.discussion;
    if (!d.index.empty()) {
        page.section("discussion", "Discussion: a map over the input that sums to the output");
        page.paragraph(
            "Every number of the input gets its part of y, biases included, by the rule " + r.o.discussion.rule +
            (r.of_input ? ". Bright pixels speak for the output, dark ones against it"
                        : ". Positive numbers speak for the output, negative ones against it") +
            ". How biases are shared out is a choice: another rule has another map with the same sum. The map does not "
            "say what would happen if a " +
            (r.pixels ? "pixel" : "number") + " of the input were changed.");
        table_discussions(page, r);
        add_columns(page, r, "discussion", titles_of("discussion of output", d.index), d.found.maps, true,
                    "the part of y that a pixel has.");
        add_measures(page, r, {"discussion "});
    }
    if (d.votes)
        add_votes(page, r);
}

void report_attack(Article& page, const Reported& r) {
    if (!r.a.attack)
        return;
    const AttackAnswers& attack = *r.a.attack;
    page.section("adversarial", "A small change of the input that changes the answer");
    const std::string size = digits(*r.o.attack.epsilon, 6) + " in the units of the file";
    if (attack.there_before(r.o.attack))
        page.paragraph(
            "A change of every number of the input by " + size + " was asked for, towards output " +
            std::to_string(*r.o.attack.target) +
            ", but that is the largest output already: nothing had to be changed. The control is a change of "
            "this size with random signs.");
    else
        page.paragraph(
            "Every number of the input changes by " + size + ", in the direction that to first order " +
            (r.o.attack.target ? std::string("favours output ") + std::to_string(*r.o.attack.target) + " most"
                               : std::string("lowers the largest output most against the others")) +
            " (fast gradient sign). It has " + outcome_of(attack, r.o.attack) +
            ". The control is a change of the same size with random signs: an attack that is no better tells nothing.");
    std::vector<std::string> header{"input", "largest output", "its lead over the next",
                                    "deviation of the parts over the score"};
    if (attack.votes)
        header.insert(header.end(),
                      {"entropy of votes", std::string("share of output ") + std::to_string(attack.before.label)});
    std::vector<std::vector<std::string>> rows;
    for (const auto& [what, one] :
         {std::pair{"before", &attack.before}, {"after", &attack.after}, {"random signs", &attack.control}}) {
        rows.push_back({what, std::to_string(one->label), digits(one->margin, 6), digits(one->parts_deviation, 6)});
        if (attack.votes)
            rows.back().insert(rows.back().end(), {digits(one->entropy, 4), digits(one->share, 4)});
    }
    page.table(
        header, rows,
        "Deviation of the parts: standard deviation of what the nodes add to the largest output, without the part of "
        "the input, over |y|. It grows where large parts cancel.");
    if (!r.x0)
        return;
    std::vector<double> change(attack.raw.size());
    for (std::size_t i = 0; i < change.size(); ++i)
        change[i] = attack.raw[i] - r.input.raw[i];
    const std::vector<double> sums = over_channels(change, *r.of_input);
    const double scale = colour_range(sums);
    page.plates({{"before", *r.x0, "before", "", plate_width},
                 {"after", natural_picture(attack.raw, *r.of_input), "after", "", plate_width},
                 {"change", map_picture(sums, r.of_input->height, r.of_input->width, scale),
                  "the change, summed over channels; colours end at ±" + digits(scale), "", plate_width}});
}

}  // namespace descrambler::cli
