// Functions of one number: A and c of y = A x + c at x0, with A x0 + c = h(x0), by the rules of docs/interpreters.md.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"

namespace descrambler {
namespace {

struct Scope {
    double value = 0, a = 0, c = 0;
};
struct Unit {  // a function with its numbers
    Function function;
    double a, b;
};

double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}
// f(x) / x, and its limit at 0
double ratio(double f, double x, double limit) {
    return x == 0 ? limit : f / x;
}
Scope tangent(double value, double slope, double x) {
    return {value, slope, value - slope * x};
}
Scope gate(double g, double x) {  // h = g(x) x
    return {g * x, g, 0};
}
Scope clipped(double x, double low, double high, double slope, double shift) {  // of slope x + shift
    const double inside = slope * x + shift;
    if (inside > low && inside < high)
        return {inside, slope, shift};
    const double bound = inside <= low ? std::min(low, high) : high;
    return {bound, 0, bound};
}
constexpr double root_2 = std::numbers::sqrt2, ln_2 = std::numbers::ln2;
const double two_over_root_pi = 2 * std::numbers::inv_sqrtpi;
constexpr double gelu_cubic = 0.044715;
double gelu_argument(double x) {
    return root_2 * std::numbers::inv_sqrtpi * (x + gelu_cubic * x * x * x);
}

// Switches, the same under both rules.
bool is_switch(Function f) {
    return f == Function::relu || f == Function::leaky_relu || f == Function::thresholded_relu;
}

Scope piecewise(const Unit& op, double x) {
    switch (op.function) {
        case Function::relu:
            return gate(x > 0 ? 1 : 0, x);
        case Function::leaky_relu:
            return gate(x > 0 ? 1 : op.a, x);
        case Function::thresholded_relu:
            return gate(x > op.a ? 1 : 0, x);
        case Function::abs:
            return gate(x > 0 ? 1 : x < 0 ? -1 : 0, x);
        case Function::clip:
            return clipped(x, op.a, op.b, 1, 0);
        case Function::hard_sigmoid:
            return clipped(x, 0, 1, op.a, op.b);
        case Function::neg:
            return gate(-1, x);
        default:
            return {};
    }
}

// Secants through h(0), and gates.
Scope frozen(const Unit& op, double x) {
    const double exponential = std::expm1(x);
    switch (op.function) {
        case Function::sigmoid:
            return {sigmoid(x), ratio(std::tanh(x / 2) / 2, x, .25), .5};
        case Function::tanh:
            return {std::tanh(x), ratio(std::tanh(x), x, 1), 0};
        case Function::softplus:
            return {softplus(x), ratio(x > 30 ? softplus(x) - ln_2 : std::log1p(exponential / 2), x, .5), ln_2};
        case Function::softsign:
            return gate(1 / (1 + std::abs(x)), x);
        case Function::elu:
            return gate(x > 0 ? 1 : op.a * ratio(exponential, x, 1), x);
        case Function::selu:
            return gate(op.b * (x > 0 ? 1 : op.a * ratio(exponential, x, 1)), x);
        case Function::celu:
            return gate(x > 0 ? 1 : op.a * ratio(std::expm1(x / op.a), x, 1 / op.a), x);
        case Function::gelu:
            return gate(std::erfc(-x / root_2) / 2, x);
        case Function::gelu_tanh:
            return gate((1 + std::tanh(gelu_argument(x))) / 2, x);
        case Function::silu:
            return gate(sigmoid(op.a * x), x);
        case Function::hard_swish:
            return gate(std::clamp(x / 6 + .5, 0.0, 1.0), x);
        case Function::mish:
            return gate(std::tanh(softplus(x)), x);
        case Function::exp:
            return {std::exp(x), ratio(exponential, x, 1), 1};
        case Function::sqrt:
            return {std::sqrt(x), x > 0 ? 1 / std::sqrt(x) : 0, 0};
        case Function::erf:
            return gate(ratio(std::erf(x), x, two_over_root_pi), x);
        case Function::power:
            return op.a > 0 ? Scope{std::pow(x, op.a), x == 0 ? (op.a == 1 ? 1.0 : 0.0) : std::pow(x, op.a) / x, 0}
                            : tangent(std::pow(x, op.a), op.a * std::pow(x, op.a - 1), x);
        case Function::base: {  // a^x
            const double value = std::pow(op.a, x);
            return op.a > 0 ? Scope{value, ratio(std::expm1(x * std::log(op.a)), x, std::log(op.a)), 1}
                            : Scope{value, 0, value};
        }
        case Function::log:
            return tangent(std::log(x), 1 / x, x);
        case Function::reciprocal:
            return tangent(1 / x, -1 / (x * x), x);
        default:
            return {};
    }
}

double slope_of(const Unit& op, double x) {
    switch (op.function) {
        case Function::sigmoid:
            return sigmoid(x) * sigmoid(-x);
        case Function::tanh:
            return 1 / (std::cosh(x) * std::cosh(x));
        case Function::softplus:
            return sigmoid(x);
        case Function::softsign:
            return 1 / ((1 + std::abs(x)) * (1 + std::abs(x)));
        case Function::elu:
            return x > 0 ? 1 : op.a * std::exp(x);
        case Function::selu:
            return op.b * (x > 0 ? 1 : op.a * std::exp(x));
        case Function::celu:
            return x > 0 ? 1 : std::exp(x / op.a);
        case Function::gelu:
            return std::erfc(-x / root_2) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
        case Function::gelu_tanh: {
            const double t = std::tanh(gelu_argument(x));
            return (1 + t) / 2 + x / 2 * (1 - t * t) * root_2 * std::numbers::inv_sqrtpi * (1 + 3 * gelu_cubic * x * x);
        }
        case Function::silu: {
            const double s = sigmoid(op.a * x);
            return s + op.a * x * s * (1 - s);
        }
        case Function::hard_swish:
            return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + .5;
        case Function::mish: {
            const double t = std::tanh(softplus(x));
            return t + x * (1 - t * t) * sigmoid(x);
        }
        case Function::exp:
            return std::exp(x);
        case Function::sqrt:
            return 1 / (2 * std::sqrt(x));
        case Function::erf:
            return two_over_root_pi * std::exp(-x * x);
        case Function::power:
            return op.a * std::pow(x, op.a - 1);
        case Function::base:
            return op.a > 0 ? std::log(op.a) * std::pow(op.a, x) : 0;
        case Function::log:
            return 1 / x;
        case Function::reciprocal:
            return -1 / (x * x);
        default:
            return 0;
    }
}

bool is_piecewise(Function f) {
    return is_switch(f) || f == Function::abs || f == Function::clip || f == Function::hard_sigmoid ||
           f == Function::neg;
}

Scope scope(const Unit& op, FreezeRule rule, double x) {
    if (is_piecewise(op.function))
        return piecewise(op, x);
    const Scope kept = frozen(op, x);
    return rule == FreezeRule::frozen ? kept : tangent(kept.value, slope_of(op, x), x);
}

// A bit a number: set(x_i) or not.
template <class T, class Set>
Buffer<std::uint32_t> bits_of(Backend<T>& on, const std::vector<double>& x, const Set& set) {
    std::vector<std::uint32_t> bits((x.size() + 31) / 32);
    for (std::size_t i = 0; i < x.size(); ++i)
        bits[i / 32] |= static_cast<std::uint32_t>(set(x[i])) << (i % 32);
    Buffer<std::uint32_t> sent = on.allocate_words(std::ssize(bits));
    on.upload(bits.data(), Batch<std::uint32_t>(sent.data(), std::ssize(bits), 1));
    return sent;
}
template <class T>
Held<T> everywhere(Backend<T>& on, double number, Index n) {
    return held(on, std::vector<double>{number}, std::max<Index>(n, 1));
}

// The value at x0 is A x0.
template <class T>
Frozen<T> switched(const Pointwise& op, Freezing<T>& at, const std::vector<double>& x) {
    auto result = std::make_unique<Masked<T>>();
    const double threshold = op.function == Function::thresholded_relu ? op.a : 0;
    result->bits = bits_of(at.on, x, [threshold](double number) { return number > threshold; });
    result->off = op.slope.empty() ? everywhere(at.on, op.function == Function::leaky_relu ? op.a : 0, std::ssize(x))
                                   : held(at.on, op.slope);
    result->recorded = (std::ssize(x) + 7) / 8;
    at.set_affine(*result);
    return result;
}

// Clip: x inside its bounds, otherwise the bound. Two bits a number; the offset is made of them where it is wanted.
template <class T>
class Clipped final : public FrozenNode<T> {
public:
    Masked<T> inside;             // 1 inside, 0 elsewhere
    Buffer<std::uint32_t> above;  // bits
    double low = 0, high = 0;     // 0 where no number is at that bound
    [[nodiscard]] bool in_place() const override { return true; }
    [[nodiscard]] bool pointwise() const override { return true; }
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool open) const override { return inside.absolute(on, open); }
    [[nodiscard]] Mask<T> mask() const override { return inside.mask(); }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override { inside.apply(on, x, y); }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        inside.adjoint(on, y, x);
    }
    [[nodiscard]] std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const override {
        return inside.reach(in, out);
    }
    void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const override {
        inside.apply_windows(on, x, y);
    }
    void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                         std::span<const WindowedTarget<T>> x) const override {
        inside.adjoint_windows(on, y, x);
    }
    [[nodiscard]] bool shifts() const override { return low != 0 || high != 0; }
    void add_offset(Backend<T>& on, Batch<T> y) const override { on.add_offset(numbers(on, y.rows).view(), y); }
    void offset_dot(Backend<T>& on, Batch<const T> y, Batch<T> r) const override {
        on.offset_dot(numbers(on, y.rows).view(), y, r);
    }

