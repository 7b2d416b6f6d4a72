#include <algorithm>
#include <cmath>
#include <numeric>

#include "descramble/routes.hpp"

namespace descrambler {
namespace {

// The signals of a tap are kept whole for these criteria: 2 GiB for all networks.
constexpr double numbers_kept = 0x1p28;

// The signals [n, N] of every network, in one pass of one thread.
std::vector<Matrix<double>> all_signals(const Job& job, std::span<const Network> networks, const TapRequest& request) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = networks.front().layers[static_cast<std::size_t>(request.at.layer - 1)].weight.rows();
    std::vector<Matrix<double>> signals;
    together(*job.execution.ranks, [&] {
        for (std::size_t i = 0; i < networks.size(); ++i)
            signals.emplace_back(n, job.inputs.samples);
    });
    for (Index first = 0; first < job.inputs.samples; first += library_block) {
        Matrix<double> X(job.inputs.features, std::min(library_block, job.inputs.samples - first));
        together(*job.execution.ranks, [&] {
            job.inputs.read(first, X.view());
            for (std::size_t i = 0; i < networks.size(); ++i)
                std::ranges::copy(tap_signals(*on, networks[i], request, X).values(), signals[i].data() + first * n);
        });
    }
    for (Matrix<double>& S : signals)
        for (Index i = 0; request.centre && i < n; ++i) {
            double mean = 0;
            for (Index j = 0; j < S.cols(); ++j)
                mean += S(i, j);
            mean /= static_cast<double>(S.cols());
            for (Index j = 0; j < S.cols(); ++j)
                S(i, j) -= mean;
        }
    return signals;
}

// The objectives to be minimised one after another, the last of which counts.
std::vector<Objective> objectives_of(const DescrambleRequest& request, const Stencil& stencil,
                                     const Matrix<double>& S) {
    if (request.criterion == Criterion::fourth)
        return {fourth_moment_objective(S)};
    if (request.criterion == Criterion::user)
        return {request.objective(S)};
    const Matrix<double> D =
        stencil.kind == StencilKind::custom ? stencil.D : differentiation_matrix(stencil.kind, stencil.n());
    if (request.method == Method::cayley)  // starts from Q = 0, once
        return {total_variation_objective(D, S)};
    std::vector<Objective> stages;  // graduated: from nearly the smoothness to nearly |x|
    for (const double smoothing : {3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001})
        stages.push_back(total_variation_objective(D, S, smoothing));
    return stages;
}

// The smoothest rotation leaves the sign of every component free, and an objective of the signals does not: flips are
// kept while they lower it, component by component, in at most five rounds and within the budget. Returns the number of
// evaluations.
Index choose_signs(Backend<double>& on, const Objective& objective, const Stencil& stencil, Index budget,
                   Matrix<double>& P) {
    const Index n = P.rows();
    double value = objective.evaluate(on, P, nullptr);
    Index evaluations = 1;
    for (int round = 0; round < 5; ++round) {
        bool changed = false;
        for (Index c = 0; c < n && evaluations < budget; ++c) {  // P - 2 t_c (t_c^T P)
            Matrix<double> flipped = P;
            for (Index j = 0; j < n; ++j) {
                double overlap = 0;
                for (Index i = 0; i < n; ++i)
                    overlap += stencil.T(i, c) * P(i, j);
                for (Index i = 0; i < n; ++i)
                    flipped(i, j) -= 2 * overlap * stencil.T(i, c);
            }
            const double next = objective.evaluate(on, flipped, nullptr);
            ++evaluations;
            if (next < value * (value > 0 ? 1 - 1e-9 : 1 + 1e-9)) {
                P = std::move(flipped);
                value = next;
                changed = true;
            }
        }
        if (!changed)
            break;
    }
    return evaluations;
}

// What the criterion leaves free is fixed by rule: tv the common sign (third moments sum to something positive); fourth
// the sign of every row (third moment positive) and their order (fourth moment falling).
void canonicalise(Backend<double>& on, Criterion criterion, const Matrix<double>& S, Matrix<double>& P) {
    if (criterion == Criterion::user)
        return;
    const Matrix<double> Y = multiply(on, Op::none, Op::none, P, S);
    const Index n = P.rows();
    std::vector<double> third(static_cast<std::size_t>(n)), fourth(third.size());
    for (Index j = 0; j < Y.cols(); ++j)
        for (Index i = 0; i < n; ++i) {
            const double square = Y(i, j) * Y(i, j);
            third[i] += square * Y(i, j);
            fourth[i] += square * square;
        }
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    if (criterion == Criterion::fourth)
        std::ranges::stable_sort(order, [&](Index a, Index b) { return fourth[a] > fourth[b]; });
    const double common = std::accumulate(third.begin(), third.end(), 0.0);
    const Matrix<double> old = P;
    for (Index i = 0; i < n; ++i) {
        const bool turned = (criterion == Criterion::fourth ? third[order[i]] : common) < 0;
        for (Index j = 0; j < n; ++j)
            P(i, j) = turned ? -old(order[i], j) : old(order[i], j);
    }
}

}  // namespace

