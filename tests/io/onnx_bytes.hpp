// ONNX files written by hand: fields of protobuf messages one after the other, with the numbers of src/io/onnx/onnx.proto.
#pragma once

#include <bit>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/tensor.hpp"
#include "io/bytes.hpp"

namespace descrambler::test::onnx {

inline std::string varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7)
        bytes += static_cast<char>(value | 0x80);
    return bytes + static_cast<char>(value);
}
std::string field(unsigned number, std::integral auto value) {
    return varint(number << 3) + varint(static_cast<std::uint64_t>(std::int64_t{value}));
}
std::string field(unsigned number, std::same_as<float> auto value) {
    const auto bytes = to_bytes(value, std::endian::little);
    return varint(number << 3 | 5) + std::string(bytes.data(), bytes.size());
}
inline std::string field(unsigned number, std::string_view bytes) {  // texts and messages
    return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}

template <class T>
std::string raw(const std::vector<T>& values) {
    std::string bytes;
    for (const T value : values)
        bytes.append(to_bytes(value, std::endian::little).data(), sizeof(T));
    return bytes;
}
inline std::string packed(const std::vector<std::int64_t>& values) {
    std::string bytes;
    for (const std::int64_t value : values)
        bytes += varint(static_cast<std::uint64_t>(value));
    return bytes;
}

// Types of elements, fields of TensorProto and types of attributes, as far as the tests need them.
inline constexpr int float32 = 1, uint8 = 2, int8 = 3, int16 = 5, int32 = 6, int64 = 7, boolean = 9, float16 = 10,
                     float64 = 11, bfloat16 = 16;
enum Data : unsigned { float_data = 4, int32_data, string_data, int64_data, raw_data = 9, double_data, uint64_data };

// Messages. `more` are further fields.
inline std::string tensor(std::string_view name, const std::vector<std::int64_t>& dims, int type,
                          const std::string& more) {
    std::string bytes = field(8, name) + field(2, type) + more;
    for (const std::int64_t dim : dims)
        bytes += field(1, dim);
    return bytes;
}
inline std::string tensor(std::string_view name, const std::vector<std::int64_t>& dims,
                          const std::vector<float>& values) {
    return tensor(name, dims, float32, field(raw_data, raw(values)));
}
inline std::string node(std::string_view op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::string& more = "") {
    std::string bytes = field(4, op) + more;
    for (const std::string& name : inputs)
        bytes += field(1, name);
    for (const std::string& name : outputs)
        bytes += field(2, name);
    return field(1, bytes);  // of a graph
}
inline std::string attribute(std::string_view name, int type, const std::string& value) {
    return field(5, field(1, name) + field(20, type) + value);  // of a node
}
inline std::string value(std::string_view name, const std::vector<std::int64_t>& dims, int type = float32) {
    std::string shape;
    for (const std::int64_t dim : dims)
        shape += field(1, field(1, dim));
    return field(1, name) + field(2, field(1, field(1, type) + field(2, shape)));
}
inline std::string input(std::string_view name, const std::vector<std::int64_t>& dims = {1}) {
    return field(11, value(name, dims));
}
inline std::string output(std::string_view name, const std::vector<std::int64_t>& dims = {1}) {
    return field(12, value(name, dims));
}
inline std::string initialiser(const std::string& tensor) {
    return field(5, tensor);
}
inline std::string opset(std::string_view domain, std::int64_t version) {
    return field(8, field(1, domain) + field(2, version));
}
inline std::string model(const std::string& graph, const std::string& opsets = opset("", 17), std::int64_t ir = 8) {
    return field(1, ir) + opsets + field(7, graph);
}

}  // namespace descrambler::test::onnx
