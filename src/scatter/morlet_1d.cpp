#include "descrambler/morlet_1d.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <string>

#include "scatter/exponential.hpp"

namespace descrambler {

namespace {

using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;
constexpr double reach = 50;  // exponents beyond leave less than 2e-22 of the peak

struct Span {  // elements first .. end - 1 of the endless grid, whose element q has the frequency q / n
    Index first = 0, end = 0;
};

// Where a Gaussian around `centre` counts, within the aliases of the convention.
Span span_of(Index n, double centre, double sigma, double widest, Convention convention) {
    const double width = sigma * std::sqrt(2 * reach), count = static_cast<double>(n);
    Span span{static_cast<Index>(std::ceil((centre - width) * count)),
              static_cast<Index>(std::floor((centre + width) * count)) + 1};
    if (convention == Convention::kymatio) {
        const double periods = std::ceil(std::sqrt(-2 * widest * widest * std::log(1e-7)) + 1);
        const Index P = std::min<Index>(static_cast<Index>(periods), 5);
        span = {std::max(span.first, (1 - P) * n), std::min(span.end, P * n)};
    }
    return span;
}

template <class Visit>  // visit(k, f, g): every alias of every element k that counts
void for_gaussian(Index n, double centre, double sigma, Convention convention, const Visit& visit) {
    const Span span = span_of(n, centre, sigma, sigma, convention);
    Index k = (span.first % n + n) % n;
    for (Index q = span.first; q < span.end; ++q) {
        const double f = static_cast<double>(q) / static_cast<double>(n), away = (f - centre) / sigma;
        visit(k, f, scatter::exponential(-away * away / 2));
        k = k + 1 < n ? k + 1 : 0;
    }
}

struct Kappa {
    double value = 0, low = 0;     // B(0) / L(0), L(0)
    double d_xi = 0, d_sigma = 0;  // by log xi, log sigma
};

Kappa kappa_of(const Morlet1d& m, Convention convention) {
    Kappa kappa;
    double band = 0, d_xi = 0, d_sigma = 0, d_low = 0;
    for_gaussian(1, m.xi, m.sigma, convention,
                 [&](Index, double f, double g) {  // the grid of one element has f = 0 alone
                     const double away = (f - m.xi) / m.sigma;
                     band += g;
                     d_xi += away * m.xi / m.sigma * g;
                     d_sigma += away * away * g;
                 });
    for_gaussian(1, 0, m.sigma, convention, [&](Index, double f, double g) {
        kappa.low += g;
        d_low += f / m.sigma * (f / m.sigma) * g;
    });
    kappa.value = band / kappa.low;
    kappa.d_xi = d_xi / kappa.low;
    kappa.d_sigma = (d_sigma - kappa.value * d_low) / kappa.low;
    return kappa;
}

struct Norm {
    double value = 0, d_xi = 0, d_sigma = 0;  // by log xi, log sigma
};

Complex turned(Complex a, Complex b) {  // a b, without the care for infinities
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// sum over n of |psi[n]| on a periodic grid. In space psi is b(t) (exp(2 pi i xi t) - kappa) at t = n + m N, summed over m,
// with b(t) = sqrt(2 pi) sigma exp(-2 (pi sigma t)^2). Where its tails do not meet (N sigma >= 3) the modulus is smooth: with
// xi / sigma = r every harmonic of xi costs a factor kappa = exp(-r^2 / 2), so that samples at steps of 1 / (F sigma),
// F = 12 + 100 / r, give the sum to 1e-16. Steps are powers of two that divide the grid.
Norm l1_norm(Index n, const Morlet1d& m, const Kappa& kappa, bool derivatives) {
    const double finest = m.sigma * (12 + 100 * m.sigma / m.xi);
    Index step = 1;
    const bool apart = static_cast<double>(n) * m.sigma >= 3;
    while (apart && n % (2 * step) == 0 && static_cast<double>(2 * step) * finest <= 1)
        step *= 2;
    const Index points = n / step;
    const Index far = static_cast<Index>(std::sqrt(reach / 2) / (pi * m.sigma * static_cast<double>(step))) + 1;
    const Index held = std::min(points, 2 * far + 1);
    std::vector<Complex> psi(static_cast<std::size_t>(held)), by_xi(derivatives ? psi.size() : 0),
        by_sigma(by_xi.size());
    // The wave by turning it, block by block from an exact start: 64 turns are wrong by 64 eps. Where the grid holds a few
    // frequencies of the wavelet, or none near its centre, what is summed cancels: then without.
    const Index block = static_cast<double>(n) * m.sigma < .3 ? 1 : 64;
    const double turn = 2 * pi * m.xi * static_cast<double>(step);
    const Complex once = std::polar(1., turn);
    Complex wave;
    Index at = 0;  // (q + far) % held
    for (Index q = -far; q <= far; ++q) {
        const double t = static_cast<double>(q * step), x = pi * m.sigma * t;
        wave = (q + far) % block == 0 ? std::polar(1., turn * static_cast<double>(q)) : turned(wave, once);
        const double b = std::sqrt(2 * pi) * m.sigma * scatter::exponential(-2 * x * x);
        psi[at] += b * (wave - kappa.value);
        if (derivatives) {
            by_xi[at] += b * (2 * pi * m.xi * t * Complex(-wave.imag(), wave.real()) - kappa.d_xi);
            by_sigma[at] += b * ((1 - 4 * x * x) * (wave - kappa.value) - kappa.d_sigma);
        }
        at = at + 1 < held ? at + 1 : 0;
    }
    Norm norm;
    for (std::size_t i = 0; i < psi.size(); ++i) {
        const double modulus = std::sqrt(std::norm(psi[i]));
        norm.value += modulus;
        if (derivatives && modulus > 0) {
            norm.d_xi += std::real(std::conj(psi[i]) * by_xi[i]) / modulus;
            norm.d_sigma += std::real(std::conj(psi[i]) * by_sigma[i]) / modulus;
        }
    }
    const double weight = static_cast<double>(step);
    return {weight * norm.value, weight * norm.d_xi, weight * norm.d_sigma};
}

}  // namespace

std::vector<Morlet1d> morlet_ladder(Index scales, Index per_octave) {
    if (scales < 1 || scales > 40)
        throw InputError("--scales: expected at least 1, at most 40, found " + std::to_string(scales));
    if (per_octave < 1 || per_octave > 256)
        throw InputError("--per-octave: expected within 1 .. 256, found " + std::to_string(per_octave));
    const double Q = static_cast<double>(per_octave), ratio = std::pow(2., 1 / Q), least = low_pass_sigma_1d(scales);
    double xi = std::max(1 / (1 + std::pow(2., 3 / Q)), .35);
    double sigma = xi * (1 - 1 / ratio) / ((1 + 1 / ratio) * std::sqrt(2 * std::log(std::numbers::sqrt2)));
    std::vector<Morlet1d> ladder;
    if (sigma <= least) {
        xi = sigma;
    } else {
        ladder.push_back({xi, sigma});
        while (sigma > least * ratio) {
            xi /= ratio;
            sigma /= ratio;
            ladder.push_back({xi, sigma});
        }
    }
    const double elbow = xi;
    for (Index q = 1; q < per_octave; ++q) {
        xi -= elbow / Q;
        ladder.push_back({xi, least});
    }
    return ladder;
}

Index morlet_scale(const Morlet1d& m) {
    const double upper = std::min(std::abs(m.xi) + 5 * m.sigma, .5);
    return std::max<Index>(static_cast<Index>(std::floor(-std::log2(upper))) - 1, 0);
}

void check(const Morlet1d& m) {
    if (!(m.xi > 0 && m.xi <= .5))
        throw InputError("Morlet wavelet: expected xi within 0 .. 1/2 cycles a sample (Nyquist), found " +
                         digits(m.xi));
    if (!(m.sigma > 0 && m.sigma <= 1000 * m.xi))
        throw InputError("Morlet wavelet: expected a positive sigma of at most 1000 xi = " + digits(1000 * m.xi) +
                         " cycles a sample, found " + digits(m.sigma));
}

SpectralFilter morlet_filter(Index n, const Morlet1d& m, Convention convention) {
    require(n >= 1, "Morlet wavelet: a grid");
    check(m);
    if (m.sigma * static_cast<double>(n) < .01)
        throw InputError("Morlet wavelet: expected sigma of at least a hundredth of the step of the grid of " +
                         std::to_string(n) + " frequencies, found " + digits(m.sigma) + " cycles a sample");
    const Kappa kappa = kappa_of(m, convention);
    const double c = l1_norm(n, m, kappa, false).value;
    std::vector<double> psi(static_cast<std::size_t>(n));
    for_gaussian(n, m.xi, m.sigma, convention, [&](Index k, double, double g) { psi[k] += g / c; });
    for_gaussian(n, 0, m.sigma, convention, [&](Index k, double, double g) { psi[k] -= kappa.value * g / c; });
    psi[0] = 0;
    return {std::move(psi), {}};
}

std::array<SpectralFilter, 2> morlet_derivatives(Index n, const Morlet1d& m, Convention convention) {
    const std::vector<double> psi = morlet_filter(n, m, convention).re;
    const Kappa kappa = kappa_of(m, convention);
    const Norm norm = l1_norm(n, m, kappa, true);
    std::vector<double> by_xi(psi.size()), by_sigma(psi.size());
    for_gaussian(n, m.xi, m.sigma, convention, [&](Index k, double f, double g) {
        const double away = (f - m.xi) / m.sigma;
        by_xi[k] += away * m.xi / m.sigma * g;
        by_sigma[k] += away * away * g;
    });
    for_gaussian(n, 0, m.sigma, convention, [&](Index k, double f, double g) {
        by_xi[k] -= kappa.d_xi * g;
        by_sigma[k] -= (kappa.d_sigma + kappa.value * f / m.sigma * (f / m.sigma)) * g;
    });
    for (std::size_t k = 0; k < psi.size(); ++k) {
        by_xi[k] = (by_xi[k] - norm.d_xi * psi[k]) / norm.value;
        by_sigma[k] = (by_sigma[k] - norm.d_sigma * psi[k]) / norm.value;
    }
    by_xi[0] = by_sigma[0] = 0;
    return {SpectralFilter{std::move(by_xi), {}}, SpectralFilter{std::move(by_sigma), {}}};
}

SpectralFilter gaussian_low_pass(Index n, double sigma, Convention convention) {
    require(n >= 1 && sigma > 0 && std::isfinite(sigma), "low-pass: a grid and a positive sigma");
    std::vector<double> low(static_cast<std::size_t>(n));
    for_gaussian(n, 0, sigma, convention, [&](Index k, double, double g) { low[k] += g; });
    const double peak = low[0];
    for (double& number : low)
        number /= peak;
    return {std::move(low), {}};
}

double low_pass_sigma_1d(Index scales) {
    return std::ldexp(.1, -static_cast<int>(scales));
}

Index morlet_padded_length(Index n, Index scales) {
    if (scales < 1 || scales > 40 || (Index{1} << scales) > n)
        throw InputError("--scales: expected 1 .. J with 2^J at most the " + std::to_string(n) + " samples, found " +
                         std::to_string(scales));
    // the low-pass on the grid of the signal: a Gaussian of sum 1, its wraps included
    const double sigma = low_pass_sigma_1d(scales);
    const auto held = static_cast<Index>(std::bit_ceil(static_cast<std::size_t>(n))), half = held / 2;
    std::vector<double> low(static_cast<std::size_t>(held));
    const Index far = static_cast<Index>(std::sqrt(reach / 2) / (pi * sigma)) + 1;
    for (Index t = -far; t <= far; ++t) {
        const double x = pi * sigma * static_cast<double>(t);
        low[(t % held + held) % held] += std::sqrt(2 * pi) * sigma * std::exp(-2 * x * x);
    }
    double rest = 0;
    Index t = half;
    for (Index at = half - 1; at >= 0; --at) {
        rest += low[at];
        if (rest > 1e-3)
            break;
        t = at + 1;
    }
    const Index wanted = std::bit_ceil(static_cast<std::size_t>(n + 6 * (t + 1)));
    const Index most = std::bit_floor(static_cast<std::size_t>(3 * n - 2));
    return std::min(wanted, most);
}

}  // namespace descrambler
