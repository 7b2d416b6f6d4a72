// A whole greedy run of CAR, as pruning a scattering transform of J = 3, L = 8 with four averages a path takes it: 24
// filters, 217 paths, 868 features; 3000 samples of 10 classes, 3 restarts.
#include <algorithm>
#include <cmath>

#include "bench.hpp"
#include "descrambler/car.hpp"

namespace descrambler::bench {
namespace {

constexpr Index scales = 3, angles = 8, averages = 4, classes = 10, samples = 3000, restarts = 3;

// Paths of order 0, 1, and 2 with the coarser scale second.
FeatureGroups filters_of_a_scattering() {
    const Index filters = scales * angles;
    std::vector<std::vector<Index>> paths(averages);
    for (Index i = 0; i < filters; ++i)
        paths.insert(paths.end(), averages, {i});
    for (Index i = 0; i < filters; ++i)
        for (Index j = (i / angles + 1) * angles; j < filters; ++j)
            paths.insert(paths.end(), averages, {i, j});
    return groups_of_paths(paths, filters);
}

// Normal features whose means depend on the class.
Matrix<double> features_of(const std::vector<Index>& labels, Index features) {
    Matrix<double> X(features, std::ssize(labels));
    const std::vector<double> noise = normals<double>(X.size(), 1), means = normals<double>(features * classes, 2);
    for (Index j = 0; j < X.cols(); ++j)
        for (Index i = 0; i < features; ++i)
            X(i, j) = noise[static_cast<std::size_t>(j * features + i)] +
                      .1 * means[static_cast<std::size_t>(labels[static_cast<std::size_t>(j)] * features + i)];
    return X;
}

// Of the Gram matrices, the inverses and the held-out predictions of a run.
cost::Cost work_of(const FeatureGroups& groups, const Pruning& run, bool kept_splits) {
    cost::Cost work;
    std::vector<bool> gone(groups.members.size());
    for (std::size_t step = 0; step < run.steps.size(); ++step) {
        const Index p = std::ssize(features_left(groups, gone));
        if (step == 0 || !kept_splits)
            work = work + cost::gram(p, samples / 2, 8) + cost::gemm(p, p, p, 8) * (2. / 3);
        work = work + cost::gemm((groups.count() - static_cast<Index>(step) + 1) * classes, samples / 2, p, 8);
        if (step < run.removed.size())
            gone[static_cast<std::size_t>(run.removed[step])] = true;
    }
    return work * static_cast<double>(restarts);
}

// The loss without the first group, by the block formula against a refit.
double residual_of(const Matrix<double>& X, const Targets& targets, const FeatureGroups& groups) {
    const CarScores found = car(X, targets, groups, {.restarts = 1});
    const auto on = make_cpu_backend<double>(1);
    std::vector<bool> gone(groups.members.size());
    gone[0] = true;
    const std::vector<Index> features = features_left(groups, gone);
    const HoldOut split = halves(targets, CarOptions{}.seed, 0);
    const auto part = [&](const std::vector<Index>& of) {
        Matrix<double> result(std::ssize(features), std::ssize(of));
        for (Index j = 0; j < result.cols(); ++j)
            for (Index i = 0; i < result.rows(); ++i)
                result(i, j) = X(features[static_cast<std::size_t>(i)], of[static_cast<std::size_t>(j)]);
        return result;
    };
    const RidgeHead head = fit_ridge(*on, part(split.train), targets_of(targets, split.train).Y);
    const HeadScores refit = scores_of(predict(*on, head, part(split.held)), targets_of(targets, split.held));
    return std::abs(found.loss_without[0] - refit.squared_loss) / refit.squared_loss;
}

void car_prune(benchmark::State& state) {
    const FeatureGroups groups = filters_of_a_scattering();
    std::vector<Index> labels;
    for (Index j = 0; j < samples; ++j)
        labels.push_back(j % classes);
    const Matrix<double> X = features_of(labels, groups.features);
    const Targets targets = class_targets(labels, samples);
    const bool kept = state.range(0) == 1;
    Pruning run;
    for (auto _ : state)
        run = prune(X, targets, groups,
                    {.splits = kept ? CarSplits::kept : CarSplits::fresh, .restarts = restarts, .threads = threads()});
    describe(state, {kept ? "car_prune_kept" : "car_prune", groups.features, samples, restarts, "f64",
                     work_of(groups, run, kept), residual_of(X, targets, groups)});
}
BENCHMARK(car_prune)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace descrambler::bench
