#include "descrambler/filters.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>

#include "descrambler/statistics.hpp"

namespace descrambler {

namespace {

using Vector = std::vector<double>;
using std::numbers::pi;

// ---- Parks-McClellan -----------------------------------------------------------------------------------------------

struct GridPoint {
    double x;  // cos(pi frequency)
    double gain, weight;
    std::size_t band;
};

// Every band gets its edges and at least 64 intervals, however narrow it is.
std::vector<GridPoint> dense_grid(Index half, const std::vector<Band>& bands) {
    constexpr double density = 128;  // points per ripple: its height is missed by (pi / 256)^2 / 2 = 8e-5 at most
    std::vector<GridPoint> grid;
    for (std::size_t b = 0; b < bands.size(); ++b) {
        const double width = bands[b].last - bands[b].first;
        const Index intervals = std::max<Index>(64, std::llround(density * static_cast<double>(half) * width));
        for (Index i = 0; i <= intervals; ++i) {
            const double f = bands[b].first + width * static_cast<double>(i) / static_cast<double>(intervals);
            grid.push_back({std::cos(pi * f), bands[b].gain, bands[b].weight, b});
        }
    }
    return grid;
}

// The polynomial in x = cos(pi f) of degree `half` through a reference, in barycentric form.
class Interpolant {
public:
    // Reference of half + 2 grid points: the response that misses gain by (-1)^i deviation / weight there.
    Interpolant(const std::vector<GridPoint>& grid, const std::vector<std::size_t>& reference) {
        const std::size_t n = reference.size();
        Vector x, weight(n, 1.0);
        for (const std::size_t i : reference)
            x.push_back(grid[i].x);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
                if (j != i)
                    weight[i] /= 2 * (x[i] - x[j]);  // 2: the capacity of [-1, 1], so that products stay in range
        double above = 0, below = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const GridPoint& point = grid[reference[i]];
            above += weight[i] * point.gain;
            below += (i % 2 == 0 ? 1 : -1) * weight[i] / point.weight;
        }
        deviation_ = above / below;
        // All half + 2 points are nodes: with this deviation the polynomial through them has a degree of at most half,
        // and leaving a node out would mean extrapolating to it.
        for (std::size_t i = 0; i < n; ++i) {
            const GridPoint& point = grid[reference[i]];
            value_.push_back(point.gain - (i % 2 == 0 ? 1 : -1) * deviation_ / point.weight);
        }
        node_ = std::move(x);
        weight_ = std::move(weight);
    }

    [[nodiscard]] double deviation() const { return deviation_; }
    [[nodiscard]] double operator()(double x) const {
        double above = 0, below = 0;
        for (std::size_t i = 0; i < node_.size(); ++i) {
            const double distance = x - node_[i];
            if (distance == 0)
                return value_[i];
            const double c = weight_[i] / distance;
            above += c * value_[i];
            below += c;
        }
        return above / below;
    }

private:
    double deviation_ = 0;
    Vector node_, value_, weight_;
};

// Local extrema of the error that reach the present deviation, and the old reference (so that there are always enough),
// thinned to an alternating sequence of the wanted length which keeps the largest.
std::vector<std::size_t> exchange(const std::vector<GridPoint>& grid, const Vector& error,
                                  const std::vector<std::size_t>& reference) {
    std::vector<std::size_t> candidates;
    std::size_t next_old = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
        const bool old = next_old < reference.size() && reference[next_old] == i;
        next_old += old;
        const double e = std::abs(error[i]);
        const auto lower = [&](std::size_t j) {  // a neighbour in the same band that is no higher on this side
            return grid[j].band != grid[i].band || error[j] * (error[i] > 0 ? 1 : -1) <= e;
        };
        const bool extremum = (i == 0 || lower(i - 1)) && (i + 1 == grid.size() || lower(i + 1));
        if (!old && !extremum)
            continue;
        if (!candidates.empty() && (error[candidates.back()] > 0) == (error[i] > 0)) {
            if (e > std::abs(error[candidates.back()]))
                candidates.back() = i;
        } else {
            candidates.push_back(i);
        }
    }
    const auto smaller = [&](std::size_t a, std::size_t b) {
        return std::abs(error[candidates[a]]) < std::abs(error[candidates[b]]);
    };
    while (candidates.size() > reference.size()) {
        const std::size_t last = candidates.size() - 1;
        std::size_t worst = 0;
        for (std::size_t i = 1; i <= last; ++i)
            if (smaller(i, worst))
                worst = i;
        if (worst == 0 || worst == last || candidates.size() == reference.size() + 1) {
            if (worst != 0 && worst != last)
                worst = smaller(0, last) ? 0 : last;
            candidates.erase(candidates.begin() + static_cast<Index>(worst));
        } else {  // two neighbours go, so that the signs still alternate
            const std::size_t first = smaller(worst - 1, worst + 1) ? worst - 1 : worst;
            candidates.erase(candidates.begin() + static_cast<Index>(first),
                             candidates.begin() + static_cast<Index>(first) + 2);
        }
    }
    return candidates;
}

