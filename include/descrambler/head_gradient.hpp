// Losses of linear heads with their gradients with respect to the features: what wavelets are learnt by.
#pragma once

#include <span>
#include <vector>

#include "descrambler/ridge.hpp"

namespace descrambler {

struct FeatureGradient {
    double loss = 0;
    Matrix<double> dX;  // [features, samples]
};

// Held-out squared loss of ridge heads,
//   F(X) = 1 / n sum over splits and their held-out samples |ybar + W^T z - y|^2,   n: all held-out samples.
// The gradient goes through the solution W and through the standardisation of every training part (variable
// projection; Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973) 413). With A = Z Z^T + lambda n I of a training part, the
// residual R and the features H of its held-out part, V = A^-1 H (2 R / n)^T:
//   dH = 2 / n W R,     dZ = V (Y - ybar - W^T Z) - W (V^T Z).
// A constant feature has gradient 0. The same bits for any number of threads (0: all). Throws as fit_ridge.
[[nodiscard]] double held_out_loss(const Matrix<double>& X, const Targets& targets, double lambda,
                                   std::span<const HoldOut> splits, int threads = 0);
[[nodiscard]] FeatureGradient held_out_gradient(const Matrix<double>& X, const Targets& targets, double lambda,
                                                std::span<const HoldOut> splits, int threads = 0);

// Mean squared loss of a head that stays as it is, on a batch: the step of the online mode.
[[nodiscard]] FeatureGradient squared_loss_gradient(Backend<double>& on, const RidgeHead& head, const Matrix<double>& X,
                                                    const Matrix<double>& Y);

// A head that is learnt together with the wavelets: softmax(W^T x + b).
struct SoftmaxHead {
    Matrix<double> W;       // [features, classes]
    std::vector<double> b;  // [classes]
};
struct CrossEntropy {
    double loss = 0;  // mean of -log softmax of the own class, plus ridge |W|^2
    Matrix<double> dW;
    std::vector<double> db;
    Matrix<double> dX;  // [features, samples]
};
// labels [samples], below the number of classes.
[[nodiscard]] CrossEntropy cross_entropy(Backend<double>& on, const SoftmaxHead& head, const Matrix<double>& X,
                                         std::span<const Index> labels, double ridge = 0);

}  // namespace descrambler
