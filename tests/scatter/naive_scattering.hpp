// The scattering transform as its definition says, with discrete Fourier transforms by their sums: the reference of the fast
// one. Signals are [n1, n2], row by row; n1 = 1: one dimension.
//   S[p] x = (... ||x * psi_1| * psi_2| ...) * phi, sampled at steps of 2^J
// Intermediate moduli are sampled at steps of 2^j of their last wavelet (subsampled), or kept as they are (full).
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <span>
#include <vector>

#include "descrambler/filter_bank.hpp"
#include "descrambler/morlet_1d.hpp"

namespace descrambler::test {

using Complex = std::complex<double>;
using Field = std::vector<Complex>;

enum class Padding { periodic, reflect, zero };
enum class Moduli { subsampled, full };

struct Scattering {
    Index orders = 2;
    bool all_paths = false;  // else j2 > j1; all of them want full moduli
    Padding padding = Padding::reflect;
    Moduli moduli = Moduli::subsampled;
};

struct ScatteringPath {
    std::vector<Index> wavelets;  // places in the layers of order 1, 2, ...
    std::vector<double> values;   // [m1, m2]
};
struct ScatteringResult {
    std::vector<ScatteringPath> paths;  // by order, then by places
    Grid output;
    [[nodiscard]] std::vector<double> all() const {
        std::vector<double> values;
        for (const ScatteringPath& path : paths)
            values.insert(values.end(), path.values.begin(), path.values.end());
        return values;
    }
};

// Along rows of n: every line of `count` with elements `step` apart. sign -1: forward, not scaled.
inline void transform_line(Complex* line, Index n, Index step, const Field& table) {
    Field y(static_cast<std::size_t>(n));
    for (Index k = 0; k < n; ++k) {
        double re = 0, im = 0;
        for (Index j = 0, at = 0; j < n; ++j) {
            const Complex a = line[j * step], w = table[static_cast<std::size_t>(at)];
            re += a.real() * w.real() - a.imag() * w.imag();
            im += a.real() * w.imag() + a.imag() * w.real();
            at += k;
            if (at >= n)
                at -= n;
        }
        y[static_cast<std::size_t>(k)] = {re, im};
    }
    for (Index k = 0; k < n; ++k)
        line[k * step] = y[static_cast<std::size_t>(k)];
}

// sum over elements of x exp(sign 2 pi i (j1 k1 / n1 + j2 k2 / n2)); with sign +1 over n1 n2.
inline Field dft(Field x, const Grid& grid, int sign) {
    const auto table = [&](Index n) {
        Field roots;
        for (Index m = 0; m < n; ++m)
            roots.push_back(
                std::polar(1., sign * 2 * std::numbers::pi * static_cast<double>(m) / static_cast<double>(n)));
        return roots;
    };
    const Field along1 = table(grid.n1), along2 = table(grid.n2);
    for (Index k1 = 0; k1 < grid.n1; ++k1)
        transform_line(x.data() + k1 * grid.n2, grid.n2, 1, along2);
    for (Index k2 = 0; k2 < grid.n2 && grid.n1 > 1; ++k2)
        transform_line(x.data() + k2, grid.n1, grid.n2, along1);
    if (sign > 0)
        for (Complex& number : x)
            number /= static_cast<double>(grid.size());
    return x;
}

inline Grid coarse(const Grid& grid, Index step) {
    return {grid.one_dimensional() ? 1 : grid.n1 / step, grid.n2 / step};
}

inline Field every(const Field& x, const Grid& grid, Index step) {
    const Index step1 = grid.one_dimensional() ? 1 : step;
    Field kept;
    for (Index k1 = 0; k1 < grid.n1; k1 += step1)
        for (Index k2 = 0; k2 < grid.n2; k2 += step)
            kept.push_back(x[static_cast<std::size_t>(k1 * grid.n2 + k2)]);
    return kept;
}

// x * filter on a grid, x by its spectrum.
inline Field filtered(Field spectrum, const SpectralFilter& filter, const Grid& grid) {
    for (Index k = 0; k < grid.size(); ++k)
        spectrum[static_cast<std::size_t>(k)] *= filter[k];
    return dft(std::move(spectrum), grid, 1);
}

// Where a signal of the grid `inner` is filtered. Two dimensions: ((N + 2^J) / 2^J + 1) 2^J along each axis, of which one
// output on either side is dropped; one dimension: morlet_padded_length. Periodic: as it is, 2^J must divide it.
inline Grid padded_grid(const Grid& inner, Index scales, Padding padding) {
    const Index step = Index{1} << scales;
    if (padding == Padding::periodic) {
        require(inner.n2 % step == 0 && (inner.one_dimensional() || inner.n1 % step == 0), "periodic: 2^J must divide");
        return inner;
    }
    if (inner.one_dimensional())
        return {1, morlet_padded_length(inner.n2, scales)};
    return {((inner.n1 + step) / step + 1) * step, ((inner.n2 + step) / step + 1) * step};
}

// Which sample stands at place i of a line of n; -1: a zero. Reflections do not repeat the ends.
inline Index source(Index i, Index n, Padding padding) {
    if (padding == Padding::periodic)
        return (i % n + n) % n;
    if (padding == Padding::zero || n == 1)
        return i >= 0 && i < n ? i : padding == Padding::zero ? -1 : 0;
    const Index period = 2 * (n - 1), at = (i % period + period) % period;
    return std::min(at, period - at);
}

class NaiveScattering {
public:
    // The bank lies on the grid padded_grid(inner, bank.scales, how.padding).
    NaiveScattering(const FilterBank& bank, const Grid& inner, const Scattering& how)
        : bank_(bank),
          inner_(inner),
          how_(how),
          left1_((bank.grid.n1 - inner.n1) / 2),
          left2_((bank.grid.n2 - inner.n2) / 2) {
        require(bank.grid == padded_grid(inner, bank.scales, how.padding), "naive scattering: the padded grid");
        require(!how.all_paths || how.moduli == Moduli::full, "naive scattering: all paths want full moduli");
    }

