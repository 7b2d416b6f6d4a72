#include "descrambler/daubechies.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <optional>
#include <string>

#include "scatter/small_system.hpp"

namespace descrambler {

namespace {

using Complex = std::complex<double>;
using Numbers = std::vector<double>;

constexpr Index most_alphas = 12;

std::vector<Complex> alphas_of(const Exponentials& a) {
    std::vector<Complex> alphas(static_cast<std::size_t>(a.zeros));
    alphas.insert(alphas.end(), a.real.begin(), a.real.end());
    for (const auto& [re, im] : a.pairs) {
        alphas.emplace_back(re, im);
        alphas.emplace_back(re, -im);
    }
    return alphas;
}

void check(const Exponentials& a, double step) {
    require(step > 0 && std::isfinite(step), "Daubechies: a positive step");
    if (a.zeros < 0 || a.count() < 1 || a.count() > most_alphas)
        throw InputError("Daubechies: expected 1 .. " + std::to_string(most_alphas) + " alphas, found " +
                         std::to_string(a.count()));
    for (const Complex alpha : alphas_of(a))
        if (!std::isfinite(alpha.imag()) || !(std::abs(alpha.real() * step) <= std::log(1e6)))
            throw InputError("Daubechies: expected finite alphas with |Re alpha| T <= 13.8, found " +
                             digits(alpha.real()) + (alpha.imag() < 0 ? " - " : " + ") +
                             digits(std::abs(alpha.imag())) + " i at T = " + digits(step));
}

// prod over n of c_n (1 + beta_n / z) without factor `left` (if any), which is replaced by `with` / z.
std::vector<Complex> root_product(const std::vector<Complex>& betas, std::optional<std::size_t> left, Complex with) {
    std::vector<Complex> r{1};
    for (std::size_t n = 0; n < betas.size(); ++n) {
        const double scale = std::sqrt(2 / (1 + std::norm(betas[n])));
        const Complex first = n == left ? 0 : 1, second = n == left ? with : betas[n];
        r.emplace_back();
        for (std::size_t i = r.size() - 1; i > 0; --i)
            r[i] = scale * (first * r[i] + second * r[i - 1]);
        r[0] *= scale * first;
    }
    return r;
}

Numbers real_parts(const std::vector<Complex>& values, double weight) {
    Numbers parts;
    for (const Complex value : values)
        parts.push_back(weight * value.real());
    return parts;
}

Numbers convolved(const Numbers& a, const Numbers& b) {
    Numbers c(a.size() + b.size() - 1);
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < b.size(); ++j)
            c[i + j] += a[i] * b[j];
    return c;
}

// sum over n of a_n b_{n+k} for k = 0 .. size - 1, and the symmetric part with a and b exchanged added.
Numbers correlated(const Numbers& a, const Numbers& b) {
    Numbers c(a.size());
    for (std::size_t k = 0; k < a.size(); ++k)
        for (std::size_t n = 0; n + k < a.size(); ++n)
            c[k] += a[n] * b[n + k];
    return c;
}

double element(const Numbers& symmetric, Index k) {  // of a symmetric sequence given by k >= 0
    const Index at = std::abs(k);
    return at < std::ssize(symmetric) ? symmetric[at] : 0;
}

// The matrix of S -> coefficients 2 m of Rsym S, m = 0 .. N - 1, for symmetric S.
Matrix<double> even_part(const Numbers& R) {
    const Index N = std::ssize(R) - 1;
    Matrix<double> A(N, N);
    for (Index m = 0; m < N; ++m)
        for (Index k = 0; k < N; ++k)
            A(m, k) = element(R, 2 * m - k) + (k > 0 ? element(R, 2 * m + k) : 0);
    return A;
}

Numbers product(const Matrix<double>& A, const Numbers& x) {
    Numbers y(static_cast<std::size_t>(A.rows()));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            y[i] += A(i, j) * x[j];
    return y;
}

// p with sum over n of (q_n p_{n+k} + p_n q_{n+k}) = right_k
Numbers solve_correlation(const Numbers& q, const Numbers& right) {
    const Index N = std::ssize(q);
    Matrix<double> A(N, N);
    for (Index k = 0; k < N; ++k)
        for (Index n = 0; n + k < N; ++n) {
            A(k, n + k) += q[n];
            A(k, n) += q[n + k];
        }
    return scatter::solve_small(std::move(A), right);
}

double least_on_circle(const Numbers& S) {
    constexpr Index points = 2048;
    double least = std::numeric_limits<double>::infinity();
    for (Index i = 0; i <= points; ++i) {
        const double w = std::numbers::pi * static_cast<double>(i) / points;
        double value = S[0];
        for (std::size_t k = 1; k < S.size(); ++k)
            value += 2 * S[k] * std::cos(w * static_cast<double>(k));
        least = std::min(least, value);
    }
    return least;
}

// Newton's method from a constant stays at minimum phase and converges for every positive S.
Numbers minimum_phase(const Numbers& S) {
    Numbers q(S.size());
    q[0] = std::sqrt(S[0]);
    double last = std::numeric_limits<double>::infinity();
    for (int step = 0; step < 200; ++step) {
        Numbers right = correlated(q, q);
        for (std::size_t k = 0; k < S.size(); ++k)
            right[k] += S[k];
        Numbers next = solve_correlation(q, right);
        double change = 0;
        for (std::size_t k = 0; k < S.size(); ++k)
            change = std::max(change, std::abs(next[k] - q[k]) / std::abs(next[0]));
        q = std::move(next);
        if (change <= 1e-15 || (change < 1e-12 && change >= last))  // what is left is rounding
            return q;
        last = change;
    }
    throw Error("Daubechies: the spectral factor did not converge");
}

std::string words(const Exponentials& a) {
    std::string text;
    for (const Complex alpha : alphas_of(a))
        text += (text.empty() ? "" : ", ") + digits(alpha.real()) +
                (alpha.imag() != 0 ? (alpha.imag() < 0 ? " - " : " + ") + digits(std::abs(alpha.imag())) + " i" : "");
    return text;
}

// d r by each parameter.
std::vector<Numbers> root_derivatives(const Exponentials& a, const std::vector<Complex>& betas, double step) {
    std::vector<Numbers> derivatives;
    const auto at = static_cast<std::size_t>(a.zeros);
    for (std::size_t i = 0; i < a.real.size(); ++i)
        derivatives.push_back(real_parts(root_product(betas, at + i, step * betas[at + i]), 1));
    for (std::size_t i = 0; i < a.pairs.size(); ++i) {
        const std::size_t n = at + a.real.size() + 2 * i;  // the conjugate factor gives the conjugate
        derivatives.push_back(real_parts(root_product(betas, n, step * betas[n]), 2));
        derivatives.push_back(real_parts(root_product(betas, n, Complex(0, step) * betas[n]), 2));
    }
    return derivatives;
}

}  // namespace

