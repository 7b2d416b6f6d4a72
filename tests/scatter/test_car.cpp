// What groups are worth: planted noise and duplicates, the block formula against refits, controls by hand.
#include "descrambler/car.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "descrambler/error.hpp"
#include "descrambler/head_gradient.hpp"
#include "descrambler/pruning.hpp"
#include "scatter/features.hpp"
#include "scatter/leave_out.hpp"

namespace descrambler {
namespace {

using namespace test;

constexpr double eps = std::numeric_limits<double>::epsilon();

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

FeatureGroups singles(Index features) {
    std::vector<std::vector<Index>> filters;
    for (Index f = 0; f < features; ++f)
        filters.push_back({f});
    return groups_of_paths(filters, features);
}

// A scattering in small: 4 filters, paths of order 0, 1 and 2 (j2 > j1), two averages a path: 22 features.
FeatureGroups small_scattering() {
    std::vector<std::vector<Index>> filters;
    for (const std::vector<Index>& path :
         std::vector<std::vector<Index>>{{}, {0}, {1}, {2}, {3}, {0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}})
        filters.insert(filters.end(), 2, path);
    return groups_of_paths(filters, 4);
}

struct Sample {
    Matrix<double> X;
    Targets targets;
};

// Means a H of features 0 .. 5 in four classes, H the balanced design of +-1 of 4 classes and 3 features, taken twice;
// then `noise` features of noise, then copies of features 0 .. copies - 1.
Sample balanced(double a, Index noise, Index copies, Index n, std::uint64_t seed) {
    constexpr double H[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}};
    const std::vector<Index> labels = cyclic_labels(4, n);
    const Matrix<double> own = normals(6 + noise, n, seed);
    Matrix<double> X(6 + noise + copies, n);
    for (Index j = 0; j < n; ++j) {
        for (Index i = 0; i < own.rows(); ++i)
            X(i, j) = own(i, j) + (i < 6 ? a * H[labels[at(j)]][i % 3] : 0);
        for (Index i = 0; i < copies; ++i)
            X(own.rows() + i, j) = X(i, j);
    }
    return {std::move(X), class_targets(labels, n)};
}

template <class Call>
std::string input_error(const Call& call) {
    try {
        call();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

class CarTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);

    // Held-out predictions of a head refitted without some features.
    [[nodiscard]] Matrix<double> refitted(const Sample& sample, const HoldOut& split,
                                          const std::vector<Index>& features, double lambda = default_lambda) const {
        const auto part = [&](const std::vector<Index>& samples) {
            Matrix<double> result(std::ssize(features), std::ssize(samples));
            for (Index j = 0; j < result.cols(); ++j)
                for (Index i = 0; i < result.rows(); ++i)
                    result(i, j) = sample.X(features[at(i)], samples[at(j)]);
            return result;
        };
        return predict(*on, fit_ridge(*on, part(split.train), targets_of(sample.targets, split.train).Y, lambda),
                       part(split.held));
    }
};

// ---- planted ---------------------------------------------------------------------------------------------------------

// 12 features, of which 6 are noise: how often all of these go first, of 40 seeds.
int noise_first(double a, Index restarts, CarScore score) {
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const Sample sample = balanced(a, 6, 0, 4000, seed);
        const Pruning pruning = prune(sample.X, sample.targets, singles(12),
                                      {.score = score, .restarts = restarts, .seed = seed, .least = 6, .threads = 1});
        found += std::ranges::all_of(pruning.removed, [](Index i) { return i >= 6; }) ? 1 : 0;
    }
    return found;
}

// 6 features, of which 3 are there twice: how often exactly one of each pair goes before any other.
int copies_first(double a, Index restarts, CarScore score) {
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const Sample sample = balanced(a, 0, 3, 4000, seed);
        const Pruning pruning = prune(sample.X, sample.targets, singles(9),
                                      {.score = score, .restarts = restarts, .seed = seed, .least = 6, .threads = 1});
        std::set<Index> pairs;
        for (const Index i : pruning.removed)
            if (i < 3 || i >= 6)
                pairs.insert(i % 6);
        found += pairs.size() == 3 ? 1 : 0;
    }
    return found;
}

