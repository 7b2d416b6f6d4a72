// Arrays of any rank on the host, row-major as in the files that they come from: constants and inputs of graphs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

using Shape = std::vector<Index>;  // empty: a scalar

// Number of elements. Throws InputError for a negative extent and above 2^40 elements.
[[nodiscard]] Index volume(const Shape& shape);
[[nodiscard]] std::string to_string(const Shape& shape);  // "1x3x224x224", "scalar"

enum class ElementType { f32, f64, i64, i32, i16, i8, u8, boolean };
[[nodiscard]] std::string_view to_string(ElementType type);
[[nodiscard]] bool is_real(ElementType type);

struct Tensor {
    // Real elements lie as they are; all whole numbers, and truth as 0 and 1, lie as 64 bits.
    using Values = std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>>;
    ElementType type = ElementType::f32;
    Shape shape;
    Values values;

    [[nodiscard]] Index size() const;
    // Elements as T (float, double, std::int64_t), rounded where T is narrower.
    template <class T>
    [[nodiscard]] std::vector<T> as() const;
    [[nodiscard]] const std::vector<std::int64_t>& integers() const {
        return std::get<std::vector<std::int64_t>>(values);
    }
    bool operator==(const Tensor&) const = default;
};
[[nodiscard]] Tensor tensor(Shape shape, std::vector<double> values);        // f64
[[nodiscard]] Tensor tensor(Shape shape, std::vector<float> values);         // f32
[[nodiscard]] Tensor tensor(Shape shape, std::vector<std::int64_t> values);  // i64

}  // namespace descrambler
