// /alignment/networks and /alignment/itself of study.h5, as docs/formats.md has them.
#include "descrambler/hdf5.hpp"
#include "study/study_data.hpp"

namespace descrambler {

namespace {

std::vector<double> as_numbers(const std::vector<Index>& values) {
    return {values.begin(), values.end()};
}

void write_tree(const Hdf5Group& at, const StudyClusters& clusters, const std::string& prefix) {
    at.write(prefix + "order", as_numbers(clusters.tree.order),
             {"1", "networks from left to right in the tree of average linkage on 1 - s", "network"});
    at.write(prefix + "cluster_by_gap", as_numbers(clusters.by_gap.labels),
             {"1", "cluster, cut across the largest gap of heights", "network"});
    if (clusters.by_threshold)
        at.write(prefix + "cluster_by_threshold", as_numbers(clusters.by_threshold->labels),
                 {"1", "cluster, cut at the threshold of same function", "network"});
    if (clusters.tree.merges.empty())
        return;
    Matrix<double> merges(std::ssize(clusters.tree.merges), 4);
    for (Index k = 0; k < merges.rows(); ++k) {
        const Merge& merge = clusters.tree.merges[k];
        merges(k, 0) = static_cast<double>(merge.a);
        merges(k, 1) = static_cast<double>(merge.b);
        merges(k, 2) = merge.height;
        merges(k, 3) = static_cast<double>(merge.size);
    }
    at.write(prefix + "merges", merges,
             {"1", "nodes joined, height, networks below; merge k makes node n + k", "merge,value"});
}

}  // namespace

void write_relations(const Hdf5Group& alignment, const StudyData& study) {
    const StudyRelations& relations = study.relations;
    const Hdf5Group at = alignment.create_group("networks");
    at.write("group", as_numbers(relations.group), {"1", "0 trained, 1 untrained, 2 shuffled, 3 no decay", "network"});
    at.write("s", relations.s, {"1", "pair Procrustes overlap of descrambled first layers", "network,network"});
    at.write("fft_correlation", relations.picture, {"1", "correlation of folded |FFT2|", "network,network"});
    write_tree(at, relations.all, "");
    write_tree(at, relations.trained, "trained_");
    if (!relations.threshold)
        return;
    const Hdf5Group itself = alignment.create_group("itself");
    itself.attribute("", "threshold_s", relations.threshold->s);
    itself.attribute("", "threshold_fft_correlation", relations.threshold->picture);
    itself.attribute("", "quantile", same_quantile);
    itself.attribute("", "replicates", static_cast<std::int64_t>(study.config.bootstrap));
    for (std::size_t g = 0; g < study.groups.size(); ++g) {
        const auto& networks = relations.itself[g];
        if (networks.empty())
            continue;
        Matrix<double> s(std::ssize(networks), std::ssize(networks.front())), picture = s;
        for (Index i = 0; i < s.rows(); ++i)
            for (Index p = 0; p < s.cols(); ++p) {
                s(i, p) = networks[i][p].s;
                picture(i, p) = networks[i][p].fft_correlation;
            }
        const std::string name = study.groups[g].name;
        itself.write(name + "/s", s,
                     {"1", "overlap of one network with itself through resampled libraries", "network,pair"});
        itself.write(name + "/fft_correlation", picture, {"1", "the same for folded |FFT2|", "network,pair"});
    }
}

}  // namespace descrambler
