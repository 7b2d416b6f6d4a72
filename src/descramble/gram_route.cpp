#include <algorithm>
#include <cmath>

#include "core/finite.hpp"
#include "descramble/routes.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

// Moments of the filter W^T u_j over the input axis: its sum, or, where that nearly cancels, sum_t t (W^T u_j)_t.
std::vector<double> filter_moments(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& U) {
    const Matrix<double> filters = multiply(on, Op::transpose, Op::none, W, U);  // [d, n]
    std::vector<double> scores;
    for (Index j = 0; j < filters.cols(); ++j) {
        double sum = 0, size = 0, first_moment = 0;
        for (Index t = 0; t < filters.rows(); ++t) {
            sum += filters(t, j);
            size += std::abs(filters(t, j));
            first_moment += static_cast<double>(t) * filters(t, j);
        }
        scores.push_back(std::abs(sum) < 1e-3 * size ? first_moment : sum);
    }
    return scores;
}

// What divides a factor so that its Gram has 2-norm 1 (norm), trace 1 (trace), or stays as it is.
double scale_of(Backend<double>& on, const Matrix<double>& factor, Balance balance) {
    const double size = balance == Balance::norm    ? svd(on, factor).s.front()
                        : balance == Balance::trace ? frobenius(factor)
                                                    : 1;
    return size > 0 ? 1 / size : 0;
}

struct Part {
    const Matrix<double>* factor;
    double scale;
};

// [a_1 R_1; a_2 R_2; ...]: its Gram is the sum of a_i^2 R_i^T R_i. The parts are scaled before they are squared.
Matrix<double> stacked(const std::vector<Part>& parts) {
    Index rows = 0;
    for (const Part& part : parts)
        rows += part.factor->rows();
    Matrix<double> out(rows, parts.front().factor->cols());
    Index first = 0;
    for (const auto& [factor, scale] : parts) {
        for (Index j = 0; j < factor->cols(); ++j)
            for (Index i = 0; i < factor->rows(); ++i)
                out(first + i, j) = scale * (*factor)(i, j);
        first += factor->rows();
    }
    return out;
}

Matrix<double> sum_factor(Backend<double>& on, const Job& job, Index network,
                          const std::vector<std::vector<TapGram>>& taps) {
    const DescrambleRequest& request = job.request;
    const bool joint = request.criterion == Criterion::joint;
    const Matrix<double>& own = taps.front()[network].factor;
    if (!joint && request.shared.empty())
        return own;
    std::vector<Part> parts{{&own, scale_of(on, own, request.balance)}};
    for (std::size_t i = 0; i < request.shared.size(); ++i) {
        const Matrix<double>& factor = taps[i + 1][network].factor;
        parts.push_back({&factor, std::sqrt(request.shared[i].weight) * scale_of(on, factor, request.balance)});
    }
    if (joint) {
        const Matrix<double>& link = job.weight(network, request.tap.at.layer + 1);
        parts.push_back({&link, std::sqrt(request.lambda) * scale_of(on, link, request.balance)});
    }
    return stacked(parts);
}

// The method's problem in the stencil's basis, on the published scale: mu n / mu_n, Gram n G / ||G||.
struct Scaled {
    std::vector<double> mu;
    Matrix<double> L;  // [n, k]
    double unit = 1;   // eta of the problem times this is eta
};

Scaled scaled_problem(Backend<double>& on, const Stencil& stencil, const GramProblem& problem, Minimiser method) {
    const Index n = stencil.n();
    const double size = static_cast<double>(n), top = problem.axes.gamma.front();
    Scaled out;
    out.mu = stencil.mu;
    for (double& mu : out.mu)
        mu *= size / stencil.mu.back();
    out.unit = stencil.mu.back() / size * top / size;
    if (method == Minimiser::riemannian) {  // the null block is deflated: its columns are zero
        Matrix<double> F(n, n);
        for (Index j = 0; j < problem.axes.rank; ++j)
            for (Index i = 0; i < n; ++i)
                F(i, j) = problem.axes.U(i, j) * std::sqrt(size * problem.axes.gamma[j] / top);
        out.L = multiply(on, Op::transpose, Op::none, stencil.T, F);
        return out;
    }
    // a triangular factor, which halves a product of every evaluation
    Matrix<double> A = multiply(on, Op::none, Op::none, problem.factor, stencil.T);
    for (double& x : A.values())
        x *= std::sqrt(size / top);
    const Index rows = std::max(A.rows(), n);
    Matrix<double> padded(rows, n), R(n, n);
    for (Index j = 0; j < n; ++j)
        std::ranges::copy(A.column(j), padded.column(j).begin());
    const Buffer<double> a = on.allocate(rows * n), r = on.allocate(n * n);
    on.upload(padded.data(), a.view(rows, n));
    on.triangularise(a.view(rows, n), r.view(n, n));
    on.download(r.view(n, n), R.data());
    out.L = transpose(R);
    return out;
}

