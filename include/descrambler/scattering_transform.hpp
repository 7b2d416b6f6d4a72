// Scattering transforms of signals and images: moduli of wavelet coefficients, again and again, each smoothed.
//   S[] x = x * phi,   S[i] x = |x * psi_i| * phi,   S[i, k] x = ||x * psi_i| * psi_k| * phi, ...
// Mallat, Comm. Pure Appl. Math. 65 (2012) 1331; Bruna, Mallat, IEEE TPAMI 35 (2013) 1872.
// Of paths of several wavelets only those with j2 > j1 by default: a modulus has hardly anything at higher frequencies.
#pragma once

#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/filter_bank.hpp"

namespace descrambler {

// windowed: at steps of 2^J; full: at all places, nothing is sampled coarser on the way; global: the mean of the modulus over
// the padded grid, one number a path.
enum class ScatteringOutput { windowed, full, global };

struct ScatteringOptions {
    Index orders = 2;        // 0 .. 3
    bool all_paths = false;  // else j2 > j1
    Padding padding = Padding::reflect;
    ScatteringOutput output = ScatteringOutput::windowed;
};
[[nodiscard]] std::string_view to_string(Padding padding);
[[nodiscard]] std::string_view to_string(ScatteringOutput output);
[[nodiscard]] Padding padding_from(std::string_view name);  // throw InputError with the known names
[[nodiscard]] ScatteringOutput scattering_output_from(std::string_view name);

struct ScatteringPath {
    std::vector<Index> wavelets;  // by order, their places in the layers of the bank
    [[nodiscard]] Index order() const { return std::ssize(wavelets); }
};

// The grid of a bank for signals of this size. periodic: as it is. Otherwise in two dimensions ((N + 2^J) / 2^J + 1) 2^J along
// each axis, in one dimension morlet_padded_length: what kymatio takes. Throws InputError where 2^J is larger than a side, or
// for periodic signals does not divide it.
[[nodiscard]] Grid padded_grid(const Grid& signal, Index scales, Padding padding);

// What a loss says of the coefficients, brought back.
template <class T>
struct ScatteringGradient {
    Matrix<T> x;                 // dL/dx
    std::vector<Bands> filters;  // by layer: of the normalised spectra, for parameter_gradient (filter_bank.hpp)
};

template <class T>  // float, double
class ScatteringTransform {
public:
    // The bank lies on padded_grid(signal, bank.scales, options.padding). Throws InputError for orders outside 0 .. 3, all
    // paths with subsampled moduli (windowed output), and where the memory of the spectra cannot be had. `on` outlives it.
    ScatteringTransform(Backend<T>& on, const Grid& signal, const FilterBank& bank, const ScatteringOptions& options);

    [[nodiscard]] const std::vector<ScatteringPath>& paths() const { return paths_; }  // by order, then by places
    [[nodiscard]] Grid output() const { return {tree_.mean ? 1 : tree_.count1, tree_.mean ? 1 : tree_.count2}; }
    [[nodiscard]] Index features() const { return std::ssize(paths_) * output().size(); }
    // The place in the signal of the first coefficient of a window, and how far apart they are.
    [[nodiscard]] Index step() const { return Index{1} << tree_.out_level; }

    // S [features, B] of x [n1 n2, B], both where the backend computes: path after path its output, row-major.
    void transform(Batch<const T> x, Batch<T> S) const;
    [[nodiscard]] Matrix<T> operator()(const Matrix<T>& x) const;
    // Of S_bar [features, B] = dL/dS at x. A modulus of zero has the gradient zero.
    [[nodiscard]] ScatteringGradient<T> gradient(const Matrix<T>& x, const Matrix<T>& S_bar) const;

private:
    struct Use {                                // where the spectrum of a filter at a level lies
        Index layer = 0, band = -1, level = 0;  // band -1: the low-pass
        SpectrumPlace place;
    };
    [[nodiscard]] SpectrumPlace place_of(Index layer, Index band, Index level, const FilterBank& bank,
                                         std::vector<double>& spectra);
    void make_tree(const FilterBank& bank, std::vector<double>& spectra);

    Backend<T>* on_;
    Grid signal_, grid_;
    Convention convention_;
    ScatteringOptions options_;
    std::vector<Index> bands_;  // by layer
    std::vector<ScatteringPath> paths_;
    std::vector<Use> uses_;
    Buffer<T> spectra_;
    ScatteringTree<T> tree_;
};

}  // namespace descrambler
