// The global minimum of smoothness, the set of its minimisers, and what it does not depend on.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "descrambler/closed_form.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/representable.hpp"
#include "descrambler/spectrum.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u
constexpr Index width = 80;

double eta_of_order(const Stencil& stencil, const std::vector<double>& gamma, const std::vector<Index>& order) {
    double eta = 0;
    for (Index i = 0; i < stencil.n(); ++i)
        eta += stencil.mu[i] * gamma[order[i]];
    return eta;
}

// A tanh layer of filters that sees DEER traces: pre-activations of standard deviation 0.7. Rows are samples.
Matrix<double> layer_signals(Backend<double>& on, const VerifyOptions& options, std::uint64_t check) {
    Matrix<double> S = multiply(on, Op::none, Op::none, filter_bank(width, 256), traces(options, check, 2000).noisy);
    const double scale = 0.7 * std::sqrt(static_cast<double>(S.size())) / frobenius(S);
    for (double& x : S.values())
        x = std::tanh(scale * x);
    return transpose(S);
}

// A random element of the stabiliser of mu, in the stencil's basis: a sign for a single, for a pair a rotation, in half
// of the cases followed by a reflection.
Matrix<double> random_stabiliser(RandomStream& random, const Stencil& stencil) {
    const Index n = stencil.n();
    Matrix<double> A(n, n);
    for (Index i = 0; i < n; ++i) {
        if (i + 1 == n || stencil.block[i + 1] != stencil.block[i]) {
            A(i, i) = random.uniform() < 0.5 ? -1 : 1;
            continue;
        }
        const double turn = 2 * std::numbers::pi * random.uniform(), c = std::cos(turn), s = std::sin(turn);
        const double flip = random.uniform() < 0.5 ? -1 : 1;
        A(i, i) = c;
        A(i + 1, i) = s;
        A(i, i + 1) = -flip * s;
        A(i + 1, i + 1) = flip * c;
        ++i;
    }
    return A;
}

// Rows l -> (l + shift) mod n, or mirrored.
Matrix<double> moved(const Matrix<double>& P, Index shift, bool mirrored) {
    const Index n = P.rows();
    Matrix<double> out(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index l = 0; l < n; ++l)
            out((mirrored ? 2 * n - l + shift : l + shift) % n, j) = P(l, j);
    return out;
}

// The basis of Sule et al. as printed: cos and sin of 2 pi k l / n, k = first .. first + n/2 - 1, not normalised.
Matrix<double> printed_basis(Index n, Index first) {
    Matrix<double> T(n, n);
    for (Index k = 0; k < n / 2; ++k)
        for (Index l = 0; l < n; ++l) {
            const double turn =
                2 * std::numbers::pi * static_cast<double>((first + k) * l % n) / static_cast<double>(n);
            T(l, 2 * k) = std::cos(turn);
            T(l, 2 * k + 1) = std::sin(turn);
        }
    return T;
}

Index rank_of(Backend<double>& on, const Matrix<double>& A) {
    const Svd factors = svd(on, A);
    return std::ranges::count_if(
        factors.s, [&](double s) { return s > static_cast<double>(A.rows()) * 4 * unit * factors.s.front(); });
}

Rows small_sizes(Backend<double>& on, const VerifyOptions& options) {
    RandomStream random = draws(options, 1);
    const int trials = options.full ? 40000 : 4000;
    double worst = 0, lowest = std::numeric_limits<double>::infinity();
    for (Index n = 3; n <= 6; ++n) {
        const Stencil stencil = make_stencil(on, StencilKind::fourier2, n);
        const Matrix<double> R = normal_matrix(random, 9, n);
        const PrincipalAxes axes = principal_axes(on, R);
        const Solution found = closed_form(on, stencil, axes, R, 9, {});
        std::vector<Index> order(static_cast<std::size_t>(n));
        std::iota(order.begin(), order.end(), 0);
        double best = std::numeric_limits<double>::infinity();
        do {
            best = std::min(best, eta_of_order(stencil, axes.gamma, order));
        } while (std::ranges::next_permutation(order).found);
        worst = std::max(worst, std::abs(found.eta / best - 1));
        for (int trial = 0; trial < trials; ++trial)
            lowest = std::min(lowest, smoothness(on, stencil, haar_orthogonal(on, random, n), R) / found.eta_bound);
    }
    return {
        equal("minimum_brute_force",
              "eta of the closed form is the smallest over all permutations (n = 3..6, largest relative difference)", 0,
              worst, 100 * unit),
        at_least("minimum_haar",
                 "no random orthogonal matrix is below eta* (n = 3..6, " + std::to_string(trials) +
                     " each; smallest eta / eta*)",
                 1, lowest, 100 * unit)};
}

