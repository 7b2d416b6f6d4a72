#include "descrambler/spectral_filter.hpp"

#include <numbers>

namespace descrambler {

namespace {

// body(k, m) for the numbers k of the grid and m of the coarser one that it falls on; crop: of the low half band alone.
template <class Body>
void for_folded(const Grid& grid, Index factor, bool crop, const Body& body) {
    const Index f1 = grid.one_dimensional() ? 1 : factor, m1 = grid.n1 / f1, m2 = grid.n2 / factor;
    const auto kept = [&](Index k, Index n, Index by) {
        const Index start = n / (2 * by);
        return !crop || k < start || k >= start + n - n / by;
    };
    for (Index k1 = 0; k1 < grid.n1; ++k1) {
        if (!kept(k1, grid.n1, f1))
            continue;
        for (Index k2 = 0; k2 < grid.n2; ++k2)
            if (kept(k2, grid.n2, factor))
                body(static_cast<std::size_t>(k1 * grid.n2 + k2), static_cast<std::size_t>(k1 % m1 * m2 + k2 % m2));
    }
}

bool crops(const Grid& grid, Convention convention) {
    return convention == Convention::kymatio && !grid.one_dimensional();
}

std::vector<double> folded(const std::vector<double>& values, const Grid& grid, Index factor, bool crop) {
    const Index f1 = grid.one_dimensional() ? 1 : factor;
    std::vector<double> sums(static_cast<std::size_t>(grid.n1 / f1 * (grid.n2 / factor)));
    for_folded(grid, factor, crop, [&](std::size_t k, std::size_t m) { sums[m] += values[k]; });
    return sums;
}

SpectralFilter coarser(const SpectralFilter& filter, const Grid& grid, Index factor, bool crop) {
    require(factor >= 1 && grid.n2 % factor == 0 && (grid.one_dimensional() || grid.n1 % factor == 0),
            "filter: the factor must divide the grid");
    require(std::ssize(filter.re) == grid.size() && (filter.real() || filter.im.size() == filter.re.size()),
            "filter: a spectrum of the grid's size");
    SpectralFilter result{folded(filter.re, grid, factor, crop), {}};
    if (!filter.real())
        result.im = folded(filter.im, grid, factor, crop);
    return result;
}

}  // namespace

double angular_frequency(Index k, Index n) {
    return 2 * std::numbers::pi * static_cast<double>(2 * k < n ? k : k - n) / static_cast<double>(n);
}

Index opposite(Index k, const Grid& grid) {
    const Index k1 = k / grid.n2, k2 = k % grid.n2;
    return (grid.n1 - k1) % grid.n1 * grid.n2 + (grid.n2 - k2) % grid.n2;
}

SpectralFilter periodised(const SpectralFilter& filter, const Grid& grid, Index factor) {
    return coarser(filter, grid, factor, false);
}

SpectralFilter cropped(const SpectralFilter& filter, const Grid& grid, Index factor) {
    return coarser(filter, grid, factor, true);
}

SpectralFilter at_level(const SpectralFilter& filter, const Grid& grid, Index factor, Convention convention) {
    return coarser(filter, grid, factor, crops(grid, convention));
}

void add_from_level(const std::vector<double>& coarse, const Grid& grid, Index factor, Convention convention,
                    std::vector<double>& to) {
    require(std::ssize(to) == grid.size(), "filter: numbers of the grid");
    for_folded(grid, factor, crops(grid, convention), [&](std::size_t k, std::size_t m) { to[k] += coarse[m]; });
}

}  // namespace descrambler
