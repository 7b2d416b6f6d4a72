#include "descrambler/optimiser.hpp"

#include <cmath>

#include "core/descent.hpp"
#include "core/lbfgs.hpp"

namespace descrambler {
namespace {

Matrix<double> cayley(Backend<double>& on, const std::vector<double>& q, Index n) {
    const Index count = n * (n - 1) / 2;
    const Buffer<double> generator = on.allocate(count), P = on.allocate(n * n);
    on.upload(q.data(), generator.view(count, 1));
    on.cayley(generator.view(count, 1), P.view(n, n));
    Matrix<double> out(n, n);
    on.download(P.view(n, n), out.data());
    return out;
}

// -2 lower(Gamma P^T - P Gamma^T), column by column
std::vector<double> recentred_gradient(Backend<double>& on, const Matrix<double>& P, const Matrix<double>& Gamma) {
    const Matrix<double> A = multiply(on, Op::none, Op::transpose, Gamma, P);
    std::vector<double> g;
    g.reserve(static_cast<std::size_t>(P.rows() * (P.rows() - 1) / 2));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = j + 1; i < A.rows(); ++i)
            g.push_back(-2 * (A(i, j) - A(j, i)));
    return g;
}

std::vector<double> chart_gradient(Backend<double>& on, const Matrix<double>& P, const Matrix<double>& Gamma) {
    const Index n = P.rows(), count = n * (n - 1) / 2;
    const Buffer<double> p = on.allocate(n * n), dp = on.allocate(n * n), dq = on.allocate(count);
    on.upload(P.data(), p.view(n, n));
    on.upload(Gamma.data(), dp.view(n, n));
    on.cayley_pullback(p.view(n, n), dp.view(n, n), dq.view(count, 1));
    std::vector<double> g(static_cast<std::size_t>(count));
    on.download(dq.view(count, 1), g.data());
    return g;
}

double length(const std::vector<double>& x) {
    return std::sqrt(inner<double>(x, x));
}

OptimiserResult in_chart(Backend<double>& on, const Objective& objective, const OptimiserOptions& options) {
    const Index n = objective.n;
    std::vector<double> q(static_cast<std::size_t>(n * (n - 1) / 2));
    OptimiserResult out;
    Index iteration = 0;
    out.report.converged = lbfgs(
        q, {options.iterations, options.evaluations, options.memory, 0},
        [&](const std::vector<double>& x, std::vector<double>& g) {
            const Matrix<double> P = cayley(on, x, n);
            Matrix<double> Gamma;
            const double value = objective.evaluate(on, P, &Gamma);
            g = chart_gradient(on, P, Gamma);
            return value;
        },
        [&](Index evaluations, double value, double gradient) {
            out.report.history.push_back({iteration, evaluations, value, gradient});
            out.report.iterations = iteration++;
            out.report.evaluations = evaluations;
            out.value = value;
            return gradient <= options.gradient * std::abs(value);
        });
    out.P = cayley(on, q, n);
    return out;
}

// The gradient at the new point, in the chart centred there, stands in for the one transported from the old: they agree
// to first order in the step. So the memory is that of L-BFGS on the Lie algebra.
OptimiserResult recentred(Backend<double>& on, const Objective& objective, const OptimiserOptions& options,
                          const Matrix<double>& P0) {
    OptimiserResult out;
    out.P = P0;
    Matrix<double> Gamma;
    out.value = objective.evaluate(on, out.P, &Gamma);
    std::vector<double> g = recentred_gradient(on, out.P, Gamma);
    MinimiseReport& report = out.report;
    report.evaluations = 1;
    const double first = length(g);
    report.history.push_back({0, 1, out.value, first});
    report.converged = first == 0;
    LbfgsMemory<double> memory(options.memory);
    while (!report.converged && report.iterations < options.iterations && report.evaluations < options.evaluations) {
        std::vector<double> d = memory.direction(g);
        double slope = inner<double>(d, g);
        if (!(slope < 0)) {
            memory.clear();
            d = memory.direction(g);
            slope = inner<double>(d, g);
        }
        double low = 0, high = 0, t = memory.empty() ? std::min(1.0, 0.1 / length(d)) : 1.0;
        bool found = false, flat = false;
        Matrix<double> P, next_Gamma;
        std::vector<double> next_g, step;
        double next = 0;
        for (int trial = 0; trial < 30 && !found && report.evaluations < options.evaluations; ++trial) {
            step = d;
            for (double& x : step)
                x *= t;
            P = multiply(on, Op::none, Op::none, cayley(on, step, objective.n), out.P);
            next = objective.evaluate(on, P, &next_Gamma);
            ++report.evaluations;
            next_g = recentred_gradient(on, P, next_Gamma);
            flat = std::abs(t * slope) < 1e-14 * std::abs(out.value);
            if (!(next <= out.value + descent::sufficient * t * slope) && !(flat && next <= out.value * (1 + 1e-15)))
                high = t;
            else if (!flat && inner<double>(d, next_g) < descent::wolfe_curvature * slope)
                low = t;
            else
                found = true;
            if (!found)
                t = high > 0 ? (low + high) / 2 : 2 * t;
        }
        if (!found) {
            report.converged = flat;  // no step is left that the value could show
            break;
        }
        std::vector<double> y = next_g;
        for (std::size_t i = 0; i < y.size(); ++i)
            y[i] -= g[i];
        memory.add(std::move(step), std::move(y));
        out.P = std::move(P);
        out.value = next;
        g = std::move(next_g);
        if (++report.iterations % descent::orthogonalise_every == 0)
            out.P = polar(on, out.P);
        const double norm = length(g);
        report.history.push_back({report.iterations, report.evaluations, out.value, norm});
        report.converged = norm <= options.gradient * std::abs(out.value);
    }
    out.P = polar(on, out.P);
    return out;
}

}  // namespace

OptimiserResult optimise(Backend<double>& on, const Objective& objective, const OptimiserOptions& options,
                         const Matrix<double>& P0) {
    require(P0.rows() == objective.n && P0.cols() == objective.n, "optimise: P0 must be [n, n]");
    return options.method == Minimiser::cayley ? in_chart(on, objective, options)
                                               : recentred(on, objective, options, P0);
}

Matrix<double> polar(Backend<double>& on, const Matrix<double>& A) {
    const Svd d = svd(on, A);
    return multiply(on, Op::none, Op::transpose, d.U, d.V);
}

}  // namespace descrambler
