#include "cli/graph_inputs.hpp"

#include <algorithm>

#include "cli/numbers.hpp"
#include "descrambler/files.hpp"
#include "descrambler/npy.hpp"
#include "io/checksum.hpp"

namespace descrambler::cli {

namespace {

constexpr Index most_kept_bytes = Index{1} << 28;  // of signals that are kept in memory

std::pair<std::string, std::string> parts_of(const std::string& option, const std::string& text) {
    const std::size_t at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
        throw InputError(option + " " + text + ": expected NAME=VALUE");
    return {text.substr(0, at), text.substr(at + 1)};
}

// Messages of the graph begin with the node; those of the import with the file.
template <class Make>
auto of_file(const std::string& net, const std::string& hint, const Make& make) {
    try {
        return make();
    } catch (const InputError& error) {
        const std::string what = error.what();
        throw InputError(what.starts_with("node \"") || what.starts_with("value \"") || what.starts_with("no dense")
                             ? net + ": " + what + hint
                             : what);
    }
}

// ": expected before, after or a dense node: fc1, fc2"
std::string dense_nodes(const OnnxModel& model) {
    constexpr int most = 20;
    std::string names;
    int count = 0;
    for (const OnnxNode& node : model.graph.nodes)
        if ((node.op == "Gemm" || node.op == "MatMul") && ++count <= most)
            names += (names.empty() ? "" : ", ") + node.name;
    if (count > most)
        names += " and " + std::to_string(count - most) + " more";
    return names.empty() ? "; the network has no Gemm or MatMul" : "; dense nodes are " + names;
}

const OnnxNode* find_node(const OnnxModel& model, const std::string& name, const std::string& tap) {
    const OnnxNode* found = nullptr;
    for (const OnnxNode& node : model.graph.nodes)
        if (node.name == name) {
            if (found != nullptr)
                throw InputError("--tap " + tap + ": " + model.path +
                                 " has several nodes of this name, expected the name of an output");
            found = &node;
        }
    for (const OnnxNode& node : model.graph.nodes)
        if (found == nullptr && std::ranges::find(node.outputs, name) != node.outputs.end())
            found = &node;
    return found;
}

}  // namespace

bool ends_as_onnx(const std::string& path) {
    return path.ends_with(".onnx");
}

Ensemble dense_ensemble(const std::string& net, bool cut_softmax) {
    const OnnxModel model = read_onnx(net);
    const std::string hint = " (layer --tap NODE takes a dense node of any network)";
    if (model.graph.outputs.size() != 1)
        throw InputError(net + ": " + std::to_string(model.graph.outputs.size()) +
                         " outputs, expected a dense network with one" + hint);
    Ensemble ensemble;
    ImportOptions options;
    options.logits = cut_softmax;
    ensemble.networks.push_back(of_file(net, hint, [&] { return network_of(import_onnx(model, options)); }));
    const auto is_double = [](const Tensor& constant) { return constant.type == ElementType::f64; };
    for (const auto& [name, constant] : model.graph.constants)
        if (is_double(constant))
            ensemble.precision = "f64";
    for (const OnnxNode& node : model.graph.nodes)
        for (const OnnxAttribute& attribute : node.attributes)
            if (const Tensor* constant = std::get_if<Tensor>(&attribute.value);
                constant != nullptr && is_double(*constant))
                ensemble.precision = "f64";
    return ensemble;
}

void GraphOptions::add_to(CLI::App& command, const std::string& when) {
    const auto list = [&](const std::string& name, std::vector<std::string>& to, const std::string& words) {
        command.add_option(name, to, when + words)->allow_extra_args(false)->take_all();
    };
    list("--set", set, "another input bound to values: NAME=FILE.npy (may be repeated)");
    list("--shape", shape,
         "extents of an input that are free: NAME=1x3x64x64 (may be repeated; a picture binds height and width)");
    command.add_option("--input-name", input_name, when + "which input is x (default: the largest)");
}

std::vector<std::string> GraphOptions::files() const {
    std::vector<std::string> result;
    for (const std::string& text : set)
        result.push_back(parts_of("--set", text).second);
    return result;
}

ImportOptions GraphOptions::import() const {
    ImportOptions options;
    for (const std::string& text : set) {
        const auto [name, file] = parts_of("--set", text);
        if (options.set.contains(name))
            throw InputError("--set " + name + ": expected once, found twice");
        options.set[name] = read_npy_tensor(file);
    }
    for (const std::string& text : shape) {
        const auto [name, extents] = parts_of("--shape", text);
        options.shapes[name] = whole_numbers("--shape", extents, 'x');
    }
    options.input = input_name;
    return options;
}

NodeTap open_node(const std::string& net, const std::string& tap, const GraphOptions& options) {
    const OnnxModel model = read_onnx(net);
    constexpr std::string_view input = ":input";
    const OnnxNode* node = find_node(model, tap, tap);
    const bool before = node == nullptr && tap.ends_with(input);
    if (before)
        node = find_node(model, tap.substr(0, tap.size() - input.size()), tap);
    const std::string known = dense_nodes(model);
    if (node == nullptr || node->outputs.empty())
        throw InputError("--tap " + tap + ": expected before, after or a node of " + net + known);
    ImportOptions import = options.import();
    import.logits = false;
    import.output = node->outputs.front();
    NodeTap result{.node = of_file(net, known, [&] { return dense_tap(import_onnx(model, import)); }),
                   .ensemble = {},
                   .at = {1, before ? Tap::after : Tap::before},
                   .content = {},
                   .external = {model.external.begin(), model.external.end()}};
    Network network;
    const Index width = result.node.layer.weight.cols();
    if (before) {
        DenseLayer same{.weight = Matrix<double>(width, width), .bias = {}};
        for (Index i = 0; i < width; ++i)
            same.weight(i, i) = 1;
        network.layers.push_back(std::move(same));
    }
    network.layers.push_back(result.node.layer);
    result.ensemble.networks.push_back(std::move(network));
    Checksum sum;
    constexpr std::size_t most_bytes = std::size_t{1} << 31;
    sum.add(std::string_view(read_file(net, most_bytes)));
    for (const std::string& path : result.external)
        sum.add(std::string_view(read_file(path, most_bytes)));
    result.content = "content of the network = checksum " + sum.text() + "\n";
    return result;
}

Library open_signals(const NodeTap& tap, const Library& inputs, const Execution& execution) {
    Library library = library_at(tap.node, inputs, threads_of(execution));
    if (execution.ranks->size() > 1 ||
        library.samples > most_kept_bytes / static_cast<Index>(sizeof(double)) / library.features)
        return library;
    const auto kept = std::make_shared<Matrix<double>>(library.features, library.samples);
    for (Index first = 0; first < library.samples; first += library_block)
        library.read(first, kept->view().columns(first, std::min(library_block, library.samples - first)));
    Library result = library_of(*kept);
    result.read = [kept, read = result.read](Index first, Batch<double> X) { read(first, X); };
    result.content = library.content;
    return result;
}

}  // namespace descrambler::cli
