#include "descrambler/graph_cut.hpp"

#include <algorithm>
#include <vector>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

std::string some_of(const std::vector<std::string>& names, const std::string& between) {
    constexpr std::size_t most = 12;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
        text += (i > 0 ? between : "") + names[i];
    return names.size() > most ? text + between + "... (" + std::to_string(names.size()) + " in all)" : text;
}

// Nodes that `value` needs, nothing beyond `from`.
std::vector<bool> needed(const Graph& graph, int value, int from) {
    std::vector<bool> wanted(graph.values.size()), nodes(graph.nodes.size());
    wanted[at(value)] = true;
    for (std::size_t n = graph.nodes.size(); n-- > 0;) {
        const GraphNode& node = graph.nodes[n];
        if (!wanted[at(node.output)] || node.output == from)
            continue;
        nodes[n] = true;
        for (const int input : node.inputs)
            wanted[at(input)] = true;
    }
    return nodes;
}

// A way from the input to the output through nodes of `beside` alone, the first that is found; empty: there is none.
std::vector<std::string> way_through(const Graph& graph, const std::vector<bool>& beside) {
    std::vector<int> from(graph.values.size(), -1);  // node that brings the input there
    std::vector<bool> reached(graph.values.size());
    reached[at(graph.input)] = true;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        const GraphNode& node = graph.nodes[n];
        if (beside[n] && std::ranges::any_of(node.inputs, [&](int input) { return reached[at(input)]; })) {
            reached[at(node.output)] = true;
            from[at(node.output)] = static_cast<int>(n);
        }
    }
    std::vector<std::string> names;
    if (!reached[at(graph.output)])
        return names;
    for (int value = graph.output; value != graph.input;) {
        const GraphNode& node = graph.nodes[at(from[at(value)])];
        names.push_back(node.name);
        value = *std::ranges::find_if(node.inputs, [&](int input) { return reached[at(input)]; });
    }
    std::ranges::reverse(names);
    return names;
}

Graph part(const Graph& graph, const std::vector<bool>& nodes, int input, int output) {
    Graph result{graph.values, {}, input, output, graph.values[at(output)].shape, {}};
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        if (nodes[n])
            result.nodes.push_back(graph.nodes[n]);
    return result;
}

}  // namespace

std::size_t find_node(const Graph& graph, const std::string& name) {
    const auto by_value = [&](int value) { return graph.values[at(value)].name == name; };
    for (std::size_t n = graph.nodes.size(); n-- > 0;)
        if (by_value(graph.nodes[n].output))
            return n;
    for (std::size_t n = graph.nodes.size(); n-- > 0;)
        if (graph.nodes[n].name == name)
            return n;
    if (by_value(graph.input))
        throw InputError(name + ": the input itself, expected a node behind it");
    std::vector<std::string> names;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        if (name == "output" && graph.nodes[n].output == graph.output)
            return n;
        if (names.empty() || names.back() != graph.nodes[n].name)
            names.push_back(graph.nodes[n].name);
    }
    throw InputError(name + ": no node of this name, expected one of " + some_of(names, ", "));
}

GraphCut cut_graph(const Graph& graph, const std::string& name) {
    const std::size_t place = find_node(graph, name);
    const int value = graph.nodes[place].output;
    const std::vector<bool> before = needed(graph, value, graph.input), behind = needed(graph, graph.output, value);
    const std::vector<std::string> missed = way_through(graph, behind);
    if (graph.output == graph.input || !missed.empty())
        throw InputError(name + ": does not separate the input from the output, " + some_of(missed, " > ") +
                         " goes past it");
    GraphCut cut{part(graph, before, graph.input, value), part(graph, behind, value, graph.output),
                 graph.nodes[place].name};
    cut.after.output_shape = graph.output_shape;
    if (value == graph.output)
        cut.before.output_shape = graph.output_shape;
    return cut;
}

}  // namespace descrambler
