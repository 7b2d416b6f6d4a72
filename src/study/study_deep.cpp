// Networks with more than one hidden layer, layer by layer, with every control beside the ensemble.
#include <algorithm>

#include "analysis/deer/deep_findings.hpp"
#include "study/study_data.hpp"

namespace descrambler {

namespace {

Stencil stencil_of(const StudyData& study, Index width) {
    return make_stencil(*make_cpu_backend<double>(1), study.config.stencil, width);
}

// One item a network of the group, in parallel.
template <class Item, class F>
std::vector<Item> over_networks(const StudyGroup& group, int threads, F&& body) {
    std::vector<Item> items(group.networks.size());
    parallel_items(std::ssize(items), threads,
                   [&](Index i, Backend<double>& on) { items[i] = body(on, static_cast<std::size_t>(i)); });
    return items;
}

std::vector<double> scores(const std::vector<Alignment>& pairs) {
    std::vector<double> s;
    for (const Alignment& pair : pairs)
        s.push_back(pair.s);
    return s;
}

void read_taps(StudyData& study, const Matrix<double>& mean, int threads) {
    for (std::size_t t = 0; t < study.trained().layers.size(); ++t) {
        const DescrambleRequest& request = study.trained().layers[t].request;
        const Stencil stencil = stencil_of(study, study.trained().layers[t].networks.front().solution.P.rows());
        DeepTap tap{.request = request, .groups = {}, .within = {}, .against = {}};
        std::vector<std::vector<Matrix<double>>> rows;
        for (const StudyGroup& group : study.groups) {
            tap.groups.push_back(over_networks<TapReading>(group, threads, [&](Backend<double>& on, std::size_t i) {
                return read_tap(on, stencil, group.networks[i], request.tap, group.layers[t].networks[i].solution);
            }));
            rows.push_back(over_networks<Matrix<double>>(group, threads, [&](Backend<double>& on, std::size_t i) {
                return comparable_rows(on, group.networks[i], mean, request.tap,
                                       group.layers[t].networks[i].solution.P);
            }));
        }
        const bool comparable = rows.front().front().size() > 0;
        for (std::size_t g = 0; g < rows.size(); ++g) {
            tap.within.push_back(comparable ? scores(align_all(stencil, rows[g], threads, Scores::fine))
                                            : std::vector<double>());
            tap.against.push_back(comparable && g > 0
                                      ? scores(align_between(stencil, rows[0], rows[g], threads, Scores::fine))
                                      : std::vector<double>());
        }
        study.deep.taps.push_back(std::move(tap));
    }
}

// The smoothness solution of a tap, where the group has it.
const StudyLayer* solution_of(const StudyGroup& group, Index layer, Tap tap) {
    for (const StudyLayer& found : group.layers)
        if (found.request.tap.at.layer == layer && found.request.tap.at.side == tap &&
            found.request.criterion == Criterion::smoothness)
            return &found;
    return nullptr;
}

void read_layers(StudyData& study, int threads) {
    const std::vector<DenseLayer>& shape = study.trained().networks.front().layers;
    for (Index k = 1; k <= std::ssize(shape); ++k) {
        DeepLayer layer{.layer = k,
                        .outputs = shape[k - 1].weight.rows(),
                        .inputs = shape[k - 1].weight.cols(),
                        .rank = {},
                        .embeddings = {}};
        const bool inner = k > 1 && k < std::ssize(shape);
        const Stencil out = stencil_of(study, layer.outputs), in = inner ? stencil_of(study, layer.inputs) : Stencil();
        for (const StudyGroup& group : study.groups) {
            layer.rank.push_back(over_networks<double>(group, threads, [&](Backend<double>& on, std::size_t i) {
                return effective_rank(on, group.networks[i].layers[k - 1].weight);
            }));
            layer.embeddings.emplace_back();
            if (!inner || group.networks.empty())
                continue;
            const StudyLayer &after = *solution_of(group, k - 1, Tap::after),
                             &before = *solution_of(group, k, Tap::before);
            layer.embeddings.back() = over_networks<Embedding>(group, threads, [&](Backend<double>& on, std::size_t i) {
                return read_embedding(on, out, in, group.networks[i].layers[k - 1].weight,
                                      before.networks[i].solution.P, after.networks[i].solution.P);
            });
        }
        study.deep.layers.push_back(std::move(layer));
    }
}

}  // namespace

bool is_deep(const StudyConfig& config) {
    return config.task == Task::deer && config.hidden.size() > 1;
}

// What is read from traces and distances needs enough of both.
bool deep_findings_apply(const StudyConfig& config) {
    return is_deep(config) && config.data.times >= 64 && config.data.distances >= 32 && config.hidden.front() >= 16 &&
           config.hidden.back() >= 16;
}

void read_deep(StudyData& study, const FindingsLibrary& library, int threads) {
    read_taps(study, column_mean(library.input), threads);
    read_layers(study, threads);
    if (deep_findings_apply(study.config))
        for (StudyGroup& group : study.groups)
            group.readings = over_networks<NetworkReading>(group, threads, [&](Backend<double>& on, std::size_t i) {
                const bool drawn = study.config.stencil == StencilKind::fourier2;
                return read_deep_findings(on, study.tables, library, group.networks[i],
                                          drawn ? &group.layers.front().networks[i].solution : nullptr);
            });
}

}  // namespace descrambler
