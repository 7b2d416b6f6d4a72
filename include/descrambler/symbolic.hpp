// Spectral terms pixel by pixel: contraction over channels, and an output as a formula of the contracted vectors
// (SpecXAI, eq. 23 to 26, as corrected in docs/interpreters.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "descrambler/reduction.hpp"
#include "descrambler/spectral_split.hpp"

namespace descrambler {

// How the numbers of an input are features of pixels; a vector is one feature of as many pixels.
struct PixelLayout {
    Index features = 1, pixels = 0;  // product: the numbers
    bool features_last = false;
    [[nodiscard]] Index pixel_of(Index i) const { return features_last ? i / features : i % pixels; }
};

// c_hw = sum over features of a_hwc x_hwc: [pixels], which sum to <a, x>. Of a row of the network it is gradient x input.
// Throws std::invalid_argument for other sizes; so do the next ones.
[[nodiscard]] std::vector<double> contract(std::span<const double> a, std::span<const double> x,
                                           const PixelLayout& layout);
// The plain mean over features of a_hwc, which knows nothing of the input: [pixels].
[[nodiscard]] std::vector<double> feature_mean(std::span<const double> a, const PixelLayout& layout);
// max(number, 0): gradient x input as it is often drawn, with its negative pixels masked.
[[nodiscard]] std::vector<double> without_negatives(std::vector<double> map);

// (y_j)_hw = sum_k factor_k c^k_hw + constant per pixel, or `uniform` in place of factor_k c^k_hw where the term is
// guarded. c^k is the contracted vector k; that of the closing term, c_rest, is row x input, contracted, minus
// psi_k lambda_k c^k of all that are told apart.
struct SymbolicTerm {
    Index index = rest_term;
    double factor = 0;
    double uniform = 0;  // of a guarded term: value / pixels
    bool guarded = false;
};
struct SymbolicForm {
    std::vector<SymbolicTerm> terms;
    std::vector<Index> apart;  // components that the closing term does not hold
    double constant = 0;       // b_j / pixels
    Index pixels = 0;
    // "3.5 c0[p] - 0.25 c7[p] + 1 c_rest[p] + 0.125"; a guarded term is a number alone.
    [[nodiscard]] std::string text(int significant = 17) const;
};

// The terms as they are: factor_k = psi_k lambda_k, finite whatever <phi_k, x> is; that of the closing term is 1.
[[nodiscard]] SymbolicForm symbolic_form(const RightSpectrum& spectrum, const SplitTerms& terms, const ToldApart& apart,
                                         Index pixels);
// The terms of their reduction: factor_k = value_k / <phi_k, x>. Where |<phi_k, x>| <= guard ||x|| (of the closing term:
// |closing| <= guard size) the quotient means nothing: the term is guarded and spread evenly.
[[nodiscard]] SymbolicForm symbolic_form(const Reduction& reduced, const SplitTerms& terms, const ToldApart& apart,
                                         double norm_x, Index pixels, double guard = 1e-8);
// The map [pixels], which sums to the terms + b_j. row: R^T L_j [cols].
[[nodiscard]] std::vector<double> evaluate(const SymbolicForm& form, const RightSpectrum& spectrum,
                                           const SplitTerms& terms, std::span<const double> x,
                                           std::span<const double> row, const PixelLayout& layout);
// c_rest [pixels].
[[nodiscard]] std::vector<double> rest_map(const SymbolicForm& form, const RightSpectrum& spectrum,
                                           const SplitTerms& terms, std::span<const double> x,
                                           std::span<const double> row, const PixelLayout& layout);

// Measures of a map [height, width].
struct Mirrored {
    double left_right = 0, up_down = 0;  // cosine between a vector and its mirror image; 0 for a vector of zeros
};
[[nodiscard]] Mirrored mirror_symmetry(std::span<const double> a, const PixelLayout& layout, Index width);
// (sum e)^2 / (pixels sum e^2), e the energy of a pixel over features: 1 everywhere alike, 1 / pixels in one.
[[nodiscard]] double participation(std::span<const double> a, const PixelLayout& layout);
// Sum over neighbours in both directions and features of |difference|, over the sum of |a|: 0 for a constant, about 4 for
// a checkerboard; 0 for a vector of zeros.
[[nodiscard]] double roughness(std::span<const double> a, const PixelLayout& layout, Index width);

}  // namespace descrambler
