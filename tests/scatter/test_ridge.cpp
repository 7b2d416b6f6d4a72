// Linear heads: by hand, by their normal equations, gradients by central differences.
#include "descrambler/ridge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/error.hpp"
#include "descrambler/head_gradient.hpp"
#include "scatter/features.hpp"

namespace descrambler {
namespace {

using namespace test;

constexpr double eps = std::numeric_limits<double>::epsilon();

class RidgeTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
};

template <class Call>
std::string input_error(const Call& call) {
    try {
        call();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

// x = 0, 2 has mean 1 and deviation 1, z = -1, 1; y = 1, 3: W = 2 / (2 + 2 lambda).
TEST_F(RidgeTest, ByHand) {
    Matrix<double> X(1, 2), Y(1, 2);
    X(0, 1) = 2;
    Y(0, 0) = 1;
    Y(0, 1) = 3;
    const RidgeHead head = fit_ridge(*on, X, Y, .25);
    EXPECT_DOUBLE_EQ(head.W(0, 0), .8);
    EXPECT_DOUBLE_EQ(head.intercept[0], 2);
    X(0, 0) = 4;
    EXPECT_DOUBLE_EQ(predict(*on, head, X)(0, 0), 2 + 3 * .8);
}

// The normal equations are left by rounding of sums of n products of standardised numbers, times |W| of order one.
TEST_F(RidgeTest, SolvesTheNormalEquationsWithMoreAndFewerFeaturesThanSamples) {
    for (const Index features : {7, 60}) {
        const Index n = 30;
        const Matrix<double> X = normals(features, n, 1), Y = normals(3, n, 2);
        const double lambda = .01;
        const RidgeHead head = fit_ridge(*on, X, Y, lambda);
        const Matrix<double> Z = standardise(standardisation_of(X), X);
        Matrix<double> A = gram(*on, Z), centred = Y;
        for (Index i = 0; i < features; ++i)
            A(i, i) += lambda * n;
        for (Index t = 0; t < 3; ++t) {
            double mean = 0;
            for (Index j = 0; j < n; ++j)
                mean += Y(t, j) / n;
            EXPECT_NEAR(head.intercept[static_cast<std::size_t>(t)], mean, n * eps);
            for (Index j = 0; j < n; ++j)
                centred(t, j) -= mean;
        }
        EXPECT_LE(largest_difference(multiply(*on, Op::none, Op::none, A, head.W),
                                     multiply(*on, Op::none, Op::transpose, Z, centred)),
                  static_cast<double>(features * n) * eps);
    }
}

TEST_F(RidgeTest, ConstantFeaturesBecomeZeroAndAreCounted) {
    Matrix<double> X = normals(4, 20, 3);
    for (Index j = 0; j < 20; ++j) {
        X(1, j) = .1;                             // 20 times .1 is not 2 in binary
        X(3, j) = 7 * (1 + (j % 2 ? 2e-16 : 0));  // constant but for rounding
    }
    const RidgeHead head = fit_ridge(*on, X, normals(2, 20, 4));
    EXPECT_EQ(head.features.constant, 2);
    for (const Index t : {0, 1}) {
        EXPECT_EQ(head.W(1, t), 0);
        EXPECT_EQ(head.W(3, t), 0);
        EXPECT_NE(head.W(0, t), 0);
    }
}

// An affine change of a feature changes nothing: rounding of the condition of the normal matrix, below 1 / lambda.
TEST_F(RidgeTest, IsInvariantToUnits) {
    Matrix<double> X = normals(5, 40, 5);
    const Matrix<double> Y = normals(1, 40, 6);
    const Matrix<double> before = predict(*on, fit_ridge(*on, X, Y), X);
    for (Index j = 0; j < 40; ++j)
        X(2, j) = 1e3 * X(2, j) + 1e4;
    const Matrix<double> after = predict(*on, fit_ridge(*on, X, Y), X);
    EXPECT_LE(largest_difference(before, after), 40 * 10 * eps / default_lambda);  // 10: mean over deviation
}

TEST_F(RidgeTest, ScoresByHand) {
    Matrix<double> P(2, 4);
    const std::vector<double> outputs{1, 0, .25, .75, 2, 1, .5, .5};
    std::ranges::copy(outputs, P.data());
    const HeadScores scores = scores_of(P, class_targets(std::vector<Index>{0, 1, 1, 0}, 4));
    EXPECT_EQ(classify(P), (std::vector<Index>{0, 1, 0, 0}));  // equal outputs: the first
    EXPECT_DOUBLE_EQ(scores.accuracy, .75);
    EXPECT_EQ(scores.class_accuracy, (std::vector<double>{1, .5}));
    EXPECT_DOUBLE_EQ(scores.squared_loss, (0 + .125 + 4 + .5) / 4);
    const double ce = std::log1p(std::exp(-1.)) + std::log1p(std::exp(-.5)) + std::log1p(std::exp(1.)) + std::log(2.);
    EXPECT_NEAR(scores.cross_entropy, ce / 4, 4 * eps);
    // both targets vary by 4 (1/2)^2 = 1; residuals .0625 + 4 + .25 and .0625 + 0 + .25
    EXPECT_DOUBLE_EQ(scores.r2, ((1 - 4.3125) + (1 - .3125)) / 2);
}

// ---- folds -----------------------------------------------------------------------------------------------------------

TEST_F(RidgeTest, FoldsHoldEverySampleOutOnceInBalance) {
    std::vector<Index> labels;
    for (Index c = 0; c < 4; ++c)
        labels.insert(labels.end(), static_cast<std::size_t>(7 + c), c);
    const Targets targets = class_targets(labels, std::ssize(labels));
    const std::vector<HoldOut> folds = folds_of(targets, 5, 9);
    std::vector<int> held(labels.size());
    for (const HoldOut& fold : folds) {
        EXPECT_TRUE(std::ranges::is_sorted(fold.train) && std::ranges::is_sorted(fold.held));
        EXPECT_EQ(fold.train.size() + fold.held.size(), labels.size());
        EXPECT_NEAR(static_cast<double>(fold.held.size()), 34 / 5., 1);
        std::vector<Index> of_class(4);
        for (const Index i : fold.held) {
            ++held[static_cast<std::size_t>(i)];
            ++of_class[static_cast<std::size_t>(labels[static_cast<std::size_t>(i)])];
        }
        for (Index c = 0; c < 4; ++c)
            EXPECT_NEAR(static_cast<double>(of_class[static_cast<std::size_t>(c)]), static_cast<double>(7 + c) / 5, 1);
    }
    EXPECT_EQ(held, std::vector<int>(labels.size(), 1));
    EXPECT_EQ(folds_of(targets, 5, 9)[2].held, folds[2].held);
    EXPECT_NE(folds_of(targets, 5, 10)[2].held, folds[2].held);
    EXPECT_NE(folds_of(targets, 5, 9, 1)[2].held, folds[2].held);
}

TEST_F(RidgeTest, RefusesLabelsAndTargetsThatDoNotFit) {
    using Labels = std::vector<Index>;
    EXPECT_EQ(input_error([] {
                  (void)class_targets(Labels{0, 1}, 3, "y.npy");
              }),
              "y.npy: expected 3 labels, one a sample, found 2");
    EXPECT_EQ(input_error([] {
                  (void)class_targets(Labels{1, 1, 1}, 3);
              }),
              "labels: expected two classes or more, found one");
    EXPECT_EQ(input_error([] {
                  (void)class_targets(Labels{0, -1}, 2);
              }),
              "labels: expected classes 0, 1, .. below the number of samples, found -1");
    EXPECT_EQ(input_error([] {
                  (void)class_targets(Labels{0, 99}, 2);
              }),
              "labels: expected classes 0, 1, .. below the number of samples, found 99");
    EXPECT_EQ(input_error([] {
                  (void)folds_of(class_targets(Labels{0, 0, 0, 0, 0, 1, 1}, 7), 5, 1);
              }),
              "labels: class 1: expected at least 5 samples, one a fold, found 2");
    EXPECT_EQ(input_error([] {
                  (void)folds_of(class_targets(Labels{0, 0, 2, 2}, 4), 2, 1);
              }),
              "labels: class 1: expected at least 2 samples, one a fold, found 0");
    EXPECT_EQ(input_error([] { (void)folds_of(real_targets(Matrix<double>(1, 3), 3), 5, 1); }),
              "targets: expected at least 5 samples, one a fold, found 3");
    EXPECT_EQ(input_error([] { (void)real_targets(Matrix<double>(1, 3), 4); }),
              "targets: expected one row or more of 4 samples, found 1 of 3");
    Matrix<double> X = normals(2, 5, 1);
    X(1, 3) = NAN;
    EXPECT_EQ(input_error([&] { (void)fit_ridge(*on, X, Matrix<double>(1, 5)); }),
              "features: expected finite numbers, found nan in feature 1 of sample 3");
}

// ---- gradients -------------------------------------------------------------------------------------------------------

// Largest relative difference of a gradient and central differences of `loss` at some places of A. A step of h leaves
// h^2 of the third derivative and eps / h of the loss: 1e-10 and 1e-11 for h = 1e-5, numbers of order one.
template <class Loss>
double gradient_error(const Loss& loss, Matrix<double>& A, const Matrix<double>& gradient) {
    constexpr double h = 1e-5;
    double worst = 0;
    for (Index k = 0; k < A.size(); k += 1 + A.size() / 60) {
        const double x = A.data()[k];
        A.data()[k] = x + h;
        const double above = loss();
        A.data()[k] = x - h;
        const double below = loss();
        A.data()[k] = x;
        worst = std::max(worst, std::abs((above - below) / (2 * h) - gradient.data()[k]));
    }
    return worst / largest(gradient);
}

TEST_F(RidgeTest, HeldOutGradientMatchesDifferences) {
    for (const Index features : {6, 40}) {  // fewer and more than the 24 samples of a training part
        const std::vector<Index> labels = cyclic_labels(3, 30);
        const Targets classes = class_targets(labels, 30), reals = real_targets(normals(2, 30, 7), 30);
        for (const Targets& targets : {classes, reals}) {
            Matrix<double> X = lifted(features, labels, .7, 8);
            const std::vector<HoldOut> folds = folds_of(targets, 5, 3);
            const FeatureGradient found = held_out_gradient(X, targets, 1e-2, folds);
            EXPECT_EQ(found.loss, held_out_loss(X, targets, 1e-2, folds));
            const double error = gradient_error([&] { return held_out_loss(X, targets, 1e-2, folds); }, X, found.dX);
            RecordProperty("error_" + std::to_string(features) + (targets.classes() ? "_classes" : "_real"),
                           digits(error));
            EXPECT_LE(error, 1e-7);
        }
    }
}

// A feature that is constant in a training part is 0 there: no gradient from that part, and no NaN.
TEST_F(RidgeTest, HeldOutGradientOfConstantFeaturesIsZero) {
    Matrix<double> X = normals(4, 20, 9);
    for (Index j = 0; j < 20; ++j)
        X(2, j) = .1;
    const Targets targets = real_targets(normals(1, 20, 10), 20);
    const FeatureGradient found = held_out_gradient(X, targets, 1e-2, folds_of(targets, 5, 1));
    for (Index j = 0; j < 20; ++j)
        EXPECT_EQ(found.dX(2, j), 0);
    EXPECT_TRUE(std::isfinite(largest(found.dX)));
}

TEST_F(RidgeTest, HeldOutGradientForAnyNumberOfThreads) {
    const Matrix<double> X = normals(8, 50, 11);
    const Targets targets = class_targets(cyclic_labels(2, 50), 50);
    const std::vector<HoldOut> folds = folds_of(targets, 5, 1);
    const FeatureGradient one = held_out_gradient(X, targets, 1e-3, folds, 1);
    for (const int threads : {2, 3, 5}) {
        const FeatureGradient found = held_out_gradient(X, targets, 1e-3, folds, threads);
        EXPECT_EQ(found.dX, one.dX);
        EXPECT_EQ(found.loss, one.loss);
    }
}

TEST_F(RidgeTest, CrossEntropyGradientMatchesDifferences) {
    const std::vector<Index> labels = cyclic_labels(3, 12);
    SoftmaxHead head{normals(5, 3, 1), {.1, -.2, .3}};
    Matrix<double> X = normals(5, 12, 2);
    const auto loss = [&] { return cross_entropy(*on, head, X, labels, .1).loss; };
    const CrossEntropy found = cross_entropy(*on, head, X, labels, .1);
    EXPECT_LE(gradient_error(loss, head.W, found.dW), 1e-8);
    EXPECT_LE(gradient_error(loss, X, found.dX), 1e-8);
    for (std::size_t c = 0; c < 3; ++c) {
        constexpr double h = 1e-5;
        SoftmaxHead moved = head;
        moved.b[c] += h;
        const double above = cross_entropy(*on, moved, X, labels, .1).loss;
        moved.b[c] -= 2 * h;
        EXPECT_NEAR((above - cross_entropy(*on, moved, X, labels, .1).loss) / (2 * h), found.db[c], 1e-9);
    }
    head.W = Matrix<double>(5, 3);
    head.b = {1000, 1000, 1000};  // no overflow
    EXPECT_NEAR(cross_entropy(*on, head, X, labels).loss, std::log(3.), 1e3 * 4 * eps);
}

TEST_F(RidgeTest, SquaredLossGradientOfAFixedHeadMatchesDifferences) {
    Matrix<double> X = normals(4, 15, 3);
    const Matrix<double> Y = normals(2, 15, 4);
    const RidgeHead head = fit_ridge(*on, normals(4, 30, 5), normals(2, 30, 6));
    const FeatureGradient found = squared_loss_gradient(*on, head, X, Y);
    EXPECT_NEAR(found.loss, scores_of(predict(*on, head, X), real_targets(Y, 15)).squared_loss, 30 * eps * found.loss);
    EXPECT_LE(gradient_error([&] { return squared_loss_gradient(*on, head, X, Y).loss; }, X, found.dX), 1e-8);
}

// ---- lambda and streams ----------------------------------------------------------------------------------------------

TEST_F(RidgeTest, LambdaIsSmallForALawAndLargeForNoise) {
    const Matrix<double> X = normals(10, 60, 1);
    const std::vector<double> candidates{1e-4, 1e-2, 1, 100};
    const Targets law = real_targets(multiply(*on, Op::none, Op::none, normals(1, 10, 2), X), 60);
    const Targets noise = real_targets(normals(1, 60, 3), 60);
    const std::vector<HoldOut> folds = folds_of(law, 5, 1);
    EXPECT_EQ(choose_lambda(X, law, candidates, folds).lambda, 1e-4);
    const ChosenLambda of_noise = choose_lambda(X, noise, candidates, folds);
    EXPECT_GE(of_noise.lambda, 1);  // of 60 samples
    EXPECT_EQ(of_noise.losses[1], held_out_loss(X, noise, 1e-2, folds));
    EXPECT_EQ(choose_lambda(Matrix<double>(3, 60), noise, candidates, folds).lambda, 100);  // all alike: the largest
}

// Sums about an origin near the mean lose little: condition 1 / lambda times rounding of n products.
TEST_F(RidgeTest, RunningSumsThatForgetNothingAreTheBatch) {
    Matrix<double> X = normals(20, 320, 1);
    const Matrix<double> Y = normals(3, 320, 2);
    for (Index j = 0; j < 320; ++j) {
        X(3, j) += 1e4;  // a mean far from 0
        X(5, j) = .1;
    }
    RunningRidge running(20, 3, 1);
    for (Index first = 0; first < 320; first += 32) {
        Matrix<double> x(20, 32), y(3, 32);
        std::ranges::copy(X.values().subspan(static_cast<std::size_t>(20 * first), 640), x.data());
        std::ranges::copy(Y.values().subspan(static_cast<std::size_t>(3 * first), 96), y.data());
        running.add(*on, x, y);
    }
    const RidgeHead found = running.head(*on), batch = fit_ridge(*on, X, Y);
    EXPECT_EQ(running.samples(), 320);
    EXPECT_EQ(found.features.constant, 1);
    const double off = largest_difference(predict(*on, found, X), predict(*on, batch, X));
    RecordProperty("difference", digits(off));
    EXPECT_LE(off, 1e-10);
}

// rho = 1/2: the second batch counts twice as much as the first, so as if it were there twice.
TEST_F(RidgeTest, RunningSumsForget) {
    const Matrix<double> X = normals(4, 12, 1), Y = normals(1, 12, 2);
    const auto batch = [](const Matrix<double>& A, Index first) {
        Matrix<double> part(A.rows(), 6);
        std::ranges::copy(A.values().subspan(static_cast<std::size_t>(A.rows() * first), part.values().size()),
                          part.data());
        return part;
    };
    RunningRidge running(4, 1, .5);
    running.add(*on, batch(X, 0), batch(Y, 0));
    running.add(*on, batch(X, 6), batch(Y, 6));
    Matrix<double> thrice(4, 18), targets(1, 18);
    std::ranges::copy(X.values(), thrice.data());
    std::ranges::copy(batch(X, 6).values(), thrice.data() + 48);
    std::ranges::copy(Y.values(), targets.data());
    std::ranges::copy(batch(Y, 6).values(), targets.data() + 12);
    EXPECT_EQ(running.samples(), 9);
    EXPECT_LE(largest_difference(predict(*on, running.head(*on), X), predict(*on, fit_ridge(*on, thrice, targets), X)),
              1e-10);
}

}  // namespace
}  // namespace descrambler
