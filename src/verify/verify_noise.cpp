// Theorem 1: the library is white noise of N samples. Theorem 2: signals under white noise.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "descrambler/alignment.hpp"
#include "descrambler/closed_form.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr Index width = 80, inputs = 256;

struct Layer {
    std::string name;
    Matrix<double> W;  // [width, inputs]
};

// The three matrices of docs/numerics.md: unstructured, structured, and with singular values known exactly.
std::vector<Layer> layers(Backend<double>& on, const VerifyOptions& options) {
    RandomStream random = draws(options, 10);
    const Matrix<double> gaussian = normal_matrix(random, width, inputs);
    Matrix<double> U = haar_orthogonal(on, random, width);
    for (Index j = 0; j < width; ++j)
        for (double& x : U.column(j))
            x *= std::pow(0.93, static_cast<double>(j));
    const Matrix<double> V = svd(on, normal_matrix(random, inputs, width)).U;
    return {{"gaussian", gaussian},
            {"filter_bank", filter_bank(width, inputs)},
            {"geometric", multiply(on, Op::none, Op::transpose, U, V)}};
}

std::vector<double> squares(std::vector<double> s) {
    for (double& x : s)
        x *= x;
    return s;
}

struct Trial {
    double error = 0;   // ||P_N W - P W||^2 / ||W||^2, signs as in P
    double excess = 0;  // eta(P_N) / eta* - 1 for the exact Gram
};

// In the basis of the singular vectors of W: W = diag(sigma), Gram diag(sigma) Z Z^T diag(sigma).
Trial trial(Backend<double>& on, const std::vector<double>& sigma, const std::vector<double>& mu, RandomStream random,
            Index samples) {
    const Index n = std::ssize(sigma);
    Matrix<double> R = transpose(wishart_factor(random, n, samples));
    for (Index j = 0; j < n; ++j)
        for (double& r : R.column(j))
            r *= sigma[j];
    const Matrix<double> U = principal_axes(on, R).U;
    double eta = 0, least = 0, error = 0, norm = 0;
    for (Index i = 0; i < n; ++i) {
        least += mu[i] * sigma[i] * sigma[i];
        norm += sigma[i] * sigma[i];
        const double sign = U(i, i) < 0 ? -1 : 1;
        for (Index j = 0; j < n; ++j) {
            const double entry = sign * U(j, i) * sigma[j];  // (U^T W)_ij
            eta += mu[i] * entry * entry;
            const double off = entry - (i == j ? sigma[j] : 0);
            error += off * off;
        }
    }
    return {error / norm, eta / least - 1};
}

struct Mean {
    double error = 0, excess = 0;
};
Mean mean_of_trials(const VerifyOptions& options, const std::vector<double>& sigma, const std::vector<double>& mu,
                    std::uint64_t check, Index samples, Index repetitions) {
    std::vector<Trial> trials(static_cast<std::size_t>(repetitions));
    parallel_items(repetitions, options.threads, [&](Index i, Backend<double>& on) {
        trials[i] = trial(on, sigma, mu, draws(options, check, static_cast<std::uint64_t>(i)), samples);
    });
    Mean mean;
    for (const Trial& t : trials) {
        mean.error += t.error / static_cast<double>(repetitions);
        mean.excess += t.excess / static_cast<double>(repetitions);
    }
    return mean;
}

// Slope of log y on log x by least squares.
double slope_of(const std::vector<double>& x, const std::vector<double>& y) {
    double mx = 0, my = 0, xx = 0, xy = 0;
    const double n = static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        mx += std::log(x[i]) / n;
        my += std::log(y[i]) / n;
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (std::log(x[i]) - mx) * (std::log(x[i]) - mx);
        xy += (std::log(x[i]) - mx) * (std::log(y[i]) - my);
    }
    return xy / xx;
}

std::string power_of_ten(int e) {
    return "1e" + std::to_string(e);
}

// P_N for a layer whose singular values come in pairs: what converges and what does not.
Rows convergence(Backend<double>& on, const VerifyOptions& options) {
    const Stencil stencil = make_stencil(on, StencilKind::fourier2, width);
    std::vector<double> filter;
    for (Index l = 0; l < width; ++l)
        filter.push_back(std::pow(0.5, static_cast<double>(l)));
    const Matrix<double> W = circulant(filter, width);
    const Index samples = 1000000;
    std::vector<Matrix<double>> P, PW;
    for (const std::uint64_t which : {0, 1}) {
        RandomStream random = draws(options, 11, which);
        const Matrix<double> S =  // rows are the samples, up to a rotation that the Gram does not see
            multiply(on, Op::transpose, Op::transpose, wishart_factor(random, width, samples), W);
        P.push_back(closed_form_from_factor(on, stencil, S, samples, {}).P);
        PW.push_back(multiply(on, Op::none, Op::none, P.back(), W));
    }
    const double C1 = noise_rates(squared_transfer(filter, width), stencil.mu).error;
    const double bound = 3 * C1 / static_cast<double>(samples);  // expected: C1 / N
    return {at_most("noise_convergence",
                    "P_N W converges over signs and pair rotations: 1 - s of two libraries of 1e6, at most 3 C1 / N",
                    bound, 1 - align(on, stencil, PW[0], PW[1]).s, 1e-12),
            as_printed(equal("noise_convergence_as_printed",
                             "P_N converges (||P_N - P_N'||_F of two libraries of 1e6, a convolution)", 0,
                             frobenius(difference(P[0], P[1])), 0.1))};
}

