#include "descrambler/linear_operator.hpp"

#include <memory>
#include <utility>

#include "linalg/products.hpp"

namespace descrambler {

namespace {

// ||p_j - s_j x_j|| of every column
std::vector<double> distances(Matrix<double> P, const std::vector<double>& s, const Matrix<double>& X) {
    std::vector<double> result;
    for (Index j = 0; j < P.cols(); ++j) {
        for (Index i = 0; i < P.rows(); ++i)
            P(i, j) -= s[j] * X(i, j);
        result.push_back(norm(P.column(j)));
    }
    return result;
}

}  // namespace

LinearOperator matrix_operator(Matrix<double> A) {
    const auto matrix = std::make_shared<const Matrix<double>>(std::move(A));
    return {
        matrix->rows(), matrix->cols(),
        [matrix](Backend<double>& on, const Matrix<double>& X) { return multiply(on, Op::none, Op::none, *matrix, X); },
        [matrix](Backend<double>& on, const Matrix<double>& Y) {
            return multiply(on, Op::transpose, Op::none, *matrix, Y);
        }};
}

TripletResiduals triplet_residuals(Backend<double>& on, const LinearOperator& A, const Matrix<double>& U,
                                   const std::vector<double>& s, const Matrix<double>& V) {
    require(U.rows() == A.rows && V.rows() == A.cols && U.cols() == std::ssize(s) && V.cols() == std::ssize(s),
            "triplet_residuals: U [rows, k], s [k], V [cols, k]");
    return {distances(A.apply(on, V), s, U), distances(A.adjoint(on, U), s, V)};
}

}  // namespace descrambler
