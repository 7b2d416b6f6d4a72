// Section "Deeper layers" of a study whose networks have more than one hidden layer.
#include <algorithm>
#include <array>

#include "report/page_parts.hpp"

namespace descrambler::page {

namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> groups = {
    {{"trained", "trained"}, {"untrained", "untrained"}, {"shuffled", "shuffled targets"}, {"no_decay", "no decay"}}};

MaybeRange of(const Ranges& ranges, const std::string& name) {
    const auto found = ranges.find(name);
    return found == ranges.end() ? MaybeRange{} : found->second;
}

Row with_groups(Row row, const Ranges& ranges, int digits = 3) {
    for (const auto& [name, words] : groups)
        row.push_back(range_cell(of(ranges, name), digits));
    return row;
}

Row head_with_groups(Row head) {
    for (const auto& [name, words] : groups)
        head.push_back(words);
    return head;
}

std::string tap_words(const DeepTapLine& tap) {
    return "layer " + text(tap.layer) + ", " + text(tap.tap) + ", " + text(tap.criterion);
}

std::string signals_table(const Deep& deep) {
    std::vector<Row> rows;
    for (const DeepTapLine& tap : deep.taps)
        rows.push_back(
            with_groups({tap_words(tap), range_cell(of(tap.gap, "trained"), 2), range_cell(of(tap.rank, "trained"))},
                        tap.eta_gain_db));
    return table(head_with_groups({"tap, criterion", "gap, trained", "rank, trained"}), rows);
}

std::string weights_table(const Deep& deep) {
    std::vector<Row> rows;
    for (const DeepTapLine& tap : deep.taps)
        if (of(tap.compactness, "trained"))
            rows.push_back(
                with_groups({tap_words(tap), range_cell(of(tap.compactness_raw, "trained"))}, tap.compactness));
    return table(head_with_groups({"tap, criterion", "trained, raw"}), rows);
}

std::string agreement_table(const Deep& deep) {
    std::vector<Row> rows;
    for (const DeepTapLine& tap : deep.taps)
        if (of(tap.s, "within_trained") || of(tap.s, "trained_against_shuffled"))
            rows.push_back({tap_words(tap), range_cell(of(tap.s, "within_trained")),
                            range_cell(of(tap.s, "within_shuffled")), range_cell(of(tap.s, "within_untrained")),
                            range_cell(of(tap.s, "trained_against_shuffled")),
                            range_cell(of(tap.s, "trained_against_untrained"))});
    if (rows.empty())
        return element("p", "No two networks to compare.", "class=\"absent\"");
    return table({"tap, criterion", "trained among themselves", "shuffled targets among themselves",
                  "untrained among themselves", "trained against shuffled targets", "trained against untrained"},
                 rows);
}

std::string layers_table(const Deep& deep) {
    std::vector<Row> rows;
    for (const DeepLayerLine& layer : deep.layers) {
        const std::string name = "layer " + text(layer.layer) + ", " + text(layer.inputs) + " → " + text(layer.outputs);
        rows.push_back(with_groups({name, "effective rank"}, layer.effective_rank));
        for (const auto& [number, words] : {std::pair{"diagonal", "share on the diagonal of P W Pᵀ"},
                                            {"permutation", "share of the best single cell of each row"},
                                            {"order", "order kept"}})
            if (const auto found = layer.embedding.find(number); found != layer.embedding.end())
                rows.push_back(with_groups({name, words}, found->second));
    }
    return table(head_with_groups({"layer, inputs → outputs", "number"}), rows);
}

// Which controls no network of the ensemble shares its value with.
std::string apart_from(const Ranges& ranges) {
    const MaybeRange trained = of(ranges, "trained");
    std::string names;
    for (std::size_t g = 1; trained && g < groups.size(); ++g) {
        const MaybeRange control = of(ranges, groups[g].first);
        if (control && (control->max < trained->min || control->min > trained->max))
            names += (names.empty() ? "" : ", ") + std::string(groups[g].second);
    }
    return names.empty() ? "none" : names;
}

std::string network_table(const Deep& deep) {
    static const std::vector<std::pair<std::string, const char*>> words = {
        {"HFrej", "layer 1: rejection of high frequencies, dB"},
        {"edge", "layer 1: first bin below a tenth of the maximum"},
        {"DCmarg", "layer 1: gain at zero frequency against bins 1 to 8, dB"},
        {"g_dip_bg", "layer 1: gain for form factors over gain for backgrounds, dB"},
        {"g_dip_noise", "layer 1: gain for form factors over gain for noise, dB"},
        {"J_MAE", "whole network: distance between what goes in and what lights up, nm"},
        {"J_rank", "whole network: rank correlation of the two"},
        {"Sturm6", "last layer: of six output vectors, those in order of sign changes"},
        {"DCT20", "last layer: share of 21 lowest cosines in the output vectors"},
        {"rank12", "last layer: energy share of twelve singular values"}};
    std::vector<Row> rows;
    for (const DeepNumberLine& line : deep.network) {
        const auto found =
            std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.first == line.name; });
        Row row = with_groups(
            {(found == words.end() ? "" : text(found->second) + "<br />") + "<code>" + text(line.name) + "</code>"},
            line.groups);
        row.push_back(apart_from(line.groups));
        rows.push_back(row);
    }
    Row head = head_with_groups({"number (same raw and descrambled)"});
    head.push_back("apart from");
    return table(head, rows);
}

}  // namespace

std::string deep_section(const Summary& summary, const std::string& profile) {
    const Deep& deep = *summary.deep;
    std::string out = paragraph(
        "These networks have " + count_words(deep.layers.size() - 1, "hidden layer", "hidden layers") +
        ". The published findings are defined for one hidden layer; what stays defined is printed here without a "
        "verdict, always beside networks that learnt nothing. The signals at each tap, before and after the "
        "activation, are descrambled by themselves.");
    if (!deep.network.empty())
        out += element("h3", "What does not depend on depth") +
               paragraph(
                   "The first weight as a filter, the whole network linearised at the mean trace, and the last "
                   "weight. “Apart from” names the controls whose range does not touch that of the ensemble.") +
               network_table(deep);
    out += profile;
    out += element("h3", "Signals: smoothness gain, dB") + signals_table(deep);
    out += element("h3", "Weights: compactness after descrambling") +
           paragraph("Share of the weight in the lowest 13 of 80 components along its link (white: 0.16).") +
           weights_table(deep);
    out += element("h3", "Agreement s between networks") +
           paragraph(
               "Inner neurons are numbered at random, so weights are carried to the axis of the input (before) or "
               "of the output (after) by the linearised network, and then compared as first layers are. High "
               "agreement inside a group is no evidence of learning: read it beside the shuffled targets, and "
               "beside trained against shuffled.") +
           agreement_table(deep);
    out += element("h3", "Weights between layers") +
           paragraph(
               "Effective rank: exponential of the entropy of the singular values. Shares are of the energy of P "
               "W Pᵀ in the components of the stencil, pairs of equal frequency taken together; order kept is 1 "
               "if the n-th component goes to the n-th, 0 if any may go to any. The untrained value is what "
               "variance ordering alone makes of a random matrix.") +
           layers_table(deep);
    return out;
}

}  // namespace descrambler::page
