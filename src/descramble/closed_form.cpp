#include "descrambler/closed_form.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/finite.hpp"

namespace descrambler {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u

double largest(const Matrix<double>& A) {
    double result = 0;
    for (const double x : A.values())
        result = std::max(result, std::abs(x));
    return result;
}

void check_values(const Matrix<double>& A, const std::string& what) {
    if (!all_finite(A.values()))
        throw InputError(what + ": a value is not finite, expected numbers");
    if (largest(A) == 0)
        throw InputError(what + ": all values are zero, expected signals that are not");
}

void turn(std::span<double> column) {
    for (double& x : column)
        x = -x;
}

// The largest entry becomes positive. Entries within 1e-6 of the largest count as equal, and the first of them decides,
// so that rounding does not.
void largest_entry_positive(Matrix<double>& U) {
    for (Index j = 0; j < U.cols(); ++j) {
        const auto u = U.column(j);
        double top = 0;
        for (const double x : u)
            top = std::max(top, std::abs(x));
        if (*std::ranges::find_if(u, [&](double x) { return std::abs(x) >= (1 - 1e-6) * top; }) < 0)
            turn(u);
    }
}

Matrix<double> columns(const Matrix<double>& A, Index first, Index count) {
    Matrix<double> part(A.rows(), count);
    std::copy_n(A.data() + first * A.rows(), part.size(), part.data());
    return part;
}

// P = T1 U1^T + T2 X U2^T over the columns inside (1) and outside (2) the rank. X maximises tr(T2 X U2^T): it is the
// polar factor of T2^T U2 (orthogonal Procrustes), which makes P independent of the basis chosen for the null block.
Matrix<double> descrambler_of(Backend<double>& on, const Matrix<double>& T, Matrix<double> U, Index rank) {
    const Index n = T.rows(), null = n - rank;
    if (null > 0) {
        const Matrix<double> T2 = columns(T, rank, null), U2 = columns(U, rank, null);
        const Svd overlap = svd(on, multiply(on, Op::transpose, Op::none, T2, U2));
        const Matrix<double> X = multiply(on, Op::none, Op::transpose, overlap.U, overlap.V);
        const Matrix<double> turned = multiply(on, Op::none, Op::transpose, U2, X);  // T2 X U2^T = T2 (U2 X^T)^T
        std::ranges::copy(turned.values(), U.data() + rank * n);
    }
    return multiply(on, Op::none, Op::transpose, T, U);
}

// N = B G B^T for B = T^T P: the Gram matrix after P, in the stencil's basis.
using Transformed = std::function<Matrix<double>(const Matrix<double>& B)>;

Transformed by_factor(Backend<double>& on, const Matrix<double>& R) {
    return [&](const Matrix<double>& B) { return gram(on, multiply(on, Op::none, Op::transpose, B, R)); };
}

// tr(diag(mu) N). With N from a factor its diagonal is a sum of squares, and this is the factor form of eta.
double energy(const std::vector<double>& mu, const Matrix<double>& N) {
    double eta = 0;
    for (Index i = 0; i < N.rows(); ++i)
        eta += mu[i] * N(i, i);
    return eta;
}

// max (|N_ij| - floor)/sqrt(N_ii N_jj), not below 0, over pairs of the first `rank` with different mu. The floor is
// the rounding of N: n u sqrt(N_max max(N_ii, N_jj)) from a factor, n u N_max from a Gram.
double offdiagonal_of(const Stencil& stencil, const Matrix<double>& N, Index rank, bool from_factor) {
    const double size = static_cast<double>(N.rows());
    double top = 0, result = 0;
    for (Index i = 0; i < N.rows(); ++i)
        top = std::max(top, N(i, i));
    for (Index j = 0; j < rank; ++j)
        for (Index i = 0; i < j; ++i) {
            const double floor = size * unit * (from_factor ? std::sqrt(top * std::max(N(i, i), N(j, j))) : top);
            const double excess = std::abs(N(i, j)) - floor;
            if (stencil.block[i] != stencil.block[j] && excess > 0)
                result = std::max(result, excess / std::sqrt(N(i, i) * N(j, j)));
        }
    return result;
}

Solution measure(Backend<double>& on, const Stencil& stencil, Matrix<double> P, const PrincipalAxes& axes,
                 const Transformed& transformed, bool from_factor, Index samples) {
    const Index n = stencil.n();
    require(axes.U.rows() == n && axes.U.cols() == n, "closed form: stencil and axes differ in size");
    Solution out;
    out.P = std::move(P);
    out.orthogonality = descrambler::orthogonality(on, out.P);
    out.rank = axes.rank;
    out.gamma = axes.gamma;
    const std::vector<double>&gamma = axes.gamma, &mu = stencil.mu;
    for (Index i = 0; i + 1 < n; ++i)
        out.relative_gap.push_back(gamma[i] > 0 ? (gamma[i] - gamma[i + 1]) / gamma[i] : 0);

    const Matrix<double> N = transformed(multiply(on, Op::transpose, Op::none, stencil.T, out.P));
    out.eta_raw = energy(mu, transformed(transpose(stencil.T)));
    out.eta = energy(mu, N);
    out.offdiagonal = offdiagonal_of(stencil, N, out.rank, from_factor);
    for (Index i = 0; i < n; ++i)
        out.eta_bound += mu[i] * gamma[i];
    const double floor = static_cast<double>(n) * unit * mu[n - 1] * gamma[0];
    out.gap = (out.eta - out.eta_bound) / std::max(out.eta_bound, floor);

    // Two sample eigenvalues that agree in the population differ by gamma sqrt(2/N) sqrt(2) on average (Gaussian
    // scores); below that the axes are mixed by more than 1/2 rad to first order, so the phase says nothing.
    const double error = 2 / std::sqrt(static_cast<double>(samples));
    for (Index i = 0, last = 0; i < n; i = last) {
        for (last = i; last < n && stencil.block[last] == stencil.block[i]; ++last) {
        }
        const double spread = gamma[i] > 0 ? (gamma[i] - gamma[last - 1]) / gamma[i] : 0;
        out.phase_free.push_back(last - i > 1 && (i >= axes.rank || spread < error));
    }
    return out;
}

Solution solve(Backend<double>& on, const Stencil& stencil, const PrincipalAxes& axes, const Transformed& transformed,
               bool from_factor, Index samples, const std::vector<double>& signs) {
    const Index n = stencil.n();
    require(axes.U.rows() == n && axes.U.cols() == n, "closed form: stencil and axes differ in size");
    require(signs.empty() || static_cast<Index>(signs.size()) == n, "closed form: one sign a component");
    Matrix<double> U = axes.U;
    for (Index j = 0; j < axes.rank && !signs.empty(); ++j)  // the null block is completed by rule, without signs
        if (signs[j] < 0)
            turn(U.column(j));
    return measure(on, stencil, descrambler_of(on, stencil.T, std::move(U), axes.rank), axes, transformed, from_factor,
                   samples);
}

}  // namespace

