// What a study knows before it is written; shared by the files that compute it and the files that write it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/bandpass/frequency_response.hpp"
#include "analysis/deer/deep_findings.hpp"
#include "analysis/deer/findings.hpp"
#include "analysis/relaxometry/biexponential.hpp"
#include "descrambler/alignment.hpp"
#include "descrambler/clustering.hpp"
#include "descrambler/deer_database.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/filters.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/tikhonov.hpp"
#include "study/config.hpp"
#include "train/train.hpp"

namespace descrambler {

// One tap of every network of a group.
struct StudyLayer {
    std::string name;  // "layer_1_before_smoothness"
    DescrambleRequest request;
    std::vector<Descrambling> networks;
};

// The trained ensemble or one kind of control.
struct StudyGroup {
    std::string name;               // trained, untrained, shuffled, no_decay
    std::vector<Network> networks;  // condition after condition, as many of each
    std::vector<std::vector<double>> loss;
    std::vector<StudyLayer> layers;
    std::vector<NetworkReading> readings;          // empty where the findings do not apply
    std::vector<double> error_mean, error_median;  // relative, on the validation traces
    std::vector<Alignment> raw_pairs, descrambled_pairs;
    std::vector<BiexponentialReading> biexponential;  // relaxometry
    std::vector<double> error_ms;                     // the same, root mean square over samples and both times
    std::vector<ResponseReading> response;            // band-pass
};

// What the tasks other than DEER know beside their groups; one entry a condition where nothing else is said.
struct TaskData {
    std::vector<double> predict_the_mean;     // relative error
    std::vector<double> predict_the_mean_ms;  // relaxometry
    std::vector<CurveScore> curves;           // relaxometry: curves that no network has seen
    std::vector<std::vector<CurveScore>> components;
    std::vector<double> filter_error;           // band-pass: relative error of the ideal filter
    std::vector<Matrix<double>> example_input,  // [inputs, examples]
        example_target, example_output;         // [outputs, examples], output of the first network
    std::vector<double> axis;                   // ms, s
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
    std::vector<DeepTap> taps;  // one a tap, in the order of StudyGroup::layers
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

struct StudyExamples {  // columns are traces
    Matrix<double> trace, clean, target, mean, lower, upper, tikhonov;
};

struct StudyData {
    StudyConfig config;
    DeerTables tables;
    std::vector<StudyGroup> groups;      // trained first
    std::vector<double> ensemble_error;  // [validation] of the mean output
    double predict_the_mean = 0;
    TikhonovPeer peer;
    std::vector<double> peer_network_error;    // [networks] mean over the peer's traces
    std::vector<double> median_network_error;  // [traces] of the network of median error
    StudyExamples examples;
    Replica replica;
    TaskData task;
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

    [[nodiscard]] const StudyGroup& trained() const { return groups.front(); }
    [[nodiscard]] const StudyGroup* group(const std::string& name) const {
        for (const StudyGroup& g : groups)
            if (g.name == name)
                return &g;
        return nullptr;
    }
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

[[nodiscard]] bool is_deep(const StudyConfig& config);  // more than one hidden layer
// Fills study.deep, and the readings of the groups with what is defined at any depth.
void read_deep(StudyData& study, const FindingsLibrary& library, int threads);

class Hdf5Group;
// Fills study.optimiser where config.chart_iterations > 0.
void read_optimiser(StudyData& study, const Library& library, const Execution& execution);
void write_optimiser(const Hdf5Group& root, const StudyData& study);
void write_deep(const Hdf5Group& root, const StudyData& study);
void write_relations(const Hdf5Group& alignment, const StudyData& study);
void write_study_file(const std::filesystem::path& path, const StudyData& study);
[[nodiscard]] std::string summary_json(const StudyData& study);

}  // namespace descrambler
