#include "scatter/leave_out.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "descrambler/error.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

namespace {

// The places of names in an ascending list, without those that are not in it.
std::vector<Index> places(const std::vector<Index>& list, std::span<const Index> names) {
    std::vector<Index> result;
    for (const Index name : names) {
        const auto found = std::ranges::lower_bound(list, name);
        if (found != list.end() && *found == name)
            result.push_back(found - list.begin());
    }
    return result;
}

// 0 .. n - 1 without the ascending list `out`.
std::vector<Index> others(Index n, std::span<const Index> out) {
    std::vector<Index> result;
    std::size_t next = 0;
    for (Index i = 0; i < n; ++i) {
        if (next < out.size() && out[next] == i)
            ++next;
        else
            result.push_back(i);
    }
    return result;
}

// (B_gg)^-1 R_g.
Matrix<double> block_solve(Backend<double>& on, const Matrix<double>& B, Matrix<double> right,
                           std::span<const Index> g) {
    Matrix<double> block = part_of(B, g, g);
    on.cholesky_solve(block.view(), right.view());
    return right;
}

// W' = W - B_.g (B_gg)^-1 W_g into `to`; rows g are 0 whatever rounding leaves.
void leave_out(Backend<double>& on, const Matrix<double>& B, const Matrix<double>& W, std::span<const Index> g,
               Batch<double> to) {
    on.axpby(1, W.view(), 0, to);
    if (g.empty())
        return;
    const Matrix<double> M = block_solve(on, B, rows_of(W, g), g), columns = columns_of(B, g);
    on.gemm(Op::none, Op::none, -1, columns.view(), M.view(), 1, to);
    for (Index j = 0; j < to.cols; ++j)
        for (const Index i : g)
            to(i, j) = 0;
}

}  // namespace

Matrix<double> leave_out_weights(Backend<double>& on, const Matrix<double>& B, const Matrix<double>& W,
                                 std::span<const Index> g) {
    require(B.rows() == B.cols() && B.rows() == W.rows(), "leave_out_weights: shapes");
    Matrix<double> result(W.rows(), W.cols());
    leave_out(on, B, W, g, result.view());
    return result;
}

Matrix<double> leave_out_inverse(Backend<double>& on, const Matrix<double>& B, std::span<const Index> g) {
    require(B.rows() == B.cols(), "leave_out_inverse: a square matrix");
    const std::vector<Index> rest = others(B.rows(), g);
    Matrix<double> result = part_of(B, rest, rest);
    if (g.empty() || rest.empty())
        return result;
    const Matrix<double> across = part_of(B, g, rest);
    const Matrix<double> M = block_solve(on, B, across, g);
    on.gemm(Op::transpose, Op::none, -1, across.view(), M.view(), 1, result.view());
    return result;
}

// ---- one split -------------------------------------------------------------------------------------------------------

SplitHead::SplitHead(Backend<double>& on, Matrix<double> train, const Matrix<double>& Y, Matrix<double> held,
                     std::vector<Index> features, double lambda, CarMode mode)
    : features_(std::move(features)), held_(std::move(held)), mode_(mode) {
    const Standardisation by = standardisation_of(train);
    standardise_in_place(by, held_);
    standardise_in_place(by, train);
    Matrix<double> centred = Y;
    intercept_ = centre(centred);
    A_ = normal_matrix(on, train, lambda * static_cast<double>(train.cols()));
    C_ = multiply(on, Op::none, Op::transpose, train, centred);
    solve(on);
}

void SplitHead::solve(Backend<double>& on) {
    if (mode_ == CarMode::fast) {
        W_ = cholesky_solve(on, A_, C_);
        return;
    }
    B_ = inverse_by_halves(on, A_.view());
    W_ = multiply(on, Op::none, Op::none, B_, C_);
    if (residual(on) <= most_residual)
        return;
    B_ = cholesky_solve(on, A_, identity(A_.rows()));  // the condition is too bad for products
    W_ = multiply(on, Op::none, Op::none, B_, C_);
}

double SplitHead::residual(Backend<double>& on) const {
    Matrix<double> R = C_;
    on.gemm(Op::none, Op::none, 1, A_.view(), W_.view(), -1, R.view());
    const double size = frobenius(C_);
    return size > 0 ? frobenius(R) / size : 0;
}

void SplitHead::remove(Backend<double>& on, std::span<const Index> features) {
    const std::vector<Index> g = places(features_, features);
    if (g.empty())
        return;
    const std::vector<Index> rest = others(std::ssize(features_), g);
    std::vector<Index> names;
    for (const Index i : rest)
        names.push_back(features_[at(i)]);
    features_ = std::move(names);
    if (mode_ == CarMode::exact)
        B_ = leave_out_inverse(on, B_, g);
    held_ = rows_of(held_, rest);
    A_ = part_of(A_, rest, rest);
    C_ = rows_of(C_, rest);
    if (mode_ == CarMode::exact)
        W_ = multiply(on, Op::none, Op::none, B_, C_);
    if (mode_ == CarMode::fast || !(residual(on) <= most_residual)) {
        solve(on);
        ++refits_;
    }
}

