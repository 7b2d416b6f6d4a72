#include "descrambler/receptive.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

// Places along one axis of the input, first and last; nothing where last < first.
struct Span {
    std::int32_t first = std::numeric_limits<std::int32_t>::max() / 2;
    std::int32_t last = std::numeric_limits<std::int32_t>::min() / 2;
    [[nodiscard]] bool empty() const { return last < first; }
    void add(const Span& other) {
        first = std::min(first, other.first);
        last = std::max(last, other.last);
    }
    bool operator==(const Span&) const = default;
};
using Spans = std::vector<Span>;  // one for each number of a value

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

// A line of spans, which goes on at its ends as it does beside them.
class Line {
public:
    Line(const Span* first, Index count, Index step) : first_(first), count_(count), step_(step) {}
    [[nodiscard]] Span operator[](Index i) const {
        const Index inside = std::clamp<Index>(i, 0, count_ - 1);
        const Span span = first_[inside * step_];
        if (inside == i || count_ == 1)
            return span;
        const Span& next = first_[(inside == 0 ? 1 : count_ - 2) * step_];
        if (span.empty() || next.empty())
            return span;
        const Index away = std::abs(i - inside);
        const auto beyond = [away](Index from, Index inner) {
            constexpr Index most = Index{1} << 29;
            return static_cast<std::int32_t>(std::clamp(from + away * (from - inner), -most, most));
        };
        return {beyond(span.first, next.first), beyond(span.last, next.last)};
    }

private:
    const Span* first_;
    Index count_, step_;
};

struct Plane {  // of three axes, row-major
    std::array<Index, 3> extent;
    Spans spans;
};

// Along one axis: of a convolution the windows' union, of its transpose that of all windows that a place lies in.
Plane slide(const Plane& from, const Convolution& s, std::size_t axis, bool transposed) {
    Plane to{from.extent, {}};
    to.extent[axis] = transposed ? s.in[axis] : s.out[axis];
    to.spans.resize(at(to.extent[0] * to.extent[1] * to.extent[2]));
    Index step = 1;  // between neighbours; behind `axis` the extents are alike
    for (std::size_t a = axis + 1; a < 3; ++a)
        step *= from.extent[a];
    const Index outer = std::ssize(from.spans) / (from.extent[axis] * step);
    for (Index o = 0; o < outer; ++o)
        for (Index inner = 0; inner < step; ++inner) {
            const Line line(&from.spans[at(o * from.extent[axis] * step + inner)], from.extent[axis], step);
            Span* out = &to.spans[at(o * to.extent[axis] * step + inner)];
            for (Index place = 0; place < to.extent[axis]; ++place)
                for (Index t = 0; t < s.kernel[axis]; ++t) {
                    const Index moved = t * s.dilation[axis] - s.pad[axis];
                    if (!transposed)
                        out[place * step].add(line[place * s.stride[axis] + moved]);
                    else if ((place - moved) % s.stride[axis] == 0)
                        out[place * step].add(line[(place - moved) / s.stride[axis]]);
                }
        }
    return to;
}

// Windows over the planes of groups of channels.
Spans slide(const Convolution& s, const Spans& x, bool transposed) {
    const std::array<Index, 3>&from = transposed ? s.out : s.in, &to = transposed ? s.in : s.out;
    const Index pixels = from[0] * from[1] * from[2], wide = to[0] * to[1] * to[2];
    const Index inputs = (transposed ? s.out_channels : s.in_channels) / s.groups;
    const Index outputs = (transposed ? s.in_channels : s.out_channels) / s.groups;
    Spans y(at(s.images * s.groups * outputs * wide));
    for (Index group = 0; group < s.images * s.groups; ++group) {
        Plane plane{from, Spans(at(pixels))};
        for (Index i = 0; i < inputs * pixels; ++i)
            plane.spans[at(i % pixels)].add(x[at(group * inputs * pixels + i)]);
        for (std::size_t axis = 0; axis < 3; ++axis)
            plane = slide(plane, s, axis, transposed);
        for (Index m = 0; m < outputs; ++m)
            std::ranges::copy(plane.spans, y.begin() + (group * outputs + m) * wide);
    }
    return y;
}

// All numbers of a run hang on all of it, whole output rows of another length where that is given.
Spans coupled(const Spans& x, Index run, Index outputs) {
    Spans y;
    y.reserve(x.size() / at(run) * at(outputs));
    for (auto row = x.begin(); row != x.end(); row += run) {
        Span all;
        std::for_each(row, row + run, [&](const Span& span) { all.add(span); });
        y.insert(y.end(), at(outputs), all);
    }
    return y;
}

