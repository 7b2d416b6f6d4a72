// The Jacobian of a layer in place of the data that it sees, and the kernel of DEER.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>

#include "descrambler/closed_form.hpp"
#include "descrambler/deer_kernel.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr double unit = std::numeric_limits<double>::epsilon() / 2;  // unit roundoff u
constexpr Index width = 80;

// int_0^z cos(x^2) dx, int_0^z sin(x^2) dx: the Fresnel integrals of the other convention.
Fresnel unnormalised_fresnel(double z) {
    const Fresnel value = fresnel(z * std::sqrt(2 / std::numbers::pi));
    const double scale = std::sqrt(std::numbers::pi / 2);
    return {scale * value.c, scale * value.s};
}

}  // namespace

Rows surrogate(const VerifyOptions& options) {
    const auto on = algebra(options);
    RandomStream random = draws(options, 70);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, width);
    const Matrix<double> X = traces(options, 71, options.full ? 8192 : 2000).noisy;
    const Matrix<double> W2 = normal_matrix(random, width, width);
    std::vector<double> mean(static_cast<std::size_t>(X.rows()));
    for (Index s = 0; s < X.cols(); ++s)
        for (Index t = 0; t < X.rows(); ++t)
            mean[t] += X(t, s) / static_cast<double>(X.cols());
    const Matrix<double> noise = normal_matrix(random, X.rows(), X.cols());

    // f(x) = W2 tanh(W1 x);  surrogate library f(mean) + J (x - mean), J = W2 diag(1 - tanh^2) W1 at the mean
    struct Ratios {
        double data = 0, noise = 0;
    };
    const auto ratios = [&](double deviation) {
        Matrix<double> W1 = filter_bank(width, X.rows());
        Matrix<double> Z = multiply(*on, Op::none, Op::none, W1, X);
        const double scale = deviation * std::sqrt(static_cast<double>(Z.size())) / frobenius(Z);
        for (double& w : W1.values())
            w *= scale;
        std::vector<double> centre(width);
        for (Index t = 0; t < W1.cols(); ++t)
            for (Index i = 0; i < width; ++i)
                centre[i] += W1(i, t) * mean[t];
        Matrix<double> linear = Z, noisy = multiply(*on, Op::none, Op::none, W1, noise);
        for (Index s = 0; s < Z.cols(); ++s)
            for (Index i = 0; i < width; ++i) {
                const double h = std::tanh(centre[i]);
                linear(i, s) = h + (1 - h * h) * (scale * Z(i, s) - centre[i]);
                noisy(i, s) = (1 - h * h) * noisy(i, s);
                Z(i, s) = std::tanh(scale * Z(i, s));
            }
        const auto through = [&](const Matrix<double>& H) {
            return transpose(multiply(*on, Op::none, Op::none, W2, H));
        };
        const auto solve = [&](const Matrix<double>& S) {
            return closed_form_from_factor(*on, stencil, S, S.rows(), {}).P;
        };
        const Matrix<double> S = through(Z);
        return Ratios{1 + excess(*on, stencil, solve(through(linear)), S),
                      1 + excess(*on, stencil, solve(through(noisy)), S)};
    };
    Rows rows;
    const auto deviation_of = [](double deviation) {
        char text[32];
        std::snprintf(text, sizeof text, "%g", deviation);
        return std::string(text);
    };
    for (const double deviation : {0.01, 0.05}) {
        const std::string at = deviation_of(deviation);
        rows.push_back(
            equal("surrogate_" + at,
                  "the Jacobian in place of data finds the minimum at small pre-activations, " + at + " (eta / eta*)",
                  1, ratios(deviation).data, 0.05));
    }
    for (const double deviation : {0.2, 0.7, 1.5}) {
        const std::string at = deviation_of(deviation);
        const Ratios here = ratios(deviation);
        rows.push_back(at_least("surrogate_" + at, "and misses it at pre-activations of " + at + " (eta / eta*)", 1.05,
                                here.data, 1e-12));
        rows.push_back(at_least("surrogate_noise_" + at,
                                "noise through the Jacobian is no substitute for data at " + at + " (eta / eta*)", 10,
                                here.noise, 1e-12));
    }
    return rows;
}

Rows kernel(const VerifyOptions& options) {
    const Index points = options.full ? 256 : 32;
    const std::vector<double> time_us = time_grid_us(2, points), distance_nm = distance_grid_nm(2, 256, points);
    double corrected = 0, printed = 0, cube = 0;
    for (const double r : distance_nm)
        for (const double t : time_us) {
            if (t == 0)
                continue;
            const double w = 2 * std::numbers::pi * dipolar_constant_mhz_nm3 / (r * r * r);
            const double exact = orientation_average(w * t);
            corrected = std::max(corrected, std::abs(dipolar_kernel(t, r) - exact));
            const auto with = [&](double phase, const Fresnel& integral, double z) {
                return (std::cos(phase) * integral.c + std::sin(phase) * integral.s) / z;
            };
            const double z = std::sqrt(6 * w * t / std::numbers::pi), z3 = z * std::sqrt(r * r * r);
            printed = std::max(printed, std::abs(with(w * t, unnormalised_fresnel(z), z) - exact));
            cube = std::max(cube, std::abs(with(w * t * r * r * r, fresnel(z3), z3) - exact));
        }
    // phases to 400: their rounding, 400 u, is that of the kernel
    return {equal("kernel", "the dipolar kernel is the orientation average by quadrature (largest difference)", 0,
                  corrected, 1000 * unit),
            as_printed(equal("kernel_fresnel_as_printed",
                             "the kernel with Fresnel integrals that are not normalised (largest difference)", 0,
                             printed, 1e-3)),
            as_printed(equal("kernel_cube_as_printed", "the kernel with a further factor r^3 (largest difference)", 0,
                             cube, 1e-3))};
}

}  // namespace descrambler::checks
