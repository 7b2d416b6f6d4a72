// The networks of a study against each other, controls included: how alike, how alike one network is to itself seen
// through another library, and which clusters they make.
#include <algorithm>
#include <cmath>

#include "descrambler/bootstrap.hpp"
#include "study/study_steps.hpp"

namespace descrambler {

namespace {

// Enough for a quantile of 5 %, whatever the size of the ensemble.
constexpr Index bootstrapped_networks = 32;

void measure_itself(StudyData& study, const Matrix<double>& library, int threads) {
    StudyRelations& relations = study.relations;
    if (study.config.bootstrap == 0)
        return;
    std::vector<Network> networks;
    std::vector<std::size_t> first;
    for (const StudyGroup& group : study.groups) {
        first.push_back(networks.size());
        const auto count = std::min(std::ssize(group.networks), bootstrapped_networks);
        networks.insert(networks.end(), group.networks.begin(), group.networks.begin() + count);
    }
    first.push_back(networks.size());
    const std::vector<std::vector<Alignment>> found = self_alignment(
        networks, library, study.trained().layers.front().request, study.config.bootstrap, study.config.seed, threads);
    for (std::size_t g = 0; g < study.groups.size(); ++g)
        relations.itself.emplace_back(found.begin() + static_cast<std::ptrdiff_t>(first[g]),
                                      found.begin() + static_cast<std::ptrdiff_t>(first[g + 1]));
    std::vector<double> s, picture;
    for (const std::vector<Alignment>& network : relations.itself.front())
        for (const Alignment& pair : network) {
            s.push_back(pair.s);
            picture.push_back(pair.fft_correlation);
        }
    relations.threshold = {lower_quantile(s, same_quantile), lower_quantile(picture, same_quantile)};
}

StudyClusters clusters_of(const Matrix<double>& s, const std::vector<Index>& group,
                          const std::optional<SameThreshold>& threshold) {
    Matrix<double> distance(s.rows(), s.cols());
    for (Index e = 0; e < s.size(); ++e)
        distance.data()[e] = 1 - s.data()[e];
    StudyClusters out;
    out.tree = average_linkage(distance);
    const auto partition = [&](double height) {
        Partition part;
        part.height = height;
        part.labels = cut(out.tree, height);
        part.silhouette = silhouette(distance, part.labels);
        part.purity = purity(part.labels, group);
        part.adjusted_rand = adjusted_rand(part.labels, group);
        return part;
    };
    out.by_gap = partition(largest_gap(out.tree));
    if (threshold)
        out.by_threshold = partition(1 - threshold->s);
    return out;
}

}  // namespace

std::vector<Index> Partition::sizes() const {
    std::vector<Index> count;
    for (const Index label : labels) {
        count.resize(std::max(count.size(), static_cast<std::size_t>(label + 1)));
        ++count[label];
    }
    std::ranges::sort(count, std::greater<>());
    return count;
}

void relate_networks(StudyData& study, const Matrix<double>& library, int threads) {
    StudyRelations& relations = study.relations;
    std::vector<Matrix<double>> weights;
    for (std::size_t g = 0; g < study.groups.size(); ++g) {
        if (study.groups[g].layers.empty())
            continue;
        for (const Descrambling& network : study.groups[g].layers.front().networks) {
            weights.push_back(network.descrambled_weight);
            relations.group.push_back(static_cast<Index>(g));
        }
    }
    const Stencil stencil =
        make_stencil(*make_cpu_backend<double>(1), study.config.stencil, study.config.hidden.front());
    const std::vector<Alignment> pairs = align_all(stencil, weights, threads, Scores::fine);
    const Index count = std::ssize(weights);
    relations.s = relations.picture = Matrix<double>(count, count);
    std::size_t at = 0;
    for (Index i = 0; i < count; ++i) {
        relations.s(i, i) = relations.picture(i, i) = 1;
        for (Index j = i + 1; j < count; ++j, ++at) {
            relations.s(i, j) = relations.s(j, i) = pairs[at].s;
            relations.picture(i, j) = relations.picture(j, i) = pairs[at].fft_correlation;
        }
    }
    measure_itself(study, library, threads);

    relations.all = clusters_of(relations.s, relations.group, relations.threshold);
    const Index trained = std::ssize(study.trained().networks);
    Matrix<double> within(trained, trained);
    for (Index j = 0; j < trained; ++j)
        for (Index i = 0; i < trained; ++i)
            within(i, j) = relations.s(i, j);
    relations.trained = clusters_of(within, std::vector<Index>(static_cast<std::size_t>(trained)), relations.threshold);
}

std::vector<SameFunction> same_function(const StudyData& study) {
    std::vector<SameFunction> result;
    const StudyRelations& relations = study.relations;
    const auto add = [&](const std::string& name, std::size_t a, std::size_t b) {
        SameFunction part{name, 0, 0, 0};
        for (Index i = 0; i < relations.s.rows(); ++i)
            for (Index j = i + 1; j < relations.s.rows(); ++j) {
                const auto low = static_cast<Index>(std::min(a, b)), high = static_cast<Index>(std::max(a, b));
                if (relations.group[i] != low || relations.group[j] != high)
                    continue;
                part.pairs += 1;
                part.s += relations.s(i, j) >= relations.threshold->s ? 1 : 0;
                part.picture += relations.picture(i, j) >= relations.threshold->picture ? 1 : 0;
            }
        if (part.pairs == 0)
            return;
        part.s /= static_cast<double>(part.pairs);
        part.picture /= static_cast<double>(part.pairs);
        result.push_back(part);
    };
    if (!relations.threshold)
        return result;
    for (std::size_t g = 0; g < study.groups.size(); ++g)
        add("within_" + study.groups[g].name, g, g);
    for (std::size_t g = 1; g < study.groups.size(); ++g)
        add("trained_against_" + study.groups[g].name, 0, g);
    return result;
}

// Reasonable structure by Kaufman and Rousseeuw (1990): a silhouette above 0.5; and clusters further apart than one
// network from itself.
std::optional<bool> clusters_are_real(const StudyRelations& relations) {
    if (!relations.threshold)
        return {};
    const Partition& part = relations.trained.by_gap;
    const auto count = std::ssize(part.sizes());
    return count >= 2 && part.height > 1 - relations.threshold->s && part.silhouette > 0.5;
}

void align_groups(StudyData& study, int threads) {
    const Index conditions = condition_count(study.config.data);
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, study.config.stencil, study.config.hidden.front());
    const auto raw = [](const StudyGroup& group) {
        std::vector<Matrix<double>> weights;
        for (const Network& network : group.networks)
            weights.push_back(network.layers.front().weight);
        return weights;
    };
    const auto descrambled = [](const StudyGroup& group) {
        std::vector<Matrix<double>> weights;
        if (!group.layers.empty())
            for (const Descrambling& network : group.layers.front().networks)
                weights.push_back(network.descrambled_weight);
        return weights;
    };
    const auto within = [&](const std::vector<Matrix<double>>& all) {  // networks of one condition with each other
        std::vector<Alignment> pairs;
        for (Index c = 0; c < conditions; ++c)
            for (const Alignment& pair : align_all(stencil, part_of(all, c, conditions), threads))
                pairs.push_back(pair);
        return pairs;
    };
    const auto between = [&](const std::vector<Matrix<double>>& a, const std::vector<Matrix<double>>& b) {
        std::vector<Alignment> pairs;
        for (Index c = 0; c < conditions; ++c)
            for (const Alignment& pair :
                 align_between(stencil, part_of(a, c, conditions), part_of(b, c, conditions), threads))
                pairs.push_back(pair);
        return pairs;
    };
    for (StudyGroup& group : study.groups) {
        group.raw_pairs = within(raw(group));
        group.descrambled_pairs = within(descrambled(group));
    }
    const StudyGroup &trained = study.trained(), &untrained = study.group(GroupKind::untrained),
                     &shuffled = study.group(GroupKind::shuffled);
    study.against_shuffled = between(descrambled(trained), descrambled(shuffled));
    study.raw_against_shuffled = between(raw(trained), raw(shuffled));
    study.untrained_against_shuffled = between(descrambled(untrained), descrambled(shuffled));
}

}  // namespace descrambler
