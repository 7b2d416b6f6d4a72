// Both directions of a convolution as sums that gather, so that every number is written once, by one thread:
//   target[m, first + q spacing] (+)= sum over c, t of w[c, t, m] source[c, q step + offset[t]],  zero outside the source
// The forward direction is one such sum. The adjoint of stride s is s of them an axis, one for each residue of the
// position (mod s): each takes every s-th tap, and none of them meets a zero that a stride has put in.
#pragma once

#include <array>
#include <vector>

#include "descrambler/backend/convolution.hpp"

namespace descrambler::cpu {

struct GatherAxis {
    Index count = 1, first = 0, spacing = 1, step = 1;
    Index source = 1, target = 1;  // extents
    std::vector<Index> taps{0}, offsets{0};
    // Copies of a stretch of the source keep the residues of offset - least (mod step) in parts of their own: what
    // neighbours read lies side by side, and what no tap reads is not copied. Tap t is `shift` into its part.
    Index least = 0, reach = 0;  // the largest shift
    std::vector<Index> residues{0}, part{0}, shift{0};
};

struct GatherSum {
    std::array<GatherAxis, 3> axes;
    Index images = 1, groups = 1, channels = 0, outputs = 0;        // of one group
    Index weight_group = 0, weight_channel = 0, weight_output = 0;  // steps in W
    Index source_size = 1, target_size = 1;                         // of one channel
    std::vector<Index> taps;                                        // places in the kernel, of all axes together
    Index block = 0, blocks = 1;                                    // of channels, summed one after the other
    bool contiguous = false;                                        // positions are numbered as in the target
    bool pointwise = false;                                         // and each reads its own place only
    [[nodiscard]] Index positions() const { return axes[0].count * axes[1].count * axes[2].count; }
    [[nodiscard]] Index depth() const { return channels * static_cast<Index>(taps.size()); }
};

// ld: of W
GatherSum forward_sum(const Convolution& shape, Index ld);
std::vector<GatherSum> adjoint_sums(const Convolution& shape, Index ld);

}  // namespace descrambler::cpu