TEST(CarPlanted, NoiseGoesFirst) {
    EXPECT_EQ(noise_first(.3, 1, CarScore::accuracy), 40);
    EXPECT_EQ(noise_first(.3, 5, CarScore::accuracy), 40);
    EXPECT_EQ(noise_first(.3, 5, CarScore::loss), 40);
}

// A single split of 4000 samples, scored by accuracy, reaches 39 of 40; restarts are what they are for.
TEST(CarPlanted, OneOfEachPairGoesFirst) {
    EXPECT_EQ(copies_first(.3, 5, CarScore::accuracy), 40);
    EXPECT_EQ(copies_first(.3, 5, CarScore::loss), 40);
}

// Where counts of correct samples are too coarse, their squared loss is not.
TEST(CarPlanted, LossFindsBothAtSmallerSeparation) {
    for (const Index restarts : {1, 5}) {
        EXPECT_EQ(noise_first(.2, restarts, CarScore::loss), 40);
        EXPECT_EQ(copies_first(.2, restarts, CarScore::loss), 40);
    }
    RecordProperty("accuracy_noise", noise_first(.2, 1, CarScore::accuracy));
    RecordProperty("accuracy_copies", copies_first(.2, 1, CarScore::accuracy));
}

// ---- the block formula -----------------------------------------------------------------------------------------------

TEST_F(CarTest, GroupsOfPathsOverlap) {
    const FeatureGroups groups = small_scattering();
    EXPECT_EQ(groups.features, 22);
    EXPECT_EQ(groups.members[1], (std::vector<Index>{4, 5, 10, 11, 16, 17, 18, 19}));
    EXPECT_EQ(features_left(groups, {false, true, false, true}), (std::vector<Index>{0, 1, 2, 3, 6, 7, 12, 13}));
    EXPECT_EQ(features_left(groups, {true, true, true, true}), (std::vector<Index>{0, 1}));
}

// W = B C, and without g the solution of the smaller system: rounding times the condition, at most 1 / lambda.
TEST_F(CarTest, BlockFormulaEqualsRefits) {
    const Index p = 22, n = 200;
    const Matrix<double> Z = normals(p, n, 1), Y = normals(4, n, 2), C = multiply(*on, Op::none, Op::transpose, Z, Y);
    Matrix<double> A = gram(*on, Z);
    for (Index i = 0; i < p; ++i)
        A(i, i) += default_lambda * n;
    const Matrix<double> B = cholesky_solve(*on, A, identity(p)), W = multiply(*on, Op::none, Op::none, B, C);
    for (const std::vector<Index>& g : small_scattering().members) {
        std::vector<Index> rest;
        for (Index i = 0; i < p; ++i)
            if (!std::ranges::binary_search(g, i))
                rest.push_back(i);
        Matrix<double> a(std::ssize(rest), std::ssize(rest)), c(std::ssize(rest), 4), without(p, 4);
        for (Index i = 0; i < a.rows(); ++i) {
            for (Index j = 0; j < a.rows(); ++j)
                a(i, j) = A(rest[at(i)], rest[at(j)]);
            for (Index t = 0; t < 4; ++t)
                c(i, t) = C(rest[at(i)], t);
        }
        const Matrix<double> w = cholesky_solve(*on, a, c);
        for (Index i = 0; i < a.rows(); ++i)
            for (Index t = 0; t < 4; ++t)
                without(rest[at(i)], t) = w(i, t);
        const Matrix<double> found = leave_out_weights(*on, B, W, g);
        EXPECT_LE(largest_difference(found, without), 1e3 * eps / default_lambda * largest(W));
        for (const Index i : g)
            EXPECT_EQ(found(i, 0), 0);
        EXPECT_LE(largest_difference(leave_out_inverse(*on, B, g), cholesky_solve(*on, a, identity(a.rows()))),
                  1e-10 * largest(B));
    }
}

// Sizes around and above one block. A and its inverse have norms of at most 10 and 1 / .01: rounding of sums of n products.
TEST_F(CarTest, InverseByHalvesIsAnInverse) {
    for (const Index n : {1, 128, 129, 301}) {
        const Matrix<double> Z = normals(n, 2 * n + 3, 1);
        Matrix<double> A = gram(*on, Z);
        for (double& a : A.values())
            a /= static_cast<double>(Z.cols());
        for (Index i = 0; i < n; ++i)
            A(i, i) += .01;
        Matrix<double> B = A;
        invert_by_halves(*on, B.view());
        EXPECT_LE(largest_difference(multiply(*on, Op::none, Op::none, A, B), identity(n)),
                  static_cast<double>(n) * 1e3 * eps);
        EXPECT_LE(largest_difference(B, transpose(B)), static_cast<double>(n) * 1e3 * eps);
    }
}

