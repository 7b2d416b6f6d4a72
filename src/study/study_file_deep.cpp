// /deep of study.h5, as docs/formats.md has it.
#include "descrambler/hdf5.hpp"
#include "study/study_data.hpp"

namespace descrambler {

namespace {

void write_embeddings(const Hdf5Group& at, const std::vector<Embedding>& networks) {
    if (networks.empty())
        return;
    std::vector<float> values;
    for (const Embedding& network : networks)
        for (Index i = 0; i < network.E.rows(); ++i)
            for (Index j = 0; j < network.E.cols(); ++j)
                values.push_back(static_cast<float>(network.E(i, j)));
    const Index rows = networks.front().E.rows(), cols = networks.front().E.cols();
    at.write("embedding", {std::ssize(networks), rows, cols}, values.data(),
             {"1", "P_K W_K P_{K-1}^T in the bases of the stencil", "network,component out,component in"});
    values.clear();
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
            values.push_back(static_cast<float>(networks.front().descrambled(i, j)));
    at.write("descrambled", {1, rows, cols}, values.data(),
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
        for (const StudyLayer& layer : group.layers)
            if (group.name != "trained" && layer.request.tap.at.layer == last &&
                layer.request.criterion == Criterion::joint) {
                const Matrix<double>& W = layer.networks.front().descrambled_weight;
                std::vector<float> values;
                for (Index i = 0; i < W.rows(); ++i)
                    for (Index j = 0; j < W.cols(); ++j)
                        values.push_back(static_cast<float>(W(i, j)));
                root.create_group("analysis/" + group.name)
                    .write("descrambled_last", {1, W.rows(), W.cols()}, values.data(),
                           {"1", "W_L P^T of the first network, joint criterion", "network,distance,link"});
            }
}

}  // namespace descrambler
