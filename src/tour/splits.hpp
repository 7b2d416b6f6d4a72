// What the experiments on trained autoencoders and regressors share: a network split at a node, vectors compared, and
// pictures of maps.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "descrambler/frozen.hpp"
#include "descrambler/graph_cut.hpp"
#include "descrambler/reduction.hpp"
#include "descrambler/spectral_split.hpp"
#include "report/article.hpp"

namespace descrambler::tour {

// The whole answer of a network split at a node: y = sum_k c_k image_k + b, c_k = lambda_k <phi_k, x>,
// image_k = L u_k, b = L b_R + b_L.
struct SplitPicture {
    RightSpectrum right;
    Matrix<double> images;             // [outputs, K]
    std::vector<double> coefficients;  // [K]
    std::vector<double> bias, y;       // [outputs]
    double error = 0;                  // ||sum c_k image_k + b - y|| / (||y|| + ||b||)
};
// All triplets.
[[nodiscard]] SplitPicture split_picture(Backend<double>& on, const GraphCut& at, std::span<const double> x);

// One output of a network split at a node, and its terms without cancellation.
struct SplitOutput {
    RightSpectrum right;
    SplitTerms terms;
    Reduction reduced;
};
[[nodiscard]] SplitOutput split_output(Backend<double>& on, const GraphCut& at, std::span<const double> x, Index output,
                                       const SplitOptions& options = {});

// Share of the energy, the sum of s^2, in the first `count` numbers; 0 without any.
[[nodiscard]] double energy_share(std::span<const double> s, Index count);
// s_k / s_0, k from 0; 0 where there are fewer or s_0 is 0.
[[nodiscard]] double decay(std::span<const double> s, Index k);

// [height width] row-major, `low` black and `high` white.
[[nodiscard]] Picture grey_picture(std::span<const double> map, Index height, Index width, double low, double high);
[[nodiscard]] Plate grey_plate(const std::string& name, std::span<const double> map, Index height, Index width,
                               const std::string& caption);  // from 0 to the largest number
// A signed map in the colours of map_picture up to its largest size, which the caption tells.
[[nodiscard]] Plate signed_plate(const std::string& name, const std::vector<double>& map, Index height, Index width,
                                 const std::string& caption);

}  // namespace descrambler::tour
