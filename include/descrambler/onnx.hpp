// ONNX files as they are written: nodes, constants, inputs and outputs, checked for what does not depend on the meaning
// of operators. What they mean: graph.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "descrambler/tensor.hpp"

namespace descrambler {

struct OnnxGraph;

struct OnnxAttribute {
    using Value = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, std::shared_ptr<const OnnxGraph>>;
    std::string name;
    Value value;
};
struct OnnxNode {
    std::string name;        // "Conv_3" (operator and place in the file) where it has none; two may have the same
    std::string op, domain;  // domain: "" is ai.onnx
    std::vector<std::string> inputs, outputs;  // "" is an input left out
    std::vector<OnnxAttribute> attributes;
};
struct OnnxValue {  // an input or an output
    std::string name;
    std::optional<ElementType> type;                                    // f32 for float16 and bfloat16
    std::optional<std::vector<std::variant<Index, std::string>>> dims;  // a number, or a name or "" where it is free
};
struct OnnxGraph {
    std::vector<OnnxNode> nodes;              // each after those whose outputs it or a graph inside it wants
    std::map<std::string, Tensor> constants;  // initialisers
    std::vector<OnnxValue> inputs, outputs;   // inputs: those without an initialiser
};
struct OnnxModel {
    std::string path;  // for messages
    std::string producer, producer_version;
    std::map<std::string, std::string> metadata;
    std::int64_t ir_version = 0, opset = 0;            // opset of ai.onnx
    std::map<std::string, std::int64_t> other_opsets;  // of other domains that are declared
    std::vector<std::filesystem::path> external;       // files of external data, in the order of their names
    OnnxGraph graph;
};

// Weights of types float16 and bfloat16 come as float32, numbers that are not finite as they are. Throws InputError naming
// file, node or tensor, and what was expected: bytes that are no protobuf message of this kind, more than 2 GiB, versions
// of the format (ir_version) but 3 to 14, names that are missing or made twice (also by a graph inside a node), cycles,
// graphs more than 16 deep, types that are not served (strings, complex, sequences, maps, sparse tensors), operators of
// sets that are not imported, functions of the model where a node calls one, fewer or more bytes than dims say, extents that
// overflow, external data outside the folder of the file or beyond the end of theirs.
// Not read: quantisation annotations, shapes of inner values, training information. Of metadata of one name the last.
[[nodiscard]] OnnxModel read_onnx(const std::filesystem::path& path);
// The same of bytes in memory; folder: where external data lie. path: for messages.
[[nodiscard]] OnnxModel parse_onnx(std::string_view bytes, const std::string& path,
                                   const std::filesystem::path& folder);
// The same bytes for the same model, whole or not at all. Constants of f32 are written as float. Throws Error where the
// file cannot be written and for more than 2 GiB. Nothing is checked that read_onnx checks.
void write_onnx(const std::filesystem::path& path, const OnnxModel& model);
// A TensorProto alone, as test data of the ONNX project are.
[[nodiscard]] Tensor read_onnx_tensor(const std::filesystem::path& path);

}  // namespace descrambler
