#include "descrambler/car.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/error.hpp"
#include "scatter/leave_out.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

void check(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups, const CarOptions& options) {
    require(X.cols() == targets.Y.cols() && X.rows() == groups.features,
            "car: as many targets as samples, and the features of the groups");
    require(options.restarts > 0 && options.lambda > 0 && !(options.tolerance < 0), "car: restarts, lambda, tolerance");
    if (groups.count() == 0)
        throw InputError("pruning: expected groups of features, found none");
    if (options.least < 1 || options.least > groups.count())
        throw InputError("pruning: expected 1 to " + std::to_string(groups.count()) + " groups to be left, found " +
                         std::to_string(options.least));
    for (const std::vector<Index>& group : groups.members)
        require(std::ranges::adjacent_find(group, std::ranges::greater_equal{}) == group.end() &&
                    (group.empty() || (group.front() >= 0 && group.back() < groups.features)),
                "car: members of a group ascend and are features");
    require_finite(X);
    const double bytes = car_bytes(X.rows(), X.cols(), groups.count(), targets.count(), options.restarts);
    if (options.memory > 0 && bytes > options.memory)
        throw InputError("pruning: " + std::to_string(X.rows()) + " features of " + std::to_string(X.cols()) +
                         " samples take " + digits(bytes) + " bytes, expected at most " + digits(options.memory));
}

std::vector<HoldOut> splits_of(const Targets& targets, const CarOptions& options, Index draw) {
    std::vector<HoldOut> splits;
    const Index first = (options.splits == CarSplits::kept ? 0 : draw) * options.restarts;
    for (Index r = 0; r < options.restarts; ++r)
        splits.push_back(halves(targets, options.seed, static_cast<std::uint64_t>(first + r)));
    return splits;
}

// What the accuracies are made of, for every head (0: all groups).
struct Totals {
    Matrix<double> by_target;               // [targets, heads] correct samples of a class, or R^2
    std::vector<double> members;            // [targets] samples of a class, or 1
    std::vector<double> accuracy_of, loss;  // [heads] correct samples or R^2; mean loss
    double samples = 0;                     // that accuracy_of is a count of, or 1
};

Totals totals_of(const std::vector<HeldOutSums>& sums, const std::vector<HoldOut>& splits, const Targets& targets) {
    const Index count = targets.count(), heads = sums[0].by_target.cols();
    const double restarts = static_cast<double>(sums.size());
    Totals all{Matrix<double>(count, heads), std::vector<double>(at(count), targets.classes() ? 0 : 1),
               std::vector<double>(at(heads)), std::vector<double>(at(heads)), 0};
    double samples = 0;
    for (std::size_t r = 0; r < sums.size(); ++r) {
        samples += static_cast<double>(sums[r].samples);
        const Targets held = targets_of(targets, splits[r].held);
        for (const Index label : held.labels)
            all.members[at(label)] += 1;
        Matrix<double> centred = held.Y;
        static_cast<void>(centre(centred));
        for (Index t = 0; t < count; ++t) {
            double variance = 0;
            for (Index j = 0; j < centred.cols(); ++j)
                variance += centred(t, j) * centred(t, j);
            for (Index h = 0; h < heads; ++h) {
                if (targets.classes())
                    all.by_target(t, h) += sums[r].by_target(t, h);
                else if (variance > 0)
                    all.by_target(t, h) += (1 - sums[r].by_target(t, h) / variance) / restarts;
            }
        }
        for (Index h = 0; h < heads; ++h)
            all.loss[at(h)] += sums[r].loss[at(h)];
    }
    for (Index h = 0; h < heads; ++h) {
        all.loss[at(h)] /= samples;
        for (Index t = 0; t < count; ++t)
            all.accuracy_of[at(h)] += all.by_target(t, h) / (targets.classes() ? 1 : static_cast<double>(count));
    }
    all.samples = targets.classes() ? samples : 1;
    return all;
}

// The head whose removal costs least; heads 1 ... Equal within a part of the range: rounding must not choose.
std::size_t cheapest(const Totals& all, CarScore score, bool counts) {
    constexpr double equal = 1e-10;
    const auto best_loss = [&](const std::vector<std::size_t>& of) {
        double least = std::numeric_limits<double>::infinity();
        for (const std::size_t h : of)
            least = std::min(least, all.loss[h]);
        return least;
    };
    std::vector<std::size_t> candidates(all.loss.size() - 1);
    std::iota(candidates.begin(), candidates.end(), std::size_t{1});
    if (score == CarScore::accuracy) {
        double most = -std::numeric_limits<double>::infinity();
        for (const std::size_t h : candidates)
            most = std::max(most, all.accuracy_of[h]);
        std::erase_if(candidates, [&](std::size_t h) { return all.accuracy_of[h] < most - (counts ? 0 : equal); });
    }
    const double limit = best_loss(candidates) + equal * std::abs(all.loss[0]);
    std::erase_if(candidates, [&](std::size_t h) { return all.loss[h] > limit; });
    return candidates.back();
}

