#include "descrambler/onnx.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <set>
#include <system_error>

#include "io/bytes.hpp"
#include "io/half.hpp"
#include "io/onnx_names.hpp"
#include "io/text.hpp"
#include "onnx/onnx.pb.h"

namespace descrambler {
namespace fs = std::filesystem;
namespace pb = descrambler_onnx;
namespace {

using DataType = pb::TensorProto;                                                // for the names of its types
constexpr std::uintmax_t most_bytes = std::numeric_limits<std::int32_t>::max();  // protobuf counts them in 32 bits
constexpr const char* too_large = ": expected at most 2147483647 bytes, and external data beyond";
constexpr int most_nested_graphs = 16;
constexpr int most_dims = 32;
constexpr std::uintmax_t most_uses = 8;  // of an external byte: tied weights are named by several tensors
constexpr std::int64_t oldest_ir = 3;    // operator sets exist since

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw InputError(where + what);
}

// Bytes of a regular file: a pipe or a device would keep us waiting or never end.
std::uintmax_t file_bytes(const fs::path& path, const std::string& where) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
        fail(where, "cannot be read: " + error.message());
    if (!fs::is_regular_file(status))
        fail(where, "expected a regular file");
    const std::uintmax_t size = fs::file_size(path, error);
    if (error)
        fail(where, "cannot be read: " + error.message());
    return size;
}

std::string type_name(std::int32_t type) {
    if (type == DataType::UNDEFINED)
        return "no type";
    return pb::TensorProto_DataType_IsValid(type)
               ? lower(pb::TensorProto_DataType_Name(static_cast<pb::TensorProto_DataType>(type)))
               : "type " + std::to_string(type);
}

// What a type of the file becomes, if it is served.
std::optional<ElementType> element_type(std::int32_t type) {
    switch (type) {
        case DataType::FLOAT:
        case DataType::FLOAT16:
        case DataType::BFLOAT16:
            return ElementType::f32;
        case DataType::DOUBLE:
            return ElementType::f64;
        case DataType::INT64:
            return ElementType::i64;
        case DataType::INT32:
            return ElementType::i32;
        case DataType::INT16:
            return ElementType::i16;
        case DataType::INT8:
            return ElementType::i8;
        case DataType::UINT8:
            return ElementType::u8;
        case DataType::BOOL:
            return ElementType::boolean;
        default:
            return std::nullopt;
    }
}
constexpr const char* served_types = "float, double, float16, bfloat16, int64, int32, int16, int8, uint8 or bool";

// External data: folder, and the bytes that tensors have taken from each file.
class ExternalData {
public:
    explicit ExternalData(fs::path folder) : folder_(folder.empty() ? fs::path(".") : std::move(folder)) {}

    std::string read(const pb::TensorProto& tensor, std::uintmax_t bytes, const std::string& where) {
        std::string location;
        std::optional<Index> offset = 0, length;
        for (const pb::StringStringEntryProto& entry : tensor.external_data()) {
            if (entry.key() == "location")
                location = entry.value();
            if (entry.key() == "offset" && !(offset = parse_index(entry.value())))
                fail(where, "offset of external data: expected a whole number, found " + excerpt(entry.value()));
            if (entry.key() == "length" && !(length = parse_index(entry.value())))
                fail(where, "length of external data: expected a whole number, found " + excerpt(entry.value()));
        }
        const fs::path path = inside(location, where);
        const std::uintmax_t size = file_bytes(path, where + "external data " + in_quotes(location) + ": ");
        const auto first = static_cast<std::uintmax_t>(*offset);
        if (first > size || (length && static_cast<std::uintmax_t>(*length) > size - first))
            fail(where, "external data " + in_quotes(location) + ": expected an offset and a length inside its " +
                            std::to_string(size) + " bytes");
        const std::uintmax_t here = length ? static_cast<std::uintmax_t>(*length) : size - first;
        if (here != bytes)
            fail(where, "external data " + in_quotes(location) + ": expected " + std::to_string(bytes) +
                            " bytes, found " + std::to_string(here));
        if ((taken_[path] += bytes) > most_uses * size)
            fail(where, "external data " + in_quotes(location) + ": expected tensors that take each byte at most " +
                            std::to_string(most_uses) + " times");
        std::string result(bytes, '\0');
        std::ifstream in(path, std::ios::binary);
        in.seekg(*offset);
        in.read(result.data(), static_cast<std::streamsize>(bytes));
        if (!in)
            fail(where, "external data " + in_quotes(location) + ": cannot be read");
        return result;
    }