// All networks in one call of the primitive; P is in the stencil's basis, before and after.
template <class T>
std::vector<MinimiseReport> minimise_batch(const Job& job, const MinimiseOptions& options,
                                           const std::vector<Scaled>& problems, std::vector<Matrix<double>>& P) {
    Backend<T>* const on = &job.execution.backend<T>();
    const Index n = P.front().rows(), batch = job.count();
    std::vector<T> mu(problems.front().mu.begin(), problems.front().mu.end()), L, p;
    for (Index i = 0; i < batch; ++i) {
        L.insert(L.end(), problems[i].L.values().begin(), problems[i].L.values().end());
        p.insert(p.end(), P[i].values().begin(), P[i].values().end());
    }
    const Buffer<T> weight = on->allocate(n), factor = on->allocate(n * n * batch),
                    rotation = on->allocate(n * n * batch);
    on->upload(mu.data(), weight.view(n, 1));
    on->upload(L.data(), factor.view(n, n, batch));
    on->upload(p.data(), rotation.view(n, n, batch));
    std::vector<MinimiseReport> reports(static_cast<std::size_t>(batch));
    on->minimise(options, Batch<const T>(weight.data(), n, 1, batch, 0), factor.view(n, n, batch),
                 rotation.view(n, n, batch), reports);
    on->download(rotation.view(n, n, batch), p.data());
    for (Index i = 0; i < batch; ++i)
        std::copy_n(p.begin() + i * n * n, n * n, P[i].data());
    return reports;
}

Matrix<double> conjugated(Backend<double>& on, const Matrix<double>& T, const Matrix<double>& A, bool back) {
    const Op first = back ? Op::none : Op::transpose, second = back ? Op::transpose : Op::none;
    return multiply(on, Op::none, second, multiply(on, first, Op::none, T, A), T);
}

// What an iterative method has found, one entry per network.
struct Iterated {
    std::vector<Scaled> scaled;
    std::vector<MinimiseReport> reports;
    std::vector<Matrix<double>> P;
    std::vector<PrincipalAxes> axes;  // with the U that P implies
};

Iterated iterate(const Job& job, const MinimiseOptions& asked, const Stencil& stencil,
                 const std::vector<GramProblem>& problems) {
    Iterated out;
    out.scaled.resize(problems.size());
    out.P.resize(problems.size());
    parallel_items(job.count(), job.execution.threads, [&](Index i, Backend<double>& on) {
        out.scaled[i] = scaled_problem(on, stencil, problems[i], asked.method);
        out.P[i] = conjugated(
            on, stencil.T,
            start_of(
                on, job, i,
                [&] {
                    return closed_form(on, stencil, problems[i].axes, problems[i].factor, job.inputs.samples, {}).P;
                }),
            false);
    });
    std::vector<double> bound(problems.size());
    for (std::size_t i = 0; i < problems.size(); ++i)
        for (Index k = 0; k < stencil.n(); ++k)
            bound[i] += stencil.mu[k] * problems[i].axes.gamma[k] / out.scaled[i].unit;
    MinimiseOptions options = asked;
    if (options.method == Minimiser::riemannian)
        options.bound = bound;
    out.reports = job.request.single_precision ? minimise_batch<float>(job, options, out.scaled, out.P)
                                               : minimise_batch<double>(job, options, out.scaled, out.P);
    out.axes.resize(problems.size());
    parallel_items(job.count(), job.execution.threads, [&](Index i, Backend<double>& on) {
        out.P[i] = conjugated(on, stencil.T, polar(on, out.P[i]), true);
        out.axes[i] = problems[i].axes;
        out.axes[i].U = multiply(on, Op::transpose, Op::none, out.P[i], stencil.T);
    });
    return out;
}

// A job half done: what it starts from, what an iterative method has found, and the axes whose signs are to be chosen.
struct Begun {
    std::vector<GramProblem> problems;
    Stencil stencil;
    Iterated found;                   // empty: closed form
    std::vector<PrincipalAxes> axes;  // empty: signs stay as they are
};

