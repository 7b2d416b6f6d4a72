// Constants, shapes and whole numbers: what is known before any input.
#include <algorithm>
#include <cmath>
#include <functional>

#include "graph/import.hpp"

namespace descrambler {
namespace {

void lower_constant(Import& import) {
    if (const Tensor* value = import.tensor_attribute("value"))
        return import.out(constant_operand(*value));
    if (const auto* number = import.attribute<float>("value_float"))
        return import.out(constant_operand(tensor({}, std::vector<float>{*number})));
    if (const auto* numbers = import.attribute<std::vector<float>>("value_floats"))
        return import.out(constant_operand(tensor({std::ssize(*numbers)}, *numbers)));
    if (const auto* number = import.attribute<std::int64_t>("value_int"))
        return import.out(constant_operand(tensor({}, std::vector<std::int64_t>{*number})));
    if (const auto* numbers = import.attribute<std::vector<std::int64_t>>("value_ints"))
        return import.out(constant_operand(tensor({std::ssize(*numbers)}, *numbers)));
    import.refuse("no value of a type that is served");
}

void lower_constant_of_shape(Import& import) {
    const Shape shape = import.numbers(0);
    Tensor value = tensor({1}, std::vector<float>{0});
    if (const Tensor* given = import.tensor_attribute("value"))
        value = *given;
    if (value.size() != 1)
        import.refuse("attribute value: expected one number");
    const auto count = static_cast<std::size_t>(limited(shape));
    std::visit([&](auto& numbers) { numbers.assign(count, numbers[0]); }, value.values);
    value.shape = shape;
    import.out(constant_operand(std::move(value)));
}

void lower_shape(Import& import) {
    const Shape shape = import.in(0).shape;
    const Index rank = std::ssize(shape);
    const auto place = [&](Index at) { return std::clamp<Index>(at < 0 ? at + rank : at, 0, rank); };
    const Index start = place(import.integer("start", 0)), end = place(import.integer("end", rank));
    const std::vector<std::int64_t> part(shape.begin() + start, shape.begin() + std::max(start, end));
    import.out(constant_operand(tensor({std::ssize(part)}, part)));
}
void lower_size(Import& import) {
    import.out(constant_operand(tensor({}, std::vector<std::int64_t>{volume(import.in(0).shape)})));
}

void lower_range(Import& import) {
    const Tensor &start = import.constant(0), &limit = import.constant(1), &step = import.constant(2);
    if (start.size() != 1 || limit.size() != 1 || step.size() != 1)
        import.refuse("expected three numbers");
    const double first = start.as<double>()[0], by = step.as<double>()[0];
    const double count = std::ceil((limit.as<double>()[0] - first) / by);
    if (!(std::abs(count) < 0x1p28))
        import.refuse("a step of 0, or too many numbers");
    std::vector<double> numbers;
    for (Index i = 0; i < static_cast<Index>(count); ++i)
        numbers.push_back(first + static_cast<double>(i) * by);
    Tensor result = tensor({std::ssize(numbers)}, numbers);
    if (!is_real(start.type))
        result = tensor(result.shape, result.as<std::int64_t>());
    result.type = start.type;
    if (start.type == ElementType::f32)
        result = tensor(result.shape, result.as<float>());
    import.out(constant_operand(std::move(result)));
}

// TensorProto.DataType of the format.
std::optional<ElementType> element_type(std::int64_t onnx) {
    switch (onnx) {
        case 1:
        case 10:  // float16 and bfloat16 are read as float32
        case 16:
            return ElementType::f32;
        case 2:
            return ElementType::u8;
        case 3:
            return ElementType::i8;
        case 5:
            return ElementType::i16;
        case 6:
            return ElementType::i32;
        case 7:
            return ElementType::i64;
        case 9:
            return ElementType::boolean;
        case 11:
            return ElementType::f64;
        default:
            return std::nullopt;
    }
}

// What is left of a whole number in a type of fewer bits.
std::int64_t narrowed(ElementType type, std::int64_t number) {
    switch (type) {
        case ElementType::i32:
            return static_cast<std::int32_t>(number);
        case ElementType::i16:
            return static_cast<std::int16_t>(number);
        case ElementType::i8:
            return static_cast<std::int8_t>(number);
        case ElementType::u8:
            return static_cast<std::uint8_t>(number);
        default:
            return number;
    }
}

void lower_cast_to(Import& import, ElementType type) {
    const Operand x = import.in(0);
    if (x.live()) {
        if (!is_real(type))
            import.refuse("a cast of values that hang on the input to " + std::string(to_string(type)));
        return import.out(x);
    }
    Tensor result{type, x.shape, {}};
    if (type == ElementType::f32) {
        result.values = x.constant->as<float>();
    } else if (type == ElementType::f64) {
        result.values = x.constant->as<double>();
    } else if (type == ElementType::boolean) {
        std::vector<std::int64_t> truth;
        for (const double number : x.constant->as<double>())
            truth.push_back(number != 0);
        result.values = std::move(truth);
    } else {
        for (const double number : x.constant->as<double>())
            if (!(std::abs(number) < 0x1p63))
                import.refuse("a cast of " + digits(number) + " to " + std::string(to_string(type)));
        std::vector<std::int64_t> numbers = x.constant->as<std::int64_t>();
        for (std::int64_t& number : numbers)
            number = narrowed(type, number);
        result.values = std::move(numbers);
    }
    import.out(constant_operand(std::move(result)));
}
void lower_cast(Import& import) {
    const std::int64_t to = import.integer("to", 0);
    (void)import.integer("saturate", 1);
    const auto type = element_type(to);
    if (!type)
        import.refuse("attribute to: type " + std::to_string(to) + " is not served");
    lower_cast_to(import, *type);
}
void lower_cast_like(Import& import) {
    lower_cast_to(import, import.in(1).type);
}

void lower_dequantize(Import& import) {
    const Tensor& x = import.constant(0);
    const Tensor& scale = import.constant(1);
    const Index axis = import.integer("axis", 1);
    if (import.integer("block_size", 0) != 0)
        import.refuse("attribute block_size is not served");
    (void)import.integer("output_dtype", 0);
    Shape wide;
    if (scale.size() != 1) {
        wide.assign(x.shape.size(), 1);
        wide[static_cast<std::size_t>(import.axis(axis, std::ssize(x.shape)))] = scale.size();
    }
    if (import.has(2) && import.constant(2).shape != scale.shape)
        import.refuse("a zero point of shape " + to_string(import.constant(2).shape) +
                      ", expected that of the scale, " + to_string(scale.shape));
    const auto spread = [&](const Tensor& numbers) {
        Tensor copy = numbers;
        copy.shape = wide;
        return pattern_of(copy, x.shape);
    };
    if (scale.size() != 1 && broadcast(import, x.shape, wide) != x.shape)
        import.refuse("scales of shape " + to_string(scale.shape) + " for " + to_string(x.shape));
    const Pattern by = spread(scale), zero = import.has(2) ? spread(import.constant(2)) : Pattern{{0}, x.size()};
    std::vector<double> numbers = x.as<double>();
    for (std::size_t i = 0; i < numbers.size(); ++i)
        numbers[i] = (numbers[i] - zero.at(static_cast<Index>(i))) * by.at(static_cast<Index>(i));
    import.out(constant_operand(tensor(x.shape, std::move(numbers))));
}

void lower_if(Import& import) {
    const Tensor& condition = import.constant(0);
    if (condition.size() != 1)
        import.refuse("expected one truth value");
    const OnnxGraph* branch = import.graph_attribute("then_branch");
    const OnnxGraph* other = import.graph_attribute("else_branch");
    if (condition.as<double>()[0] == 0)
        branch = other;
    if (branch == nullptr || other == nullptr)
        import.refuse("a branch is missing");
    import.inline_graph(*branch);
}

// ---- comparisons and steps, of constants alone -----------------------------------------------------------------------

void lower_step(Import& import, double (*f)(double)) {
    const Tensor& x = import.constant(0);
    std::vector<double> numbers = x.as<double>();
    std::ranges::transform(numbers, numbers.begin(), f);
    import.out(constant_operand(tensor(x.shape, std::move(numbers))));
}
void lower_floor(Import& import) {
    lower_step(import, [](double x) { return std::floor(x); });
}
void lower_ceil(Import& import) {
    lower_step(import, [](double x) { return std::ceil(x); });
}

template <class T, class F>
void lower_pairs(Import& import, const F& f, ElementType type) {
    const Tensor &a = import.constant(0), &b = import.constant(1);
    const Shape shape = broadcast(import, a.shape, b.shape);
    const std::vector<std::uint32_t> of_a = broadcast_index(a.shape, shape), of_b = broadcast_index(b.shape, shape);
    const std::vector<T> x = a.as<T>(), y = b.as<T>();
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < of_a.size(); ++i)
        numbers.push_back(f(x[of_a[i]], y[of_b[i]]));
    Tensor result = tensor(shape, std::move(numbers));
    result.type = type;
    import.out(constant_operand(std::move(result)));
}
template <class F>
void compare(Import& import) {
    if (is_real(import.constant(0).type) != is_real(import.constant(1).type))
        import.refuse("whole and other numbers together");
    if (is_real(import.constant(0).type))
        lower_pairs<double>(import, F(), ElementType::boolean);
    else
        lower_pairs<std::int64_t>(import, F(), ElementType::boolean);
}
template <class F>
void arithmetic(Import& import, const F& f) {
    const ElementType type = import.constant(0).type;
    lower_pairs<std::int64_t>(
        import, [&](std::int64_t a, std::int64_t b) { return narrowed(type, f(a, b)); }, type);
}
struct ExclusiveOr {
    bool operator()(auto a, auto b) const { return (a != 0) != (b != 0); }
};
void lower_of_whole_numbers(Import& import) {
    import.refuse("served for whole numbers that are constants alone");
}
void lower_not(Import& import) {
    const Tensor& x = import.constant(0);
    Tensor result{ElementType::boolean, x.shape, {}};
    std::vector<std::int64_t> numbers;
    for (const double number : x.as<double>())
        numbers.push_back(number == 0);
    result.values = std::move(numbers);
    import.out(constant_operand(std::move(result)));
}

// Wraps as the format has it for whole numbers, which C++ leaves undefined.
std::int64_t wrapped(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}
std::uint64_t bits(std::int64_t number) {
    return static_cast<std::uint64_t>(number);
}

void reduce_whole(Import& import, const std::string& op) {
    const Tensor x = import.constant(0);
    const bool keep = import.integer("keepdims", 1) != 0;
    const bool none_is_none = import.integer("noop_with_empty_axes", 0) != 0;
    if (none_is_none && !import.has(1) && !import.list("axes"))
        return import.out(constant_operand(x));
    if (x.shape.size() > 1)
        import.refuse("whole numbers with more than one axis");
    (void)import.list("axes");
    const std::vector<std::int64_t>& numbers = x.integers();
    std::int64_t result = 0;
    if (op == "ReduceMax" || op == "ReduceMin") {
        if (numbers.empty())
            import.refuse("the largest of no numbers");
        result = op == "ReduceMax" ? std::ranges::max(numbers) : std::ranges::min(numbers);
    } else {
        result = op == "ReduceProd" ? 1 : 0;
        for (const std::int64_t number : numbers)
            result = op == "ReduceProd" ? wrapped(bits(result) * bits(number)) : wrapped(bits(result) + bits(number));
    }
    import.out(constant_operand(tensor(keep ? Shape(x.shape.size(), 1) : Shape{}, std::vector<std::int64_t>{result})));
}

}  // namespace