Matrix<double> SplitHead::weights(Backend<double>& on, std::span<const std::vector<Index>> groups) const {
    const Index targets = W_.cols();
    Matrix<double> result(W_.rows(), targets * (1 + std::ssize(groups)));
    on.axpby(1, W_.view(), 0, result.view().columns(0, targets));
    for (std::size_t k = 0; k < groups.size(); ++k) {
        const Batch<double> to = result.view().columns(targets * static_cast<Index>(k + 1), targets);
        const std::vector<Index> g = places(features_, groups[k]);
        if (mode_ == CarMode::exact) {
            leave_out(on, B_, W_, g, to);
            continue;
        }
        on.axpby(1, W_.view(), 0, to);
        for (Index j = 0; j < targets; ++j)
            for (const Index i : g)
                to(i, j) = 0;
    }
    return result;
}

// ---- all splits ------------------------------------------------------------------------------------------------------

void LeaveOut::fit(std::span<const Split> splits, const std::vector<Index>& features) {
    splits_.assign(splits.begin(), splits.end());
    heads_.clear();
    const bool all = std::ssize(features) == X_.rows();
    const Matrix<double> left = all ? Matrix<double>() : rows_of(X_, features);  // gathered once for all splits
    const Matrix<double>& X = all ? X_ : left;
    std::vector<std::optional<SplitHead>> made(splits.size());
    parallel_items(std::ssize(splits), threads_, [&](Index s, Backend<double>& on) {
        const Split& split = splits_[at(s)];
        made[at(s)].emplace(on, columns_of(X, split.train), columns_of(targets_.Y, split.train),
                            columns_of(X, split.held), features, lambda_, mode_);
    });
    for (std::optional<SplitHead>& head : made)
        heads_.push_back(std::move(*head));
}

void LeaveOut::remove(std::span<const Index> features) {
    parallel_items(std::ssize(heads_), threads_,
                   [&](Index s, Backend<double>& on) { heads_[at(s)].remove(on, features); });
}

Index LeaveOut::refits() const {
    Index sum = 0;
    for (const SplitHead& head : heads_)
        sum += head.refits();
    return sum;
}

HeldOutSums LeaveOut::block_sums(Backend<double>& on, Index split, const Matrix<double>& weights, Index first,
                                 Index count) const {
    const SplitHead& head = heads_[at(split)];
    const Index targets = targets_.count(), heads = weights.cols() / targets;
    Matrix<double> P(weights.cols(), count);
    on.gemm(Op::transpose, Op::none, 1, weights.view(), head.held().view().columns(first, count), 0, P.view());
    HeldOutSums sums{Matrix<double>(targets, heads), std::vector<double>(at(heads)), std::vector<double>(at(heads)),
                     count};
    for (Index j = 0; j < count; ++j) {
        const Index sample = splits_[at(split)].held[at(first + j)];
        const double* y = targets_.Y.data() + sample * targets;
        for (Index h = 0; h < heads; ++h) {
            const double* p = P.data() + j * P.rows() + h * targets;
            double loss = 0;
            Index largest = 0;
            double most = p[0] + head.intercept()[0];
            for (Index t = 0; t < targets; ++t) {
                const double found = p[t] + head.intercept()[at(t)], missed = found - y[t];
                loss += missed * missed;
                if (found > most) {
                    most = found;
                    largest = t;
                }
                if (!targets_.classes())
                    sums.by_target(t, h) += missed * missed;
            }
            if (targets_.classes() && largest == targets_.labels[at(sample)])
                sums.by_target(largest, h) += 1;
            sums.loss[at(h)] += loss;
            sums.squares[at(h)] += loss * loss;
        }
    }
    return sums;
}

std::vector<HeldOutSums> LeaveOut::sums(std::span<const std::vector<Index>> groups) const {
    constexpr Index block = 256;  // samples, the same for any number of threads
    std::vector<Matrix<double>> weights(heads_.size());
    parallel_items(std::ssize(heads_), threads_,
                   [&](Index s, Backend<double>& on) { weights[at(s)] = heads_[at(s)].weights(on, groups); });
    struct Block {
        Index split, first, count;
    };
    std::vector<Block> blocks;
    for (Index s = 0; s < std::ssize(heads_); ++s)
        for (Index first = 0, held = std::ssize(splits_[at(s)].held); first < held; first += block)
            blocks.push_back({s, first, std::min(block, held - first)});
    std::vector<HeldOutSums> parts(blocks.size()), result(heads_.size());
    parallel_items(std::ssize(blocks), threads_, [&](Index b, Backend<double>& on) {
        const Block& of = blocks[at(b)];
        parts[at(b)] = block_sums(on, of.split, weights[at(of.split)], of.first, of.count);
    });
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        HeldOutSums& sum = result[at(blocks[b].split)];
        if (sum.samples == 0) {
            sum = std::move(parts[b]);
            continue;
        }
        for (std::size_t i = 0; i < parts[b].by_target.values().size(); ++i)
            sum.by_target.values()[i] += parts[b].by_target.values()[i];
        for (std::size_t h = 0; h < sum.loss.size(); ++h) {
            sum.loss[h] += parts[b].loss[h];
            sum.squares[h] += parts[b].squares[h];
        }
        sum.samples += parts[b].samples;
    }
    return result;
}

}  // namespace descrambler
