#include "descrambler/morlet.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "scatter/exponential.hpp"

namespace descrambler {

namespace {

constexpr double pi = std::numbers::pi;
constexpr double reach = 50;  // exponents beyond leave less than 2e-22 of the peak
constexpr Index most_aliases = 16;

// visit(k, a, b, g) for every alias of every element k where g = exp(-(sigma^2 / 2) [(a - xi)^2 + b^2 / slant^2]) counts:
// row by row the interval in which the exponent is within reach, so that the work is that of the ellipse.
template <class Visit>
void for_gaussian(const Grid& grid, const Morlet& m, double xi, Index aliases, const Visit& visit) {
    const double c = std::cos(m.theta), s = std::sin(m.theta), thin = 1 / (m.slant * m.slant);
    const double A = c * c + s * s * thin, B = c * s * (1 - thin), C = s * s + c * c * thin;
    const double radius = 2 * reach / (m.sigma * m.sigma), half = m.sigma * m.sigma / 2;
    const double step1 = 2 * pi / static_cast<double>(grid.n1), step2 = 2 * pi / static_cast<double>(grid.n2);
    const Index first1 = -aliases * grid.n1 - grid.n1 / 2, first2 = -aliases * grid.n2 - grid.n2 / 2;
    const Index end1 = first1 + (2 * aliases + 1) * grid.n1, end2 = first2 + (2 * aliases + 1) * grid.n2;
    std::vector<double> values(static_cast<std::size_t>(end2 - first2));
    for (Index q1 = first1; q1 < end1; ++q1) {
        const double w1 = step1 * static_cast<double>(q1), d1 = w1 - xi * c;
        const double discriminant = B * B * d1 * d1 - C * (A * d1 * d1 - radius);
        if (discriminant < 0)
            continue;
        const double middle = xi * s - B * d1 / C, width = std::sqrt(discriminant) / C;
        const Index low = std::max(first2, static_cast<Index>(std::ceil((middle - width) / step2)));
        const Index high = std::min(end2 - 1, static_cast<Index>(std::floor((middle + width) / step2)));
        const Index row = (q1 + (aliases + 1) * grid.n1) % grid.n1 * grid.n2;
        const double a0 = w1 * c, b0 = -w1 * s;
        for (Index i = 0; i <= high - low; ++i) {
            const double w2 = step2 * static_cast<double>(low + i), away = a0 + w2 * s - xi, b = b0 + w2 * c;
            values[i] = scatter::exponential(-half * (away * away + b * b * thin));
        }
        Index k2 = (low + (aliases + 1) * grid.n2) % grid.n2;
        for (Index i = 0; i <= high - low; ++i) {
            const double w2 = step2 * static_cast<double>(low + i);
            visit(row + k2, a0 + w2 * s, b0 + w2 * c, values[i]);
            k2 = k2 + 1 < grid.n2 ? k2 + 1 : 0;
        }
    }
}

std::vector<double> gaussian(const Grid& grid, const Morlet& m, double xi, Index aliases) {
    std::vector<double> sums(static_cast<std::size_t>(grid.size()));
    for_gaussian(grid, m, xi, aliases, [&](Index k, double, double, double g) { sums[k] += g; });
    return sums;
}

// d ghat(w; xi) / d (theta, log sigma, log xi, log slant).
std::array<std::vector<double>, 4> gaussian_derivatives(const Grid& grid, const Morlet& m, double xi, Index aliases) {
    std::array<std::vector<double>, 4> sums;
    for (std::vector<double>& sum : sums)
        sum.resize(static_cast<std::size_t>(grid.size()));
    const double square = m.sigma * m.sigma, thin = 1 / (m.slant * m.slant);
    for_gaussian(grid, m, xi, aliases, [&](Index k, double a, double b, double g) {
        const double away = a - xi;
        sums[0][k] += square * b * (xi - a * (1 - thin)) * g;
        sums[1][k] -= square * (away * away + b * b * thin) * g;
        sums[2][k] += xi * square * away * g;
        sums[3][k] += square * b * b * thin * g;
    });
    return sums;
}

}  // namespace

Index morlet_aliases(double sigma, double slant, double xi) {
    const double width = std::min(sigma, sigma / slant);
    for (Index K = 0; K <= most_aliases; ++K)
        if (width * (2 * pi * (static_cast<double>(K) + .5) - xi) >= 8.6)
            return K;
    throw InputError("Morlet wavelet: expected a width in space of at least " +
                     digits(8.6 / (2 * pi * (static_cast<double>(most_aliases) + .5) - xi)) +
                     " samples along both axes, found sigma " + digits(sigma) + ", slant " + digits(slant));
}

void check(const Morlet& m) {
    const auto refuse = [](const std::string& what, double found) {
        throw InputError(std::string("Morlet wavelet: expected ") + what + ", found " + digits(found));
    };
    if (!std::isfinite(m.theta))
        refuse("a finite theta", m.theta);
    if (!(m.sigma > 0 && std::isfinite(m.sigma)))
        refuse("a positive sigma", m.sigma);
    if (!(m.slant > 0 && std::isfinite(m.slant)))
        refuse("a positive slant", m.slant);
    if (!(m.xi > 0 && m.xi <= pi * std::numbers::sqrt2))
        refuse("xi within 0 .. pi sqrt 2 radians a sample", m.xi);
    (void)morlet_aliases(m.sigma, m.slant, m.xi);
}

SpectralFilter morlet_filter(const Grid& grid, const Morlet& m) {
    check(m);
    const Index aliases = morlet_aliases(m.sigma, m.slant, m.xi);
    SpectralFilter filter{gaussian(grid, m, m.xi, aliases), {}};
    const std::vector<double> low = gaussian(grid, m, 0, aliases);
    const double kappa = filter.re[0] / low[0];
    for (std::size_t k = 0; k < low.size(); ++k)
        filter.re[k] -= kappa * low[k];
    filter.re[0] = 0;
    return filter;
}

std::array<SpectralFilter, 4> morlet_derivatives(const Grid& grid, const Morlet& m) {
    check(m);
    const Index aliases = morlet_aliases(m.sigma, m.slant, m.xi);
    const std::vector<double> low = gaussian(grid, m, 0, aliases);
    double band_at_zero = 0;
    for_gaussian({1, 1}, m, m.xi, aliases, [&](Index, double, double, double g) { band_at_zero += g; });
    const double kappa = band_at_zero / low[0];
    std::array<std::vector<double>, 4> d_band = gaussian_derivatives(grid, m, m.xi, aliases);
    const std::array<std::vector<double>, 4> d_low = gaussian_derivatives(grid, m, 0, aliases);
    std::array<SpectralFilter, 4> derivatives;
    for (std::size_t p = 0; p < 4; ++p) {
        const double d_kappa = (d_band[p][0] - kappa * d_low[p][0]) / low[0];
        for (std::size_t k = 0; k < low.size(); ++k)
            d_band[p][k] -= d_kappa * low[k] + kappa * d_low[p][k];
        d_band[p][0] = 0;
        derivatives[p].re = std::move(d_band[p]);
    }
    return derivatives;
}

SpectralFilter gaussian_low_pass(const Grid& grid, double sigma) {
    const Morlet m{0, sigma, 0, 1};
    require(sigma > 0 && std::isfinite(sigma), "low-pass: a positive sigma");
    return {gaussian(grid, m, 0, morlet_aliases(sigma, 1, 0)), {}};
}

std::vector<std::vector<Morlet>> morlet_constants(Index scales, const std::vector<Index>& angles) {
    if (scales < 1)
        throw InputError("--scales: expected at least 1, found " + std::to_string(scales));
    if (angles.size() != 1 && std::ssize(angles) != scales)
        throw InputError("--angles: expected one number, or one for each of the " + std::to_string(scales) +
                         " scales, found " + std::to_string(angles.size()) + " numbers");
    std::vector<std::vector<Morlet>> bank;
    for (Index j = 0; j < scales; ++j) {
        const Index L = angles.size() == 1 ? angles[0] : angles[static_cast<std::size_t>(j)];
        if (L < 1 || L > 256)
            throw InputError("--angles: expected within 1 .. 256, found " + std::to_string(L));
        const double count = static_cast<double>(L), scale = std::pow(2., j);
        bank.emplace_back();
        for (Index l = 0; l < L; ++l)
            bank.back().push_back({(std::trunc(count / 2 - 1) - static_cast<double>(l)) * pi / count, .8 * scale,
                                   .75 * pi / scale, 4 / count});
    }
    return bank;
}

double low_pass_sigma(Index scales) {
    return .8 * std::pow(2., scales - 1);
}

}  // namespace descrambler
