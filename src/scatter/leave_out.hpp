// Heads of many groups left out in turn, from one factorisation a split.
#pragma once

#include <span>
#include <vector>

#include "descrambler/car.hpp"

namespace descrambler {

// The head of one split: standardised features, inverse, weights. Features are named by their rows in X.
class SplitHead {
public:
    // train [features left, samples], held likewise: raw. features: their names, ascending.
    SplitHead(Backend<double>& on, Matrix<double> train, const Matrix<double>& Y, Matrix<double> held,
              std::vector<Index> features, double lambda, CarMode mode);
    // Forgets these features, names of which some may be gone: downdates the inverse, or makes a new one where the
    // residual |A W - C| is above 1e-10 |C|.
    void remove(Backend<double>& on, std::span<const Index> features);
    // Weights [features, targets (1 + groups)]: with all, and without each group.
    [[nodiscard]] Matrix<double> weights(Backend<double>& on, std::span<const std::vector<Index>> groups) const;
    [[nodiscard]] const Matrix<double>& held() const { return held_; }  // standardised
    [[nodiscard]] const Matrix<double>& W() const { return W_; }
    [[nodiscard]] const std::vector<double>& intercept() const { return intercept_; }
    [[nodiscard]] const std::vector<Index>& features() const { return features_; }
    [[nodiscard]] Index refits() const { return refits_; }  // inverses made anew in remove

private:
    void solve(Backend<double>& on);  // B and W, or W alone, from A and C
    static constexpr double most_residual = 1e-10;
    [[nodiscard]] double residual(Backend<double>& on) const;

    std::vector<Index> features_;
    Matrix<double> held_, A_, B_, C_, W_;  // A = Z Z^T + lambda n I, B its inverse (exact mode alone), C = Z Y^T
    std::vector<double> intercept_;
    CarMode mode_;
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
    void fit(std::span<const Split> splits, const std::vector<Index>& features);
    void remove(std::span<const Index> features);
    // [splits]. groups: names of features, of which some may be gone.
    [[nodiscard]] std::vector<HeldOutSums> sums(std::span<const std::vector<Index>> groups) const;
    [[nodiscard]] const std::vector<Split>& splits() const { return splits_; }
    [[nodiscard]] Index refits() const;

private:
    [[nodiscard]] HeldOutSums block_sums(Backend<double>& on, Index split, const Matrix<double>& weights, Index first,
                                         Index count) const;

    const Matrix<double>& X_;
    const Targets& targets_;
    double lambda_;
    CarMode mode_;
    int threads_;
    std::vector<Split> splits_;
    std::vector<SplitHead> heads_;
};

}  // namespace descrambler