    [[nodiscard]] std::vector<fs::path> files() const {
        std::vector<fs::path> result;
        for (const auto& [path, bytes] : taken_)
            result.push_back(path);
        return result;
    }

private:
    // The file itself, below the folder of the model also where a symbolic link leads.
    [[nodiscard]] fs::path inside(const std::string& location, const std::string& where) const {
        const fs::path relative = location;
        const auto refuse = [&] {
            fail(where, "external data " + in_quotes(location) + ": expected a file inside the folder of the model");
        };
        if (location.empty() || relative.is_absolute() || location.find('\0') != location.npos ||
            std::ranges::find(relative, "..") != relative.end())
            refuse();
        std::error_code error;
        const fs::path folder = fs::canonical(folder_, error);
        const fs::path path = error ? fs::path() : fs::weakly_canonical(folder_ / relative, error);
        if (error || std::ranges::mismatch(folder, path).in1 != folder.end())
            refuse();
        return path;
    }

    fs::path folder_;
    std::map<fs::path, std::uintmax_t> taken_;
};

// The elements of a tensor, as bytes or as a list of numbers, of which one is empty.
struct Source {
    std::string_view raw;
    Index count;
    const std::string& where;
};

// Numbers that the file has as Stored, list: where they are written one by one.
template <class Stored, class List>
std::vector<Stored> stored(const Source& source, const List& list) {
    std::vector<Stored> result(static_cast<std::size_t>(source.count));
    if (list.empty()) {
        for (std::size_t k = 0; k < result.size(); ++k)
            result[k] = from_bytes<Stored>(source.raw.data() + k * sizeof(Stored), std::endian::little);
        return result;
    }
    for (std::size_t k = 0; k < result.size(); ++k) {
        const auto value = list.Get(static_cast<int>(k));
        result[k] = static_cast<Stored>(value);
        if constexpr (std::is_integral_v<Stored>)
            if (result[k] != value)
                fail(source.where, "value " + std::to_string(k) + ": expected " + std::to_string(8 * sizeof(Stored)) +
                                       " bits, found " + std::to_string(value));
    }
    return result;
}

template <class T, class Stored, class Convert>
std::vector<T> converted(const std::vector<Stored>& list, Convert convert) {
    std::vector<T> result(list.size());
    std::ranges::transform(list, result.begin(), convert);
    return result;
}

std::vector<std::int64_t> wide(const auto& list) {
    return {list.begin(), list.end()};
}

Tensor::Values elements(const pb::TensorProto& proto, const Source& source) {
    switch (proto.data_type()) {
        case DataType::FLOAT:
            return stored<float>(source, proto.float_data());
        case DataType::FLOAT16:
            return converted<float>(stored<std::uint16_t>(source, proto.int32_data()), from_float16);
        case DataType::BFLOAT16:
            return converted<float>(stored<std::uint16_t>(source, proto.int32_data()), from_bfloat16);
        case DataType::DOUBLE:
            return stored<double>(source, proto.double_data());
        case DataType::INT64:
            return stored<std::int64_t>(source, proto.int64_data());
        case DataType::INT32:
            return wide(stored<std::int32_t>(source, proto.int32_data()));
        case DataType::INT16:
            return wide(stored<std::int16_t>(source, proto.int32_data()));
        case DataType::INT8:
            return wide(stored<std::int8_t>(source, proto.int32_data()));
        default:
            break;
    }
    std::vector<std::int64_t> values = wide(stored<std::uint8_t>(source, proto.int32_data()));
    if (proto.data_type() == DataType::BOOL && std::ranges::any_of(values, [](std::int64_t x) { return x > 1; }))
        fail(source.where, "expected truths as 0 or 1, found another number");
    return values;
}

// Bytes of an element, and how many stand in the list that is for its type.
std::pair<Index, Index> width_and_listed(const pb::TensorProto& proto) {
    switch (proto.data_type()) {
        case DataType::FLOAT:
            return {4, proto.float_data_size()};
        case DataType::DOUBLE:
            return {8, proto.double_data_size()};
        case DataType::INT64:
            return {8, proto.int64_data_size()};
        case DataType::INT32:
            return {4, proto.int32_data_size()};
        case DataType::FLOAT16:
        case DataType::BFLOAT16:
        case DataType::INT16:
            return {2, proto.int32_data_size()};
        default:
            return {1, proto.int32_data_size()};
    }
}

