#include "descrambler/pruning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/error.hpp"
#include "descrambler/random.hpp"
#include "scatter/leave_out.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

// ---- controls --------------------------------------------------------------------------------------------------------

std::vector<Index> random_order(Index groups, std::uint64_t seed, std::uint64_t draw) {
    require(groups > 0, "random_order: no group");
    std::vector<Index> order(at(groups));
    std::iota(order.begin(), order.end(), Index{0});
    RandomStream random(seed, stream::removal + draw);
    for (std::size_t i = order.size() - 1; i > 0; --i)
        std::swap(order[i], order[random.below(static_cast<std::uint32_t>(i + 1))]);
    return order;
}

std::vector<Index> energy_order(const Matrix<double>& X, const FeatureGroups& groups) {
    require(X.rows() == groups.features, "energy_order: the features of the groups");
    require_finite(X);
    std::vector<double> square(at(X.rows())), energy;
    for (Index j = 0; j < X.cols(); ++j)
        for (Index i = 0; i < X.rows(); ++i)
            square[at(i)] += X(i, j) * X(i, j);
    std::vector<Index> order;
    for (const std::vector<Index>& group : groups.members) {
        energy.push_back(0);
        for (const Index f : group)
            energy.back() += square[at(f)];
        order.push_back(std::ssize(order));
    }
    std::ranges::sort(order, [&](Index a, Index b) {
        return energy[at(a)] != energy[at(b)] ? energy[at(a)] < energy[at(b)] : a > b;
    });
    return order;
}

std::vector<CurvePoint> removal_curve(Backend<double>& on, const Matrix<double>& train, const Targets& train_targets,
                                      const Matrix<double>& test, const Targets& test_targets,
                                      const FeatureGroups& groups, std::span<const Index> order, double lambda) {
    require(train.rows() == groups.features && test.rows() == groups.features &&
                train.cols() == train_targets.Y.cols() && test.cols() == test_targets.Y.cols() &&
                train_targets.count() == test_targets.count(),
            "removal_curve: features of the groups, and targets of one kind for every sample");
    require_finite(train);
    require_finite(test);
    std::vector<Index> all(at(groups.features));
    std::iota(all.begin(), all.end(), Index{0});
    std::vector<Index> train_samples(at(train.cols())), test_samples(at(test.cols()));
    std::iota(train_samples.begin(), train_samples.end(), Index{0});
    std::iota(test_samples.begin(), test_samples.end(), Index{0});
    SplitHead head;
    head.fit(on, train.view(), train_samples, train_targets.Y, test.view(), test_samples, std::move(all), lambda,
             CarMode::exact);
    std::vector<CurvePoint> curve;
    for (Index removed = 0; removed <= std::ssize(order); ++removed) {
        if (removed > 0) {
            const Index group = order[at(removed - 1)];
            require(group >= 0 && group < groups.count(), "removal_curve: an order of the groups");
            head.remove(on, groups.members[at(group)]);
        }
        Matrix<double> P(test_targets.count(), test.cols());
        if (!head.features().empty())
            on.gemm(Op::transpose, Op::none, 1, head.W().view(), head.held(), 0, P.view());
        for (Index j = 0; j < P.cols(); ++j)
            for (Index i = 0; i < P.rows(); ++i)
                P(i, j) += head.intercept()[at(i)];
        curve.push_back({groups.count() - removed, std::ssize(head.features()), scores_of(P, test_targets)});
    }
    return curve;
}

// ---- the nested search -----------------------------------------------------------------------------------------------

namespace {

struct Part {
    Index family = 0, group = 0;
};

// The parts that may go: of no family the last one left.
std::vector<Part> parts_that_may_go(std::span<const NestedFamily> families,
                                    const std::vector<std::vector<bool>>& gone) {
    std::vector<Part> result;
    for (Index f = 0; f < std::ssize(families); ++f) {
        std::vector<Index> left;
        for (Index g = 0; g < families[at(f)].groups.count(); ++g)
            if (!gone[at(f)][at(g)])
                left.push_back(g);
        if (left.size() < 2)
            continue;
        if (families[at(f)].last_only)
            left.assign(1, left.back());
        for (const Index g : left)
            result.push_back({f, g});
    }
    return result;
}

// Mean held-out losses of all heads over all splits; the standard error is that of head 0.
std::vector<double> mean_losses(const std::vector<HeldOutSums>& sums, double& standard_error) {
    std::vector<double> loss(sums[0].loss.size());
    double samples = 0, squares = 0;
    for (const HeldOutSums& of : sums) {
        samples += static_cast<double>(of.samples);
        squares += of.squares[0];
        for (std::size_t h = 0; h < loss.size(); ++h)
            loss[h] += of.loss[h];
    }
    for (double& l : loss)
        l /= samples;
    const double variance = std::max(squares / samples - loss[0] * loss[0], 0.);
    standard_error = samples > 1 ? std::sqrt(variance / (samples - 1)) : 0;
    return loss;
}

}  // namespace

NestedSearch nested_search(const Matrix<double>& X, const Targets& targets, std::span<const NestedFamily> families,
                           std::span<const HoldOut> splits, const CarOptions& options) {
    require(!splits.empty() && X.cols() == targets.Y.cols(), "nested_search: splits, and as many targets as samples");
    NestedSearch result;
    Index parts = 0;
    for (const NestedFamily& family : families) {
        require(family.groups.features == X.rows(), "nested_search: the features of the groups");
        if (family.groups.count() == 0)
            throw InputError(family.name + ": expected groups of features, found none");
        parts += family.groups.count();
        result.gone.emplace_back(at(family.groups.count()));
    }
    require_finite(X);
    const double bytes = car_bytes(X.rows(), X.cols(), parts, targets.count(), std::ssize(splits));
    if (options.memory > 0 && bytes > options.memory)
        throw InputError("nested search: " + std::to_string(X.rows()) + " features of " + std::to_string(X.cols()) +
                         " samples take " + digits(bytes) + " bytes, expected at most " + digits(options.memory));
    result.features.resize(at(X.rows()));
    std::iota(result.features.begin(), result.features.end(), Index{0});
    LeaveOut heads(X, targets, options.lambda, options.mode, options.threads);
    heads.fit(splits, result.features);
    for (bool first = true;; first = false) {
        const std::vector<Part> may_go = parts_that_may_go(families, result.gone);
        std::vector<std::vector<Index>> groups;
        for (const Part& part : may_go)
            groups.push_back(families[at(part.family)].groups.members[at(part.group)]);
        double standard_error = 0;
        const std::vector<double> loss = mean_losses(heads.sums(groups), standard_error);
        if (first) {
            result.loss = loss[0];
            result.standard_error = standard_error;
        }
        if (may_go.empty())
            return result;
        constexpr double equal = 1e-10;  // of the loss: rounding must not choose
        const double least = *std::min_element(loss.begin() + 1, loss.end());
        std::size_t next = loss.size() - 1;
        while (loss[next] > least + equal * result.loss)
            --next;
        if (loss[next] > result.loss + result.standard_error)
            return result;
        const Part& part = may_go[next - 1];
        result.steps.push_back({part.family, part.group, loss[next]});
        result.gone[at(part.family)][at(part.group)] = true;
        heads.remove(groups[next - 1]);
        std::vector<Index> left;
        std::ranges::set_difference(result.features, groups[next - 1], std::back_inserter(left));
        result.features = std::move(left);
    }
}

}  // namespace descrambler
