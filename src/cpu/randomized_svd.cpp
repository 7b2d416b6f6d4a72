// Randomised singular value decomposition (Halko, Martinsson, Tropp, SIAM Rev. 53 (2011) 217, algorithms 4.4 and 5.1).
//   A      [m, n]   in           Z [n, l] normal, l = min(rank + oversampling, m, n), one for all items
//   Q = qr(A Z);  power_iterations times:  W = qr(A^T Q),  Q = qr(A W)
//   A^T Q = W R     (QR)         R^T [l, l] = X diag(s) Y^T        U = Q X, V = W Y, cut to rank
// Each product is orthonormalised: powers of A A^T formed without that would lose every sigma below
// u^(1 / (2 q + 1)) sigma_1, q the power iterations. The QR of A^T Q makes the last SVD small and square.
// flops  see cost.hpp
#include "cpu/randomized_svd.hpp"

#include <algorithm>
#include <vector>

#include "cpu/algebra.hpp"
#include "cpu/factor.hpp"
#include "cpu/random.hpp"
#include "descrambler/random.hpp"

namespace descrambler::cpu {

namespace {

// Owner of a batch of scratch matrices.
template <class T>
struct Scratch {
    std::vector<T> values;
    Batch<T> view;
    Scratch(Index rows, Index cols, Index batch)
        : values(static_cast<std::size_t>(rows * cols * batch)), view(values.data(), rows, cols, batch) {}
};

}  // namespace

template <class T>
void randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed, Batch<T> U,
                    Batch<T> s, Batch<T> V, int threads) {
    const Index m = A.rows, n = A.cols, batch = A.batch, k = rank;
    const Index l = std::min({k + oversampling, m, n});
    if (batch == 0)
        return;
    Scratch<T> Z(n, l, 1), Q(m, l, batch), W(n, l, batch), R(l, l, batch);
    random_normal(seed, stream::sketch, 0, Z.values.data(), n * l);
    gemm(Op::none, Op::none, T{1}, A, Batch<const T>(Z.values.data(), n, l, batch, 0), T{0}, Q.view, threads);
    qr(Q.view, R.view, threads);
    for (int i = 0; i <= power_iterations; ++i) {
        gemm<T>(Op::transpose, Op::none, T{1}, A, Q.view, T{0}, W.view, threads);
        qr(W.view, R.view, threads);
        if (i == power_iterations)
            break;
        gemm<T>(Op::none, Op::none, T{1}, A, W.view, T{0}, Q.view, threads);
        qr(Q.view, R.view, threads);
    }
    // R = Y diag(s) X^T
    Scratch<T> X(l, l, batch), Y(l, l, batch), values(l, 1, batch);
    svd(R.view, Y.view, values.view, X.view, threads);
    gemm<T>(Op::none, Op::none, T{1}, Q.view, X.view.columns(0, k), T{0}, U, threads);
    gemm<T>(Op::none, Op::none, T{1}, W.view, Y.view.columns(0, k), T{0}, V, threads);
    for (Index b = 0; b < batch; ++b)
        std::copy_n(values.view.item(b).data, k, s.item(b).data);
}

template void randomized_svd<float>(Batch<const float>, int, int, int, std::uint64_t, Batch<float>, Batch<float>,
                                    Batch<float>, int);
template void randomized_svd<double>(Batch<const double>, int, int, int, std::uint64_t, Batch<double>, Batch<double>,
                                     Batch<double>, int);

}  // namespace descrambler::cpu
