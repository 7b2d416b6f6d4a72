// A graph cut in two at a node that every way from the input to the output goes through.
#pragma once

#include <string>

#include "descrambler/graph.hpp"

namespace descrambler {

// f = after o before. Both are whole graphs: `before` ends with the value of the node, `after` begins with it, and is
// without nodes where the node makes the output. Frozen at x0 and at the value that `before` has there, they take the
// decisions that the whole graph takes at x0: each node sees the same numbers.
struct GraphCut {
    Graph before, after;
    std::string node;  // its name
};
// The node is found by the name of its output or by its own; of nodes that one operator of the file became the last.
// "output" is the node that makes the output, unless another has this name. Throws InputError "NODE: ...": no such node
// (with those that there are), the input, or a node that is missed by a way from the input to the output, which is named.
[[nodiscard]] GraphCut cut_graph(const Graph& graph, const std::string& node);
// The place in graph.nodes of the node that has this name, found and refused in the same way.
[[nodiscard]] std::size_t find_node(const Graph& graph, const std::string& node);

}  // namespace descrambler