void check_bands(Index order, const std::vector<Band>& bands) {
    require(order >= 2 && order % 2 == 0, "the order of a type I filter is even");
    require(!bands.empty(), "no band");
    double last = -1;
    for (const Band& band : bands) {
        require(band.first >= 0 && band.first > last && band.last > band.first && band.last <= 1 && band.weight > 0,
                "bands lie in 0..1, ascend and do not touch; weights are positive");
        last = band.last;
    }
}

// Spreads `count` points over the grid by an increasing function of 0..1 that gives positions on it.
template <class Position>
std::vector<std::size_t> spread(std::size_t count, std::size_t grid_size, const Position& position) {
    std::vector<std::size_t> reference;
    for (std::size_t k = 0; k < count; ++k) {
        const double wanted = position(static_cast<double>(k) / static_cast<double>(count - 1));
        const std::size_t lowest = k == 0 ? 0 : reference.back() + 1, highest = grid_size - (count - k);
        reference.push_back(std::clamp(static_cast<std::size_t>(std::lround(wanted)), lowest, highest));
    }
    return reference;
}

// Exchanges until the largest error is that on the reference, up to what roundoff leaves.
void converge(const std::vector<GridPoint>& grid, std::vector<std::size_t>& reference, double roundoff) {
    constexpr int rounds = 100;
    constexpr double tolerance = 1e-9;
    for (int round = 0; round < rounds; ++round) {
        const Interpolant response_of(grid, reference);
        Vector error;
        double largest = 0;
        for (const GridPoint& point : grid) {
            error.push_back(point.weight * (point.gain - response_of(point.x)));
            largest = std::max(largest, std::abs(error.back()));
        }
        // On the reference the error is known exactly, with its sign, even where it is lost in roundoff.
        const double deviation = response_of.deviation();
        for (std::size_t i = 0; i < reference.size(); ++i)
            error[reference[i]] = i % 2 == 0 ? deviation : -deviation;
        if (largest <= std::abs(deviation) * (1 + tolerance) + roundoff)
            return;
        reference = exchange(grid, error, reference);
    }
    throw Error("an equiripple filter of order " + std::to_string(2 * (reference.size() - 2)) + " did not converge");
}

}  // namespace

std::vector<double> equiripple(Index order, const std::vector<Band>& bands) {
    check_bands(order, bands);
    const Index half = order / 2;
    const std::vector<GridPoint> grid = dense_grid(half, bands);
    double roundoff = 0;  // of the error, a sum over half + 2 nodes: far below anything that a filter is asked for
    for (const Band& band : bands)
        roundoff = std::max(roundoff, 64 * static_cast<double>(half) * std::numeric_limits<double>::epsilon() *
                                          band.weight * std::max(1.0, std::abs(band.gain)));

    // From low orders to high ones: the extrema of one order, thinned out or filled up, are a good first reference of
    // the next, while evenly spread points leave the deviation of a high order below roundoff.
    std::vector<Index> halves{half};
    while (halves.back() > 8)
        halves.push_back((halves.back() + 1) / 2);
    std::reverse(halves.begin(), halves.end());
    std::vector<std::size_t> reference;
    for (const Index level : halves) {
        const auto even = [&](double along) { return along * static_cast<double>(grid.size() - 1); };
        const auto as_before = [&](double along) {
            const double place = along * static_cast<double>(reference.size() - 1);
            const std::size_t i = std::min(static_cast<std::size_t>(place), reference.size() - 2);
            const double from = static_cast<double>(reference[i]), to = static_cast<double>(reference[i + 1]);
            return from + (place - static_cast<double>(i)) * (to - from);
        };
        const std::size_t extrema = static_cast<std::size_t>(level) + 2;
        reference = reference.empty() ? spread(extrema, grid.size(), even) : spread(extrema, grid.size(), as_before);
        converge(grid, reference, roundoff);
    }

    // Taps from the response at the frequencies of an inverse DFT of order + 1 points.
    const Interpolant response_of(grid, reference);
    const double points = static_cast<double>(order + 1);
    Vector sample, taps(static_cast<std::size_t>(order + 1));
    for (Index k = 0; k <= half; ++k)
        sample.push_back(response_of(std::cos(2 * pi * static_cast<double>(k) / points)));
    for (Index j = 0; j <= half; ++j) {
        double sum = sample[0];
        for (Index k = 1; k <= half; ++k)
            sum += 2 * sample[k] * std::cos(2 * pi * static_cast<double>((k * j) % (order + 1)) / points);
        taps[half + j] = taps[half - j] = sum / points;
    }
    for (const GridPoint& point : grid)
        if (!(point.weight * std::abs(point.gain - response(taps, std::acos(point.x) / pi)) <=
              std::abs(response_of.deviation()) * (1 + 1e-6) + 10 * roundoff))
            throw Error("the equiripple filter of order " + std::to_string(order) + " is lost in roundoff");
    return taps;
}