bool whole_numbers(Import& import) {
    const std::string& op = import.node().op;
    bool whole = false;
    for (std::size_t i = 0; i < import.count(); ++i) {
        if (!import.has(i))
            continue;
        if (import.in(i).live() || is_real(import.in(i).type))
            return false;
        whole = true;
    }
    if (!whole)
        return false;
    if (op == "Add")
        arithmetic(import, [](std::int64_t a, std::int64_t b) { return wrapped(bits(a) + bits(b)); });
    else if (op == "Sub")
        arithmetic(import, [](std::int64_t a, std::int64_t b) { return wrapped(bits(a) - bits(b)); });
    else if (op == "Mul")
        arithmetic(import, [](std::int64_t a, std::int64_t b) { return wrapped(bits(a) * bits(b)); });
    else if (op == "Div" || op == "Mod") {
        if (op == "Mod" && import.integer("fmod", 0) != 0)
            import.refuse("attribute fmod is not served");
        if (std::ranges::find(import.constant(1).integers(), 0) != import.constant(1).integers().end())
            import.refuse("a division by 0");
        if (op == "Div")  // the most negative number over -1 has no quotient
            arithmetic(import, [](std::int64_t a, std::int64_t b) { return b == -1 ? wrapped(0 - bits(a)) : a / b; });
        else
            arithmetic(import, [](std::int64_t a, std::int64_t b) { return b == -1 ? 0 : (a % b + b) % b; });
    } else if (op == "Neg") {
        std::vector<std::int64_t> numbers = import.constant(0).integers();
        for (std::int64_t& number : numbers)
            number = wrapped(0 - bits(number));
        import.out(constant_operand(tensor(import.in(0).shape, std::move(numbers))));
    } else if (op == "ReduceProd" || op == "ReduceSum" || op == "ReduceMax" || op == "ReduceMin") {
        reduce_whole(import, op);
    } else {
        return false;
    }
    return true;
}

