#include "descrambler/stencil.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/finite.hpp"

namespace descrambler {
namespace {

constexpr double pi = std::numbers::pi;

// cos and sin of 2 pi m / n with the argument reduced in integers: right to an ulp for any m.
double cosine(Index m, Index n) {
    return std::cos(2 * pi * static_cast<double>(m % n) / static_cast<double>(n));
}
double sine(Index m, Index n) {
    return std::sin(2 * pi * static_cast<double>(m % n) / static_cast<double>(n));
}

Stencil fourier_second_derivative(Index n) {
    Stencil out{StencilKind::fourier2, Matrix<double>(n, n), {}, {}, {}};
    const double constant = 1 / std::sqrt(static_cast<double>(n));
    const double paired = std::sqrt(2 / static_cast<double>(n));
    for (Index i = 0; i < n; ++i) {  // frequencies 0, 1, 1, 2, 2, ..., [n/2]
        const Index k = (i + 1) / 2;
        const double f = static_cast<double>(k);
        out.mu.push_back(f * f * f * f);
        out.block.push_back(k);
        for (Index l = 0; l < n; ++l) {
            if (i == 0)
                out.T(l, i) = constant;
            else if (2 * k == n)
                out.T(l, i) = l % 2 == 0 ? constant : -constant;
            else
                out.T(l, i) = paired * (i % 2 == 1 ? cosine(k * l, n) : sine(k * l, n));
        }
    }
    return out;
}

Stencil free_first_difference(Index n) {
    Stencil out{StencilKind::dct, Matrix<double>(n, n), {}, {}, {}};
    for (Index k = 0; k < n; ++k) {
        const double half = std::sin(pi * static_cast<double>(k) / static_cast<double>(2 * n));
        out.mu.push_back(4 * half * half);
        out.block.push_back(k);
        const double scale = std::sqrt((k == 0 ? 1 : 2) / static_cast<double>(n));
        for (Index l = 0; l < n; ++l)
            out.T(l, k) = scale * cosine(k * (2 * l + 1), 4 * n);
    }
    return out;
}

Stencil free_second_difference(Backend<double>& on, Index n) {
    Stencil out{StencilKind::diff2, Matrix<double>(n, n), std::vector<double>(n), std::vector<Index>(n), {}};
    const double size = static_cast<double>(n);
    const double rise = std::sqrt(12 / (size * (size * size - 1)));  // sum (l - (n-1)/2)^2 = n (n^2 - 1) / 12
    for (Index l = 0; l < n; ++l) {
        out.T(l, 0) = 1 / std::sqrt(size);
        out.T(l, 1) = rise * (static_cast<double>(l) - (size - 1) / 2);
    }
    // The SVD of D, not eigh of D^T D: the smallest non-zero mu is about (4.7 / n)^4 of the largest, and squaring
    // would lose it.
    const Svd modes = svd(on, differentiation_matrix(StencilKind::diff2, n));
    for (Index i = 2; i < n; ++i) {
        const Index source = n - 1 - i;  // descending -> ascending
        out.mu[i] = modes.s[source] * modes.s[source];
        out.block[i] = i - 1;
        const auto from = modes.V.column(source);
        const auto to = out.T.column(i);
        // A free end never rests, so the first entry is large; the largest one would tie with its mirror image.
        std::ranges::transform(from, to.begin(), [&](double x) { return from[0] < 0 ? -x : x; });
        // The smallest modes come mixed with the null space at u ||D|| / s; take that part out again.
        for (Index null = 0; null < 2; ++null) {
            const auto t = out.T.column(null);
            double overlap = 0;
            for (Index l = 0; l < n; ++l)
                overlap += t[l] * to[l];
            for (Index l = 0; l < n; ++l)
                to[l] -= overlap * t[l];
        }
    }
    return out;
}

// Orthonormal columns first .. last - 1 of T, replaced by the projections of the constant (where the block holds it)
// and of e_0, e_1, ... onto their span, one after another, as far as they are independent.
void fix_basis(Matrix<double>& T, Index first, Index last) {
    const Index n = T.rows(), size = last - first;
    Matrix<double> fixed(n, size);
    Index found = 0;
    const auto try_vector = [&](const std::vector<double>& target, double least) {
        std::vector<double> v(static_cast<std::size_t>(n));
        for (Index j = first; j < last; ++j) {
            double overlap = 0;
            for (Index l = 0; l < n; ++l)
                overlap += T(l, j) * target[l];
            for (Index l = 0; l < n; ++l)
                v[l] += overlap * T(l, j);
        }
        for (int pass = 0; pass < 2; ++pass)
            for (Index j = 0; j < found; ++j) {
                double overlap = 0;
                for (Index l = 0; l < n; ++l)
                    overlap += fixed(l, j) * v[l];
                for (Index l = 0; l < n; ++l)
                    v[l] -= overlap * fixed(l, j);
            }
        double norm = 0;
        for (const double x : v)
            norm += x * x;
        norm = std::sqrt(norm);
        if (norm < least)
            return;
        for (Index l = 0; l < n; ++l)
            fixed(l, found) = v[l] / norm;
        ++found;
    };
    const double size_n = static_cast<double>(n);
    try_vector(std::vector<double>(static_cast<std::size_t>(n), 1 / std::sqrt(size_n)), 1 - 1e-9);
    // the projections of all e_l onto a span of `size` dimensions have squares that sum to `size`, so some are as long
    for (Index l = 0; l < n && found < size; ++l) {
        std::vector<double> e(static_cast<std::size_t>(n));
        e[l] = 1;
        try_vector(e, 0.5 / std::sqrt(size_n));
    }
    if (found == size)
        std::copy_n(fixed.data(), fixed.size(), T.data() + first * n);
}

// Largest minus smallest mean square of the free-end first difference over unit vectors of the block.
double roughness_spread(Backend<double>& on, const Matrix<double>& T, Index first, Index last) {
    Matrix<double> steps(last - first, T.rows() - 1);
    for (Index l = 0; l + 1 < T.rows(); ++l)
        for (Index j = first; j < last; ++j)
            steps(j - first, l) = T(l + 1, j) - T(l, j);
    const Eigh roughness = eigh(on, gram(on, steps));
    return roughness.w.back() - roughness.w.front();
}

}  // namespace

Stencil make_stencil(Backend<double>& on, const Matrix<double>& D) {
    const Index m = D.rows(), n = D.cols();
    const std::string shape = "stencil matrix " + std::to_string(m) + " x " + std::to_string(n) + ": ";
    if (m < 1 || n < 3)
        throw InputError(shape + "expected at least 1 row and 3 columns");
    if (!all_finite(D.values()))
        throw InputError(shape + "a value is not finite, expected numbers");
    Matrix<double> padded(std::max(m, n), n);  // zero rows complete V
    for (Index j = 0; j < n; ++j)
        std::ranges::copy(D.column(j), padded.column(j).begin());
    const Svd modes = svd(on, padded);
    if (modes.s.front() == 0)
        throw InputError(shape + "all values are zero, nothing is smoother than anything else");
    Stencil out{StencilKind::custom, Matrix<double>(n, n), {}, {}, D};
    std::vector<double> s(modes.s.rbegin(), modes.s.rend());
    for (Index j = 0; j < n; ++j)
        std::ranges::copy(modes.V.column(n - 1 - j), out.T.column(j).begin());
    const double size = static_cast<double>(n), tie = 100 * size * 0x1p-53 * s.back();
    Index blocks = 0;
    for (Index first = 0, last = 0; first < n; first = last, ++blocks) {
        double sum = s[first];
        for (last = first + 1; last < n && s[last] - s[last - 1] <= tie; ++last)
            sum += s[last];
        const double mean = s[last - 1] <= tie ? 0 : sum / static_cast<double>(last - first);
        if (last - first > 1) {
            const double spread = roughness_spread(on, out.T, first, last);
            if (spread > 0.5 + 8 / size)
                throw InputError(shape + "degenerate, its components " + std::to_string(first + 1) + " to " +
                                 std::to_string(last) + " tie although they oscillate differently (mean square step " +
                                 std::to_string(spread) + " apart): symbol not monotone");
        }
        fix_basis(out.T, first, last);
        for (Index j = first; j < last; ++j) {
            out.mu.push_back(mean * mean);
            out.block.push_back(blocks);
        }
    }
    return out;
}

std::string_view to_string(StencilKind kind) {
    switch (kind) {
        case StencilKind::fourier2:
            return "fourier2";
        case StencilKind::dct:
            return "dct";
        case StencilKind::diff2:
            return "diff2";
        case StencilKind::custom:
            return "custom";
    }
    return "";
}

StencilKind stencil_from(std::string_view name) {
    for (const StencilKind kind : {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2})
        if (name == to_string(kind))
            return kind;
    const std::string quoted = "stencil '" + std::string(name) + "': ";
    const std::string expected = "expected fourier2, dct or diff2";
    if (name == "fourier1")
        throw InputError(quoted + "degenerate, for even n the Nyquist frequency lies in its null space beside the " +
                         "constant (symbol not monotone); " + expected);
    if (name == "central")
        throw InputError(quoted + "degenerate, its symbol sin^2(2 pi k / n) is not monotone: frequencies k and " +
                         "n/2 - k tie and the null space is {constant, Nyquist}; " + expected);
    throw InputError(quoted + "unknown; " + expected);
}

Stencil make_stencil(Backend<double>& on, StencilKind kind, Index n) {
    if (n < 3)
        throw InputError("stencil " + std::string(to_string(kind)) + ": a layer of width " + std::to_string(n) +
                         ", expected at least 3");
    switch (kind) {
        case StencilKind::fourier2:
            return fourier_second_derivative(n);
        case StencilKind::dct:
            return free_first_difference(n);
        case StencilKind::diff2:
            return free_second_difference(on, n);
        case StencilKind::custom:
            break;  // made from its matrix
    }
    throw std::invalid_argument("unknown stencil kind");
}

Matrix<double> differentiation_matrix(StencilKind kind, Index n) {
    require(n >= 3, "a stencil needs at least 3 points");
    require(kind != StencilKind::custom, "a custom stencil brings its own matrix");
    if (kind == StencilKind::dct) {
        Matrix<double> D(n - 1, n);
        for (Index i = 0; i < n - 1; ++i) {
            D(i, i) = -1;
            D(i, i + 1) = 1;
        }
        return D;
    }
    if (kind == StencilKind::diff2) {
        Matrix<double> D(n - 2, n);
        for (Index i = 0; i < n - 2; ++i) {
            D(i, i) = D(i, i + 2) = 1;
            D(i, i + 1) = -2;
        }
        return D;
    }
    // Weideman, Reddy 2000, fourdif(n, 2), h = 2 pi / n, by distance m = |i - j|:
    //   even n: -pi^2 / 3h^2 - 1/6   and  -(-1)^m / (2 sin^2(m h / 2))
    //   odd n:  -pi^2 / 3h^2 + 1/12  and  -(-1)^m cos(m h / 2) / (2 sin^2(m h / 2))
    const bool even = n % 2 == 0;
    const double size = static_cast<double>(n);
    Matrix<double> D(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i) {
            const Index m = std::abs(i - j);
            const double s = std::sin(pi * static_cast<double>(m) / size);
            const double sign = m % 2 == 0 ? -1 : 1;
            if (m == 0)
                D(i, j) = -size * size / 12 + (even ? -1.0 / 6 : 1.0 / 12);
            else
                D(i, j) = sign * (even ? 1 : std::cos(pi * static_cast<double>(m) / size)) / (2 * s * s);
        }
    return D;
}

}  // namespace descrambler
