#include "study/summary_parts.hpp"

namespace descrambler::json {

namespace {

Json partition(const Partition& part) {
    const std::vector<Index> sizes = part.sizes();
    return {{"height", number(part.height)},         {"clusters", sizes.size()}, {"sizes", sizes},
            {"silhouette", number(part.silhouette)}, {"purity", part.purity},    {"adjusted_rand", part.adjusted_rand}};
}

Json both_cuts(const StudyClusters& clusters) {
    return {{"networks", clusters.tree.items},
            {"gap", partition(clusters.by_gap)},
            {"threshold", clusters.by_threshold ? partition(*clusters.by_threshold) : Json(nullptr)}};
}

}  // namespace

Json threshold(const StudyData& study) {
    const StudyRelations& relations = study.relations;
    if (!relations.threshold)
        return nullptr;
    Json itself = Json::object();
    for (std::size_t g = 0; g < study.groups.size(); ++g) {
        std::vector<double> s, picture;
        for (const std::vector<Alignment>& network : relations.itself[g])
            for (const Alignment& pair : network) {
                s.push_back(pair.s);
                picture.push_back(pair.fft_correlation);
            }
        itself[study.groups[g].name] = {
            {"networks", relations.itself[g].size()}, {"s", spread(s)}, {"fft_correlation", spread(picture)}};
    }
    return {{"s", relations.threshold->s},
            {"fft_correlation", relations.threshold->picture},
            {"quantile", same_quantile},
            {"replicates", study.config.bootstrap},
            {"itself", itself}};
}

Json same_function_shares(const StudyData& study) {
    if (!study.relations.threshold)
        return nullptr;
    Json shares = Json::object();
    for (const SameFunction& part : same_function(study))
        shares[part.name] = {{"pairs", part.pairs}, {"s", part.s}, {"fft_correlation", part.picture}};
    return shares;
}

Json clusters(const StudyData& study) {
    const StudyRelations& relations = study.relations;
    Json trained = both_cuts(relations.trained);
    const std::optional<bool> real = clusters_are_real(relations);
    trained["real"] = real ? Json(*real) : Json(nullptr);
    return {{"all", both_cuts(relations.all)}, {"trained", trained}};
}

}  // namespace descrambler::json
