// Receptive fields: which part of the input the numbers of a node can hang on, from the structure of the graph alone.
#pragma once

#include <vector>

#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

struct ReceptiveField {  // along one axis of the input, in its pixels
    Index size = 0;      // of the largest field of a number of the node; 0: nothing of the input arrives
    double stride = 0;   // from the field of one number to that of the next; 0: all have one place
    double offset = 0;   // first pixel of the field of the first number; negative within a padding
    bool whole = false;  // all numbers have one field, and it is all of the input
    bool operator==(const ReceptiveField&) const = default;
};

// Axes of an input along which it has neighbours: those behind batch and channel, or, where its last axis is one of 1 or 3
// channels and the second is not, those between; of a matrix or a vector the last.
[[nodiscard]] std::vector<Index> spatial_axes(const Shape& input);

// By node of the graph, then by axis. They are those of F: what freezing keeps (a gate, a deviation) carries nothing, so
// they depend on the rules. A field counts the pixels of paddings too, as if the input went on; number i of a node reaches
// `size` pixels from the whole part of offset + stride i. At borders of resized images, where constants stand for pixels,
// and at some numbers where strides are below 1, a field may be smaller. Composition of windows: Araujo, Norris, Sim,
// Computing Receptive Fields of Convolutional Neural Networks (Distill, 2019). Throws nothing of its own.
[[nodiscard]] std::vector<std::vector<ReceptiveField>> receptive_fields(const Graph& graph,
                                                                        const FreezeOptions& options,
                                                                        const std::vector<Index>& axes);

}  // namespace descrambler
