// Gram matrices of resident signals, and of activations that are never stored.
// Rivals: one strided batched product for the whole G; product, bias and tanh, product.
#include "bench_cuda.hpp"

namespace descrambler::bench {
namespace {

template <class T>
void gram(Session& session, Index n, Index samples, Index batch) {
    Backend<T>& on = session.on<T>();
    const Buffer<T> signals = normals<T>(on, n * samples * batch, 1), grams = on.allocate(n * n * batch);
    const Batch<const T> S = signals.view(n, samples, batch);
    const Batch<T> G = grams.view(n, n, batch);
    const std::vector<double> S0 = download(on, S.item(0));
    std::vector<double> wanted(static_cast<std::size_t>(n * n));
    session.cpu().gram({S0.data(), n, samples}, 0, {wanted.data(), n, n});
    const auto residual = [&](const Call& run) {
        clear(on, G);
        run();
        on.synchronise();
        wait(session.rival());
        return difference(download(on, G.item(0)), wanted);
    };
    Case c{.kernel = "gram",
           .n = n,
           .d = samples,
           .batch = batch,
           .dtype = dtype<T>(),
           .work = cost::gram(n, samples, sizeof(T)) * static_cast<double>(batch)};
    const Call ours = [&] { on.gram(S, T{0}, G); };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = gram_call<T>(session.rival(), S, G);
    session.join(c, "cublas", rival, [&] { return residual(rival); });
    session.measure(c);
}

template <class T>
void dense_gram(Session& session, Index n, Index inputs, Index samples, Index batch) {
    Backend<T>& on = session.on<T>();
    const Buffer<T> weights = normals<T>(on, n * inputs * batch, 1, 1 / std::sqrt(static_cast<double>(inputs))),
                    biases = normals<T>(on, n * batch, 2, 0.1), data = normals<T>(on, inputs * samples, 3),
                    grams = on.allocate(n * n * batch);
    const Batch<const T> W = weights.view(n, inputs, batch), b = biases.view(n, 1, batch),
                         x(data.data(), inputs, samples, batch, 0);
    const Batch<T> G = grams.view(n, n, batch);
    const std::vector<double> W0 = download(on, W.item(0)), b0 = download(on, b.item(0)), x0 = download(on, x.item(0));
    std::vector<double> wanted(static_cast<std::size_t>(n * n));
    session.cpu().dense_gram(Activation::tanh, {W0.data(), n, inputs}, {b0.data(), n, 1}, {x0.data(), inputs, samples},
                             0, {wanted.data(), n, n});
    const auto residual = [&](const Call& run) {
        clear(on, G);
        run();
        on.synchronise();
        wait(session.rival());
        return difference(download(on, G.item(0)), wanted);
    };
    Case c{.kernel = "dense_gram",
           .n = n,
           .d = inputs,
           .batch = batch,
           .dtype = dtype<T>(),
           .work = cost::dense_gram(n, inputs, samples, sizeof(T)) * static_cast<double>(batch),
           .note = std::to_string(samples) + " samples, shared by the networks, tanh"};
    const Call ours = [&] { on.dense_gram(Activation::tanh, W, b, x, T{0}, G); };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = dense_gram_call<T>(session.rival(), W, b, x, G);
    session.join(c, "cublas", rival, [&] { return residual(rival); });
    session.measure(c);
}

}  // namespace

void bench_blas(Session& session) {
    for (const Index n : {80, 256})
        if (session.wants("gram", n)) {
            gram<double>(session, session.pick(n, n / 16), session.pick(4096, 32), session.pick(100, 2));
            gram<float>(session, session.pick(n, n / 16), session.pick(4096, 32), session.pick(100, 2));
        }
    for (const Index n : {80, 512})
        if (session.wants("dense_gram", n)) {
            const Index inputs = session.pick(256, 16), samples = session.pick(16384, 32);
            const Index batch = session.pick(n == 80 ? 100 : 20, 2);
            dense_gram<double>(session, session.pick(n, n / 16), inputs, samples, batch);
            dense_gram<float>(session, session.pick(n, n / 16), inputs, samples, batch);
        }
}

}  // namespace descrambler::bench