Begun begin(const Job& job) {
    const DescrambleRequest& request = job.request;
    Communicator& ranks = *job.execution.ranks;
    Begun out;
    out.problems = gram_problems(job);
    out.stencil = together(ranks, [&] { return stencil_of(request, out.problems.front().factor.cols()); });
    if (request.method == Method::closed) {
        for (const GramProblem& problem : out.problems)
            out.axes.push_back(problem.axes);
        return out;
    }
    MinimiseOptions options;
    options.method = request.method == Method::cayley ? Minimiser::cayley : Minimiser::riemannian;
    options.evaluations = request.evaluations;
    options.iterations = request.iterations;
    out.found = together(ranks, [&] { return iterate(job, options, out.stencil, out.problems); });
    // A run that converged is brought to the canonical signs and null block, so that it can be compared entry by entry;
    // one that did not is shown as it is.
    if (options.method == Minimiser::riemannian)
        out.axes = out.found.axes;
    return out;
}

Solution iterated_solution(Backend<double>& on, const Job& job, const Begun& begun, Index i,
                           const std::vector<double>& signs) {
    const GramProblem& problem = begun.problems[i];
    const MinimiseReport& report = begun.found.reports[i];
    Solution s = !begun.axes.empty() && report.converged
                     ? closed_form(on, begun.stencil, begun.axes[i], problem.factor, job.inputs.samples, signs)
                     : certify(on, begun.stencil, begun.found.P[i], problem.axes, problem.factor, job.inputs.samples);
    take_report(s, job.request, report);
    for (MinimiseReport::Point& point : s.history)
        point.eta *= begun.found.scaled[i].unit;
    const double close = s.eta_bound + 1e-6 * std::max(s.eta_bound, static_cast<double>(begun.stencil.n()) * 0x1p-53 *
                                                                        begun.stencil.mu.back() * s.gamma.front());
    const auto there =
        std::ranges::find_if(s.history, [&](const MinimiseReport::Point& point) { return point.eta <= close; });
    s.evaluations_to_gap = there == s.history.end() ? 0 : there->evaluations;
    return s;
}

using Signs = std::vector<std::vector<double>>;  // [network][component]

// By the rule of the layer (descramble.hpp). Deeper layers have no input axis of their own; their third moments take a
// pass over the library, one for all jobs that look at the same tap.
std::vector<Signs> component_signs(std::span<const Job> jobs, const std::vector<Begun>& begun) {
    std::vector<Signs> signs(jobs.size());
    std::vector<bool> done(jobs.size());
    for (std::size_t j = 0; j < jobs.size(); ++j) {
        const Job& job = jobs[j];
        signs[j].resize(begun[j].problems.size());
        if (begun[j].axes.empty() || done[j])
            continue;
        const TapRequest& tap = job.request.tap;
        if (tap.at == TapPoint{1, Tap::before}) {
            parallel_items(job.count(), job.execution.threads, [&](Index i, Backend<double>& on) {
                signs[j][i] = filter_moments(on, job.weight(i, 1), begun[j].axes[i].U);
            });
            continue;
        }
        std::vector<std::size_t> alike;
        for (std::size_t other = j; other < jobs.size(); ++other)
            if (!begun[other].axes.empty() && jobs[other].request.tap == tap)
                alike.push_back(other);
        std::vector<std::vector<double>> means;
        std::vector<Matrix<double>> U;
        for (std::size_t i = 0; i < signs[j].size(); ++i) {
            means.push_back(begun[j].problems[i].mean);
            const Index n = begun[j].axes[i].U.rows();
            Matrix<double>& all = U.emplace_back(n, n * std::ssize(alike));  // the axes of the jobs side by side
            for (std::size_t a = 0; a < alike.size(); ++a)
                std::ranges::copy(begun[alike[a]].axes[i].U.values(), all.data() + static_cast<Index>(a) * n * n);
        }
        const Signs moments = tap_third_moments(job.networks, tap, job.inputs, means, U, job.execution);
        for (std::size_t a = 0; a < alike.size(); ++a) {
            done[alike[a]] = true;
            signs[alike[a]].resize(moments.size());
            for (std::size_t i = 0; i < moments.size(); ++i) {
                const Index n = U[i].rows();
                const auto first = moments[i].begin() + static_cast<Index>(a) * n;
                signs[alike[a]][i].assign(first, first + n);
            }
        }
    }
    return signs;
}

// What a linearised tap's P is worth for the signals that the surrogate stands for.
void measure_surrogate(const Job& job, const Stencil& stencil, std::vector<Descrambling>& result) {
    DescrambleRequest plain = job.request;
    plain.tap.linearised = false;
    for (SharedTap& shared : plain.shared)
        shared.tap.linearised = false;
    const std::vector<GramProblem> truth = gram_problems({job.networks, job.inputs, plain, job.execution, job.known});
    job.each([&](Index i, Backend<double>& on) {
        const Solution at =
            certify(on, stencil, result[i].solution.P, truth[i].axes, truth[i].factor, job.inputs.samples);
        result[i].surrogate_ratio = at.eta / at.eta_bound;
    });
}