// Through the function that `layer` calls: the same P W for permuted, mixed and exchanged neurons; the sign of det P.
Rows equivariance(Backend<double>& on, const Stencil& stencil, RandomStream& random, const VerifyOptions& options) {
    Rows rows;
    const Matrix<double> X = traces(options, 5, 2000).noisy, W = filter_bank(width, 256);
    Matrix<double> permuted = W;
    std::vector<Index> order(width);
    std::iota(order.begin(), order.end(), 0);
    for (Index i = width - 1; i > 0; --i)
        std::swap(order[i], order[random.below(static_cast<std::uint32_t>(i + 1))]);
    for (Index t = 0; t < W.cols(); ++t)
        for (Index i = 0; i < width; ++i)
            permuted(i, t) = W(order[i], t);
    Matrix<double> swapped = W;
    for (Index t = 0; t < W.cols(); ++t)
        std::swap(swapped(0, t), swapped(1, t));
    const Matrix<double> rotated = multiply(on, Op::none, Op::none, haar_orthogonal(on, random, width), W);
    std::vector<Network> networks;
    for (const Matrix<double>& weight : {W, permuted, rotated, swapped})
        networks.push_back({{DenseLayer{weight, {}, Activation::tanh, false}}});
    const std::vector<Descrambling> results =
        descramble(networks, library_of(X), {.tap = {.at = {1, Tap::before}}}, Execution::on_cpu(options.threads));
    const Solution& first = results[0].solution;
    // Rounding turns axis i by n u sigma_1 over the distance to its neighbours.
    double gap = std::numeric_limits<double>::infinity();
    for (Index i = 0; i + 1 < width; ++i)
        gap = std::min(gap, std::sqrt(first.gamma[i]) - std::sqrt(first.gamma[i + 1]));
    const double turn = 10 * width * unit * std::sqrt(first.gamma[0]) / gap;
    const auto change = [&](std::size_t i) {
        return frobenius(difference(results[i].descrambled_weight, results[0].descrambled_weight)) / frobenius(W);
    };
    rows.push_back(
        equal("equivariance_permutation", "P W does not change when the neurons are permuted", 0, change(1), turn));
    rows.push_back(equal("equivariance_rotation", "P W does not change when the neurons are mixed by a rotation", 0,
                         change(2), turn));

    rows.push_back(equal("group_determinant",
                         "exchanging two neurons keeps P W and changes the sign of det P (product of determinants)", -1,
                         orthogonal_determinant(first.P) * orthogonal_determinant(results[3].solution.P), 0.5));
    rows.push_back(
        equal("equivariance_exchange", "P W does not change when two neurons are exchanged", 0, change(3), turn));
    const Matrix<double> S = transpose(multiply(on, Op::none, Op::none, W, X));
    Matrix<double> mirror = identity(width);
    mirror(0, 0) = -1;  // turns the constant
    const Matrix<double> TM = multiply(on, Op::none, Op::none, stencil.T, mirror);
    const Matrix<double> other =
        multiply(on, Op::none, Op::none, multiply(on, Op::none, Op::transpose, TM, stencil.T), first.P);
    require(orthogonal_determinant(other) == -orthogonal_determinant(first.P),
            "verify: the sign turns the determinant");
    rows.push_back(equal("group_minimum", "O(n) and SO(n) have one minimum: the sign of a component costs nothing", 0,
                         smoothness(on, stencil, other, S) / smoothness(on, stencil, first.P, S) - 1,
                         100 * width * unit));
    return rows;
}

