// interpret --report: outputs as sums of parts, spectral splits, and the region in which all this holds.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/interpret_report.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

constexpr std::size_t most_outputs = 4, most_rows = 12, most_pictures = 6;

std::string component(Index index) {
    return index == rest_term ? "rest" : std::to_string(index);
}

// ---- contributions ---------------------------------------------------------------------------------------------------

void add_depth(Article& page, const Reported& r, std::size_t k) {
    const Contributions& parts = *r.a.contributions;
    Panel values, fields;
    values.title = std::string("parts of output ") + std::to_string(r.a.output_index[k]);
    values.x.label = fields.x.label = "part, in the order of the network (0: the input)";
    values.y.label = "part of y";
    fields.title = "receptive field";
    fields.y.label = r.pixels ? "pixels along the first axis" : "numbers of the input";
    Curve bars{.label = "", .colour = "#0072B2", .width = 4, .impulses = true};
    Curve sizes{.label = "", .colour = "#D55E00", .marker = 7};
    for (std::size_t i = 0; i < parts.names.size(); ++i) {
        bars.x.push_back(static_cast<double>(i));
        bars.y.push_back(parts.values(static_cast<Index>(i), static_cast<Index>(k)));
        if (r.a.fields[i].empty() || r.a.fields[i].front().size == 0)
            continue;
        sizes.x.push_back(static_cast<double>(i));
        sizes.y.push_back(static_cast<double>(r.a.fields[i].front().size));
    }
    values.x.low = fields.x.low = -1;
    values.x.high = fields.x.high = static_cast<double>(parts.names.size());
    values.curves.push_back(std::move(bars));
    Drawing drawing{
        .name = std::string("parts_") + std::to_string(k),
        .title = std::string("Output ") + std::to_string(r.a.output_index[k]) + " over the depth of the network",
        .columns = 2,
        .panel_height = 260,
        .panels = {std::move(values)}};
    if (!sizes.x.empty()) {
        fields.curves.push_back(std::move(sizes));
        drawing.panels.push_back(std::move(fields));
    }
    drawing.columns = static_cast<int>(drawing.panels.size());
    page.drawing(std::move(drawing), std::string("What each node with a bias or another constant adds, and how many ") +
                                         (r.pixels ? "pixels" : "numbers") +
                                         " of the input it can depend on. The names are in the table and in --json.");
}

}  // namespace

