#include "analysis/relaxometry/biexponential.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "descrambler/random.hpp"

namespace descrambler {

namespace {

using Pair = std::array<double, 2>;
constexpr std::array<double, 12> rate_grid{-6, -3, -1.5, -.5, .01, .5, 1, 2, 4, 8, 16, 32};
constexpr int curves_of_a_kind = 20;

double inner(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Least squares of v on two exponentials for given rates, by orthogonalisation: equal rates leave one column.
class Projection {
public:
    explicit Projection(std::span<const double> v) : v_(v), first_(v.size()), second_(v.size()) {}

    // |v - fit|^2
    double operator()(const Pair& k) {
        fill(k[0], first_, scale_[0]);
        fill(k[1], second_, scale_[1]);
        norm_ = std::sqrt(inner(first_, first_));
        for (double& x : first_)
            x /= norm_;
        const double whole = std::sqrt(inner(second_, second_));
        overlap_ = inner(first_, second_);
        for (std::size_t i = 0; i < second_.size(); ++i)
            second_[i] -= overlap_ * first_[i];
        rest_ = std::sqrt(inner(second_, second_));
        if (rest_ > 1e-9 * whole)
            for (double& x : second_)
                x /= rest_;
        else  // the same curve twice, to rounding
            rest_ = 0, std::fill(second_.begin(), second_.end(), 0.0);
        along_ = {inner(first_, v_), inner(second_, v_)};
        double sum = 0;
        for (std::size_t i = 0; i < v_.size(); ++i)
            sum += std::pow(v_[i] - along_[0] * first_[i] - along_[1] * second_[i], 2);
        return sum;
    }
    // Of the last call.
    [[nodiscard]] Pair coefficients() const {
        const double c2 = rest_ > 0 ? along_[1] / rest_ : 0;
        return {(along_[0] - c2 * overlap_) / norm_ * scale_[0], c2 * scale_[1]};
    }
    [[nodiscard]] std::vector<double> curve() const {
        std::vector<double> fit(v_.size());
        for (std::size_t i = 0; i < fit.size(); ++i)
            fit[i] = along_[0] * first_[i] + along_[1] * second_[i];
        return fit;
    }

private:
    static void fill(double k, std::vector<double>& column, double& scale) {  // largest value 1
        const double top = std::max(0.0, -k), step = 1 / static_cast<double>(column.size() - 1);
        for (std::size_t i = 0; i < column.size(); ++i)
            column[i] = std::exp(-k * static_cast<double>(i) * step - top);
        scale = std::exp(-top);
    }

    std::span<const double> v_;
    std::vector<double> first_, second_;
    Pair scale_{}, along_{};
    double norm_ = 0, overlap_ = 0, rest_ = 0;
};

// Nelder and Mead, two parameters, standard coefficients.
Pair descend(Projection& misfit, const Pair& start, int iterations) {
    struct Corner {
        Pair k;
        double value;
    };
    const auto corner = [&](const Pair& k) { return Corner{k, misfit(k)}; };
    const auto moved = [](const Pair& from, const Pair& to, double t) {
        return Pair{from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])};
    };
    std::array<Corner, 3> simplex{corner(start), corner({start[0] * 1.05, start[1]}),
                                  corner({start[0], start[1] * 1.05})};
    for (int iteration = 0; iteration < iterations; ++iteration) {
        std::stable_sort(simplex.begin(), simplex.end(),
                         [](const Corner& a, const Corner& b) { return a.value < b.value; });
        const Pair centre = moved(simplex[0].k, simplex[1].k, 0.5);
        const Corner reflected = corner(moved(centre, simplex[2].k, -1));
        if (reflected.value < simplex[0].value) {
            const Corner expanded = corner(moved(centre, simplex[2].k, -2));
            simplex[2] = expanded.value < reflected.value ? expanded : reflected;
        } else if (reflected.value < simplex[1].value) {
            simplex[2] = reflected;
        } else {
            const bool outside = reflected.value < simplex[2].value;
            const Corner contracted = corner(moved(centre, simplex[2].k, outside ? -0.5 : 0.5));
            if (contracted.value < std::min(reflected.value, simplex[2].value)) {
                simplex[2] = contracted;
            } else {
                simplex[1] = corner(moved(simplex[0].k, simplex[1].k, 0.5));
                simplex[2] = corner(moved(simplex[0].k, simplex[2].k, 0.5));
            }
        }
    }
    return std::min_element(simplex.begin(), simplex.end(),
                            [](const Corner& a, const Corner& b) { return a.value < b.value; })
        ->k;
}

}  // namespace

BiexponentialFit fit_biexponential(std::span<const double> v) {
    require(v.size() >= 5, "fit_biexponential needs at least five points");
    Projection misfit(v);
    Pair best{rate_grid[0], rate_grid[1]};
    double least = misfit(best);
    for (std::size_t a = 0; a < rate_grid.size(); ++a)
        for (std::size_t b = a + 1; b < rate_grid.size(); ++b)
            if (const double value = misfit({rate_grid[a], rate_grid[b]}); value < least) {
                least = value;
                best = {rate_grid[a], rate_grid[b]};
            }
    BiexponentialFit fit;
    fit.k = descend(misfit, best, 400);
    least = misfit(fit.k);
    fit.c = misfit.coefficients();
    fit.curve = misfit.curve();
    const double mean = std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    double spread = 0;
    for (const double x : v)
        spread += (x - mean) * (x - mean);
    fit.r2 = spread > 0 ? 1 - least / spread : 0;  // a constant has nothing to explain
    return fit;
}