Rows permutations() {
    Rows rows;
    std::vector<Index> five(5);
    std::iota(five.begin(), five.end(), 0);
    double proper = 0;
    do {
        Matrix<double> P(5, 5);
        for (Index i = 0; i < 5; ++i)
            P(i, five[i]) = 1;
        proper += orthogonal_determinant(P) > 0 ? 1 : 0;
    } while (std::ranges::next_permutation(five).found);
    rows.push_back(equal("group_permutations", "SO(5) contains the even permutations of 5 neurons", 60, proper, 0.5));
    rows.push_back(as_printed(equal("group_permutations_as_printed",
                                    "SO(n) contains the permutation group (of the 120 permutations of 5 neurons)", 120,
                                    proper, 0.5)));
    return rows;
}

// phi(P) = T^T P U
Rows coordinates(Backend<double>& on, const Stencil& stencil, RandomStream& random) {
    Rows rows;
    const Matrix<double> U = haar_orthogonal(on, random, width), A = haar_orthogonal(on, random, width),
                         B = haar_orthogonal(on, random, width);
    const auto phi = [&](const Matrix<double>& P) {
        return multiply(on, Op::transpose, Op::none, stencil.T, multiply(on, Op::none, Op::none, P, U));
    };
    const double distance = frobenius(difference(A, B));
    rows.push_back(equal("phi_isometry", "phi(P) = T^T P U keeps distances (||phi(A) - phi(B)|| / ||A - B|| - 1)", 0,
                         frobenius(difference(phi(A), phi(B))) / distance - 1, 10 * width * unit));
    rows.push_back(as_printed(equal("phi_homomorphism_as_printed",
                                    "phi is a homomorphism (||phi(A B) - phi(A) phi(B)||_F at n = 80)", 0,
                                    frobenius(difference(phi(multiply(on, Op::none, Op::none, A, B)),
                                                         multiply(on, Op::none, Op::none, phi(A), phi(B)))),
                                    1e-6)));
    return rows;
}

Rows printed_bases(Backend<double>& on, const Stencil& stencil) {
    Rows rows;
    Matrix<double> E = difference(gram(on, transpose(stencil.T)), identity(width));
    rows.push_back(equal("basis_orthonormal",
                         "the trigonometric basis with constant and Nyquist is orthonormal (n = 80)", 0, frobenius(E),
                         10 * width * unit));
    for (const Index k : {0, 1})
        rows.push_back(
            as_printed(equal("basis_rank_from_" + std::to_string(k) + "_as_printed",
                             "the printed basis, k counted from " + std::to_string(k) + ", has full rank at n = 80",
                             width, static_cast<double>(rank_of(on, printed_basis(width, k))), 0.5)));
    return rows;
}

}  // namespace

Rows minimum(const VerifyOptions& options) {
    const auto on = algebra(options);
    Rows rows = small_sizes(*on, options);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    const Matrix<double> S = layer_signals(*on, options, 2);
    const PrincipalAxes axes = principal_axes(*on, S);
    const Solution best = closed_form(*on, stencil, axes, S, S.rows(), {});
    rows.push_back(equal("minimum_n80", "T U^T reaches eta* for a layer of 80 (eta / eta* - 1)", 0,
                         best.eta / best.eta_bound - 1, width * width * unit));

    // all minimisers
    RandomStream random = draws(options, 3);
    const Matrix<double> W = normal_matrix(random, width, 256);
    const auto folded = [&](const Matrix<double>& P) {
        return folded_amplitude(*on, multiply(*on, Op::none, Op::none, P, W));
    };
    const Matrix<double> reference = folded(best.P);
    double turned = 0, shifted = 0, correlation = 1, apart = 0;
    for (int trial = 0; trial < 20; ++trial) {
        const Matrix<double> A = random_stabiliser(random, stencil);
        const Matrix<double> TA = multiply(*on, Op::none, Op::none, stencil.T, A);
        const Matrix<double> other =
            multiply(*on, Op::none, Op::none, multiply(*on, Op::none, Op::transpose, TA, stencil.T), best.P);
        turned = std::max(turned, std::abs(smoothness(*on, stencil, other, S) / best.eta - 1));
        correlation = std::min(correlation, pearson(reference.values(), folded(other).values()));
        apart = std::max(apart, frobenius(difference(other, best.P)));
        const Matrix<double> step = moved(best.P, static_cast<Index>(random.below(width)), trial % 2 == 1);
        shifted = std::max(shifted, std::abs(smoothness(*on, stencil, step, S) / best.eta - 1));
    }
    // eta in factor form has n u from the products; P' one more
    const double rounding = 100 * width * unit;
    rows.push_back(equal("minimisers_pairs",
                         "a rotation or reflection of each frequency pair leaves eta (largest relative change)", 0,
                         turned, rounding));
    rows.push_back(equal("minimisers_shift",
                         "a circular shift and a reflection of the neurons' axis leave eta (largest relative change)",
                         0, shifted, rounding));
    rows.push_back(at_least("minimisers_spectrum",
                            "the folded |FFT2| of P W is the same for all minimisers (smallest correlation)", 0.9999,
                            correlation, 1e-12));
    rows.push_back(as_printed(equal("minimiser_unique_as_printed",
                                    "the minimiser is unique (||P - P'||_F of two minimisers)", 0, apart, 1e-6)));
    return rows;
}

