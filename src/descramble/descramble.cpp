#include "descrambler/descramble.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace descrambler {
namespace {

bool is_finite(double x) {
    return std::isfinite(x);
}

// Moments of the filter W^T u_j over the input axis: its sum, or, where that nearly cancels, sum_t t (W^T u_j)_t.
std::vector<double> filter_moments(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& U) {
    const Matrix<double> filters = multiply(on, Op::transpose, Op::none, W, U);  // [d, n]
    std::vector<double> scores;
    for (Index j = 0; j < filters.cols(); ++j) {
        double sum = 0, size = 0, first_moment = 0;
        for (Index t = 0; t < filters.rows(); ++t) {
            sum += filters(t, j);
            size += std::abs(filters(t, j));
            first_moment += static_cast<double>(t) * filters(t, j);
        }
        scores.push_back(std::abs(sum) < 1e-3 * size ? first_moment : sum);
    }
    return scores;
}

// [R / ||R||; sqrt(lambda) W / ||W||], whose Gram is G / ||G|| + lambda W^T W / ||W^T W||. The 2-norms are those of
// the Grams; both parts are scaled before they are squared.
Matrix<double> joint_factor(Backend<double>& on, const Matrix<double>& R, const Matrix<double>& W, double lambda) {
    const double link_norm = svd(on, W).s.front();
    const double a = 1 / svd(on, R).s.front(), b = link_norm > 0 ? std::sqrt(lambda) / link_norm : 0;
    Matrix<double> stacked(R.rows() + W.rows(), R.cols());
    for (Index j = 0; j < R.cols(); ++j) {
        for (Index i = 0; i < R.rows(); ++i)
            stacked(i, j) = a * R(i, j);
        for (Index i = 0; i < W.rows(); ++i)
            stacked(R.rows() + i, j) = b * W(i, j);
    }
    return stacked;
}

}  // namespace

std::string_view to_string(Criterion c) {
    return c == Criterion::smoothness ? "smoothness" : "joint";
}

std::string_view to_string(Tap t) {
    return t == Tap::before ? "before" : "after";
}

Criterion criterion_from(std::string_view name) {
    for (const Criterion c : {Criterion::smoothness, Criterion::joint})
        if (name == to_string(c))
            return c;
    throw InputError("criterion '" + std::string(name) + "': unknown, expected smoothness or joint");
}

Tap tap_from(std::string_view name) {
    for (const Tap t : {Tap::before, Tap::after})
        if (name == to_string(t))
            return t;
    throw InputError("tap '" + std::string(name) + "': unknown, expected before or after");
}

std::vector<Descrambling> descramble(std::span<const Network> networks, const Library& library,
                                     const DescrambleRequest& request, int threads) {
    require(!networks.empty(), "descramble: no network");
    const Index count = static_cast<Index>(networks.size()), layer = request.tap.layer;
    const Index depth = static_cast<Index>(networks.front().layers.size());
    const bool before = request.tap.tap == Tap::before, joint = request.criterion == Criterion::joint;
    if (joint && (before || layer >= depth))
        throw InputError("criterion joint: layer " + std::to_string(layer) + " " +
                         std::string(to_string(request.tap.tap)) +
                         ", expected tap after and a layer that another one follows (the network has " +
                         std::to_string(depth) + ")");
    if (joint && !(request.lambda >= 0 && std::isfinite(request.lambda)))
        throw InputError("lambda: " + std::to_string(request.lambda) + ", expected a finite number not below 0");

    const std::vector<TapGram> taps = tap_grams(networks, request.tap, library, threads);
    const auto weight = [&](Index i, Index k) -> const Matrix<double>& { return networks[i].layers[k - 1].weight; };
    for (Index i = 0; i < count; ++i) {
        const std::string where = "layer " + std::to_string(layer) + " of network " + std::to_string(i);
        if (std::ranges::all_of(taps[i].gram.values(), [](double x) { return x == 0; }))
            throw InputError(where + ": all signals are zero, nothing to descramble");
        if (!before && layer < depth && !std::ranges::all_of(weight(i, layer + 1).values(), is_finite))
            throw InputError(where + ": a weight of the next layer is not finite, expected numbers");
    }
    const Stencil stencil = make_stencil(*make_cpu_backend<double>(1), request.stencil, taps.front().gram.rows());

    std::vector<Matrix<double>> factors(networks.size()), U(networks.size());
    std::vector<PrincipalAxes> axes(networks.size());
    parallel_items(count, threads, [&](Index i, Backend<double>& on) {
        factors[i] = joint ? joint_factor(on, taps[i].factor, weight(i, layer + 1), request.lambda) : taps[i].factor;
        axes[i] = principal_axes(on, factors[i]);
    });

    // Signs. Deeper layers have no input axis of their own; their scores are read in one more pass for all networks.
    std::vector<std::vector<double>> signs(networks.size());
    if (!(before && layer == 1)) {
        std::vector<std::vector<double>> means;
        for (Index i = 0; i < count; ++i) {
            means.push_back(taps[i].mean);
            U[i] = axes[i].U;
        }
        signs = tap_third_moments(networks, request.tap, library, means, U, threads);
    }

    std::vector<Descrambling> result(networks.size());
    parallel_items(count, threads, [&](Index i, Backend<double>& on) {
        if (before && layer == 1)
            signs[i] = filter_moments(on, weight(i, 1), axes[i].U);
        Descrambling& out = result[i];
        out.solution = closed_form(on, stencil, axes[i], factors[i], library.samples, signs[i]);
        out.gram = joint ? gram(on, transpose(factors[i])) : taps[i].gram;
        out.samples = library.samples;
        if (!std::isfinite(out.solution.eta) || !std::isfinite(out.solution.eta_bound) ||
            !std::ranges::all_of(out.gram.values(), is_finite))
            throw InputError("layer " + std::to_string(layer) + " of network " + std::to_string(i) +
                             ": the signals are too large for double precision, expected a finite Gram matrix");
        if (before)
            out.descrambled_weight = multiply(on, Op::none, Op::none, out.solution.P, weight(i, layer));
        else if (layer < depth)
            out.descrambled_weight = multiply(on, Op::none, Op::transpose, weight(i, layer + 1), out.solution.P);
    });
    return result;
}

}  // namespace descrambler
