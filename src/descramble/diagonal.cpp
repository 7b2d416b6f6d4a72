#include "descrambler/diagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/finite.hpp"
#include "descrambler/representable.hpp"

namespace descrambler {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u

void check(const Matrix<double>& W, const std::string& criterion) {
    if (W.rows() != W.cols() || W.rows() == 0)
        throw InputError(criterion + ": W is " + std::to_string(W.rows()) + " x " + std::to_string(W.cols()) +
                         ", expected a square matrix");
    if (!all_finite(W.values()))
        throw InputError(criterion + ": a weight is not finite, expected numbers");
    if (std::ranges::all_of(W.values(), [](double x) { return x == 0; }))
        throw InputError(criterion + ": all weights are zero, expected some that are not");
    double largest = 0;
    for (const double w : W.values())
        largest = std::max(largest, std::abs(w));
    if (!(largest >= 1e-140 && largest <= 1e140))
        throw InputError(criterion + ": the largest weight is " + digits(largest) +
                         ", expected 1e-140 to 1e140, whose squares are numbers in double precision");
}

// diag(P W)
std::vector<double> diagonal(const Matrix<double>& P, const Matrix<double>& W) {
    std::vector<double> d(static_cast<std::size_t>(P.rows()));
    for (Index k = 0; k < P.cols(); ++k)
        for (Index i = 0; i < P.rows(); ++i)
            d[i] += P(i, k) * W(k, i);
    return d;
}

double sum_of_squares(const std::vector<double>& d) {
    double sum = 0;
    for (const double x : d)
        sum += x * x;
    return sum;
}

// The factors of W diag(d), and min over eps of c tr Z^-1 with Z = U diag(1 / sqrt(s^2 + eps)) U^T.
double certificate(Backend<double>& on, const Matrix<double>& W, const Svd& factors) {
    const Matrix<double> V = multiply(on, Op::transpose, Op::none, factors.U, W);  // columns U^T w_i
    const double top = factors.s.front() * factors.s.front();
    double best = std::numeric_limits<double>::infinity();
    std::vector<double> root(factors.s.size());
    for (int half_decade = -32; half_decade <= -4; ++half_decade) {
        const double eps = top * std::pow(10.0, half_decade / 2.0);
        double trace = 0, c = 0;
        for (std::size_t k = 0; k < root.size(); ++k) {
            root[k] = std::sqrt(factors.s[k] * factors.s[k] + eps);
            trace += root[k];
        }
        for (Index i = 0; i < V.cols(); ++i) {
            double square = 0;
            for (Index k = 0; k < V.rows(); ++k)
                square += V(k, i) * V(k, i) / root[k];
            c = std::max(c, square);
        }
        best = std::min(best, c * trace);
    }
    return best;
}

Svd weighted(Backend<double>& on, Matrix<double> W, const std::vector<double>& d) {
    for (Index i = 0; i < W.cols(); ++i)
        for (double& w : W.column(i))
            w *= d[i];
    return svd(on, W);
}

Matrix<double> polar(Backend<double>& on, const Svd& factors) {  // V U^T
    return multiply(on, Op::none, Op::transpose, factors.V, factors.U);
}

// Iterates from out.P; fills everything but the flags of a restart.
void iterate(Backend<double>& on, const Matrix<double>& W, const DiagonalNormOptions& options, DiagonalNorm& out) {
    std::vector<double> d = diagonal(out.P, W);
    out.value = sum_of_squares(d);
    out.converged = out.value == 0;  // nothing to weight with: the point is fixed
    while (!out.converged && out.iterations < options.iterations) {
        const Svd factors = weighted(on, W, d);
        if (out.iterations % 10 == 9) {
            out.bound = certificate(on, W, factors);
            if (out.bound - out.value <= options.bracket * out.value) {
                out.converged = true;
                break;
            }
        }
        out.P = polar(on, factors);
        d = diagonal(out.P, W);
        const double value = sum_of_squares(d);
        out.converged = value - out.value <= options.increase * value;
        out.value = value;
        ++out.iterations;
    }
}

}  // namespace