PrincipalAxes principal_axes(Backend<double>& on, const Matrix<double>& R) {
    return principal_axes(on, {&R}).front();
}

std::vector<PrincipalAxes> principal_axes(Backend<double>& on, const std::vector<const Matrix<double>*>& factors) {
    std::vector<PrincipalAxes> result;
    const Index n = factors.empty() ? 0 : factors.front()->cols();
    Index rows = n;  // at least; zero rows complete V where a factor has fewer rows than columns
    for (const Matrix<double>* R : factors) {
        require(R->cols() >= 1 && R->cols() == n, "factors [k, n] have columns, all as many");
        check_values(*R, "factor of the signals");
        rows = std::max(rows, R->rows());
    }
    in_parts(std::ssize(factors), [&](Index first, Index count) {
        std::vector<double> padded(static_cast<std::size_t>(rows * n * count)), s(static_cast<std::size_t>(n * count));
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < n; ++j)
                std::ranges::copy(factors[first + i]->column(j), padded.begin() + (i * n + j) * rows);
        const Buffer<double> a = on.allocate(rows * n * count), U = on.allocate(rows * n * count),
                             values = on.allocate(n * count), V = on.allocate(n * n * count);
        on.upload(padded.data(), a.view(rows, n, count));
        on.svd(a.view(rows, n, count), U.view(rows, n, count), values.view(n, 1, count), V.view(n, n, count));
        on.download(values.view(n, 1, count), s.data());
        on.download(V.view(n, n, count), padded.data());
        for (Index i = 0; i < count; ++i) {
            PrincipalAxes axes{Matrix<double>(n, n), {}, 0};
            std::copy_n(padded.begin() + i * n * n, n * n, axes.U.data());
            const double null = static_cast<double>(n) * unit * s[i * n];
            for (Index j = 0; j < n; ++j) {
                const double sigma = s[i * n + j];
                axes.gamma.push_back(sigma * sigma);
                axes.rank += sigma > null ? 1 : 0;
            }
            largest_entry_positive(axes.U);
            result.push_back(std::move(axes));
        }
    });
    return result;
}

Solution certify(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P, const PrincipalAxes& axes,
                 const Matrix<double>& R, Index samples) {
    require(R.cols() == stencil.n() && P.rows() == stencil.n() && P.cols() == stencil.n(),
            "certify: stencil, P and factor differ in size");
    return measure(on, stencil, P, axes, by_factor(on, R), true, samples);
}

