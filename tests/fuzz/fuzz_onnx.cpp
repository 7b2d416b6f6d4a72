// ONNX files, what the graph makes of them, with external data of 64 bytes beside them, a.bin.
#include "descrambler/dense_graph.hpp"
#include "descrambler/frozen.hpp"
#include "target.hpp"

namespace {

using namespace descrambler;

void check(const Tensor& tensor) {
    fuzz::expect(tensor.size() == volume(tensor.shape));
    fuzz::expect(is_real(tensor.type) != std::holds_alternative<std::vector<std::int64_t>>(tensor.values));
}

void check(const OnnxGraph& graph) {
    fuzz::expect(!graph.outputs.empty());
    for (const auto& [name, tensor] : graph.constants)
        check(tensor);
    for (const OnnxNode& node : graph.nodes)
        for (const OnnxAttribute& attribute : node.attributes)
            if (const auto* tensor = std::get_if<Tensor>(&attribute.value))
                check(*tensor);
            else if (const auto* inside = std::get_if<std::shared_ptr<const OnnxGraph>>(&attribute.value))
                check(**inside);
}

// A dense network has layers that chain, a dense node what is in front of it.
void read_dense(const Graph& graph) {
    fuzz::accept_or_refuse([&] {
        const Network network = network_of(graph);
        fuzz::expect(network.inputs() == graph.inputs() && network.outputs() == graph.outputs());
        for (std::size_t k = 0; k < network.layers.size(); ++k) {
            const DenseLayer& layer = network.layers[k];
            fuzz::expect(layer.bias.empty() || std::ssize(layer.bias) == layer.weight.rows());
            fuzz::expect(k == 0 || layer.weight.cols() == network.layers[k - 1].weight.rows());
        }
    });
    fuzz::accept_or_refuse([&] {
        const DenseTap tap = dense_tap(graph);
        fuzz::expect(tap.before.outputs() == tap.rows * tap.layer.weight.cols());
        fuzz::expect(tap.layer.bias.empty() || std::ssize(tap.layer.bias) == tap.layer.weight.rows());
    });
}

// What the import accepts can be frozen where it is small: F x0 + r is computed, and the way back.
void freeze(const OnnxModel& model) {
    static const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    const Graph graph = import_onnx(model, {});
    Index numbers = 0;
    for (const GraphValue& value : graph.values)
        numbers += volume(value.shape);
    if (numbers > 10'000)
        return;
    read_dense(graph);
    const std::vector<double> x0(static_cast<std::size_t>(graph.inputs()), .5);
    for (const FreezeRule rule : {FreezeRule::frozen, FreezeRule::taylor}) {
        const FrozenNetwork<double> frozen(*on, graph, x0, {rule, NormRule::std});
        fuzz::expect(std::ssize(frozen.residual()) == graph.outputs());
        const std::vector<Index> first{0};
        fuzz::expect(frozen.contributions(first).values.cols() == 1);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Scratch file("a.bin");
    static const bool there = (file.put(std::string(64, '\1')), true);
    fuzz::expect(there);
    fuzz::accept_or_refuse([&] {
        const OnnxModel model =
            parse_onnx({reinterpret_cast<const char*>(data), size}, "a.onnx", file.path().parent_path());
        check(model.graph);
        fuzz::expect(model.opset > 0);
        freeze(model);
    });
    return 0;
}
