#include <algorithm>
#include <cmath>

#include "descramble/routes.hpp"
#include "descrambler/diagonal.hpp"

namespace descrambler {
namespace {

Objective objective_of(Criterion criterion, const Matrix<double>& W) {
    return {std::string(to_string(criterion)), W.rows(),
            [criterion, W](Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient) {
                DiagonalValue at = criterion == Criterion::mds ? diagonal_sum(on, W, P) : diagonal_norm(on, W, P);
                if (gradient != nullptr) {
                    for (double& x : at.gradient.values())
                        x = -x;
                    *gradient = std::move(at.gradient);
                }
                return -at.value;
            }};
}

}  // namespace

// As Solution says for mds and mdn: eta is the value that is maximised, eta_bound its certified upper bound.
std::vector<Descrambling> diagonal_route(const Job& job) {
    const DescrambleRequest& request = job.request;
    const bool sum = request.criterion == Criterion::mds;
    std::vector<Descrambling> result(job.networks.size());
    const auto solve = [&](Index i, Backend<double>& on) {
        const Matrix<double>& W = job.weight(i, request.tap.at.layer);
        Solution& s = result[i].solution;
        try {
            const Objective objective = objective_of(request.criterion, W);
            if (sum) {
                DiagonalSum best = maximum_diagonal_sum(on, W, request.special ? Group::SO : Group::O);
                s.P = std::move(best.P);
                s.eta_bound = best.bound;
            } else {
                DiagonalNorm best = maximum_diagonal_norm(on, W);
                s.P = std::move(best.P);
                s.eta_bound = best.bound;
                s.iterations = best.iterations;
                s.converged = best.certified;
                s.method = "polar";
            }
            if (request.check_gradient)
                check_gradient(on, objective, request.seed);
            if (request.method != Method::closed) {
                OptimiserResult found =
                    optimise(on, objective, optimiser_options(request), start_of(on, job, i, [&] { return s.P; }));
                s.P = std::move(found.P);
                take_report(s, request, found.report);
                for (MinimiseReport::Point& point : s.history)
                    point.eta = -point.eta;
            }
            s.eta_raw = -objective.evaluate(on, identity(W.rows()), nullptr);
            s.eta = -objective.evaluate(on, s.P, nullptr);
            s.gap = (s.eta_bound - s.eta) / s.eta_bound;
            s.offdiagonal = std::numeric_limits<double>::quiet_NaN();
            s.orthogonality = orthogonality(on, s.P);
            const std::vector<double> sigma = singular_values(on, W);
            const double null = static_cast<double>(W.rows()) * 0x1p-53 * sigma.front();
            s.rank = std::ranges::count_if(sigma, [&](double x) { return x > null; });
        } catch (const InputError& error) {
            throw InputError(job.where(i) + ", criterion " + std::string(to_string(request.criterion)) + ": " +
                             error.what());
        }
    };
    job.each(solve);
    return result;
}

}  // namespace descrambler
