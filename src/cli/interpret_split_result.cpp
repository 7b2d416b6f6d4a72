// What --split found, as HDF5, JSON and text.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/interpret_split.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_lines = 10;

std::string component(Index index) {
    return index == rest_term ? "rest" : std::to_string(index);
}
Json component_json(Index index) {
    return index == rest_term ? Json("rest") : Json(index);
}
std::vector<Term> ranked(std::vector<Term> terms) {
    std::ranges::stable_sort(terms, [](const Term& a, const Term& b) { return std::abs(a.value) > std::abs(b.value); });
    return terms;
}
double off(double value, const SplitTerms& terms) {
    return std::abs(value - terms.y) / (terms.size > 0 ? terms.size : 1);
}
double top_share(const Reduction& reduced) {
    return reduced.shares.empty() ? 0 : *std::ranges::max_element(reduced.shares);
}
Json guarded(const SymbolicForm& form) {
    Json list = Json::array();
    for (const SymbolicTerm& term : form.terms)
        if (term.guarded)
            list.push_back(component_json(term.index));
    return list;
}

Json json_of(const Split& s, Index output, Index width) {
    Json terms = Json::array();
    for (const Term& term : ranked(s.apart.all())) {
        Json one{{"component", component_json(term.index)}, {"alpha", term.value}};
        if (const auto k = static_cast<std::size_t>(term.index); term.index != rest_term)
            one.update({{"sigma", s.spectrum.s[k]}, {"psi", s.terms.psi[k]}, {"projection", s.terms.projection[k]}});
        terms.push_back(std::move(one));
    }
    Json reduced = Json::array();
    for (std::size_t k = 0; k < s.reduced.terms.size(); ++k)
        reduced.push_back({{"component", component_json(s.reduced.terms[k].index)},
                           {"value", s.reduced.terms[k].value},
                           {"share", s.reduced.shares[k]},
                           {"with_rest", s.reduced.terms[k].with_rest}});
    Json json{
        {"node", s.node},
        {"shape", s.latent},
        {"output", output},
        {"y", s.terms.y},
        {"linear", s.terms.linear},
        {"bias", s.terms.bias},
        {"identity_error", s.terms.error},
        {"all_triplets", s.spectrum.full},
        {"components", s.spectrum.s.size()},
        {"converged", s.spectrum.converged},
        {"operator_pairs", s.spectrum.pairs},
        {"sigma", s.spectrum.s},
        {"s10_over_s1", s.tenth() ? Json(*s.tenth()) : Json()},
        {"participation", s.participation},
        {"terms", std::move(terms)},
        {"pruned",
         {{"count", s.apart.pruned.count}, {"threshold", s.apart.pruned.threshold}, {"sum", s.apart.pruned.sum}}},
        {"reduced",
         {{"rounds", s.reduced.rounds}, {"effective_terms", s.reduced.effective_terms}, {"terms", std::move(reduced)}}},
        {"symbolic", {{"text", s.form.text()}, {"value", s.form_value}, {"error", off(s.form_value, s.terms)}}},
        {"symbolic_reduced",
         {{"text", s.reduced_form.text()},
          {"value", s.reduced_value},
          {"error", off(s.reduced_value, s.terms)},
          {"guarded", guarded(s.reduced_form)}}}};
    if (width > 0)
        json["mirror"] = {{"left_right", s.mirrored.left_right}, {"up_down", s.mirrored.up_down}};
    if (!s.second.empty()) {
        json["second_over_first"] = s.second;
        for (Index i = 0; i < s.similarity.rows(); ++i) {
            const auto row = s.similarity.column(i);  // symmetric
            json["similarity"].push_back(std::vector<double>(row.begin(), row.end()));
        }
    }
    return json;
}

