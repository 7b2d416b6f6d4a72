// Both directions of a convolution as sums that gather, as src/cpu/gather_sum.hpp has them:
//   target[m, first + q spacing] (+)= sum over c, t of w[c, t, m] source[c, q step + offset_t],  zero outside the source
// The forward direction is one such sum. The adjoint of stride s is s of them an axis, one for each residue of the position
// (mod s): each takes every s / gcd(s, dilation)-th tap. In a sum both the places of its taps in the kernel and their
// offsets are arithmetic progressions, so that a few numbers an axis describe it and no table is needed.
// Numbers are int for the sake of registers; places in memory are counted modulo 2^32 and exact where they are used.
#pragma once

#include <cstdint>

#include "descrambler/backend/convolution.hpp"
#include "divide.cuh"

namespace descrambler::cuda {

struct GatherAxis {
    int count = 0, first = 0, spacing = 1, step = 1;  // positions
    int source = 1, target = 1;                       // extents
    int taps = 0, tap = 0, tap_step = 1;              // places in the kernel
    int offset = 0, offset_step = 0;                  // of the source that they read
};

// A convolution in one direction.
struct GatherShape {
    int source[3], target[3], kernel[3], stride[3], dilation[3], pad[3];
    int common[3];                                    // largest divisor of stride and dilation
    int images, groups, channels, outputs;            // of one group: what is summed over, and results
    int weight_group, weight_channel, weight_output;  // steps in W
    bool adjoint;
    // One sum for each residue, numbered row by row; only the last of an axis may have fewer positions than the first.
    [[nodiscard]] constexpr int residues(int axis) const {
        return adjoint ? (stride[axis] < target[axis] ? stride[axis] : target[axis]) : 1;
    }
    [[nodiscard]] constexpr int sums() const { return residues(0) * residues(1) * residues(2); }
};

constexpr GatherAxis gather_axis(const GatherShape& s, int a, int residue) {
    GatherAxis axis;
    axis.source = s.source[a];
    axis.target = s.target[a];
    if (!s.adjoint) {
        axis.count = s.target[a];
        axis.step = s.stride[a];
        axis.taps = s.kernel[a];
        axis.offset = -s.pad[a];
        axis.offset_step = s.dilation[a];
        return axis;
    }
    // p = residue + q stride takes y[o] through tap t where o stride + t dilation - pad = p
    axis.count = (s.target[a] - residue + s.stride[a] - 1) / s.stride[a];
    axis.first = residue;
    axis.spacing = s.stride[a];
    axis.tap_step = s.stride[a] / s.common[a];
    axis.offset_step = -(s.dilation[a] / s.common[a]);
    while (axis.tap < axis.tap_step && (residue + s.pad[a] - axis.tap * s.dilation[a]) % s.stride[a] != 0)
        ++axis.tap;
    if (axis.tap == axis.tap_step || axis.tap >= s.kernel[a])
        return axis;  // positions that no tap meets
    axis.taps = (s.kernel[a] - axis.tap + axis.tap_step - 1) / axis.tap_step;
    axis.offset = (residue + s.pad[a] - axis.tap * s.dilation[a]) / s.stride[a];
    return axis;
}

// Where a position reads: the origin of its window, in memory and on the axes; and where its result goes.
struct alignas(16) GatherPlace {
    std::uint32_t at;
    int i, j, k;
};
// What a step of the sum adds to the origin, and the weight of output 0 that it takes.
struct GatherStep {
    std::uint32_t at;
    int i, j, k;
    std::uint32_t weight;
};

struct GatherSum {
    GatherAxis axes[3];
    Divisor taps, plane, row;  // of all axes, of the last two, of the last
    int positions = 0, depth = 0;
    std::uint32_t source_size = 0, target_size = 0;  // of one channel

