// u_j ~ alpha_j f_j(phi(s)): phi [0, 1] -> [-1, 1] is piecewise linear and increasing, ten segments whose heights are
// a softmax of ten numbers. The mean R^2 over j is maximised by BFGS with the exact gradient from several starts: a
// local method, so a lower bound.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "analysis/deer/findings_parts.hpp"

namespace descrambler {

namespace {

constexpr Index functions = 6;
constexpr std::size_t segments = 10;
using Parameters = std::array<double, segments>;
using Values = std::array<double, functions>;

// The functions f_0 .. f_5 and their slopes at x in [-1, 1].
using Family = std::function<void(double x, Values& value, Values& slope)>;

void chebyshev(double x, Values& T, Values& slope) {  // T_j, T_j' = j U_{j-1}
    std::array<double, functions> U{1, 2 * x};
    T[0] = 1, T[1] = x;
    slope[0] = 0, slope[1] = 1;
    for (std::size_t j = 2; j < T.size(); ++j) {
        T[j] = 2 * x * T[j - 1] - T[j - 2];
        U[j] = 2 * x * U[j - 1] - U[j - 2];
        slope[j] = static_cast<double>(j) * U[j - 1];
    }
}

void legendre(double x, Values& P, Values& slope) {  // P_j' = P_{j-2}' + (2 j - 1) P_{j-1}
    P[0] = 1, P[1] = x;
    slope[0] = 0, slope[1] = 1;
    for (std::size_t j = 2; j < P.size(); ++j) {
        const double n = static_cast<double>(j);
        P[j] = ((2 * n - 1) * x * P[j - 1] - (n - 1) * P[j - 2]) / n;
        slope[j] = slope[j - 2] + (2 * n - 1) * P[j - 1];
    }
}

Family interpolated(const Matrix<double>& vectors) {  // columns on a uniform grid over [-1, 1]
    return [&vectors](double x, Values& value, Values& slope) {
        const Index last = vectors.rows() - 1;
        const double per_x = 0.5 * static_cast<double>(last), position = (x + 1) * per_x;
        const Index left = std::clamp<Index>(static_cast<Index>(position), 0, last - 1);
        for (Index j = 0; j < functions; ++j) {
            const double rise = vectors(left + 1, j) - vectors(left, j);
            value[j] = vectors(left, j) + rise * (position - static_cast<double>(left));
            slope[j] = rise * per_x;
        }
    };
}

class WarpedObjective {
public:
    WarpedObjective(const Matrix<double>& vectors, const Family& family)
        : vectors_(vectors), family_(family), value_(static_cast<std::size_t>(vectors.rows())), slope_(value_) {
        for (Index j = 0; j < functions; ++j)
            for (const double u : vectors.column(j))
                square_[j] += u * u;
    }

    // Mean R^2, and its gradient.
    double operator()(const Parameters& theta, Parameters& gradient) {
        const Parameters height = softmax(theta);
        Values uf{}, ff{};
        walk(height, [&](Index i, std::size_t, double, double x) {
            family_(x, value_[i], slope_[i]);
            for (Index j = 0; j < functions; ++j) {
                uf[j] += vectors_(i, j) * value_[i][j];
                ff[j] += value_[i][j] * value_[i][j];
            }
        });
        double r2 = 0;
        Values scale{};  // alpha_j
        for (Index j = 0; j < functions; ++j) {
            scale[j] = findings::ratio(uf[j], ff[j]);
            r2 += findings::ratio(scale[j] * uf[j], square_[j]) / functions;
        }
        // dR^2_j / dphi_i = 2 alpha_j (u_i - alpha_j f_i) f_i' / |u|^2;  dphi_i / dheight_l = 2 for the segments l
        // before that of i, and 2 times the fraction passed for its own
        Parameters inside{}, beyond{};
        walk(height, [&](Index i, std::size_t segment, double fraction, double) {
            double pull = 0;
            for (Index j = 0; j < functions; ++j)
                pull +=
                    2 / static_cast<double>(functions) *
                    findings::ratio(scale[j] * (vectors_(i, j) - scale[j] * value_[i][j]) * slope_[i][j], square_[j]);
            inside[segment] += 2 * fraction * pull;
            beyond[segment] += 2 * pull;
        });
        Parameters by_height{};
        double later = 0, mean = 0;
        for (std::size_t l = segments; l-- > 0;) {
            by_height[l] = inside[l] + later;
            later += beyond[l];
            mean += height[l] * by_height[l];
        }
        for (std::size_t l = 0; l < segments; ++l)
            gradient[l] = height[l] * (by_height[l] - mean);
        return r2;
    }

private:
    static Parameters softmax(const Parameters& theta) {
        const double top = *std::max_element(theta.begin(), theta.end());
        Parameters height{};
        double sum = 0;
        for (std::size_t l = 0; l < segments; ++l)
            sum += height[l] = std::exp(theta[l] - top);
        for (double& h : height)
            h /= sum;
        return height;
    }
    // body(point, segment, fraction of the segment, phi) over the points s = i / (M - 1)
    template <class Body>
    void walk(const Parameters& height, const Body& body) const {
        Parameters left{-1};
        for (std::size_t l = 1; l < segments; ++l)
            left[l] = left[l - 1] + 2 * height[l - 1];
        const Index M = vectors_.rows();
        for (Index i = 0; i < M; ++i) {
            const double s = static_cast<double>(segments) * static_cast<double>(i) / static_cast<double>(M - 1);
            const std::size_t segment = std::min(static_cast<std::size_t>(s), segments - 1);
            const double fraction = s - static_cast<double>(segment);
            body(i, segment, fraction, std::min(1.0, left[segment] + 2 * height[segment] * fraction));
        }
    }

