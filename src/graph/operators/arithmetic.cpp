// Sums, products and choices of values.
#include <algorithm>
#include <cmath>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"

namespace descrambler {
namespace {

template <class T>
std::unique_ptr<Diagonal<T>> diagonal(std::size_t inputs) {
    auto result = std::make_unique<Diagonal<T>>();
    result->a.resize(inputs);
    return result;
}

template <class T>
class Nothing final : public FrozenNode<T> {
public:
    [[nodiscard]] Frozen<T> absolute(Backend<T>&, bool) const override { return std::make_unique<Nothing<T>>(); }
    void apply(Backend<T>& on, std::span<const Batch<const T>>, Batch<T> y) const override { on.axpby(0, y, 0, y); }
    void adjoint(Backend<T>& on, Batch<const T>, std::span<const Target<T>> x) const override {
        for (const Target<T>& target : x)
            if (target.x.data != nullptr)
                on.axpby(0, target.x, target.beta, target.x);
    }
    void adjoint_windows(Backend<T>& on, const Windowed<const T>&,
                         std::span<const WindowedTarget<T>> x) const override {
        for (const WindowedTarget<T>& target : x)
            if (target.to.x.data != nullptr)
                on.axpby(0, target.to.x, target.to.beta, target.to.x);
    }
};

// The first of the inputs that wins keeps its number: selections, a bit for two inputs.
template <class T, class Wins>
Frozen<T> select(Freezing<T>& at, const Wins& wins) {
    auto result = diagonal<T>(at.x.size());
    const auto n = static_cast<std::size_t>(at.y.rows);
    std::vector<std::vector<double>> x, a(at.x.size(), std::vector<double>(n));
    for (std::size_t i = 0; i < at.x.size(); ++i)
        x.push_back(at.primal(i));
    std::vector<double> y(n);
    for (std::size_t e = 0; e < n; ++e) {
        const std::size_t winner = wins(e, x);
        a[winner][e] = 1;
        y[e] = x[winner][e];
    }
    for (std::size_t i = 0; i < a.size(); ++i)
        result->a[i] = held(at.on, a[i]);
    result->recorded = static_cast<Index>(x.size() * n * sizeof(T));
    at.set(y);
    return result;
}

}  // namespace

template <class T>
Frozen<T> freeze(const Affine& op, Freezing<T>& at) {
    auto result = diagonal<T>(1);
    result->a[0] = held(at.on, op.scale);
    result->offset = held(at.on, op.offset);
    at.set_affine(*result);
    return result;
}

template <class T>
Frozen<T> freeze(const Fixed& op, Freezing<T>& at) {
    auto result = std::make_unique<Nothing<T>>();
    result->offset = held(at.on, std::vector<double>(op.values.begin(), op.values.end()));
    at.set_affine(*result);
    return result;
}

template <class T>
Frozen<T> freeze(const Sum& op, Freezing<T>& at) {
    auto result = diagonal<T>(at.x.size());
    for (std::size_t i = 0; i < at.x.size(); ++i)
        if (op.sign[i] != 1)
            result->a[i] = held(at.on, std::vector<double>{op.sign[i]}, at.y.rows);
    at.set_affine(*result);
    return result;
}

// frozen: g x with the gate g at x0; taylor: both, offset -g0 x0.
template <class T>
Frozen<T> freeze(const Multiply&, Freezing<T>& at) {
    auto result = diagonal<T>(2);
    const std::vector<double> first = at.primal(0), second = at.primal(1);
    std::vector<double> y(first.size()), offset(first.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
        y[i] = first[i] * second[i];
        offset[i] = -y[i];
    }
    const bool taylor = at.options.rule == FreezeRule::taylor;
    const int gate = at.node.gate;
    const auto slope = [&](bool varies, const std::vector<double>& numbers) {
        return varies ? held(at.on, numbers) : held(at.on, std::vector<double>{0}, at.y.rows);
    };
    result->a[0] = slope(taylor || gate == 1, second);
    result->a[1] = slope(taylor || gate == 0, first);
    if (taylor)
        result->offset = held(at.on, offset);
    result->recorded = static_cast<Index>((taylor ? 2 : 1) * first.size() * sizeof(T));
    at.set(y);
    return result;
}

// frozen: the denominator at x0; taylor: x / d - x0 / d0^2 d + x0 / d0.
template <class T>
Frozen<T> freeze(const Divide&, Freezing<T>& at) {
    auto result = diagonal<T>(2);
    const std::vector<double> x = at.primal(0), d = at.primal(1);
    std::vector<double> y(x.size()), inverse(x.size()), slope(x.size());
    const bool taylor = at.options.rule == FreezeRule::taylor;
    for (std::size_t i = 0; i < y.size(); ++i) {
        y[i] = x[i] / d[i];
        inverse[i] = 1 / d[i];
        slope[i] = -y[i] / d[i];
    }
    result->a[0] = held(at.on, inverse);
    result->a[1] = taylor ? held(at.on, slope) : held(at.on, std::vector<double>{0}, at.y.rows);
    if (taylor)
        result->offset = held(at.on, y);
    result->recorded = static_cast<Index>((taylor ? 2 : 1) * x.size() * sizeof(T));
    at.set(y);
    return result;
}

template <class T>
Frozen<T> freeze(const Extreme& op, Freezing<T>& at) {
    return select(at, [&](std::size_t e, const std::vector<std::vector<double>>& x) {
        std::size_t winner = 0;
        for (std::size_t i = 1; i < x.size(); ++i)
            if (op.largest ? x[i][e] > x[winner][e] : x[i][e] < x[winner][e])
                winner = i;
        return winner;
    });
}

template <class T>
Frozen<T> freeze(const Choose& op, Freezing<T>& at) {
    auto result = select(at, [&](std::size_t e, const std::vector<std::vector<double>>&) {
        return op.first[e] ? std::size_t{0} : std::size_t{1};
    });
    return result;
}

template Frozen<float> freeze(const Affine&, Freezing<float>&);
template Frozen<double> freeze(const Affine&, Freezing<double>&);
template Frozen<float> freeze(const Fixed&, Freezing<float>&);
template Frozen<double> freeze(const Fixed&, Freezing<double>&);
template Frozen<float> freeze(const Sum&, Freezing<float>&);
template Frozen<double> freeze(const Sum&, Freezing<double>&);
template Frozen<float> freeze(const Multiply&, Freezing<float>&);
template Frozen<double> freeze(const Multiply&, Freezing<double>&);
template Frozen<float> freeze(const Divide&, Freezing<float>&);
template Frozen<double> freeze(const Divide&, Freezing<double>&);
template Frozen<float> freeze(const Extreme&, Freezing<float>&);
template Frozen<double> freeze(const Extreme&, Freezing<double>&);
template Frozen<float> freeze(const Choose&, Freezing<float>&);
template Frozen<double> freeze(const Choose&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

Pattern negated(Pattern pattern) {
    for (double& number : pattern.values)
        number = -number;
    return pattern;
}

}  // namespace

Operand summed(Import& import, const Operand& a, const Operand& b, double sign) {
    const Shape shape = broadcast(import, a.shape, b.shape);
    if (a.live() && b.live())
        return import.add(Sum{{1, sign}}, {broadcast_to(import, a, shape), broadcast_to(import, b, shape)}, shape);
    if (!b.live()) {
        const Pattern offset = pattern_of(*b.constant, shape);
        return import.add(Affine{{}, sign > 0 ? offset : negated(offset)}, {broadcast_to(import, a, shape)}, shape);
    }
    Pattern scale;
    if (sign < 0)
        scale = {{-1}, volume(shape)};
    return import.add(Affine{scale, pattern_of(*a.constant, shape)}, {broadcast_to(import, b, shape)}, shape);
}

Operand multiplied(Import& import, const Operand& a, const Operand& b) {
    const Shape shape = broadcast(import, a.shape, b.shape);
    if (a.live() && b.live())
        return import.add(Multiply{}, {broadcast_to(import, a, shape), broadcast_to(import, b, shape)}, shape,
                          choose_gate(import, a, b));
    const Operand& fixed = a.live() ? b : a;
    return import.add(Affine{pattern_of(*fixed.constant, shape), {}}, {broadcast_to(import, a.live() ? a : b, shape)},
                      shape);
}

namespace {

void finish(Import& import, const Operand& y) {
    import.set_origin(y, {import.node().op, {import.in(0), import.in(1)}, {}});
    import.out(y);
}

void lower_add(Import& import) {
    finish(import, summed(import, import.in(0), import.in(1), 1));
}
void lower_sub(Import& import) {
    finish(import, summed(import, import.in(0), import.in(1), -1));
}
void lower_mul(Import& import) {
    if (const auto y = pattern_of_mul(import))
        return import.out(*y);
    finish(import, multiplied(import, import.in(0), import.in(1)));
}
void lower_div(Import& import) {
    if (const auto y = pattern_of_div(import))
        return import.out(*y);
    const Operand a = import.in(0), b = import.in(1);
    if (!b.live()) {
        const Shape shape = broadcast(import, a.shape, b.shape);
        Pattern inverse = pattern_of(*b.constant, shape);
        for (double& number : inverse.values)
            number = 1 / number;
        return finish(import, import.add(Affine{std::move(inverse), {}}, {broadcast_to(import, a, shape)}, shape));
    }
    const Shape shape = broadcast(import, a.shape, b.shape);
    if (!a.live()) {  // a constant over a live value: its reciprocal
        const Operand inverse = import.add(Pointwise{Function::reciprocal, 0, 0, {}}, {b}, b.shape);
        return finish(import, multiplied(import, a, inverse));
    }
    if (const Origin* norm = import.origin(b); norm != nullptr && norm->op == "Sqrt")
        import.remark("a quotient by a root that is no norm: the denominator is what freezing keeps");
    finish(import, import.add(Divide{}, {broadcast_to(import, a, shape), broadcast_to(import, b, shape)}, shape));
}

void lower_variadic_sum(Import& import, bool mean) {
    Operand y = import.in(0);
    for (std::size_t i = 1; i < import.count(); ++i)
        y = summed(import, y, import.in(i), 1);
    if (mean)
        y = import.add(Affine{{{1 / static_cast<double>(import.count())}, volume(y.shape)}, {}}, {y}, y.shape);
    import.out(y);
}
void lower_sum(Import& import) {
    lower_variadic_sum(import, false);
}
void lower_mean(Import& import) {
    lower_variadic_sum(import, true);
}

void lower_extreme(Import& import, bool largest) {
    Shape shape = import.in(0).shape;
    for (std::size_t i = 0; i < import.count(); ++i) {
        shape = broadcast(import, shape, import.in(i).shape);
        if (!is_real(import.in(i).type))
            import.refuse("integers, expected floating-point numbers");
    }
    std::vector<Operand> inputs;
    for (std::size_t i = 0; i < import.count(); ++i)
        inputs.push_back(broadcast_to(import, import.in(i), shape));
    import.out(inputs.size() == 1 ? inputs[0] : import.add(Extreme{largest}, inputs, shape));
}
void lower_max(Import& import) {
    lower_extreme(import, true);
}
void lower_min(Import& import) {
    lower_extreme(import, false);
}

void lower_where(Import& import) {
    const Tensor& condition = import.constant(0);
    const Operand a = import.in(1), b = import.in(2);
    const Shape shape = broadcast(import, broadcast(import, condition.shape, a.shape), b.shape);
    const std::vector<double> numbers = condition.as<double>();
    Choose op;
    for (const std::uint32_t place : broadcast_index(condition.shape, shape))
        op.first.push_back(numbers[place] != 0);
    if (is_real(a.type) != is_real(b.type))
        import.refuse("whole and other numbers together");
    const Operand first = broadcast_to(import, a, shape), second = broadcast_to(import, b, shape);
    if (a.live() || b.live() || is_real(a.type))
        return import.out(import.add(std::move(op), {first, second}, shape));
    std::vector<std::int64_t> chosen;
    for (std::size_t i = 0; i < op.first.size(); ++i)
        chosen.push_back((op.first[i] ? first : second).constant->integers()[i]);
    Operand y = constant_operand(tensor(shape, std::move(chosen)));
    import.out(y);
}

}  // namespace

std::span<const OperatorEntry> arithmetic_operators() {
    static constexpr OperatorEntry table[] = {
        {"Add", 7, lower_add}, {"Sub", 7, lower_sub}, {"Mul", 7, lower_mul},
        {"Div", 7, lower_div}, {"Sum", 6, lower_sum}, {"Mean", 6, lower_mean},
        {"Max", 6, lower_max}, {"Min", 6, lower_min}, {"Where", 9, lower_where},
    };
    return table;
}

}  // namespace descrambler
