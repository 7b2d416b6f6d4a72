#include "descrambler/atrous.hpp"

#include <cmath>
#include <numbers>
#include <string>

namespace descrambler {

namespace {

using Complex = std::complex<double>;
using Spectrum = std::vector<Complex>;
using Filters = std::vector<std::vector<double>>;

constexpr double half = std::numbers::sqrt2 / 2;

// exp(-2 pi i m / n), m = 0 .. n - 1
Spectrum roots(Index n) {
    Spectrum table;
    for (Index m = 0; m < n; ++m)
        table.push_back(std::polar(1., -2 * std::numbers::pi * static_cast<double>(m) / static_cast<double>(n)));
    return table;
}

// F(2^j w_k) / sqrt 2 with F the spectrum of the taps.
Spectrum response(const Spectrum& table, std::span<const double> taps, Index dilation) {
    const Index n = std::ssize(table);
    Spectrum F(table.size());
    for (Index k = 0; k < n; ++k)
        for (Index t = 0; t < std::ssize(taps); ++t)
            F[k] += half * taps[t] * table[k * t % n * dilation % n];
    return F;
}

// The transpose: dLoss / dtaps from dLoss / dF.
std::vector<double> response_gradient(const Spectrum& table, const Spectrum& by_F, Index taps, Index dilation) {
    const Index n = std::ssize(table);
    std::vector<double> gradient(static_cast<std::size_t>(taps));
    for (Index t = 0; t < taps; ++t)
        for (Index k = 0; k < n; ++k)
            gradient[t] += half * std::real(std::conj(by_F[k]) * table[k * t % n * dilation % n]);
    return gradient;
}

struct Axis {                              // along one axis of n frequencies
    std::vector<Spectrum> low;             // [J + 1] phi_j
    std::vector<Spectrum> band;            // [J] psi_j
    std::vector<Spectrum> smooth, detail;  // [J] H_j, G_j at 2^j w, over sqrt 2
};

Axis along(Index n, const Filters& filters) {
    const Spectrum table = roots(n);
    Axis axis;
    axis.low.emplace_back(static_cast<std::size_t>(n), 1.);
    Index dilation = 1;
    for (const std::vector<double>& h : filters) {
        axis.smooth.push_back(response(table, h, dilation));
        axis.detail.push_back(response(table, alternating_flip(h), dilation));
        Spectrum low = axis.low.back(), band = low;
        for (std::size_t k = 0; k < low.size(); ++k) {
            low[k] *= axis.smooth.back()[k];
            band[k] *= axis.detail.back()[k];
        }
        axis.low.push_back(std::move(low));
        axis.band.push_back(std::move(band));
        dilation = 2 * dilation % n;  // 2^j w_k is periodic in k
    }
    return axis;
}

// dLoss / dh_j from those by phi_j and psi_j, which are taken as work space.
Filters axis_gradient(Index n, const Filters& filters, const Axis& axis, Axis& by) {
    const Spectrum table = roots(n);
    Filters gradient(filters.size());
    std::vector<Index> dilations{1};
    for (std::size_t j = 1; j < filters.size(); ++j)
        dilations.push_back(2 * dilations.back() % n);
    for (std::size_t j = filters.size(); j-- > 0;) {
        Spectrum by_smooth(static_cast<std::size_t>(n)), by_detail(by_smooth);
        for (std::size_t k = 0; k < by_smooth.size(); ++k) {
            by_smooth[k] = std::conj(axis.low[j][k]) * by.low[j + 1][k];
            by_detail[k] = std::conj(axis.low[j][k]) * by.band[j][k];
            by.low[j][k] +=
                std::conj(axis.smooth[j][k]) * by.low[j + 1][k] + std::conj(axis.detail[j][k]) * by.band[j][k];
        }
        const Index taps = std::ssize(filters[j]);
        gradient[j] = response_gradient(table, by_smooth, taps, dilations[j]);
        const std::vector<double> by_g = response_gradient(table, by_detail, taps, dilations[j]);
        for (Index t = 0; t < taps; ++t)
            gradient[j][taps - 1 - t] += (t % 2 == 0 ? 1 : -1) * by_g[t];
    }
    return gradient;
}

Axis zero_like(const Axis& axis) {
    Axis zero;
    for (const Spectrum& low : axis.low)
        zero.low.emplace_back(low.size());
    for (const Spectrum& band : axis.band)
        zero.band.emplace_back(band.size());
    return zero;
}

double one_sided(Index k, Index n) {
    return k == 0 || 2 * k > n ? 0 : 2 * k == n ? 1 : std::numbers::sqrt2;
}

double quadrant(Index k1, Index n1, Index k2, Index n2) {
    return half * one_sided(k1, n1) * one_sided(k2, n2);
}

// One term of a spectrum: weight * a(k1) * b(k2), a and b of the cascade of each axis.
struct Factors {
    bool detail1 = false, detail2 = false;  // psi_j, else phi_{j+1}
    double (*weight)(Index k1, Index n1, Index k2, Index n2);
};
constexpr Factors factors[4]{
    {true, false, [](Index k1, Index n1, Index, Index) { return one_sided(k1, n1); }},
    {false, true, [](Index, Index, Index k2, Index n2) { return one_sided(k2, n2); }},
    {true, true, quadrant},
    {true, true, [](Index k1, Index n1, Index k2, Index n2) { return quadrant(k1, n1, (n2 - k2) % n2, n2); }}};

SpectralFilter empty(const Grid& grid) {
    const auto size = static_cast<std::size_t>(grid.size());
    return {std::vector<double>(size), std::vector<double>(size)};
}

void set(SpectralFilter& filter, Index k, Complex value) {
    filter.re[k] = value.real();
    filter.im[k] = value.imag();
}

void check(const Grid& grid, const Filters& filters) {
    const Index side = grid.one_dimensional() ? grid.n2 : std::min(grid.n1, grid.n2);
    const Index scales = std::ssize(filters);
    if (scales < 1 || scales > 40 || (Index{1} << scales) > side)
        throw InputError("--scales: expected 1 .. J with 2^J at most the size " + std::to_string(side) + ", found " +
                         std::to_string(scales));
    for (const std::vector<double>& h : filters)
        require(!h.empty(), "a filter without taps");
}

const Spectrum& factor(const Axis& axis, bool detail, std::size_t j) {
    return detail ? axis.band[j] : axis.low[j + 1];
}
Spectrum& factor(Axis& axis, bool detail, std::size_t j) {
    return detail ? axis.band[j] : axis.low[j + 1];
}

}  // namespace

std::vector<double> alternating_flip(std::span<const double> h) {
    std::vector<double> g(h.rbegin(), h.rend());
    for (std::size_t n = 1; n < g.size(); n += 2)
        g[n] = -g[n];
    return g;
}

Bands atrous_bands(const Grid& grid, const Filters& filters) {
    check(grid, filters);
    const Axis second = along(grid.n2, filters), first = grid.one_dimensional() ? Axis{} : along(grid.n1, filters);
    Bands result{{}, empty(grid)};
    if (grid.one_dimensional()) {
        for (const Spectrum& psi : second.band) {
            result.bands.push_back(empty(grid));
            for (Index k = 0; k < grid.n2; ++k)
                set(result.bands.back(), k, one_sided(k, grid.n2) * psi[k]);
        }
        for (Index k = 0; k < grid.n2; ++k)
            set(result.low_pass, k, second.low.back()[k]);
        return result;
    }
    for (std::size_t j = 0; j < filters.size(); ++j)
        for (const Factors& f : factors) {
            result.bands.push_back(empty(grid));
            const Spectrum &a = factor(first, f.detail1, j), &b = factor(second, f.detail2, j);
            for (Index k1 = 0; k1 < grid.n1; ++k1)
                for (Index k2 = 0; k2 < grid.n2; ++k2)
                    set(result.bands.back(), k1 * grid.n2 + k2, f.weight(k1, grid.n1, k2, grid.n2) * a[k1] * b[k2]);
        }
    for (Index k1 = 0; k1 < grid.n1; ++k1)
        for (Index k2 = 0; k2 < grid.n2; ++k2)
            set(result.low_pass, k1 * grid.n2 + k2, first.low.back()[k1] * second.low.back()[k2]);
    return result;
}

Filters atrous_gradient(const Grid& grid, const Filters& filters, const Bands& gradient) {
    check(grid, filters);
    require(std::ssize(gradient.bands) == std::ssize(filters) * (grid.one_dimensional() ? 1 : 4),
            "gradient: one spectrum a band");
    const Axis second = along(grid.n2, filters);
    Axis by_second = zero_like(second);
    if (grid.one_dimensional()) {
        for (std::size_t j = 0; j < filters.size(); ++j)
            for (Index k = 0; k < grid.n2; ++k)
                by_second.band[j][k] = one_sided(k, grid.n2) * gradient.bands[j][k];
        for (Index k = 0; k < grid.n2; ++k)
            by_second.low.back()[k] = gradient.low_pass[k];
        return axis_gradient(grid.n2, filters, second, by_second);
    }
    const Axis first = along(grid.n1, filters);
    Axis by_first = zero_like(first);
    const auto add = [&](const Spectrum& a, const Spectrum& b, Spectrum& by_a, Spectrum& by_b, const SpectralFilter& by,
                         const Factors* f) {
        for (Index k1 = 0; k1 < grid.n1; ++k1)
            for (Index k2 = 0; k2 < grid.n2; ++k2) {
                const Complex g = (f ? f->weight(k1, grid.n1, k2, grid.n2) : 1.) * by[k1 * grid.n2 + k2];
                by_a[k1] += std::conj(b[k2]) * g;
                by_b[k2] += std::conj(a[k1]) * g;
            }
    };
    for (std::size_t j = 0; j < filters.size(); ++j)
        for (std::size_t i = 0; i < 4; ++i) {
            const Factors& f = factors[i];
            add(factor(first, f.detail1, j), factor(second, f.detail2, j), factor(by_first, f.detail1, j),
                factor(by_second, f.detail2, j), gradient.bands[4 * j + i], &f);
        }
    add(first.low.back(), second.low.back(), by_first.low.back(), by_second.low.back(), gradient.low_pass, nullptr);
    Filters sum = axis_gradient(grid.n1, filters, first, by_first);
    const Filters other = axis_gradient(grid.n2, filters, second, by_second);
    for (std::size_t j = 0; j < sum.size(); ++j)
        for (std::size_t t = 0; t < sum[j].size(); ++t)
            sum[j][t] += other[j][t];
    return sum;
}

}  // namespace descrambler
