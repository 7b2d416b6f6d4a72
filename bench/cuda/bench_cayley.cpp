// Cayley transforms and the functional in their chart, a hundred networks with data of their own.
// Rival: getrfBatched and getriBatched without pivoting, small kernels, strided batched products.
#include "bench_cuda.hpp"

namespace descrambler::bench {
namespace {

std::vector<double> symbol(Index n) {
    std::vector<double> mu;
    for (Index i = 0; i < n; ++i)
        mu.push_back(std::pow(static_cast<double>((i + 1) / 2), 4));
    return mu;
}

void transforms(Session& session, Index n, Index batch) {
    Backend<double>& on = session.on<double>();
    const Index packed = n * (n - 1) / 2;
    const Buffer<double> q = normals<double>(on, packed * batch, 1, 0.2), dP = normals<double>(on, n * n * batch, 2);
    const Buffer<double> P = on.allocate(n * n * batch), dq = on.allocate(packed * batch);
    const Batch<double> Q = q.view(packed, 1, batch), to = P.view(n, n, batch), D = dP.view(n, n, batch),
                        gradient = dq.view(packed, 1, batch);

    const std::vector<double> first = download<double>(on, Q.item(0)), slope = download<double>(on, D.item(0));
    Matrix<double> wanted(n, n), wanted_dq(packed, 1);
    session.cpu().cayley({first.data(), packed, 1}, wanted.view());
    session.cpu().cayley_pullback(wanted.view(), {slope.data(), n, n}, wanted_dq.view());
    const auto residual = [&](const Call& run, Batch<double> result, const Matrix<double>& expected) {
        clear(on, result);
        run();
        on.synchronise();
        wait(session.rival());
        return difference(download(on, result.item(0)), {expected.data(), expected.data() + expected.size()});
    };

    const double count = static_cast<double>(batch);
    const Call forward = [&] { on.cayley(Q, to); };
    Case c{.kernel = "cayley", .n = n, .batch = batch, .work = cost::cayley(n, 8) * count};
    c.contenders.push_back({"descrambler", forward, [&] { return residual(forward, to, wanted); }});
    const Call rival = cayley_call(session.rival(), Q, to);
    session.join(c, "cublas", rival, [&] { return residual(rival, to, wanted); });
    session.measure(c);

    const Call backward = [&] { on.cayley_pullback(to, D, gradient); };
    Case back{.kernel = "cayley_pullback", .n = n, .batch = batch, .work = cost::cayley_pullback(n, 8) * count};
    back.contenders.push_back({"descrambler", backward, [&] { return residual(backward, gradient, wanted_dq); }});
    const Call rival_back = cayley_pullback_call(session.rival(), to, D, gradient);
    session.join(back, "cublas", rival_back, [&] { return residual(rival_back, gradient, wanted_dq); });
    session.measure(back);
}

void tikhonov(Session& session, Index n, Index batch, double target_us) {
    Backend<double>& on = session.on<double>();
    const Index packed = n * (n - 1) / 2;
    const Buffer<double> q = normals<double>(on, packed * batch, 1, 0.2),
                         L = normals<double>(on, n * n * batch, 2, 0.1);
    const Buffer<double> eta = on.allocate(batch), dq = on.allocate(packed * batch), weight = on.allocate(n);
    const std::vector<double> mu = symbol(n);
    on.upload(mu.data(), weight.view(n, 1));
    const Batch<const double> M(weight.data(), n, 1, batch, 0), factor = L.view(n, n, batch),
                                                                Q = q.view(packed, 1, batch);
    const Batch<double> value = eta.view(1, 1, batch), gradient = dq.view(packed, 1, batch);

    const std::vector<double> q0 = download(on, Q.item(0)), L0 = download(on, factor.item(0));
    std::vector<double> wanted(static_cast<std::size_t>(packed));
    double wanted_eta = 0;
    session.cpu().tikhonov({mu.data(), n, 1}, {L0.data(), n, n}, {q0.data(), packed, 1}, {&wanted_eta, 1, 1},
                           {wanted.data(), packed, 1});
    const auto residual = [&](const Call& run) {
        clear(on, gradient);
        clear(on, value);
        run();
        on.synchronise();
        wait(session.rival());
        return std::max(difference(download<double>(on, gradient.item(0)), wanted),
                        difference(download<double>(on, value.item(0)), {wanted_eta}));
    };
    Case c{.kernel = "tikhonov",
           .n = n,
           .batch = batch,
           .work = cost::tikhonov(n, n, 8) * static_cast<double>(batch),
           .target_us = target_us,
           .note = "value and gradient"};
    const Call ours = [&] { on.tikhonov(M, factor, Q, value, gradient); };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = tikhonov_call(session.rival(), M, factor, Q, value, gradient);
    session.join(c, "cublas", rival, [&] { return residual(rival); });
    session.measure(c);
}

}  // namespace

void bench_cayley(Session& session) {
    const Index batch = session.pick(100, 2);
    for (const auto& [n, target_us] : {std::pair<Index, double>{80, 50}, {256, 1500}, {512, 0}})
        if (session.wants("tikhonov", n))
            tikhonov(session, session.pick(n, n / 16), batch, target_us);
    for (const Index n : {80, 256})
        if (session.wants("cayley", n) || session.wants("cayley_pullback", n))
            transforms(session, session.pick(n, n / 16), batch);
}

}  // namespace descrambler::bench
