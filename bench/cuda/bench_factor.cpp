// Factorisations. They destroy their argument, so every call begins with a copy of it, on both sides.
// Residuals: eigh A V against V diag(w); svd its singular values; qr the projector Q Q^T.
// Rivals: XsyevBatched, gesvd in a loop, gesvdaStridedBatched, geqrf and orgqr in a loop.
#include "bench_cuda.hpp"

namespace descrambler::bench {
namespace {

void refresh(Backend<double>& on, Batch<const double> from, Batch<double> to) {
    on.axpby(1, from, 0, to);
}

void eigh(Session& session, Index n, Index batch) {
    Backend<double>& on = session.on<double>();
    const Buffer<double> signals = normals<double>(on, n * 2 * n * batch, 1), grams = on.allocate(n * n * batch),
                         work = on.allocate(n * n * batch), values = on.allocate(n * batch);
    on.gram(signals.view(n, 2 * n, batch), 0, grams.view(n, n, batch));
    const Batch<const double> A = grams.view(n, n, batch);
    const Batch<double> V = work.view(n, n, batch), w = values.view(n, 1, batch);
    const std::vector<double> A0 = download(on, A.item(0));
    const auto residual = [&](const Call& run) {
        clear(on, V);
        clear(on, w);
        run();
        on.synchronise();
        wait(session.rival());
        std::vector<double> v = download(on, V.item(0)), scaled = v, product(v.size());
        const std::vector<double> lambda = download(on, w.item(0));
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i)
                scaled[static_cast<std::size_t>(j * n + i)] *= lambda[static_cast<std::size_t>(j)];
        session.cpu().gemm(Op::none, Op::none, 1, {A0.data(), n, n}, {v.data(), n, n}, 0, {product.data(), n, n});
        return difference(scaled, product);
    };
    Case c{.kernel = "eigh", .n = n, .batch = batch, .work = cost::eigh(n, 8) * static_cast<double>(batch)};
    const Call ours = [&] {
        refresh(on, A, V);
        on.eigh(V, w);
    };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = eigh_call(session.rival(), A, V, w);
    session.join(
        c, "xsyev_batched", rival, [&] { return residual(rival); }, false);
    session.measure(c);
}

void svd(Session& session, Index m, Index n, Index batch) {
    Backend<double>& on = session.on<double>();
    const Buffer<double> matrices = normals<double>(on, m * n * batch, 1), work = on.allocate(m * n * batch),
                         left = on.allocate(m * n * batch), values = on.allocate(n * batch),
                         right = on.allocate(n * n * batch);
    const Batch<const double> A = matrices.view(m, n, batch);
    const Batch<double> W = work.view(m, n, batch), U = left.view(m, n, batch), s = values.view(n, 1, batch),
                        V = right.view(n, n, batch);
    Matrix<double> first(m, n);
    std::ranges::copy(download(on, A.item(0)), first.data());
    const std::vector<double> wanted = singular_values(session.cpu(), first);
    const auto residual = [&](const Call& run) {
        clear(on, s);
        run();
        on.synchronise();
        wait(session.rival());
        return difference(download(on, s.item(0)), wanted);
    };
    Case c{.kernel = "svd", .n = m, .d = n, .batch = batch, .work = cost::svd(m, n, 8) * static_cast<double>(batch)};
    const Call ours = [&] {
        refresh(on, A, W);
        on.svd(W, U, s, V);
    };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call exact = gesvd_call(session.rival(), A, U, s, V), approximate = gesvda_call(session.rival(), A, U, s, V);
    session.join(
        c, "gesvd_loop", exact, [&] { return residual(exact); }, false);
    session.join(
        c, "gesvda_batched", approximate, [&] { return residual(approximate); }, false);
    session.measure(c);
}

void qr(Session& session, Index m, Index n, Index batch) {
    Backend<double>& on = session.on<double>();
    const Buffer<double> matrices = normals<double>(on, m * n * batch, 1), work = on.allocate(m * n * batch),
                         triangle = on.allocate(n * n * batch);
    const Batch<const double> A = matrices.view(m, n, batch);
    const Batch<double> Q = work.view(m, n, batch), R = triangle.view(n, n, batch);
    const std::vector<double> A0 = download(on, A.item(0));
    const auto projector = [&](std::vector<double> basis) {  // the same for every basis of the columns
        std::vector<double> P(static_cast<std::size_t>(m * m));
        session.cpu().gram({basis.data(), m, n}, 0, {P.data(), m, m});
        return P;
    };
    std::vector<double> basis = A0, R0(static_cast<std::size_t>(n * n));
    session.cpu().qr({basis.data(), m, n}, {R0.data(), n, n});
    const std::vector<double> wanted = projector(basis);
    const auto residual = [&](const Call& run) {
        clear(on, Q);
        run();
        on.synchronise();
        wait(session.rival());
        return difference(projector(download(on, Q.item(0))), wanted);
    };
    Case c{.kernel = "qr", .n = m, .d = n, .batch = batch, .work = cost::qr(m, n, 8) * static_cast<double>(batch)};
    const Call ours = [&] {
        refresh(on, A, Q);
        on.qr(Q, R);
    };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = qr_call(session.rival(), A, Q);
    session.join(
        c, "geqrf_orgqr_loop", rival, [&] { return residual(rival); }, false);
    session.measure(c);
}

}  // namespace

void bench_factor(Session& session) {
    for (const Index n : {80, 256, 512})
        if (session.wants("eigh", n))
            eigh(session, session.pick(n, n / 16), session.pick(n == 512 ? 20 : 100, 2));
    if (session.wants("svd", 80))
        svd(session, session.pick(256, 9), session.pick(80, 5), session.pick(100, 2));
    if (session.wants("svd", 256))
        svd(session, session.pick(256, 8), session.pick(256, 8), session.pick(20, 2));
    if (session.wants("qr", 80))
        qr(session, session.pick(256, 9), session.pick(80, 5), session.pick(100, 2));
}

}  // namespace descrambler::bench
