// Operators whose singular values are known, and what triplets have to satisfy.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "descramble/fixtures.hpp"
#include "descrambler/linear_operator.hpp"

namespace descrambler::test {

// Interpolation of n samples at 4 n points by Keys' cubic kernel, a = -0.75: half-pixel positions, edges repeated.
inline Matrix<double> cubic_kernel(Index n) {
    constexpr double a = -0.75;
    const auto weight = [](double t) {
        t = std::abs(t);
        return t < 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
    };
    Matrix<double> K(4 * n, n);
    for (Index i = 0; i < 4 * n; ++i) {
        const double x = (static_cast<double>(i) + 0.5) / 4 - 0.5;
        const Index left = static_cast<Index>(std::floor(x));
        for (Index tap = left - 1; tap <= left + 2; ++tap)
            K(i, std::clamp<Index>(tap, 0, n - 1)) += weight(x - static_cast<double>(tap));
    }
    return K;
}

// x -> K X K^T of every column x = vec(X), on `channels` planes.
inline LinearOperator kronecker_operator(const Matrix<double>& K, Index channels = 1) {
    const Index m = K.rows(), n = K.cols();
    const auto both = [K, channels](Backend<double>& on, const Matrix<double>& X, Op op, Index in, Index out) {
        Matrix<double> result(out * out * channels, X.cols());
        for (Index plane = 0; plane < channels * X.cols(); ++plane) {
            Matrix<double> x(in, in);
            std::copy_n(X.data() + plane * in * in, in * in, x.data());
            const Matrix<double> y =
                multiply(on, Op::none, op == Op::none ? Op::transpose : Op::none, multiply(on, op, Op::none, K, x), K);
            std::copy_n(y.data(), out * out, result.data() + plane * out * out);
        }
        return result;
    };
    return {m * m * channels, n * n * channels,
            [=](Backend<double>& on, const Matrix<double>& X) { return both(on, X, Op::none, n, m); },
            [=](Backend<double>& on, const Matrix<double>& Y) { return both(on, Y, Op::transpose, m, n); }};
}

// Its singular values: all products of those of K, each `channels` times.
inline std::vector<double> kronecker_values(Backend<double>& on, const Matrix<double>& K, Index channels = 1) {
    std::vector<double> result;
    const std::vector<double> s = singular_values(on, K);
    for (const double a : s)
        for (const double b : s)
            result.insert(result.end(), static_cast<std::size_t>(channels), a * b);
    std::ranges::sort(result, std::greater<>());
    return result;
}

// [rows, cols] with singular values sigma(k), k = 1 ..
inline Matrix<double> planted(Backend<double>& on, Index rows, Index cols, const std::function<double(double)>& sigma,
                              std::uint64_t number) {
    Svd axes = svd(on, normal(rows, cols, number));
    for (Index j = 0; j < axes.U.cols(); ++j)
        for (double& x : axes.U.column(j))
            x *= sigma(static_cast<double>(j + 1));
    return multiply(on, Op::none, Op::transpose, axes.U, axes.V);
}

// Circular correlation of n samples with a real filter: singular values |DFT|, equal pairs for frequencies f and n - f.
inline LinearOperator circular_operator(const std::vector<double>& filter, Index n) {
    Matrix<double> A(n, n);
    for (Index i = 0; i < n; ++i)
        for (Index k = 0; k < std::ssize(filter); ++k)
            A(i, (i + k) % n) += filter[k];
    return matrix_operator(A);
}
inline std::vector<double> circular_values(const std::vector<double>& filter, Index n) {
    std::vector<double> result;
    for (Index f = 0; f < n; ++f) {
        double re = 0, im = 0;
        for (Index k = 0; k < std::ssize(filter); ++k) {
            const double angle = 2 * std::numbers::pi * static_cast<double>(f * k) / static_cast<double>(n);
            re += filter[k] * std::cos(angle);
            im += filter[k] * std::sin(angle);
        }
        result.push_back(std::hypot(re, im));
    }
    std::ranges::sort(result, std::greater<>());
    return result;
}

inline double worst_relative(const std::vector<double>& found, const std::vector<double>& truth) {
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
        worst = std::max(worst, std::abs(found[i] - truth[i]) / truth[i]);
    return worst;
}

// max |Q^T Q - I|
inline double skew(Backend<double>& on, const Matrix<double>& Q) {
    return orthogonality(on, transpose(Q));
}

}  // namespace descrambler::test