// Larger than one block of the inverse. The residual of an inverse is rounding times the condition, here below 868 / 1e-3,
// and of predictions what they are held to.
TEST_F(CarTest, BlocksOfAnInverseByHalvesEqualRefits) {
    const Index p = 300;
    const std::vector<Index> labels = cyclic_labels(4, 500);
    const Sample own{lifted(p, labels, 2, 9), class_targets(labels, 500)};
    Sample sample = own;
    for (Index j = 0; j < 500; ++j)  // neighbours are alike
        for (Index i = 1; i < p; ++i)
            sample.X(i, j) = sample.X(i - 1, j) + .1 * own.X(i, j);
    std::vector<std::vector<Index>> filters;
    for (Index f = 0; f < p; ++f)
        filters.push_back({f % 7});
    const FeatureGroups groups = groups_of_paths(filters, 7);
    const std::vector<bool> none(7);
    for (const Index g : {0, 3, 6}) {
        LeaveOut heads(sample.X, sample.targets, default_lambda, CarMode::exact, 1);
        const std::vector<HoldOut> splits{halves(sample.targets, 1, 0)};
        heads.fit(splits, features_left(groups, none));
        const std::vector<std::vector<Index>> out{groups.members[at(g)]};
        std::vector<bool> gone(7);
        gone[at(g)] = true;
        const HeadScores refit = scores_of(refitted(sample, splits[0], features_left(groups, gone)),
                                           targets_of(sample.targets, splits[0].held));
        const HeldOutSums found = heads.sums(out)[0];
        EXPECT_NEAR(found.loss[1] / static_cast<double>(found.samples), refit.squared_loss, 1e-10);
        heads.remove(groups.members[at(g)]);
        EXPECT_EQ(heads.refits(), 0);
        const std::vector<std::vector<Index>> nothing;
        const HeldOutSums downdated = heads.sums(nothing)[0];
        EXPECT_NEAR(downdated.loss[0] / static_cast<double>(found.samples), refit.squared_loss, 1e-10);
    }
}

// Accuracies are counts: equal where the predictions are, to 1e-10.
TEST_F(CarTest, CarIsTheDifferenceToARefit) {
    const FeatureGroups groups = small_scattering();
    const std::vector<Index> labels = cyclic_labels(5, 303);
    const Sample sample{lifted(22, labels, .8, 4), class_targets(labels, 303)};
    const CarOptions options{.restarts = 2, .seed = 7};
    const std::vector<bool> gone{false, false, true, false};
    const CarScores found = car(sample.X, sample.targets, groups, options, gone, 3);
    const auto accuracy_and_loss = [&](const std::vector<bool>& out) {
        double correct = 0, loss = 0, samples = 0;
        for (const std::uint64_t draw : {6, 7}) {
            const HoldOut split = halves(sample.targets, 7, draw);
            const Matrix<double> P = refitted(sample, split, features_left(groups, out));
            const HeadScores scores = scores_of(P, targets_of(sample.targets, split.held));
            correct += std::round(scores.accuracy * static_cast<double>(P.cols()));
            loss += scores.squared_loss * static_cast<double>(P.cols());
            samples += static_cast<double>(P.cols());
        }
        return std::pair{correct / samples, loss / samples};
    };
    const auto [accuracy, loss] = accuracy_and_loss(gone);
    EXPECT_EQ(found.accuracy, accuracy);
    EXPECT_NEAR(found.loss, loss, 1e-10 * loss);
    for (const Index i : {0, 1, 3}) {
        std::vector<bool> out = gone;
        out[at(i)] = true;
        const auto [without, loss_without] = accuracy_and_loss(out);
        EXPECT_EQ(found.accuracy_without[at(i)], without);
        EXPECT_EQ(found.car[at(i)], accuracy - without);
        EXPECT_NEAR(found.loss_without[at(i)], loss_without, 1e-10 * loss);
        EXPECT_EQ(found.loss_rise(i), found.loss_without[at(i)] - found.loss);
    }
    EXPECT_TRUE(std::isnan(found.car[2]) && std::isnan(found.loss_without[2]) && std::isnan(found.class_car(0, 2)));
    double mean = 0;  // of 303 samples over 5 classes: 61 or 60 each, held out 31 or 30
    for (const double of_class : found.class_accuracy)
        mean += of_class / 5;
    EXPECT_NEAR(mean, found.accuracy, .02);
}

