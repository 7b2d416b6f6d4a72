#include "scatter/parts.hpp"

#include <numeric>

#include "core/finite.hpp"
#include "descrambler/error.hpp"

namespace descrambler {

Matrix<double> part_of(const Matrix<double>& X, std::span<const Index> features, std::span<const Index> samples) {
    Matrix<double> part(std::ssize(features), std::ssize(samples));
    for (Index j = 0; j < part.cols(); ++j) {
        const double* from = X.data() + samples[at(j)] * X.rows();
        double* to = part.data() + j * part.rows();
        for (Index i = 0; i < part.rows(); ++i)
            to[i] = from[features[at(i)]];
    }
    return part;
}

Matrix<double> columns_of(const Matrix<double>& X, std::span<const Index> samples) {
    Matrix<double> part(X.rows(), std::ssize(samples));
    for (Index j = 0; j < part.cols(); ++j)
        std::ranges::copy(X.column(samples[at(j)]), part.column(j).begin());
    return part;
}

Matrix<double> rows_of(const Matrix<double>& X, std::span<const Index> rows) {
    std::vector<Index> all(at(X.cols()));
    std::iota(all.begin(), all.end(), Index{0});
    return part_of(X, rows, all);
}

std::vector<double> centre(Matrix<double>& Y) {
    std::vector<double> mean(at(Y.rows()));
    for (Index j = 0; j < Y.cols(); ++j)
        for (Index i = 0; i < Y.rows(); ++i)
            mean[at(i)] += Y(i, j);
    for (double& m : mean)
        m /= static_cast<double>(Y.cols());
    for (Index j = 0; j < Y.cols(); ++j)
        for (Index i = 0; i < Y.rows(); ++i)
            Y(i, j) -= mean[at(i)];
    return mean;
}

void require_finite(const Matrix<double>& X) {
    if (all_finite(X.values()))
        return;
    for (Index j = 0; j < X.cols(); ++j)
        for (Index i = 0; i < X.rows(); ++i)
            if (!std::isfinite(X(i, j)))
                throw InputError(std::string("features: expected finite numbers, found ") + digits(X(i, j)) +
                                 " in feature " + std::to_string(i) + " of sample " + std::to_string(j));
}

void standardise_in_place(const Standardisation& by, Matrix<double>& X) {
    require(std::ssize(by.mean) == X.rows(), "standardise: another number of features");
    for (Index j = 0; j < X.cols(); ++j) {
        double* x = X.data() + j * X.rows();
        for (Index i = 0; i < X.rows(); ++i)
            x[i] = (x[i] - by.mean[at(i)]) * by.scale[at(i)];
    }
}

Matrix<double> inverse_by_halves(Backend<double>& on, Batch<const double> A) {
    constexpr Index small = 128;  // below, a factorisation is as fast
    const Index n = A.rows, h = n / 2, m = n - h;
    Matrix<double> B = n <= small ? identity(n) : Matrix<double>(n, n);
    if (n <= small) {
        Matrix<double> factor(n, n);
        on.axpby(1, A, 0, factor.view());
        on.cholesky_solve(factor.view(), B.view());
        return B;
    }
    const Batch<const double> A21 = A.row_range(h, m).columns(0, h);
    const Batch<double> B11 = B.view().row_range(0, h).columns(0, h), B12 = B.view().row_range(0, h).columns(h, m),
                        B21 = B.view().row_range(h, m).columns(0, h), B22 = B.view().row_range(h, m).columns(h, m);
    Matrix<double> X(h, m), S(m, m);
    on.axpby(1, inverse_by_halves(on, A.row_range(0, h).columns(0, h)).view(), 0, B11);
    on.gemm(Op::none, Op::transpose, 1, B11, A21, 0, X.view());
    on.axpby(1, A.row_range(h, m).columns(h, m), 0, S.view());
    on.gemm(Op::none, Op::none, -1, A21, X.view(), 1, S.view());
    on.axpby(1, inverse_by_halves(on, S.view()).view(), 0, B22);
    on.gemm(Op::none, Op::none, -1, X.view(), B22, 0, B12);
    on.gemm(Op::none, Op::transpose, -1, B12, X.view(), 1, B11);
    for (Index j = 0; j < h; ++j)
        for (Index i = 0; i < m; ++i)
            B21(i, j) = B12(j, i);
    return B;
}

Matrix<double> normal_matrix(Backend<double>& on, const Matrix<double>& Z, double ridge) {
    Matrix<double> A = gram(on, Z);
    for (Index i = 0; i < A.rows(); ++i)
        A(i, i) += ridge;
    return A;
}

Matrix<double> ridge_weights(Backend<double>& on, const Matrix<double>& Z, const Matrix<double>& Y, double ridge) {
    if (Z.rows() <= Z.cols()) {
        Matrix<double> A = normal_matrix(on, Z, ridge), W = multiply(on, Op::none, Op::transpose, Z, Y);
        on.cholesky_solve(A.view(), W.view());
        return W;
    }
    Matrix<double> K = multiply(on, Op::transpose, Op::none, Z, Z), right = transpose(Y);
    for (Index i = 0; i < K.rows(); ++i)
        K(i, i) += ridge;
    on.cholesky_solve(K.view(), right.view());
    return multiply(on, Op::none, Op::none, Z, right);
}

}  // namespace descrambler