private:
    [[nodiscard]] Held<T> numbers(Backend<T>& on, Index n) const {
        Held<T> result{on.allocate(n), 1};
        const Buffer<T> other = on.allocate(n);
        const Batch<T> c = result.numbers.view(n, 1), constant = other.view(n, 1);
        const auto fill = [&](Batch<T> to, double number) {
            on.axpby(0, to, 0, to);
            on.add_offset(everywhere(on, number, n).view(), to);
        };
        fill(c, low);
        fill(constant, -low);  // low - low is 0 to the bit
        on.masked_product(inside.bits.data(), inside.off.view(), constant, 1, c);
        on.masked_product(above.data(), inside.off.view(), constant, 1, c);
        fill(constant, high);
        on.masked_product(above.data(), inside.off.view(), constant, 1, c);
        return result;
    }
};

template <class T>
Frozen<T> clipped(const Pointwise& op, Freezing<T>& at, const std::vector<double>& x) {
    auto result = std::make_unique<Clipped<T>>();
    std::vector<double> y(x.size());
    const auto is_inside = [&op](double number) { return number > op.a && number < op.b; };
    const auto is_above = [&op](double number) { return number > op.a && !(number < op.b); };
    for (std::size_t i = 0; i < x.size(); ++i) {
        const Scope here = piecewise({op.function, op.a, op.b}, x[i]);
        y[i] = here.value;
        if (!is_inside(x[i]))
            (is_above(x[i]) ? result->high : result->low) = here.c;
    }
    result->inside.bits = bits_of(at.on, x, is_inside);
    result->above = bits_of(at.on, x, is_above);
    result->inside.off = everywhere(at.on, 0, std::ssize(x));
    result->recorded = 2 * ((std::ssize(x) + 7) / 8);
    at.set(y);
    return result;
}

}  // namespace

