// The iterative methods on the Grams of networks that were trained for it: how many evaluations reach the certified
// minimum, from the identity and from random rotations, and where the published chart stands after its budget.
#include <algorithm>
#include <cmath>

#include "descrambler/descramble.hpp"
#include "descrambler/spectrum.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

struct Trained {
    std::vector<Network> networks;
    Matrix<double> inputs;  // [256, 8192]
};

Trained trained(const VerifyOptions& options, Index width, Index networks, Index iterations, const Progress& progress) {
    TrainingRecipe config;
    config.seed = options.seed;
    config.hidden = {width};
    config.networks = networks;
    config.iterations = iterations;
    config.untrained = config.shuffled = config.no_decay = 0;
    std::vector<MemberState> members = study_members(config);
    train_members(members, config, Execution::on_cpu(options.threads), {}, progress);
    Trained out;
    for (const MemberState& member : members)
        out.networks.push_back(network_of(config, member));
    const auto on = make_cpu_backend<float>(options.threads);
    out.inputs = to_double(make_deer_library(*on, make_deer_tables(std::get<DeerTask>(config.data).database),
                                             options.seed, stream::library, 0, 8192)
                               .input);
    return out;
}

struct Worst {
    double to_gap = 0, to_stop = 0;  // evaluations; 1e9 where a run never got there
    void add(const Solution& s) {
        to_gap = std::max(to_gap, s.evaluations_to_gap > 0 ? static_cast<double>(s.evaluations_to_gap) : 1e9);
        to_stop = std::max(to_stop, s.converged ? static_cast<double>(s.evaluations) : 1e9);
    }
};

Worst recentred(const VerifyOptions& options, const Trained& on, Index starts) {
    Worst worst;
    const Library library = library_of(on.inputs);
    for (const auto& [tap, criterion] :
         {std::pair{Tap::before, Criterion::smoothness}, std::pair{Tap::after, Criterion::smoothness},
          std::pair{Tap::after, Criterion::joint}})
        for (Index start = 0; start <= starts; ++start) {
            DescrambleRequest request{.tap = {.at = {1, tap}}, .criterion = criterion};
            request.method = Method::riemannian;
            request.start = start == 0 ? Start::identity : Start::random;
            request.seed = options.seed + static_cast<std::uint64_t>(start);
            for (const Descrambling& found :
                 descramble(on.networks, library, request, Execution::on_cpu(options.threads)))
                worst.add(found.solution);
        }
    return worst;
}

// The published method on the same networks.
Rows published_chart(const VerifyOptions& options, const Trained& small) {
    const auto host = make_cpu_backend<double>(1);
    Backend<double>& on = *host;
    Rows rows;
    const Library library = library_of(small.inputs);
    DescrambleRequest request{.tap = {.at = {1, Tap::before}}};
    const auto best = descramble(small.networks, library, request, Execution::on_cpu(options.threads));
    request.method = Method::cayley;
    request.iterations = 400;
    request.evaluations = 4000;
    const auto published = descramble(small.networks, library, request, Execution::on_cpu(options.threads));
    double gap = 1e300, likeness = 0;
    for (std::size_t i = 0; i < best.size(); ++i) {
        gap = std::min(gap, published[i].solution.gap);
        const Matrix<double> a = folded_amplitude(on, best[i].descrambled_weight),
                             b = folded_amplitude(on, published[i].descrambled_weight);
        likeness = std::max(likeness, pearson(a.values(), b.values()));
    }
    rows.push_back(
        as_printed(at_most("chart_reaches_the_minimum",
                           "400 iterations from Q = 0 are sufficient (gap after 400 iterations of L-BFGS in the "
                           "published chart, the best of the networks)",
                           1e-2, gap, 1e-6)));
    rows.push_back(
        as_printed(at_least("chart_shows_the_picture",
                            "and their picture is that of the minimiser (correlation of folded |FFT2| of P W1, "
                            "the best of the networks)",
                            0.99, likeness, 1e-6)));
    return rows;
}

