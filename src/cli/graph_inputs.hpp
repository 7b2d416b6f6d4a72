// Dense networks and dense nodes out of ONNX files.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "descrambler/dense_graph.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/library.hpp"
#include "descrambler/tap.hpp"

namespace descrambler::cli {

[[nodiscard]] bool ends_as_onnx(const std::string& path);
// The dense network of an ONNX file as an ensemble of one. Throws InputError that names file and node.
// A last softmax is cut, or refused as any node that is not dense.
[[nodiscard]] Ensemble dense_ensemble(const std::string& net, bool cut_softmax = true);

// What a graph wants to know beside its file.
struct GraphOptions {
    std::vector<std::string> set, shape;
    std::string input_name;
    void add_to(CLI::App& command, const std::string& when = "");  // when: "with --tap NODE: ", of the help
    [[nodiscard]] ImportOptions import() const;
    [[nodiscard]] std::vector<std::string> files() const;  // that --set reads
    [[nodiscard]] bool given() const { return !set.empty() || !shape.empty() || !input_name.empty(); }
};

// A dense node of a graph as a network of its own, fed with what enters the node.
//   NODE        its signals W h:  network W, point {1, before}
//   NODE:input  the signals h:    network 1, W, point {1, after}
struct NodeTap {
    DenseTap node;
    Ensemble ensemble;
    TapPoint at;
    std::string content;                // line of the request: which network it is
    std::vector<std::string> external;  // files of its external data
};
// The node named so, or the one whose output is. Throws InputError: no such node (with the dense ones), several of that
// name, one that is not dense, and as import_onnx.
[[nodiscard]] NodeTap open_node(const std::string& net, const std::string& tap, const GraphOptions& options);
// h for a library of inputs; kept in memory where it is small.
[[nodiscard]] Library open_signals(const NodeTap& tap, const Library& inputs, const Execution& execution);

}  // namespace descrambler::cli
