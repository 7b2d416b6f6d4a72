#include "descrambler/ridge.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "descrambler/head_gradient.hpp"
#include "descrambler/random.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

// ---- targets and folds -----------------------------------------------------------------------------------------------

Targets class_targets(std::span<const Index> labels, Index samples, const std::string& name) {
    if (std::ssize(labels) != samples)
        throw InputError(name + ": expected " + std::to_string(samples) + " labels, one a sample, found " +
                         std::to_string(labels.size()));
    Index classes = 0;
    for (const Index label : labels) {
        if (label < 0 || label >= samples)
            throw InputError(name + ": expected classes 0, 1, .. below the number of samples, found " +
                             std::to_string(label));
        classes = std::max(classes, label + 1);
    }
    if (labels.empty() || std::ranges::all_of(labels, [&](Index label) { return label == labels[0]; }))
        throw InputError(name + ": expected two classes or more, found " + (labels.empty() ? "none" : "one"));
    Targets result{Matrix<double>(classes, samples), {labels.begin(), labels.end()}};
    for (Index i = 0; i < samples; ++i)
        result.Y(labels[at(i)], i) = 1;
    return result;
}

Targets real_targets(Matrix<double> Y, Index samples, const std::string& name) {
    if (Y.cols() != samples || Y.rows() < 1)
        throw InputError(name + ": expected one row or more of " + std::to_string(samples) + " samples, found " +
                         std::to_string(Y.rows()) + " of " + std::to_string(Y.cols()));
    if (!all_finite(Y.values()))
        throw InputError(name + ": expected finite numbers, found one that is not");
    return {std::move(Y), {}};
}

Targets targets_of(const Targets& all, std::span<const Index> samples) {
    Targets result{columns_of(all.Y.view(), samples), {}};
    if (all.classes())
        for (const Index i : samples)
            result.labels.push_back(all.labels[at(i)]);
    return result;
}

std::vector<HoldOut> folds_of(const Targets& targets, Index folds, std::uint64_t seed, std::uint64_t draw) {
    require(folds >= 2, "folds: two or more");
    const Index samples = targets.Y.cols();
    std::vector<std::vector<Index>> members(targets.classes() ? at(targets.count()) : 1);
    for (Index i = 0; i < samples; ++i)
        members[targets.classes() ? at(targets.labels[at(i)]) : 0].push_back(i);
    std::vector<Index> fold(at(samples));
    RandomStream random(seed, stream::folds + draw);
    Index next = 0;
    for (std::size_t c = 0; c < members.size(); ++c) {
        std::vector<Index>& of = members[c];
        if (std::ssize(of) < folds)
            throw InputError((targets.classes() ? "labels: class " + std::to_string(c) : std::string("targets")) +
                             ": expected at least " + std::to_string(folds) + " samples, one a fold, found " +
                             std::to_string(of.size()));
        for (std::size_t i = of.size() - 1; i > 0; --i)
            std::swap(of[i], of[random.below(static_cast<std::uint32_t>(i + 1))]);
        for (const Index i : of)
            fold[at(i)] = next++ % folds;
    }
    std::vector<HoldOut> result(at(folds));
    for (Index i = 0; i < samples; ++i)
        for (Index f = 0; f < folds; ++f)
            (fold[at(i)] == f ? result[at(f)].held : result[at(f)].train).push_back(i);
    return result;
}

HoldOut halves(const Targets& targets, std::uint64_t seed, std::uint64_t draw) {
    return folds_of(targets, 2, seed, draw)[0];
}

// ---- the head --------------------------------------------------------------------------------------------------------

Standardisation standardisation_of(const Matrix<double>& X) {
    return standardisation_of(X.view());
}

Matrix<double> standardise(const Standardisation& by, const Matrix<double>& X) {
    Matrix<double> Z = X;
    standardise_in_place(by, Z.view());
    return Z;
}

RidgeHead fit_ridge(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y, double lambda) {
    require(X.cols() == Y.cols() && X.cols() > 0 && lambda > 0,
            "fit_ridge: as many targets as samples, one or more, and lambda above 0");
    require_finite(X);
    RidgeHead head{standardisation_of(X), {}, {}, lambda};
    Matrix<double> centred = Y;
    head.intercept = centre(centred);
    head.W = ridge_weights(on, standardise(head.features, X), centred, lambda * static_cast<double>(X.cols()));
    return head;
}

Matrix<double> predict(Backend<double>& on, const RidgeHead& head, const Matrix<double>& X) {
    Matrix<double> result = multiply(on, Op::transpose, Op::none, head.W, standardise(head.features, X));
    for (Index j = 0; j < result.cols(); ++j)
        for (Index i = 0; i < result.rows(); ++i)
            result(i, j) += head.intercept[at(i)];
    return result;
}

std::vector<Index> classify(const Matrix<double>& outputs) {
    std::vector<Index> result;
    for (Index j = 0; j < outputs.cols(); ++j) {
        const std::span<const double> y = outputs.column(j);
        result.push_back(std::ranges::max_element(y) - y.begin());
    }
    return result;
}

