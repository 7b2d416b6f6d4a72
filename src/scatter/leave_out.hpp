// Heads of many groups left out in turn, from one factorisation a split.
#pragma once

#include <span>
#include <vector>

#include "descrambler/car.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

// The head of one split: standardised features, inverse, weights. Features are named by their rows in X.
class SplitHead {
public:
    // Some columns of train and of held [features left, samples], both raw. Y [targets, training samples].
    // features: the names of the rows, ascending. May be called again: memory is kept.
    void fit(Backend<double>& on, Batch<const double> train, std::span<const Index> train_samples,
             const Matrix<double>& Y, Batch<const double> held, std::span<const Index> held_samples,
             std::vector<Index> features, double lambda, CarMode mode);
    // Forgets these features, names of which some may be gone: downdates the inverse, or makes a new one where the
    // residual |A W - C| is above 1e-10 |C|.
    void remove(Backend<double>& on, std::span<const Index> features);
    // Weights [features, targets (1 + groups)]: with all, and without each group.
    Batch<const double> weights(Backend<double>& on, std::span<const std::vector<Index>> groups);
    [[nodiscard]] Batch<const double> weights() const { return weights_.view(); }  // as they were asked for last
    [[nodiscard]] Batch<const double> held() const { return held_.view(); }        // standardised
    [[nodiscard]] const Matrix<double>& W() const { return W_; }
    [[nodiscard]] const std::vector<double>& intercept() const { return intercept_; }
    [[nodiscard]] const std::vector<Index>& features() const { return features_; }
    [[nodiscard]] Index refits() const { return refits_; }  // inverses made anew in remove

private:
    void solve(Backend<double>& on);  // B and W, or W alone, from A and C
    static constexpr double most_residual = 1e-10;
    [[nodiscard]] double residual(Backend<double>& on) const;

    std::vector<Index> features_;
    Reused train_, held_, A_, B_, weights_;  // A = Z Z^T + lambda n I, B its inverse (exact mode alone)
    Matrix<double> C_, W_;                   // C = Z Y^T
    std::vector<double> intercept_;
    CarMode mode_ = CarMode::exact;
    Index refits_ = 0;
};

// Held-out sums of several heads on one split: head 0 is that of all groups.
struct HeldOutSums {
    Matrix<double> by_target;  // [targets, heads] correct samples of a class, or the squared residual of a target
    std::vector<double> loss, squares;  // [heads] sums over samples of the squared loss and of its square
    Index samples = 0;
};

// Everything that is asked of several splits at once.
class LeaveOut {
public:
    LeaveOut(const Matrix<double>& X, const Targets& targets, double lambda, CarMode mode, int threads)
        : X_(X), targets_(targets), lambda_(lambda), mode_(mode), threads_(threads) {}
    // features: ascending; in a later call some of those of the one before.
    void fit(std::span<const HoldOut> splits, const std::vector<Index>& features);
    void remove(std::span<const Index> features);
    // [splits]. groups: names of features, of which some may be gone.
    [[nodiscard]] std::vector<HeldOutSums> sums(std::span<const std::vector<Index>> groups);
    [[nodiscard]] const std::vector<HoldOut>& splits() const { return splits_; }
    [[nodiscard]] Index refits() const;

private:
    [[nodiscard]] HeldOutSums block_sums(Backend<double>& on, Index split, Index first, Index count) const;

    const Matrix<double>& X_;
    const Targets& targets_;
    double lambda_;
    CarMode mode_;
    int threads_;
    std::vector<HoldOut> splits_;
    std::vector<Index> features_;  // that are left, names of the rows of left_
    Matrix<double> left_;
    bool gathered_ = false;  // left_ is filled, otherwise all features are left
    std::vector<SplitHead> heads_;
};

}  // namespace descrambler
