// Randomised SVD of a hundred matrices with falling spectra: the rank asked for, ten more columns, one power
// iteration. The residual is that of the singular values against the exact ones: both methods are approximate.
// Rival: Xgesvdr in a loop, as there is no batched one.
#include "bench_cuda.hpp"

namespace descrambler::bench {
namespace {

void randomized_svd(Session& session, Index m, Index n, int rank, int oversampling, Index batch) {
    Backend<double>& on = session.on<double>();
    const Index k = std::min(m, n);
    const int power_iterations = 1;
    // A = U diag(1 / i) V^T, U and V with orthonormal columns
    std::vector<double> weights;
    for (Index i = 0; i < k; ++i)
        weights.push_back(1 / static_cast<double>(i + 1));
    const Buffer<double> left = normals<double>(on, m * k * batch, 1), right = normals<double>(on, n * k * batch, 2),
                         triangle = on.allocate(k * k * batch), matrices = on.allocate(m * n * batch);
    on.qr(left.view(m, k, batch), triangle.view(k, k, batch));
    on.qr(right.view(n, k, batch), triangle.view(k, k, batch));
    Matrix<double> diagonal(k, k);
    for (Index i = 0; i < k; ++i)
        diagonal(i, i) = weights[static_cast<std::size_t>(i)];
    on.upload(diagonal.data(), triangle.view(k, k));
    const Buffer<double> scaled = on.allocate(m * k * batch);
    on.gemm(Op::none, Op::none, 1, left.view(m, k, batch), {triangle.data(), k, k, batch, 0}, 0,
            scaled.view(m, k, batch));
    on.gemm(Op::none, Op::transpose, 1, scaled.view(m, k, batch), right.view(n, k, batch), 0,
            matrices.view(m, n, batch));

    const Buffer<double> us = on.allocate(m * rank * batch), ss = on.allocate(k * batch),
                         vs = on.allocate(n * rank * batch);
    const Batch<const double> A = matrices.view(m, n, batch);
    const Batch<double> U = us.view(m, rank, batch), s = ss.view(rank, 1, batch), V = vs.view(n, rank, batch);
    const auto residual = [&](const Call& run, Batch<double> values) {
        clear(on, values);
        run();
        on.synchronise();
        wait(session.rival());
        std::vector<double> got = download(on, values.item(0));
        got.resize(static_cast<std::size_t>(rank));
        return difference(got, {weights.begin(), weights.begin() + rank});
    };
    const Index sketch = std::min({static_cast<Index>(rank + oversampling), m, n});
    Case c{.kernel = "randomized_svd_k" + std::to_string(rank),
           .n = m,
           .d = n,
           .batch = batch,
           .work = cost::randomized_svd(m, n, rank, sketch, power_iterations, 8) * static_cast<double>(batch)};
    const Call ours = [&] { on.randomized_svd(A, rank, oversampling, power_iterations, 1, U, s, V); };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours, s); }});
    const Batch<double> all = ss.view(k, 1, batch);
    const Call rival = gesvdr_call(session.rival(), A, rank, oversampling, power_iterations, all);
    session.join(
        c, "xgesvdr_loop", rival, [&] { return residual(rival, all); }, false);
    session.measure(c);
}

}  // namespace

void bench_randomized_svd(Session& session) {
    struct Shape {
        Index m, n;
        int rank;
        Index batch;
    };
    for (const Shape& shape : {Shape{80, 256, 10, 100}, {256, 256, 10, 100}, {256, 256, 32, 100}, {1024, 1024, 30, 10}})
        if (session.wants("randomized_svd", shape.m))
            randomized_svd(session, session.pick(shape.m, 12), session.pick(shape.n, 14),
                           static_cast<int>(session.pick(shape.rank, 3)), static_cast<int>(session.pick(10, 4)),
                           session.pick(shape.batch, 2));
}

}  // namespace descrambler::bench