    [[nodiscard]] ScatteringResult operator()(std::span<const double> x) const {
        const Grid& grid = bank_.grid;
        Field padded(static_cast<std::size_t>(grid.size()));
        for (Index i = 0; i < grid.n1; ++i)
            for (Index j = 0; j < grid.n2; ++j) {
                const Index from1 = source(i - left1_, inner_.n1, how_.padding);
                const Index from2 = source(j - left2_, inner_.n2, how_.padding);
                if (from1 >= 0 && from2 >= 0)
                    padded[static_cast<std::size_t>(i * grid.n2 + j)] =
                        x[static_cast<std::size_t>(from1 * inner_.n2 + from2)];
            }
        ScatteringResult result;
        add(result, {}, dft(std::move(padded), grid, -1), 0, -1);
        std::ranges::stable_sort(result.paths, {}, [](const ScatteringPath& path) { return path.wavelets.size(); });
        return result;
    }

private:
    // The path that ends in the modulus with this spectrum, at steps of 2^level, and all that go on from it.
    void add(ScatteringResult& result, const std::vector<Index>& path, const Field& spectrum, Index level,
             Index last_j) const {
        const Index order = std::ssize(path), step = Index{1} << level;
        const Grid grid = coarse(bank_.grid, step);
        const auto filter = [&](const SpectralFilter& f) { return at_level(f, bank_.grid, step, bank_.convention); };
        result.paths.push_back({path, output(filtered(spectrum, filter(bank_.low_pass_of_order(order)), grid), grid,
                                             (Index{1} << bank_.scales) / step, result.output)});
        if (order == how_.orders)
            return;
        const FilterLayer& layer = bank_.layer_of_order(order + 1);
        for (Index i = 0; i < std::ssize(layer.wavelets); ++i) {
            const Index j = layer.wavelets[static_cast<std::size_t>(i)].j;
            if (!how_.all_paths && j <= last_j)
                continue;
            const Index next = how_.moduli == Moduli::full ? 0 : std::max(level, std::min(j, bank_.scales));
            Field u = every(filtered(spectrum, filter(layer.spectra.bands[static_cast<std::size_t>(i)]), grid), grid,
                            Index{1} << (next - level));
            for (Complex& number : u)
                number = std::abs(number);
            std::vector<Index> longer = path;
            longer.push_back(i);
            add(result, longer, dft(std::move(u), coarse(bank_.grid, Index{1} << next), -1), next, j);
        }
    }

    // Every step-th value, without what belongs to the padding.
    [[nodiscard]] std::vector<double> output(const Field& smooth, const Grid& grid, Index step, Grid& size) const {
        const Field kept = every(smooth, grid, step);
        const Grid all = coarse(bank_.grid, Index{1} << bank_.scales);
        Index first1 = 0, end1 = all.n1, first2 = 0, end2 = all.n2;
        if (how_.padding != Padding::periodic && all.one_dimensional()) {
            const Index wide = Index{1} << bank_.scales;
            first2 = (left2_ + wide - 1) / wide;
            end2 = (left2_ + inner_.n2 + wide - 1) / wide;
        } else if (how_.padding != Padding::periodic) {
            first1 = first2 = 1;
            --end1;
            --end2;
        }
        size = {end1 - first1, end2 - first2};
        std::vector<double> values;
        for (Index i = first1; i < end1; ++i)
            for (Index j = first2; j < end2; ++j)
                values.push_back(kept[static_cast<std::size_t>(i * all.n2 + j)].real());
        return values;
    }

    const FilterBank& bank_;
    Grid inner_;
    Scattering how_;
    Index left1_, left2_;
};

}  // namespace descrambler::test
