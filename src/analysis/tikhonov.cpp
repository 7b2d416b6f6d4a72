#include "descrambler/tikhonov.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/finite.hpp"
#include "descrambler/statistics.hpp"

namespace descrambler {

namespace {

using Vector = std::vector<double>;
using Support = std::vector<char>;  // 1 where an unknown is free, 0 where it is held at zero

constexpr double unit_roundoff = std::numeric_limits<double>::epsilon() / 2;

// ---- non-negative quadratic programme ------------------------------------------------------------------------------

class NonnegativeSolver {
public:
    NonnegativeSolver(Backend<double>& on, Index n)
        : on_(on), n_(n), A_(on.allocate(n * n)), B_(on.allocate(2 * n)), packed_(static_cast<std::size_t>(n * n)) {}

    // `support` holds a first guess and, on return, the support of the solution.
    Vector solve(const Matrix<double>& H, const Vector& f, Support& support) {
        Vector x;
        if (!block_pivoting(H, f, support, x))
            active_set(H, f, support, x);
        for (double& value : x)
            value = std::max(value, 0.0);
        return x;
    }

    void active_set(const Matrix<double>& H, const Vector& f, Support& support, Vector& x);

    // One or two columns: H_FF^-1 b_F on the support F, zero elsewhere.
    std::vector<Vector> solve_on(const Matrix<double>& H, const Support& support, const std::vector<Vector>& columns);

private:
    bool block_pivoting(const Matrix<double>& H, const Vector& f, Support& support, Vector& x);

    // y = H x - f and the roundoff level below which its sign means nothing.
    void multipliers(const Matrix<double>& H, const Vector& f, const Vector& x, Vector& y, Vector& noise) const;
    [[nodiscard]] double noise_of(const Vector& x) const {
        double largest = 0;
        for (const double value : x)
            largest = std::max(largest, std::abs(value));
        return roundoff() * largest;
    }
    [[nodiscard]] double roundoff() const { return 8.0 * static_cast<double>(n_) * unit_roundoff; }