double response(const std::vector<double>& taps, double frequency) {
    require(taps.size() % 2 == 1, "a type I filter has an odd number of taps");
    const std::size_t half = taps.size() / 2;
    double sum = taps[half];
    for (std::size_t j = 1; j <= half; ++j)
        sum += 2 * taps[half + j] * std::cos(pi * frequency * static_cast<double>(j));
    return sum;
}

Matrix<double> filter_matrix(const std::vector<double>& taps, Index n) {
    require(taps.size() % 2 == 1, "a type I filter has an odd number of taps");
    const Index half = static_cast<Index>(taps.size() / 2), last = n - 1;
    require(half <= 2 * last, "the filter is longer than the extended signal");
    const auto reflected = [last](Index j) {
        j = std::abs(j);
        return std::abs(j > last ? 2 * last - j : j);
    };
    Matrix<double> M(n, n);
    for (Index i = 0; i < n; ++i)
        for (Index q = -half; q <= half; ++q)
            M(i, reflected(i - q)) += taps[q + half];
    return M;
}

Matrix<double> replica_filter(Backend<double>& on, Index n) {
    const Vector high = equiripple(256, {{0, 0.001, 0}, {0.008, 1, 1}});
    const Vector low = equiripple(32, {{0, 0.01, 1}, {0.3, 1, 0}});
    return multiply(on, Op::none, Op::none, filter_matrix(low, n), filter_matrix(high, n));
}

// ---- replica -------------------------------------------------------------------------------------------------------

namespace {

struct LinearFit {
    double mean = 0, median = 0, lambda = 0;
};

// Of answers that are not negative.
Vector clipped_errors(Matrix<double> estimate, const Matrix<double>& Y) {
    for (double& value : estimate.values())
        value = std::max(value, 0.0);
    return column_errors(estimate, Y);
}

// S S^T = V diag(w) V^T once; then T S_v = (Y S^T V) (w + lambda tr / n)^-1 (V^T S_v) for each lambda.
LinearFit ridge(Backend<double>& on, const Matrix<double>& S, const Matrix<double>& Y, const Matrix<double>& S_v,
                const Matrix<double>& Y_v) {
    const Eigh g = eigh(on, gram(on, S));
    const Matrix<double> C = multiply(on, Op::none, Op::none, multiply(on, Op::none, Op::transpose, Y, S), g.V);
    const Matrix<double> Z = multiply(on, Op::transpose, Op::none, g.V, S_v);
    const double scale = std::accumulate(g.w.begin(), g.w.end(), 0.0) / static_cast<double>(S.rows());
    require(scale > 0, "training columns are zero");
    LinearFit best;
    for (int step = 0; step <= 28; ++step) {  // lambda from 1e-14 to 1
        const double lambda = std::pow(10.0, -14 + 0.5 * step);
        Matrix<double> scaled = C;
        for (Index j = 0; j < C.cols(); ++j)
            for (double& value : scaled.column(j))
                value /= std::max(g.w[j], 0.0) + lambda * scale;
        const Vector errors = clipped_errors(multiply(on, Op::none, Op::none, scaled, Z), Y_v);
        const double mean = mean_of(errors);
        if (step == 0 || mean < best.mean)
            best = {mean, median_of(errors), lambda};
    }
    return best;
}

}  // namespace

Replica fit_replica(Backend<double>& on, const Matrix<double>& X, const Matrix<double>& Y,
                    const Matrix<double>& X_validation, const Matrix<double>& Y_validation) {
    require(X.cols() == Y.cols() && X_validation.cols() == Y_validation.cols() && X.rows() == X_validation.rows() &&
                Y.rows() == Y_validation.rows() && X.cols() > 0 && X_validation.cols() > 0,
            "training and validation arrays do not fit each other");
    const Matrix<double> A = replica_filter(on, X.rows());
    const auto filtered = [&](const Matrix<double>& M) { return multiply(on, Op::none, Op::none, A, M); };
    const LinearFit with = ridge(on, filtered(X), Y, filtered(X_validation), Y_validation);
    const LinearFit without = ridge(on, X, Y, X_validation, Y_validation);
    return {with.mean, with.median, without.mean, without.median, with.lambda};
}

}  // namespace descrambler
