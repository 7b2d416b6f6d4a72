#include <algorithm>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"
#include "graph/sliding_windows.hpp"

namespace descrambler {
namespace {

template <class T>
class FrozenConvolve final : public FrozenNode<T> {
public:
    FrozenConvolve(const Convolve& op, Batch<const T> W) : op_(&op), W_(W) {}
    FrozenConvolve(const Convolve& op, Buffer<T> W, Index rows)
        : op_(&op), own_(std::move(W)), W_(own_.view(rows, own_.size() / rows)) {}
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool) const override {
        return std::make_unique<FrozenConvolve<T>>(*op_, absolute_matrix(on, W_), W_.rows);
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        apply_masked(on, x, y, {});
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        adjoint_masked(on, y, x[0], {});
    }
    [[nodiscard]] bool takes_mask() const override { return true; }
    void apply_masked(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y, const Mask<T>& m) const override {
        if (op_->transposed)
            on.convolve_adjoint(op_->shape, W_, x[0], 0, y, m);
        else
            on.convolve(op_->shape, W_, x[0], 0, y, m);
    }
    void adjoint_masked(Backend<T>& on, Batch<const T> y, const Target<T>& x, const Mask<T>& m) const override {
        if (op_->transposed)
            on.convolve(op_->shape, W_, y, x.beta, x.x, m);
        else
            on.convolve_adjoint(op_->shape, W_, y, x.beta, x.x, m);
    }

    [[nodiscard]] std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const override;
    void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const override {
        const Target<T> to{y.numbers, 0};
        if (op_->transposed)
            adjoint_of_windows(on, x[0], {y.at, to});
        else
            forward_of_windows(on, x[0], {y.at, to});
    }
    void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                         std::span<const WindowedTarget<T>> x) const override {
        if (op_->transposed)
            forward_of_windows(on, y, x[0]);
        else
            adjoint_of_windows(on, y, x[0]);
    }

private:
    void forward_of_windows(Backend<T>& on, const Windowed<const T>& x, const WindowedTarget<T>& y) const;
    void adjoint_of_windows(Backend<T>& on, const Windowed<const T>& y, const WindowedTarget<T>& x) const;

    const Convolve* op_;
    Buffer<T> own_;  // empty: the weights are the network's
    Batch<const T> W_;
};

// Along one axis, of every output the inputs that it takes.
std::vector<Interval> reach_of_axis(const Convolution& s, std::size_t a, bool transposed) {
    const Index span = (s.kernel[a] - 1) * s.dilation[a];
    std::vector<Interval> result;
    if (!transposed)
        for (Index o = 0; o < s.out[a]; ++o)
            result.push_back({std::max<Index>(o * s.stride[a] - s.pad[a], 0),
                              std::min(o * s.stride[a] - s.pad[a] + span + 1, s.in[a])});
    else
        for (Index i = 0; i < s.in[a]; ++i)
            result.push_back({(std::max<Index>(i + s.pad[a] - span, 0) + s.stride[a] - 1) / s.stride[a],
                              std::min((i + s.pad[a]) / s.stride[a] + 1, s.out[a])});
    return result;
}

template <class T>
std::vector<Reach> FrozenConvolve<T>::reach(std::span<const Planes> in, const Planes& out) const {
    const Convolution& s = op_->shape;
    const Planes x{s.in_channels * s.in[0], s.in[1], s.in[2]}, y{s.out_channels * s.out[0], s.out[1], s.out[2]};
    if (s.images != 1 || in[0] != (op_->transposed ? y : x) || out != (op_->transposed ? x : y))
        return {};
    return {{reach_of_axis(s, 1, op_->transposed), reach_of_axis(s, 2, op_->transposed)}};
}

// The same convolution of smaller images. Its padding is the distance of the corners, which differs from probe to probe
// where a window has met a border: body(shape, first probe, probes) over those of one padding.
template <class Body>
void for_paddings(const Convolution& s, const Windows& in, const Windows& out, const Body& body) {
    const auto pad = [&](std::size_t k) {
        return std::array<Index, 3>{s.pad[0], s.pad[1] + in.corners[k].row - out.corners[k].row * s.stride[1],
                                    s.pad[2] + in.corners[k].col - out.corners[k].col * s.stride[2]};
    };
    for (std::size_t k = 0, end = 0; k < in.corners.size(); k = end) {
        Convolution small = s;
        small.in = {s.in[0], in.rows, in.cols};
        small.out = {s.out[0], out.rows, out.cols};
        small.pad = pad(k);
        for (end = k + 1; end < in.corners.size() && pad(end) == small.pad;)
            ++end;
        body(small, static_cast<Index>(k), static_cast<Index>(end - k));
    }
}

template <class T>
void FrozenConvolve<T>::forward_of_windows(Backend<T>& on, const Windowed<const T>& x,
                                           const WindowedTarget<T>& y) const {
    for_paddings(op_->shape, *x.at, *y.at, [&](const Convolution& s, Index first, Index count) {
        on.convolve(s, W_, x.numbers.columns(first, count), y.to.beta, y.to.x.columns(first, count));
    });
}
template <class T>
void FrozenConvolve<T>::adjoint_of_windows(Backend<T>& on, const Windowed<const T>& y,
                                           const WindowedTarget<T>& x) const {
    for_paddings(op_->shape, *x.at, *y.at, [&](const Convolution& s, Index first, Index count) {
        on.convolve_adjoint(s, W_, y.numbers.columns(first, count), x.to.beta, x.to.x.columns(first, count));
    });
}

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
    const SlidingWindows windows = read_windows(import, {x.shape.begin() + 2, x.shape.end()},
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
