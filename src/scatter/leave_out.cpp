#include "scatter/leave_out.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

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
Matrix<double> block_solve(Backend<double>& on, Batch<const double> B, Matrix<double> right, std::span<const Index> g) {
    Matrix<double> block = part_of(B, g, g);
    on.cholesky_solve(block.view(), right.view());
    return right;
}

// W' = W - B_.g (B_gg)^-1 W_g into `to`; rows g are 0 whatever rounding leaves.
void leave_out(Backend<double>& on, Batch<const double> B, const Matrix<double>& W, std::span<const Index> g,
               Batch<double> to) {
    on.axpby(1, W.view(), 0, to);
    if (g.empty())
        return;
    const Matrix<double> M = block_solve(on, B, rows_of(W.view(), g), g), columns = columns_of(B, g);
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
    leave_out(on, B.view(), W, g, result.view());
    return result;
}

Matrix<double> leave_out_inverse(Backend<double>& on, const Matrix<double>& B, std::span<const Index> g) {
    require(B.rows() == B.cols(), "leave_out_inverse: a square matrix");
    const std::vector<Index> rest = others(B.rows(), g);
    Matrix<double> result = part_of(B.view(), rest, rest);
    if (g.empty() || rest.empty())
        return result;
    const Matrix<double> across = part_of(B.view(), g, rest);
    const Matrix<double> M = block_solve(on, B.view(), across, g);
    on.gemm(Op::transpose, Op::none, -1, across.view(), M.view(), 1, result.view());
    return result;
}

// ---- one split -------------------------------------------------------------------------------------------------------

void SplitHead::fit(Backend<double>& on, Batch<const double> train, std::span<const Index> train_samples,
                    const Matrix<double>& Y, Batch<const double> held, std::span<const Index> held_samples,
                    std::vector<Index> features, double lambda, CarMode mode) {
    features_ = std::move(features);
    mode_ = mode;
    const Batch<double> Z = train_.shape(train.rows, std::ssize(train_samples)),
                        H = held_.shape(held.rows, std::ssize(held_samples)), A = A_.shape(train.rows, train.rows);
    copy_columns(train, train_samples, Z);
    copy_columns(held, held_samples, H);
    const Standardisation by = standardisation_of(Z);
    standardise_in_place(by, Z);
    standardise_in_place(by, H);
    Matrix<double> centred = Y;
    intercept_ = centre(centred);
    on.gram(Z, 0, A);
    for (Index i = 0; i < A.rows; ++i)
        A(i, i) += lambda * static_cast<double>(Z.cols);
    C_ = Matrix<double>(A.rows, Y.rows());
    on.gemm(Op::none, Op::transpose, 1, Z, centred.view(), 0, C_.view());
    solve(on);
}

void SplitHead::solve(Backend<double>& on) {
    const Batch<const double> A = std::as_const(A_).view();
    const Batch<double> B = B_.shape(A.rows, A.rows);
    on.axpby(1, A, 0, B);
    W_ = C_;
    if (mode_ == CarMode::fast) {
        on.cholesky_solve(B, W_.view());
        return;
    }
    invert_by_halves(on, B);
    on.gemm(Op::none, Op::none, 1, B, C_.view(), 0, W_.view());
    if (residual(on) <= most_residual)
        return;
    Matrix<double> factor(A.rows, A.rows), inverse = identity(A.rows);  // the condition is too bad for products
    on.axpby(1, A, 0, factor.view());
    on.cholesky_solve(factor.view(), inverse.view());
    on.axpby(1, inverse.view(), 0, B);
    on.gemm(Op::none, Op::none, 1, B, C_.view(), 0, W_.view());
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
    std::vector<Index> names, samples(at(held_.view().cols));
    for (const Index i : rest)
        names.push_back(features_[at(i)]);
    features_ = std::move(names);
    std::iota(samples.begin(), samples.end(), Index{0});
    held_.keep(rest, samples);
    A_.keep(rest, rest);
    C_ = rows_of(C_.view(), rest);
    if (mode_ == CarMode::fast) {
        solve(on);
        return;
    }
    const Batch<const double> B = std::as_const(B_).view();
    const Matrix<double> across = part_of(B, g, rest), M = block_solve(on, B, across, g);
    B_.keep(rest, rest);
    on.gemm(Op::transpose, Op::none, -1, across.view(), M.view(), 1, B_.view());
    W_ = Matrix<double>(C_.rows(), C_.cols());
    on.gemm(Op::none, Op::none, 1, B_.view(), C_.view(), 0, W_.view());
    if (residual(on) <= most_residual)
        return;
    solve(on);
    ++refits_;
}

Batch<const double> SplitHead::weights(Backend<double>& on, std::span<const std::vector<Index>> groups) {
    const Index targets = W_.cols();
    const Batch<double> result = weights_.shape(W_.rows(), targets * (1 + std::ssize(groups)));
    on.axpby(1, W_.view(), 0, result.columns(0, targets));
    for (std::size_t k = 0; k < groups.size(); ++k) {
        const Batch<double> to = result.columns(targets * static_cast<Index>(k + 1), targets);
        const std::vector<Index> g = places(features_, groups[k]);
        if (mode_ == CarMode::exact) {
            leave_out(on, B_.view(), W_, g, to);
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

void LeaveOut::fit(std::span<const HoldOut> splits, const std::vector<Index>& features) {
    splits_.assign(splits.begin(), splits.end());
    heads_.resize(splits.size());
    if (std::ssize(features) < X_.rows()) {  // gathered once for all splits, from what was left before
        left_ = gathered_ ? rows_of(left_.view(), places(features_, features)) : rows_of(X_.view(), features);
        gathered_ = true;
    }
    features_ = features;
    const Batch<const double> X = gathered_ ? std::as_const(left_).view() : X_.view();
    parallel_items(std::ssize(splits), threads_, [&](Index s, Backend<double>& on) {
        const HoldOut& split = splits_[at(s)];
        heads_[at(s)].fit(on, X, split.train, columns_of(targets_.Y.view(), split.train), X, split.held, features,
                          lambda_, mode_);
    });
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

HeldOutSums LeaveOut::block_sums(Backend<double>& on, Index split, Index first, Index count) const {
    const SplitHead& head = heads_[at(split)];
    const Batch<const double> weights = head.weights();
    const Index targets = targets_.count(), heads = weights.cols / targets;
    Matrix<double> P(weights.cols, count);
    on.gemm(Op::transpose, Op::none, 1, weights, head.held().columns(first, count), 0, P.view());
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

std::vector<HeldOutSums> LeaveOut::sums(std::span<const std::vector<Index>> groups) {
    constexpr Index block = 512;  // samples, the same for any number of threads
    parallel_items(std::ssize(heads_), threads_,
                   [&](Index s, Backend<double>& on) { static_cast<void>(heads_[at(s)].weights(on, groups)); });
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
        parts[at(b)] = block_sums(on, of.split, of.first, of.count);
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
