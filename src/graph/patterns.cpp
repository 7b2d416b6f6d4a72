// Operators that exporters write out in smaller ones. Recognised at their last node, so that the rule of the whole holds:
// norms from (x - mean) / sqrt(mean((x - mean)^2) + epsilon), RMS norms without the mean, GELU, SiLU, HardSwish. The
// nodes that they replace are dropped where nothing else needs them.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/import.hpp"

namespace descrambler {
namespace {

std::optional<double> number_of(const Operand& operand) {
    if (operand.live())
        return std::nullopt;
    const std::vector<double> numbers = operand.constant->as<double>();
    return numbers.size() == 1 ? std::optional(numbers[0]) : std::nullopt;
}
bool is_number(const Operand& operand, double expected) {
    const auto number = number_of(operand);
    return number && std::abs(*number - expected) <= 1e-6 * std::abs(expected);
}

const Origin* made_by(const Import& import, const Operand& operand, const char* op) {
    const Origin* origin = import.origin(operand);
    return origin != nullptr && origin->op == op ? origin : nullptr;
}

// The operand beside a number in a commutative node, and the number.
struct Beside {
    Operand live;
    double number;
};
std::optional<Beside> beside_number(const Origin* origin) {
    if (origin == nullptr)
        return std::nullopt;
    for (const std::size_t i : {0, 1})
        if (const auto number = number_of(origin->inputs[i]); number && origin->inputs[1 - i].live())
            return Beside{origin->inputs[1 - i], *number};
    return std::nullopt;
}

// x of a square: Pow(x, 2) or Mul(x, x).
std::optional<Operand> squared(const Import& import, const Operand& operand) {
    if (const Origin* power = made_by(import, operand, "Pow"); power != nullptr && is_number(power->inputs[1], 2))
        return power->inputs[0];
    if (const Origin* product = made_by(import, operand, "Mul");
        product != nullptr && import.same(product->inputs[0], product->inputs[1]))
        return product->inputs[0];
    return std::nullopt;
}

struct Deviation {  // sqrt(mean(of^2 over axes) + epsilon)
    Operand of;
    std::vector<Index> axes;
    double epsilon = 0;
};
std::optional<Deviation> deviation(const Import& import, const Operand& operand) {
    const Origin* root = made_by(import, operand, "Sqrt");
    if (root == nullptr)
        return std::nullopt;
    Deviation result;
    Operand inside = root->inputs[0];
    if (const auto sum = beside_number(made_by(import, inside, "Add"))) {
        result.epsilon = sum->number;
        inside = sum->live;
    }
    const Origin* mean = made_by(import, inside, "ReduceMean");
    if (mean == nullptr)
        return std::nullopt;
    const auto base = squared(import, mean->inputs[0]);
    if (!base || base->shape != mean->inputs[0].shape)
        return std::nullopt;
    result.of = *base;
    result.axes = mean->axes;
    return result;
}

// The shape that a mean over some axes has where they are kept; nothing where there are no such axes.
std::optional<Shape> without(Shape shape, const std::vector<Index>& axes) {
    for (const Index axis : axes) {
        if (axis >= std::ssize(shape))
            return std::nullopt;
        shape[static_cast<std::size_t>(axis)] = 1;
    }
    return shape;
}

// x of x - mean(x) over these axes.
std::optional<Operand> centred(const Import& import, const Operand& operand, const std::vector<Index>& axes) {
    const Origin* difference = made_by(import, operand, "Sub");
    if (difference == nullptr)
        return std::nullopt;
    const Origin* mean = made_by(import, difference->inputs[1], "ReduceMean");
    if (mean == nullptr || mean->axes != axes || !import.same(mean->inputs[0], difference->inputs[0]) ||
        difference->inputs[1].shape != without(difference->inputs[0].shape, axes) ||
        operand.shape != difference->inputs[0].shape)
        return std::nullopt;
    return difference->inputs[0];
}

// numerator / sqrt(..): a norm where both are of one x.
std::optional<Operand> norm(Import& import, const Operand& numerator, const Operand& denominator) {
    const auto spread = deviation(import, denominator);
    if (!spread || denominator.shape != without(numerator.shape, spread->axes))
        return std::nullopt;
    const auto x = centred(import, numerator, spread->axes);
    if (x) {  // two nodes may compute x - mean(x)
        const auto again = centred(import, spread->of, spread->axes);
        if (import.same(numerator, spread->of) || (again && import.same(*again, *x)))
            return norm_over(import, *x, spread->axes, spread->epsilon, true);
        return std::nullopt;
    }
    if (import.same(numerator, spread->of))
        return norm_over(import, numerator, spread->axes, spread->epsilon, false);
    return std::nullopt;
}

Operand pointwise(Import& import, const Operand& x, Function function, double a = 0) {
    return import.add(Pointwise{function, a, 0, {}}, {x}, x.shape);
}

// x in erf(x / sqrt 2) + 1
std::optional<Operand> one_and_erf(const Import& import, const Operand& operand) {
    const auto sum = beside_number(made_by(import, operand, "Add"));
    if (!sum || sum->number != 1)
        return std::nullopt;
    const Origin* erf = made_by(import, sum->live, "Erf");
    if (erf == nullptr)
        return std::nullopt;
    if (const Origin* quotient = made_by(import, erf->inputs[0], "Div");
        quotient != nullptr && is_number(quotient->inputs[1], std::numbers::sqrt2))
        return quotient->inputs[0];
    const auto product = beside_number(made_by(import, erf->inputs[0], "Mul"));
    if (product && std::abs(product->number - 1 / std::numbers::sqrt2) < 1e-6)
        return product->live;
    return std::nullopt;
}

// x / 2 (1 + erf(x / sqrt 2)), with the half anywhere.
std::optional<Operand> gelu(Import& import, const Operand& a, const Operand& b) {
    const auto half = [&](const Operand& operand) -> std::optional<Operand> {
        const auto product = beside_number(made_by(import, operand, "Mul"));
        return product && product->number == .5 ? std::optional(product->live) : std::nullopt;
    };
    if (is_number(b, .5)) {  // (x (1 + erf)) / 2
        const Origin* product = made_by(import, a, "Mul");
        if (product != nullptr)
            for (const std::size_t i : {0, 1})
                if (const auto x = one_and_erf(import, product->inputs[1 - i]);
                    x && import.same(*x, product->inputs[i]))
                    return pointwise(import, *x, Function::gelu);
    }
    if (const auto x = one_and_erf(import, b))  // (x / 2) (1 + erf)
        if (const auto halved = half(a); halved && import.same(*halved, *x))
            return pointwise(import, *x, Function::gelu);
    if (const auto halved = half(b))  // x ((1 + erf) / 2)
        if (const auto x = one_and_erf(import, *halved); x && import.same(*x, a))
            return pointwise(import, *x, Function::gelu);
    return std::nullopt;
}

// A HardSigmoid of slope 1/6 and shift 1/2, whose product with x is HardSwish.
bool is_sixth(const Origin& gate) {
    return gate.inputs.size() == 3 && is_number(gate.inputs[1], 1. / 6) && is_number(gate.inputs[2], .5);
}

// clip(x + 3, 0, 6)
std::optional<Operand> clipped_shift(const Import& import, const Operand& operand) {
    const Origin* clip = made_by(import, operand, "Clip");
    if (clip == nullptr)
        return std::nullopt;
    if (clip->inputs.size() != 3 || number_of(clip->inputs[1]) != 0 || number_of(clip->inputs[2]) != 6)
        return std::nullopt;
    const auto sum = beside_number(made_by(import, clip->inputs[0], "Add"));
    return sum && sum->number == 3 ? std::optional(sum->live) : std::nullopt;
}

}  // namespace

namespace {

std::optional<Operand> of_mul(Import& import) {
    for (const std::size_t i : {0, 1}) {
        const Operand &a = import.in(i), &b = import.in(1 - i);
        if (!a.live())
            continue;
        const Origin* gate = a.shape == b.shape ? import.origin(b) : nullptr;
        if (gate != nullptr && gate->op == "Sigmoid" && import.same(gate->inputs[0], a))
            return pointwise(import, a, Function::silu, 1);
        if (gate != nullptr && gate->op == "HardSigmoid" && import.same(gate->inputs[0], a) && is_sixth(*gate))
            return pointwise(import, a, Function::hard_swish);
        if (const auto y = gelu(import, a, b))
            return y;
        if (const Origin* inverse = import.origin(b)) {  // x (1 / deviation)
            if (inverse->op == "Reciprocal")
                if (const auto y = norm(import, a, inverse->inputs[0]))
                    return y;
            if (inverse->op == "Div" && is_number(inverse->inputs[0], 1))
                if (const auto y = norm(import, a, inverse->inputs[1]))
                    return y;
        }
    }
    return std::nullopt;
}

std::optional<Operand> of_div(Import& import) {
    const Operand a = import.in(0), b = import.in(1);
    if (const auto y = norm(import, a, b))
        return y;
    if (is_number(b, 6)) {  // x clip(x + 3, 0, 6) / 6
        const Origin* product = made_by(import, a, "Mul");
        if (product != nullptr)
            for (const std::size_t i : {0, 1})
                if (const auto x = clipped_shift(import, product->inputs[i]);
                    x && import.same(*x, product->inputs[1 - i]))
                    return pointwise(import, *x, Function::hard_swish);
    }
    return std::nullopt;
}

// Nothing where the shapes were changed on the way: a reshaped gate, a number with axes of its own.
std::optional<Operand> whole(Import& import, std::optional<Operand> y) {
    const bool same = y && y->shape == broadcast(import, import.in(0).shape, import.in(1).shape);
    return same ? y : std::nullopt;
}

}  // namespace

std::optional<Operand> pattern_of_mul(Import& import) {
    return whole(import, of_mul(import));
}
std::optional<Operand> pattern_of_div(Import& import) {
    return whole(import, of_div(import));
}

}  // namespace descrambler