TEST_F(CarTest, ClassWiseCarIsThatOfTheSamplesOfAClass) {
    // feature c alone tells class c from the rest
    const std::vector<Index> labels = cyclic_labels(4, 800);
    const Matrix<double> X = lifted(3, labels, 6, 5);
    const CarScores found = car(X, class_targets(labels, 800), singles(3), {.restarts = 2});
    EXPECT_GE(found.accuracy, .95);
    for (Index i = 0; i < 3; ++i) {
        // classes i and 3 look alike, and one of two alike is found: together they lose all samples of one class
        EXPECT_NEAR(found.class_car(i, i) + found.class_car(3, i), 1, .1);
        double sum = 0;
        for (Index c = 0; c < 4; ++c)
            sum += found.class_car(c, i) / 4;  // classes of equal size
        EXPECT_NEAR(sum, found.car[at(i)], 16 * eps);
        for (Index c = 0; c < 3; ++c)
            EXPECT_LE(std::abs(found.class_car(c, i)), c == i ? 1 : .05);
    }
}

// ---- RAR -------------------------------------------------------------------------------------------------------------

TEST_F(CarTest, RarIsTheFallOfR2) {
    const Matrix<double> X = normals(6, 400, 1), noise = normals(2, 400, 2);
    Matrix<double> Y(2, 400);
    for (Index j = 0; j < 400; ++j) {
        Y(0, j) = 2 * X(1, j) + .1 * noise(0, j);
        Y(1, j) = X(1, j) - .5 * X(4, j) + .1 * noise(1, j);
    }
    const Sample sample{X, real_targets(Y, 400)};
    const CarScores found = car(X, sample.targets, singles(6), {.restarts = 1, .seed = 3});
    const HoldOut split = halves(sample.targets, 3, 0);
    const Targets held = targets_of(sample.targets, split.held);
    const double r2 = scores_of(refitted(sample, split, {0, 1, 2, 3, 4, 5}), held).r2;
    EXPECT_NEAR(found.accuracy, r2, 1e-12);
    EXPECT_GE(r2, .98);
    EXPECT_NEAR(found.car[1], r2 - scores_of(refitted(sample, split, {0, 2, 3, 4, 5}), held).r2, 1e-12);
    EXPECT_NEAR(found.car[1], (1 + 1 / 1.25) / 2, .1);  // all of target 0, 4 / 5 of target 1
    EXPECT_NEAR(found.class_car(1, 4), .25 / 1.25, .1);
    const Pruning pruning = prune(X, sample.targets, singles(6));
    EXPECT_EQ(pruning.kept, std::vector<Index>{1});
    EXPECT_EQ(pruning.removed.back(), 4);
}

// ---- the greedy run --------------------------------------------------------------------------------------------------

TEST_F(CarTest, EqualGroupsGoByTheHighestNumber) {
    const Sample sample = balanced(.5, 0, 6, 4000, 1);  // 6 .. 11 are copies of 0 .. 5
    for (const CarScore score : {CarScore::accuracy, CarScore::loss}) {
        const Pruning pruning = prune(sample.X, sample.targets, singles(12), {.score = score, .least = 6});
        EXPECT_EQ(pruning.kept, (std::vector<Index>{0, 1, 2, 3, 4, 5}));
    }
}

