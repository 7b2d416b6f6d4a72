// What a study knows before it is written; shared by the files that compute it and the files that write it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/deer/deep_findings.hpp"
#include "analysis/deer/findings.hpp"
#include "descrambler/alignment.hpp"
#include "descrambler/clustering.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/mlp.hpp"
#include "study/config.hpp"
#include "train/train.hpp"

namespace descrambler {

// One tap of every network of a group.
struct StudyLayer {
    std::string name;  // "layer_1_before_smoothness"
    DescrambleRequest request;
    std::vector<Descrambling> networks;
};

// The trained ensemble and each kind of control.
enum class GroupKind { trained, untrained, shuffled, no_decay };
inline constexpr std::array<GroupKind, 4> group_kinds = {GroupKind::trained, GroupKind::untrained, GroupKind::shuffled,
                                                         GroupKind::no_decay};
[[nodiscard]] std::string to_string(GroupKind kind);

struct StudyGroup {
    GroupKind kind = GroupKind::trained;
    std::string name;               // to_string(kind)
    std::vector<Network> networks;  // condition after condition, as many of each
    std::vector<std::vector<double>> loss;
    std::vector<StudyLayer> layers;
    std::vector<NetworkReading> readings;          // empty where the findings do not apply
    std::vector<double> error_mean, error_median;  // relative, on the validation samples
    std::vector<Alignment> raw_pairs, descrambled_pairs;

    [[nodiscard]] bool trained() const { return kind == GroupKind::trained; }
    // nullptr where it was not descrambled
    [[nodiscard]] const StudyLayer* find(Index layer, Tap tap, Criterion criterion) const;
    // Throws std::invalid_argument where it was not descrambled.
    [[nodiscard]] const StudyLayer& layer(Index layer, Tap tap, Criterion criterion) const;
};

// All networks of a study, trained and controls, by their descrambled first layers.
inline constexpr double same_quantile = 0.05;
struct SameThreshold {  // lower same_quantile over the trained networks and their pairs of replicates
    double s = 0, picture = 0;
};
struct Partition {
    double height = 0;  // of the cut, in 1 - s
    std::vector<Index> labels;
    double silhouette = 0, purity = 0, adjusted_rand = 0;  // the last two against the groups of the study
    [[nodiscard]] std::vector<Index> sizes() const;        // of the clusters, descending
};
struct StudyClusters {
    Dendrogram tree;
    Partition by_gap;
    std::optional<Partition> by_threshold;
};
struct StudyRelations {
    std::vector<Index> group;                                 // [all] number of the group
    Matrix<double> s, picture;                                // [all, all], 1 on the diagonal; picture: fft_correlation
    std::vector<std::vector<std::vector<Alignment>>> itself;  // [group][network][pair of replicates]
    std::optional<SameThreshold> threshold;                   // without bootstrap: none
    StudyClusters all, trained;
};
struct SameFunction {  // share of pairs at or above the threshold
    std::string name;  // within_trained, ..., trained_against_shuffled, ...
    Index pairs = 0;
    double s = 0, picture = 0;
};

// Networks with more than one hidden layer. The outer vectors run over the groups of the study.
struct DeepTap {
    DescrambleRequest request;
    std::vector<std::vector<TapReading>> groups;       // [group][network]
    std::vector<std::vector<double>> within, against;  // [group][pair] s among themselves, trained against the group
};
struct DeepLayer {
    Index layer = 0, outputs = 0, inputs = 0;
    std::vector<std::vector<double>> rank;           // [group][network] effective rank of W_K
    std::vector<std::vector<Embedding>> embeddings;  // [group][network], empty for the first and the last layer
};
struct StudyDeep {              // empty for one hidden layer
    std::vector<DeepTap> taps;  // one per tap, in the order of StudyGroup::layers
    std::vector<DeepLayer> layers;
};

// The published optimiser on the first layer, before the activation, and ours from the same start, the identity.
struct OptimiserReading {
    double gap = 0, eta_ratio = 0;  // of the published one after config.chart_iterations; eta_ratio = eta / eta*
    double fft_correlation = 0;     // of its picture with that of the minimiser, folded |FFT2| of P W1
    std::vector<double> chart;      // its gap after 0, 1, ... iterations
    std::vector<double> recentred;  // gap of ours by iteration
    Index evaluations = 0;          // of the published one
    Index to_gap = 0, to_stop = 0;  // evaluations of ours to a gap of 1e-6, and to its own test
    double recentred_gap = 0;
};
struct StudyOptimiser {
    std::vector<std::vector<OptimiserReading>> groups;  // [group][network]; empty: left out
    Matrix<double> spectrum;                            // folded |FFT2| of the published P W1, first trained network
    std::vector<double> pair_correlation;               // of the published pictures of trained networks, pairs i < j
};

class TaskStudy;

struct StudyData {
    explicit StudyData(StudyConfig of = {});
    ~StudyData();
    StudyData(StudyData&&) noexcept;
    StudyData& operator=(StudyData&&) noexcept;