void print_terms(const Split& s) {
    std::printf("    %-10s %12s %12s %12s %12s\n", "component", "sigma", "psi", "<phi, x>", "term");
    const std::vector<Term> terms = ranked(s.apart.all());
    for (std::size_t i = 0; i < std::min(terms.size(), most_lines); ++i) {
        const auto k = static_cast<std::size_t>(terms[i].index);
        if (terms[i].index == rest_term)
            std::printf("    %-10s %12s %12s %12s %12.5g\n", "rest", "", "", "", terms[i].value);
        else
            std::printf("    %-10zu %12.5g %12.5g %12.5g %12.5g\n", k, s.spectrum.s[k], s.terms.psi[k],
                        s.terms.projection[k], terms[i].value);
    }
    if (terms.size() > most_lines)
        std::printf("    and %zu smaller ones\n", terms.size() - most_lines);
    if (s.apart.pruned.threshold > 0)
        std::printf("    pruned: %td terms below %.5g, %.5g in all, are in the rest\n", s.apart.pruned.count,
                    s.apart.pruned.threshold, s.apart.pruned.sum);
}

void print_reduced(const Split& s, Index output) {
    std::printf("    without cancellation (%td rounds): %zu terms of one sign, as even as %.3g equal ones\n",
                s.reduced.rounds, s.reduced.terms.size(), s.reduced.effective_terms);
    for (std::size_t k = 0; k < std::min(s.reduced.terms.size(), most_lines); ++k)
        std::printf("    %-10s %12.5g %11.1f %%%s\n", component(s.reduced.terms[k].index).c_str(),
                    s.reduced.terms[k].value, 100 * s.reduced.shares[k],
                    s.reduced.terms[k].with_rest ? "  with the rest" : "");
    SymbolicForm shown = s.reduced_form;
    const std::size_t more = shown.terms.size() - std::min<std::size_t>(shown.terms.size(), 4);
    shown.terms.resize(shown.terms.size() - more);
    std::printf("    y_%td[p] = %s%s\n", output, shown.text(5).c_str(),
                more > 0 ? (", and " + std::to_string(more) + " terms more").c_str() : "");
    std::printf("    sums to y over the pixels p within %.1e (all terms: %.1e) of their sizes; guarded: %zu\n",
                off(s.reduced_value, s.terms), off(s.form_value, s.terms), guarded(s.reduced_form).size());
}

void print_set(const Split& s) {
    const Index count = s.similarity.rows();
    double least = 1, sum = 0;
    for (Index i = 0; i < count; ++i)
        for (Index j = 0; j < i; ++j) {
            least = std::min(least, s.similarity(i, j));
            sum += s.similarity(i, j);
        }
    std::printf(
        "    first vectors of %td inputs: |cosine| %.3g on average, at least %.3g; second singular value up to %.3g of "
        "the first\n",
        count, 2 * sum / static_cast<double>(count * (count - 1)), least, *std::ranges::max_element(s.second));
}

void write_columns(const Hdf5Group& group, const std::string& name, const Matrix<double>& columns, const Label& label) {
    group.write(name, {columns.cols(), columns.rows()}, columns.data(), label);
}