// The same splits in a whole run: downdates of the first inverse against heads that are fitted anew.
TEST_F(CarTest, DowndatesEqualNewInverses) {
    const FeatureGroups groups = small_scattering();
    const std::vector<Index> labels = cyclic_labels(3, 240);
    const Matrix<double> X = lifted(22, labels, 1, 2);
    const Targets targets = class_targets(labels, 240);
    const CarOptions options{.splits = CarSplits::kept, .restarts = 2};
    const Pruning pruning = prune(X, targets, groups, options);
    ASSERT_EQ(pruning.steps.size(), 3u);
    std::vector<bool> gone(4);
    for (std::size_t s = 0; s < 3; ++s) {
        const CarScores anew = car(X, targets, groups, options, gone, static_cast<Index>(s));
        EXPECT_EQ(pruning.steps[s].accuracy, anew.accuracy);
        EXPECT_EQ(pruning.steps[s].next, anew.next);
        for (Index i = 0; i < 4; ++i)
            if (!gone[at(i)]) {
                EXPECT_EQ(pruning.steps[s].car[at(i)], anew.car[at(i)]);
                EXPECT_NEAR(pruning.steps[s].loss_without[at(i)], anew.loss_without[at(i)], 1e-10 * anew.loss);
            }
        gone[at(pruning.removed[s])] = true;
    }
    LeaveOut heads(X, targets, default_lambda, CarMode::exact, 1);
    heads.fit(folds_of(targets, 2, 1), features_left(groups, {false, false, false, false}));
    heads.remove(groups.members[2]);
    EXPECT_EQ(heads.refits(), 0);
}

