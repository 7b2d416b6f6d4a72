#include "cpu/gather_sum.hpp"

#include <algorithm>

namespace descrambler::cpu {
namespace {

// Depth of a panel that stays in the first cache beside the weights that meet it. Every sum of an output goes over
// blocks of channels of about this depth, so it belongs to the bits of the result.
constexpr Index most_depth = 256;

void lay_out(GatherAxis& axis) {
    axis.residues.clear();
    axis.part.clear();
    axis.shift.clear();
    axis.least = axis.offsets.empty() ? 0 : *std::min_element(axis.offsets.begin(), axis.offsets.end());
    axis.reach = 0;
    for (const Index offset : axis.offsets) {
        const Index residue = (offset - axis.least) % axis.step;
        const auto at = std::find(axis.residues.begin(), axis.residues.end(), residue);
        axis.part.push_back(at - axis.residues.begin());
        if (at == axis.residues.end())
            axis.residues.push_back(residue);
        axis.shift.push_back((offset - axis.least) / axis.step);
        axis.reach = std::max(axis.reach, axis.shift.back());
    }
}

GatherAxis forward_axis(const Convolution& s, std::size_t a) {
    GatherAxis axis{.count = s.out[a], .step = s.stride[a], .source = s.in[a], .target = s.out[a]};
    axis.taps.clear();
    axis.offsets.clear();
    for (Index t = 0; t < s.kernel[a]; ++t) {
        axis.taps.push_back(t);
        axis.offsets.push_back(t * s.dilation[a] - s.pad[a]);
    }
    lay_out(axis);
    return axis;
}

// p = residue + q stride takes y[o] through tap t where o stride + t dilation - pad = p
GatherAxis adjoint_axis(const Convolution& s, std::size_t a, Index residue) {
    GatherAxis axis{.count = (s.in[a] - residue + s.stride[a] - 1) / s.stride[a],
                    .first = residue,
                    .spacing = s.stride[a],
                    .source = s.out[a],
                    .target = s.in[a]};
    axis.taps.clear();
    axis.offsets.clear();
    for (Index t = 0; t < s.kernel[a]; ++t) {
        const Index distance = residue + s.pad[a] - t * s.dilation[a];
        if (distance % s.stride[a] != 0)
            continue;
        axis.taps.push_back(t);
        axis.offsets.push_back(distance / s.stride[a]);
    }
    lay_out(axis);
    return axis;
}

void finish(GatherSum& sum, const Convolution& s) {
    sum.images = s.images;
    sum.groups = s.groups;
    const auto& [a, b, c] = sum.axes;
    sum.source_size = a.source * b.source * c.source;
    sum.target_size = a.target * b.target * c.target;
    for (const Index i : a.taps)
        for (const Index j : b.taps)
            for (const Index k : c.taps)
                sum.taps.push_back((i * s.kernel[1] + j) * s.kernel[2] + k);
    sum.blocks = std::clamp<Index>((sum.depth() + most_depth - 1) / most_depth, 1, std::max<Index>(sum.channels, 1));
    sum.block = (sum.channels + sum.blocks - 1) / sum.blocks;
    sum.blocks = sum.block > 0 ? (sum.channels + sum.block - 1) / sum.block : 1;
    sum.contiguous = std::all_of(sum.axes.begin(), sum.axes.end(),
                                 [](const GatherAxis& axis) { return axis.spacing == 1 && axis.count == axis.target; });
    sum.pointwise = sum.contiguous && std::all_of(sum.axes.begin(), sum.axes.end(), [](const GatherAxis& axis) {
                        return axis.step == 1 && axis.offsets == std::vector<Index>{0} && axis.count == axis.source;
                    });
    if (sum.pointwise) {  // one long row
        sum.axes[2] = {.count = sum.source_size, .source = sum.source_size, .target = sum.source_size};
        sum.axes[0] = sum.axes[1] = {};
    }
}

}  // namespace

GatherSum forward_sum(const Convolution& s, Index ld) {
    const Index taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
    GatherSum sum{.axes = {forward_axis(s, 0), forward_axis(s, 1), forward_axis(s, 2)},
                  .channels = s.in_channels / s.groups,
                  .outputs = s.out_channels / s.groups,
                  .weight_channel = taps,
                  .weight_output = ld};
    sum.weight_group = sum.outputs * ld;
    finish(sum, s);
    return sum;
}

std::vector<GatherSum> adjoint_sums(const Convolution& s, Index ld) {
    const Index taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
    std::vector<GatherSum> sums;
    for (Index a = 0; a < std::min(s.stride[0], s.in[0]); ++a)
        for (Index b = 0; b < std::min(s.stride[1], s.in[1]); ++b)
            for (Index c = 0; c < std::min(s.stride[2], s.in[2]); ++c) {
                GatherSum& sum = sums.emplace_back();
                sum.axes = {adjoint_axis(s, 0, a), adjoint_axis(s, 1, b), adjoint_axis(s, 2, c)};
                sum.channels = s.out_channels / s.groups;
                sum.outputs = s.in_channels / s.groups;
                sum.weight_group = sum.channels * ld;
                sum.weight_channel = ld;
                sum.weight_output = taps;
                finish(sum, s);
            }
    return sums;
}

}  // namespace descrambler::cpu