Solution closed_form(Backend<double>& on, const Stencil& stencil, const PrincipalAxes& axes, const Matrix<double>& R,
                     Index samples, const std::vector<double>& signs) {
    require(R.cols() == stencil.n(), "closed form: stencil and factor differ in size");
    return solve(on, stencil, axes, by_factor(on, R), true, samples, signs);
}

Solution closed_form_from_factor(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R, Index samples,
                                 const SignScore& score) {
    const PrincipalAxes axes = principal_axes(on, R);
    return closed_form(on, stencil, axes, R, samples, score ? score(axes.U) : std::vector<double>());
}

Solution closed_form_from_gram(Backend<double>& on, const Stencil& stencil, const Matrix<double>& G, Index samples,
                               const SignScore& score, double null_tolerance) {
    const Index n = stencil.n();
    if (G.rows() != n || G.cols() != n)
        throw InputError("Gram matrix: " + std::to_string(G.rows()) + " x " + std::to_string(G.cols()) + ", expected " +
                         std::to_string(n) + " x " + std::to_string(n));
    check_values(G, "Gram matrix");
    Matrix<double> symmetric = G;
    double asymmetry = 0;
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < j; ++i) {
            asymmetry = std::max(asymmetry, std::abs(G(i, j) - G(j, i)));
            symmetric(i, j) = symmetric(j, i) = (G(i, j) + G(j, i)) / 2;
        }
    if (asymmetry > 1e-10 * largest(G))
        throw InputError("Gram matrix: not symmetric, |G - G^T| is " + digits(asymmetry / largest(G)) +
                         " of its largest entry, expected at most 1e-10");

    const Eigh ascending = eigh(on, symmetric);
    const double top = ascending.w.back();
    // Rounding leaves gamma_n a little negative, of single precision at worst; more is no Gram matrix.
    if (ascending.w.front() < -1e-6 * std::abs(top))
        throw InputError("Gram matrix: the eigenvalue " + digits(ascending.w.front()) + " beside the largest " +
                         digits(top) + ", expected none below zero");
    const double null = std::max(null_tolerance, static_cast<double>(n) * unit) * top;
    PrincipalAxes axes{Matrix<double>(n, n), {}, 0};
    for (Index j = 0; j < n; ++j) {
        const double gamma = std::max(ascending.w[n - 1 - j], 0.0);
        axes.gamma.push_back(gamma);
        axes.rank += gamma > null ? 1 : 0;
        std::ranges::copy(ascending.V.column(n - 1 - j), axes.U.column(j).begin());
    }
    largest_entry_positive(axes.U);

    // eta and N from G itself, not from its decomposition: the gap must see an error of eigh.
    const auto transformed = [&](const Matrix<double>& B) {
        return multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, B, symmetric), B);
    };
    return solve(on, stencil, axes, transformed, false, samples, score ? score(axes.U) : std::vector<double>());
}

void closed_forms(Backend<double>& on, const Stencil& stencil, Batch<double> G, Batch<double> P, Batch<double> bound) {
    const Index n = stencil.n();
    require(G.rows == n && G.cols == n && P.rows == n && P.cols == n && P.batch == G.batch && bound.rows == 1 &&
                bound.cols == 1 && bound.batch == G.batch,
            "closed forms: G and P [n, n], bound [1, 1], one batch");
    const Buffer<double> w = on.allocate(n * G.batch), reversed = on.allocate(n * n), mu = on.allocate(n);
    on.eigh(G, w.view(n, 1, G.batch));
    // eigenvectors ascend, so the basis descends: P = sum_i t_(n+1-i) v_i^T, and mu likewise
    Matrix<double> T(n, n);
    for (Index j = 0; j < n; ++j)
        std::ranges::copy(stencil.T.column(n - 1 - j), T.column(j).begin());
    const std::vector<double> descending(stencil.mu.rbegin(), stencil.mu.rend());
    on.upload(T.data(), reversed.view(n, n));
    on.upload(descending.data(), mu.view(n, 1));
    const Batch<const double> shared(reversed.data(), n, n, G.batch, 0), weight(mu.data(), n, 1, G.batch, 0);
    on.gemm(Op::none, Op::transpose, 1.0, shared, G, 0.0, P);
    on.dot(weight, w.view(n, 1, G.batch), bound);
}

double smoothness(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P, const Matrix<double>& R) {
    return energy(stencil.mu, by_factor(on, R)(multiply(on, Op::transpose, Op::none, stencil.T, P)));
}

}  // namespace descrambler