CarScores scores_from(const Totals& all, const Targets& targets, const std::vector<Index>& kept, Index groups,
                      const CarOptions& options) {
    const std::size_t n = at(groups);
    CarScores result;
    result.mode = options.mode;
    result.accuracy = all.accuracy_of[0] / all.samples;
    result.loss = all.loss[0];
    result.accuracy_without.assign(n, none);
    result.loss_without.assign(n, none);
    result.car.assign(n, none);
    result.class_car = Matrix<double>(targets.count(), groups);
    std::ranges::fill(result.class_car.values(), none);
    for (Index t = 0; t < targets.count(); ++t)
        result.class_accuracy.push_back(all.by_target(t, 0) / all.members[at(t)]);
    for (std::size_t k = 0; k < kept.size(); ++k) {
        const std::size_t i = at(kept[k]), h = k + 1;
        result.accuracy_without[i] = all.accuracy_of[h] / all.samples;
        result.loss_without[i] = all.loss[h];
        result.car[i] = result.accuracy - result.accuracy_without[i];
        for (Index t = 0; t < targets.count(); ++t)
            result.class_car(t, kept[k]) =
                result.class_accuracy[at(t)] - all.by_target(t, static_cast<Index>(h)) / all.members[at(t)];
    }
    result.next = kept[cheapest(all, options.score, targets.classes()) - 1];
    return result;
}

std::vector<Index> kept_groups(const std::vector<bool>& gone) {
    std::vector<Index> kept;
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (!gone[i])
            kept.push_back(static_cast<Index>(i));
    return kept;
}

CarScores evaluate(LeaveOut& heads, const Targets& targets, const FeatureGroups& groups, const std::vector<bool>& gone,
                   const CarOptions& options) {
    const std::vector<Index> kept = kept_groups(gone);
    std::vector<std::vector<Index>> members;
    for (const Index i : kept)
        members.push_back(groups.members[at(i)]);
    return scores_from(totals_of(heads.sums(members), heads.splits(), targets), targets, kept, groups.count(), options);
}

}  // namespace

// ---- groups ----------------------------------------------------------------------------------------------------------

FeatureGroups groups_of_paths(std::span<const std::vector<Index>> filters, Index groups) {
    if (groups < 1 || filters.empty())
        throw InputError("groups: expected one or more, of one feature or more, found " + std::to_string(groups) +
                         " of " + std::to_string(filters.size()));
    FeatureGroups result{std::ssize(filters), std::vector<std::vector<Index>>(at(groups))};
    for (std::size_t f = 0; f < filters.size(); ++f)
        for (const Index i : filters[f]) {
            if (i < 0 || i >= groups)
                throw InputError("groups: feature " + std::to_string(f) + ": expected a filter below " +
                                 std::to_string(groups) + ", found " + std::to_string(i));
            std::vector<Index>& members = result.members[at(i)];
            if (members.empty() || members.back() != static_cast<Index>(f))  // a path may contain a filter twice
                members.push_back(static_cast<Index>(f));
        }
    return result;
}

std::vector<Index> features_left(const FeatureGroups& groups, const std::vector<bool>& gone) {
    require(gone.size() == groups.members.size(), "features_left: one mark a group");
    std::vector<bool> out(at(groups.features));
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (gone[i])
            for (const Index f : groups.members[i])
                out[at(f)] = true;
    return kept_groups(out);
}

std::string to_string(CarMode mode) {
    return mode == CarMode::exact ? "exact" : "fast";
}
std::string to_string(CarScore score) {
    return score == CarScore::accuracy ? "accuracy" : "loss";
}

double car_bytes(Index features, Index samples, Index groups, Index targets, Index restarts) {
    const double p = static_cast<double>(features), n = static_cast<double>(samples),
                 heads = static_cast<double>((groups + 1) * targets);
    // what is left, and of every split its samples, the normal matrix, its inverse and what that takes, and weights
    return 8 * (p * n + static_cast<double>(restarts) * (p * n + 3 * p * p + p * heads));
}

// ---- CAR -------------------------------------------------------------------------------------------------------------

CarScores car(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups, const CarOptions& options,
              const std::vector<bool>& gone, Index draw) {
    check(X, targets, groups, options);
    const std::vector<bool> marks = gone.empty() ? std::vector<bool>(at(groups.count())) : gone;
    if (kept_groups(marks).empty())
        throw InputError("pruning: the bank is pruned to nothing, expected a group that is left");
    LeaveOut heads(X, targets, options.lambda, options.mode, options.threads);
    heads.fit(splits_of(targets, options, draw), features_left(groups, marks));
    return evaluate(heads, targets, groups, marks, options);
}

Pruning prune(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups, const CarOptions& options) {
    check(X, targets, groups, options);
    Pruning result{options.mode, options.score, {}, {}, {}};
    std::vector<bool> gone(at(groups.count()));
    LeaveOut heads(X, targets, options.lambda, options.mode, options.threads);
    for (Index left = groups.count(); left > options.least; --left) {
        const Index draw = std::ssize(result.removed);
        if (draw == 0 || options.splits == CarSplits::fresh)
            heads.fit(splits_of(targets, options, draw), features_left(groups, gone));
        else
            heads.remove(groups.members[at(result.removed.back())]);
        result.steps.push_back(evaluate(heads, targets, groups, gone, options));
        const CarScores& scores = result.steps.back();
        if (scores.accuracy_without[at(scores.next)] < result.steps[0].accuracy - options.tolerance)
            break;
        gone[at(scores.next)] = true;
        result.removed.push_back(scores.next);
    }
    result.kept = kept_groups(gone);
    return result;
}

}  // namespace descrambler
