#include "descrambler/representable.hpp"

#include <algorithm>
#include <cmath>

namespace descrambler {
namespace {

// Signs by elimination on Sg + K; overwrites K with (Sg + K)^-1 (Gauss-Jordan in place). Not pivoted: the sign of each
// pivot is chosen so that the pivot is not below 1 in modulus.
std::vector<double> eliminate(Matrix<double>& K) {
    const Index n = K.rows();
    std::vector<double> sign(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) {
        sign[i] = K(i, i) < 0 ? -1 : 1;
        const double inverse = 1 / (K(i, i) + sign[i]);
        K(i, i) = 1;
        for (Index j = 0; j < n; ++j)
            K(i, j) *= inverse;
        for (Index j = 0; j < n; ++j) {
            if (j == i)
                continue;
            const double right = K(i, j);
            for (Index k = 0; k < n; ++k)
                if (k != i)
                    K(k, j) -= K(k, i) * right;
        }
        for (Index k = 0; k < n; ++k)
            if (k != i)
                K(k, i) *= -inverse;
    }
    return sign;
}

struct Entry {
    Index i = 0, j = 0;
    double size = 0;
};

Entry largest_entry(const Matrix<double>& Q) {
    Entry top;
    for (Index j = 0; j < Q.cols(); ++j)
        for (Index i = 0; i < j; ++i)
            if (std::abs(Q(i, j)) > top.size)
                top = {i, j, std::abs(Q(i, j))};
    return top;
}

// Principal pivot of a skew matrix on {i, j}, with q = Q_ij, a = row i, b = row j before:
//   Q_kl += (b_k a_l - a_k b_l) / q,   row i = b / q,   row j = -a / q,   Q_ij = -1 / q
void pivot(Matrix<double>& Q, Index i, Index j) {
    const Index n = Q.rows();
    const double q = Q(i, j);
    std::vector<double> a(static_cast<std::size_t>(n)), b(static_cast<std::size_t>(n));
    for (Index k = 0; k < n; ++k) {
        a[k] = Q(i, k);
        b[k] = Q(j, k);
    }
    a[i] = a[j] = b[i] = b[j] = 0;  // the rank-2 update leaves rows and columns i and j alone
    for (Index l = 0; l < n; ++l)
        for (Index k = 0; k < n; ++k)
            Q(k, l) += (b[k] * a[l] - a[k] * b[l]) / q;
    for (Index k = 0; k < n; ++k) {
        Q(i, k) = b[k] / q;
        Q(j, k) = -a[k] / q;
        Q(k, i) = -Q(i, k);
        Q(k, j) = -Q(j, k);
    }
    Q(i, j) = -1 / q;
    Q(j, i) = 1 / q;
}

}  // namespace

double orthogonal_determinant(const Matrix<double>& K) {
    require(K.rows() == K.cols(), "determinant: expected a square matrix");
    Matrix<double> work = K;
    double product = 1;
    for (const double s : eliminate(work))
        product *= s;
    return product;
}

Representable cayley_representable(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P) {
    const Index n = stencil.n();
    require(P.rows() == n && P.cols() == n, "representable descrambler: stencil and P differ in size");
    Matrix<double> E = gram(on, P);
    for (Index i = 0; i < n; ++i)
        E(i, i) -= 1;
    require(std::ranges::all_of(E.values(), [](double e) { return std::abs(e) <= 1e-8; }),
            "representable descrambler: P is not orthogonal");

    const Matrix<double> U = multiply(on, Op::transpose, Op::none, P, stencil.T);  // P = T U^T
    Matrix<double> C = multiply(on, Op::transpose, Op::none, stencil.T, U);        // K
    Representable out;
    out.sign = eliminate(C);
    // Cayley(Sg K) = 2 (I + Sg K)^-1 - I,  (I + Sg K)^-1 = (Sg + K)^-1 Sg; skew up to rounding, which is taken out
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            C(i, j) *= 2 * out.sign[j];
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i <= j; ++i) {
            const double q = i == j ? 0 : (C(i, j) - C(j, i)) / 2;
            C(i, j) = q;
            C(j, i) = -q;
        }

    Entry top = largest_entry(C);
    for (; top.size > 1 + 1e-12; top = largest_entry(C)) {
        pivot(C, top.i, top.j);
        out.sign[top.i] *= -1;
        out.sign[top.j] *= -1;
        ++out.flips;
    }
    out.largest_entry = top.size;

    Matrix<double> turned = stencil.T;  // T Sg
    for (Index j = 0; j < n; ++j)
        for (double& t : turned.column(j))
            t *= out.sign[j];
    out.P = multiply(on, Op::none, Op::transpose, turned, U);
    const Matrix<double> Q = multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, U, C), U);
    out.generator = Matrix<double>(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            out.generator(i, j) = (Q(j, i) - Q(i, j)) / 2;  // -U C U^T
    out.norm = svd(on, out.generator).s.front();
    return out;
}

}  // namespace descrambler
