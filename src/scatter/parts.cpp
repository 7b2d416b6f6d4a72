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
