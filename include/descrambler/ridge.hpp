// Linear heads: ridge regression on standardised features, its folds and its scores. A sample is a column everywhere:
// features X [features, samples], targets Y [targets, samples]. With the mean m and the deviation s of every feature
// over the training part, z = (x - m) / s, and ybar the mean of the targets,
//   W = (Z Z^T + lambda n I)^-1 Z (Y - ybar)^T,     prediction = ybar + W^T z:
// the intercept is not penalised. Standard ridge regression (Hoerl, Kennard, Technometrics 12 (1970) 55); for more
// features than samples the n x n form (Z^T Z + lambda n I)^-1 is used, which is the same W.
// Throws InputError for labels and targets that do not fit and for features that are not finite, std::invalid_argument
// for the rest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"

namespace descrambler {

// What a head learns: classes or real numbers.
struct Targets {
    Matrix<double> Y;           // [targets, samples]; of classes: 1 for the own one, 0 for the others
    std::vector<Index> labels;  // [samples], 0 .. classes - 1; empty for real targets
    [[nodiscard]] bool classes() const { return !labels.empty(); }
    [[nodiscard]] Index count() const { return Y.rows(); }
};
// labels 0, 1, ..: as many classes as the largest one says. InputError where there are not `samples` of them, for a
// label below 0 or not below the number of samples, and for a single class. `name` is told in the message.
[[nodiscard]] Targets class_targets(std::span<const Index> labels, Index samples, const std::string& name = "labels");
// InputError where Y has not `samples` columns, no row, or a number that is not finite.
[[nodiscard]] Targets real_targets(Matrix<double> Y, Index samples, const std::string& name = "targets");
[[nodiscard]] Targets targets_of(const Targets& all, std::span<const Index> samples);  // those of some samples

// ---- folds -----------------------------------------------------------------------------------------------------------

struct HoldOut {
    std::vector<Index> train, held;  // samples, ascending
};
// Every sample is held out once. The members of every class are shuffled (stream::folds + draw) and dealt in turn, and
// the next class begins where the last one ended: sizes differ by one at most, of folds and of a class in them. Real
// targets are one class. InputError for a class with fewer members than folds; folds >= 2.
[[nodiscard]] std::vector<HoldOut> folds_of(const Targets& targets, Index folds, std::uint64_t seed,
                                            std::uint64_t draw = 0);
[[nodiscard]] HoldOut halves(const Targets& targets, std::uint64_t seed, std::uint64_t draw);  // the first of two folds

// ---- the head --------------------------------------------------------------------------------------------------------

struct Standardisation {
    std::vector<double> mean;   // [features]
    std::vector<double> scale;  // [features] 1 / deviation; 0 for a constant feature, which so becomes 0
    Index constant = 0;         // features whose deviation is at most 1e-12 of their largest number
};
[[nodiscard]] Standardisation standardisation_of(const Matrix<double>& X);  // one sample or more
[[nodiscard]] Matrix<double> standardise(const Standardisation& by, const Matrix<double>& X);

struct RidgeHead {
    Standardisation features;
    Matrix<double> W;               // [features, targets], of standardised features
    std::vector<double> intercept;  // [targets]
    double lambda = 0;
};
inline constexpr double default_lambda = 1e-3;
// lambda > 0. Constant features get weight 0; head.features.constant tells how many.
[[nodiscard]] RidgeHead fit_ridge(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y,
                                  double lambda = default_lambda);
[[nodiscard]] Matrix<double> predict(Backend<double>& on, const RidgeHead& head, const Matrix<double>& X);

// The largest output of each sample, of equal ones the first: [samples].
[[nodiscard]] std::vector<Index> classify(const Matrix<double>& outputs);

struct HeadScores {
    double squared_loss = 0;             // mean over samples of |prediction - y|^2, the sum over targets
    double r2 = 0;                       // mean over targets of 1 - residual / variance; 0 for a constant target
    double accuracy = 0;                 // share of samples; classes alone, as what follows
    double cross_entropy = 0;            // mean of -log softmax(prediction) of the own class
    std::vector<double> class_accuracy;  // [classes]; NaN for a class without samples
};
[[nodiscard]] HeadScores scores_of(const Matrix<double>& predictions, const Targets& targets);

struct ChosenLambda {
    double lambda = 0;
    std::vector<double> losses;  // held-out, one a candidate
};
// The candidate of the lowest held-out squared loss over all splits, of equal ones the largest. candidates: > 0, one or
// more. The same bits for any number of threads (0: all).
[[nodiscard]] ChosenLambda choose_lambda(const Matrix<double>& X, const Targets& targets,
                                         std::span<const double> candidates, std::span<const HoldOut> splits,
                                         int threads = 0);

// Ridge regression of a stream of batches that forgets: with every batch all sums are multiplied by rho and those of
// the batch added,
//   n <- rho n + samples,  m <- rho m + sum x,  G <- rho G + X X^T,  C <- rho C + X Y^T,  likewise of Y,
// about the means of the first batch, so that little is lost where means are large. rho = 1: the head of fit_ridge on
// all batches, to rounding.
class RunningRidge {
public:
    RunningRidge(Index features, Index targets, double rho);  // 0 < rho <= 1
    void add(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y);
    [[nodiscard]] RidgeHead head(Backend<double>& on, double lambda = default_lambda) const;  // after the first batch
    [[nodiscard]] double samples() const { return samples_; }                                 // n

private:
    Matrix<double> G_, C_;                     // [features, features], [features, targets]
    std::vector<double> origin_x_, origin_y_;  // means of the first batch
    std::vector<double> sum_x_, sum_y_;
    double rho_ = 1, samples_ = 0;
};

}  // namespace descrambler
