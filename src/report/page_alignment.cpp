// What the comparison of networks says in plain words, and the numbers behind it.
#include <algorithm>

#include "report/page_parts.hpp"

namespace descrambler::page {

namespace {

std::string share(double x) {
    return number(100 * x, 3) + " %";
}

std::string kind_words(const std::string& name) {
    static const std::vector<std::pair<std::string, const char*>> words = {
        {"within_trained", "trained among themselves"},
        {"within_untrained", "untrained among themselves"},
        {"within_shuffled", "shuffled targets among themselves"},
        {"within_no_decay", "no decay among themselves"},
        {"trained_against_untrained", "trained against untrained"},
        {"trained_against_shuffled", "trained against shuffled targets"},
        {"trained_against_no_decay", "trained against no decay"}};
    for (const auto& [key, text_of] : words)
        if (key == name)
            return text_of;
    return text(name);
}

const ShareLine* share_of(const Relations& relations, const std::string& name) {
    for (const ShareLine& line : relations.shares)
        if (line.name == name)
            return &line;
    return nullptr;
}

std::string sizes_text(const std::vector<double>& sizes) {
    std::string out;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (i == 12) {
            out += ", …";
            break;
        }
        out += (i ? ", " : "") + number(sizes[i], 6);
    }
    return out;
}

std::string cluster_table(const Relations& relations) {
    std::vector<Row> rows;
    const auto add = [&](const char* networks, const char* how, const std::optional<PartitionLine>& part) {
        if (part)
            rows.push_back({networks, how, number(part->clusters, 6), sizes_text(part->sizes), number(part->height),
                            number(part->silhouette), number(part->purity), number(part->adjusted_rand)});
    };
    add("all, controls included", "largest gap", relations.all_by_gap);
    add("all, controls included", "threshold", relations.all_by_threshold);
    add("trained alone", "largest gap", relations.trained_by_gap);
    add("trained alone", "threshold", relations.trained_by_threshold);
    return table({"networks", "cut", "clusters", "sizes", "cut at 1 − s", "silhouette", "purity", "adjusted Rand"},
                 rows);
}

// Is the interpretation the same for every network?
std::string sameness(const Summary& summary, const Relations& relations) {
    const auto trained = summary.alignment.find("descrambled");
    std::string out;
    if (trained != summary.alignment.end())
        if (const auto s = trained->second.find("s"); s != trained->second.end() && s->second)
            out = "Descrambled first layers of two trained networks agree with s = " + number(s->second->median) +
                  " (median over pairs). ";
    if (!relations.threshold)
        return out +
               "Whether that is as much as one network agrees with itself was not measured: analysis.bootstrap "
               "is 0.";
    out += "One network seen through two libraries of inputs agrees with itself with s = " +
           number(relations.itself_s ? std::optional(relations.itself_s->median) : std::nullopt) + " (median); " +
           share(1 - relations.quantile) + " of such pairs reach " + number(*relations.threshold) +
           ", the threshold of “same function”. ";
    const ShareLine* same = share_of(relations, "within_trained");
    if (same == nullptr)
        return out + "There is no second trained network to compare with.";
    out += share(same->s) + " of the pairs of trained networks reach it: ";
    if (same->s >= 1 - relations.quantile)
        out += "the interpretation is the same for every network, as far as this library can tell.";
    else if (same->s <= relations.quantile)
        out += "the networks are alike but not the same; they differ by more than the choice of the library explains.";
    else
        out += "some pairs cannot be told apart, others differ by more than the choice of the library explains.";
    return out;
}

// Is that evidence of learning?
std::string learning(const Summary& summary) {
    const auto s_of = [&](const char* comparison) -> MaybeRange {
        const auto kind = summary.alignment.find(comparison);
        if (kind == summary.alignment.end())
            return {};
        const auto s = kind->second.find("s");
        return s == kind->second.end() ? std::nullopt : s->second;
    };
    const auto text = [](const Range& s) {
        return number(s.median) + " (" + number(s.min) + " to " + number(s.max) + ")";
    };
    const MaybeRange trained = s_of("descrambled"), shuffled = s_of("shuffled"), against = s_of("against_shuffled");
    std::string out = "Agreement inside an ensemble is no evidence of learning by itself. ";
    if (!trained || !shuffled || !against)
        return out + "The controls that would decide are missing: at least two networks trained on shuffled targets.";
    out +=
        "Networks trained on shuffled targets, which cannot learn more than the mean, agree among themselves with s "
        "= " +
        text(*shuffled) + ", the trained with " + text(*trained) +
        " (median and range over the pairs). What counts is the trained against the shuffled: s = " + text(*against) +
        ". ";
    if (against->median >= std::min(trained->median, shuffled->median))
        return out +
               "Trained networks are as close to the shuffled ones as one of the kinds is to its own: nothing here "
               "shows learning.";
    if (against->max >= std::min(trained->min, shuffled->min))
        return out +
               "In the median each kind is closer to its own, but the ranges overlap: there are trained networks as "
               "close to a shuffled one as to one of their own kind, so it is not decided by these pairs.";
    return out +
           "Each kind is closer to its own than to the other, so training on the true targets led to a first "
           "layer that shuffled targets do not lead to; the agreement inside either kind shows only that training "
           "forgets the initial weights.";
}

std::string cluster_words(const Relations& relations) {
    if (!relations.all_by_gap)
        return "";
    std::string out = "Average linkage on 1 − s, all networks together: the largest gap leaves " +
                      count_words(static_cast<std::size_t>(relations.all_by_gap->clusters), "cluster", "clusters") +
                      " with purity " + number(relations.all_by_gap->purity) + " and adjusted Rand index " +
                      number(relations.all_by_gap->adjusted_rand) +
                      " against the known groups (purity is 1 for singletons, the Rand index is 0 for them). ";
    if (!relations.trained_by_gap || relations.trained_by_gap->sizes.empty())
        return out;
    if (!relations.trained_real)
        return out;
    out += *relations.trained_real
               ? "The trained networks by themselves fall into clusters that are further apart than a network is from "
                 "itself, with a silhouette above 0.5: more than one solution was found."
               : "Clusters among the trained networks by themselves are not real: they are either no further apart "
                 "than a network is from itself, or overlap (silhouette 0.5 or less).";
    return out;
}

}  // namespace

std::string alignment_answer(const Summary& summary) {
    if (!summary.relations)
        return "";
    const Relations& relations = *summary.relations;
    std::string out = element("h3", "Is the interpretation the same for every network?") +
                      paragraph(sameness(summary, relations)) + element("h3", "Is that evidence of learning?") +
                      paragraph(learning(summary));
    if (relations.threshold) {
        std::vector<Row> rows;
        for (const ShareLine& line : relations.shares)
            rows.push_back({kind_words(line.name), number(line.pairs, 8), share(line.s), share(line.picture)});
        out += table({"pairs of networks", "pairs", "s at or above " + number(*relations.threshold),
                      "correlation of |FFT2| at or above " + number(relations.threshold_picture)},
                     rows) +
               paragraph("Threshold: the library is resampled with replacement " + number(relations.replicates, 4) +
                         " times, every network is descrambled with each, and replicates are compared in pairs; the "
                         "threshold is the lower " +
                         share(relations.quantile) +
                         " quantile over trained networks and pairs. “Same” means: not to be told apart from one "
                         "network seen through another library of this size.");
    }
    return out + element("h3", "Clusters") + paragraph(cluster_words(relations)) + cluster_table(relations);
}

}  // namespace descrambler::page