Index recorded_numbers(const Pointwise& op, FreezeRule rule) {
    switch (op.function) {
        case Function::relu:
        case Function::leaky_relu:
        case Function::thresholded_relu:
        case Function::clip:
        case Function::neg:
            return 0;
        case Function::abs:
            return 1;
        case Function::hard_sigmoid:
        case Function::sigmoid:
        case Function::softplus:
        case Function::exp:
        case Function::base:
        case Function::log:
        case Function::reciprocal:
            return 2;
        default:
            return rule == FreezeRule::taylor || (op.function == Function::power && op.a <= 0) ? 2 : 1;
    }
}

template <class T>
Frozen<T> freeze(const Pointwise& op, Freezing<T>& at) {
    const std::vector<double> x = at.primal(0);
    if (is_switch(op.function))
        return switched(op, at, x);
    if (op.function == Function::clip)
        return clipped(op, at, x);
    std::vector<double> y(x.size()), a(x.size()), c(x.size());
    bool offset = false;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double own = op.slope.empty() ? op.a : op.slope.at(static_cast<Index>(i));
        const Scope here = scope({op.function, own, op.b}, at.options.rule, x[i]);
        y[i] = here.value;
        a[i] = here.a;
        c[i] = here.c;
        offset = offset || c[i] != 0;
    }
    auto result = std::make_unique<Diagonal<T>>();
    result->a.push_back(held(at.on, a));
    if (offset)
        result->offset = held(at.on, c);
    result->recorded = recorded_numbers(op, at.options.rule) * std::ssize(x) * static_cast<Index>(sizeof(T));
    at.set(y);
    return result;
}
template Frozen<float> freeze(const Pointwise&, Freezing<float>&);
template Frozen<double> freeze(const Pointwise&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

Operand number(double value) {
    return constant_operand(tensor({}, std::vector<double>{value}));
}

void lower_pointwise(Import& import, Pointwise op) {
    const Operand x = import.in(0);
    const Operand y = import.add(std::move(op), {x}, x.shape);
    import.set_origin(y, {import.node().op, {x}, {}});
    import.out(y);
}
template <Function f>
void lower_plain(Import& import) {
    lower_pointwise(import, {f, 0, 0, {}});
}
void lower_leaky_relu(Import& import) {
    lower_pointwise(import, {Function::leaky_relu, import.real("alpha", .01), 0, {}});
}
void lower_thresholded_relu(Import& import) {
    lower_pointwise(import, {Function::thresholded_relu, import.real("alpha", 1), 0, {}});
}
void lower_elu(Import& import) {
    lower_pointwise(import, {Function::elu, import.real("alpha", 1), 0, {}});
}
void lower_celu(Import& import) {
    lower_pointwise(import, {Function::celu, import.real("alpha", 1), 0, {}});
}
void lower_selu(Import& import) {  // the defaults as in the definition of the operator
    lower_pointwise(import, {Function::selu,
                             import.real("alpha", 1.67326319217681884765625),
                             import.real("gamma", 1.05070102214813232421875),
                             {}});
}
void lower_hard_sigmoid(Import& import) {
    const double alpha = import.real("alpha", .2);
    const double beta = import.real("beta", .5);
    const Operand x = import.in(0), y = import.add(Pointwise{Function::hard_sigmoid, alpha, beta, {}}, {x}, x.shape);
    import.set_origin(y, {"HardSigmoid", {x, number(alpha), number(beta)}, {}});
    import.out(y);
}
void lower_swish(Import& import) {
    lower_pointwise(import, {Function::silu, import.real("alpha", 1), 0, {}});
}
void lower_gelu(Import& import) {
    const std::string kind = import.text("approximate", "none");
    if (kind != "none" && kind != "tanh")
        import.refuse("attribute approximate: expected none or tanh, found " + kind);
    lower_pointwise(import, {kind == "none" ? Function::gelu : Function::gelu_tanh, 0, 0, {}});
}
void lower_prelu(Import& import) {
    Pointwise op{Function::leaky_relu, 0, 0, {}};
    const Operand x = import.in(0);
    Operand slope = import.in(1);
    if (import.opset() < 7 && slope.shape.size() == 1 && x.shape.size() > 1) {  // a number a channel
        Shape shape(x.shape.size() - 1, 1);
        shape[0] = slope.shape[0];
        slope = reshaped(slope, shape);
    }
    if (broadcast(import, x.shape, slope.shape) != x.shape)
        import.refuse("slope of shape " + to_string(slope.shape) + " for an input of shape " + to_string(x.shape));
    if (!slope.live()) {
        op.slope = pattern_of(*slope.constant, x.shape);
        return lower_pointwise(import, std::move(op));
    }
    if (x.live())
        import.refuse("a slope that hangs on the input beside an input that does");
    // linear in the slope: x where x > 0, and slope times the rest
    const std::vector<double> numbers = broadcast_to(import, x, x.shape).constant->as<double>();
    Affine map;
    for (const double number : numbers) {
        map.scale.values.push_back(number > 0 ? 0 : number);
        map.offset.values.push_back(std::max(number, 0.0));
    }
    import.out(import.add(std::move(map), {broadcast_to(import, slope, x.shape)}, x.shape));
}

double bound(Import& import, std::size_t input, const char* attribute, double otherwise) {
    if (import.opset() < 11)
        return import.real(attribute, otherwise);
    if (!import.has(input))
        return otherwise;
    const std::vector<double> numbers = import.constant(input).as<double>();
    if (numbers.size() != 1)
        import.refuse("input " + std::to_string(input) + ": expected one number");
    return numbers[0];
}
Operand one_number(Import& import, std::size_t input) {
    if (volume(import.in(input).shape) != 1)
        import.refuse("input " + std::to_string(input) + ": expected one number");
    return reshaped(import.in(input), {});
}
// Bounds that hang on the input: the smaller of the upper one and the larger of x and the lower one.
void lower_live_bounds(Import& import) {
    Operand y = import.in(0);
    for (const std::size_t input : {std::size_t{1}, std::size_t{2}})
        if (import.has(input))
            y = import.add(Extreme{input == 1}, {y, broadcast_to(import, one_number(import, input), y.shape)}, y.shape);
    import.out(y);
}
void lower_clip(Import& import) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    for (const std::size_t input : {std::size_t{1}, std::size_t{2}})
        if (import.has(input) && import.in(input).live())
            return lower_live_bounds(import);
    const double low = bound(import, 1, "min", -infinite), high = bound(import, 2, "max", infinite);
    const Operand x = import.in(0), y = import.add(Pointwise{Function::clip, low, high, {}}, {x}, x.shape);
    import.set_origin(y, {"Clip", {x, number(low), number(high)}, {}});
    import.out(y);
}
// x^p = exp(p log x)
void lower_live_exponent(Import& import, const Shape& shape) {
    const Operand x = broadcast_to(import, import.in(0), shape), p = broadcast_to(import, import.in(1), shape);
    if (!x.live()) {
        if (std::ranges::any_of(x.constant->as<double>(), [](double number) { return !(number >= 0); }))
            import.refuse("an exponent that hangs on the input, of a negative number");
        return import.out(import.add(Pointwise{Function::base, 0, 0, {x.constant->as<double>(), 1}}, {p}, shape));
    }
    const Operand log = import.add(Pointwise{Function::log, 0, 0, {}}, {x}, shape);
    const Operand product = import.add(Multiply{}, {p, log}, shape, 1);
    import.out(import.add(Pointwise{Function::exp, 0, 0, {}}, {product}, shape));
}
void lower_pow(Import& import) {
    const Operand x = import.in(0), exponent = import.in(1);
    if (!is_real(x.type))
        import.refuse("integers, expected floating-point numbers");
    const Shape shape = broadcast(import, x.shape, exponent.shape);
    if (exponent.live())
        return lower_live_exponent(import, shape);
    const std::vector<double> numbers = exponent.constant->as<double>();
    const Operand wide = broadcast_to(import, x, shape);
    if (std::ranges::all_of(numbers, [&](double p) { return p == numbers[0]; }) && !numbers.empty()) {
        const Operand y = import.add(Pointwise{Function::power, numbers[0], 0, {}}, {wide}, shape);
        import.set_origin(y, {"Pow", {x, exponent}, {}});
        return import.out(y);
    }
    import.out(import.add(Pointwise{Function::power, 0, 0, pattern_of(*exponent.constant, shape)}, {wide}, shape));
}

}  // namespace

