#include <algorithm>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"
#include "graph/windows.hpp"

namespace descrambler {
namespace {

template <class T>
class FrozenConvolve final : public FrozenNode<T> {
public:
    FrozenConvolve(const Convolve& op, Batch<const T> W) : op_(&op), W_(W) {}
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        if (op_->transposed)
            on.convolve_adjoint(op_->shape, W_, x[0], 0, y);
        else
            on.convolve(op_->shape, W_, x[0], 0, y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        if (op_->transposed)
            on.convolve(op_->shape, W_, y, x[0].beta, x[0].x);
        else
            on.convolve_adjoint(op_->shape, W_, y, x[0].beta, x[0].x);
    }

private:
    const Convolve* op_;
    Batch<const T> W_;
};

}  // namespace

template <class T>
Frozen<T> freeze(const Convolve& op, Freezing<T>& at) {
    auto result =
        std::make_unique<FrozenConvolve<T>>(op, at.weights.matrix(op.weight, op.shape.depth(), op.shape.out_channels));
    result->offset = held(at.on, op.bias);
    at.set_affine(*result);
    return result;
}
template Frozen<float> freeze(const Convolve&, Freezing<float>&);
template Frozen<double> freeze(const Convolve&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

// The sum of a live bias and y, channel by channel.
Operand with_bias(Import& import, const Operand& y, std::size_t input) {
    Shape shape(y.shape.size(), 1);
    shape[1] = import.in(input).shape.at(0);
    const Operand bias = broadcast_to(import, reshaped(import.in(input), shape), y.shape);
    return import.add(Sum{{1, 1}}, {y, bias}, y.shape);
}

// A constant input and live weights: linear in the weights, with the numbers of the input as entries.
Operand of_live_weights(Import& import, const Convolution& s, bool transposed, const Shape& shape) {
    limit_entries(import, {s.outputs(), s.depth()});
    const std::vector<double> x = import.constant(0).as<double>();
    std::vector<std::vector<std::pair<std::uint32_t, double>>> rows(static_cast<std::size_t>(volume(shape)));
    for_products(s, [&](Index w, Index i, Index o) {
        rows[static_cast<std::size_t>(transposed ? i : o)].emplace_back(
            static_cast<std::uint32_t>(w), x[static_cast<std::size_t>(transposed ? o : i)]);
    });
    Sparse map;
    map.starts.push_back(0);
    for (const auto& row : rows) {
        for (const auto& [index, weight] : row) {
            map.index.push_back(index);
            map.weight.push_back(weight);
        }
        map.starts.push_back(static_cast<std::uint32_t>(map.index.size()));
    }
    return import.add(std::move(map), {import.in(1)}, shape);
}

void lower_convolution(Import& import, bool transposed) {
    const Operand x = import.in(0);
    const Shape filters = import.in(1).shape;
    const std::size_t axes = x.shape.size() - std::min<std::size_t>(x.shape.size(), 2);
    if (axes < 1 || axes > 3)
        import.refuse("input of shape " + to_string(x.shape) + ", expected one to three axes after batch and channel");
    if (filters.size() != x.shape.size())
        import.refuse("weights of shape " + to_string(filters) + " for an input of shape " + to_string(x.shape));
    // numbers that one output sums
    const Index fan_in = volume(filters) / std::max<Index>(filters[transposed ? 1 : 0], 1);
    const Operand w = import.learnt(1, Import::Learnt::weight, fan_in);
    const Index groups = import.integer("group", 1);
    if (groups < 1 || groups > std::max(x.shape[1], filters[0]))
        import.refuse("attribute group " + std::to_string(groups) + " for weights of shape " + to_string(filters));
    const Windows windows = read_windows(import, {x.shape.begin() + 2, x.shape.end()},
                                         Shape(w.shape.begin() + 2, w.shape.end()), transposed);
    Convolution s = convolution_of(windows, transposed);
    s.images = x.shape[0];
    s.groups = groups;
    const Index channels = transposed ? w.shape[1] * groups : w.shape[0];
    s.in_channels = transposed ? channels : x.shape[1];
    s.out_channels = transposed ? x.shape[1] : channels;
    if (groups < 1 || s.in_channels % groups != 0 || s.out_channels % groups != 0 || w.shape[0] != s.out_channels ||
        w.shape[1] != s.in_channels / groups)
        import.refuse("weights of shape " + to_string(w.shape) + " with group " + std::to_string(groups) +
                      " for an input of shape " + to_string(x.shape));
    Shape shape{x.shape[0], channels};
    shape.insert(shape.end(), windows.out.begin(), windows.out.end());
    if (import.has(2) && import.in(2).shape != Shape{channels})
        import.refuse("bias of shape " + to_string(import.in(2).shape) + ", expected " + std::to_string(channels));
    (void)limited(shape);
    const Index pixels = volume(windows.out);
    if (w.live()) {
        if (x.live())
            import.refuse("weights that hang on the input beside an input that does");
        Operand y = of_live_weights(import, s, transposed, shape);
        import.out(import.has(2) ? with_bias(import, y, 2) : y);
        return;
    }
    Convolve op{s, transposed, *w.constant, {}};
    const bool constant_bias = import.has(2) && !import.in(2).live();
    if (constant_bias)
        op.bias = {import.learnt(2, Import::Learnt::bias).constant->as<double>(), std::max<Index>(pixels, 1)};
    const Operand y = import.add(std::move(op), {x}, shape);
    import.out(import.has(2) && !constant_bias ? with_bias(import, y, 2) : y);
}

void lower_conv(Import& import) {
    lower_convolution(import, false);
}
void lower_conv_transpose(Import& import) {
    lower_convolution(import, true);
}

}  // namespace

std::span<const OperatorEntry> convolve_operators() {
    static constexpr OperatorEntry table[] = {{"Conv", 1, lower_conv}, {"ConvTranspose", 1, lower_conv_transpose}};
    return table;
}

}  // namespace descrambler