std::span<const OperatorEntry> constant_operators() {
    static constexpr OperatorEntry table[] = {
        {"Constant", 1, lower_constant},
        {"ConstantOfShape", 9, lower_constant_of_shape},
        {"Shape", 1, lower_shape},
        {"Size", 1, lower_size},
        {"Range", 11, lower_range},
        {"Cast", 6, lower_cast},
        {"CastLike", 15, lower_cast_like},
        {"DequantizeLinear", 10, lower_dequantize},
        {"If", 1, lower_if},
        {"Floor", 1, lower_floor},
        {"Ceil", 1, lower_ceil},
        {"Equal", 1, compare<std::equal_to<>>},
        {"Greater", 7, compare<std::greater<>>},
        {"Less", 7, compare<std::less<>>},
        {"GreaterOrEqual", 12, compare<std::greater_equal<>>},
        {"LessOrEqual", 12, compare<std::less_equal<>>},
        {"And", 7, compare<std::logical_and<>>},
        {"Or", 7, compare<std::logical_or<>>},
        {"Xor", 7, compare<ExclusiveOr>},
        {"Not", 1, lower_not},
        {"Mod", 10, lower_of_whole_numbers},
        {"ReduceProd", 1, lower_of_whole_numbers},
    };
    return table;
}

}  // namespace descrambler
