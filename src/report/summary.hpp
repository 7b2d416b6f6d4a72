// summary.json as the page needs it: read once, checked, with the order of the findings as in the file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace descrambler {

struct Range {  // over the networks of a group
    double median = 0, min = 0, max = 0;
};
using MaybeRange = std::optional<Range>;  // absent: not measured

enum class Badge { discriminating, not_discriminating, not_reproduced, withheld };

struct FindingLine {
    std::string name, unit, claim, reading, verdict;
    bool invariant = false;
    MaybeRange raw, descrambled, untrained, shuffled, no_decay;
    Badge badge = Badge::not_reproduced;
};

struct LayerLine {
    std::string layer, tap, criterion, stencil, method;
    MaybeRange eta_raw, eta, eta_bound, gap, offdiagonal, orthogonality, rank;
};

struct ExtraLine {
    std::string name;
    MaybeRange trained, untrained, shuffled, no_decay;
};

// A label and what stands beside it, in the order of the file: for tables of plain values.
using Values = std::vector<std::pair<std::string, std::string>>;

struct MeanMedian {
    std::optional<double> mean, median;
};

struct Peer {
    MeanMedian relative_error;
    MaybeRange network_relative_error, ratio;
    std::optional<double> lambda_interior, traces;
    Values lambda_quantiles;
};

using Groups = std::map<std::string, MaybeRange>;  // trained, untrained, shuffled, no_decay

// One condition of a task that has several; what its task does not have is absent.
struct ConditionLine {
    std::string name, words;
    std::optional<double> predict_the_mean, predict_the_mean_ms, filter_error;
    Groups relative_error, error_ms;
    std::map<std::string, std::map<std::string, Groups>> r2;  // vector, half
    std::vector<std::pair<std::string, MaybeRange>> curves;   // principal components
};

// alignment.threshold, .same_function and .clusters
struct ShareLine {
    std::string name;
    double pairs = 0;
    double s = 0, picture = 0;  // share of the pairs that reach the threshold
};
struct PartitionLine {
    double clusters = 0;
    std::vector<double> sizes;
    std::optional<double> height, silhouette, purity, adjusted_rand;
};
struct Relations {
    std::optional<double> threshold, threshold_picture;
    double quantile = 0, replicates = 0;
    MaybeRange itself_s;  // trained networks
    std::vector<ShareLine> shares;
    std::optional<PartitionLine> all_by_gap, all_by_threshold, trained_by_gap, trained_by_threshold;
    std::optional<bool> trained_real;
};

// deep: networks with more than one hidden layer
using Ranges = std::map<std::string, MaybeRange>;  // by group, or by kind of pair
struct DeepTapLine {
    std::string layer, tap, criterion;
    Ranges eta_gain_db, gap, rank, compactness_raw, compactness, s;
};
struct DeepLayerLine {
    std::string layer, outputs, inputs;
    Ranges effective_rank;
    std::map<std::string, Ranges> embedding;  // diagonal, permutation, order; empty for the first and the last layer
};
struct DeepNumberLine {
    std::string name, unit;
    Ranges groups;
};
struct Deep {
    std::vector<DeepTapLine> taps;
    std::vector<DeepLayerLine> layers;
    std::vector<DeepNumberLine> network;
};

// optimiser: the published optimiser beside ours
struct OptimiserSummary {
    double iterations = 0;
    std::map<std::string, Ranges> groups;  // by number: gap, eta_ratio, ..., then by group
    MaybeRange pair_correlation;
};

struct Summary {
    std::string task = "deer";
    std::string title;  // empty: none was given
    std::string version, commit, device, precision, seed, ranks, networks, configuration;
    MeanMedian relative_error;
    std::optional<double> ensemble_relative_error, shuffled_relative_error, predict_the_mean, samples_per_network;
    std::optional<Peer> peer;
    std::vector<LayerLine> layers;
    std::vector<FindingLine> findings;
    bool verdicts_withheld = false;  // networks or controls were trained on fewer samples than the thresholds assume
    std::optional<double> samples_needed;                               // so many
    std::optional<double> control_samples_needed, samples_per_control;  // the same of controls that are trained
    std::vector<ExtraLine> extras;
    std::map<std::string, std::map<std::string, MaybeRange>> alignment;  // comparison, score
    std::optional<Relations> relations;
    std::optional<Deep> deep;
    std::optional<OptimiserSummary> optimiser;
    Values controls, timing;
    std::vector<ConditionLine> conditions;                   // of tasks that have some
    std::vector<std::pair<std::string, MaybeRange>> curves;  // relaxometry: curves that no network has seen
};

// Tasks that have a page (task_report.cpp), for summaries and messages.
[[nodiscard]] bool is_reported(const std::string& task);
[[nodiscard]] std::string reported_tasks();  // "deer", "relaxometry" or "bandpass"

// Throws InputError "FILE: field NAME: ..." for what is malformed or missing. `tikhonov`, `extras`, `alignment` and
// `timing` may be absent or null; single numbers may be null.
[[nodiscard]] Summary read_summary(const std::filesystem::path& path);

}  // namespace descrambler
