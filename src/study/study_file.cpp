// study.h5, as docs/formats.md has it.
#include <algorithm>

#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/version.hpp"
#include "io/stacks.hpp"
#include "io/text.hpp"
#include "study/task_study.hpp"

namespace descrambler {

namespace {

void write_networks(const Hdf5Group& root, const StudyData& study) {
    for (const StudyGroup& group : study.groups)
        for (std::size_t i = 0; i < group.networks.size(); ++i)
            write_network(root.create_group((group.trained() ? "networks/" : "controls/" + group.name + "/") +
                                            numbered(static_cast<Index>(i))),
                          group.networks[i], study.config.precision);
}

void write_training(const Hdf5Group& root, const StudyData& study) {
    const Hdf5Group at = root.create_group("training");
    std::vector<double> iteration;
    const Index interval = loss_interval(study.config);
    for (std::size_t i = 1; i <= study.trained().loss.front().size(); ++i)
        iteration.push_back(static_cast<double>(std::min(static_cast<Index>(i) * interval, study.config.iterations)));
    at.write("iteration", iteration, {"1", "iterations at which a recorded interval ends", "interval"});
    const Hdf5Group loss = at.create_group("loss");
    for (const StudyGroup& group : study.groups)
        write_rows(
            loss, group.name, group.loss,
            {"1",
             study.config.loss == Loss::mse ? "mean squared error on the training batches, mean over the interval"
                                            : "root mean squared error of a training batch, mean over the interval",
             "network,interval"});
    at.write("relative_error_mean", study.trained().error_mean,
             {"1", "mean over the validation traces of ||p_hat - p|| / ||p||", "network"});
    at.write("relative_error_median", study.trained().error_median, {"1", "the same, median", "network"});
    for (const StudyGroup& group : study.groups)
        if (!group.trained() && !group.error_mean.empty())
            at.write(group.name + "_relative_error", group.error_mean,
                     {"1", "mean relative error of the control on the validation traces", "network"});
}

void write_layers(const Hdf5Group& root, const StudyData& study) {
    for (const StudyLayer& layer : study.trained().layers) {
        const Hdf5Group at = root.create_group("layers/" + layer.name);
        const auto& items = layer.networks;
        const auto put = [&](const char* name, const char* meaning, auto&& value) {
            at.write(name, numbers_of(items, value), {"1", meaning, "network"});
        };
        std::vector<const Matrix<double>*> P;
        for (const Descrambling& d : items)
            P.push_back(&d.solution.P);
        write_stack<double>(at, "descrambler", P, {"1", "P, orthogonal", "network,n,n"});
        write_stack<double>(at, "gram", matrices_of(items, &Descrambling::gram),
                            {"1", "what was minimised over", "network,n,n"});
        write_stack<double>(at, "descrambled_weight", matrices_of(items, &Descrambling::descrambled_weight),
                            {"1", layer.request.tap.at.side == Tap::before ? "P W" : "W of the next layer times P^T",
                             "network,out,in"});
        std::vector<std::vector<double>> gamma;
        for (const Descrambling& d : items)
            gamma.push_back(d.solution.gamma);
        write_rows(at, "gamma", gamma, {"1", "eigenvalues of the Gram, descending", "network,n"});
        put("eta_raw", "smoothness functional at P = 1", [](const Descrambling& d) { return d.solution.eta_raw; });
        put("eta", "smoothness functional at P", [](const Descrambling& d) { return d.solution.eta; });
        put("eta_bound", "certified minimum over O(n)", [](const Descrambling& d) { return d.solution.eta_bound; });
        put("gap", "relative excess over the bound", [](const Descrambling& d) { return d.solution.gap; });
        put("offdiagonal", "off-diagonal measure of P G P^T in the stencil's basis",
            [](const Descrambling& d) { return d.solution.offdiagonal; });
        put("orthogonality", "largest entry of |P P^T - 1|",
            [](const Descrambling& d) { return d.solution.orthogonality; });
        put("rank", "components outside the null block", [](const Descrambling& d) { return d.solution.rank; });
        at.attribute("", "layer", static_cast<std::int64_t>(layer.request.tap.at.layer));
        at.attribute("", "tap", std::string(to_string(layer.request.tap.at.side)));
        at.attribute("", "criterion", std::string(to_string(layer.request.criterion)));
        at.attribute("", "stencil", std::string(to_string(layer.request.stencil)));
        at.attribute("", "method", std::string("closed"));
        at.attribute("", "samples", static_cast<std::int64_t>(items.front().samples));
    }
}

void write_readings(const Hdf5Group& root, const StudyData& study) {
    for (const StudyGroup& group : study.groups) {
        const auto& items = group.readings;
        if (items.empty())
            continue;
        const Hdf5Group at = root.create_group("analysis/" + group.name);
        const auto rows = [&](const char* name, std::vector<double> NetworkReading::*field, const Label& label) {
            write_rows(at, name, rows_of(items, field), label);
        };
        const auto stack = [&](const char* name, Matrix<double> NetworkReading::*field, const Label& label) {
            write_stack<float>(at, name, matrices_of(items, field), label);
        };
        rows("gain", &NetworkReading::gain, {"1", "H(k) = ||W1 e_k||", "network,bin"});
        rows("centroid", &NetworkReading::centroid, {"bin", "c(k), link centroid of each input bin", "network,bin"});
        rows("jacobian_peak_nm", &NetworkReading::jacobian_peak_nm,
             {"nm", "output distance that answers to each input distance", "network,distance"});
        rows("singular_1", &NetworkReading::singular_1, {"1", "singular values of W1", "network,n"});
        rows("singular_2", &NetworkReading::singular_2, {"1", "singular values of W2", "network,n"});
        stack("spectrum_raw", &NetworkReading::spectrum_raw, {"1", "folded |FFT2| of W1", "network,link,bin"});
        stack("spectrum_descrambled", &NetworkReading::spectrum_descrambled,
              {"1", "folded |FFT2| of P W1", "network,link,bin"});
        stack("jacobian_response", &NetworkReading::jacobian_response,
              {"1", "response of the output distances to an oscillation of each distance", "network,out,in"});
        if (!group.trained()) {  // the first of each kind of control, for the pictures
            const auto first = [&](const char* name, const StudyLayer* layer, const Label& label) {
                if (layer != nullptr)
                    write_stack<float>(at, name, {&layer->networks.front().descrambled_weight}, label);
            };
            first("descrambled_1", group.find(1, Tap::before, Criterion::smoothness),
                  {"1", "P W1 of the first network", "network,link,time"});
            if (study.deep.layers.empty())
                first("descrambled_2", group.find(1, Tap::after, Criterion::joint),
                      {"1", "W2 P^T of the first network, joint criterion", "network,distance,link"});
        }
        stack("left_vectors", &NetworkReading::left_vectors,
              {"1", "left singular vectors of W2", "network,distance,j"});
        stack("right_vectors", &NetworkReading::right_vectors,
              {"1", "right singular vectors of W2 P^T", "network,link,j"});
        stack("link_gram_raw", &NetworkReading::link_gram_raw,
              {"1", "cosines between the link columns of W2", "network,link,link"});
        stack("link_gram_descrambled", &NetworkReading::link_gram_descrambled,
              {"1", "cosines between the link columns of W2 P^T", "network,link,link"});
    }
}

void write_pairs(const Hdf5Group& at, const std::vector<Alignment>& pairs, const std::string& axis) {
    if (pairs.empty())
        return;
    at.write("s", numbers_of(pairs, [](const Alignment& a) { return a.s; }), {"1", "pair Procrustes overlap", axis});
    at.write("s_octave", numbers_of(pairs, [](const Alignment& a) { return a.s_octave; }),
             {"1", "octave overlap", axis});
    at.write("s_nuc", numbers_of(pairs, [](const Alignment& a) { return a.s_nuc; }),
             {"1", "overlap over all of O(n)", axis});
    at.write("fft_correlation", numbers_of(pairs, [](const Alignment& a) { return a.fft_correlation; }),
             {"1", "correlation of folded |FFT2|", axis});
}

void write_alignment(const Hdf5Group& root, const StudyData& study) {
    const Hdf5Group at = root.create_group("alignment");
    for (const StudyGroup& group : study.groups) {
        if (group.trained())
            write_pairs(at.create_group("raw"), group.raw_pairs, "pair");
        if (!group.descrambled_pairs.empty())
            write_pairs(at.create_group(group.trained() ? "descrambled" : group.name), group.descrambled_pairs, "pair");
    }
    if (!study.against_shuffled.empty())
        write_pairs(at.create_group("against_shuffled"), study.against_shuffled, "trained x shuffled");
    write_relations(at, study);
}

}  // namespace

void write_study_file(const std::filesystem::path& path, const StudyData& study) {
    Hdf5File file = Hdf5File::create(path.string());
    const Hdf5Group& root = file.root();
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    root.attribute("", "configuration", to_toml(study.config));
    root.attribute("", "precision", study.config.precision);
    root.attribute("", "ranks", static_cast<std::int64_t>(study.ranks));
    write_networks(root, study);
    const Hdf5Group input = root.create_group("input");
    write_recipe(input, to_recipe(study.config.data));
    input.attribute("", "seed", static_cast<std::int64_t>(study.config.seed));
    study.task->write(root, study);
    write_training(root, study);
    write_layers(root, study);
    write_readings(root, study);
    write_alignment(root, study);
    write_deep(root, study);
    write_optimiser(root, study);
    const Hdf5Group timing = root.create_group("timing");
    for (const auto& [stage, seconds] : study.seconds)
        timing.attribute("", stage + "_seconds", seconds);
    timing.attribute("", "threads", static_cast<std::int64_t>(study.threads));
    file.commit();
}

}  // namespace descrambler