void report_contributions(Article& page, const Reported& r) {
    if (!r.a.contributions || r.a.output_index.empty())
        return;
    const Contributions& parts = *r.a.contributions;
    page.section("contributions", "Contributions: an output as a sum of parts");
    page.paragraph(
        "y of an output is the part of the input, <row of F, x0>, and one part of every node that adds a constant, "
        "carried "
        "to the output by the nodes behind it. The parts sum to y. Large parts of opposite signs may cancel: a large "
        "part is "
        "not yet an important one, and none says what would happen without its node.");
    for (std::size_t k = 0; k < std::min(r.a.output_index.size(), most_outputs); ++k) {
        const auto column = parts.values.column(static_cast<Index>(k));
        page.subsection(std::string("Output ") + std::to_string(r.a.output_index[k]));
        add_depth(page, r, k);
        std::vector<std::size_t> order(column.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(
            order, [&](std::size_t i, std::size_t j) { return std::abs(column[i]) > std::abs(column[j]); });
        double sizes = 0, shown = 0;
        for (const double part : column)
            sizes += std::abs(part);
        std::vector<std::vector<std::string>> rows;
        for (std::size_t i = 0; i < std::min(order.size(), most_rows); ++i) {
            const double part = column[order[i]];
            shown += part;
            rows.push_back({parts.names[order[i]], std::to_string(order[i]), digits(part, 6),
                            sizes > 0 ? digits(std::abs(part) / sizes) : std::string("–"),
                            field_text(r.a.fields[order[i]])});
        }
        const double y = r.a.y[static_cast<std::size_t>(r.a.output_index[k])];
        page.table({"part", "its place", "value", "share of all sizes", "receptive field"}, rows,
                   std::string("The largest of ") + std::to_string(order.size()) + " parts; they sum to " +
                       digits(shown, 6) + ", all of them to y = " + digits(y, 6) + ".",
                   {4});
    }
    if (r.a.output_index.size() > most_outputs)
        page.absent(std::string("The first ") + std::to_string(most_outputs) + " of " +
                    std::to_string(r.a.output_index.size()) + " outputs are shown; --out and --json have all.");
}

// ---- splits ----------------------------------------------------------------------------------------------------------

namespace {

void draw_spectrum(Article& page, const Split& s, std::size_t place) {
    Panel sigma, alpha;
    sigma.title = "singular values in front of the node";
    alpha.title = "terms α";
    sigma.x.label = alpha.x.label = "component";
    sigma.y.label = "λ";
    alpha.y.label = "part of y";
    Curve values{.label = "", .colour = "#0072B2", .marker = 7, .marker_size = .35};
    Curve bars{.label = "", .colour = "#0072B2", .width = 3, .impulses = true};
    for (std::size_t k = 0; k < s.spectrum.s.size(); ++k) {
        values.x.push_back(static_cast<double>(k));
        values.y.push_back(s.spectrum.s[k]);
        bars.x.push_back(static_cast<double>(k));
        bars.y.push_back(s.terms.alpha[k]);
    }
    if (values.x.empty())
        return;
    sigma.y.logarithmic = spans_a_decade(s.spectrum.s);
    sigma.x.low = alpha.x.low = -1;
    sigma.x.high = alpha.x.high = static_cast<double>(values.x.size());
    sigma.curves.push_back(std::move(values));
    alpha.curves.push_back(std::move(bars));
    page.drawing({.name = std::string("split_") + std::to_string(place),
                  .title = "Spectrum in front of " + s.node,
                  .columns = 2,
                  .panel_height = 260,
                  .panels = {std::move(sigma), std::move(alpha)}},
                 s.spectrum.full ? "All triplets of the part in front of the node."
                                 : "The leading triplets; the others are together in the term rest.");
}

void table_terms(Article& page, const Split& s) {
    std::vector<Term> terms = s.apart.all();
    std::ranges::stable_sort(terms, [](const Term& a, const Term& b) { return std::abs(a.value) > std::abs(b.value); });
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < std::min(terms.size(), most_rows); ++i) {
        const bool rest = terms[i].index == rest_term;
        const auto k = static_cast<std::size_t>(rest ? 0 : terms[i].index);
        rows.push_back({component(terms[i].index), rest ? "–" : digits(s.spectrum.s[k], 6),
                        rest ? "–" : digits(s.terms.psi[k], 6), rest ? "–" : digits(s.terms.projection[k], 6),
                        digits(terms[i].value, 6)});
    }
    page.table({"component", "λ", "ψ", "<φ, x0>", "α = ψ λ <φ, x0>"}, rows,
               std::string("The largest of ") + std::to_string(terms.size()) + " terms" +
                   (s.apart.pruned.count > 0 ? std::string("; ") + std::to_string(s.apart.pruned.count) +
                                                   " small ones were pruned, together " + digits(s.apart.pruned.sum, 4)
                                             : std::string()) +
                   ".");
    rows.clear();
    const bool rest = std::ranges::any_of(s.reduced.terms, [](const auto& term) { return term.with_rest; });
    for (std::size_t k = 0; k < std::min(s.reduced.terms.size(), most_rows); ++k) {
        rows.push_back(
            {component(s.reduced.terms[k].index), digits(s.reduced.terms[k].value, 6), digits(s.reduced.shares[k], 6)});
        if (rest)
            rows.back().emplace_back(s.reduced.terms[k].with_rest ? "yes" : "no");
    }
    std::vector<std::string> header{"component", "term without cancellation", "share"};
    if (rest)
        header.emplace_back("some of it from the rest");
    if (!rows.empty())
        page.table(
            header, rows,
            std::string(
                "Positive and negative terms are added pair by pair, the largest first, until one sign is left (") +
                std::to_string(s.reduced.rounds) +
                " rounds). The order of the pairs is a choice that belongs to the result. Effective number of terms, 1 "
                "over the sum of the squared shares: " +
                digits(s.reduced.effective_terms, 4) + ".");
}

void maps_of_split(Article& page, const Reported& r, const Split& s, std::size_t place) {
    if (!r.of_input)
        return;
    const std::string name = std::string("split_") + std::to_string(place) + "_";
    std::vector<NamedMap> maps;
    const auto add = [&](const std::string& stem, const std::string& caption, const Matrix<double>& columns,
                         const auto& number) {
        for (Index k = 0; k < std::min<Index>(columns.cols(), 3); ++k)
            if (columns.rows() == r.of_input->height * r.of_input->width)
                maps.push_back({name + stem + std::to_string(k),
                                caption + number(k),
                                {columns.column(k).begin(), columns.column(k).end()}});
    };
    add("map_", "leading vector times x0: component ", s.maps, [](Index k) { return component(k); });
    add("reduced_", "large without cancellation: component ", s.reduced_maps,
        [&](Index k) { return component(s.reduced.terms[static_cast<std::size_t>(k)].index); });
    add_maps(page, maps, r.of_input->height, r.of_input->width, r.x0,
             "Of each vector its product with x0, summed over channels: a map that sums to <φ, x0>.");
}

void add_similarity(Article& page, const Split& s, std::size_t place) {
    if (s.second.empty())
        return;
    Panel panel;
    panel.x.label = panel.y.label = "input of the set";
    for (Index k = 0; k < s.similarity.cols() && s.similarity.cols() <= 20; ++k)
        panel.x.ticks.emplace_back(static_cast<double>(k), std::to_string(k));
    panel.y.ticks = panel.x.ticks;
    panel.image = Image{.values = s.similarity, .low = 0, .high = 1, .label = "|cosine|"};
    page.drawing({.name = std::string("similarity_") + std::to_string(place),
                  .title = "First vectors of the inputs of --split-set in front of " + s.node,
                  .width = 520,
                  .panel_height = 420,
                  .panels = {std::move(panel)}},
                 "1: the same vector up to its sign. Second singular value over the first: at most " +
                     digits(*std::ranges::max_element(s.second), 4) +
                     "; where it is near 1 the first vector is not determined.");
}

void table_splits(Article& page, const Reported& r, const SplitAnswers& a) {
    std::vector<std::string> header{"node",   "shape",     "λ of the first", "tenth over first",
                                    "spread", "top share", "error"};
    if (r.pixels)
        header.insert(header.begin() + 5, {"mirror", "upside down"});
    std::vector<std::vector<std::string>> rows;
    for (const Split& s : a.splits) {
        std::vector<std::string> row{
            s.node,
            to_string(s.latent),
            s.spectrum.s.empty() ? "–" : digits(s.spectrum.s.front(), 6),
            s.tenth() ? digits(*s.tenth(), 4) : std::string("–"),
            digits(s.participation, 4),
            s.reduced.shares.empty() ? "–" : digits(*std::ranges::max_element(s.reduced.shares), 4),
            digits(s.terms.error, 2)};
        if (r.pixels)
            row.insert(row.begin() + 5, {digits(s.mirrored.left_right, 4), digits(s.mirrored.up_down, 4)});
        rows.push_back(std::move(row));
    }
    page.table(header, rows,
               std::string("Spread: share of the ") + (r.pixels ? "pixels" : "numbers of the input") +
                   " that the energy of the first vector is in, 1 where it is the same everywhere. " +
                   (r.pixels ? "Mirror, upside down: cosine of the first vector with its mirror image. " : "") +
                   "Top share: of the largest term without cancellation. Error: |terms + biases − y| over the sum of "
                   "their absolute values.",
               {1});
}

}  // namespace