void write_one(const Hdf5Group& group, const Split& s) {
    group.write("sigma", s.spectrum.s, {"1", "singular values of the network in front of the node", "K"});
    group.write("psi", s.terms.psi, {"1", "left factors of the output, (L U)_jk", "K"});
    group.write("projection", s.terms.projection, {"1", "projections <phi_k, x0>", "K"});
    group.write("alpha", s.terms.alpha, {"1", "spectral terms psi sigma <phi, x0>", "K"});
    write_columns(group, "right", s.right, {"1", "leading right singular vectors phi", "M,n"});
    write_columns(group, "left", s.left, {"1", "leading left singular vectors, in the shape of the node", "M,latent"});
    write_columns(group, "maps", s.maps, {"1", "leading vectors times x0, summed over channels", "M,pixels"});
    write_columns(group, "channel_means", s.means, {"1", "leading vectors, mean over channels", "M,pixels"});
    std::vector<std::int64_t> index;
    std::vector<double> value;
    for (const Term& term : s.reduced.terms) {
        index.push_back(term.index);
        value.push_back(term.value);
    }
    group.write("reduced_index", index, {"1", "components of the terms without cancellation, -1 the rest", "R"});
    group.write("reduced", value, {"1", "terms without cancellation", "R"});
    group.write("reduced_share", s.reduced.shares, {"1", "their shares", "R"});
    write_columns(group, "reduced_maps", s.reduced_maps,
                  {"1", "their vectors times x0, summed over channels", "R,pixels"});
    group.write_text("symbolic", {s.form.text(), s.reduced_form.text()},
                     {"1", "formula of a pixel, of all terms and without cancellation", "2"});
    if (!s.second.empty()) {
        group.write("similarity", s.similarity,
                    {"1", "|<phi_i, phi_j>| of the first vectors of the set", "inputs,inputs"});
        group.write("second_over_first", s.second, {"1", "second over first singular value of each", "inputs"});
    }
    group.attribute("", "node", s.node);
    group.attribute("", "shape", to_string(s.latent));
    for (const auto& [key, number] : {std::pair<const char*, double>{"y", s.terms.y},
                                      {"linear", s.terms.linear},
                                      {"bias", s.terms.bias},
                                      {"rest", s.apart.closes ? s.apart.closing : 0},
                                      {"pruned_sum", s.apart.pruned.sum},
                                      {"pruned_threshold", s.apart.pruned.threshold},
                                      {"identity_error", s.terms.error},
                                      {"effective_terms", s.reduced.effective_terms},
                                      {"symbolic_value", s.form_value},
                                      {"symbolic_reduced_value", s.reduced_value},
                                      {"participation", s.participation},
                                      {"mirror_left_right", s.mirrored.left_right},
                                      {"mirror_up_down", s.mirrored.up_down}})
        group.attribute("", key, number);
    if (s.tenth())
        group.attribute("", "s10_over_s1", *s.tenth());
    group.attribute("", "all_triplets", static_cast<std::int64_t>(s.spectrum.full));
    group.attribute("", "pruned", static_cast<std::int64_t>(s.apart.pruned.count));
    group.attribute("", "rounds", static_cast<std::int64_t>(s.reduced.rounds));
}

}  // namespace

nlohmann::ordered_json split_json(const SplitAnswers& a) {
    Json list = Json::array();
    for (const Split& s : a.splits)
        list.push_back(json_of(s, a.output, a.width));
    return list;
}

void print_split(const SplitAnswers& a) {
    for (const Split& s : a.splits) {
        const std::string triplets = (s.spectrum.full ? "all " : "the leading ") + std::to_string(s.spectrum.s.size()) +
                                     " triplets" + (s.spectrum.converged ? "" : ", not converged");
        std::printf("  split at %s (%s), %s\n", one_line(s.node).c_str(), to_string(s.latent).c_str(),
                    triplets.c_str());
        std::printf(
            "    y_%td = %.6g = %.6g by the input + %.6g by biases; terms and biases - y: %.1e of their sizes\n",
            a.output, s.terms.y, s.terms.linear, s.terms.bias, s.terms.error);
        print_terms(s);
        print_reduced(s, a.output);
        if (!s.second.empty())
            print_set(s);
    }
    const auto known = [](bool there, double number) { return there ? digits(number) : std::string("-"); };
    std::printf("  %-16s %6s %12s %9s %9s %9s %9s %9s\n", "split", "terms", "s1", "s10/s1", "spread", "mirror",
                "upside", "top share");
    for (const Split& s : a.splits)
        std::printf("  %-16s %6zu %12.5g %9s %9.3g %9s %9s %9.3g\n", one_line(s.node).c_str(), s.reduced.terms.size(),
                    s.spectrum.s.empty() ? 0 : s.spectrum.s.front(),
                    known(s.tenth().has_value(), s.tenth().value_or(0)).c_str(), s.participation,
                    known(a.width > 0, s.mirrored.left_right).c_str(), known(a.width > 0, s.mirrored.up_down).c_str(),
                    top_share(s.reduced));
    std::printf(
        "  (spread: share of the pixels that the first vector is in; mirror, upside: cosine with its image left "
        "to right and upside down)\n");
}

void write_split(const Hdf5Group& root, const SplitAnswers& a) {
    for (std::size_t i = 0; i < a.splits.size(); ++i)
        write_one(root.create_group("splits/" + std::to_string(i)), a.splits[i]);
    root.write("gradient_x_input", a.gradient,
               {"1", "row of the output of --split times x0, summed over channels", "pixels"});
    root.write("gradient_x_input_positive", without_negatives(a.gradient),
               {"1", "the same with its negative pixels masked", "pixels"});
    root.attribute("", "split_output", static_cast<std::int64_t>(a.output));
}

}  // namespace descrambler::cli