Spans united(const std::vector<const Spans*>& x) {
    Spans y = *x[0];
    for (const Spans* other : x)
        for (std::size_t i = 0; i < y.size(); ++i)
            y[i].add((*other)[i]);
    return y;
}

// What of its inputs the frozen node hangs on: one overload an operator.
struct Carried {
    const FreezeOptions& options;
    int gate;
    Index outputs;
    std::vector<const Spans*> x;

    [[nodiscard]] bool taylor() const { return options.rule == FreezeRule::taylor; }
    Spans operator()(const Convolve& op) const { return slide(op.shape, *x[0], op.transposed); }
    Spans operator()(const MaxPool& op) const { return slide(op.window, *x[0], false); }
    Spans operator()(const Product& op) const { return coupled(*x[0], op.weight.shape[1], op.weight.shape[0]); }
    Spans operator()(const Affine&) const { return *x[0]; }
    Spans operator()(const Pointwise&) const { return *x[0]; }
    Spans operator()(const Fixed&) const { return Spans(at(outputs)); }
    Spans operator()(const Sum&) const { return united(x); }
    Spans operator()(const Extreme&) const { return united(x); }
    Spans operator()(const Move& op) const {
        Spans y(op.index.size());
        for (std::size_t i = 0; i < y.size(); ++i)
            if (op.index[i] != SparseRows<double>::nothing)
                y[i] = (*x[0])[op.index[i]];
        return y;
    }
    Spans operator()(const Sparse& op) const {
        Spans y(at(outputs));
        for (std::size_t i = 0; i < y.size(); ++i)
            for (std::size_t e = op.starts[i]; e < op.starts[i + 1]; ++e)
                y[i].add((*x[0])[op.index[e]]);
        return y;
    }
    Spans operator()(const Concat& op) const {
        Spans y;
        for (Index o = 0; o < op.outer; ++o)
            for (std::size_t i = 0; i < x.size(); ++i)
                y.insert(y.end(), x[i]->begin() + o * op.runs[i], x[i]->begin() + (o + 1) * op.runs[i]);
        return y;
    }
    Spans operator()(const Choose& op) const {
        Spans y = *x[0];
        for (std::size_t i = 0; i < y.size(); ++i)
            if (!op.first[i])
                y[i] = (*x[1])[i];
        return y;
    }
    Spans operator()(const Multiply&) const { return taylor() ? united(x) : *x[gate == 0 ? 1 : 0]; }
    Spans operator()(const Divide&) const { return taylor() ? united(x) : *x[0]; }
    Spans operator()(const MatMul& op) const {
        Spans y(at(op.batch * op.m * op.n));
        for (Index s = 0; s < op.batch; ++s)
            for (Index i = 0; i < op.m; ++i)
                for (Index j = 0; j < op.n; ++j)
                    for (Index t = 0; t < op.k; ++t) {
                        Span& to = y[at((s * op.m + i) * op.n + j)];
                        if (taylor() || gate != 0)
                            to.add((*x[0])[at(((op.share_a ? 0 : s) * op.m + i) * op.k + t)]);
                        if (taylor() || gate == 0)
                            to.add((*x[1])[at(((op.share_b ? 0 : s) * op.k + t) * op.n + j)]);
                    }
        return y;
    }
    Spans operator()(const Normalise& op) const {
        const bool tangent = taylor() || options.norm == NormRule::none;
        const bool moves = tangent || (op.centre && options.norm == NormRule::std);
        return moves ? coupled(*x[0], op.run, op.run) : *x[0];
    }
    Spans operator()(const LocalNormalise& op) const {
        if (!taylor())
            return *x[0];
        Spans y(x[0]->size());
        for (Index i = 0; i < std::ssize(y); ++i) {
            const Index channel = i % (op.channels * op.run) / op.run;
            const Index low = std::max<Index>(0, channel - (op.size - 1) / 2);
            for (Index c = low; c <= std::min(op.channels - 1, channel + op.size / 2); ++c)
                y[at(i)].add((*x[0])[at(i + (c - channel) * op.run)]);
        }
        return y;
    }
    Spans operator()(const Softmax& op) const {
        return taylor() ? coupled(*x[0], op.run, op.run) : Spans(x[0]->size());
    }
};

