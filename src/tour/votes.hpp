// Votes of pixels among the labels with the largest scores.
#pragma once

#include <vector>

#include "descrambler/discussion.hpp"
#include "tour/material.hpp"

namespace descrambler::tour {

inline constexpr Index voters = 30;

[[nodiscard]] Index top_of(const std::vector<double>& y);  // the label with the largest score

struct VoteReading {
    Index label = 0;            // with the largest score
    double share = 0;           // of the votes that it has
    Index rank = 0;             // by votes, from 1
    double entropy = 0;         // of the votes, normalised
    double middle = 0;          // of its votes those in the middle quarter of the area
    std::vector<Index> winner;  // label of each pixel
};
// discussion: that of `frozen`, which is the subject at an input.
[[nodiscard]] VoteReading vote(const FrozenNetwork<double>& frozen, const Discussion<double>& discussion,
                               const Subject& subject);

}  // namespace descrambler::tour
