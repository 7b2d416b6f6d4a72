// Convolutions of probes, 64 channels to 64, 3 x 3, and their adjoints.
// Beside them, as a ceiling, the vendor's product of the same size: of a matrix that lowering would have to make first. Its
// numbers are others, and its residual is that of the product.
#include "bench_cuda.hpp"

namespace descrambler::bench {
namespace {

template <class T>
void convolve(Session& session, Index channels, Index side, Index probes, bool adjoint) {
    Backend<T>& on = session.on<T>();
    const Convolution s{.in_channels = channels,
                        .out_channels = channels,
                        .in = {1, side, side},
                        .out = {1, side, side},
                        .kernel = {1, 3, 3},
                        .pad = {0, 1, 1}};
    const Index size = s.inputs(), positions = side * side;  // the same in both directions
    const Buffer<T> weights = normals<T>(on, s.depth() * channels, 1, 1 / std::sqrt(static_cast<double>(s.depth()))),
                    from = normals<T>(on, size * probes, 2), to = on.allocate(size * probes);
    const Batch<const T> W = weights.view(s.depth(), channels), x = from.view(size, probes);
    const Batch<T> y = to.view(size, probes);
    const std::vector<double> W0 = download(on, W), x0 = download(on, x.columns(0, 1));
    std::vector<double> wanted(static_cast<std::size_t>(size));
    const Batch<const double> w(W0.data(), s.depth(), channels), first(x0.data(), size, 1);
    if (adjoint)
        session.cpu().convolve_adjoint(s, w, first, 0, {wanted.data(), size, 1});
    else
        session.cpu().convolve(s, w, first, 0, {wanted.data(), size, 1});
    Case c{.kernel = adjoint ? "convolve_adjoint" : "convolve",
           .n = side,
           .d = channels,
           .batch = probes,
           .dtype = dtype<T>(),
           .work = cost::convolve(s, probes, sizeof(T)),
           .note = "3 x 3, zeros around; cublas is the product of the lowered matrix, not the lowering"};
    const Call ours = [&] { adjoint ? on.convolve_adjoint(s, W, x, T{0}, y) : on.convolve(s, W, x, T{0}, y); };
    c.contenders.push_back({"descrambler", ours, [&] {
                                clear(on, y);
                                ours();
                                on.synchronise();
                                return difference(download(on, y.columns(0, 1)), wanted);
                            }});
    const Buffer<T> lowered = normals<T>(on, positions * s.depth() * probes, 3);
    const Batch<const T> P = lowered.view(positions, s.depth(), probes), shared(W.data, s.depth(), channels, probes, 0);
    const Batch<T> Y(y.data, positions, channels, probes);
    const Call rival = gemm_call<T>(session.rival(), P, shared, Y);
    session.join(c, "cublas", rival, [&] {
        const std::vector<double> P0 = download(on, P.item(0));
        std::vector<double> product(static_cast<std::size_t>(size));
        session.cpu().gemm(Op::none, Op::none, 1, {P0.data(), positions, s.depth()}, w, 0,
                           {product.data(), positions, channels});
        clear(on, y);
        rival();
        wait(session.rival());
        return difference(download(on, Y.item(0)), product);
    });
    session.measure(c);
}

}  // namespace

void bench_convolution(Session& session) {
    for (const Index side : {48, 128})
        if (session.wants("convolve", side))
            for (const bool adjoint : {false, true}) {
                const Index channels = session.pick(64, 6), probes = session.pick(side == 48 ? 16 : 2, 2);
                convolve<double>(session, channels, session.pick(side, side / 8), probes, adjoint);
                convolve<float>(session, channels, session.pick(side, side / 8), probes, adjoint);
            }
}

}  // namespace descrambler::bench
