// What the published optimiser reaches, in words and numbers.
#include "report/page_parts.hpp"

namespace descrambler::page {

std::string optimiser_answer(const Summary& summary) {
    if (!summary.optimiser)
        return "";
    const OptimiserSummary& optimiser = *summary.optimiser;
    const auto range = [&](const std::string& name, const std::string& group) -> MaybeRange {
        const auto found = optimiser.groups.find(name);
        if (found == optimiser.groups.end())
            return {};
        const auto at = found->second.find(group);
        return at == found->second.end() ? MaybeRange{} : at->second;
    };
    const auto median = [&](const std::string& name) {
        const MaybeRange r = range(name, "trained");
        return r ? std::optional(r->median) : std::nullopt;
    };
    std::string out = element("h3", "The published optimiser", "id=\"optimiser\"");
    const std::optional<double> gap = median("gap"), likeness = median("fft_correlation"), ratio = median("eta_ratio");
    std::string words =
        "It was published that a few hundred iterations from Q = 0 are sufficient. After " +
        number(optimiser.iterations, 6) +
        " iterations of L-BFGS in the published chart, with the published normalisation, η of the trained "
        "networks is " +
        number(ratio) + " times its minimum (median). ";
    if (gap && *gap > 1e-2)
        words += "So this does not reproduce: pictures made that way are not those of the minimiser. ";
    else if (gap)
        words += "So here it is as published. ";
    words +=
        "The picture by which networks are compared, the folded |FFT2| of P W1, correlates with that of the minimiser "
        "with " +
        number(likeness) + ". The recentred method starts from the same point and needs " +
        number(median("recentred_evaluations_to_gap")) + " evaluations to a gap of 1e-6 (the published one made " +
        number(median("evaluations")) + ").";
    out += paragraph(words);
    std::vector<Row> rows;
    const std::vector<std::pair<std::string, std::string>> groups = {
        {"trained", "trained"}, {"untrained", "untrained"}, {"shuffled", "shuffled targets"}, {"no_decay", "no decay"}};
    for (const auto& [name, label] : groups)
        if (range("gap", name))
            rows.push_back({label, range_cell(range("eta_ratio", name)), range_cell(range("fft_correlation", name)),
                            range_cell(range("evaluations", name)), range_cell(range("recentred_gap", name), 2),
                            range_cell(range("recentred_evaluations_to_gap", name)),
                            range_cell(range("recentred_evaluations", name))});
    out += table({"networks", "published: η / η*", "its |FFT2| with the minimiser's", "its evaluations",
                  "recentred: gap", "evaluations to 1e-6", "to its own test"},
                 rows);
    if (optimiser.pair_correlation)
        out +=
            paragraph("Pictures of two trained networks agree with " + number(optimiser.pair_correlation->median) +
                      " (median over pairs) where both were stopped there; those of the minimiser agree as section 6 "
                      "says.");
    return out;
}

}  // namespace descrambler::page
