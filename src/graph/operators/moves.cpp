// Operators that carry numbers from place to place or sum them with fixed weights: linear as they are.
#include <algorithm>
#include <numeric>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"

namespace descrambler {
namespace {

template <class T>
Held<T> fill_of_empty(Backend<T>& on, double fill, const std::vector<bool>& empty) {
    if (fill == 0 || std::ranges::none_of(empty, [](bool e) { return e; }))
        return {};
    std::vector<double> numbers(empty.size());
    for (std::size_t i = 0; i < empty.size(); ++i)
        numbers[i] = empty[i] ? fill : 0;
    return held(on, numbers);
}

}  // namespace

template <class T>
Frozen<T> freeze(const Move& op, Freezing<T>& at) {
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, {}, op.index, {});
    std::vector<bool> empty;
    for (const std::uint32_t index : op.index)
        empty.push_back(index == SparseRows<T>::nothing);
    result->offset = fill_of_empty<T>(at.on, op.fill, empty);
    at.set_affine(*result);
    return result;
}

template <class T>
Frozen<T> freeze(const Concat& op, Freezing<T>& at) {
    auto result = std::make_unique<SparseMap<T>>();
    const Index length = std::accumulate(op.runs.begin(), op.runs.end(), Index{0});
    Index before = 0;
    for (std::size_t i = 0; i < op.runs.size(); ++i) {
        std::vector<std::uint32_t> index(static_cast<std::size_t>(at.y.rows), SparseRows<T>::nothing);
        for (Index o = 0; o < op.outer; ++o)
            std::iota(index.begin() + o * length + before, index.begin() + o * length + before + op.runs[i],
                      static_cast<std::uint32_t>(o * op.runs[i]));
        result->add(at.on, at.y.rows, at.x[i].rows, {}, index, {});
        before += op.runs[i];
    }
    at.set_affine(*result);
    return result;
}

template <class T>
Frozen<T> freeze(const Sparse& op, Freezing<T>& at) {
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, op.starts, op.index, op.weight);
    std::vector<bool> empty;
    for (std::size_t i = 0; i + 1 < op.starts.size(); ++i)
        empty.push_back(op.starts[i] == op.starts[i + 1]);
    result->offset = fill_of_empty<T>(at.on, op.fill, empty);
    at.set_affine(*result);
    return result;
}

template Frozen<float> freeze(const Move&, Freezing<float>&);
template Frozen<double> freeze(const Move&, Freezing<double>&);
template Frozen<float> freeze(const Concat&, Freezing<float>&);
template Frozen<double> freeze(const Concat&, Freezing<double>&);
template Frozen<float> freeze(const Sparse&, Freezing<float>&);
template Frozen<double> freeze(const Sparse&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

void lower_identity(Import& import) {
    import.out(import.in(0));
}
void lower_dropout(Import& import) {
    (void)import.real("ratio", .5);
    (void)import.integer("seed", 0);
    (void)import.integer("is_test", 1);
    if (import.has(2) && import.constant(2).as<double>() != std::vector<double>{0})
        import.refuse("training mode is not served");
    import.out(import.in(0));
}

// Numbers of an operand: by an attribute in early opsets, by an input later.
std::optional<std::vector<Index>> given(Import& import, std::size_t input, const char* attribute, int by_input_since) {
    if (import.opset() < by_input_since)
        return import.list(attribute);
    return import.has(input) ? std::optional(import.numbers(input)) : std::nullopt;
}

void lower_reshape(Import& import) {
    const Operand x = import.in(0);
    const bool keep_zero = import.integer("allowzero", 0) != 0;
    const auto wanted = given(import, 1, "shape", 5);
    if (!wanted)
        import.refuse("no shape is given");
    Shape shape = *wanted;
    Shape fixed;
    Index open = -1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 0 && !keep_zero) {
            if (i >= x.shape.size())
                import.refuse("shape " + to_string(*wanted) + " keeps an axis that the input has not");
            shape[i] = x.shape[i];
        }
        if (shape[i] == -1 && open < 0)
            open = static_cast<Index>(i);
        else if (shape[i] < 0)
            import.refuse("shape " + to_string(*wanted) + ": expected extents, and one -1 at most");
        else
            fixed.push_back(shape[i]);
    }
    const Index total = volume(x.shape), known = volume(fixed);
    if (open >= 0 && known > 0 && total % known == 0)
        shape[static_cast<std::size_t>(open)] = total / known;
    if (std::ranges::any_of(shape, [](Index e) { return e < 0; }) || volume(shape) != total)
        import.refuse("shape " + to_string(*wanted) + " for " + std::to_string(total) + " numbers");
    import.out(reshaped(x, shape));
}

