// ONNX files are written as they are read (onnx.cpp): nodes, constants, inputs and outputs.
#include <limits>

#include "descrambler/files.hpp"
#include "descrambler/onnx.hpp"
#include "io/bytes.hpp"
#include "onnx/onnx.pb.h"

namespace descrambler {
namespace pb = descrambler_onnx;
namespace {

using DataType = pb::TensorProto;

pb::TensorProto::DataType data_type(ElementType type) {
    switch (type) {
        case ElementType::f32:
            return DataType::FLOAT;
        case ElementType::f64:
            return DataType::DOUBLE;
        case ElementType::i64:
            return DataType::INT64;
        case ElementType::i32:
            return DataType::INT32;
        case ElementType::i16:
            return DataType::INT16;
        case ElementType::i8:
            return DataType::INT8;
        case ElementType::u8:
            return DataType::UINT8;
        default:
            return DataType::BOOL;
    }
}

template <class Stored>
std::string raw(const std::vector<Stored>& numbers) {
    std::string bytes;
    bytes.reserve(numbers.size() * sizeof(Stored));
    for (const Stored number : numbers)
        bytes.append(to_bytes(number, std::endian::little).data(), sizeof(Stored));
    return bytes;
}
template <class Stored>
std::string narrowed(const std::vector<std::int64_t>& numbers) {  // back to the width they had
    return raw(std::vector<Stored>(numbers.begin(), numbers.end()));
}

std::string raw_data(const Tensor& tensor) {
    switch (tensor.type) {
        case ElementType::f32:
            return raw(tensor.as<float>());
        case ElementType::f64:
            return raw(tensor.as<double>());
        case ElementType::i64:
            return raw(tensor.integers());
        case ElementType::i32:
            return narrowed<std::int32_t>(tensor.integers());
        case ElementType::i16:
            return narrowed<std::int16_t>(tensor.integers());
        case ElementType::i8:
            return narrowed<std::int8_t>(tensor.integers());
        default:
            return narrowed<std::uint8_t>(tensor.integers());
    }
}

void put(const Tensor& tensor, pb::TensorProto& to) {
    to.set_data_type(data_type(tensor.type));
    for (const Index extent : tensor.shape)
        to.add_dims(extent);
    to.set_raw_data(raw_data(tensor));
}

void put(const OnnxValue& value, pb::ValueInfoProto& to) {
    to.set_name(value.name);
    if (!value.type)
        return;
    pb::TypeProto::Tensor& tensor = *to.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(data_type(*value.type));
    if (!value.dims)
        return;
    pb::TensorShapeProto& shape = *tensor.mutable_shape();
    for (const auto& dim : *value.dims) {
        pb::TensorShapeProto::Dimension& extent = *shape.add_dim();
        if (const Index* number = std::get_if<Index>(&dim))
            extent.set_dim_value(*number);
        else if (!std::get<std::string>(dim).empty())
            extent.set_dim_param(std::get<std::string>(dim));
    }
}

void put(const OnnxGraph& graph, pb::GraphProto& to);

// One overload a type of value.
struct AttributeWriter {
    pb::AttributeProto& to;

    void operator()(std::int64_t value) const {
        to.set_type(pb::AttributeProto::INT);
        to.set_i(value);
    }
    void operator()(float value) const {
        to.set_type(pb::AttributeProto::FLOAT);
        to.set_f(value);
    }
    void operator()(const std::string& value) const {
        to.set_type(pb::AttributeProto::STRING);
        to.set_s(value);
    }
    void operator()(const std::vector<std::int64_t>& values) const {
        to.set_type(pb::AttributeProto::INTS);
        for (const std::int64_t value : values)
            to.add_ints(value);
    }
    void operator()(const std::vector<float>& values) const {
        to.set_type(pb::AttributeProto::FLOATS);
        for (const float value : values)
            to.add_floats(value);
    }
    void operator()(const std::vector<std::string>& values) const {
        to.set_type(pb::AttributeProto::STRINGS);
        for (const std::string& value : values)
            to.add_strings(value);
    }
    void operator()(const Tensor& value) const {
        to.set_type(pb::AttributeProto::TENSOR);
        put(value, *to.mutable_t());
    }
    void operator()(const std::shared_ptr<const OnnxGraph>& value) const {
        to.set_type(pb::AttributeProto::GRAPH);
        put(*value, *to.mutable_g());
    }
};

void put(const OnnxNode& node, pb::NodeProto& to) {
    to.set_name(node.name);
    to.set_op_type(node.op);
    to.set_domain(node.domain);
    for (const std::string& input : node.inputs)
        to.add_input(input);
    for (const std::string& output : node.outputs)
        to.add_output(output);
    for (const OnnxAttribute& attribute : node.attributes) {
        pb::AttributeProto& proto = *to.add_attribute();
        proto.set_name(attribute.name);
        std::visit(AttributeWriter{proto}, attribute.value);
    }
}

void put(const OnnxGraph& graph, pb::GraphProto& to) {
    to.set_name("graph");  // the format wants one
    for (const OnnxNode& node : graph.nodes)
        put(node, *to.add_node());
    for (const auto& [name, tensor] : graph.constants) {
        pb::TensorProto& proto = *to.add_initializer();
        proto.set_name(name);
        put(tensor, proto);
    }
    for (const OnnxValue& input : graph.inputs)
        put(input, *to.add_input());
    for (const OnnxValue& output : graph.outputs)
        put(output, *to.add_output());
}

void add_opset(pb::ModelProto& to, const std::string& domain, std::int64_t version) {
    pb::OperatorSetIdProto& set = *to.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
}

}  // namespace

void write_onnx(const std::filesystem::path& path, const OnnxModel& model) {
    pb::ModelProto proto;
    proto.set_ir_version(model.ir_version);
    proto.set_producer_name(model.producer);
    proto.set_producer_version(model.producer_version);
    add_opset(proto, "", model.opset);
    for (const auto& [domain, version] : model.other_opsets)
        add_opset(proto, domain, version);
    for (const auto& [key, value] : model.metadata) {
        pb::StringStringEntryProto& entry = *proto.add_metadata_props();
        entry.set_key(key);
        entry.set_value(value);
    }
    put(model.graph, *proto.mutable_graph());
    std::string bytes;
    if (proto.ByteSizeLong() > std::numeric_limits<std::int32_t>::max() || !proto.SerializeToString(&bytes))
        throw Error(path.string() + ": more than 2147483647 bytes, which an ONNX file cannot hold");
    write_file(path, bytes);
}

}  // namespace descrambler