    StudyConfig config;
    std::array<StudyGroup, 4> groups;    // in the order of group_kinds
    std::unique_ptr<TaskStudy> task;     // what only this task knows
    std::vector<double> ensemble_error;  // [validation] of the mean output
    double predict_the_mean = 0;         // relative error
    std::vector<Alignment> against_shuffled, raw_against_shuffled, untrained_against_shuffled;
    StudyRelations relations;
    StudyDeep deep;
    StudyOptimiser optimiser;
    std::vector<std::vector<TapSums>> inputs;  // sums over the library of a condition that serve the first layer
    std::vector<FindingRow> findings;
    std::string device;
    int threads = 0, ranks = 1;
    double trained_samples = 0;  // controls included
    std::map<std::string, double> seconds;

    [[nodiscard]] StudyGroup& group(GroupKind kind) { return groups[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const StudyGroup& group(GroupKind kind) const { return groups[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const StudyGroup& trained() const { return group(GroupKind::trained); }
    [[nodiscard]] double samples_per_network() const;  // that each trained network saw
    [[nodiscard]] double samples_per_control() const;  // that each control with shuffled targets or without decay saw
    [[nodiscard]] bool verdicts_withheld() const;      // fewer than the task's rule asks for
};

// The networks of a group that belong to a condition: first, count.
[[nodiscard]] std::pair<std::size_t, std::size_t> range_of(std::size_t items, Index condition, Index conditions);
// The part of one value a network that belongs to a condition.
template <class T>
[[nodiscard]] std::vector<T> part_of(const std::vector<T>& items, Index condition, Index conditions) {
    const auto [first, count] = range_of(items.size(), condition, conditions);
    return {items.begin() + static_cast<Index>(first), items.begin() + static_cast<Index>(first + count)};
}

// Fills study.relations; library [features, N] is that of the analysis.
void relate_networks(StudyData& study, const Matrix<double>& library, int threads);
[[nodiscard]] std::vector<SameFunction> same_function(const StudyData& study);  // empty without a threshold
// Whether the trained networks fall into clusters that are further apart than one network from itself.
[[nodiscard]] std::optional<bool> clusters_are_real(const StudyRelations& relations);

// Fills study.deep; library_mean is the mean input of the analysis library.
void read_deep(StudyData& study, const Matrix<double>& library_mean, int threads);

class Hdf5Group;
// Fills study.optimiser where config.chart_iterations > 0.
void read_optimiser(StudyData& study, const Library& library, const Execution& execution);
void write_optimiser(const Hdf5Group& root, const StudyData& study);
void write_deep(const Hdf5Group& root, const StudyData& study);
void write_relations(const Hdf5Group& alignment, const StudyData& study);
void write_study_file(const std::filesystem::path& path, const StudyData& study);
[[nodiscard]] std::string summary_json(const StudyData& study);

}  // namespace descrambler
