// The names in a graph of an ONNX file: all there, none made twice, and nodes in an order in which they can run.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "descrambler/onnx.hpp"

namespace descrambler {

// What a graph, or the graphs inside a node, make and what they want from the graphs around them.
struct OnnxNames {
    std::set<std::string> made;
    std::vector<std::pair<std::string, std::string>> wanted;  // a name, and who wants it first, for a message
};

// where: begins messages, "PATH: " or "PATH: node 'a' (If): attribute 'then_branch': ". of_nodes: the names of the graphs
// inside each node. Sorts nodes that stand before what they want; the order of all others stays.
[[nodiscard]] OnnxNames check_names(OnnxGraph& graph, const std::string& where, const std::vector<OnnxNames>& of_nodes);

// "node 'Conv_3' (Conv)"
[[nodiscard]] std::string words_for(const OnnxNode& node);
// Foreign names in messages: longer than other foreign text, because who names a node wants to find it.
[[nodiscard]] std::string in_quotes(const std::string& name);

}  // namespace descrambler