    [[nodiscard]] constexpr std::uint32_t source_place(int i, int j, int k) const {
        return place(i, j, k, axes[1].source, axes[2].source);
    }
    [[nodiscard]] constexpr GatherStep step(const GatherShape& s, std::uint32_t number) const {
        const std::uint32_t channel = taps.quotient(number), t = number - channel * taps.by;
        const std::uint32_t rest = plane.remainder(t);
        return step(s, channel, static_cast<int>(plane.quotient(t)), static_cast<int>(row.quotient(rest)),
                    static_cast<int>(row.remainder(rest)));
    }
    [[nodiscard]] constexpr GatherStep step(const GatherShape& s, std::uint32_t channel, int a, int b, int c) const {
        const GatherAxis &x = axes[0], &y = axes[1], &z = axes[2];
        const int i = x.offset + a * x.offset_step, j = y.offset + b * y.offset_step, k = z.offset + c * z.offset_step;
        return {channel * source_size + source_place(i, j, k), i, j, k,
                channel * static_cast<std::uint32_t>(s.weight_channel) +
                    place(x.tap + a * x.tap_step, y.tap + b * y.tap_step, z.tap + c * z.tap_step, s.kernel[1],
                          s.kernel[2])};
    }
    // Position `number` of all images of all probes, in one group; leading dimensions of the source and the target.
    [[nodiscard]] constexpr GatherPlace position(const GatherShape& s, int group, int number, std::uint32_t source_ld,
                                                 std::uint32_t target_ld, std::uint32_t& target) const {
        const GatherAxis &x = axes[0], &y = axes[1], &z = axes[2];
        const int item = number / positions, p = number % positions, probe = item / s.images;
        const int k = p % z.count, j = p / z.count % y.count, i = p / z.count / y.count;
        const std::uint32_t image = static_cast<std::uint32_t>(item % s.images * s.groups + group);
        target = static_cast<std::uint32_t>(probe) * target_ld +
                 image * static_cast<std::uint32_t>(s.outputs) * target_size +
                 place(x.first + i * x.spacing, y.first + j * y.spacing, z.first + k * z.spacing, y.target, z.target);
        return {static_cast<std::uint32_t>(probe) * source_ld +
                    image * static_cast<std::uint32_t>(s.channels) * source_size +
                    source_place(i * x.step, j * y.step, k * z.step),
                i * x.step, j * y.step, k * z.step};
    }
    [[nodiscard]] constexpr bool inside(const GatherPlace& at, const GatherStep& by) const {
        return static_cast<std::uint32_t>(at.i + by.i) < static_cast<std::uint32_t>(axes[0].source) &&
               static_cast<std::uint32_t>(at.j + by.j) < static_cast<std::uint32_t>(axes[1].source) &&
               static_cast<std::uint32_t>(at.k + by.k) < static_cast<std::uint32_t>(axes[2].source);
    }

private:
    [[nodiscard]] static constexpr std::uint32_t place(int i, int j, int k, int second, int third) {
        return (static_cast<std::uint32_t>(i) * static_cast<std::uint32_t>(second) + static_cast<std::uint32_t>(j)) *
                   static_cast<std::uint32_t>(third) +
               static_cast<std::uint32_t>(k);
    }
};

constexpr GatherSum gather_sum(const GatherShape& s, int number) {
    GatherSum sum;
    const int last = s.residues(2), middle = s.residues(1);
    sum.axes[0] = gather_axis(s, 0, number / last / middle);
    sum.axes[1] = gather_axis(s, 1, number / last % middle);
    sum.axes[2] = gather_axis(s, 2, number % last);
    const auto size = [](int a, int b, int c) { return static_cast<std::uint32_t>(a * b * c); };
    const auto divisor = [](std::uint32_t n) { return Divisor(n > 0 ? n : 1); };
    const GatherAxis &x = sum.axes[0], &y = sum.axes[1], &z = sum.axes[2];
    sum.taps = divisor(size(x.taps, y.taps, z.taps));
    sum.plane = divisor(size(1, y.taps, z.taps));
    sum.row = divisor(size(1, 1, z.taps));
    sum.positions = x.count * y.count * z.count;
    sum.depth = s.channels * x.taps * y.taps * z.taps;
    sum.source_size = size(x.source, y.source, z.source);
    sum.target_size = size(x.target, y.target, z.target);
    return sum;
}

}  // namespace descrambler::cuda
