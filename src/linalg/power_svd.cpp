#include "descrambler/power_svd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>

#include "descrambler/random.hpp"
#include "linalg/products.hpp"

namespace descrambler {

namespace {

constexpr int window = 8;  // steps over which a fall of the residual is read

void check(const LinearOperator& A, const PowerOptions& o) {
    const Index rank = std::min(A.rows, A.cols);
    if (o.wanted < 1 || o.wanted > rank)
        throw InputError("power method: " + std::to_string(o.wanted) +
                         " triplets, a count above the rank; expected 1 to " + std::to_string(rank) +
                         ", the smaller side of [" + std::to_string(A.rows) + ", " + std::to_string(A.cols) + "]");
    if (!(o.tolerance > 0 && o.tolerance < 1))
        throw InputError("power method: tolerance " + digits(o.tolerance) + ", expected a number between 0 and 1");
    if (o.momentum && !(*o.momentum >= 0 && std::isfinite(*o.momentum)))
        throw InputError("power method: momentum " + digits(*o.momentum) + ", expected a number not below 0");
    if (o.most_pairs < 1)
        throw InputError("power method: " + std::to_string(o.most_pairs) + " pairs, expected 1 or more");
}

// x off the columns of Q, twice; returns what is left of its norm
double deflate(Backend<double>& on, const Matrix<double>& Q, Matrix<double>& x) {
    for (int pass = 0; pass < 2 && Q.cols() > 0; ++pass) {
        const Matrix<double> along = multiply(on, Op::none, Op::none, Q, multiply(on, Op::transpose, Op::none, Q, x));
        for (Index i = 0; i < x.size(); ++i)
            x.data()[i] -= along.data()[i];
    }
    return norm(x.values());
}

void scale(Matrix<double>& x, double divisor) {
    for (double& value : x.values())
        value /= divisor;
}

Matrix<double> with_column(const Matrix<double>& Q, const Matrix<double>& x) {
    Matrix<double> result(x.rows(), Q.cols() + 1);
    std::ranges::copy(Q.values(), result.data());
    std::ranges::copy(x.values(), result.data() + Q.size());
    return result;
}

// ||u||^2 of the growing component and m, in units of the first value found: squares of squares leave no range.
double growth(double square, double m) {
    return (square + std::sqrt(std::max(0.0, square * square - 4 * m))) / 2;
}

// m from the fall of the residual over the `window` steps that end with `step`. At the best m two growths coincide, and
// the residual falls as t f^t: the factor t is no part of the fall, or m would go on rising.
double adapted(double m, double square, double ratio, int step) {
    const double fall = std::pow(ratio * (step - window) / step, 1.0 / window);
    const double second = fall * growth(square, m);
    // below the fall that m itself gives, s_2^2 < 2 sqrt(m) is hidden behind it
    if (!(fall < 1) || second * second <= m)
        return m;
    const double found = second + m / second;
    return std::min(std::max(m, found * found / 4), 0.9999 * square * square / 4);
}

class Power {
public:
    Power(Backend<double>& on, const LinearOperator& A, const PowerOptions& o)
        : on_(on), A_(A), o_(o), products_(on, A, "power method") {
        result_.U = Matrix<double>(A.rows, 0);
        result_.V = Matrix<double>(A.cols, 0);
    }

    PowerSvd run() {
        result_.converged = true;
        for (Index k = 0; k < o_.wanted && result_.converged; ++k)
            result_.converged = next();
        result_.pairs = products_.pairs();
        return std::move(result_);
    }

private:
    [[nodiscard]] Matrix<double> random_unit(const Matrix<double>& off) {
        Matrix<double> x(off.rows(), 1);
        RandomStream random(o_.seed, stream::power + drawn_++);
        for (double& value : x.values())
            value = random.normal();
        scale(x, deflate(on_, off, x));
        scale(x, deflate(on_, off, x));  // off.cols near off.rows: little was left
        return x;
    }