// Its objective and gradient, which are right: at a random q, for a Gram that decays.
VerifyRow chart_gradient(Backend<double>& on, const Stencil& stencil, RandomStream random) {
    const Index n = stencil.n();
    std::vector<double> q(static_cast<std::size_t>(n * (n - 1) / 2));
    for (double& x : q)
        x = 0.05 * random.normal();
    Matrix<double> R(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            R(i, j) = random.normal() * std::pow(0.95, static_cast<double>(i));
    const ChartValue at = chart_value(on, stencil, R, q, true);
    double worst = 0, top = 0;
    for (const double g : at.gradient)
        top = std::max(top, std::abs(g));
    for (std::size_t k = 0; k < q.size(); k += q.size() / 12) {
        const auto slope = [&](double h) {
            std::vector<double> up = q, down = q;
            up[k] += h;
            down[k] -= h;
            return (chart_value(on, stencil, R, up, true).eta - chart_value(on, stencil, R, down, true).eta) / (2 * h);
        };
        worst = std::max(worst, std::abs((4 * slope(1e-3) - slope(2e-3)) / 3 - at.gradient[k]) / top);
    }
    return equal("chart_gradient", "the gradient in the chart is the slope of the objective (finite differences)", 0,
                 worst, 1e-8);
}

// A saddle: N diagonal in the wrong order has no gradient at all.
Rows saddle(Backend<double>& on, const Stencil& stencil) {
    const Index n = stencil.n();
    Rows rows;
    Matrix<double> L(n, n), mu(n, 1);
    const Matrix<double> P = identity(n);
    double minimum = 0;
    for (Index i = 0; i < n; ++i) {
        mu(i, 0) = stencil.mu[static_cast<std::size_t>(i)];
        L(i, i) = std::pow(0.9, static_cast<double>((37 * i) % n));
        minimum += mu(i, 0) * std::pow(0.81, static_cast<double>(i));
    }
    MinimiseReport report;
    const Buffer<double> of_mu = on.allocate(n), of_L = on.allocate(n * n), of_P = on.allocate(n * n);
    on.upload(mu.data(), of_mu.view(n, 1));
    on.upload(L.data(), of_L.view(n, n));
    on.upload(P.data(), of_P.view(n, n));
    on.minimise({}, of_mu.view(n, 1), of_L.view(n, n), of_P.view(n, n), {&report, 1});
    rows.push_back(equal("saddle_has_no_gradient", "a Gram that is diagonal in the wrong order is a critical point", 0,
                         report.history.front().gradient / report.history.front().eta, 1e-15));
    rows.push_back(equal("saddle_is_left", "and recentred descent leaves it for the minimum (eta / eta* - 1)", 0,
                         report.history.back().eta / minimum - 1, 1e-12));
    return rows;
}

}  // namespace

Rows optimisers(const VerifyOptions& options, const Progress& progress) {
    Rows rows;
    const Index starts = options.full ? 20 : 3;
    const std::string runs = "before, after, joint; identity and " + std::to_string(starts) + " random starts";
    const auto add = [&](const Trained& on, Index width) {
        const Worst worst = recentred(options, on, starts);
        const std::string n = std::to_string(width);
        rows.push_back(at_most(
            "recentred_gap_" + n,
            "recentred descent reaches a gap of 1e-6 in at most 100 evaluations (n = " + n + ", " + runs + "; worst)",
            100, worst.to_gap, 0.5));
        rows.push_back(at_most("recentred_stop_" + n,
                               "and is diagonal to 1e-6 above rounding in at most 150 (n = " + n + ", worst)", 150,
                               worst.to_stop, 0.5));
    };
    const Trained small = trained(options, 80, 2, options.full ? 6000 : 800, progress);
    add(small, 80);
    if (options.full)
        add(trained(options, 256, 1, 6000, progress), 256);

    std::ranges::move(published_chart(options, small), std::back_inserter(rows));
    const auto on = algebra(options);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 80);
    rows.push_back(chart_gradient(*on, stencil, draws(options, 40)));
    std::ranges::move(saddle(*on, stencil), std::back_inserter(rows));
    return rows;
}

}  // namespace descrambler::checks
