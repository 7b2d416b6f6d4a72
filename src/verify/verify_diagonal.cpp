// Diagonal criteria with their bounds, and the minimiser that a Cayley chart can hold.
#include "descrambler/diagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "descrambler/closed_form.hpp"
#include "descrambler/representable.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u

// U diag(sigma) V^T of Haar-random U, V
Matrix<double> with_singular_values(Backend<double>& on, RandomStream& random, const std::vector<double>& sigma) {
    const Index n = std::ssize(sigma);
    Matrix<double> U = haar_orthogonal(on, random, n);
    for (Index j = 0; j < n; ++j)
        for (double& x : U.column(j))
            x *= sigma[j];
    return multiply(on, Op::none, Op::transpose, U, haar_orthogonal(on, random, n));
}

// F(x) = 2 tr (W diag(x) W^T)^1/2 - sum x = 2 ||W diag(sqrt x)||_* - sum x
double concave(Backend<double>& on, Matrix<double> W, const std::vector<double>& x) {
    double sum = 0, nuclear = 0;
    for (Index i = 0; i < W.cols(); ++i) {
        for (double& w : W.column(i))
            w *= std::sqrt(x[i]);
        sum += x[i];
    }
    for (const double s : svd(on, W).s)
        nuclear += s;
    return 2 * nuclear - sum;
}

// The polar factor V U^T of W^T by Newton's method, X <- (X + X^-T) / 2: an SVD takes no part.
Matrix<double> polar_by_newton(Backend<double>& on, const Matrix<double>& W) {
    const Index n = W.rows();
    Matrix<double> X = transpose(W);
    for (int step = 0; step < 100; ++step) {
        // X^-T = X (X^T X)^-1
        const Matrix<double> inverse = cholesky_solve(on, gram(on, transpose(X)), transpose(X));
        Matrix<double> next(n, n);
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i)
                next(i, j) = (X(i, j) + inverse(j, i)) / 2;
        const double moved = frobenius(difference(next, X));
        X = next;
        if (moved < 1e-14 * static_cast<double>(n))
            break;
    }
    return X;
}

constexpr Index n = 16;  // of the diagonal criteria

struct Maxima {
    DiagonalSum O, SO;
    DiagonalNorm norm;
};

// What random matrices reach of each bound: the largest quotients.
struct Reached {
    double sum_O = 0, sum_SO = 0, norm = 0;
};
Reached try_matrices(Backend<double>& on, const Matrix<double>& W, const Maxima& best, int trials,
                     RandomStream& random) {
    Reached out;
    for (int trial = 0; trial < trials; ++trial) {
        // half of them close to the maximisers: Haar-random matrices alone stay far below
        Matrix<double> P = haar_orthogonal(on, random, n);
        if (trial % 2 == 0) {
            const Matrix<double>& centre = trial % 4 == 0 ? best.SO.P : best.norm.P;
            Matrix<double> mixed = difference(centre, Matrix<double>(n, n));
            for (std::size_t i = 0; i < mixed.values().size(); ++i)
                mixed.values()[i] += 0.1 * P.values()[i];
            const Svd polar = svd(on, mixed);
            P = multiply(on, Op::none, Op::transpose, polar.U, polar.V);
        }
        const double value = diagonal_sum(on, W, P).value;
        out.sum_O = std::max(out.sum_O, value / best.O.bound);
        if (orthogonal_determinant(P) > 0)
            out.sum_SO = std::max(out.sum_SO, value / best.SO.bound);
        out.norm = std::max(out.norm, diagonal_norm(on, W, P).value / best.norm.bound);
    }
    return out;
}

// Singular W: V diag(1, .., 1, -1) U^T has the same sum.
Rows singular_weights(Backend<double>& on, RandomStream& random) {
    std::vector<double> sigma;
    for (Index i = 0; i < n; ++i)
        sigma.push_back(i + 1 == n ? 0 : static_cast<double>(n - i));
    const Matrix<double> singular = with_singular_values(on, random, sigma);
    Svd parts = svd(on, singular);
    const Matrix<double> one = multiply(on, Op::none, Op::transpose, parts.V, parts.U);
    for (double& v : parts.V.column(n - 1))
        v = -v;
    const Matrix<double> two = multiply(on, Op::none, Op::transpose, parts.V, parts.U);
    const double value = diagonal_sum(on, singular, one).value;
    return {equal("mds_singular", "for a singular W two maximisers have one sum (relative difference)", 0,
                  diagonal_sum(on, singular, two).value / value - 1, 10 * n * unit),
            as_printed(equal("mds_unique_as_printed",
                             "the maximiser of the diagonal sum is unique for any W (||P - P'||_F)", 0,
                             frobenius(difference(one, two)), 1e-6))};
}