void lower_flatten(Import& import) {
    const Operand x = import.in(0);
    const auto rank = static_cast<Index>(x.shape.size());
    Index axis = import.integer("axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis > rank)
        import.refuse("axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
    import.out(reshaped(
        x, {volume({x.shape.begin(), x.shape.begin() + axis}), volume({x.shape.begin() + axis, x.shape.end()})}));
}

void lower_squeeze(Import& import) {
    const Operand x = import.in(0);
    const auto rank = static_cast<Index>(x.shape.size());
    std::vector<bool> gone(x.shape.size());
    if (const auto axes = given(import, 1, "axes", 13))
        for (const Index a : *axes)
            gone[static_cast<std::size_t>(import.axis(a, rank))] = true;
    else
        for (std::size_t i = 0; i < gone.size(); ++i)
            gone[i] = x.shape[i] == 1;
    Shape shape;
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (!gone[i])
            shape.push_back(x.shape[i]);
        else if (x.shape[i] != 1)
            import.refuse("axis " + std::to_string(i) + " of shape " + to_string(x.shape) + " is not 1");
    import.out(reshaped(x, shape));
}

void lower_unsqueeze(Import& import) {
    const Operand x = import.in(0);
    const auto axes = given(import, 1, "axes", 13);
    if (!axes)
        import.refuse("no axes are given");
    const Index rank = std::ssize(x.shape) + std::ssize(*axes);
    std::vector<bool> made(static_cast<std::size_t>(rank));
    for (const Index a : *axes) {
        const auto at = static_cast<std::size_t>(import.axis(a, rank));
        if (made[at])
            import.refuse("axis " + std::to_string(a) + " is given twice");
        made[at] = true;
    }
    Shape shape;
    auto next = x.shape.begin();
    for (const bool one : made)
        shape.push_back(one ? 1 : *next++);
    import.out(reshaped(x, shape));
}

void lower_transpose(Import& import) {
    const Operand x = import.in(0);
    std::vector<Index> order(x.shape.size());
    std::iota(order.rbegin(), order.rend(), Index{0});
    order = import.list("perm").value_or(order);
    std::vector<Index> sorted = order;
    std::ranges::sort(sorted);
    bool good = sorted.size() == x.shape.size();
    for (std::size_t i = 0; good && i < sorted.size(); ++i)
        good = sorted[i] == static_cast<Index>(i);
    if (!good)
        import.refuse("attribute perm is no order of " + std::to_string(x.shape.size()) + " axes");
    import.out(transposed(import, x, order));
}

void lower_expand(Import& import) {
    const Operand x = import.in(0);
    import.out(broadcast_to(import, x, broadcast(import, x.shape, import.numbers(1))));
}

// The numbers at `source(coordinates)`, a coordinate of x for every place of the output.
template <class Source>
Operand pick(Import& import, const Operand& x, const Shape& shape, const Source& source) {
    const std::vector<Index> strides = strides_of(x.shape);
    std::vector<std::uint32_t> index(static_cast<std::size_t>(limited(shape)));
    std::vector<Index> from(x.shape.size());
    for_places(shape, [&](Index place, const std::vector<Index>& at) {
        source(at, from);
        Index sum = 0;
        for (std::size_t i = 0; i < from.size(); ++i)
            sum += from[i] * strides[i];
        index[static_cast<std::size_t>(place)] = static_cast<std::uint32_t>(sum);
    });
    return moved(import, x, std::move(index), shape);
}

void lower_tile(Import& import) {
    const Operand x = import.in(0);
    const std::vector<Index> repeats = import.numbers(1);
    if (repeats.size() != x.shape.size())
        import.refuse("as many repeats as axes were expected");
    Shape shape;
    for (std::size_t i = 0; i < repeats.size(); ++i) {
        if (repeats[i] < 0)
            import.refuse("a negative number of repeats");
        shape.push_back(volume({x.shape[i], repeats[i]}));
    }
    import.out(pick(import, x, shape, [&](const std::vector<Index>& at, std::vector<Index>& from) {
        for (std::size_t i = 0;
    i < at.size(); ++i)
            from[i] = at[i] % x.shape[i];
}));
}  // namespace

void lower_slice(Import& import) {
    const Operand x = import.in(0);
    const auto rank = static_cast<Index>(x.shape.size());
    const auto starts = given(import, 1, "starts", 10), ends = given(import, 2, "ends", 10);
    auto axes = given(import, 3, "axes", 10);
    const auto steps = import.opset() < 10 ? std::nullopt : given(import, 4, "steps", 10);
    if (!starts || !ends || starts->size() != ends->size())
        import.refuse("as many starts as ends were expected");
    if (!axes) {
        axes.emplace(starts->size());
        std::iota(axes->begin(), axes->end(), Index{0});
    }
    if (axes->size() != starts->size() || (steps && steps->size() != starts->size()))
        import.refuse("as many axes and steps as starts were expected");
    std::vector<Index> first(x.shape.size(), 0), step(x.shape.size(), 1);
    Shape shape = x.shape;
    for (std::size_t i = 0; i < starts->size(); ++i) {
        const auto a = static_cast<std::size_t>(import.axis((*axes)[i], rank));
        const Index extent = x.shape[a], stride = steps ? (*steps)[i] : 1;
        if (stride == 0)
            import.refuse("a step of 0");
        if (extent == 0)
            continue;
        const auto place = [&](Index given_place, Index low, Index high) {
            const Index counted = given_place < 0 ? std::max(given_place, -2 * extent - 2) + extent : given_place;
            return std::clamp(counted, low, high);
        };
        const Index begin = stride > 0 ? place((*starts)[i], 0, extent) : place((*starts)[i], 0, extent - 1);
        const Index end = stride > 0 ? place((*ends)[i], 0, extent) : place((*ends)[i], -1, extent - 1);
        const Index span = stride > 0 ? end - begin : begin - end,
                    width = stride > 0 ? stride : -std::max(stride, -extent - 1);
        first[a] = begin;
        step[a] = stride > 0 ? stride : -width;
        shape[a] = span <= 0 ? 0 : (span - 1) / width + 1;
    }
    import.out(pick(import, x, shape, [&](const std::vector<Index>& at, std::vector<Index>& from) {
        for (std::size_t i = 0;
    i < at.size(); ++i)
            from[i] = first[i] + at[i] * step[i];
}));
}  // namespace descrambler

void lower_gather(Import& import) {
    const Operand x = import.in(0);
    const Tensor& places = import.constant(1);
    const auto axis = static_cast<std::size_t>(import.axis(import.integer("axis", 0), std::ssize(x.shape)));
    if (x.shape.empty() || is_real(places.type))
        import.refuse("expected a tensor and integer indices");
    const std::vector<std::int64_t> numbers = places.integers();
    for (const std::int64_t number : numbers)
        if (number < -x.shape[axis] || number >= x.shape[axis])
            import.refuse("index " + std::to_string(number) + " of an axis of " + std::to_string(x.shape[axis]));
    Shape shape(x.shape.begin(), x.shape.begin() + static_cast<Index>(axis));
    shape.insert(shape.end(), places.shape.begin(), places.shape.end());
    shape.insert(shape.end(), x.shape.begin() + static_cast<Index>(axis) + 1, x.shape.end());
    const std::vector<Index> strides = strides_of(places.shape);
    import.out(pick(import, x, shape, [&](const std::vector<Index>& at, std::vector<Index>& from) {
        Index place = 0;
    for (std::size_t i = 0; i < strides.size(); ++i)
        place += at[axis + i] * strides[i];
    std::copy_n(at.begin(), axis, from.begin());
    const std::int64_t number = numbers[static_cast<std::size_t>(place)];
    from[axis] = number < 0 ? number + x.shape[axis] : number;
    std::copy(at.begin() + static_cast<Index>(axis) + std::ssize(places.shape), at.end(),
              from.begin() + static_cast<Index>(axis) + 1);
}));
}

void lower_concat(Import& import) {
    const auto rank = std::ssize(import.in(0).shape);
    const auto axis = static_cast<std::size_t>(import.axis(import.integer("axis", 1), rank));
    Shape shape = import.in(0).shape;
    shape[axis] = 0;
    std::vector<Operand> inputs;
    Concat op;
    op.outer = volume({shape.begin(), shape.begin() + static_cast<Index>(axis)});
    for (std::size_t i = 0; i < import.count(); ++i) {
        const Operand& x = import.in(i);
        Shape like = x.shape;
        if (std::ssize(like) == rank)
            like[axis] = import.in(0).shape[axis];
        if (like != import.in(0).shape)
            import.refuse("shapes " + to_string(import.in(0).shape) + " and " + to_string(x.shape) + " on axis " +
                          std::to_string(axis));
        shape[axis] += x.shape[axis];
        if (volume(x.shape) == 0 && (i + 1 < import.count() || !inputs.empty()))
            continue;  // adds nothing
        op.runs.push_back(volume({x.shape.begin() + static_cast<Index>(axis), x.shape.end()}));
        inputs.push_back(x);
    }
    if (inputs.size() == 1)
        return import.out(reshaped(inputs[0], shape));
    for (const Operand& input : inputs)
        if (is_real(input.type) != is_real(inputs[0].type))
            import.refuse("whole and other numbers together");
    if (std::ranges::any_of(inputs, &Operand::live) || is_real(inputs[0].type))
        return import.out(import.add(std::move(op), inputs, shape));
    std::vector<std::int64_t> numbers;
    for (Index o = 0; o < op.outer; ++o)
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const auto from = inputs[i].constant->integers().begin() + o * op.runs[i];
            numbers.insert(numbers.end(), from, from + op.runs[i]);
        }
    Tensor result = tensor(shape, std::move(numbers));
    result.type = inputs[0].type;
    import.out(constant_operand(std::move(result)));
}

void lower_split(Import& import) {
    const Operand x = import.in(0);
    const auto axis = static_cast<std::size_t>(import.axis(import.integer("axis", 0), std::ssize(x.shape)));
    auto parts = given(import, 1, "split", 13);
    const std::size_t outputs = import.node().outputs.size();
    if (outputs == 0)
        import.refuse("no outputs");
    const std::int64_t asked = import.integer("num_outputs", static_cast<std::int64_t>(outputs));
    if (!parts) {
        if (asked != static_cast<std::int64_t>(outputs))
            import.refuse("attribute num_outputs " + std::to_string(asked) + ", the node has " +
                          std::to_string(outputs));
        const Index each = (x.shape[axis] + asked - 1) / asked;
        parts.emplace(outputs, each);
        parts->back() = x.shape[axis] - each * (asked - 1);
    }
    const Index whole = x.shape[axis];
    if (parts->size() != outputs || std::ranges::any_of(*parts, [&](Index p) { return p < 0 || p > whole; }) ||
        std::accumulate(parts->begin(), parts->end(), Index{0}) != x.shape[axis])
        import.refuse("parts " + to_string(*parts) + " of an axis of " + std::to_string(x.shape[axis]));
    Index before = 0;
    for (std::size_t i = 0; i < outputs; ++i) {
        Shape shape = x.shape;
        shape[axis] = (*parts)[i];
        import.out(pick(import, x, shape,
                        [&](const std::vector<Index>& at, std::vector<Index>& from) {
                            from = at;
        from[axis] += before;
    }),
                   i);
    before += (*parts)[i];
}
}

// [N, C, H, W] with blocks of b x b pixels as channels: block axes in front of the channels (DCR) or behind (CRD).
void lower_depth_to_space(Import& import) {
    const Operand x = import.in(0);
    const Index b = import.integer("blocksize", 0);
    const std::string mode = import.text("mode", "DCR");
    if (x.shape.size() != 4 || b < 1 || b > x.shape[1] || x.shape[1] % (b * b) != 0 || (mode != "DCR" && mode != "CRD"))
        import.refuse("shape " + to_string(x.shape) + " with blocksize " + std::to_string(b) + ", mode " + mode);
    const Index n = x.shape[0], c = x.shape[1] / (b * b), h = x.shape[2], w = x.shape[3];
    const Operand split = reshaped(x, mode == "DCR" ? Shape{n, b, b, c, h, w} : Shape{n, c, b, b, h, w});
    const std::vector<Index> order =
        mode == "DCR" ? std::vector<Index>{0, 3, 4, 1, 5, 2} : std::vector<Index>{0, 1, 4, 2, 5, 3};
    import.out(reshaped(transposed(import, split, order), {n, c, h * b, w * b}));
}
void lower_space_to_depth(Import& import) {
    const Operand x = import.in(0);
    const Index b = import.integer("blocksize", 0);
    const std::string mode = import.text("mode", "DCR");
    if (x.shape.size() != 4 || b < 1 || b > x.shape[2] || x.shape[2] % b != 0 || x.shape[3] % b != 0 ||
        (mode != "DCR" && mode != "CRD"))
        import.refuse("shape " + to_string(x.shape) + " with blocksize " + std::to_string(b) + ", mode " + mode);
    const Index n = x.shape[0], c = x.shape[1], h = x.shape[2] / b, w = x.shape[3] / b;
    const Operand split = reshaped(x, {n, c, h, b, w, b});
    const std::vector<Index> order =
        mode == "DCR" ? std::vector<Index>{0, 3, 5, 1, 2, 4} : std::vector<Index>{0, 1, 3, 5, 2, 4};
    import.out(reshaped(transposed(import, split, order), {n, c * b * b, h, w}));
}

// Place in an axis of `extent` of the coordinate i, which may be outside; -1: nothing is there.
Index padded_place(const std::string& mode, Index i, Index extent) {
    if (i >= 0 && i < extent)
        return i;
    if (mode == "constant" || extent == 0)
        return -1;
    if (mode == "edge")
        return std::clamp<Index>(i, 0, extent - 1);
    if (mode == "wrap")
        return (i % extent + extent) % extent;
    const Index period = std::max<Index>(2 * (extent - 1), 1), at = (i % period + period) % period;
    return at < extent ? at : period - at;
}

void lower_pad(Import& import) {
    const Operand x = import.in(0);
    const std::string mode = import.text("mode", "constant");
    if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
        import.refuse("attribute mode: expected constant, reflect, edge or wrap, found " + mode);
    const auto pads = given(import, 1, "pads", 11);
    double fill = import.opset() < 11 ? import.real("value", 0) : 0;
    if (import.opset() >= 11 && import.has(2)) {
        const std::vector<double> numbers = import.constant(2).as<double>();
        if (numbers.size() != 1)
            import.refuse("one number to pad with was expected");
        fill = numbers[0];
    }
    std::vector<Index> axes(x.shape.size());
    std::iota(axes.begin(), axes.end(), Index{0});
    if (import.opset() >= 18 && import.has(3))
        axes = import.numbers(3);
    if (!pads || pads->size() != 2 * axes.size())
        import.refuse("two pads an axis were expected");
    constexpr Index most = Index{1} << 40;
    if (std::ranges::any_of(*pads, [](Index p) { return p < -most || p > most; }))
        import.refuse("pads of more than 2^40 numbers");
    std::vector<Index> before(x.shape.size(), 0);
    Shape shape = x.shape;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto a = static_cast<std::size_t>(import.axis(axes[i], std::ssize(x.shape)));
        before[a] = (*pads)[i];
        shape[a] += (*pads)[i] + (*pads)[i + axes.size()];
        if (shape[a] < 0)
            import.refuse("pads that leave nothing of axis " + std::to_string(a));
    }
    const std::vector<Index> strides = strides_of(x.shape);
    std::vector<std::uint32_t> index(static_cast<std::size_t>(limited(shape)));
    for_places(shape, [&](Index place, const std::vector<Index>& at) {
        Index sum = 0;
        bool there = true;
        for (std::size_t i = 0; i < at.size(); ++i) {
            const Index from = padded_place(mode, at[i] - before[i], x.shape[i]);
            there = there && from >= 0;
            sum += from * strides[i];
        }
        index[static_cast<std::size_t>(place)] = there ? static_cast<std::uint32_t>(sum) : SparseRows<double>::nothing;
    });
    import.out(moved(import, x, std::move(index), shape, fill));
}

}  // namespace

std::span<const OperatorEntry> move_operators() {
    static constexpr OperatorEntry table[] = {
        {"Identity", 1, lower_identity},
        {"Dropout", 6, lower_dropout},
        {"Reshape", 1, lower_reshape},
        {"Flatten", 1, lower_flatten},
        {"Squeeze", 1, lower_squeeze},
        {"Unsqueeze", 1, lower_unsqueeze},
        {"Transpose", 1, lower_transpose},
        {"Expand", 8, lower_expand},
        {"Tile", 6, lower_tile},
        {"Slice", 1, lower_slice},
        {"Gather", 1, lower_gather},
        {"Concat", 4, lower_concat},
        {"Split", 2, lower_split},
        {"DepthToSpace", 1, lower_depth_to_space},
        {"SpaceToDepth", 1, lower_space_to_depth},
        {"Pad", 2, lower_pad},
    };
    return table;
}

}  // namespace descrambler