    // Values in units of `unit_`, about the first value: s^4 neither overflows nor vanishes.
    bool next() {
        Matrix<double> v = random_unit(result_.V), previous(A_.cols, 1);
        double m = 0, before = 0;
        const bool given = o_.momentum.has_value();
        for (int step = 0; products_.pairs() < o_.most_pairs; ++step) {
            Matrix<double> u = products_.apply(v);
            const double s = deflate(on_, result_.U, u);
            if (unit_ == 0)
                unit_ = s;
            if (s <= rounding() * unit_) {  // nothing is left but 0
                refuse_momentum(0);
                add(random_unit(result_.U), 0, v, 0, m);
                return true;
            }
            scale(u, s);
            Matrix<double> w = products_.adjoint(u);
            const double residual = distance(w, s, v), square = s / unit_ * (s / unit_);
            const bool agreed = residual <= o_.tolerance * s, last = products_.pairs() >= o_.most_pairs;
            const double wanted = given ? std::sqrt(*o_.momentum) / unit_ / unit_ : 0;  // sqrt(m), in units
            const bool allowed = wanted < square / 2;
            if (agreed || last) {
                if (given && !allowed)
                    refuse_momentum(s);
                add(u, s, v, residual, given ? *o_.momentum : m * std::pow(unit_, 4));
                return agreed;
            }
            if (given)
                m = allowed ? wanted * wanted : m;
            else if (step % window == window - 1) {
                if (before > 0)
                    m = adapted(m, square, residual / s / before, step + 1);
                before = residual / s;
            }
            advance(v, previous, w, s, m);
        }
        return false;
    }

    // w = A^T u s - m v_previous, all over unit^2
    void advance(Matrix<double>& v, Matrix<double>& previous, Matrix<double>& w, double s, double m) {
        for (Index i = 0; i < w.size(); ++i)
            w.data()[i] = w.data()[i] / unit_ * (s / unit_) - m * previous.data()[i];
        const double length = norm(w.values());
        scale(w, length);
        previous = v;
        scale(previous, length);
        v = w;
        scale(v, deflate(on_, result_.V, v));
    }

    [[nodiscard]] double rounding() const {
        return 10 * std::sqrt(static_cast<double>(std::max(A_.rows, A_.cols))) * std::numeric_limits<double>::epsilon();
    }
    [[nodiscard]] static double distance(const Matrix<double>& w, double s, const Matrix<double>& v) {
        Matrix<double> r = w;
        for (Index i = 0; i < r.size(); ++i)
            r.data()[i] -= s * v.data()[i];
        return norm(r.values());
    }
    void refuse_momentum(double s) const {
        const double root = s * s / 2;
        if (o_.momentum && *o_.momentum > 0 && std::sqrt(*o_.momentum) >= root)
            throw InputError("power method: momentum " + digits(*o_.momentum) + ", expected less than s^4 / 4 = " +
                             digits(root * root) + " of triplet " + std::to_string(result_.s.size() + 1) + " (after " +
                             std::to_string(products_.pairs()) + " pairs)");
    }
    void add(Matrix<double> u, double s, Matrix<double> v, double residual, double m) {
        fix_sign(u.values(), v.values());
        result_.U = with_column(result_.U, u);
        result_.V = with_column(result_.V, v);
        result_.s.push_back(s);
        result_.residuals.push_back(residual);
        result_.momentum.push_back(m);
    }

    Backend<double>& on_;
    const LinearOperator& A_;
    PowerOptions o_;
    Products products_;
    PowerSvd result_;
    double unit_ = 0;  // the first ||A v||: squares of squares are taken in units of it
    std::uint64_t drawn_ = 0;
};

}  // namespace

PowerSvd power_svd(Backend<double>& on, const LinearOperator& A, const PowerOptions& options) {
    check(A, options);
    return Power(on, A, options).run();
}

PublishedPower published_power(Backend<double>& on, const LinearOperator& A, double momentum, int steps,
                               const std::vector<double>& start) {
    require(std::ssize(start) == A.cols, "published_power: the start has one number a column of A");
    Products products(on, A, "published power method");
    Matrix<double> v(A.cols, 1), previous(A.cols, 1);
    std::ranges::copy(start, v.data());
    PublishedPower result;
    for (int step = 0; step < steps; ++step) {
        const Matrix<double> u = products.apply(v);
        Matrix<double> w = products.adjoint(u);
        result.square = 0;
        for (Index i = 0; i < w.size(); ++i) {
            w.data()[i] -= momentum * previous.data()[i];
            result.square += v.data()[i] * w.data()[i];
        }
        const double length = norm(w.values());
        require(length > 0, "published_power: a vector of zeros");
        previous = v;
        scale(previous, length);
        scale(w, length);
        v = w;
        result.u.assign(u.values().begin(), u.values().end());
    }
    result.v.assign(v.values().begin(), v.values().end());
    return result;
}

}  // namespace descrambler
