// /deep of study.h5, as docs/formats.md has it.
#include "descrambler/hdf5.hpp"
#include "io/stacks.hpp"
#include "study/study_data.hpp"

namespace descrambler {

namespace {

void write_embeddings(const Hdf5Group& at, const std::vector<Embedding>& networks) {
    if (networks.empty())
        return;
    write_stack<float>(at, "embedding", matrices_of(networks, &Embedding::E),
                       {"1", "P_K W_K P_{K-1}^T in the bases of the stencil", "network,component out,component in"});
    write_stack<float>(at, "descrambled", {&networks.front().descrambled},
                       {"1", "P_K W_K P_{K-1}^T of the first network", "network,link out,link in"});
}

}  // namespace

void write_deep(const Hdf5Group& root, const StudyData& study) {
    for (const DeepLayer& layer : study.deep.layers)
        for (std::size_t g = 0; g < study.groups.size(); ++g) {
            if (study.groups[g].networks.empty())
                continue;
            const Hdf5Group at =
                root.create_group("deep/layer_" + std::to_string(layer.layer) + "/" + study.groups[g].name);
            at.write("effective_rank", layer.rank[g],
                     {"1", "exp of the entropy of the singular values of W_K over their sum", "network"});
            write_embeddings(at, layer.embeddings[g]);
        }
    for (const DeepTap& tap : study.deep.taps)
        for (std::size_t g = 0; g < study.groups.size(); ++g) {
            const std::string name = "deep/taps/layer_" + std::to_string(tap.request.tap.at.layer) + "_" +
                                     std::string(to_string(tap.request.tap.at.side)) + "_" +
                                     std::string(to_string(tap.request.criterion)) + "/" + study.groups[g].name;
            if (tap.groups[g].empty())
                continue;
            const Hdf5Group at = root.create_group(name);
            std::vector<double> gain, raw, compact;
            for (const TapReading& reading : tap.groups[g]) {
                gain.push_back(reading.eta_gain_db);
                raw.push_back(reading.compactness_raw);
                compact.push_back(reading.compactness);
            }
            at.write("eta_gain_db", gain, {"dB", "10 log10 of eta(1) / eta(P)", "network"});
            at.write("compactness_raw", raw, {"1", "share of the weight in the lowest components, raw", "network"});
            at.write("compactness", compact, {"1", "the same, descrambled", "network"});
            if (!tap.within[g].empty())
                at.write("s", tap.within[g], {"1", "overlap within the group", "pair"});
            if (!tap.against[g].empty())
                at.write("s_against_trained", tap.against[g], {"1", "overlap with trained", "trained x group"});
        }
    // The last weight of the first network of each control, beside that of the ensemble under /layers.
    if (study.deep.layers.empty())
        return;
    const Index last = std::ssize(study.trained().networks.front().layers) - 1;
    for (const StudyGroup& group : study.groups)
        if (const StudyLayer* layer = group.trained() ? nullptr : group.find(last, Tap::after, Criterion::joint))
            write_stack<float>(root.create_group("analysis/" + group.name), "descrambled_last",
                               {&layer->networks.front().descrambled_weight},
                               {"1", "W_L P^T of the first network, joint criterion", "network,distance,link"});
}

}  // namespace descrambler