std::vector<double> smoothed_5(std::span<const double> v) {
    std::vector<double> smooth;
    const Index n = std::ssize(v);
    for (Index i = 0; i < n; ++i) {
        const Index reach = std::min({Index{2}, i, n - 1 - i});
        double sum = 0;
        for (Index j = i - reach; j <= i + reach; ++j)
            sum += v[static_cast<std::size_t>(j)];
        smooth.push_back(sum / static_cast<double>(2 * reach + 1));
    }
    return smooth;
}

Index sign_changes(std::span<const double> v) {
    const std::vector<double> smooth = smoothed_5(v);
    double top = 0;
    for (const double x : smooth)
        top = std::max(top, std::abs(x));
    Index changes = 0;
    double last = 0;
    for (const double x : smooth) {
        if (std::abs(x) <= 0.05 * top)
            continue;
        if (last * x < 0)
            ++changes;
        last = x;
    }
    return changes;
}

BiexponentialReading read_biexponential(Backend<double>& on, const Network& network) {
    const Matrix<double>& W = network.layers.front().weight;
    const Index half = W.cols() / 2;
    if (W.cols() % 2 != 0 || half < 5 || W.rows() < biexponential_vectors)
        throw InputError(
            "biexponential vectors: expected two tracks of at least 5 points and a layer of at least 3, found " +
            std::to_string(W.cols()) + " inputs and " + std::to_string(W.rows()) + " outputs");
    const Svd parts = svd(on, W);
    BiexponentialReading reading;
    reading.singular = parts.s;
    reading.vectors = reading.curves = Matrix<double>(W.cols(), biexponential_vectors);
    reading.r2 = reading.smoothed_r2 = reading.sign_changes = Matrix<double>(2, biexponential_vectors);
    for (Index j = 0; j < biexponential_vectors; ++j) {
        const auto from = parts.V.column(j);
        const double sign = std::accumulate(from.begin(), from.begin() + half, 0.0) < 0 ? -1 : 1;
        std::transform(from.begin(), from.end(), reading.vectors.column(j).begin(), [&](double x) { return sign * x; });
        for (Index h = 0; h < 2; ++h) {
            const auto v = std::as_const(reading.vectors)
                               .column(j)
                               .subspan(static_cast<std::size_t>(h * half), static_cast<std::size_t>(half));
            const BiexponentialFit fit = fit_biexponential(v);
            std::copy(fit.curve.begin(), fit.curve.end(), reading.curves.column(j).begin() + h * half);
            reading.r2(h, j) = fit.r2;
            reading.smoothed_r2(h, j) = fit_biexponential(smoothed_5(v)).r2;
            reading.sign_changes(h, j) = static_cast<double>(sign_changes(v));
        }
    }
    const auto v1 = std::as_const(reading.vectors).column(0);
    const auto first = v1.first(static_cast<std::size_t>(half)), second = v1.last(static_cast<std::size_t>(half));
    const double norm = std::sqrt(inner(first, first) * inner(second, second));
    reading.half_likeness = norm > 0 ? std::abs(inner(first, second)) / norm : 0;
    return reading;
}

std::vector<CurveScore> generic_curve_scores(Index points, std::uint64_t seed) {
    std::vector<CurveScore> scores;
    std::vector<double> v(static_cast<std::size_t>(points));
    const double n = static_cast<double>(points);
    for (int k = 1; k <= 3; ++k) {
        for (std::size_t i = 0; i < v.size(); ++i)
            v[i] = std::cos(std::numbers::pi * k * (static_cast<double>(i) + 0.5) / n);
        scores.push_back({"DCT vector " + std::to_string(k), {fit_biexponential(v).r2}});
    }
    for (int k = 1; k <= 3; ++k) {
        for (std::size_t i = 0; i < v.size(); ++i)
            v[i] = std::legendre(static_cast<unsigned>(k), 2 * static_cast<double>(i) / (n - 1) - 1);
        scores.push_back({"Legendre P" + std::to_string(k), {fit_biexponential(v).r2}});
    }
    CurveScore walks{"random walk", {}}, noise{"white noise", {}};
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < curves_of_a_kind; ++i) {
            RandomStream random(seed, stream::curves + static_cast<std::uint64_t>(kind * curves_of_a_kind + i));
            double place = 0;
            for (double& x : v) {
                const double g = random.normal();
                x = kind == 0 ? place += g : g;
            }
            (kind == 0 ? walks : noise).r2.push_back(fit_biexponential(v).r2);
        }
    scores.push_back(std::move(walks));
    scores.push_back(std::move(noise));
    return scores;
}

std::vector<CurveScore> principal_component_scores(Backend<double>& on, const Matrix<double>& traces) {
    Matrix<double> centred = traces;
    for (Index i = 0; i < centred.rows(); ++i) {
        double mean = 0;
        for (Index j = 0; j < centred.cols(); ++j)
            mean += centred(i, j) / static_cast<double>(centred.cols());
        for (Index j = 0; j < centred.cols(); ++j)
            centred(i, j) -= mean;
    }
    const Eigh parts = eigh(on, gram(on, centred));
    std::vector<CurveScore> scores;
    for (Index k = 1; k <= 3; ++k)
        scores.push_back(
            {"PCA vector " + std::to_string(k), {fit_biexponential(parts.V.column(parts.V.cols() - k)).r2}});
    return scores;
}

}  // namespace descrambler