// Stride and offset along one axis of a value, from its inner half: at the borders less may be reached. Strides below 1,
// as of enlarged images, show as a pattern that repeats.
void along(const std::vector<Span>& line, ReceptiveField& field) {
    const Index count = std::ssize(line), begin = count / 4, end = std::max(begin + 2, count - count / 4);
    Index period = 1;
    const auto repeats = [&](Index p) {
        const std::int32_t low = line[at(begin + p)].first - line[at(begin)].first;
        for (Index i = begin; i + p < end; ++i)
            if (line[at(i + p)].first - line[at(i)].first != low || line[at(i + p)].last - line[at(i)].last != low)
                return false;
        return true;
    };
    while (begin + 2 * period < end && !repeats(period))
        ++period;
    field.stride =
        static_cast<double>(line[at(begin + period)].first - line[at(begin)].first) / static_cast<double>(period);
    // number i begins at the whole part of offset + stride i
    field.offset = line[at(begin)].first - field.stride * static_cast<double>(begin);
    for (Index i = begin; i < begin + period; ++i)
        field.offset = std::max(field.offset, line[at(i)].first - field.stride * static_cast<double>(i));
}

ReceptiveField summary(const Spans& spans, const Shape& shape, Index extent) {
    ReceptiveField field;
    Span all;
    for (const Span& span : spans) {
        field.size = std::max<Index>(field.size, span.empty() ? 0 : span.last - span.first + 1);
        all.add(span);
    }
    if (field.size == 0)
        return field;
    field.offset = all.first;
    field.whole = all.first <= 0 && all.last >= extent - 1 &&
                  std::ranges::all_of(spans, [&](const Span& span) { return span == all; });
    // the line through the middle along which the fields move most
    Index middle = 0, best = 0;
    std::vector<Index> strides(shape.size(), 1);
    for (std::size_t a = shape.size(); a-- > 0;) {
        strides[a] = a + 1 < shape.size() ? strides[a + 1] * shape[a + 1] : 1;
        middle += shape[a] / 2 * strides[a];
    }
    for (std::size_t a = 0; a < shape.size(); ++a) {
        std::vector<Span> line;
        for (Index i = 0; i < shape[a]; ++i)
            line.push_back(spans[at(middle + (i - shape[a] / 2) * strides[a])]);
        if (shape[a] < 2 || std::ranges::any_of(line, &Span::empty))
            continue;
        if (const Index moved = std::abs(line.back().first - line.front().first); moved > best) {
            best = moved;
            along(line, field);
        }
    }
    return field;
}

}  // namespace

std::vector<Index> spatial_axes(const Shape& input) {
    const auto rank = static_cast<Index>(input.size());
    if (rank < 3)
        return rank == 0 ? std::vector<Index>{} : std::vector<Index>{rank - 1};
    const auto few = [](Index channels) { return channels == 1 || channels == 3; };
    const Index behind = rank > 3 && few(input.back()) && !few(input[1]) ? 1 : 0;
    std::vector<Index> axes;
    for (Index a = 2 - behind; a < rank - behind; ++a)
        axes.push_back(a);
    return axes;
}

std::vector<std::vector<ReceptiveField>> receptive_fields(const Graph& graph, const FreezeOptions& options,
                                                          const std::vector<Index>& axes) {
    const Shape& input = graph.values[at(graph.input)].shape;
    std::vector<std::vector<ReceptiveField>> result(graph.nodes.size());
    std::vector<std::size_t> last_use(graph.values.size(), 0);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        for (const int value : graph.nodes[n].inputs)
            last_use[at(value)] = n;
    for (const Index axis : axes) {
        require(axis >= 0 && axis < std::ssize(input), "receptive_fields: axes of the input");
        Index behind = 1;
        for (std::size_t a = at(axis) + 1; a < input.size(); ++a)
            behind *= input[a];
        std::vector<Spans> spans(graph.values.size());
        spans[at(graph.input)].resize(at(graph.inputs()));
        for (Index i = 0; i < graph.inputs(); ++i) {
            const auto place = static_cast<std::int32_t>(i / behind % input[at(axis)]);
            spans[at(graph.input)][at(i)] = {place, place};
        }
        for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
            const GraphNode& node = graph.nodes[n];
            const Shape& own = graph.values[at(node.output)].shape;
            Carried carried{options, node.gate, volume(own), {}};
            for (const int value : node.inputs)
                carried.x.push_back(&spans[at(value)]);
            Spans made = std::visit(carried, node.op);
            const Shape& seen = node.output == graph.output ? graph.output_shape : own;
            result[n].push_back(summary(made, seen, input[at(axis)]));
            spans[at(node.output)] = std::move(made);
            for (const int value : node.inputs)
                if (last_use[at(value)] == n)
                    spans[at(value)] = {};
        }
    }
    return result;
}

}  // namespace descrambler