void report_splits(Article& page, const Reported& r) {
    if (!r.a.split)
        return;
    const SplitAnswers& a = *r.a.split;
    page.section("splits",
                 std::string("Spectral splits: output ") + std::to_string(a.output) + " as a sum of spectral terms");
    page.paragraph(
        "The network is cut at a node. With R = U diag(λ) Φᵀ the part in front of it, an output is y = Σ α + b: α = ψ "
        "λ "
        "<φ, x0>, ψ what the part behind makes of the vector u, b of biases. A term may be small because x0 has little "
        "of φ, "
        "because R passes it weakly, or because the rest of the network ignores it; the table tells which. The vectors "
        "are "
        "those of this input's own R, another input has others.");
    table_splits(page, r, a);
    for (std::size_t i = 0; i < a.splits.size(); ++i) {
        const Split& s = a.splits[i];
        page.subsection("In front of " + s.node);
        page.paragraph("y = " + digits(s.terms.y, 6) + ": " + digits(s.terms.linear, 6) + " from the input, " +
                       digits(s.terms.bias, 6) + " from biases." +
                       (s.spectrum.converged ? "" : " The triplets have not converged: they are estimates."));
        draw_spectrum(page, s, i);
        table_terms(page, s);
        maps_of_split(page, r, s, i);
        SymbolicForm shown = s.reduced_form;
        const std::size_t more = shown.terms.size() - std::min<std::size_t>(shown.terms.size(), 4);
        shown.terms.resize(shown.terms.size() - more);
        const std::string place = r.pixels ? "pixel" : "number";
        page.paragraph(
            "The output as a sum over the " + place +
            "s p of the input, y = Σ y[p]. ck[p] is φ of component k times x0 " +
            (r.pixels ? "at p, summed over channels" : "at p") +
            (more > 0 ? std::string("; ") + std::to_string(more) + " smaller terms are not shown:" : std::string(":")));
        page.code("y[p] = " + shown.text(5));
        add_similarity(page, s, i);
    }
}

