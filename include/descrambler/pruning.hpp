// What a pruning order has to be compared with, and the reduction of an over-complete transform. Throws as car.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "descrambler/car.hpp"

namespace descrambler {

// ---- controls --------------------------------------------------------------------------------------------------------

// A random order of all groups (stream::removal + draw).
[[nodiscard]] std::vector<Index> random_order(Index groups, std::uint64_t seed, std::uint64_t draw);
// The weakest group first, of equal ones the highest number: the energy of a group is the mean square of its features,
// summed over them, X [features, samples] as the transform gives it.
[[nodiscard]] std::vector<Index> energy_order(const Matrix<double>& X, const FeatureGroups& groups);

struct CurvePoint {
    Index kept = 0;      // groups
    Index features = 0;  // that are left
    HeadScores test;     // of a head refitted on the whole training part
};
// The test scores with all groups and after each removal, in the order given: [1 + order], the last may keep none.
// Refitted by downdates of one inverse.
[[nodiscard]] std::vector<CurvePoint> removal_curve(Backend<double>& on, const Matrix<double>& train,
                                                    const Targets& train_targets, const Matrix<double>& test,
                                                    const Targets& test_targets, const FeatureGroups& groups,
                                                    std::span<const Index> order, double lambda = default_lambda);

// ---- the nested search -----------------------------------------------------------------------------------------------

// A family of parts of a transform: its orders, its scales, its angles. A part is a group of features.
struct NestedFamily {
    std::string name;
    FeatureGroups groups;
    bool last_only = false;  // orders, scales: only the last part that is left may go
};
struct NestedStep {
    Index family = 0, group = 0;
    double loss = 0;  // held out, after it went
};
struct NestedSearch {
    double loss = 0;            // held-out squared loss of everything
    double standard_error = 0;  // of that mean over the samples
    std::vector<NestedStep> steps;
    std::vector<std::vector<bool>> gone;  // [families][groups]
    std::vector<Index> features;          // that are left
};
// From everything down: of all parts that may go, the one goes without which the held-out squared loss over the splits is
// least (of equal ones the last family, the highest number), as long as that loss is at most the loss of everything plus
// one standard error. The last part of a family stays. The one-standard-error rule of Breiman et al., Classification and
// Regression Trees (1984), 3.4.3.
[[nodiscard]] NestedSearch nested_search(const Matrix<double>& X, const Targets& targets,
                                         std::span<const NestedFamily> families, std::span<const HoldOut> splits,
                                         const CarOptions& options = {});

}  // namespace descrambler