Shape shape_of(const pb::TensorProto& proto, const std::string& where) {
    if (proto.dims_size() > most_dims)
        fail(where, "expected at most " + std::to_string(most_dims) + " dimensions, found " +
                        std::to_string(proto.dims_size()));
    Shape shape(proto.dims().begin(), proto.dims().end());
    try {
        (void)volume(shape);
    } catch (const InputError& error) {
        fail(where, error.what());
    }
    return shape;
}

// where: begins messages and ends with ": ". The message is emptied: the memory of weights is not needed twice.
Tensor read_tensor(pb::TensorProto& message, ExternalData& external, const std::string& where) {
    pb::TensorProto proto;
    proto.Swap(&message);
    const std::optional<ElementType> type = element_type(proto.data_type());
    if (!type)
        fail(where, "expected " + std::string(served_types) + ", found " + type_name(proto.data_type()));
    if (proto.has_segment())
        fail(where, "expected a whole tensor, found a segment");
    const Shape shape = shape_of(proto, where);
    const Index count = volume(shape);
    const auto [width, listed] = width_and_listed(proto);
    const Index listed_at_all = Index{proto.float_data_size()} + proto.int32_data_size() + proto.string_data_size() +
                                proto.int64_data_size() + proto.double_data_size() + proto.uint64_data_size();
    if (listed_at_all != listed)
        fail(where, "expected values in the field of " + type_name(proto.data_type()) + ", found some in another");
    const bool outside = proto.data_location() == pb::TensorProto::EXTERNAL;
    if ((listed > 0) + (!proto.raw_data().empty()) + outside > 1)
        fail(where, "expected raw data, a list of values or external data, found more than one");
    std::string raw;
    if (outside)
        raw = external.read(proto, static_cast<std::uintmax_t>(count * width), where);
    else
        raw.swap(*proto.mutable_raw_data());
    if (listed > 0 ? listed != count : std::ssize(raw) != count * width)
        fail(where, "dims " + to_string(shape) + ": expected " +
                        (listed > 0 ? std::to_string(count) + " values, found " + std::to_string(listed)
                                    : std::to_string(count * width) + " bytes, found " + std::to_string(raw.size())));
    return {*type, shape, elements(proto, {raw, count, where})};
}

OnnxValue read_value(const pb::ValueInfoProto& proto, const std::string& where) {
    OnnxValue value{.name = proto.name(), .type = {}, .dims = {}};
    if (proto.type().value_case() == pb::TypeProto::VALUE_NOT_SET)
        return value;
    if (!proto.type().has_tensor_type())
        fail(where, "expected a tensor, found a sequence, a map, an optional, a sparse or an opaque value");
    const pb::TypeProto::Tensor& tensor = proto.type().tensor_type();
    value.type = element_type(tensor.elem_type());
    if (!value.type && tensor.elem_type() != DataType::UNDEFINED)
        fail(where, "expected " + std::string(served_types) + ", found " + type_name(tensor.elem_type()));
    if (!tensor.has_shape())
        return value;
    if (tensor.shape().dim_size() > most_dims)
        fail(where, "expected at most " + std::to_string(most_dims) + " dimensions, found " +
                        std::to_string(tensor.shape().dim_size()));
    auto& dims = value.dims.emplace();
    for (const pb::TensorShapeProto::Dimension& dim : tensor.shape().dim())
        if (dim.has_dim_value() && dim.dim_value() >= 0)
            dims.emplace_back(dim.dim_value());
        else if (dim.dim_value() >= -1)  // some exporters write -1 for an extent that is free
            dims.emplace_back(dim.dim_param());
        else
            fail(where, "expected extents from 0, found " + std::to_string(dim.dim_value()));
    return value;
}

class ModelReader {
public:
    ModelReader(const std::string& path, const fs::path& folder) : path_(path + ": "), external_(folder) {}

