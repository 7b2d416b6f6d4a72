// What freezing makes of the nodes of a graph, without an input: the rule, what is recorded, and the work of a probe.
#pragma once

#include <string>
#include <vector>

#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

struct NodeFacts {
    std::string rule;        // a few words: docs/interpreters.md, "How a network is frozen"
    Index mask_bytes = 0;    // of what is recorded, switches: a bit a number
    Index record_bytes = 0;  // all that FrozenNetwork records at an input
    double flops = 0;        // products and sums of one probe through the frozen node, offset aside
};
// By node of the graph, for one image. word: bytes of a number, 4 or 8. Bytes are those that FrozenNetwork::recorded_bytes
// adds up; the idea of counting switches by bits is of Navarrete Michelini et al. (ICCV 2019). Throws nothing of its own.
[[nodiscard]] std::vector<NodeFacts> node_facts(const Graph& graph, const FreezeOptions& options, Index word);

}  // namespace descrambler