    Backend<double>& on_;
    Index n_;
    Buffer<double> A_, B_;
    Vector packed_;
};

std::vector<Vector> NonnegativeSolver::solve_on(const Matrix<double>& H, const Support& support,
                                                const std::vector<Vector>& columns) {
    const Index r = static_cast<Index>(columns.size());
    std::vector<Index> free;
    for (Index i = 0; i < n_; ++i)
        if (support[i])
            free.push_back(i);
    std::vector<Vector> x(columns.size(), Vector(static_cast<std::size_t>(n_)));
    const Index m = static_cast<Index>(free.size());
    if (m == 0)
        return x;

    // only the lower triangle is read; on the host it is written straight to where it is solved
    const auto A = A_.view(m, m), B = B_.view(m, r);
    double* const packed = on_.on_host() ? A.data : packed_.data();
    for (Index j = 0; j < m; ++j) {
        const double* column = &H(0, free[j]);
        double* to = packed + j * m;
        for (Index i = j; i < m; ++i)
            to[i] = column[free[i]];
    }
    Vector b;
    b.reserve(static_cast<std::size_t>(m * r));
    for (const Vector& column : columns)
        for (const Index i : free)
            b.push_back(column[i]);
    if (!on_.on_host())
        on_.upload(packed, A);
    on_.upload(b.data(), B);
    on_.cholesky_solve(A, B);
    on_.download(B, b.data());
    for (Index c = 0; c < r; ++c)
        for (Index i = 0; i < m; ++i)
            x[c][free[i]] = b[c * m + i];
    return x;
}

void NonnegativeSolver::multipliers(const Matrix<double>& H, const Vector& f, const Vector& x, Vector& y,
                                    Vector& noise) const {
    y.assign(f.size(), 0.0);
    noise.assign(f.size(), 0.0);
    for (Index j = 0; j < n_; ++j) {
        const double value = x[j];
        if (value == 0)
            continue;
        const double* column = &H(0, j);
        for (Index i = 0; i < n_; ++i) {
            y[i] += column[i] * value;
            noise[i] += std::abs(column[i] * value);
        }
    }
    for (Index i = 0; i < n_; ++i) {
        y[i] -= f[i];
        noise[i] = roundoff() * (noise[i] + std::abs(f[i]));
    }
}

// Exchanges all infeasible unknowns while that makes their number fall, then one at a time (Murty's rule).
bool NonnegativeSolver::block_pivoting(const Matrix<double>& H, const Vector& f, Support& support, Vector& x) {
    constexpr int patience = 3, exchanges = 100;
    Index fewest = n_ + 1;
    int left = patience;
    Vector y, noise;
    std::vector<Index> infeasible;
    for (int step = 0; step < exchanges; ++step) {
        x = solve_on(H, support, {f})[0];
        multipliers(H, f, x, y, noise);
        const double x_noise = noise_of(x);
        infeasible.clear();
        for (Index i = 0; i < n_; ++i)
            if (support[i] ? x[i] < -x_noise : y[i] < -noise[i])
                infeasible.push_back(i);
        const Index count = static_cast<Index>(infeasible.size());
        if (count == 0)
            return true;
        if (count < fewest) {
            fewest = count;
            left = patience;
        } else if (left > 0) {
            --left;
        } else {
            infeasible.erase(infeasible.begin(), infeasible.end() - 1);
        }
        for (const Index i : infeasible)
            support[i] = !support[i];
    }
    return false;
}

void NonnegativeSolver::active_set(const Matrix<double>& H, const Vector& f, Support& support, Vector& x) {
    support.assign(f.size(), 0);
    x.assign(f.size(), 0.0);
    Support refused(f.size(), 0);  // entered and left at once, by roundoff: not again until x has moved
    Vector y, noise;
    for (Index step = 0; step < 10 * n_ + 10; ++step) {
        multipliers(H, f, x, y, noise);
        Index entering = -1;
        for (Index i = 0; i < n_; ++i)
            if (!support[i] && !refused[i] && y[i] < -noise[i] && (entering < 0 || y[i] < y[entering]))
                entering = i;
        if (entering < 0)
            return;
        support[entering] = 1;
        Vector z = solve_on(H, support, {f})[0];
        if (z[entering] <= 0) {
            support[entering] = 0;
            refused[entering] = 1;
            continue;
        }
        // Move from x towards z as far as x stays feasible; unknowns that reach zero leave the support.
        for (;;) {
            double fraction = 1;
            Index leaving = -1;
            for (Index i = 0; i < n_; ++i)
                if (support[i] && z[i] <= 0 && x[i] <= fraction * (x[i] - z[i])) {
                    fraction = x[i] / (x[i] - z[i]);
                    leaving = i;
                }
            if (leaving < 0)
                break;
            for (Index i = 0; i < n_; ++i)
                x[i] += fraction * (z[i] - x[i]);
            for (Index i = 0; i < n_; ++i)
                if (support[i] && (i == leaving || x[i] <= 0)) {
                    support[i] = 0;
                    x[i] = 0;
                }
            z = solve_on(H, support, {f})[0];
        }
        x = z;
        std::fill(refused.begin(), refused.end(), 0);
    }
    throw Error("the active set method did not finish: the matrix is not positive definite");
}

void check_quadratic(const Matrix<double>& H, const Vector& f) {
    require(H.rows() == H.cols() && H.rows() == static_cast<Index>(f.size()), "H is [n, n], f is [n]");
}

// ---- model ---------------------------------------------------------------------------------------------------------

constexpr double background_lambda = 100;                              // of step 1
constexpr double jitter = 1e-10;                                       // added to the diagonal of H
constexpr double log_rate_min = -6.907755278982137, log_rate_max = 0;  // k from 1e-3 to 1
constexpr double shape_limit = 4;

double dimension_of(double shape) {
    return 2 + 1.5 / (1 + std::exp(-shape));
}

// What all traces of one table share.
struct Model {
    std::vector<double> time_us;
    Matrix<double> design;   // [1 + distances, times], [1, K]^T
    Matrix<double> penalty;  // [1 + distances, 1 + distances], L0^T L0
    [[nodiscard]] Index unknowns() const { return design.rows(); }
    [[nodiscard]] Index times() const { return design.cols(); }
};

Model make_model(const DeerTables& tables) {
    const Index N = tables.kernel.rows(), M = tables.kernel.cols();
    require(N == static_cast<Index>(tables.time_us.size()) && M >= 3, "kernel does not fit its axes");
    Model model{tables.time_us, Matrix<double>(M + 1, N), Matrix<double>(M + 1, M + 1)};
    for (Index t = 0; t < N; ++t) {
        model.design(0, t) = 1;
        for (Index j = 0; j < M; ++j)
            model.design(j + 1, t) = tables.kernel(t, j);
    }
    constexpr std::array<double, 3> stencil{1, -2, 1};
    for (Index row = 0; row + 2 < M; ++row)
        for (Index a = 0; a < 3; ++a)
            for (Index b = 0; b < 3; ++b)
                model.penalty(1 + row + a, 1 + row + b) += stencil[a] * stencil[b];
    return model;
}

// One trace at one background: A^T, the Hessian without penalty, A^T v.
struct Linearised {
    Matrix<double> At;   // [unknowns, times]
    Matrix<double> AtA;  // [unknowns, unknowns]
    Vector Atv;
};

Vector times_design(const Matrix<double>& At, const Vector& x) {  // A x
    Vector y(static_cast<std::size_t>(At.cols()));
    for (Index t = 0; t < At.cols(); ++t) {
        const auto column = At.column(t);
        y[t] = std::transform_reduce(column.begin(), column.end(), x.begin(), 0.0);
    }
    return y;
}

Vector transposed_times(const Matrix<double>& At, std::span<const double> y) {  // A^T y
    Vector x(static_cast<std::size_t>(At.rows()));
    for (Index t = 0; t < At.cols(); ++t) {
        const double* column = &At(0, t);
        for (Index i = 0; i < At.rows(); ++i)
            x[i] += column[i] * y[t];
    }
    return x;
}

Linearised linearise(Backend<double>& on, const Model& model, std::span<const double> v, double log_rate,
                     double shape) {
    const double rate = std::exp(log_rate), power = dimension_of(shape) / 3;
    Linearised at{model.design, {}, {}};
    for (Index t = 0; t < model.times(); ++t) {
        const double background = std::exp(-std::pow(rate * model.time_us[t], power));
        for (double& value : at.At.column(t))
            value *= background;
    }
    at.AtA = gram(on, at.At);
    at.Atv = transposed_times(at.At, v);
    return at;
}

Matrix<double> hessian(const Matrix<double>& AtA, const Matrix<double>& penalty, double lambda) {
    Matrix<double> H = AtA;
    const auto h = H.values();
    const auto r = penalty.values();
    for (std::size_t i = 0; i < h.size(); ++i)
        h[i] += lambda * lambda * r[i];
    for (Index i = 0; i < H.rows(); ++i)
        H(i, i) += jitter;
    return H;
}

double inner(const Vector& a, const Vector& b) {
    return std::transform_reduce(a.begin(), a.end(), b.begin(), 0.0);
}

// a^T L0^T L0 b
double penalty_product(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 1; i + 2 < a.size(); ++i)
        sum += (a[i] - 2 * a[i + 1] + a[i + 2]) * (b[i] - 2 * b[i + 1] + b[i + 2]);
    return sum;
}

// ---- step 1: background --------------------------------------------------------------------------------------------

// Half the squared residual of step 1 at (log k, s), the linear unknowns eliminated (variable projection).
struct BackgroundPoint {
    std::array<double, 2> at{};  // log k, s
    double cost = 0;
    Support support;
    Vector x, fit, residual;
    Linearised linear;
    Matrix<double> H;
};

BackgroundPoint evaluate(Backend<double>& on, const Model& model, NonnegativeSolver& solver, std::span<const double> v,
                         std::array<double, 2> at, Support support) {
    BackgroundPoint p;
    p.at = at;
    p.support = std::move(support);
    p.linear = linearise(on, model, v, at[0], at[1]);
    p.H = hessian(p.linear.AtA, model.penalty, background_lambda);
    p.x = solver.solve(p.H, p.linear.Atv, p.support);
    p.fit = times_design(p.linear.At, p.x);
    p.residual = p.fit;
    for (std::size_t t = 0; t < p.fit.size(); ++t)
        p.residual[t] -= v[t];
    p.cost = 0.5 * (inner(p.residual, p.residual) + background_lambda * background_lambda * penalty_product(p.x, p.x));
    return p;
}

struct Derivatives {
    std::array<double, 2> gradient{};            // J^T residual
    std::array<std::array<double, 2>, 2> JtJ{};  // Gauss-Newton
};

// With E = d log B / d theta: d(A x) = E A x + A dx, and dx on the support F solves
//   H_FF dx = -A_F^T E (residual + A x);
// the support does not move under a small step.
Derivatives differentiate(const Model& model, NonnegativeSolver& solver, const BackgroundPoint& p) {
    const std::size_t N = model.time_us.size();
    const double rate = std::exp(p.at[0]), power = dimension_of(p.at[1]) / 3;
    const double exponential = std::exp(-p.at[1]);
    const double power_by_shape = 0.5 * exponential / ((1 + exponential) * (1 + exponential));
    std::vector<Vector> E(2, Vector(N)), rhs;
    for (std::size_t t = 0; t < N; ++t) {
        const double kt = rate * model.time_us[t];
        if (kt <= 0)
            continue;
        const double exponent = std::pow(kt, power);
        E[0][t] = -exponent * power;
        E[1][t] = -exponent * std::log(kt) * power_by_shape;
    }
    for (const Vector& e : E) {
        Vector scaled(N);
        for (std::size_t t = 0; t < N; ++t)
            scaled[t] = -e[t] * (p.residual[t] + p.fit[t]);
        rhs.push_back(transposed_times(p.linear.At, scaled));
    }
    const std::vector<Vector> dx = solver.solve_on(p.H, p.support, rhs);
    std::vector<Vector> J;
    for (std::size_t a = 0; a < 2; ++a) {
        J.push_back(times_design(p.linear.At, dx[a]));
        for (std::size_t t = 0; t < N; ++t)
            J[a][t] += E[a][t] * p.fit[t];
    }
    constexpr double weight = background_lambda * background_lambda;
    Derivatives d;
    for (std::size_t a = 0; a < 2; ++a) {
        d.gradient[a] = inner(J[a], p.residual) + weight * penalty_product(dx[a], p.x);
        for (std::size_t b = 0; b < 2; ++b)
            d.JtJ[a][b] = inner(J[a], J[b]) + weight * penalty_product(dx[a], dx[b]);
    }
    return d;
}

// Levenberg-Marquardt step inside the box: a parameter at a bound that wants out stays there.
std::array<double, 2> damped_step(const Derivatives& d, std::array<double, 2> at, double damping) {
    constexpr std::array<double, 2> lower{log_rate_min, -shape_limit}, upper{log_rate_max, shape_limit};
    std::array<bool, 2> held{};
    for (std::size_t a = 0; a < 2; ++a)
        held[a] = (at[a] <= lower[a] && d.gradient[a] > 0) || (at[a] >= upper[a] && d.gradient[a] < 0);
    std::array<double, 2> next = at;
    const double tiny = 1e-12 * (d.JtJ[0][0] + d.JtJ[1][1]) + std::numeric_limits<double>::min();
    const double aa = d.JtJ[0][0] * (1 + damping) + tiny, bb = d.JtJ[1][1] * (1 + damping) + tiny;
    const double ab = held[0] || held[1] ? 0 : d.JtJ[0][1];
    const double determinant = aa * bb - ab * ab;
    if (!held[0])
        next[0] -= (bb * d.gradient[0] - ab * d.gradient[1]) / determinant;
    if (!held[1])
        next[1] -= (aa * d.gradient[1] - ab * d.gradient[0]) / determinant;
    for (std::size_t a = 0; a < 2; ++a)
        next[a] = std::clamp(next[a], lower[a], upper[a]);
    return next;
}

BackgroundPoint fit_background(Backend<double>& on, const Model& model, NonnegativeSolver& solver,
                               std::span<const double> v, std::array<double, 2> start, const Support& support) {
    constexpr int evaluations = 12;
    constexpr double step_tolerance = 1e-4, cost_tolerance = 1e-7;
    BackgroundPoint best = evaluate(on, model, solver, v, start, support);
    Derivatives d = differentiate(model, solver, best);
    double damping = 1e-2;
    for (int evaluation = 1; evaluation < evaluations; ++evaluation) {
        const auto next = damped_step(d, best.at, damping);
        if (std::max(std::abs(next[0] - best.at[0]), std::abs(next[1] - best.at[1])) < step_tolerance)
            break;
        BackgroundPoint trial = evaluate(on, model, solver, v, next, best.support);
        if (!(trial.cost < best.cost)) {
            damping *= 10;
            continue;
        }
        const bool converged = best.cost - trial.cost < cost_tolerance * best.cost;
        best = std::move(trial);
        if (converged)
            break;
        damping *= 0.2;
        d = differentiate(model, solver, best);
    }
    return best;
}

// ---- all three steps -----------------------------------------------------------------------------------------------

Vector lambda_grid() {  // logspace(0, 4, 17)
    Vector grid;
    for (int i = 0; i <= 16; ++i)
        grid.push_back(std::pow(10.0, 0.25 * i));
    return grid;
}

// M = A (A^T A + mu R)^-1 A^T = U diag(w) U^T gives the hat matrix of every lambda as
// U diag(w / (w + (lambda^2 / mu) (1 - w))) U^T.
Vector cross_validation(Backend<double>& on, const Matrix<double>& At, const Matrix<double>& AtA,
                        const Matrix<double>& R, std::span<const double> v, std::span<const double> lambdas) {
    constexpr double mu = 1e4;  // the middle of the grid, lambda = 100
    const Index N = At.cols();
    const Matrix<double> solved = cholesky_solve(on, hessian(AtA, R, std::sqrt(mu)), At);
    Matrix<double> M = multiply(on, Op::transpose, Op::none, At, solved);
    for (Index i = 0; i < N; ++i)
        for (Index j = 0; j < i; ++j)
            M(i, j) = M(j, i) = 0.5 * (M(i, j) + M(j, i));
    const Eigh hat = eigh(on, M);
    Vector coefficient(static_cast<std::size_t>(N));
    for (Index i = 0; i < N; ++i) {
        const auto u = hat.V.column(i);
        coefficient[i] = std::transform_reduce(u.begin(), u.end(), v.begin(), 0.0);
    }
    Vector result;
    for (const double lambda : lambdas) {
        double residual = 0, freedom = 0;
        for (Index i = 0; i < N; ++i) {
            const double w = std::clamp(hat.w[i], 0.0, 1.0), lost = lambda * lambda / mu * (1 - w);
            const double rest = lost + w > 0 ? lost / (w + lost) : 0.0;
            residual += rest * rest * coefficient[i] * coefficient[i];
            freedom += rest;
        }
        result.push_back(residual / (freedom * freedom));
    }
    return result;
}

TikhonovFit fit_trace(Backend<double>& on, const Model& model, std::span<const double> v) {
    require(static_cast<Index>(v.size()) == model.times(), "trace does not fit the tables");
    require(all_finite(v), "trace holds a value that is not finite");
    NonnegativeSolver solver(on, model.unknowns());
    const Support everything(static_cast<std::size_t>(model.unknowns()), 1);
    BackgroundPoint background = fit_background(on, model, solver, v, {std::log(0.05), 0}, everything);
    BackgroundPoint other = fit_background(on, model, solver, v, {std::log(0.3), 0}, background.support);
    if (other.cost < background.cost)
        background = std::move(other);

    const Vector lambdas = lambda_grid();
    const Vector gcv = cross_validation(on, background.linear.At, background.linear.AtA, model.penalty, v, lambdas);
    const Index chosen = std::min_element(gcv.begin(), gcv.end()) - gcv.begin();

    TikhonovFit fit;
    fit.lambda = lambdas[chosen];
    fit.lambda_interior = chosen > 0 && chosen + 1 < static_cast<Index>(lambdas.size());
    fit.rate_mhz = std::exp(background.at[0]);
    fit.dimension = dimension_of(background.at[1]);
    const Vector x = solver.solve(hessian(background.linear.AtA, model.penalty, fit.lambda), background.linear.Atv,
                                  background.support);
    fit.distribution.assign(x.begin() + 1, x.end());
    const double mass = std::accumulate(fit.distribution.begin(), fit.distribution.end(), 0.0);
    const double largest = *std::max_element(fit.distribution.begin(), fit.distribution.end());
    if (largest > 0) {
        fit.depth = mass / (x[0] + mass);
        for (double& value : fit.distribution)
            value /= largest;
    }
    return fit;
}

// Against a target over its largest value.
double scaled_error(const Vector& estimate, std::span<const double> target) {
    const double largest = *std::max_element(target.begin(), target.end());
    Vector scaled;
    for (const double value : target)
        scaled.push_back(value / largest);
    return relative_error(estimate, scaled);
}

}  // namespace

