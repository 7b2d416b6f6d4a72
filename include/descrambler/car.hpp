// What groups of features are worth to a linear head, and which may go: CAR (classification accuracy reduction; Abbasi-
// Asl, Yu, arXiv 1705.07356) and RAR, the same of R^2 for real targets. Of the groups kept so far,
//   CAR(i) = accuracy(all) - accuracy(without group i),
// on held-out halves of new random splits, the restarts. A group is a filter of a scattering transform: the features of
// every path that contains it, so that a feature may belong to several groups, or to none and then always stays.
// A head is that of ridge.hpp; the mode says what "without" means:
//   exact: refitted, all from one inverse B = (Z Z^T + lambda n I)^-1 by  W' = W - B_.g (B_gg)^-1 W_g
//   fast:  the weights of the group are masked, W'_g = 0
// Throws InputError for groups and labels that do not fit, for features that are not finite, for a bank pruned to
// nothing and where a memory limit would be exceeded; std::invalid_argument for the rest.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "descrambler/ridge.hpp"

namespace descrambler {

struct FeatureGroups {
    Index features = 0;                       // of all groups and of none
    std::vector<std::vector<Index>> members;  // [groups], ascending
    [[nodiscard]] Index count() const { return static_cast<Index>(members.size()); }
};
// From the groups of each feature, in any order: filters[f] are those on the path of feature f. InputError for a number
// that is not below `groups`, and for no group or no feature.
[[nodiscard]] FeatureGroups groups_of_paths(std::span<const std::vector<Index>> filters, Index groups);
// The features of which no group is gone: what is left of a bank. gone [groups].
[[nodiscard]] std::vector<Index> features_left(const FeatureGroups& groups, const std::vector<bool>& gone);

// The weights without the features g: W' = W - B_.g (B_gg)^-1 W_g, 0 in the rows g. B [p, p], W = B C [p, targets].
[[nodiscard]] Matrix<double> leave_out_weights(Backend<double>& on, const Matrix<double>& B, const Matrix<double>& W,
                                               std::span<const Index> g);
// The inverse of the matrix without rows and columns g, from that of the whole: B_rr - B_rg (B_gg)^-1 B_gr.
[[nodiscard]] Matrix<double> leave_out_inverse(Backend<double>& on, const Matrix<double>& B, std::span<const Index> g);

enum class CarMode { exact, fast };
enum class CarScore { accuracy, loss };  // accuracy: R^2 of real targets
enum class CarSplits { fresh, kept };    // new halves before each removal, or the same in a whole run
[[nodiscard]] std::string to_string(CarMode mode);
[[nodiscard]] std::string to_string(CarScore score);

struct CarOptions {
    CarMode mode = CarMode::exact;
    CarScore score = CarScore::accuracy;
    CarSplits splits = CarSplits::fresh;
    Index restarts = 3;
    double lambda = default_lambda;
    std::uint64_t seed = 1;
    Index least = 1;                                             // groups that are left, 1 or more
    double tolerance = std::numeric_limits<double>::infinity();  // stops where the held-out accuracy would fall by more
    double memory = 0;                                           // bytes that it may take; 0: no limit
    int threads = 0;                                             // 0: all; the same bits for any number
};
// Bytes of one evaluation of all groups.
[[nodiscard]] double car_bytes(Index features, Index samples, Index groups, Index targets, Index restarts);

// Held-out scores of the groups kept, over all restarts. Accuracies are counts of correct samples over counts of
// samples, those of R^2 means over restarts. What is gone has NaN.
struct CarScores {
    CarMode mode = CarMode::exact;
    double accuracy = 0, loss = 0;         // of all groups kept
    std::vector<double> accuracy_without;  // [groups]
    std::vector<double> loss_without;      // [groups]
    std::vector<double> car;               // [groups] accuracy - accuracy_without, RAR of real targets
    std::vector<double> class_accuracy;    // [targets] of classes the share of their samples, of real ones R^2
    Matrix<double> class_car;              // [targets, groups]
    Index next = -1;                       // group that goes next
    [[nodiscard]] double loss_rise(Index group) const { return loss_without[static_cast<std::size_t>(group)] - loss; }
};
// next: the largest accuracy without it (score loss: the smallest loss), of equal ones the smallest loss, of equal ones
// the highest number. Accuracies of classes are compared as counts; losses and R^2 are equal within 1e-10 of the loss
// and of 1. gone [groups]: what went before. draw: number of the removal, which chooses the splits.
[[nodiscard]] CarScores car(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups,
                            const CarOptions& options, const std::vector<bool>& gone = {}, Index draw = 0);

struct Pruning {
    CarMode mode = CarMode::exact;
    CarScore score = CarScore::accuracy;
    std::vector<CarScores> steps;      // before each removal, and of what was left where the tolerance stopped
    std::vector<Index> removed, kept;  // groups, in the order in which they went, and ascending
};
// Greedy: the next group of CarScores goes until `least` are left, or until the accuracy without it is more than
// `tolerance` below that of all groups. With kept splits the inverses are downdated (leave_out_inverse) and made anew where
// the residual of the weights says so.
[[nodiscard]] Pruning prune(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups,
                            const CarOptions& options = {});

}  // namespace descrambler
