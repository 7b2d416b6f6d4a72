#include "descrambler/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace descrambler {

std::vector<double> column_gain(Backend<double>& on, const Matrix<double>& W) {
    const Matrix<double> rows = power_spectrum(on, transpose(W));  // [N / 2 + 1, n], one column per row of W
    std::vector<double> gain(static_cast<std::size_t>(rows.rows()));
    for (Index i = 0; i < rows.cols(); ++i)
        for (Index k = 0; k < rows.rows(); ++k)
            gain[k] += rows(k, i);
    for (double& g : gain)
        g = std::sqrt(g);
    return gain;
}

Matrix<double> folded_amplitude(Backend<double>& on, const Matrix<double>& A) {
    const Matrix<double> F = power_spectrum2(on, A);
    const Index n = F.rows();
    Matrix<double> amplitude(n, F.cols());
    for (Index j = 0; j < F.cols(); ++j)
        for (Index i = 0; i < n; ++i)
            amplitude(i, j) = std::sqrt(F(i, j)) + std::sqrt(F((n - i) % n, j));
    return amplitude;
}

double pearson(std::span<const double> x, std::span<const double> y) {
    require(x.size() == y.size() && !x.empty(), "pearson needs two equally long, non-empty samples");
    const double n = static_cast<double>(x.size());
    const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
    const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
    double xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double dx = x[i] - mean_x, dy = y[i] - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    const double norm = std::sqrt(xx * yy);
    return norm > 0 ? std::clamp(xy / norm, -1.0, 1.0) : 0.0;  // a constant says nothing about the other sample
}

namespace {

std::vector<double> ranks(std::span<const double> x) {
    std::vector<std::size_t> order(x.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
    std::vector<double> rank(x.size());
    for (std::size_t first = 0, last; first < order.size(); first = last) {
        for (last = first + 1; last < order.size() && x[order[last]] == x[order[first]];)
            ++last;
        const double shared = 0.5 * static_cast<double>(first + last - 1);
        for (std::size_t i = first; i < last; ++i)
            rank[order[i]] = shared;
    }
    return rank;
}

}  // namespace

double spearman(std::span<const double> x, std::span<const double> y) {
    return pearson(ranks(x), ranks(y));
}

}  // namespace descrambler
