#include "descrambler/deer_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace descrambler {
namespace {

constexpr double pi = std::numbers::pi;

// Power series: with x = pi z^2 / 2,  C = z sum (-1)^k x^2k / ((2k)! (4k + 1)),  S = z sum (-1)^k x^(2k+1) /
// ((2k+1)! (4k + 3)). No term exceeds 2 for z <= 1.5.
Fresnel fresnel_series(double z) {
    const double x = pi / 2 * z * z;
    double term = z;  // z x^n / n!, the sign changes every second n
    Fresnel sum{0, 0};
    for (int n = 0; std::abs(term) > 1e-18 * z; n += 2) {
        sum.c += term / (2 * n + 1);
        term *= x / (n + 1);
        sum.s += term / (2 * n + 3);
        term *= -x / (n + 2);
    }
    return sum;
}

// C = 1/2 + f sin(x) - g cos(x),  S = 1/2 - f cos(x) - g sin(x), with x = pi z^2 / 2 and
//   f + i g = sqrt(2) / pi  int_0^inf (1 + i u^2) exp(-x u^2) / (1 + u^4) du.
// The trapezium rule with step h errs by about exp(-pi^2 / (x h^2)) (the Gaussian) and exp(-sqrt(2) pi / h) (the
// poles u^4 = -1); the steps below make both smaller than 1e-17.
Fresnel fresnel_auxiliary(double z) {
    const double square = z * z;
    const double x = pi / 2 * square;
    const double h = std::min(0.11, 0.5 / std::sqrt(x));
    double f = 0.5, g = 0;
    for (int k = 1;; ++k) {
        const double u2 = (k * h) * (k * h);
        const double weight = std::exp(-x * u2) / (1 + u2 * u2);
        if (weight < 1e-18)
            break;
        f += weight;
        g += weight * u2;
    }
    f *= h * std::numbers::sqrt2 / pi;
    g *= h * std::numbers::sqrt2 / pi;
    // z^2 modulo one turn, with its rounding error, so that the phase is right for large z
    const double phase = pi / 2 * (std::fmod(square, 4.0) + std::fma(z, z, -square));
    const double c = std::cos(phase), s = std::sin(phase);
    return {0.5 + f * s - g * c, 0.5 - f * c - g * s};
}

}  // namespace

Fresnel fresnel(double z) {
    if (std::isnan(z))
        return {z, z};
    const double a = std::abs(z);
    Fresnel value{0.5, 0.5};  // f < 1 / (pi z) is below the last place of 1/2 from 1e16 on
    if (a < 1.5)
        value = fresnel_series(a);
    else if (a < 1e16)
        value = fresnel_auxiliary(a);
    return {std::copysign(value.c, z), std::copysign(value.s, z)};
}

double dipolar_kernel(double time_us, double distance_nm) {
    require(distance_nm > 0, "distance is positive");
    const double w = 2 * pi * dipolar_constant_mhz_nm3 / (distance_nm * distance_nm * distance_nm);
    const double phase = w * std::abs(time_us);
    const double z = std::sqrt(6 * phase / pi);
    if (z < 1e-8)
        return 1;  // 1 - K is of order phase^2
    const Fresnel integral = fresnel(z);
    return (std::cos(phase) * integral.c + std::sin(phase) * integral.s) / z;
}

Matrix<double> dipolar_kernel(std::span<const double> time_us, std::span<const double> distance_nm) {
    Matrix<double> kernel(std::ssize(time_us), std::ssize(distance_nm));
    for (Index j = 0; j < kernel.cols(); ++j)
        for (Index i = 0; i < kernel.rows(); ++i)
            kernel(i, j) =
                dipolar_kernel(time_us[static_cast<std::size_t>(i)], distance_nm[static_cast<std::size_t>(j)]);
    return kernel;
}

namespace {
std::vector<double> uniform_grid(double first, double last, Index n) {
    require(n >= 2, "a grid has two points at least");
    std::vector<double> grid(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < grid.size(); ++i)
        grid[i] = first + (last - first) * static_cast<double>(i) / static_cast<double>(n - 1);
    grid.back() = last;
    return grid;
}
}  // namespace

std::vector<double> time_grid_us(double span_us, Index n) {
    require(span_us > 0, "span is positive");
    return uniform_grid(0, span_us, n);
}

std::vector<double> distance_grid_nm(double span_us, Index times, Index n) {
    require(span_us > 0 && times >= 4, "span is positive, four times at least");  // fewer leave no range
    const double step_us = span_us / static_cast<double>(times - 1);
    return uniform_grid(std::cbrt(4 * dipolar_constant_mhz_nm3 * step_us),
                        std::cbrt(2 * dipolar_constant_mhz_nm3 * span_us), n);
}

}  // namespace descrambler
