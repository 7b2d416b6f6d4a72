#include "descrambler/randomized_svd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <string>

#include "core/finite.hpp"
#include "descramble/sums/library_wave.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

namespace {

constexpr int probes = 10;
constexpr Index largest_sketch = Index{1} << 28;  // values: 2 GiB

Matrix<double> columns(const Matrix<double>& A, Index first, Index count) {
    Matrix<double> result(A.rows(), count);
    std::copy_n(A.data() + first * A.rows(), result.size(), result.data());
    return result;
}

Matrix<double> beside(const Matrix<double>& A, const Matrix<double>& B) {
    Matrix<double> result(A.rows(), A.cols() + B.cols());
    std::ranges::copy(A.values(), result.data());
    std::ranges::copy(B.values(), result.data() + A.size());
    return result;
}

Matrix<double> normals(Backend<double>& on, Index rows, Index cols, std::uint64_t seed, std::uint64_t stream) {
    Matrix<double> result(rows, cols);
    const Buffer<double> x = on.allocate(result.size());
    on.random_normal(seed, stream, 0, x.view(rows, cols));
    on.download(x.view(rows, cols), result.data());
    return result;
}

// A -> Q, returns R.
Matrix<double> orthonormalise(Backend<double>& on, Matrix<double>& A) {
    const Buffer<double> a = on.allocate(A.size()), r = on.allocate(A.cols() * A.cols());
    on.upload(A.data(), a.view(A.rows(), A.cols()));
    on.qr(a.view(A.rows(), A.cols()), r.view(A.cols(), A.cols()));
    Matrix<double> R(A.cols(), A.cols());
    on.download(a.view(A.rows(), A.cols()), A.data());
    on.download(r.view(A.cols(), A.cols()), R.data());
    return R;
}

// (I - Q Q^T) A
Matrix<double> project_off(Backend<double>& on, const Matrix<double>& Q, Matrix<double> A) {
    const Matrix<double> along = multiply(on, Op::none, Op::none, Q, multiply(on, Op::transpose, Op::none, Q, A));
    for (Index i = 0; i < A.size(); ++i)
        A.data()[i] -= along.data()[i];
    return A;
}

// Columns become unit vectors (or stay 0); returns their norms.
std::vector<double> normalise(Matrix<double>& A) {
    std::vector<double> norms;
    for (Index j = 0; j < A.cols(); ++j) {
        double largest = 0, squares = 0;  // scaled: a square must neither overflow nor vanish
        for (const double x : A.column(j))
            largest = std::max(largest, std::abs(x));
        for (double& x : A.column(j)) {
            x = largest > 0 ? x / largest : 0;
            squares += x * x;
        }
        for (double& x : A.column(j))
            x = largest > 0 ? x / std::sqrt(squares) : 0;
        norms.push_back(largest * std::sqrt(squares));
    }
    return norms;
}

void check_finite(const Matrix<double>& A) {
    if (!all_finite(A.values()))
        throw InputError("randomised SVD: a product with the operator is not finite, expected smaller numbers");
}

void check(const LinearOperator& A, const RandomizedSvdOptions& o) {
    if (o.rank < 1 || o.rank > std::min(A.rows, A.cols))
        throw InputError("rank " + std::to_string(o.rank) + ": expected 1 to " +
                         std::to_string(std::min(A.rows, A.cols)) + ", the smaller side of [" + std::to_string(A.rows) +
                         ", " + std::to_string(A.cols) + "]");
    if (o.oversampling < 0 || o.power_iterations < 0)
        throw InputError("oversampling " + std::to_string(o.oversampling) + ", power iterations " +
                         std::to_string(o.power_iterations) + ": expected numbers not below 0");
    const Index width = std::min({Index{o.rank} + o.oversampling, A.rows, A.cols}) + probes;
    if (std::max(A.rows, A.cols) > largest_sketch / width)
        throw InputError("randomised SVD: a sketch of [" + std::to_string(std::max(A.rows, A.cols)) + ", " +
                         std::to_string(width) + "], expected at most " + std::to_string(largest_sketch) +
                         " values (fewer samples or a lower rank)");
}

Matrix<double> read_block(const Library& library, Index first, Index count) {
    Matrix<double> X(library.features, count);
    library.read(first, X.view());
    return X;
}

}  // namespace

LinearOperator jacobian_operator(Jacobian J) {
    const auto jacobian = std::make_shared<const Jacobian>(std::move(J));
    return {jacobian->rows(), jacobian->cols(),
            [jacobian](Backend<double>& on, const Matrix<double>& X) { return apply(on, *jacobian, X); },
            [jacobian](Backend<double>& on, const Matrix<double>& Y) { return adjoint(on, *jacobian, Y); }};
}