// ---- the region, and images of biases --------------------------------------------------------------------------------

namespace {

void report_kink(Article& page, const Reported& r) {
    const RegionAnswers& a = *r.a.region;
    if (r.o.region.direction.empty())
        return;
    page.section("region", "How far this map holds");
    if (!a.kink) {
        page.paragraph("Along " + r.o.region.direction + " no decision ever changes: the map is the same all the way.");
        return;
    }
    const auto name = [&](Index node) { return r.input.graph.nodes[static_cast<std::size_t>(node)].name; };
    page.paragraph(
        "Along " + r.o.region.direction + " the first decision changes at " + digits(a.kink->distance, 6) +
        " times this direction, a distance of " + digits(a.kink->distance * a.length, 6) + " in the input, at node " +
        name(a.kink->node) + ", number " + std::to_string(a.kink->number) +
        ". Up to there F and r are those of this page, exactly; behind it the network has another F, which may "
        "differ by little. It is the distance along one direction; others may be shorter.");
    page.paragraph(std::string("A millionth before it ") + std::to_string(a.before.size()) +
                   " nodes decide differently from x0, a millionth behind it " + std::to_string(a.after.size()) + ".");
}

}  // namespace

void report_region(Article& page, const Reported& r) {
    if (!r.a.region)
        return;
    report_kink(page, r);
    const RegionAnswers& a = *r.a.region;
    if (!a.bias)
        return;
    page.section("bias", "What each bias adds to the output");
    page.paragraph(
        "The residual r is a sum of images, one of every node that adds a constant, carried to the output by the nodes "
        "behind it. Their sum misses r by " +
        digits(a.residual_error, 2) +
        " of the sum of their absolute values. An image of a large norm may be cancelled by others." +
        (a.roughness.empty() ? ""
                             : " Roughness: differences of neighbours over the sizes, 0 for a constant, about 4 for a "
                               "checkerboard."));
    std::vector<std::size_t> order(a.bias->names.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) { return a.norm(i) > a.norm(j); });
    std::vector<std::vector<std::string>> rows;
    std::vector<NamedMap> maps;
    if (r.of_output)
        maps.push_back({"bias_sum", "the sum of all, r", over_channels(a.residual, *r.of_output)});
    for (std::size_t i = 0; i < order.size(); ++i) {
        const std::size_t k = order[i];
        if (i < most_rows) {
            rows.push_back({a.bias->names[k], digits(a.norm(k), 6)});
            if (!a.roughness.empty())
                rows.back().push_back(digits(a.roughness[k], 4));
        }
        if (maps.size() <= most_pictures && r.of_output)
            maps.push_back({std::string("bias_") + std::to_string(k), "bias of " + a.bias->names[k],
                            over_channels(a.bias->images.column(static_cast<Index>(k)), *r.of_output)});
    }
    const std::size_t listed = rows.size();
    rows.push_back({"r, the sum of all", digits(norm_of(a.residual), 6)});
    if (!a.roughness.empty())
        rows.back().push_back(digits(a.roughness.back(), 4));
    std::vector<std::string> header{"node", "norm of its image"};
    if (!a.roughness.empty())
        header.emplace_back("roughness");
    page.table(header, rows,
               order.size() > listed ? std::string("The largest of ") + std::to_string(order.size()) + "." : "");
    if (r.of_output)
        add_maps(page, maps, r.of_output->height, r.of_output->width, r.y,
                 r.of_output->channels > 1 ? std::string("Summed over the ") + std::to_string(r.of_output->channels) +
                                                 " channels of the output."
                                           : "");
}

}  // namespace descrambler::cli
