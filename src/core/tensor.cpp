#include "descrambler/tensor.hpp"

#include <algorithm>

namespace descrambler {

Index volume(const Shape& shape) {
    constexpr Index most = Index{1} << 40;
    Index product = 1;
    bool empty = false;
    for (const Index extent : shape) {
        if (extent < 0)
            throw InputError("shape " + to_string(shape) + ": a negative extent");
        empty = empty || extent == 0;
        if (extent > 0 && product > most / extent)
            throw InputError("shape " + to_string(shape) + ": more than 2^40 elements");
        product *= std::max<Index>(extent, 1);
    }
    return empty ? 0 : product;
}

std::string to_string(const Shape& shape) {
    std::string text;
    for (const Index extent : shape) {
        text += text.empty() ? "" : "x";  // not in one: a false warning of GCC 12
        text += std::to_string(extent);
    }
    return shape.empty() ? "scalar" : text;
}

std::string_view to_string(ElementType type) {
    switch (type) {
        case ElementType::f32:
            return "float32";
        case ElementType::f64:
            return "float64";
        case ElementType::i64:
            return "int64";
        case ElementType::i32:
            return "int32";
        case ElementType::i16:
            return "int16";
        case ElementType::i8:
            return "int8";
        case ElementType::u8:
            return "uint8";
        case ElementType::boolean:
            return "bool";
    }
    return "";
}

bool is_real(ElementType type) {
    return type == ElementType::f32 || type == ElementType::f64;
}

Index Tensor::size() const {
    return std::visit([](const auto& list) { return std::ssize(list); }, values);
}

template <class T>
std::vector<T> Tensor::as() const {
    return std::visit(
        [](const auto& list) {
            std::vector<T> result(list.size());
            std::ranges::transform(list, result.begin(), [](auto value) { return static_cast<T>(value); });
            return result;
        },
        values);
}
template std::vector<float> Tensor::as() const;
template std::vector<double> Tensor::as() const;
template std::vector<std::int64_t> Tensor::as() const;

Tensor tensor(Shape shape, std::vector<double> values) {
    require(volume(shape) == std::ssize(values), "tensor: as many values as its shape has");
    return {ElementType::f64, std::move(shape), std::move(values)};
}
Tensor tensor(Shape shape, std::vector<float> values) {
    require(volume(shape) == std::ssize(values), "tensor: as many values as its shape has");
    return {ElementType::f32, std::move(shape), std::move(values)};
}
Tensor tensor(Shape shape, std::vector<std::int64_t> values) {
    require(volume(shape) == std::ssize(values), "tensor: as many values as its shape has");
    return {ElementType::i64, std::move(shape), std::move(values)};
}

}  // namespace descrambler