// How far F lies below its chords at their middles, relative: the largest.
double largest_convexity(Backend<double>& on, const Matrix<double>& W, int chords, RandomStream& random) {
    double convexity = 0;
    for (int chord = 0; chord < chords; ++chord) {
        std::vector<double> x, y, middle;
        for (Index i = 0; i < n; ++i) {
            x.push_back(4 * random.uniform());
            y.push_back(4 * random.uniform());
            middle.push_back((x[i] + y[i]) / 2);
        }
        const double a = concave(on, W, x), b = concave(on, W, y), m = concave(on, W, middle);
        convexity = std::max(convexity, ((a + b) / 2 - m) / (std::abs(a) + std::abs(b)));
    }
    return convexity;
}

Rows diagonal_norms(Backend<double>& on, const Matrix<double>& W, const DiagonalNorm& best, double reached,
                    const std::string& of, int chords, RandomStream& random) {
    double spread = 0;
    for (int start = 0; start < 10; ++start)
        spread = std::max(
            spread,
            std::abs(maximum_diagonal_norm(on, W, {.start = haar_orthogonal(on, random, n)}).value / best.value - 1));
    std::vector<double> decaying;
    for (Index i = 0; i < n; ++i)
        decaying.push_back(std::pow(10.0, -4.0 * static_cast<double>(i) / static_cast<double>(n - 1)));
    const double ill =
        maximum_diagonal_norm(on, with_singular_values(on, random, decaying), {.increase = 1e-15, .bracket = 1e-7})
            .width;
    const double width = std::abs(ill) > std::abs(best.width) ? ill : best.width;
    const double convexity = largest_convexity(on, W, chords, random);
    return {
        equal("mdn_certificate",
              "the certificate meets the maximum of sum (P W)_ii^2 (bound / value - 1, Gaussian W and condition 1e4)",
              0, width, 1e-6),
        at_most("mdn_never_beaten", "no P has a larger diagonal norm" + of, 1, reached, 10 * n * unit),
        equal("mdn_starts", "ten random starts reach the one value (largest relative difference)", 0, spread, 1e-9),
        at_most("mdn_concave",
                "F(x) lies above its chords (largest violation of " + std::to_string(chords) + ", relative)", 0,
                convexity, 10 * n * unit)};
}

}  // namespace

Rows diagonal(const VerifyOptions& options) {
    const auto on = algebra(options);
    RandomStream random = draws(options, 50);
    Matrix<double> W = normal_matrix(random, n, n);
    const Svd factors = svd(*on, W);
    if (orthogonal_determinant(multiply(*on, Op::none, Op::transpose, factors.U, factors.V)) > 0)
        for (double& w : W.column(0))
            w = -w;  // det W < 0
    const Maxima best{maximum_diagonal_sum(*on, W, Group::O), maximum_diagonal_sum(*on, W, Group::SO),
                      maximum_diagonal_norm(*on, W)};
    const int trials = options.full ? 20000 : 2000;
    const Reached reached = try_matrices(*on, W, best, trials, random);
    const std::string of = " (largest of " + std::to_string(trials) + " matrices over the bound)";
    Rows rows{
        equal("mds_O", "over O(n) the maximum of tr(P W) is the sum of the singular values (relative)", 1,
              best.O.value / best.O.bound, 10 * n * unit),
        equal("mds_SO", "over SO(n), det W < 0, it is the sum less twice the smallest (relative)", 1,
              best.SO.value / best.SO.bound, 10 * n * unit),
        equal("mds_determinants", "those maximisers have determinants -1 and +1 (difference)", 2,
              orthogonal_determinant(best.SO.P) - orthogonal_determinant(best.O.P), 0.5),
        at_most("mds_O_never_beaten", "no P of O(n) has a larger diagonal sum" + of, 1, reached.sum_O, 10 * n * unit),
        at_most("mds_SO_never_beaten", "no P of SO(n) has a larger diagonal sum" + of, 1, reached.sum_SO,
                10 * n * unit),
        equal("mds_unique", "for a nonsingular W the maximiser is unique: the SVD and Newton's method find one matrix",
              0, frobenius(difference(polar_by_newton(*on, W), best.O.P)), 1e-10)};
    std::ranges::move(singular_weights(*on, random), std::back_inserter(rows));
    std::ranges::move(diagonal_norms(*on, W, best.norm, reached.norm, of, options.full ? 20000 : 2000, random),
                      std::back_inserter(rows));
    return rows;
}

