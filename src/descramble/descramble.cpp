#include "descrambler/descramble.hpp"

#include <algorithm>
#include <cmath>

#include "descramble/routes.hpp"

namespace descrambler {
namespace {

[[noreturn]] void refuse(const DescrambleRequest& request, const std::string& what) {
    throw InputError("criterion " + std::string(to_string(request.criterion)) + ": " + what);
}

// Combinations that mean nothing, told before anything is read.
void check(const Job& job) {
    const DescrambleRequest& request = job.request;
    const Index layer = request.tap.layer, depth = static_cast<Index>(job.networks.front().layers.size());
    const bool before = request.tap.tap == Tap::before;
    if (request.criterion == Criterion::joint && (before || layer >= depth))
        refuse(request, "layer " + std::to_string(layer) + " " + std::string(to_string(request.tap.tap)) +
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
        if (!std::ranges::all_of(job.weight(i, layer + 1).values(), [](double x) { return std::isfinite(x); }))
            throw InputError(job.where(i) + ": a weight of the next layer is not finite, expected numbers");
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

std::string_view to_string(Tap t) {
    return t == Tap::before ? "before" : "after";
}

Tap tap_from(std::string_view name) {
    for (const Tap t : {Tap::before, Tap::after})
        if (name == to_string(t))
            return t;
    throw InputError("tap '" + std::string(name) + "': unknown, expected before or after");
}

std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                     const DescrambleRequest& asked, const Execution& execution) {
    require(!networks.empty(), "descramble: no network");
    DescrambleRequest request = asked;
    if (request.method == Method::automatic)
        request.method =
            is_gram(request.criterion) || is_diagonal(request.criterion) ? Method::closed : Method::riemannian;
    const Job job{networks, library, request, execution};
    together(*execution.ranks, [&] { check(job); });
    std::vector<Descrambling> result = is_gram(request.criterion)       ? gram_route(job)
                                       : is_diagonal(request.criterion) ? diagonal_route(job)
                                                                        : signal_route(job);
    const Index layer = request.tap.layer, depth = static_cast<Index>(networks.front().layers.size());
    const auto rewrite = [&](Index i, Backend<double>& on) {
        Descrambling& out = result[i];
        out.samples = is_diagonal(request.criterion) ? 0 : library.samples;
        if (request.tap.tap == Tap::before)
            out.descrambled_weight = multiply(on, Op::none, Op::none, out.solution.P, job.weight(i, layer));
        else if (layer < depth)
            out.descrambled_weight = multiply(on, Op::none, Op::transpose, job.weight(i, layer + 1), out.solution.P);
    };
    job.each(rewrite);
    return result;
}

}  // namespace descrambler