DiagonalValue diagonal_sum(Backend<double>&, const Matrix<double>& W, const Matrix<double>& P) {
    check(W, "diagonal sum");
    require(P.rows() == W.cols() && P.cols() == W.rows(), "diagonal sum: P and W differ in size");
    double sum = 0;
    for (const double d : diagonal(P, W))
        sum += d;
    return {sum, transpose(W)};
}

DiagonalValue diagonal_norm(Backend<double>&, const Matrix<double>& W, const Matrix<double>& P) {
    check(W, "diagonal norm");
    require(P.rows() == W.cols() && P.cols() == W.rows(), "diagonal norm: P and W differ in size");
    const std::vector<double> d = diagonal(P, W);
    Matrix<double> gradient = transpose(W);
    for (Index j = 0; j < gradient.cols(); ++j)
        for (Index i = 0; i < gradient.rows(); ++i)
            gradient(i, j) *= 2 * d[i];
    return {sum_of_squares(d), std::move(gradient)};
}

DiagonalSum maximum_diagonal_sum(Backend<double>& on, const Matrix<double>& W, Group group) {
    check(W, "maximum diagonal sum");
    const Index n = W.rows();
    Svd factors = svd(on, W);
    const std::vector<double>& s = factors.s;
    const double floor = static_cast<double>(n) * unit * s.front();
    if (s.back() <= floor)
        throw InputError("maximum diagonal sum: W is singular (sigma_n = " + digits(s.back()) +
                         ", sigma_1 = " + digits(s.front()) +
                         "), its maximiser is not unique; expected sigma_n above n u sigma_1 = " + digits(floor));
    DiagonalSum out;
    for (const double sigma : s)
        out.bound += sigma;
    if (group == Group::SO && orthogonal_determinant(polar(on, factors)) < 0) {
        if (n > 1 && s[n - 2] - s[n - 1] <= floor)
            throw InputError("maximum diagonal sum over SO(n): det W < 0 and the two smallest singular values agree (" +
                             digits(s[n - 2]) + " and " + digits(s[n - 1]) +
                             "), the maximiser is not unique; expected them " + digits(floor) + " apart");
        out.bound -= 2 * s.back();
        for (double& v : factors.V.column(n - 1))
            v = -v;
    }
    out.P = polar(on, factors);
    for (const double d : diagonal(out.P, W))
        out.value += d;
    return out;
}

DiagonalNorm maximum_diagonal_norm(Backend<double>& on, const Matrix<double>& W, const DiagonalNormOptions& options) {
    check(W, "maximum diagonal norm");
    const Index n = W.rows();
    require(options.iterations >= 1 && options.increase >= 0 && options.bracket >= 0,
            "maximum diagonal norm: one iteration at least, tolerances not negative");
    require(options.start.size() == 0 || (options.start.rows() == n && options.start.cols() == n),
            "maximum diagonal norm: the start and W differ in size");
    const Svd factors = svd(on, W);
    const double null = static_cast<double>(n) * unit * factors.s.front();
    const bool singular = factors.s.back() <= null;

    DiagonalNorm out;
    out.P = options.start.size() > 0 ? options.start : polar(on, factors);
    iterate(on, W, options, out);
    std::vector<double> d = diagonal(out.P, W);
    if (!singular && std::ranges::any_of(d, [&](double x) { return std::abs(x) <= null; })) {
        out.restarted = true;  // at x_i = 0 the slope of F is infinite: not the maximum. At the MDS point all d_i > 0
        out.P = polar(on, factors);
        iterate(on, W, options, out);
        d = diagonal(out.P, W);
    }
    for (Index i = 0; i < n; ++i)
        if (d[i] < 0)
            for (Index j = 0; j < n; ++j)
                out.P(i, j) = -out.P(i, j);
    out.value = sum_of_squares(d);
    if (out.value > 0) {
        out.bound = certificate(on, W, weighted(on, W, d));
        out.width = (out.bound - out.value) / out.value;
    } else {  // no weights at all: ||W||_F^2 bounds every P
        out.bound = frobenius(W) * frobenius(W);
        out.width = std::numeric_limits<double>::infinity();
    }
    out.certified = out.width <= options.certified_width;
    return out;
}

}  // namespace descrambler