namespace {

// -log softmax of the own class, without overflow.
double surprise(std::span<const double> outputs, Index own) {
    const double largest = *std::ranges::max_element(outputs);
    double sum = 0;
    for (const double y : outputs)
        sum += std::exp(y - largest);
    return std::log(sum) + largest - outputs[at(own)];
}

void score_classes(const Matrix<double>& predictions, const Targets& targets, HeadScores& scores) {
    const std::vector<Index> found = classify(predictions);
    std::vector<double> correct(at(targets.count())), members(at(targets.count()));
    for (Index j = 0; j < predictions.cols(); ++j) {
        const Index own = targets.labels[at(j)];
        members[at(own)] += 1;
        correct[at(own)] += found[at(j)] == own ? 1 : 0;
        scores.cross_entropy += surprise(predictions.column(j), own);
    }
    const double n = static_cast<double>(predictions.cols());
    scores.cross_entropy /= n;
    scores.accuracy = std::accumulate(correct.begin(), correct.end(), 0.) / n;
    for (std::size_t c = 0; c < correct.size(); ++c)
        scores.class_accuracy.push_back(members[c] > 0 ? correct[c] / members[c]
                                                       : std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

HeadScores scores_of(const Matrix<double>& predictions, const Targets& targets) {
    require(predictions.rows() == targets.Y.rows() && predictions.cols() == targets.Y.cols() && predictions.size() > 0,
            "scores: predictions of the shape of the targets");
    HeadScores scores;
    Matrix<double> centred = targets.Y;
    static_cast<void>(centre(centred));
    for (Index i = 0; i < centred.rows(); ++i) {
        double left = 0, all = 0;
        for (Index j = 0; j < centred.cols(); ++j) {
            const double missed = predictions(i, j) - targets.Y(i, j);
            left += missed * missed;
            all += centred(i, j) * centred(i, j);
        }
        scores.squared_loss += left / static_cast<double>(centred.cols());
        scores.r2 += all > 0 ? (1 - left / all) / static_cast<double>(centred.rows()) : 0;
    }
    if (targets.classes())
        score_classes(predictions, targets, scores);
    return scores;
}

ChosenLambda choose_lambda(const Matrix<double>& X, const Targets& targets, std::span<const double> candidates,
                           std::span<const HoldOut> splits, int threads) {
    require(!candidates.empty(), "choose_lambda: no candidate");
    ChosenLambda result;
    double best = std::numeric_limits<double>::infinity();
    for (const double lambda : candidates) {
        const double loss = held_out_loss(X, targets, lambda, splits, threads);
        result.losses.push_back(loss);
        if (loss < best || (loss == best && lambda > result.lambda)) {
            best = loss;
            result.lambda = lambda;
        }
    }
    return result;
}

// ---- the head of a stream --------------------------------------------------------------------------------------------

namespace {

// sum <- rho sum + the columns of A without their origin, which A loses.
void add_columns(Matrix<double>& A, const std::vector<double>& origin, double rho, std::vector<double>& sum) {
    for (double& s : sum)
        s *= rho;
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i) {
            A(i, j) -= origin[at(i)];
            sum[at(i)] += A(i, j);
        }
}

}  // namespace

RunningRidge::RunningRidge(Index features, Index targets, double rho)
    : G_(features, features), C_(features, targets), sum_x_(at(features)), sum_y_(at(targets)), rho_(rho) {
    require(features > 0 && targets > 0 && rho > 0 && rho <= 1, "RunningRidge: sizes, and 0 < rho <= 1");
}

void RunningRidge::add(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y) {
    require(X.rows() == G_.rows() && Y.rows() == C_.cols() && X.cols() == Y.cols() && X.cols() > 0,
            "RunningRidge: a batch of another shape");
    require_finite(X);
    Matrix<double> x = X, y = Y;
    if (origin_x_.empty()) {
        origin_x_ = centre(x);
        origin_y_ = centre(y);
        x = X;
        y = Y;
    }
    add_columns(x, origin_x_, rho_, sum_x_);
    add_columns(y, origin_y_, rho_, sum_y_);
    samples_ = rho_ * samples_ + static_cast<double>(X.cols());
    on.gram(x.view(), rho_, G_.view());
    on.gemm(Op::none, Op::transpose, 1, x.view(), y.view(), rho_, C_.view());
}

RidgeHead RunningRidge::head(Backend<double>& on, double lambda) const {
    require(samples_ > 0 && lambda > 0, "RunningRidge: a batch, and lambda above 0");
    constexpr double least =
        1e-12;  // as of standardisation_of; squares of numbers about an origin lose half of the digits
    const Index p = G_.rows(), targets = C_.cols();
    RidgeHead head{{std::vector<double>(at(p)), std::vector<double>(at(p)), 0}, C_, {}, lambda};
    Standardisation& by = head.features;
    for (Index i = 0; i < p; ++i) {
        const double off = sum_x_[at(i)] / samples_, square = G_(i, i) / samples_, variance = square - off * off;
        by.mean[at(i)] = origin_x_[at(i)] + off;
        const bool constant =
            variance <= 1e-15 * square || std::sqrt(variance) <= least * (std::abs(by.mean[at(i)]) + std::sqrt(square));
        by.scale[at(i)] = constant ? 0 : 1 / std::sqrt(variance);
        by.constant += constant ? 1 : 0;
    }
    Matrix<double> A(p, p);
    for (Index j = 0; j < p; ++j) {
        for (Index i = 0; i < p; ++i)
            A(i, j) = (G_(i, j) - sum_x_[at(i)] * sum_x_[at(j)] / samples_) * by.scale[at(i)] * by.scale[at(j)];
        A(j, j) += lambda * samples_;
    }
    for (Index t = 0; t < targets; ++t) {
        for (Index i = 0; i < p; ++i)
            head.W(i, t) = (C_(i, t) - sum_x_[at(i)] * sum_y_[at(t)] / samples_) * by.scale[at(i)];
        head.intercept.push_back(origin_y_[at(t)] + sum_y_[at(t)] / samples_);
    }
    on.cholesky_solve(A.view(), head.W.view());
    return head;
}

}  // namespace descrambler