    OnnxModel read(pb::ModelProto& proto) {
        OnnxModel model;
        model.producer = proto.producer_name();
        model.producer_version = proto.producer_version();
        for (const pb::StringStringEntryProto& entry : proto.metadata_props())
            model.metadata[entry.key()] = entry.value();
        model.ir_version = proto.ir_version();
        if (!proto.has_ir_version() || model.ir_version < oldest_ir || model.ir_version > pb::IR_VERSION)
            fail(path_, "ir_version: expected " + std::to_string(oldest_ir) + " to " + std::to_string(pb::IR_VERSION) +
                            ", found " + (proto.has_ir_version() ? std::to_string(model.ir_version) : "none"));
        for (const pb::OperatorSetIdProto& set : proto.opset_import()) {
            const std::string domain = plain(set.domain());
            if (set.version() < 1)
                fail(path_, "operator set " + in_quotes(set.domain()) + ": expected a version from 1, found " +
                                std::to_string(set.version()));
            if (!opsets_.emplace(domain, set.version()).second)
                fail(path_, "operator set " + in_quotes(set.domain()) + ": imported twice");
        }
        if (!opsets_.contains(""))
            fail(path_, "expected an import of the operator set ai.onnx");
        if (!proto.has_graph())
            fail(path_, "expected a graph");
        for (const pb::FunctionProto& function : proto.functions())
            functions_.emplace(plain(function.domain()), function.name());
        auto [graph, names] = read_graph(*proto.mutable_graph(), path_, 1);
        if (!names.wanted.empty())
            fail(names.wanted.front().second,
                 ": expected an initialiser, an input of the graph or an output of a node, found none of this name");
        model.graph = std::move(graph);
        model.opset = opsets_.extract("").mapped();
        model.other_opsets = std::move(opsets_);
        model.external = external_.files();
        return model;
    }

private:
    static std::string plain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

    std::pair<OnnxGraph, OnnxNames> read_graph(pb::GraphProto& proto, const std::string& where, int depth) {
        if (depth > most_nested_graphs)
            fail(where, "expected at most " + std::to_string(most_nested_graphs) + " graphs inside one another");
        if (proto.sparse_initializer_size() > 0)
            fail(where, "initialiser " + in_quotes(proto.sparse_initializer(0).values().name()) +
                            ": expected a dense tensor, found a sparse one");
        OnnxGraph graph;
        for (pb::TensorProto& tensor : *proto.mutable_initializer()) {
            const std::string name = tensor.name(), words = where + "initialiser " + in_quotes(name) + ": ";
            if (graph.constants.contains(name))
                fail(words, "made twice, expected a name of its own");
            graph.constants.emplace(name, read_tensor(tensor, external_, words));
        }
        for (const pb::ValueInfoProto& input : proto.input())
            if (!graph.constants.contains(input.name()))  // files before version 4 have initialisers here too
                graph.inputs.push_back(read_value(input, where + "input " + in_quotes(input.name()) + ": "));
        for (const pb::ValueInfoProto& output : proto.output()) {
            const std::string words = where + "output " + in_quotes(output.name()) + ": ";
            if (output.name().empty())
                fail(words, "expected a name");
            graph.outputs.push_back(read_value(output, words));
        }
        if (graph.outputs.empty())
            fail(where, "expected a graph with an output");
        std::vector<OnnxNames> inside;
        for (pb::NodeProto& node : *proto.mutable_node())
            graph.nodes.push_back(read_node(node, graph.nodes.size(), where, depth, inside.emplace_back()));
        OnnxNames names = check_names(graph, where, inside);
        return {std::move(graph), std::move(names)};
    }

    OnnxNode read_node(pb::NodeProto& proto, std::size_t place, const std::string& where, int depth,
                       OnnxNames& inside) {
        OnnxNode node{.name = proto.name(), .op = proto.op_type(), .domain = plain(proto.domain())};
        if (node.name.empty())
            node.name = node.op + "_" + std::to_string(place);
        const std::string words = where + words_for(node) + ": ";
        if (node.op.empty())
            fail(words, "expected an operator");
        if (functions_.contains({node.domain, node.op}))
            fail(words, "expected an operator, found a function of the model");
        if (!opsets_.contains(node.domain))
            fail(words, "expected an operator of a set that the model imports");
        node.inputs.assign(proto.input().begin(), proto.input().end());
        node.outputs.assign(proto.output().begin(), proto.output().end());
        std::set<std::string> names;
        for (pb::AttributeProto& attribute : *proto.mutable_attribute()) {
            const std::string here = words + "attribute " + in_quotes(attribute.name()) + ": ";
            if (attribute.name().empty())
                fail(here, "expected a name");
            if (!names.insert(attribute.name()).second)
                fail(here, "given twice");
            node.attributes.push_back({attribute.name(), read_attribute(attribute, here, depth, inside)});
        }
        return node;
    }

