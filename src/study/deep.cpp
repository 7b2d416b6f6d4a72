// Networks with more than one hidden layer, layer by layer, together with every control.
#include <algorithm>

#include "analysis/deer/deep_findings.hpp"
#include "study/study_data.hpp"

namespace descrambler {

namespace {

Stencil stencil_of(const StudyData& study, Index width) {
    return make_stencil(*make_cpu_backend<double>(1), study.config.stencil, width);
}

// One item per network of the group, in parallel.
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
            const StudyLayer &after = group.layer(k - 1, Tap::after, Criterion::smoothness),
                             &before = group.layer(k, Tap::before, Criterion::smoothness);
            layer.embeddings.back() = over_networks<Embedding>(group, threads, [&](Backend<double>& on, std::size_t i) {
                return read_embedding(on, out, in, group.networks[i].layers[k - 1].weight,
                                      before.networks[i].solution.P, after.networks[i].solution.P);
            });
        }
        study.deep.layers.push_back(std::move(layer));
    }
}

}  // namespace

void read_deep(StudyData& study, const Matrix<double>& library_mean, int threads) {
    read_taps(study, library_mean, threads);
    read_layers(study, threads);
}

}  // namespace descrambler
