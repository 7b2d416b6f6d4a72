// --explain: the graph as it will be frozen.
#include <algorithm>
#include <cstdio>

#include "cli/interpret.hpp"
#include "descrambler/error.hpp"
#include "descrambler/facts.hpp"

namespace descrambler::cli {

namespace {

// "15 x 7"; one number where all are alike.
template <class Of>
std::string joined(const std::vector<ReceptiveField>& fields, const Of& of) {
    std::vector<std::string> words;
    for (const ReceptiveField& field : fields)
        words.push_back(of(field));
    if (std::ranges::all_of(words, [&](const std::string& word) { return word == words[0]; }))
        return words.empty() ? "" : words[0];
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : " x ") + word;
    return text;
}

struct Explained {
    std::vector<NodeFacts> facts;
    std::vector<std::vector<ReceptiveField>> fields;
    NodeFacts total;
};
Explained explain(const InterpretOptions& o, const InterpretInput& input) {
    Explained result{node_facts(input.graph, o.freezing(), o.common.precision == "f32" ? 4 : 8),
                     receptive_fields(input.graph, o.freezing(), input.axes),
                     {}};
    for (const NodeFacts& node : result.facts) {
        result.total.mask_bytes += node.mask_bytes;
        result.total.record_bytes += node.record_bytes;
        result.total.flops += node.flops;
    }
    return result;
}

const Shape& shape_of(const Graph& graph, const GraphNode& node) {
    return node.output == graph.output ? graph.output_shape : graph.values[static_cast<std::size_t>(node.output)].shape;
}

}  // namespace

std::string field_text(const std::vector<ReceptiveField>& fields) {
    const auto all = [&](auto what) { return std::ranges::all_of(fields, what); };
    if (fields.empty())
        return "";
    if (all([](const ReceptiveField& field) { return field.size == 0; }))
        return "nothing";
    if (all([](const ReceptiveField& field) { return field.whole; }))
        return "whole";
    std::string size;
    for (const ReceptiveField& field : fields)
        size += (size.empty() ? "" : " x ") + (field.whole ? "whole" : std::to_string(field.size));
    return size + " every " + joined(fields, [](const ReceptiveField& field) { return digits(field.stride); }) +
           " from " + joined(fields, [](const ReceptiveField& field) { return digits(field.offset, 6); });
}

Json field_json(const std::vector<ReceptiveField>& fields) {
    Json json = Json::array();
    for (const ReceptiveField& field : fields)
        json.push_back(
            {{"size", field.size}, {"stride", field.stride}, {"offset", field.offset}, {"whole", field.whole}});
    return json;
}

Json explained(const InterpretOptions& o, const InterpretInput& input) {
    const Graph& graph = input.graph;
    const Explained e = explain(o, input);
    Json nodes = Json::array();
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        nodes.push_back({{"name", graph.nodes[n].name},
                         {"onnx", graph.nodes[n].onnx},
                         {"operator", operator_name(graph.nodes[n].op)},
                         {"shape", shape_of(graph, graph.nodes[n])},
                         {"frozen_as", e.facts[n].rule},
                         {"field", field_json(e.fields[n])},
                         {"mask_bytes", e.facts[n].mask_bytes},
                         {"record_bytes", e.facts[n].record_bytes},
                         {"flops", e.facts[n].flops}});
    return {{"net", o.net},
            {"input_shape", input.shape()},
            {"output_shape", graph.output_shape},
            {"freeze", o.freeze},
            {"norm", o.norm},
            {"precision", o.common.precision},
            {"nodes", std::move(nodes)},
            {"mask_bytes", e.total.mask_bytes},
            {"record_bytes", e.total.record_bytes},
            {"flops", e.total.flops},
            {"remarks", graph.remarks}};
}

void print_explained(const InterpretOptions& o, const InterpretInput& input) {
    const Graph& graph = input.graph;
    const Explained e = explain(o, input);
    std::vector<std::vector<std::string>> table{
        {"node", "ONNX", "operator", "shape", "frozen as", "receptive field", "record, bytes", "flops of a probe"}};
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        table.push_back({one_line(graph.nodes[n].name), graph.nodes[n].onnx,
                         std::string(operator_name(graph.nodes[n].op)), to_string(shape_of(graph, graph.nodes[n])),
                         e.facts[n].rule, field_text(e.fields[n]), std::to_string(e.facts[n].record_bytes),
                         digits(e.facts[n].flops, 4)});
    std::vector<std::size_t> widths(table[0].size());
    for (const auto& row : table)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::printf("%s\ninput %s: %s\n", one_line(input.source).c_str(),
                one_line(graph.values[static_cast<std::size_t>(graph.input)].name).c_str(),
                to_string(input.shape()).c_str());
    for (const auto& row : table) {
        std::printf(" ");
        for (std::size_t i = 0; i < row.size(); ++i)
            std::printf(i + 2 < row.size() ? " %-*s" : " %*s", static_cast<int>(widths[i]), row[i].c_str());
        std::printf("\n");
    }
    std::printf("output: %s\n", to_string(graph.output_shape).c_str());
    std::printf("recorded in %s: %td bytes, of them %td of switches, a bit a number; a probe takes %.4g flops\n",
                o.common.precision.c_str(), e.total.record_bytes, e.total.mask_bytes, e.total.flops);
    for (const std::string& remark : graph.remarks)
        std::printf("  %s\n", one_line(remark).c_str());
}

}  // namespace descrambler::cli