std::vector<Descrambling> signal_route(const Job& job) {
    const DescrambleRequest& request = job.request;
    Communicator& ranks = *job.execution.ranks;
    together(ranks, [&] {
        const double needed = static_cast<double>(job.weight(0, request.tap.at.layer).rows()) *
                              static_cast<double>(job.inputs.samples) * static_cast<double>(job.count());
        if (needed > numbers_kept)
            throw InputError("criterion " + std::string(to_string(request.criterion)) + ": keeps all signals, " +
                             digits(needed) + " numbers, expected at most " + digits(numbers_kept) +
                             "; give fewer inputs or networks");
    });
    std::vector<GramProblem> problems = gram_problems(job);
    const Stencil stencil = together(ranks, [&] { return stencil_of(request, problems.front().factor.cols()); });
    std::vector<Network> linear;
    if (request.tap.linearised)
        linear = linearised_at_mean(job.networks, request.tap, job.inputs, job.execution);
    const std::span<const Network> tapped = request.tap.linearised ? std::span<const Network>(linear) : job.networks;
    const TapRequest tap = request.tap.linearised ? linearised_request(request.tap) : request.tap;
    const std::vector<Matrix<double>> signals = all_signals(job, tapped, tap);
    const OptimiserOptions options = optimiser_options(request);
    std::vector<Descrambling> result(problems.size());
    const auto solve = [&](Index i, Backend<double>& on) {
        const GramProblem& problem = problems[i];
        const std::vector<Objective> stages = objectives_of(request, stencil, signals[i]);
        const Objective& objective = stages.back();
        if (request.check_gradient)
            check_gradient(on, objective, request.seed);
        OptimiserResult found;
        found.P = start_of(on, job, i, [&] {
            return closed_form(on, stencil, problem.axes, problem.factor, job.inputs.samples, {}).P;
        });
        const bool smoothest = request.start == Start::automatic || request.start == Start::closed;
        Index spent = smoothest && options.method == Minimiser::riemannian
                          ? choose_signs(on, objective, stencil, options.evaluations / 4, found.P)
                          : 0;
        for (std::size_t stage = 0; stage < stages.size(); ++stage) {  // each gets its share of the budget that is left
            const auto left = static_cast<Index>(stages.size() - stage);
            OptimiserOptions part = options;
            part.evaluations = std::max<Index>(1, (options.evaluations - spent) / left);
            part.gradient = left > 1 ? 1e-3 : options.gradient;
            found = optimise(on, stages[stage], part, found.P);
            spent += found.report.evaluations;
        }
        found.report.evaluations = spent;
        Matrix<double> P = found.P;
        canonicalise(on, request.criterion, signals[i], P);
        Solution& s = result[i].solution;
        s = certify(on, stencil, P, problem.axes, problem.factor, job.inputs.samples);
        s.eta_raw = objective.evaluate(on, identity(P.rows()), nullptr);
        s.eta = objective.evaluate(on, P, nullptr);
        s.eta_bound = s.gap = s.offdiagonal = std::numeric_limits<double>::quiet_NaN();
        take_report(s, request, found.report);
        result[i].gram = std::move(problems[i].plain_gram);
    };
    job.each(solve);
    return result;
}

}  // namespace descrambler
