#include <limits>

#include "graph/frozen_node.hpp"
#include "graph/sliding_windows.hpp"

namespace descrambler {

// The first largest number of each window is kept; where the window has none (all of it padding), nothing.
template <class T>
Frozen<T> freeze(const MaxPool& op, Freezing<T>& at) {
    const Convolution& s = op.window;
    const std::vector<double> x = at.primal(0);
    std::vector<std::uint32_t> chosen(static_cast<std::size_t>(at.y.rows), SparseRows<T>::nothing);
    std::size_t o = 0;
    for (Index plane = 0; plane < s.images * s.in_channels; ++plane)
        for (Index i = 0; i < s.out[0]; ++i)
            for (Index j = 0; j < s.out[1]; ++j)
                for (Index k = 0; k < s.out[2]; ++k, ++o)
                    for (Index a = 0; a < s.kernel[0]; ++a)
                        for (Index b = 0; b < s.kernel[1]; ++b)
                            for (Index c = 0; c < s.kernel[2]; ++c) {
                                const Index p = i * s.stride[0] + a * s.dilation[0] - s.pad[0];
                                const Index q = j * s.stride[1] + b * s.dilation[1] - s.pad[1];
                                const Index r = k * s.stride[2] + c * s.dilation[2] - s.pad[2];
                                if (p < 0 || p >= s.in[0] || q < 0 || q >= s.in[1] || r < 0 || r >= s.in[2])
                                    continue;
                                const auto index =
                                    static_cast<std::uint32_t>(((plane * s.in[0] + p) * s.in[1] + q) * s.in[2] + r);
                                if (chosen[o] == SparseRows<T>::nothing || x[index] > x[chosen[o]])
                                    chosen[o] = index;
                            }
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, {}, chosen, {});
    const Index window = s.kernel[0] * s.kernel[1] * s.kernel[2];
    result->recorded = at.y.rows * (window <= 256 ? 1 : 4);
    at.set_affine(*result);
    return result;
}
template Frozen<float> freeze(const MaxPool&, Freezing<float>&);
template Frozen<double> freeze(const MaxPool&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

Convolution planes(const SlidingWindows& windows, const Operand& x) {
    Convolution s = convolution_of(windows);
    s.images = x.shape[0];
    s.in_channels = s.out_channels = s.groups = x.shape[1];
    return s;
}
Shape pooled(const Operand& x, const SlidingWindows& windows) {
    Shape shape{x.shape[0], x.shape[1]};
    shape.insert(shape.end(), windows.out.begin(), windows.out.end());
    return shape;
}
SlidingWindows windows_of(Import& import, bool ceil) {
    const Operand& x = import.in(0);
    if (x.shape.size() < 3 || x.shape.size() > 5)
        import.refuse("input of shape " + to_string(x.shape) + ", expected one to three axes after batch and channel");
    if (volume(x.shape) == 0)
        import.refuse("an input without numbers, of shape " + to_string(x.shape));
    return read_windows(import, {x.shape.begin() + 2, x.shape.end()}, {}, false, ceil);
}

void lower_max_pool(Import& import) {
    const Operand x = import.in(0);
    (void)import.integer("storage_order", 0);
    const SlidingWindows windows = windows_of(import, import.integer("ceil_mode", 0) != 0);
    limit_entries(import, {planes(windows, x).outputs(), volume(windows.kernel)});
    import.out(import.add(MaxPool{planes(windows, x)}, {x}, pooled(x, windows)));
}

// The mean of a window: over the places of the input in it, or also over those of the padding (but not behind it, where
// only rounding up leads).
void lower_average_pool(Import& import) {
    const Operand x = import.in(0);
    const bool count_pad = import.integer("count_include_pad", 0) != 0;
    const SlidingWindows windows = windows_of(import, import.integer("ceil_mode", 0) != 0);
    const Convolution s = planes(windows, x);
    limit_entries(import, {s.outputs(), volume(windows.kernel)});
    std::vector<std::vector<std::uint32_t>> rows(static_cast<std::size_t>(s.outputs()));
    for_products(s, [&](Index, Index i, Index o) {
        rows[static_cast<std::size_t>(o)].push_back(static_cast<std::uint32_t>(i));
    });
    const auto padded_count = [&](const std::array<Index, 3>& o) {
        Index count = 1;
        for (std::size_t a = 0; a < 3; ++a) {
            const std::size_t skip = 3 - windows.in.size();
            const Index after = a < skip ? 0 : windows.after[a - skip];
            Index here = 0;
            for (Index t = 0; t < s.kernel[a]; ++t)
                here += o[a] * s.stride[a] + t * s.dilation[a] < s.in[a] + s.pad[a] + after ? 1 : 0;
            count *= here;
        }
        return count;
    };
    Sparse map;
    map.starts.push_back(0);
    std::size_t place = 0;
    for (Index plane = 0; plane < s.images * s.out_channels; ++plane)
        for (Index i = 0; i < s.out[0]; ++i)
            for (Index j = 0; j < s.out[1]; ++j)
                for (Index k = 0; k < s.out[2]; ++k, ++place) {
                    const std::vector<std::uint32_t>& row = rows[place];
                    const auto count = count_pad ? padded_count({i, j, k}) : std::ssize(row);
                    map.index.insert(map.index.end(), row.begin(), row.end());
                    map.weight.insert(map.weight.end(), row.size(), 1 / static_cast<double>(count));
                    map.starts.push_back(static_cast<std::uint32_t>(map.index.size()));
                }
    import.out(import.add(std::move(map), {x}, pooled(x, windows)));
}

enum class Reduction { sum, mean, largest, smallest };

// Over some axes, which become 1 or go.
Operand reduced(Import& import, const Operand& x, const std::vector<Index>& axes, bool keep, Reduction kind) {
    std::vector<Index> order, kept;
    std::vector<bool> gone(x.shape.size());
    for (const Index a : axes)
        gone[static_cast<std::size_t>(import.axis(a, std::ssize(x.shape)))] = true;
    Shape shape, kept_shape;
    Index count = 1;
    for (std::size_t i = 0; i < gone.size(); ++i) {
        if (!gone[i]) {
            order.push_back(static_cast<Index>(i));
            kept_shape.push_back(x.shape[i]);
            shape.push_back(x.shape[i]);
        } else {
            count *= x.shape[i];
            if (keep)
                shape.push_back(1);
        }
    }
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (gone[i])
            order.push_back(static_cast<Index>(i));
    const Operand runs = transposed(import, x, order);
    const Index rows = volume(kept_shape);
    if (kind == Reduction::largest || kind == Reduction::smallest) {
        if (count == 0)
            import.refuse("the largest of no numbers");
        Convolution window;
        window.images = rows;
        window.in_channels = window.out_channels = 1;
        window.in[2] = window.kernel[2] = count;
        const Operand turned =
            kind == Reduction::largest ? runs : import.add(Pointwise{Function::neg, 0, 0, {}}, {runs}, runs.shape);
        const Operand y = import.add(MaxPool{window}, {turned}, shape);
        return kind == Reduction::largest ? y : import.add(Pointwise{Function::neg, 0, 0, {}}, {y}, shape);
    }
    Sparse map;
    const double weight = kind == Reduction::mean ? 1 / static_cast<double>(count) : 1;
    for (Index row = 0; row <= rows; ++row)
        map.starts.push_back(static_cast<std::uint32_t>(row * count));
    for (Index i = 0; i < rows * count; ++i)
        map.index.push_back(static_cast<std::uint32_t>(i));
    map.weight.assign(map.index.size(), weight);
    return import.add(std::move(map), {runs}, shape);
}

std::vector<Index> all_axes(const Operand& x) {
    std::vector<Index> axes(x.shape.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
        axes[i] = static_cast<Index>(i);
    return axes;
}

void lower_reduction(Import& import, Reduction kind, int axes_by_input_since) {
    const Operand x = import.in(0);
    const bool keep = import.integer("keepdims", 1) != 0;
    const bool none_is_none = import.integer("noop_with_empty_axes", 0) != 0;
    std::optional<std::vector<Index>> axes;
    if (import.opset() < axes_by_input_since)
        axes = import.list("axes");
    else if (import.has(1))
        axes = import.numbers(1);
    if (!axes || axes->empty()) {
        if (none_is_none)
            return import.out(x);
        axes = all_axes(x);
    }
    const Operand y = reduced(import, x, *axes, keep, kind);
    std::vector<Index> counted;
    for (const Index a : *axes)
        counted.push_back(import.axis(a, std::ssize(x.shape)));
    import.set_origin(y, {import.node().op, {x}, counted});
    import.out(y);
}
void lower_reduce_mean(Import& import) {
    lower_reduction(import, Reduction::mean, 18);
}
void lower_reduce_sum(Import& import) {
    lower_reduction(import, Reduction::sum, 13);
}
void lower_reduce_max(Import& import) {
    lower_reduction(import, Reduction::largest, 18);
}
void lower_reduce_min(Import& import) {
    lower_reduction(import, Reduction::smallest, 18);
}

void lower_global(Import& import, Reduction kind) {
    const Operand x = import.in(0);
    if (x.shape.size() < 3)
        import.refuse("input of shape " + to_string(x.shape) + ", expected axes after batch and channel");
    std::vector<Index> axes = all_axes(x);
    axes.erase(axes.begin(), axes.begin() + 2);
    import.out(reduced(import, x, axes, true, kind));
}
void lower_global_average(Import& import) {
    lower_global(import, Reduction::mean);
}
void lower_global_max(Import& import) {
    lower_global(import, Reduction::largest);
}

}  // namespace

Operand mean_over(Import& import, const Operand& x, const std::vector<Index>& axes) {
    return reduced(import, x, axes, true, Reduction::mean);
}

std::span<const OperatorEntry> pool_operators() {
    static constexpr OperatorEntry table[] = {
        {"MaxPool", 1, lower_max_pool},         {"AveragePool", 1, lower_average_pool},
        {"GlobalMaxPool", 1, lower_global_max}, {"GlobalAveragePool", 1, lower_global_average},
        {"ReduceMean", 1, lower_reduce_mean},   {"ReduceSum", 1, lower_reduce_sum},
        {"ReduceMax", 1, lower_reduce_max},     {"ReduceMin", 1, lower_reduce_min},
    };
    return table;
}

}  // namespace descrambler
