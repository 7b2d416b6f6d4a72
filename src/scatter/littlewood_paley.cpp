#include "descrambler/littlewood_paley.hpp"

#include <algorithm>
#include <cmath>

namespace descrambler {

namespace {

constexpr double least_tight = 1e-12;

double square(const SpectralFilter& f, std::size_t k) {
    return f.re[k] * f.re[k] + (f.real() ? 0 : f.im[k] * f.im[k]);
}

const SpectralFilter& member(const Bands& filters, std::size_t i) {
    return i < filters.bands.size() ? filters.bands[i] : filters.low_pass;
}
SpectralFilter& member(Bands& filters, std::size_t i) {
    return i < filters.bands.size() ? filters.bands[i] : filters.low_pass;
}

void scale(SpectralFilter& f, const std::vector<double>& factors) {
    for (std::size_t k = 0; k < f.re.size(); ++k)
        f.re[k] *= factors[k];
    for (std::size_t k = 0; k < f.im.size(); ++k)
        f.im[k] *= factors[k];
}

// What every filter is multiplied with.
std::vector<double> factors_of(Normalisation how, const std::vector<double>& A) {
    std::vector<double> factors(A.size(), 1.);
    if (how == Normalisation::bounded)
        std::ranges::fill(factors, 1 / std::sqrt(std::max(1., bounds(A).most)));
    if (how == Normalisation::tight)
        std::ranges::transform(A, factors.begin(), [](double a) { return 1 / std::sqrt(a); });
    return factors;
}

}  // namespace

std::vector<double> littlewood_paley(const Grid& grid, const Bands& filters) {
    const auto size = static_cast<std::size_t>(grid.size());
    std::vector<double> sum(size), A(size);
    for (const SpectralFilter& f : filters.bands)
        for (std::size_t k = 0; k < size; ++k)
            sum[k] += square(f, k);
    for (Index k = 0; k < grid.size(); ++k)
        A[k] = square(filters.low_pass, static_cast<std::size_t>(k)) + (sum[k] + sum[opposite(k, grid)]) / 2;
    return A;
}

PaleyBounds bounds(const std::vector<double>& A) {
    const auto [least, most] = std::ranges::minmax(A);
    return {least, most};
}

void normalise(const Grid& grid, Normalisation how, const std::vector<double>& A, Bands& filters) {
    require(std::ssize(A) == grid.size(), "normalisation: A on the grid");
    if (how == Normalisation::none)
        return;
    if (how == Normalisation::tight && !(bounds(A).least >= least_tight))
        throw InputError("--normalisation tight: expected a bank whose Littlewood-Paley sum is at least 1e-12, found " +
                         digits(bounds(A).least));
    const std::vector<double> factors = factors_of(how, A);
    for (std::size_t i = 0; i <= filters.bands.size(); ++i)
        scale(member(filters, i), factors);
}

Bands normalisation_gradient(const Grid& grid, Normalisation how, const std::vector<double>& A, const Bands& filters,
                             Bands gradient) {
    require(std::ssize(A) == grid.size() && gradient.bands.size() == filters.bands.size(),
            "normalisation: a gradient for every filter");
    if (how == Normalisation::none || (how == Normalisation::bounded && !(bounds(A).most > 1)))
        return gradient;
    const auto size = static_cast<std::size_t>(grid.size());
    std::vector<double> inner(size), by_A(size),
        even(size);  // inner: sum over all filters of Re conj(g) f, f normalised
    for (std::size_t i = 0; i <= filters.bands.size(); ++i) {
        const SpectralFilter &f = member(filters, i), &g = member(gradient, i);
        for (std::size_t k = 0; k < size; ++k)
            inner[k] += g.re[k] * f.re[k] + (f.real() || g.real() ? 0 : g.im[k] * f.im[k]);
    }
    if (how == Normalisation::tight) {  // d(f / sqrt A) = df / sqrt A - (f / sqrt A) dA / (2 A)
        for (std::size_t k = 0; k < size; ++k)
            by_A[k] = -inner[k] / (2 * A[k]);
    } else {
        const std::size_t at = static_cast<std::size_t>(std::ranges::max_element(A) - A.begin());
        double sum = 0;
        for (const double number : inner)
            sum += number;
        by_A[at] = -sum / (2 * A[at]);
    }
    for (Index k = 0; k < grid.size(); ++k)
        even[k] = (by_A[k] + by_A[opposite(k, grid)]) / 2;
    const std::vector<double> factors = factors_of(how, A);
    for (std::size_t i = 0; i <= filters.bands.size(); ++i) {
        const SpectralFilter& f = member(filters, i);
        SpectralFilter& g = member(gradient, i);
        const std::vector<double>& by = i < filters.bands.size() ? even : by_A;
        scale(g, factors);
        if (!f.real())
            g.im.resize(size);
        for (std::size_t k = 0; k < size; ++k) {  // dA = 2 Re conj(f) df, f before: the normalised one over its factor
            g.re[k] += 2 * f.re[k] / factors[k] * by[k];
            if (!f.real())
                g.im[k] += 2 * f.im[k] / factors[k] * by[k];
        }
    }
    return gradient;
}

}  // namespace descrambler