std::span<const OperatorEntry> pointwise_operators() {
    static constexpr OperatorEntry table[] = {
        {"Relu", 1, lower_plain<Function::relu>},
        {"LeakyRelu", 1, lower_leaky_relu},
        {"PRelu", 1, lower_prelu},
        {"ThresholdedRelu", 1, lower_thresholded_relu},
        {"Clip", 1, lower_clip},
        {"Abs", 1, lower_plain<Function::abs>},
        {"Neg", 1, lower_plain<Function::neg>},
        {"Sigmoid", 1, lower_plain<Function::sigmoid>},
        {"HardSigmoid", 1, lower_hard_sigmoid},
        {"HardSwish", 14, lower_plain<Function::hard_swish>},
        {"Tanh", 1, lower_plain<Function::tanh>},
        {"Softplus", 1, lower_plain<Function::softplus>},
        {"Softsign", 1, lower_plain<Function::softsign>},
        {"Elu", 1, lower_elu},
        {"Selu", 6, lower_selu},
        {"Celu", 12, lower_celu},
        {"Gelu", 20, lower_gelu},
        {"Swish", 24, lower_swish},
        {"Mish", 18, lower_plain<Function::mish>},
        {"Exp", 1, lower_plain<Function::exp>},
        {"Log", 1, lower_plain<Function::log>},
        {"Sqrt", 1, lower_plain<Function::sqrt>},
        {"Reciprocal", 1, lower_plain<Function::reciprocal>},
        {"Erf", 9, lower_plain<Function::erf>},
        {"Pow", 7, lower_pow},
    };
    return table;
}

}  // namespace descrambler
