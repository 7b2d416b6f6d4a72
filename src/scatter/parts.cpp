#include "scatter/parts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/finite.hpp"
#include "descrambler/error.hpp"

namespace descrambler {

Matrix<double> part_of(Batch<const double> X, std::span<const Index> features, std::span<const Index> samples) {
    Matrix<double> part(std::ssize(features), std::ssize(samples));
    for (Index j = 0; j < part.cols(); ++j) {
        const double* from = &X(0, samples[at(j)]);
        double* to = part.data() + j * part.rows();
        for (Index i = 0; i < part.rows(); ++i)
            to[i] = from[features[at(i)]];
    }
    return part;
}

void copy_columns(Batch<const double> X, std::span<const Index> samples, Batch<double> to) {
    for (Index j = 0; j < to.cols; ++j)
        std::copy_n(&X(0, samples[at(j)]), X.rows, &to(0, j));
}

Matrix<double> columns_of(Batch<const double> X, std::span<const Index> samples) {
    Matrix<double> part(X.rows, std::ssize(samples));
    copy_columns(X, samples, part.view());
    return part;
}

Matrix<double> rows_of(Batch<const double> X, std::span<const Index> rows) {
    std::vector<Index> all(at(X.cols));
    std::iota(all.begin(), all.end(), Index{0});
    return part_of(X, rows, all);
}

void Reused::keep(std::span<const Index> rows, std::span<const Index> cols) {
    double* to = data_.data();  // never behind what is read
    for (const Index j : cols)
        for (const Index i : rows)
            *to++ = data_[at(j * rows_ + i)];
    rows_ = std::ssize(rows);
    cols_ = std::ssize(cols);
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

Standardisation standardisation_of(Batch<const double> X) {
    require(X.cols > 0, "standardisation: no sample");
    constexpr double least = 1e-12;  // a deviation below is rounding of equal numbers
    const Index p = X.rows;
    const double n = static_cast<double>(X.cols);
    Standardisation result{std::vector<double>(at(p)), std::vector<double>(at(p)), 0};
    std::vector<double> largest(at(p)), square(at(p));
    for (Index j = 0; j < X.cols; ++j)  // about the first sample: equal numbers have no deviation at all
        for (Index i = 0; i < p; ++i) {
            result.mean[at(i)] += X(i, j) - X(i, 0);
            largest[at(i)] = std::max(largest[at(i)], std::abs(X(i, j)));
        }
    for (Index i = 0; i < p; ++i)
        result.mean[at(i)] = X(i, 0) + result.mean[at(i)] / n;
    for (Index j = 0; j < X.cols; ++j)
        for (Index i = 0; i < p; ++i) {
            const double off = X(i, j) - result.mean[at(i)];
            square[at(i)] += off * off;
        }
    for (Index i = 0; i < p; ++i) {
        const double deviation = std::sqrt(square[at(i)] / n);
        const bool constant = deviation <= least * largest[at(i)];
        result.scale[at(i)] = constant ? 0 : 1 / deviation;
        result.constant += constant ? 1 : 0;
    }
    return result;
}

void standardise_in_place(const Standardisation& by, Batch<double> X) {
    require(std::ssize(by.mean) == X.rows, "standardise: another number of features");
    for (Index j = 0; j < X.cols; ++j) {
        double* x = &X(0, j);
        for (Index i = 0; i < X.rows; ++i)
            x[i] = (x[i] - by.mean[at(i)]) * by.scale[at(i)];
    }
}

void invert_by_halves(Backend<double>& on, Batch<double> A) {
    constexpr Index small = 128;  // below, a factorisation is as fast
    const Index n = A.rows, h = n / 2, m = n - h;
    if (n <= small) {
        Matrix<double> factor(n, n), B = identity(n);
        on.axpby(1, A, 0, factor.view());
        on.cholesky_solve(factor.view(), B.view());
        on.axpby(1, B.view(), 0, A);
        return;
    }
    const Batch<double> A11 = A.row_range(0, h).columns(0, h), A12 = A.row_range(0, h).columns(h, m),
                        A21 = A.row_range(h, m).columns(0, h), A22 = A.row_range(h, m).columns(h, m);
    Matrix<double> X(h, m);
    invert_by_halves(on, A11);
    on.gemm(Op::none, Op::none, 1, A11, A12, 0, X.view());
    on.gemm(Op::none, Op::none, -1, A21, X.view(), 1, A22);
    invert_by_halves(on, A22);
    on.gemm(Op::none, Op::none, -1, X.view(), A22, 0, A12);
    on.gemm(Op::none, Op::transpose, -1, A12, X.view(), 1, A11);
    for (Index j = 0; j < h; ++j)
        for (Index i = 0; i < m; ++i)
            A21(i, j) = A12(j, i);
}

Matrix<double> ridge_matrix(Backend<double>& on, const Matrix<double>& Z, double ridge) {
    Matrix<double> A = gram(on, Z);
    for (Index i = 0; i < A.rows(); ++i)
        A(i, i) += ridge;
    return A;
}

Matrix<double> ridge_weights(Backend<double>& on, const Matrix<double>& Z, const Matrix<double>& Y, double ridge) {
    if (Z.rows() <= Z.cols()) {
        Matrix<double> A = ridge_matrix(on, Z, ridge), W = multiply(on, Op::none, Op::transpose, Z, Y);
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