// Signals: noise-free DEER traces, covariance of 2-norm 1: alpha^2 is the ratio of powers along its first axis.
Matrix<double> signal_covariance(Backend<double>& on, const VerifyOptions& options) {
    Matrix<double> C = gram(on, traces(options, 12, options.full ? 8192 : 2000).clean);
    const double norm = eigh(on, C).w.back();
    for (double& c : C.values())
        c /= norm;
    return C;
}

// W (alpha^2 C + I) W^T
Matrix<double> gram_at(Backend<double>& on, const Matrix<double>& C, const Matrix<double>& W, double alpha) {
    Matrix<double> mixed = C;
    for (Index j = 0; j < inputs; ++j) {
        for (double& c : mixed.column(j))
            c *= alpha * alpha;
        mixed(j, j) += 1;
    }
    const Matrix<double> G = multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, W, mixed), W);
    Matrix<double> symmetric = G;
    for (Index j = 0; j < width; ++j)
        for (Index i = 0; i < width; ++i)
            symmetric(i, j) = (G(i, j) + G(j, i)) / 2;
    return symmetric;
}

// ||phi(P) - I|| of a layer while noise dominates: its slope and its rate.
Rows small_signals(Backend<double>& on, const Stencil& stencil, const Matrix<double>& C, const Layer& layer) {
    Rows rows;
    const Matrix<double> U = svd(on, layer.W).U;
    const auto phi_of = [&](double alpha) {  // T^T P U, signs of the components as in U
        const Matrix<double> P =
            closed_form_from_gram(on, stencil, gram_at(on, C, layer.W, alpha), inputs, {}, 1e-12).P;
        Matrix<double> phi = multiply(on, Op::transpose, Op::none, stencil.T, multiply(on, Op::none, Op::none, P, U));
        for (Index i = 0; i < width; ++i)
            if (phi(i, i) < 0)
                for (Index j = 0; j < width; ++j)
                    phi(i, j) = -phi(i, j);
        return frobenius(difference(phi, identity(width)));
    };
    const double c = signal_rate(on, layer.W, C);
    // Linear while no axis turns far: c alpha^2 from 1e-4 to 1e-2, and alpha below 1e-2.
    const double highest = std::min(1e-2, std::sqrt(1e-2 / c));
    std::vector<double> x, y;
    for (int k = 0; k <= 4; ++k) {
        x.push_back(highest * std::pow(10.0, -k / 4.0));
        y.push_back(phi_of(x.back()));
    }
    char text[96];
    std::snprintf(text, sizeof text, "%s, alpha %.1e to %.1e)", layer.name.c_str(), x.back(), x.front());
    rows.push_back(equal("signal_slope_" + layer.name,
                         "||phi(P) - I|| grows as alpha^2 while noise dominates (slope, " + std::string(text), 2,
                         slope_of(x, y), 0.05));
    rows.push_back(equal("signal_rate_" + layer.name,
                         "||phi(P) - I|| / alpha^2 is c of perturbation theory (" + layer.name + ")", c,
                         y.back() / (x.back() * x.back()), 0.02 * c));
    if (layer.name == "gaussian")
        rows.push_back(as_printed(equal("signal_limit_as_printed",
                                        "phi(P) tends to I as the signal dominates (||phi - I||_F at alpha = 100)", 0,
                                        phi_of(100), 0.1)));
    return rows;
}

// Along alpha: neighbouring points of a logarithmic grid. Davis, Kahan: sin(angle) <= ||(G' - G) u|| / gap.
VerifyRow path_along_alpha(Backend<double>& on, const Matrix<double>& C, const Matrix<double>& W, int points) {
    double ratio = 0;
    Eigh last;
    for (int k = 0; k < points; ++k) {
        const Matrix<double> G = gram_at(on, C, W, std::pow(10.0, -3 + 5.0 * k / (points - 1)));
        Eigh here = eigh(on, G);
        if (k > 0) {
            const Matrix<double> GV = multiply(on, Op::none, Op::none, G, last.V);
            const Matrix<double> cosine = multiply(on, Op::transpose, Op::none, last.V, here.V);
            for (Index i = 0; i < width; ++i) {
                double residual = 0, gap = std::numeric_limits<double>::infinity(), off = 0;
                for (Index r = 0; r < width; ++r) {
                    const double e = GV(r, i) - last.w[i] * last.V(r, i);
                    residual += e * e;
                    if (r != i) {
                        gap = std::min(gap, std::abs(last.w[i] - here.w[r]));
                        off += cosine(i, r) * cosine(i, r);
                    }
                }
                ratio = std::max(ratio, std::sqrt(off) * gap / std::sqrt(residual));
            }
        }
        last = std::move(here);
    }
    return at_most("signal_path",
                   "a component turns no faster along alpha than its gap allows (largest sin * gap / ||dG u||)", 1,
                   ratio, 1e-6);
}