Rows chart(const VerifyOptions& options) {
    const auto on = algebra(options);
    RandomStream random = draws(options, 60);
    double entry = 0, relation = 0, smoothness_change = 0, norm = 0;
    std::vector<Index> sizes{5, 16, 80};
    if (options.full)
        sizes.push_back(256);
    for (const Index n : sizes) {
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        for (int trial = 0; trial < (n < 80 ? 20 : 4); ++trial) {
            const Matrix<double> R = normal_matrix(random, 2 * n, n);
            const Matrix<double> P = closed_form_from_factor(*on, stencil, R, 2 * n, {}).P;
            const Representable found = cayley_representable(*on, stencil, P);
            const Matrix<double> U = multiply(*on, Op::transpose, Op::none, P, stencil.T);
            const Matrix<double> inside =
                multiply(*on, Op::transpose, Op::none, U, multiply(*on, Op::none, Op::none, found.generator, U));
            for (const double q : inside.values())
                entry = std::max(entry, std::abs(q));
            // P (I + Q) - (I - Q)
            Matrix<double> residual = multiply(*on, Op::none, Op::none, found.P, found.generator);
            for (std::size_t i = 0; i < residual.values().size(); ++i)
                residual.values()[i] += found.P.values()[i] + found.generator.values()[i];
            relation = std::max(relation, frobenius(difference(residual, identity(n))) / static_cast<double>(n));
            smoothness_change = std::max(
                smoothness_change, std::abs(smoothness(*on, stencil, found.P, R) / smoothness(*on, stencil, P, R) - 1));
            norm = std::max(norm, found.norm / std::sqrt(static_cast<double>(n)));
        }
    }
    const std::string up_to = " (n to " + std::to_string(sizes.back()) + ")";
    Rows rows{at_most("chart_bound", "pair flips leave a generator with entries of at most 1 in the basis U" + up_to, 1,
                      entry, 1e-10),
              equal("chart_relation", "P (I + Q) = I - Q (root mean square entry, largest)", 0, relation, 1e-12),
              equal("chart_eta", "pair flips do not change eta (largest relative change)", 0, smoothness_change, 1e-11),
              at_most("chart_norm", "the generator's 2-norm is at most twice sqrt(n)" + up_to, 2, norm, 1e-12)};

    // Signs that make the diagonal of K positive do not do it: the product of two reflections in flat directions.
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
    Matrix<double> K = identity(n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            K(i, j) -= 2 * (stencil.T(i, 1) * stencil.T(j, 1) + stencil.T(i, 2) * stencil.T(j, 2));
    double smallest = 1;
    for (Index i = 0; i < n; ++i)
        smallest = std::min(smallest, K(i, i));
    Matrix<double> I_K = K;
    for (Index i = 0; i < n; ++i)
        I_K(i, i) += 1;
    const Matrix<double> P =
        multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::transpose, stencil.T, K), stencil.T);
    rows.push_back(at_least("chart_diagonal_positive", "two reflections can have a positive diagonal (smallest entry)",
                            0.5, smallest, 1e-12));
    rows.push_back(equal("chart_diagonal_signs",
                         "the signs that make diag(K) positive leave I + K singular (smallest singular value)", 0,
                         svd(*on, I_K).s.back(), 1e-13));
    rows.push_back(at_most("chart_reflections", "pair flips hold the same K with entries of at most 1", 1,
                           cayley_representable(*on, stencil, P).largest_entry, 1e-10));
    return rows;
}

}  // namespace descrambler::checks