std::vector<double> Exponentials::parameters() const {
    std::vector<double> all = real;
    for (const auto& [re, im] : pairs)
        all.insert(all.end(), {re, im});
    return all;
}

Exponentials Exponentials::with(std::span<const double> parameters) const {
    require(parameters.size() == real.size() + 2 * pairs.size(), "Daubechies: a value for each parameter");
    Exponentials moved = *this;
    for (std::size_t i = 0; i < real.size(); ++i)
        moved.real[i] = parameters[i];
    for (std::size_t i = 0; i < pairs.size(); ++i)
        moved.pairs[i] = {parameters[real.size() + 2 * i], parameters[real.size() + 2 * i + 1]};
    return moved;
}

DaubechiesFilter daubechies_filter(const Exponentials& alphas, double step) {
    check(alphas, step);
    std::vector<Complex> betas;
    for (const Complex alpha : alphas_of(alphas))
        betas.push_back(std::exp(alpha * step));
    const auto refuse = [&](const std::string& found) {
        throw InputError("Daubechies: expected a spectral factor of at least " + digits(least_spectral_factor) +
                         ", found " + found + " for alpha " + words(alphas) + " at T = " + digits(step));
    };
    const Numbers r = real_parts(root_product(betas, std::nullopt, 0), 1), R = correlated(r, r);
    const Matrix<double> A = even_part(R);
    Numbers unit(static_cast<std::size_t>(A.rows())), S;
    unit[0] = 1;
    try {
        S = scatter::solve_small(A, unit);
    } catch (const Error&) {
        refuse("a singular system");
    }
    DaubechiesFilter filter;
    filter.least = least_on_circle(S);
    if (!(filter.least >= least_spectral_factor))
        refuse(digits(filter.least));
    const Numbers q = minimum_phase(S);
    filter.h = convolved(r, q);
    for (const Numbers& dr : root_derivatives(alphas, betas, step)) {
        Numbers dR = correlated(dr, r);
        const Numbers other = correlated(r, dr);
        for (std::size_t k = 0; k < dR.size(); ++k)
            dR[k] += other[k];
        Numbers right = product(even_part(dR), S);
        for (double& number : right)
            number = -number;
        const Numbers dq = solve_correlation(q, scatter::solve_small(A, right));
        filter.derivatives.push_back(convolved(dr, q));
        const Numbers second = convolved(r, dq);
        for (std::size_t i = 0; i < second.size(); ++i)
            filter.derivatives.back()[i] += second[i];
    }
    return filter;
}

}  // namespace descrambler
