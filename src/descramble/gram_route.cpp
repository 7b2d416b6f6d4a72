#include <algorithm>
#include <cmath>

#include "descramble/routes.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

bool is_finite(double x) {
    return std::isfinite(x);
}

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
        const Matrix<double>& link = job.weight(network, request.tap.layer + 1);
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
    on.qr(a.view(rows, n), r.view(n, n));
    on.download(r.view(n, n), R.data());
    out.L = transpose(R);
    return out;
}

// Every network of the batch through the primitive; P in the stencil's basis, in and out.
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

// Where an iteration has led, a matrix a network.
struct Iterated {
    std::vector<Scaled> scaled;
    std::vector<MinimiseReport> reports;
    std::vector<Matrix<double>> P;
    std::vector<PrincipalAxes> axes;  // with U as P has them
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

std::vector<Descrambling> iterated(const Job& job, const Stencil& stencil, const std::vector<GramProblem>& problems) {
    const DescrambleRequest& request = job.request;
    MinimiseOptions options;
    options.method = request.method == Method::cayley ? Minimiser::cayley : Minimiser::riemannian;
    options.evaluations = request.evaluations;
    options.iterations = request.iterations;
    const Iterated found = together(*job.execution.ranks, [&] { return iterate(job, options, stencil, problems); });

    // A run that arrived is brought to the canonical signs and null block, so that it can be compared entry by entry;
    // one that did not is shown as it is.
    const bool canonical = options.method == Minimiser::riemannian;
    const std::vector<std::vector<double>> signs =
        canonical ? component_signs(job, problems, found.axes) : std::vector<std::vector<double>>(problems.size());
    std::vector<Descrambling> result(problems.size());
    const auto describe = [&](Index i, Backend<double>& on) {
        Solution& s = result[i].solution;
        const MinimiseReport& report = found.reports[i];
        s = canonical && report.converged
                ? closed_form(on, stencil, found.axes[i], problems[i].factor, job.inputs.samples, signs[i])
                : certify(on, stencil, found.P[i], problems[i].axes, problems[i].factor, job.inputs.samples);
        take_report(s, request, report);
        for (MinimiseReport::Point& point : s.history)
            point.eta *= found.scaled[i].unit;
        const double close = s.eta_bound + 1e-6 * std::max(s.eta_bound, static_cast<double>(stencil.n()) * 0x1p-53 *
                                                                            stencil.mu.back() * s.gamma.front());
        const auto there =
            std::ranges::find_if(s.history, [&](const MinimiseReport::Point& point) { return point.eta <= close; });
        s.evaluations_to_gap = there == s.history.end() ? 0 : there->evaluations;
    };
    job.each(describe);
    return result;
}

}  // namespace

Stencil stencil_of(const DescrambleRequest& request, Index n) {
    const auto on = make_cpu_backend<double>(1);
    if (request.stencil != StencilKind::custom)
        return make_stencil(*on, request.stencil, n);
    if (request.stencil_matrix.cols() != n)
        throw InputError("stencil matrix: " + std::to_string(request.stencil_matrix.cols()) + " columns, expected " +
                         std::to_string(n) + ", the width of layer " + std::to_string(request.tap.layer));
    return make_stencil(*on, request.stencil_matrix);
}

std::vector<GramProblem> gram_problems(const Job& job) {
    const DescrambleRequest& request = job.request;
    Communicator& ranks = *job.execution.ranks;
    std::vector<std::vector<TapGram>> taps{tap_grams(job.networks, request.tap, job.inputs, job.execution)};
    const Index n = taps.front().front().gram.rows();
    for (const SharedTap& shared : request.shared) {
        taps.push_back(tap_grams(job.networks, shared.tap, job.inputs, job.execution));
        together(ranks, [&] {
            if (taps.back().front().gram.rows() != n)
                throw InputError("shared tap of layer " + std::to_string(shared.tap.layer) + ": " +
                                 std::to_string(taps.back().front().gram.rows()) + " signals, expected " +
                                 std::to_string(n) + " as layer " + std::to_string(request.tap.layer) +
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

std::vector<std::vector<double>> component_signs(const Job& job, const std::vector<GramProblem>& problems,
                                                 const std::vector<PrincipalAxes>& axes) {
    const TapRequest& tap = job.request.tap;
    std::vector<std::vector<double>> means, signs(axes.size());
    std::vector<Matrix<double>> U;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        means.push_back(problems[i].mean);
        U.push_back(axes[i].U);
    }
    if (!(tap.tap == Tap::before && tap.layer == 1))  // deeper layers have no input axis of their own
        return tap_third_moments(job.networks, tap, job.inputs, means, U, job.execution);
    parallel_items(job.count(), job.execution.threads,
                   [&](Index i, Backend<double>& on) { signs[i] = filter_moments(on, job.weight(i, 1), U[i]); });
    return signs;
}

Matrix<double> start_of(Backend<double>& on, const Job& job, Index network,
                        const std::function<Matrix<double>()>& closed) {
    const DescrambleRequest& request = job.request;
    const Start start = request.start != Start::automatic                              ? request.start
                        : is_gram(request.criterion) || is_diagonal(request.criterion) ? Start::identity
                                                                                       : Start::closed;
    if (start == Start::closed)
        return closed();
    const Index n = job.weight(network, request.tap.layer).rows();
    if (start == Start::random)
        return random_rotation(on, n, request.seed, stream::start + static_cast<std::uint64_t>(network));
    return identity(n);
}

std::vector<Descrambling> gram_route(const Job& job) {
    const DescrambleRequest& request = job.request;
    Communicator& ranks = *job.execution.ranks;
    std::vector<GramProblem> problems = gram_problems(job);
    const Stencil stencil = together(ranks, [&] { return stencil_of(request, problems.front().factor.cols()); });
    std::vector<Descrambling> result(problems.size());
    if (request.method == Method::closed) {
        std::vector<PrincipalAxes> axes;
        for (const GramProblem& problem : problems)
            axes.push_back(problem.axes);
        const std::vector<std::vector<double>> signs = component_signs(job, problems, axes);
        job.each([&](Index i, Backend<double>& on) {
            result[i].solution =
                closed_form(on, stencil, problems[i].axes, problems[i].factor, job.inputs.samples, signs[i]);
        });
    } else {
        result = iterated(job, stencil, problems);
    }
    if (request.tap.linearised) {  // what the surrogate is worth for the signals it stands for
        DescrambleRequest plain = request;
        plain.tap.linearised = false;
        for (SharedTap& shared : plain.shared)
            shared.tap.linearised = false;
        const std::vector<GramProblem> truth = gram_problems({job.networks, job.inputs, plain, job.execution});
        job.each([&](Index i, Backend<double>& on) {
            const Solution at =
                certify(on, stencil, result[i].solution.P, truth[i].axes, truth[i].factor, job.inputs.samples);
            result[i].surrogate_ratio = at.eta / at.eta_bound;
        });
    }
    const bool sum = request.criterion == Criterion::joint || !request.shared.empty();
    job.each([&](Index i, Backend<double>& on) {
        result[i].gram = sum ? gram(on, transpose(problems[i].factor)) : std::move(problems[i].plain_gram);
        const Solution& s = result[i].solution;
        if (!is_finite(s.eta) || !is_finite(s.eta_bound) || !std::ranges::all_of(result[i].gram.values(), is_finite))
            throw InputError(job.where(i) +
                             ": the signals are too large for double precision, expected a finite Gram matrix");
    });
    return result;
}

}  // namespace descrambler