std::vector<Descrambling> finish(const Job& job, Begun& begun, const Signs& signs) {
    const DescrambleRequest& request = job.request;
    std::vector<Descrambling> result(begun.problems.size());
    job.each([&](Index i, Backend<double>& on) {
        const GramProblem& problem = begun.problems[i];
        result[i].solution =
            request.method == Method::closed
                ? closed_form(on, begun.stencil, problem.axes, problem.factor, job.inputs.samples, signs[i])
                : iterated_solution(on, job, begun, i, signs[i]);
    });
    if (request.tap.linearised)
        measure_surrogate(job, begun.stencil, result);
    const bool sum = request.criterion == Criterion::joint || !request.shared.empty();
    job.each([&](Index i, Backend<double>& on) {
        GramProblem& problem = begun.problems[i];
        result[i].gram = sum ? gram(on, transpose(problem.factor)) : std::move(problem.plain_gram);
        const Solution& s = result[i].solution;
        if (!std::isfinite(s.eta) || !std::isfinite(s.eta_bound) || !all_finite(result[i].gram.values()))
            throw InputError(job.where(i) +
                             ": the signals are too large for double precision, expected a finite Gram matrix");
    });
    return result;
}

}  // namespace

Stencil stencil_of(const DescrambleRequest& request, Index n) {
    const auto on = make_cpu_backend<double>(1);
    if (request.stencil != StencilKind::custom)
        return make_stencil(*on, request.stencil, n);
    if (request.stencil_matrix.cols() != n)
        throw InputError("stencil matrix: " + std::to_string(request.stencil_matrix.cols()) + " columns, expected " +
                         std::to_string(n) + ", the width of layer " + std::to_string(request.tap.at.layer));
    return make_stencil(*on, request.stencil_matrix);
}

std::vector<GramProblem> gram_problems(const Job& job) {
    const DescrambleRequest& request = job.request;
    Communicator& ranks = *job.execution.ranks;
    std::vector<std::vector<TapGram>> taps{job.sums_of(request.tap)};
    const Index n = taps.front().front().gram.rows();
    for (const SharedTap& shared : request.shared) {
        taps.push_back(job.sums_of(shared.tap));
        together(ranks, [&] {
            if (taps.back().front().gram.rows() != n)
                throw InputError("shared tap of layer " + std::to_string(shared.tap.at.layer) + ": " +
                                 std::to_string(taps.back().front().gram.rows()) + " signals, expected " +
                                 std::to_string(n) + " as layer " + std::to_string(request.tap.at.layer) +
                                 ", whose P it shares");
        });
    }
    return together(ranks, [&] {
        for (Index i = 0; i < job.count(); ++i)
            if (std::ranges::all_of(taps.front()[i].gram.values(), [](double x) { return x == 0; }))
                throw InputError(job.where(i) + ": all signals are zero, nothing to descramble");
        std::vector<GramProblem> problems(job.networks.size());
        parallel_items(job.count(), job.execution.threads, [&](Index i, Backend<double>& on) {
            problems[i].factor = sum_factor(on, job, i, taps);
            problems[i].mean = std::move(taps.front()[i].mean);
            problems[i].plain_gram = std::move(taps.front()[i].gram);
        });
        std::vector<const Matrix<double>*> factors;
        for (const GramProblem& problem : problems)
            factors.push_back(&problem.factor);
        std::vector<PrincipalAxes> axes = principal_axes(job.execution.backend<double>(), factors);
        for (std::size_t i = 0; i < problems.size(); ++i)
            problems[i].axes = std::move(axes[i]);
        return problems;
    });
}

Matrix<double> start_of(Backend<double>& on, const Job& job, Index network,
                        const std::function<Matrix<double>()>& closed) {
    const DescrambleRequest& request = job.request;
    const Start start = request.start != Start::automatic                              ? request.start
                        : is_gram(request.criterion) || is_diagonal(request.criterion) ? Start::identity
                                                                                       : Start::closed;
    if (start == Start::closed)
        return closed();
    const Index n = job.weight(network, request.tap.at.layer).rows();
    if (start == Start::random)
        return random_rotation(on, n, request.seed, stream::start + static_cast<std::uint64_t>(network));
    return identity(n);
}

std::vector<std::vector<Descrambling>> gram_route(std::span<const Job> jobs) {
    std::vector<Begun> begun;
    for (const Job& job : jobs)
        begun.push_back(begin(job));
    const std::vector<Signs> signs = component_signs(jobs, begun);
    std::vector<std::vector<Descrambling>> results;
    for (std::size_t j = 0; j < jobs.size(); ++j)
        results.push_back(finish(jobs[j], begun[j], signs[j]));
    return results;
}

}  // namespace descrambler
