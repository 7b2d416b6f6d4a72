// Products with a linear operator, counted and checked; norms that leave no range.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "core/finite.hpp"
#include "descrambler/linear_operator.hpp"

namespace descrambler {

// Scaled: a square must neither overflow nor vanish.
[[nodiscard]] inline double norm(std::span<const double> x) {
    double largest = 0, squares = 0;
    for (const double value : x)
        largest = std::max(largest, std::abs(value));
    if (largest == 0)
        return 0;
    for (const double value : x)
        squares += (value / largest) * (value / largest);
    return largest * std::sqrt(squares);
}

// The sign of a triplet: the entry of v with the largest magnitude, the first of several, becomes positive.
inline void fix_sign(std::span<double> u, std::span<double> v) {
    const auto largest =
        std::max_element(v.begin(), v.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (largest == v.end() || *largest >= 0)
        return;
    for (double& x : u)
        x = -x;
    for (double& x : v)
        x = -x;
}

class Products {
public:
    Products(Backend<double>& on, const LinearOperator& A, std::string method)
        : on_(on), A_(A), method_(std::move(method)) {}
    [[nodiscard]] Matrix<double> apply(const Matrix<double>& X) {
        applied_ += X.cols();
        return checked(A_.apply(on_, X), A_.rows, X.cols(), "A V");
    }
    [[nodiscard]] Matrix<double> adjoint(const Matrix<double>& Y) {
        adjoined_ += Y.cols();
        return checked(A_.adjoint(on_, Y), A_.cols, Y.cols(), "A^T U");
    }
    [[nodiscard]] Index pairs() const { return std::max(applied_, adjoined_); }  // one product of one vector each way

private:
    [[nodiscard]] Matrix<double> checked(Matrix<double> product, Index rows, Index cols, const char* name) const {
        require(product.rows() == rows && product.cols() == cols, "an operator whose product has another shape");
        bool fine = all_finite(product.values());
        for (Index j = 0; j < cols && fine; ++j)
            fine = std::isfinite(norm(product.column(j)));
        if (!fine)
            throw Error(method_ + ": the product " + name + " with the operator is not finite (pair " +
                        std::to_string(pairs()) + "), expected finite numbers");
        return product;
    }
    Backend<double>& on_;
    const LinearOperator& A_;
    std::string method_;
    Index applied_ = 0, adjoined_ = 0;
};

}  // namespace descrambler