    OnnxAttribute::Value read_attribute(pb::AttributeProto& proto, const std::string& where, int depth,
                                        OnnxNames& inside) {
        if (!proto.ref_attr_name().empty())
            fail(where, "expected a value, found a reference to an attribute of a function");
        check_one_value(proto, where);
        switch (proto.type()) {
            case pb::AttributeProto::INT:
                return proto.i();  // absent is 0: some writers leave out what is zero
            case pb::AttributeProto::FLOAT:
                return proto.f();
            case pb::AttributeProto::STRING:
                return proto.s();
            case pb::AttributeProto::INTS:
                return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
            case pb::AttributeProto::FLOATS:
                return std::vector<float>(proto.floats().begin(), proto.floats().end());
            case pb::AttributeProto::STRINGS:
                return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
            case pb::AttributeProto::TENSOR:
                return read_tensor(*proto.mutable_t(), external_, where);
            case pb::AttributeProto::GRAPH: {
                auto [graph, names] = read_graph(*proto.mutable_g(), where, depth + 1);
                inside.made.merge(names.made);
                std::ranges::move(names.wanted, std::back_inserter(inside.wanted));
                return std::make_shared<const OnnxGraph>(std::move(graph));
            }
            default:
                fail(where, "expected an int, a float, a string, lists of these, a tensor or a graph, found " +
                                (proto.type() == pb::AttributeProto::UNDEFINED
                                     ? "no type"
                                     : lower(pb::AttributeProto_AttributeType_Name(proto.type()))));
        }
    }

    // A value of the declared type and no other. Scalars may be absent, tensors and graphs may not.
    static void check_one_value(const pb::AttributeProto& proto, const std::string& where) {
        using Type = pb::AttributeProto;
        const std::pair<Type::AttributeType, bool> values[] = {
            {Type::INT, proto.has_i()},
            {Type::FLOAT, proto.has_f()},
            {Type::STRING, proto.has_s()},
            {Type::INTS, proto.ints_size() > 0},
            {Type::FLOATS, proto.floats_size() > 0},
            {Type::STRINGS, proto.strings_size() > 0},
            {Type::TENSOR, proto.has_t()},
            {Type::GRAPH, proto.has_g()},
            {Type::TENSORS, proto.tensors_size() > 0},
            {Type::GRAPHS, proto.graphs_size() > 0},
            {Type::SPARSE_TENSOR, proto.has_sparse_tensor()},
            {Type::SPARSE_TENSORS, proto.sparse_tensors_size() > 0},
            {Type::TYPE_PROTO, proto.has_tp()},
            {Type::TYPE_PROTOS, proto.type_protos_size() > 0},
        };
        for (const auto& [type, there] : values) {
            const bool declared = type == proto.type();
            const std::string name = lower(pb::AttributeProto_AttributeType_Name(type));
            if (there && !declared)
                fail(where, "expected a value of the declared type, found one of type " + name);
            if (!there && declared && (type == Type::TENSOR || type == Type::GRAPH))
                fail(where, "expected a " + name + ", found none");
        }
    }

    std::string path_;  // begins messages
    ExternalData external_;
    std::map<std::string, std::int64_t> opsets_;
    std::set<std::pair<std::string, std::string>> functions_;
};

template <class Message>
void parse(std::string_view bytes, Message& message, const std::string& path, const std::string& expected) {
    if (bytes.size() > most_bytes)
        fail(path, too_large);
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))  // messages in at most 100 others
        fail(path, ": expected " + expected + ", found bytes that are none");
}

// The bytes of the file are gone when the weights are converted: they take their size twice, not three times.
template <class Message>
void parse_file(const fs::path& path, Message& message, const std::string& expected) {
    const std::uintmax_t size = file_bytes(path, path.string() + ": ");
    if (size > most_bytes)
        fail(path.string(), too_large);
    std::ifstream in(path, std::ios::binary);
    std::string bytes(size, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(size));
    if (!in)
        fail(path.string(), ": cannot be read");
    parse(bytes, message, path.string(), expected);
}

OnnxModel read_model(pb::ModelProto& proto, const std::string& path, const fs::path& folder) {
    OnnxModel model = ModelReader(path, folder).read(proto);
    model.path = path;
    return model;
}

}  // namespace

OnnxModel read_onnx(const fs::path& path) {
    pb::ModelProto proto;
    parse_file(path, proto, "an ONNX model");
    return read_model(proto, path.string(), path.parent_path());
}

OnnxModel parse_onnx(std::string_view bytes, const std::string& path, const fs::path& folder) {
    pb::ModelProto proto;
    parse(bytes, proto, path, "an ONNX model");
    return read_model(proto, path, folder);
}

Tensor read_onnx_tensor(const fs::path& path) {
    pb::TensorProto proto;
    parse_file(path, proto, "an ONNX tensor");
    ExternalData external(path.parent_path());
    return read_tensor(proto, external, path.string() + ": ");
}

}  // namespace descrambler
