#include "descrambler/head_gradient.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"
#include "scatter/parts.hpp"

namespace descrambler {

namespace {

// Ridge head of the training part of a split, and what it leaves of the held-out part.
struct Fold {
    Standardisation by;
    Matrix<double> Z, H;  // standardised [features, train], [features, held]
    Matrix<double> Yc;    // centred targets [targets, train]
    Matrix<double> W;     // [features, targets]
    Matrix<double> R;     // residual [targets, held]
    double ridge = 0;
};

Fold fit_fold(Backend<double>& on, const Matrix<double>& X, const Targets& targets, double lambda,
              const HoldOut& split) {
    Fold fold;
    const Matrix<double> train = columns_of(X.view(), split.train);
    fold.by = standardisation_of(train);
    fold.Z = standardise(fold.by, train);
    fold.H = standardise(fold.by, columns_of(X.view(), split.held));
    fold.Yc = columns_of(targets.Y.view(), split.train);
    const std::vector<double> mean = centre(fold.Yc);
    fold.ridge = lambda * static_cast<double>(split.train.size());
    fold.W = ridge_weights(on, fold.Z, fold.Yc, fold.ridge);
    fold.R = multiply(on, Op::transpose, Op::none, fold.W, fold.H);
    for (Index j = 0; j < fold.R.cols(); ++j)
        for (Index i = 0; i < fold.R.rows(); ++i)
            fold.R(i, j) += mean[at(i)] - targets.Y(i, split.held[at(j)]);
    return fold;
}

double squares(const Matrix<double>& R) {
    double sum = 0;
    for (const double r : R.values())
        sum += r * r;
    return sum;
}

// (Z Z^T + ridge I)^-1 B of any B, by the smaller of the two systems; Woodbury where that is [train, train].
Matrix<double> solve(Backend<double>& on, const Matrix<double>& Z, double ridge, Matrix<double> B) {
    if (Z.rows() <= Z.cols()) {
        Matrix<double> A = ridge_matrix(on, Z, ridge);
        on.cholesky_solve(A.view(), B.view());
        return B;
    }
    Matrix<double> K = multiply(on, Op::transpose, Op::none, Z, Z), right = multiply(on, Op::transpose, Op::none, Z, B);
    for (Index i = 0; i < K.rows(); ++i)
        K(i, i) += ridge;
    on.cholesky_solve(K.view(), right.view());
    on.gemm(Op::none, Op::none, -1 / ridge, Z.view(), right.view(), 1 / ridge, B.view());
    return B;
}

// What the standardisation makes of the gradients dZ and dH: z = (x - m) / s with m and s of the training part, so
//   dx = dz / s, and for training samples besides dm / n + ds z / n, dm = -sum dz / s, ds = -sum dz z / s.
// dZ and dH become the gradients of the features.
void pull_back(const Fold& fold, Matrix<double>& dZ, Matrix<double>& dH) {
    const Index p = dZ.rows();
    std::vector<double> mean(at(p)), deviation(at(p));
    const auto gather = [&](Matrix<double>& d, const Matrix<double>& z) {
        for (Index j = 0; j < d.cols(); ++j)
            for (Index i = 0; i < p; ++i) {
                d(i, j) *= fold.by.scale[at(i)];
                mean[at(i)] -= d(i, j);
                deviation[at(i)] -= d(i, j) * z(i, j);
            }
    };
    gather(dZ, fold.Z);
    gather(dH, fold.H);
    const double n = static_cast<double>(dZ.cols());
    for (Index j = 0; j < dZ.cols(); ++j)
        for (Index i = 0; i < p; ++i)
            if (fold.by.scale[at(i)] > 0)
                dZ(i, j) += (mean[at(i)] + deviation[at(i)] * fold.Z(i, j)) / n;
}

void add_to(Matrix<double>& dX, const Matrix<double>& part, std::span<const Index> samples) {
    for (Index j = 0; j < part.cols(); ++j)
        for (Index i = 0; i < part.rows(); ++i)
            dX(i, samples[at(j)]) += part(i, j);
}

// Gradients of the sum of squares of R, dZ [features, train] and dH [features, held], of the features.
void fold_gradient(Backend<double>& on, const Fold& fold, Matrix<double>& dZ, Matrix<double>& dH) {
    Matrix<double> twice = fold.R;
    for (double& r : twice.values())
        r *= 2;
    dH = multiply(on, Op::none, Op::none, fold.W, twice);
    const Matrix<double> V = solve(on, fold.Z, fold.ridge, multiply(on, Op::none, Op::transpose, fold.H, twice));
    Matrix<double> left = fold.Yc;
    on.gemm(Op::transpose, Op::none, -1, fold.W.view(), fold.Z.view(), 1, left.view());
    dZ = multiply(on, Op::none, Op::none, V, left);
    const Matrix<double> VZ = multiply(on, Op::transpose, Op::none, V, fold.Z);
    on.gemm(Op::none, Op::none, -1, fold.W.view(), VZ.view(), 1, dZ.view());
    pull_back(fold, dZ, dH);
}

double check(const Matrix<double>& X, const Targets& targets, double lambda, std::span<const HoldOut> splits) {
    require(X.cols() == targets.Y.cols() && X.cols() > 0 && lambda > 0 && !splits.empty(),
            "held-out loss: as many targets as samples, one or more, lambda above 0, and a split");
    require_finite(X);
    std::size_t held = 0;
    for (const HoldOut& split : splits)
        held += split.held.size();
    require(held > 0, "held-out loss: nothing is held out");
    return static_cast<double>(held);
}

}  // namespace

double held_out_loss(const Matrix<double>& X, const Targets& targets, double lambda, std::span<const HoldOut> splits,
                     int threads) {
    const double held = check(X, targets, lambda, splits);
    std::vector<double> sums(splits.size());
    parallel_items(std::ssize(splits), threads, [&](Index f, Backend<double>& on) {
        sums[at(f)] = squares(fit_fold(on, X, targets, lambda, splits[at(f)]).R);
    });
    double loss = 0;
    for (const double sum : sums)
        loss += sum;
    return loss / held;
}

FeatureGradient held_out_gradient(const Matrix<double>& X, const Targets& targets, double lambda,
                                  std::span<const HoldOut> splits, int threads) {
    const double held = check(X, targets, lambda, splits);
    std::vector<double> sums(splits.size());
    std::vector<Matrix<double>> dZ(splits.size()), dH(splits.size());
    parallel_items(std::ssize(splits), threads, [&](Index f, Backend<double>& on) {
        const Fold fold = fit_fold(on, X, targets, lambda, splits[at(f)]);
        sums[at(f)] = squares(fold.R);
        fold_gradient(on, fold, dZ[at(f)], dH[at(f)]);
    });
    FeatureGradient result{0, Matrix<double>(X.rows(), X.cols())};
    for (std::size_t f = 0; f < splits.size(); ++f) {
        result.loss += sums[f];
        add_to(result.dX, dZ[f], splits[f].train);
        add_to(result.dX, dH[f], splits[f].held);
    }
    result.loss /= held;
    for (double& d : result.dX.values())
        d /= held;
    return result;
}

FeatureGradient squared_loss_gradient(Backend<double>& on, const RidgeHead& head, const Matrix<double>& X,
                                      const Matrix<double>& Y) {
    require(Y.cols() == X.cols() && Y.rows() == head.W.cols() && X.cols() > 0,
            "squared loss: targets of the shape of the head");
    Matrix<double> R = predict(on, head, X);
    on.axpby(-1, Y.view(), 1, R.view());
    const double n = static_cast<double>(X.cols());
    FeatureGradient result{squares(R) / n, multiply(on, Op::none, Op::none, head.W, R)};
    for (Index j = 0; j < X.cols(); ++j)
        for (Index i = 0; i < X.rows(); ++i)
            result.dX(i, j) *= 2 / n * head.features.scale[at(i)];
    return result;
}

CrossEntropy cross_entropy(Backend<double>& on, const SoftmaxHead& head, const Matrix<double>& X,
                           std::span<const Index> labels, double ridge) {
    const Index classes = head.W.cols(), samples = X.cols();
    require(X.rows() == head.W.rows() && std::ssize(head.b) == classes && std::ssize(labels) == samples &&
                samples > 0 && std::ranges::all_of(labels, [&](Index c) { return c >= 0 && c < classes; }),
            "cross-entropy: features, classes and labels of the head");
    const double n = static_cast<double>(samples);
    Matrix<double> P = multiply(on, Op::transpose, Op::none, head.W, X);
    CrossEntropy result{0, head.W, std::vector<double>(at(classes)), {}};
    for (Index j = 0; j < samples; ++j) {  // P becomes (softmax - one-hot) / n
        double largest = P(0, j) + head.b[0], sum = 0;
        for (Index c = 0; c < classes; ++c) {
            P(c, j) += head.b[at(c)];
            largest = std::max(largest, P(c, j));
        }
        const Index own = labels[at(j)];
        result.loss += (largest - P(own, j)) / n;
        for (Index c = 0; c < classes; ++c) {
            P(c, j) = std::exp(P(c, j) - largest);
            sum += P(c, j);
        }
        result.loss += std::log(sum) / n;
        for (Index c = 0; c < classes; ++c) {
            P(c, j) = (P(c, j) / sum - (c == own ? 1 : 0)) / n;
            result.db[at(c)] += P(c, j);
        }
    }
    result.loss += ridge * squares(head.W);
    on.gemm(Op::none, Op::transpose, 1, X.view(), P.view(), 2 * ridge, result.dW.view());
    result.dX = multiply(on, Op::none, Op::none, head.W, P);
    return result;
}

}  // namespace descrambler
