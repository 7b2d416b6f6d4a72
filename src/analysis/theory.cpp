#include "descrambler/theory.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace descrambler {
namespace {

constexpr double pi = std::numbers::pi;

// Nodes and weights of Gauss-Legendre quadrature on [-1, 1], by Newton's method on the Legendre polynomial P_16.
constexpr int gauss_points = 16;
struct Gauss {
    std::array<double, gauss_points> node{}, weight{};
};
Gauss gauss_legendre() {
    Gauss rule;
    for (int i = 0; i < gauss_points; ++i) {
        double x = std::cos(pi * (i + 0.75) / (gauss_points + 0.5)), slope = 1;
        for (int step = 0; step < 20; ++step) {
            double p = 1, before = 0;
            for (int k = 1; k <= gauss_points; ++k) {
                const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
                before = p;
                p = next;
            }
            slope = gauss_points * (x * p - before) / (x * x - 1);
            x -= p / slope;
        }
        rule.node[static_cast<std::size_t>(i)] = x;
        rule.weight[static_cast<std::size_t>(i)] = 2 / ((1 - x * x) * slope * slope);
    }
    return rule;
}

}  // namespace

NoiseRates noise_rates(const std::vector<double>& lambda, const std::vector<double>& mu) {
    require(lambda.size() == mu.size() && !lambda.empty(), "noise rates: as many lambda as mu");
    const Index n = std::ssize(lambda);
    double sum = 0, eta = 0;
    for (Index i = 0; i < n; ++i) {
        sum += lambda[i];
        eta += mu[i] * lambda[i];
    }
    NoiseRates out;
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
            const double gap = std::abs(lambda[i] - lambda[j]);
            if (gap <= 1e-12 * std::max(lambda[i], lambda[j]))
                continue;
            out.error += lambda[i] * (lambda[j] / gap) * (lambda[j] / gap) / sum;
            if (i < j)
                out.excess += std::abs(mu[i] - mu[j]) * lambda[i] * lambda[j] / gap / eta;
        }
    return out;
}

double signal_rate(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& C) {
    const Svd factors = svd(on, W);
    const Matrix<double> UW = multiply(on, Op::transpose, Op::none, factors.U, W);
    const Matrix<double> B = multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, UW, C), UW);
    double sum = 0;
    for (Index j = 0; j < B.cols(); ++j)
        for (Index i = 0; i < B.rows(); ++i)
            if (i != j) {
                const double turn = B(i, j) / ((factors.s[j] - factors.s[i]) * (factors.s[j] + factors.s[i]));
                sum += turn * turn;
            }
    return std::sqrt(sum);
}

double chi_square(RandomStream& random, double degrees) {
    require(degrees >= 2, "chi square: two degrees of freedom at least");
    const double d = degrees / 2 - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = random.normal(), root = 1 + c * x, v = root * root * root;
        const double u = random.uniform();
        if (root > 0 && std::log(u) < x * x / 2 + d - d * v + d * std::log(v))
            return 2 * d * v;
    }
}

Matrix<double> wishart_factor(RandomStream& random, Index n, Index samples) {
    require(samples > n, "Wishart factor: more samples than rows");
    Matrix<double> A(n, n);
    for (Index j = 0; j < n; ++j) {
        A(j, j) = std::sqrt(chi_square(random, static_cast<double>(samples - j)));
        for (Index i = j + 1; i < n; ++i)
            A(i, j) = random.normal();
    }
    return A;
}

Matrix<double> normal_matrix(RandomStream& random, Index rows, Index cols) {
    Matrix<double> A(rows, cols);
    for (double& x : A.values())
        x = random.normal();
    return A;
}

Matrix<double> haar_orthogonal(Backend<double>& on, RandomStream& random, Index n) {
    const Svd factors = svd(on, normal_matrix(random, n, n));  // the polar factor of a normal matrix is Haar
    return multiply(on, Op::none, Op::transpose, factors.U, factors.V);
}

Matrix<double> circulant(const std::vector<double>& filter, Index n) {
    require(std::ssize(filter) <= n, "circulant: a filter not longer than the layer");
    Matrix<double> W(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index l = 0; l < std::ssize(filter); ++l)
            W((j + l) % n, j) = filter[l];
    return W;
}

Matrix<double> zero_padded_convolution(const std::vector<double>& filter, Index n) {
    Matrix<double> W(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index l = 0; l < std::ssize(filter) && j + l < n; ++l)
            W(j + l, j) = filter[l];
    return W;
}

std::vector<double> squared_transfer(const std::vector<double>& filter, Index n) {
    std::vector<double> out;
    for (Index i = 0; i < n; ++i) {
        const Index k = (i + 1) / 2;
        double c = 0, s = 0;
        for (Index l = 0; l < std::ssize(filter); ++l) {
            const double turn = 2 * pi * static_cast<double>(k * l % n) / static_cast<double>(n);
            c += filter[l] * std::cos(turn);
            s += filter[l] * std::sin(turn);
        }
        out.push_back(c * c + s * s);
    }
    return out;
}

double distance_from_circulant(const Matrix<double>& A) {
    const Index n = A.rows();
    require(n == A.cols() && n > 0, "circulant: a square matrix");
    double inside = 0;  // ||mean over each diagonal||^2
    for (Index l = 0; l < n; ++l) {
        double mean = 0;
        for (Index j = 0; j < n; ++j)
            mean += A((j + l) % n, j);
        inside += mean * mean / static_cast<double>(n);
    }
    const double norm = frobenius(A);
    return norm > 0 ? std::sqrt(std::max(0.0, 1 - inside / (norm * norm))) : 0;
}

Matrix<double> filter_bank(Index n, Index d) {
    Matrix<double> W(n, d);
    for (Index t = 0; t < d; ++t) {
        const double position = (static_cast<double>(t) + 0.5) / static_cast<double>(d);
        const double window = std::sin(pi * position) * std::sin(pi * position);
        for (Index i = 0; i < n; ++i) {
            const double relative = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
            const double frequency = 0.4 * static_cast<double>(d) * std::pow(relative, 1.5);
            W(i, t) = window * std::cos(2 * pi * frequency * position + 2.4 * static_cast<double>(i));
        }
    }
    return W;
}

double orientation_average(double phase) {
    static const Gauss rule = gauss_legendre();
    // Panels of 1 rad of the fastest phase, 6 phase x: the error of 16 points is then far below u.
    const Index panels = 1 + static_cast<Index>(6 * std::abs(phase));
    const double half = 0.5 / static_cast<double>(panels);
    double sum = 0;
    for (Index p = 0; p < panels; ++p)
        for (std::size_t i = 0; i < gauss_points; ++i) {
            const double x = half * (2 * static_cast<double>(p) + 1 + rule.node[i]);
            sum += half * rule.weight[i] * std::cos((1 - 3 * x * x) * phase);
        }
    return sum;
}

}  // namespace descrambler
