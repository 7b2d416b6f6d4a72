// Whole descrambling of a hundred networks: the recentred minimisation to its own test, and closed forms from Grams.
// The residual of minimise is the gap of the first network, eta over the certified bound less 1; no library has it.
// Rival of the closed forms: XsyevBatched, one product, one product of vectors.
#include <algorithm>

#include "bench_cuda.hpp"
#include "descrambler/closed_form.hpp"

namespace descrambler::bench {
namespace {

// Signals whose rows fall as 1 / i, as those of trained layers do: [n, samples] x batch.
Buffer<double> falling(Backend<double>& on, Index n, Index samples, Index batch) {
    const Buffer<double> noise = normals<double>(on, n * samples * batch, 5);
    Matrix<double> diagonal(n, n);
    for (Index i = 0; i < n; ++i)
        diagonal(i, i) = 1 / static_cast<double>(1 + i);
    const Buffer<double> scale = on.allocate(n * n);
    on.upload(diagonal.data(), scale.view(n, n));
    Buffer<double> S = on.allocate(n * samples * batch);
    on.gemm(Op::none, Op::none, 1, {scale.data(), n, n, batch, 0}, noise.view(n, samples, batch), 0,
            S.view(n, samples, batch));
    return S;
}

void minimise(Session& session, Index n, Index batch) {
    Backend<double>& on = session.on<double>();
    const Stencil stencil = make_stencil(session.cpu(), StencilKind::fourier2, n);
    const Buffer<double> signals = falling(on, n, 2 * n, batch), weight = on.allocate(n), ones = on.allocate(n * n),
                         turns = on.allocate(n * n * batch);
    on.upload(stencil.mu.data(), weight.view(n, 1));
    on.upload(identity(n).data(), ones.view(n, n));
    const Batch<const double> L = signals.view(n, 2 * n, batch), mu(weight.data(), n, 1, batch, 0),
                              start(ones.data(), n, n, batch, 0);
    const Batch<double> P = turns.view(n, n, batch);
    Matrix<double> L0(n, 2 * n);
    std::ranges::copy(download(on, L.item(0)), L0.data());
    const std::vector<double> s = singular_values(session.cpu(), L0);
    double bound = 0;
    for (std::size_t i = 0; i < s.size(); ++i)
        bound += stencil.mu[i] * s[i] * s[i];
    std::vector<MinimiseReport> reports(static_cast<std::size_t>(batch));
    const Call ours = [&] {
        on.axpby(1, start, 0, P);
        on.minimise({}, mu, L, P, reports);
    };
    Case c{.kernel = "minimise", .n = n, .d = 2 * n, .batch = batch, .note = "from the identity to its own test"};
    try {
        ours();  // its work is known afterwards
        on.synchronise();
        for (const MinimiseReport& report : reports)
            c.work = c.work + cost::minimise_evaluation(n, 2 * n, 8) * static_cast<double>(report.evaluations) +
                     cost::minimise_step(n, 2 * n, 8) * static_cast<double>(report.iterations);
    } catch (const Error&) {  // measure() reports it
    }
    c.contenders.push_back({"descrambler", ours, [&] {
                                ours();
                                on.synchronise();
                                return reports.front().history.back().eta / bound - 1;
                            }});
    session.measure(c);
}

void closed_forms(Session& session, Index n, Index batch, double target_us) {
    Backend<double>& on = session.on<double>();
    const Stencil stencil = make_stencil(session.cpu(), StencilKind::fourier2, n);
    const Buffer<double> grams = on.allocate(n * n * batch), work = on.allocate(n * n * batch),
                         turns = on.allocate(n * n * batch), bounds = on.allocate(batch), weight = on.allocate(n),
                         basis = on.allocate(n * n);
    {
        const Buffer<double> signals = falling(on, n, 4 * n, batch);
        on.gram(signals.view(n, 4 * n, batch), 0, grams.view(n, n, batch));
    }
    const Batch<const double> G = grams.view(n, n, batch);
    const Batch<double> W = work.view(n, n, batch), P = turns.view(n, n, batch), bound = bounds.view(1, 1, batch);
    // eigenvectors ascend, so the rival's basis and mu descend, as ours do inside
    Matrix<double> T(n, n);
    for (Index j = 0; j < n; ++j)
        std::ranges::copy(stencil.T.column(n - 1 - j), T.column(j).begin());
    on.upload(T.data(), basis.view(n, n));
    const std::vector<double> descending(stencil.mu.rbegin(), stencil.mu.rend());
    on.upload(descending.data(), weight.view(n, 1));
    const Batch<const double> shared(basis.data(), n, n, batch, 0), mu(weight.data(), n, 1, batch, 0);

    Matrix<double> G0(n, n);
    std::ranges::copy(download(on, G.item(0)), G0.data());
    const std::vector<double> w = eigh(session.cpu(), G0).w;
    double wanted = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
        wanted += descending[i] * w[i];
    const auto residual = [&](const Call& run) {  // eta of the P found, from the Gram, against the bound of the CPU
        clear(on, P);
        clear(on, bound);
        run();
        on.synchronise();
        wait(session.rival());
        Matrix<double> found(n, n);
        std::ranges::copy(download(on, P.item(0)), found.data());
        const Matrix<double> B = multiply(session.cpu(), Op::transpose, Op::none, stencil.T, found);
        const Matrix<double> N =
            multiply(session.cpu(), Op::none, Op::transpose, multiply(session.cpu(), Op::none, Op::none, B, G0), B);
        double eta = 0;
        for (Index i = 0; i < n; ++i)
            eta += stencil.mu[static_cast<std::size_t>(i)] * N(i, i);
        return std::max(std::abs(eta / wanted - 1), difference(download(on, bound.item(0)), {wanted}));
    };
    Case c{.kernel = "closed_forms",
           .n = n,
           .batch = batch,
           .work = cost::closed_form(n, 8) * static_cast<double>(batch),
           .target_us = target_us,
           .note = "every call begins with a copy of the Grams, on both sides"};
    const Call ours = [&] {
        on.axpby(1, G, 0, W);
        descrambler::closed_forms(on, stencil, W, P, bound);
    };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = closed_forms_call(session.rival(), G, shared, mu, P, bound);
    session.join(
        c, "xsyev_batched", rival, [&] { return residual(rival); }, false);
    session.measure(c);
}

}  // namespace

void bench_descramble(Session& session) {
    for (const auto& [n, target_us] : {std::pair<Index, double>{80, 0}, {256, 30000}}) {
        if (session.wants("closed_forms", n))
            closed_forms(session, session.pick(n, n / 16), session.pick(100, 2), target_us);
        if (session.wants("minimise", n))
            minimise(session, session.pick(n, n / 16), session.pick(n == 256 ? 20 : 100, 2));
    }
}

}  // namespace descrambler::bench