// A ridge of 1e-13 and copies: the condition is 1e13, the downdate is worth nothing, and a new inverse is made.
TEST_F(CarTest, ADowndateThatLosesItsDigitsIsReplaced) {
    const Sample sample = balanced(.5, 4, 4, 200, 3);
    std::vector<Index> all(14);
    std::iota(all.begin(), all.end(), Index{0});
    LeaveOut heads(sample.X, sample.targets, 1e-13, CarMode::exact, 1);
    heads.fit(folds_of(sample.targets, 2, 1), all);
    heads.remove(std::vector<Index>{10, 11, 12, 13});
    EXPECT_EQ(heads.refits(), 2);
    const std::vector<std::vector<Index>> nothing;
    const HeldOutSums found = heads.sums(nothing)[0];
    const Matrix<double> P = refitted(sample, heads.splits()[0], {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1e-13);
    const double loss = scores_of(P, targets_of(sample.targets, heads.splits()[0].held)).squared_loss;
    EXPECT_NEAR(found.loss[0] / static_cast<double>(found.samples), loss, 1e-10 * loss);
}

TEST_F(CarTest, FastMasksTheWeights) {
    const std::vector<Index> labels = cyclic_labels(3, 150);
    const Sample sample{lifted(5, labels, 1, 6), class_targets(labels, 150)};
    const CarOptions options{.mode = CarMode::fast, .restarts = 1, .seed = 2};
    const CarScores found = car(sample.X, sample.targets, singles(5), options);
    EXPECT_EQ(found.mode, CarMode::fast);
    EXPECT_EQ(prune(sample.X, sample.targets, singles(5), options).mode, CarMode::fast);
    const HoldOut split = halves(sample.targets, 2, 0);
    Matrix<double> train(5, std::ssize(split.train)), held(5, std::ssize(split.held));
    for (Index j = 0; j < train.cols(); ++j)
        std::ranges::copy(sample.X.column(split.train[at(j)]), train.column(j).begin());
    for (Index j = 0; j < held.cols(); ++j)
        std::ranges::copy(sample.X.column(split.held[at(j)]), held.column(j).begin());
    for (Index i = 0; i < 5; ++i) {
        RidgeHead head = fit_ridge(*on, train, targets_of(sample.targets, split.train).Y);
        for (Index t = 0; t < 3; ++t)
            head.W(i, t) = 0;
        const HeadScores scores = scores_of(predict(*on, head, held), targets_of(sample.targets, split.held));
        EXPECT_EQ(found.accuracy_without[at(i)], scores.accuracy);
        EXPECT_NEAR(found.loss_without[at(i)], scores.squared_loss, 1e-10);
    }
}

// Of the last two filters only a path of both is left: without either there is the intercept alone.
TEST_F(CarTest, AGroupMayBeLeftWithoutFeatures) {
    const std::vector<std::vector<Index>> filters{{0, 1}, {0, 2}, {1, 2}, {0, 1}};
    const std::vector<Index> labels = cyclic_labels(2, 40);
    const Pruning found = prune(lifted(4, labels, 1, 1), class_targets(labels, 40), groups_of_paths(filters, 3));
    ASSERT_EQ(found.steps.size(), 2u);
    for (const Index i : {0, 1, 2})
        if (i != found.removed[0]) {
            EXPECT_DOUBLE_EQ(found.steps[1].loss_without[at(i)], .5);
        }
}

TEST_F(CarTest, ToleranceStopsTheRun) {
    const Sample sample = balanced(.5, 6, 0, 4000, 1);
    const Pruning pruning =
        prune(sample.X, sample.targets, singles(12), {.splits = CarSplits::kept, .seed = 4, .tolerance = .02});
    EXPECT_EQ(pruning.kept, (std::vector<Index>{0, 1, 2, 3, 4, 5}));
    ASSERT_EQ(pruning.steps.size(), 7u);  // the last one tells why it stopped
    const CarScores& last = pruning.steps.back();
    EXPECT_LT(last.accuracy_without[at(last.next)], pruning.steps[0].accuracy - .02);
}

TEST_F(CarTest, SameBitsForAnyNumberOfThreads) {
    const FeatureGroups groups = small_scattering();
    const std::vector<Index> labels = cyclic_labels(3, 900);
    const Matrix<double> X = lifted(22, labels, 1, 2);
    const Targets targets = class_targets(labels, 900);
    for (const CarSplits splits : {CarSplits::fresh, CarSplits::kept}) {
        const Pruning one = prune(X, targets, groups, {.splits = splits, .threads = 1});
        for (const int threads : {2, 3}) {
            const Pruning found = prune(X, targets, groups, {.splits = splits, .threads = threads});
            EXPECT_EQ(found.removed, one.removed);
            for (std::size_t s = 0; s < one.steps.size(); ++s) {
                EXPECT_EQ(found.steps[s].loss, one.steps[s].loss);
                for (Index i = 0; i < 4; ++i)
                    if (!std::isnan(one.steps[s].car[at(i)])) {
                        EXPECT_EQ(found.steps[s].car[at(i)], one.steps[s].car[at(i)]);
                        EXPECT_EQ(found.steps[s].loss_without[at(i)], one.steps[s].loss_without[at(i)]);
                    }
            }
        }
    }
}

TEST_F(CarTest, RefusesWhatCannotBePruned) {
    const Sample sample = balanced(.5, 6, 0, 100, 1);
    EXPECT_EQ(input_error([&] { (void)prune(sample.X, sample.targets, singles(12), {.least = 0}); }),
              "pruning: expected 1 to 12 groups to be left, found 0");
    EXPECT_EQ(input_error([&] { (void)car(sample.X, sample.targets, singles(12), {}, std::vector<bool>(12, true)); }),
              "pruning: the bank is pruned to nothing, expected a group that is left");
    EXPECT_EQ(input_error([&] {
                  (void)prune(sample.X, sample.targets, {12, {}});
              }),
              "pruning: expected groups of features, found none");
    EXPECT_EQ(input_error([&] { (void)prune(sample.X, sample.targets, singles(12), {.memory = 1e4}); }),
              "pruning: 12 features of 100 samples take 6.37e+04 bytes, expected at most 1e+04");
    EXPECT_EQ(input_error([&] {
                  const std::vector<std::vector<Index>> filters{{0}, {0, 2}};
                  (void)groups_of_paths(filters, 2);
              }),
              "groups: feature 1: expected a filter below 2, found 2");
}

// ---- controls and the nested search ----------------------------------------------------------------------------------

TEST_F(CarTest, RandomOrdersArePermutationsOfTheirSeed) {
    std::vector<Index> order = random_order(24, 1, 0);
    EXPECT_EQ(random_order(24, 1, 0), order);
    EXPECT_NE(random_order(24, 1, 1), order);
    EXPECT_NE(random_order(24, 2, 0), order);
    std::ranges::sort(order);
    for (Index i = 0; i < 24; ++i)
        EXPECT_EQ(order[at(i)], i);
}

TEST_F(CarTest, EnergyOrderByHand) {
    Matrix<double> X(4, 2);
    const std::vector<double> values{1, 3, 2, 0, 1, 3, -2, 0};  // squares of the features: 2, 18, 8, 0
    std::ranges::copy(values, X.data());
    const std::vector<std::vector<Index>> filters{{0}, {1}, {0, 2}, {3}};
    EXPECT_EQ(energy_order(X, groups_of_paths(filters, 4)), (std::vector<Index>{3, 2, 0, 1}));  // 10, 18, 8, 0
}

TEST_F(CarTest, CurveIsThatOfRefits) {
    const FeatureGroups groups = small_scattering();
    const std::vector<Index> labels = cyclic_labels(3, 240);
    const Sample sample{lifted(22, labels, 1, 2), class_targets(labels, 240)};
    const HoldOut split = folds_of(sample.targets, 3, 1)[0];
    const auto part = [&](const std::vector<Index>& samples) {
        Matrix<double> result(22, std::ssize(samples));
        for (Index j = 0; j < result.cols(); ++j)
            std::ranges::copy(sample.X.column(samples[at(j)]), result.column(j).begin());
        return result;
    };
    const std::vector<Index> order{2, 0, 3, 1};
    const Targets held = targets_of(sample.targets, split.held);
    const std::vector<CurvePoint> curve = removal_curve(*on, part(split.train), targets_of(sample.targets, split.train),
                                                        part(split.held), held, groups, order);
    ASSERT_EQ(curve.size(), 5u);
    std::vector<bool> gone(4);
    for (std::size_t k = 0; k < 5; ++k) {
        if (k > 0)
            gone[at(order[k - 1])] = true;
        const std::vector<Index> features = features_left(groups, gone);
        EXPECT_EQ(curve[k].kept, 4 - static_cast<Index>(k));
        EXPECT_EQ(curve[k].features, std::ssize(features));
        const HeadScores scores = scores_of(refitted(sample, split, features), held);
        EXPECT_EQ(curve[k].test.accuracy, scores.accuracy);
        EXPECT_NEAR(curve[k].test.squared_loss, scores.squared_loss, 1e-10);
    }
}

TEST_F(CarTest, CurveEndsWithTheInterceptAlone) {
    const Sample sample = balanced(1, 0, 0, 80, 1);
    const std::vector<Index> order{5, 4, 3, 2, 1, 0};
    const std::vector<CurvePoint> curve =
        removal_curve(*on, sample.X, sample.targets, sample.X, sample.targets, singles(6), order);
    EXPECT_EQ(curve.back().features, 0);
    EXPECT_DOUBLE_EQ(curve.back().test.squared_loss, .75);  // four classes of equal size: 9 / 16 + 3 / 16
    EXPECT_DOUBLE_EQ(curve.back().test.accuracy, .25);
}

// Orders 1, 2, 3 of three features each in three angles; what tells the classes lies in orders 1 and 2 of angle 0.
TEST_F(CarTest, NestedSearchKeepsTheOrdersAndAnglesThatMatter) {
    const std::vector<Index> labels = cyclic_labels(3, 300);
    Matrix<double> X = normals(9, 300, 1);
    for (Index j = 0; j < 300; ++j) {
        X(0, j) += labels[at(j)] == 0 ? 3 : 0;
        X(3, j) += labels[at(j)] == 1 ? 3 : 0;
    }
    const Targets targets = class_targets(labels, 300);
    NestedFamily orders{"orders", {9, {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}}}, true};
    const NestedFamily angles{"angles", {9, {{0, 3, 6}, {1, 4, 7}, {2, 5, 8}}}, false};
    const std::vector<NestedFamily> families{orders, angles};
    const std::vector<HoldOut> folds = folds_of(targets, 5, 1);
    const NestedSearch found = nested_search(X, targets, families, folds);
    EXPECT_EQ(found.features, (std::vector<Index>{0, 3}));
    EXPECT_EQ(found.gone[0], (std::vector<bool>{false, false, true}));
    EXPECT_EQ(found.gone[1], (std::vector<bool>{false, true, true}));
    EXPECT_NEAR(found.loss, held_out_loss(X, targets, default_lambda, folds), 1e-10);
    for (const NestedStep& step : found.steps)
        EXPECT_LE(step.loss, found.loss + found.standard_error);
    // with the first order worthless only the last one may be asked for, which is not: nothing of this family goes
    orders.groups.members = {{6, 7, 8}, {1, 2, 4, 5}, {0, 3}};
    const std::vector<NestedFamily> last{orders};
    EXPECT_TRUE(nested_search(X, targets, last, folds).steps.empty());
    orders.last_only = false;
    const std::vector<NestedFamily> any{orders};
    EXPECT_EQ(nested_search(X, targets, any, folds).features, (std::vector<Index>{0, 3}));
}

}  // namespace
}  // namespace descrambler
