#include "io/onnx_names.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>

#include "io/text.hpp"

namespace descrambler {
namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw InputError(where + what);
}

class Names {
public:
    Names(const OnnxGraph& graph, const std::string& where, const std::vector<OnnxNames>& of_nodes)
        : graph_(graph), where_(where), of_nodes_(of_nodes) {}

    OnnxNames check() {
        for (const auto& [name, tensor] : graph_.constants)
            make(name, "initialiser " + in_quotes(name));
        for (const OnnxValue& input : graph_.inputs)
            make(input.name, "input " + in_quotes(input.name));
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
            for (const std::string& output : graph_.nodes[i].outputs)
                if (!output.empty()) {
                    make(output, words_for(graph_.nodes[i]) + ": output " + in_quotes(output));
                    maker_.emplace(output, i);
                }
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const std::string node = where_ + words_for(graph_.nodes[i]);
            for (const std::string& inside : of_nodes_[i].made)
                if (names_.made.contains(inside))
                    fail(node, ": a graph inside it makes " + in_quotes(inside) +
                                   ", expected a name that no graph around it has");
            for (const std::string& input : graph_.nodes[i].inputs)
                want(input, node + ": input " + in_quotes(input));
            for (const auto& [name, who] : of_nodes_[i].wanted)
                want(name, who);
        }
        for (const OnnxValue& output : graph_.outputs)
            want(output.name, where_ + "output " + in_quotes(output.name));
        return names_;
    }

    // Nodes in the order of the file but where one wants what a later one makes: that one comes before.
    [[nodiscard]] std::vector<std::size_t> order() const {
        const std::size_t count = graph_.nodes.size();
        std::vector<std::vector<std::size_t>> after(count), before(count);
        std::vector<std::size_t> waits(count);
        for (std::size_t i = 0; i < count; ++i) {
            before[i] = makers_for(i);
            waits[i] = before[i].size();
            for (const std::size_t maker : before[i])
                after[maker].push_back(i);
        }
        std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
        for (std::size_t i = 0; i < count; ++i)
            if (waits[i] == 0)
                ready.push(i);
        std::vector<std::size_t> result;
        while (!ready.empty()) {
            result.push_back(ready.top());
            ready.pop();
            for (const std::size_t next : after[result.back()])
                if (--waits[next] == 0)
                    ready.push(next);
        }
        if (result.size() < count) {  // from one that waits to one that it waits for, until it must be on a cycle
            const auto waiting = [&](std::size_t i) { return waits[i] > 0; };
            std::size_t at = 0;
            while (!waiting(at))
                ++at;
            for (std::size_t steps = 0; steps < count; ++steps)
                at = *std::ranges::find_if(before[at], waiting);
            fail(where_, words_for(graph_.nodes[at]) +
                             ": what it wants is made of its own output, expected a graph without cycles");
        }
        return result;
    }

private:
    void make(const std::string& name, const std::string& who) {
        if (name.empty())
            fail(where_, who + ": expected a name");
        if (!names_.made.insert(name).second)
            fail(where_, who + ": made twice, expected a name of its own");
    }
    void want(const std::string& name, const std::string& who) {
        if (!name.empty() && !names_.made.contains(name) && asked_.insert(name).second)
            names_.wanted.emplace_back(name, who);
    }
    [[nodiscard]] std::vector<std::size_t> makers_for(std::size_t node) const {
        std::set<std::size_t> makers;
        const auto add = [&](const std::string& name) {
            if (const auto found = maker_.find(name); found != maker_.end())
                makers.insert(found->second);
        };
        std::ranges::for_each(graph_.nodes[node].inputs, add);
        for (const auto& [name, who] : of_nodes_[node].wanted)
            add(name);
        return {makers.begin(), makers.end()};
    }

    const OnnxGraph& graph_;
    const std::string& where_;
    const std::vector<OnnxNames>& of_nodes_;
    OnnxNames names_;
    std::set<std::string> asked_;
    std::map<std::string, std::size_t> maker_;  // of outputs of nodes
};

}  // namespace

OnnxNames check_names(OnnxGraph& graph, const std::string& where, const std::vector<OnnxNames>& of_nodes) {
    Names names(graph, where, of_nodes);
    OnnxNames result = names.check();
    std::vector<OnnxNode> sorted;
    for (const std::size_t i : names.order())
        sorted.push_back(std::move(graph.nodes[i]));
    graph.nodes = std::move(sorted);
    for (const OnnxNames& inside : of_nodes)
        result.made.insert(inside.made.begin(), inside.made.end());
    return result;
}

std::string words_for(const OnnxNode& node) {
    return "node " + in_quotes(node.name) + " (" + (node.domain.empty() ? "" : node.domain.substr(0, 80) + ".") +
           node.op.substr(0, 80) + ")";
}

std::string in_quotes(const std::string& name) {
    return excerpt(name, 200);
}

}  // namespace descrambler