std::vector<double> nonnegative_quadratic(Backend<double>& on, const Matrix<double>& H, const std::vector<double>& f) {
    check_quadratic(H, f);
    Support support(f.size(), 1);
    return NonnegativeSolver(on, H.rows()).solve(H, f, support);
}

std::vector<double> nonnegative_active_set(Backend<double>& on, const Matrix<double>& H, const std::vector<double>& f) {
    check_quadratic(H, f);
    Support support;
    Vector x;
    NonnegativeSolver(on, H.rows()).active_set(H, f, support, x);
    return x;
}

std::vector<double> generalised_cross_validation(Backend<double>& on, const Matrix<double>& At, const Matrix<double>& R,
                                                 std::span<const double> v, std::span<const double> lambdas) {
    require(R.rows() == At.rows() && R.cols() == At.rows() && static_cast<Index>(v.size()) == At.cols(),
            "A^T is [unknowns, N], R [unknowns, unknowns], v [N]");
    return cross_validation(on, At, gram(on, At), R, v, lambdas);
}

BackgroundCost background_cost(Backend<double>& on, const DeerTables& tables, const std::vector<double>& trace,
                               double log_rate, double shape) {
    const Model model = make_model(tables);
    require(static_cast<Index>(trace.size()) == model.times(), "trace does not fit the tables");
    NonnegativeSolver solver(on, model.unknowns());
    const BackgroundPoint p =
        evaluate(on, model, solver, trace, {log_rate, shape}, Support(static_cast<std::size_t>(model.unknowns()), 1));
    const Derivatives d = differentiate(model, solver, p);
    return {p.cost, d.gradient[0], d.gradient[1]};
}

TikhonovFit tikhonov_fit(Backend<double>& on, const DeerTables& tables, const std::vector<double>& trace) {
    return fit_trace(on, make_model(tables), trace);
}

TikhonovPeer tikhonov_peer(const DeerTables& tables, const Matrix<double>& traces, const Matrix<double>& targets,
                           int threads) {
    const Model model = make_model(tables);
    const Index n = traces.cols();
    require(traces.rows() == model.times() && targets.rows() + 1 == model.unknowns() && targets.cols() == n,
            "traces are [times, n], targets [distances, n]");
    TikhonovPeer peer;
    peer.fits.resize(static_cast<std::size_t>(n));
    peer.relative_error.resize(static_cast<std::size_t>(n));
    parallel_items(n, threads, [&](Index i, Backend<double>& on) {
        peer.fits[i] = fit_trace(on, model, traces.column(i));
        peer.relative_error[i] = scaled_error(peer.fits[i].distribution, targets.column(i));
    });
    return peer;
}

}  // namespace descrambler