Rows group(const VerifyOptions& options) {
    const auto on = algebra(options);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    RandomStream random = draws(options, 4);
    Rows rows = equivariance(*on, stencil, random, options);
    std::ranges::move(permutations(), std::back_inserter(rows));
    std::ranges::move(coordinates(*on, stencil, random), std::back_inserter(rows));
    std::ranges::move(printed_bases(*on, stencil), std::back_inserter(rows));
    return rows;
}

Rows stencils(const VerifyOptions& options) {
    const auto on = algebra(options);
    const Matrix<double> S = layer_signals(*on, options, 2);
    // eta of P under the stencil D over the minimum that an eigendecomposition of D^T D gives, minus 1
    const auto above = [&](const Matrix<double>& D, const Matrix<double>& P, const Matrix<double>& signals) {
        const PrincipalAxes axes = principal_axes(*on, signals);
        const Svd modes = svd(*on, D);
        double bound = 0;
        for (Index i = 0; i < std::ssize(modes.s); ++i)
            bound += modes.s[i] * modes.s[i] * axes.gamma[P.rows() - 1 - i];
        const Matrix<double> DPS =
            multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, D, P), signals);
        return frobenius(DPS) * frobenius(DPS) / bound - 1;
    };
    const auto first_derivative = [&](Index n) {  // D1 = T diag(k; pairs exchanged) T^T, the Nyquist frequency dropped
        const Stencil stencil = make_stencil(*on, StencilKind::fourier2, n);
        Matrix<double> J(n, n);
        for (Index i = 1; i + 1 < n; i += 2) {
            J(i + 1, i) = -static_cast<double>(stencil.block[i]);
            J(i, i + 1) = static_cast<double>(stencil.block[i]);
        }
        return multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, stencil.T, J), stencil.T);
    };
    const auto fourier = [&](Index n, const Matrix<double>& signals) {
        return closed_form_from_factor(*on, make_stencil(*on, StencilKind::fourier2, n), signals, signals.rows(), {}).P;
    };
    const Matrix<double> P = fourier(width, S);
    Matrix<double> three_point(width, width);
    for (Index i = 0; i < width; ++i) {
        three_point(i, i) = -2;
        three_point(i, (i + 1) % width) = three_point(i, (i + width - 1) % width) = 1;
    }
    Matrix<double> odd(S.rows(), width - 1);  // 79 of the neurons
    for (Index j = 0; j + 1 < width; ++j)
        std::ranges::copy(S.column(j), odd.column(j).begin());
    // Small gammas meet large mu: the bound and eta agree to n u of the largest term.
    const double rounding = 1e-9;
    return {
        equal("stencil_order",
              "only the order of mu matters: the Fourier P minimises the three-point second difference as well", 0,
              above(three_point, P, S), rounding),
        equal("stencil_first_derivative_odd",
              "for odd n the first derivative D and the second D^2 have the same minimiser (eta / eta* - 1, n = 79)", 0,
              above(first_derivative(width - 1), fourier(width - 1, odd), odd), rounding),
        as_printed(equal("stencil_first_derivative_even_as_printed",
                         "D and D^2 are interchangeable in the criterion (eta / eta* - 1, n = 80)", 0,
                         above(first_derivative(width), P, S), 1e-3))};
}

}  // namespace descrambler::checks