    const Matrix<double>& vectors_;
    const Family& family_;
    std::vector<Values> value_, slope_;
    Values square_{};
};

double inner(const Parameters& a, const Parameters& b) {
    double sum = 0;
    for (std::size_t l = 0; l < segments; ++l)
        sum += a[l] * b[l];
    return sum;
}

// Ascent by BFGS with backtracking.
double climb(WarpedObjective& objective, Parameters theta) {
    std::array<Parameters, segments> inverse{};  // of minus the Hessian
    const auto reset = [&] {
        inverse = {};
        for (std::size_t l = 0; l < segments; ++l)
            inverse[l][l] = 1;
    };
    reset();
    Parameters gradient{};
    double value = objective(theta, gradient);
    int idle = 0;  // iterations in a row that gained next to nothing
    for (int iteration = 0; iteration < 300 && idle < 3; ++iteration) {
        Parameters step{};
        for (std::size_t l = 0; l < segments; ++l)
            step[l] = inner(inverse[l], gradient);
        double slope = inner(step, gradient);
        if (slope <= 0) {
            reset();
            step = gradient;
            slope = inner(gradient, gradient);
        }
        const double longest = std::sqrt(inner(step, step));
        if (!(longest > 1e-9))
            break;
        double length = std::min(1.0, 2 / longest);  // at most two e-folds of a height
        Parameters next{}, next_gradient{};
        double next_value = value;
        for (int halving = 0; halving < 30; ++halving, length /= 2) {
            for (std::size_t l = 0; l < segments; ++l)
                next[l] = theta[l] + length * step[l];
            next_value = objective(next, next_gradient);
            if (next_value >= value + 1e-4 * length * slope)
                break;
        }
        if (!(next_value > value))
            break;
        Parameters moved{}, turned{};  // turned: fall of the gradient
        for (std::size_t l = 0; l < segments; ++l) {
            moved[l] = next[l] - theta[l];
            turned[l] = gradient[l] - next_gradient[l];
        }
        const double curvature = inner(moved, turned);
        if (curvature > 1e-14) {
            Parameters Hy{};
            for (std::size_t l = 0; l < segments; ++l)
                Hy[l] = inner(inverse[l], turned);
            const double yHy = inner(turned, Hy);
            for (std::size_t a = 0; a < segments; ++a)
                for (std::size_t b = 0; b < segments; ++b)
                    inverse[a][b] += (1 + yHy / curvature) * moved[a] * moved[b] / curvature -
                                     (moved[a] * Hy[b] + Hy[a] * moved[b]) / curvature;
        }
        idle = next_value - value < 1e-7 ? idle + 1 : 0;
        theta = next;
        gradient = next_gradient;
        value = next_value;
    }
    return value;
}

double best_fit(const Matrix<double>& vectors, const Family& family) {
    WarpedObjective objective(vectors, family);
    double best = 0;
    for (const double tilt : {-3.0, -1.5, 0.0, 1.5, 3.0}) {  // from slow to fast, even, from fast to slow
        Parameters start{};
        for (std::size_t l = 0; l < segments; ++l)
            start[l] = tilt * (static_cast<double>(l) / static_cast<double>(segments - 1) - 0.5);
        best = std::max(best, climb(objective, start));
    }
    Parameters cosine{};  // slow at both ends: phi = -cos(pi s)
    for (std::size_t l = 0; l < segments; ++l)
        cosine[l] =
            std::log(std::sin(std::numbers::pi * (static_cast<double>(l) + 0.5) / static_cast<double>(segments)));
    return std::max(best, climb(objective, cosine));
}

}  // namespace

namespace findings {

Matrix<double> covariance_vectors(Backend<double>& on, const std::vector<double>& distance_nm) {
    constexpr double length_nm = 0.4;
    const Index M = std::ssize(distance_nm);
    Matrix<double> C(M, M);
    for (Index j = 0; j < M; ++j)
        for (Index i = 0; i < M; ++i) {
            const double x = (distance_nm[i] - distance_nm[j]) / length_nm;
            C(i, j) = std::exp(-0.5 * x * x);
        }
    const Eigh e = eigh(on, C);
    Matrix<double> leading(M, functions);
    for (Index j = 0; j < functions; ++j)
        std::copy_n(e.V.column(M - 1 - j).data(), M, leading.column(j).data());
    return leading;
}

double chebyshev_r2(const Matrix<double>& vectors, const Parameters& theta, Parameters& gradient) {
    const Family family = chebyshev;  // the objective keeps a reference
    return WarpedObjective(vectors, family)(theta, gradient);
}

double chebyshev_fit(const Matrix<double>& vectors) {
    return best_fit(vectors, chebyshev);
}

}  // namespace findings

WarpedFit warped_fits(Backend<double>& on, const Matrix<double>& left_vectors, const std::vector<double>& distance_nm) {
    require(left_vectors.rows() == std::ssize(distance_nm) && left_vectors.cols() >= functions,
            "warped_fits needs six vectors on the distance grid");
    const Matrix<double> covariance = findings::covariance_vectors(on, distance_nm);
    return {best_fit(left_vectors, chebyshev), best_fit(left_vectors, legendre),
            best_fit(left_vectors, interpolated(covariance))};
}

}  // namespace descrambler