// Two eigenvalues that cross: signals along the second axis only, W and C diagonal. The components change places.
VerifyRow crossing(Backend<double>& on, const Stencil& stencil) {
    std::vector<double> lambda;
    for (Index i = 0; i < width; ++i)
        lambda.push_back(std::pow(0.93, 2.0 * static_cast<double>(i)));
    const auto beside = [&](double alpha_squared) {
        Matrix<double> G(width, width);
        for (Index i = 0; i < width; ++i)
            G(i, i) = lambda[i] * (i == 1 ? 1 + alpha_squared : 1);
        return closed_form_from_gram(on, stencil, G, inputs, {}, 1e-12).P;
    };
    const double at = lambda[0] / lambda[1] - 1;
    return as_printed(equal("signal_path_as_printed",
                            "P is continuous in alpha for every W (||P - P'||_F within 2e-9 of a crossing)", 0,
                            frobenius(difference(beside(at * (1 - 1e-9)), beside(at * (1 + 1e-9)))), 1e-3));
}

}  // namespace

Rows noise(const VerifyOptions& options) {
    const auto on = algebra(options);
    const std::vector<double> mu = make_stencil(*on, StencilKind::fourier2, width).mu;
    const Index repetitions = options.full ? 1000 : 200, many = options.full ? 2000 : 400;
    Rows rows;
    std::uint64_t check = 20;
    for (const Layer& layer : layers(*on, options)) {
        const std::vector<double> sigma = svd(*on, layer.W).s;
        const NoiseRates rates = noise_rates(squares(sigma), mu);
        std::vector<double> x, y;
        for (int e = 2; e <= 6; ++e) {
            const double N = std::pow(10.0, e);
            const Mean mean = mean_of_trials(options, sigma, mu, check++, static_cast<Index>(N), repetitions);
            const std::string name = "noise_excess_" + layer.name + "_" + power_of_ten(e);
            const std::string of =
                " (N = " + power_of_ten(e) + ", " + layer.name + ", mean of " + std::to_string(repetitions) + ")";
            const std::string statement = (e >= 4 ? "noise of N samples leaves eta above its minimum by C2 / N"
                                                  : "for small N first order still gives the size, C2 / N") +
                                          of;
            const double predicted = rates.excess / N;
            // First order in 1/N: below 1e4 samples neighbouring eigenvalues overlap, and it is only a size.
            rows.push_back(equal(name, statement, predicted, mean.excess, (e >= 4 ? 0.1 : 0.9) * predicted));
            if (e >= 4) {
                x.push_back(N);
                y.push_back(mean.excess);
            }
        }
        rows.push_back(equal("noise_slope_" + layer.name,
                             "eta excess falls as 1 / N from 1e4 to 1e6 (slope, " + layer.name + ")", -1,
                             slope_of(x, y), 0.05));
        // The error is ruled by the closest pair of lambda; N where its first order holds.
        const int e = layer.name == "geometric" ? 6 : 9;
        const double N = std::pow(10.0, e);
        const Mean mean = mean_of_trials(options, sigma, mu, check++, static_cast<Index>(N), many);
        rows.push_back(equal("noise_error_" + layer.name,
                             "||P_N W - P W|| / ||W|| is sqrt(C1 / N) for noise of N = " + power_of_ten(e) + " (" +
                                 layer.name + ", root mean square of " + std::to_string(many) + ")",
                             std::sqrt(rates.error / N), std::sqrt(mean.error), 0.1 * std::sqrt(rates.error / N)));
    }
    std::ranges::move(convergence(*on, options), std::back_inserter(rows));
    return rows;
}

Rows signal(const VerifyOptions& options) {
    const auto on = algebra(options);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    const Matrix<double> C = signal_covariance(*on, options);
    const std::vector<Layer> all = layers(*on, options);
    Rows rows;
    for (const Layer& layer : all)
        std::ranges::move(small_signals(*on, stencil, C, layer), std::back_inserter(rows));
    rows.push_back(path_along_alpha(*on, C, all.front().W, options.full ? 2001 : 401));
    rows.push_back(crossing(*on, stencil));
    return rows;
}

}  // namespace descrambler::checks