LinearOperator signals_operator(const Network& network, const TapRequest& request, const Library& library,
                                int threads) {
    require(!request.centre, "signals_operator: the signals are not centred");
    const std::shared_ptr<const Network> net = std::make_shared<const Network>(
        request.linearised
            ? linearised_at_mean(std::span(&network, 1), request, library, Execution::on_cpu(threads)).front()
            : network);
    const TapRequest tap = request.linearised ? linearised_request(request) : request;
    check_tap(std::span(net.get(), 1), tap, library);
    const Index n = net->layers[static_cast<std::size_t>(tap.at.layer - 1)].weight.rows();
    return {
        n, library.samples,
        [=](Backend<double>&, const Matrix<double>& X) {
            Matrix<double> SX(n, X.cols());
            std::vector<Matrix<double>> parts(static_cast<std::size_t>(threads > 0 ? threads : omp_get_max_threads()));
            each_wave(
                library.samples, threads, [&](Index first, Index count) { return read_block(library, first, count); },
                [&](Index i, Backend<double>& on, Index first, const Matrix<double>& block) {
                    Matrix<double> rows(block.cols(), X.cols());
                    for (Index j = 0; j < X.cols(); ++j)
                        std::copy_n(X.column(j).begin() + first, rows.rows(), rows.column(j).begin());
                    parts[i] = multiply(on, Op::none, Op::none, tap_signals(on, *net, tap, block), rows);
                },
                [&](Index i) {
                    for (Index e = 0; e < SX.size(); ++e)
                        SX.data()[e] += parts[i].data()[e];
                });
            return SX;
        },
        [=](Backend<double>&, const Matrix<double>& Y) {
            Matrix<double> StY(library.samples, Y.cols());
            each_wave(
                library.samples, threads, [&](Index first, Index count) { return read_block(library, first, count); },
                [&](Index, Backend<double>& on, Index first, const Matrix<double>& block) {
                    const Matrix<double> part =
                        multiply(on, Op::transpose, Op::none, tap_signals(on, *net, tap, block), Y);
                    for (Index j = 0; j < Y.cols(); ++j)
                        std::ranges::copy(part.column(j), StY.column(j).begin() + first);
                },
                [](Index) {});
            return StY;
        }};
}

RandomizedSvd randomized_svd(Backend<double>& on, const LinearOperator& A, const RandomizedSvdOptions& o) {
    check(A, o);
    const Index k = o.rank, l = std::min({k + o.oversampling, A.rows, A.cols});
    // one pass serves the sketch and the probes: w_i is independent of Q
    const Matrix<double> AZ = A.apply(on, beside(normals(on, A.cols, l, o.seed, stream::sketch),
                                                 normals(on, A.cols, probes, o.seed, stream::sketch + 1)));
    check_finite(AZ);
    Matrix<double> Q = columns(AZ, 0, l);
    orthonormalise(on, Q);
    for (int i = 0; i < o.power_iterations; ++i) {
        Matrix<double> W = A.adjoint(on, Q);
        check_finite(W);
        orthonormalise(on, W);
        Q = A.apply(on, W);
        check_finite(Q);
        orthonormalise(on, Q);
    }
    // B w, B^T B w and B B^T B w by steps of unit vectors, so that no cube leaves the range
    Matrix<double> t = project_off(on, Q, columns(AZ, l, probes));
    const std::vector<double> first = normalise(t);
    const Matrix<double> AtQt = A.adjoint(on, beside(Q, project_off(on, Q, t)));
    check_finite(AtQt);
    Matrix<double> W = columns(AtQt, 0, l);
    const Svd small = svd(on, orthonormalise(on, W));  // A^T Q = W R, R = Y diag(s) X^T
    t = columns(AtQt, l, probes);
    const std::vector<double> second = normalise(t);
    t = project_off(on, Q, A.apply(on, t));
    check_finite(t);
    const std::vector<double> third = normalise(t);

    RandomizedSvd result;
    result.sketch = l;
    result.U = multiply(on, Op::none, Op::none, Q, columns(small.V, 0, k));
    result.V = multiply(on, Op::none, Op::none, W, columns(small.U, 0, k));
    result.s.assign(small.s.begin(), small.s.begin() + k);
    result.truncated = k < l ? small.s[k] : 0;
    const double c = 10 * std::sqrt(2 / std::numbers::pi);
    double plain = 0, sharp = 0;
    for (Index j = 0; j < probes; ++j) {
        plain = std::max(plain, c * first[j]);
        sharp = std::max(sharp, std::cbrt(c * first[j]) * std::cbrt(second[j]) * std::cbrt(third[j]));
    }
    // what the rounding of the factors may add, as much as that of an exact decomposition
    const double floor = 10 * static_cast<double>(std::max(A.rows, A.cols)) *
                         (std::numeric_limits<double>::epsilon() / 2) * small.s.front();
    result.residual_bound = std::min(plain, sharp) + floor;
    result.error_bound = std::hypot(std::min(plain, sharp), result.truncated) + floor;
    result.plain_bound = std::hypot(plain, result.truncated) + floor;
    return result;
}

ExactSpectrum exact_spectrum(Backend<double>& on, const Matrix<double>& F, const RandomizedSvd& found) {
    require(F.rows() == found.U.rows(), "exact_spectrum: F must have the rows of U");
    Svd exact = svd(on, F);
    return {std::move(exact.s), std::move(exact.U), svd(on, project_off(on, found.U, F)).s.front()};
}

}  // namespace descrambler
