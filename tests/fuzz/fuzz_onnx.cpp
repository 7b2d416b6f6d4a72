// ONNX files, with external data of 64 bytes beside them, a.bin.
#include "descrambler/onnx.hpp"
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
    });
    return 0;
}
