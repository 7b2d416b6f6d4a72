#include "descrambler/descramble.hpp"

#include <algorithm>
#include <cmath>

#include "core/finite.hpp"
#include "descramble/routes.hpp"

namespace descrambler {
namespace {

[[noreturn]] void refuse(const DescrambleRequest& request, const std::string& what) {
    throw InputError("criterion " + std::string(to_string(request.criterion)) + ": " + what);
}

// Refuses combinations that mean nothing, before anything is read.
void check(const Job& job) {
    const DescrambleRequest& request = job.request;
    const Index layer = request.tap.at.layer, depth = static_cast<Index>(job.networks.front().layers.size());
    const bool before = request.tap.at.side == Tap::before;
    if (request.criterion == Criterion::joint && (before || layer >= depth))
        refuse(request, "layer " + std::to_string(layer) + " " + std::string(to_string(request.tap.at.side)) +
                            ", expected tap after and a layer that another one follows (the network has " +
                            std::to_string(depth) + ")");
    if (request.criterion == Criterion::joint && !(request.lambda >= 0 && std::isfinite(request.lambda)))
        throw InputError("lambda: " + std::to_string(request.lambda) + ", expected a finite number not below 0");
    if (layer < 1 || layer > depth)
        throw InputError("layer " + std::to_string(layer) + ": out of range, expected 1 to " + std::to_string(depth));
    if (is_diagonal(request.criterion) && !before)
        refuse(request, "tap after, expected before (it is read from P W)");
    if (!request.shared.empty() && !is_gram(request.criterion))
        refuse(request, "taps cannot share P, expected smoothness or joint");
    for (const SharedTap& shared : request.shared)
        if (!(shared.weight > 0 && std::isfinite(shared.weight)))
            throw InputError("shared tap: weight " + std::to_string(shared.weight) + ", expected a positive number");
    if (request.special && request.criterion != Criterion::mds)
        refuse(request, "SO(n) is a choice for mds alone (its value is the same over O(n) otherwise)");
    if (request.method == Method::closed && !is_gram(request.criterion) && !is_diagonal(request.criterion))
        refuse(request, "has no closed form, expected method riemannian or cayley");
    if (request.method == Method::cayley && request.start != Start::automatic && request.start != Start::identity)
        throw InputError("start " + std::string(to_string(request.start)) +
                         ": expected identity, method cayley starts from Q = 0");
    if (request.single_precision && (!is_gram(request.criterion) || request.method == Method::closed))
        throw InputError("precision f32: expected method riemannian or cayley of smoothness or joint");
    if (request.criterion == Criterion::user && !request.objective)
        refuse(request, "expected an objective");
    if (request.evaluations < 1 || request.iterations < 1)
        throw InputError("evaluations and iterations: expected at least 1");
    for (Index i = 0; i < job.count() && !before && layer < depth; ++i)
        if (!all_finite(job.weight(i, layer + 1).values()))
            throw InputError(job.where(i) + ": a weight of the next layer is not finite, expected numbers");
}

// P W or W P^T: the weight beside the tap, rewritten by P.
void rewrite_weights(const Job& job, std::vector<Descrambling>& result) {
    const TapPoint at = job.request.tap.at;
    const auto depth = static_cast<Index>(job.networks.front().layers.size());
    job.each([&](Index i, Backend<double>& on) {
        Descrambling& out = result[i];
        out.samples = is_diagonal(job.request.criterion) ? 0 : job.inputs.samples;
        if (at.side == Tap::before)
            out.descrambled_weight = multiply(on, Op::none, Op::none, out.solution.P, job.weight(i, at.layer));
        else if (at.layer < depth)
            out.descrambled_weight = multiply(on, Op::none, Op::transpose, job.weight(i, at.layer + 1), out.solution.P);
    });
}

}  // namespace

OptimiserOptions optimiser_options(const DescrambleRequest& request) {
    OptimiserOptions options;
    options.method = request.method == Method::cayley ? Minimiser::cayley : Minimiser::riemannian;
    options.evaluations = request.evaluations;
    options.iterations = request.iterations;
    return options;
}

void take_report(Solution& solution, const DescrambleRequest& request, const MinimiseReport& report) {
    solution.method = to_string(request.method);
    solution.converged = report.converged;
    solution.iterations = report.iterations;
    solution.evaluations = report.evaluations;
    solution.history = report.history;
}

std::vector<std::vector<Descrambling>> descramble_all(std::span<const Network> networks, const Library& library,
                                                      std::span<const DescrambleRequest> asked,
                                                      const Execution& execution, std::span<const TapSums> known) {
    require(!networks.empty(), "descramble: no network");
    std::vector<DescrambleRequest> requests(asked.begin(), asked.end());
    for (DescrambleRequest& request : requests)
        if (request.method == Method::automatic)
            request.method =
                is_gram(request.criterion) || is_diagonal(request.criterion) ? Method::closed : Method::riemannian;
    std::vector<Job> jobs;
    for (const DescrambleRequest& request : requests)
        jobs.push_back({networks, library, request, execution, known});
    together(*execution.ranks, [&] { std::ranges::for_each(jobs, check); });
    std::vector<TapSums> sums(known.begin(), known.end());
    if (jobs.size() > 1) {
        for (const Job& job : jobs)
            if (!is_diagonal(job.request.criterion) &&
                std::ranges::find(sums, job.request.tap, &TapSums::tap) == sums.end())
                sums.push_back(tap_sums(networks, job.request.tap, library, execution, sums));
        for (Job& job : jobs)
            job.known = sums;
    }
    std::vector<std::vector<Descrambling>> results(jobs.size());
    std::vector<Job> by_gram;
    for (const Job& job : jobs)
        if (is_gram(job.request.criterion))
            by_gram.push_back(job);
    std::vector<std::vector<Descrambling>> of_grams = gram_route(by_gram);
    auto next = of_grams.begin();
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        const Criterion criterion = jobs[j].request.criterion;
        results[j] = is_gram(criterion)       ? std::move(*next++)
                     : is_diagonal(criterion) ? diagonal_route(jobs[j])
                                              : signal_route(jobs[j]);
        rewrite_weights(jobs[j], results[j]);
    }
    return results;
}

std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                     const DescrambleRequest& request, const Execution& execution,
                                     std::span<const TapSums> known) {
    return std::move(descramble_all(networks, library, std::span(&request, 1), execution, known).front());
}

}  // namespace descrambler
