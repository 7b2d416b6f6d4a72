// Norms over runs, over channels around a channel, and softmax.
#include <algorithm>
#include <cmath>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"

namespace descrambler {
namespace {

// y = gain .* P x,  P = I, I - 1 1^T / m, or that and - h h^T / m, in every run
template <class T>
class NormMap final : public FrozenNode<T> {
public:
    // scale .* inverse deviation; where its `run` is that of the norm, one number a run: then it and P commute
    Held<T> gain;
    Index run = 1;
    bool centre = false;
    Buffer<T> h;
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool open) const override;
    [[nodiscard]] bool in_place() const override { return true; }
    [[nodiscard]] bool plain() const { return !centre && h.size() == 0; }
    [[nodiscard]] bool commutes() const { return gain.run == run; }
    void project(Backend<T>& on, Batch<const T> x, T beta, Batch<T> y) const {
        on.project_runs(run, centre, commutes() ? vector(gain.numbers) : Batch<const T>(), vector(h), x, beta, y);
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        if (plain())
            return on.diagonal_product(gain.view(), x[0], 0, y);
        project(on, x[0], 0, y);
        if (!commutes())
            on.diagonal_product(gain.view(), y, 0, y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        if (plain())
            return on.diagonal_product(gain.view(), y, x[0].beta, x[0].x);
        if (commutes())
            return project(on, y, x[0].beta, x[0].x);
        const Buffer<T> scaled = on.allocate(y.size());
        on.diagonal_product(gain.view(), y, 0, scaled.view(y.rows, y.cols));
        project(on, scaled.view(y.rows, y.cols), x[0].beta, x[0].x);
    }

private:
    static Batch<const T> vector(const Buffer<T>& numbers) {
        return numbers.size() == 0 ? Batch<const T>() : Batch<const T>(numbers.view(numbers.size(), 1));
    }
};

// y = gain .* (2 x - P x): of P = I - 1 1^T / m - h h^T / m the sizes outside the diagonal, and more than those on it.
template <class T>
class NormSizes final : public FrozenNode<T> {
public:
    NormMap<T> norm;  // with |gain|, |h|
    [[nodiscard]] Frozen<T> absolute(Backend<T>&, bool) const override {
        require(false, "sizes of sizes");
        return nullptr;
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        norm.apply(on, x, y);
        on.axpby(-1, y, 0, y);
        add_twice(on, x[0], y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        const Buffer<T> part = on.allocate(y.size());
        const Target<T> to{part.view(y.rows, y.cols), 0};
        norm.adjoint(on, y, std::span(&to, 1));
        on.axpby(-1, to.x, 0, to.x);
        add_twice(on, y, to.x);
        on.axpby(1, to.x, x[0].beta, x[0].x);
    }

private:
    void add_twice(Backend<T>& on, Batch<const T> x, Batch<T> y) const {
        for (int i = 0; i < 2; ++i)
            on.diagonal_product(norm.gain.view(), x, 1, y);
    }
};

template <class T>
Frozen<T> NormMap<T>::absolute(Backend<T>& on, bool) const {
    auto result = std::make_unique<NormSizes<T>>();
    result->norm.gain = descrambler::absolute(on, gain);
    result->norm.h = descrambler::absolute(on, h);
    result->norm.run = run;
    result->norm.centre = centre;
    return result;
}

template <class T>
class SoftmaxMap final : public FrozenNode<T> {
public:
    Index run = 1;
    bool log = false;
    Buffer<T> share;
    bool sizes = false;  // 2 D x - S x in place of S x, D the diagonal of s (of a logarithm I): as NormSizes
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool) const override {
        auto result = std::make_unique<SoftmaxMap<T>>();
        result->run = run;
        result->log = log;
        result->share = descrambler::absolute(on, share);
        result->sizes = true;
        return result;
    }
    [[nodiscard]] bool in_place() const override { return !sizes; }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        multiply(on, x[0], 0, y, false);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        multiply(on, y, x[0].beta, x[0].x, true);
    }

private:
    void multiply(Backend<T>& on, Batch<const T> from, T beta, Batch<T> to, bool transposed) const {
        const SoftmaxOf of = !log ? SoftmaxOf::value : transposed ? SoftmaxOf::log_adjoint : SoftmaxOf::log;
        if (!sizes)
            return on.softmax_runs(of, run, share.view(from.rows, 1), from, beta, to);
        const Buffer<T> part = on.allocate(from.size());
        const Batch<T> image = part.view(from.rows, from.cols);
        on.softmax_runs(of, run, share.view(from.rows, 1), from, 0, image);
        on.axpby(-1, image, beta, to);
        for (int i = 0; i < 2; ++i)
            if (log)
                on.axpby(1, from, 1, to);
            else
                on.diagonal_product({share.data(), share.size(), 1}, from, 1, to);
    }
};

bool one_a_run(const std::vector<double>& numbers, Index run) {
    for (std::size_t i = 0; i < numbers.size(); ++i)
        if (numbers[i] != numbers[i - i % static_cast<std::size_t>(run)])
            return false;
    return true;
}

}  // namespace

template <class T>
Frozen<T> freeze(const Normalise& op, Freezing<T>& at) {
    const std::vector<double> x = at.primal(0);
    const Index m = op.run;
    std::vector<double> y(x.size()), gain(x.size()), shift(x.size()), h(x.size());
    const bool taylor = at.options.rule == FreezeRule::taylor || at.options.norm == NormRule::none;
    const bool keeps_mean = !taylor && at.options.norm == NormRule::mean_std && op.centre;
    bool offset = false;
    for (Index first = 0; first < std::ssize(x); first += m) {
        double sum = 0, squares = 0;
        for (Index i = first; i < first + m; ++i)
            sum += x[static_cast<std::size_t>(i)];
        const double mean = op.centre ? sum / static_cast<double>(m) : 0;
        for (Index i = first; i < first + m; ++i)
            squares += std::pow(x[static_cast<std::size_t>(i)] - mean, 2);
        const double inverse = 1 / std::sqrt(squares / static_cast<double>(m) + op.epsilon);
        for (Index i = first; i < first + m; ++i) {
            const auto e = static_cast<std::size_t>(i);
            const double scale = op.scale.empty() ? 1 : op.scale.at(i), beta = op.shift.empty() ? 0 : op.shift.at(i);
            const double value = (x[e] - mean) * inverse;
            gain[e] = scale * inverse;
            h[e] = value;
            y[e] = scale * value + beta;
            // what the linear part makes of x0 itself: all of it, or, of a tangent, nearly nothing
            const double linear = keeps_mean ? x[e] * inverse
                                  : taylor   ? value * (1 - squares * inverse * inverse / static_cast<double>(m))
                                             : value;
            shift[e] = beta + scale * (value - linear);
            offset = offset || shift[e] != 0;
        }
    }
    auto result = std::make_unique<NormMap<T>>();
    result->run = m;
    if (one_a_run(gain, m)) {
        for (Index run = 0; run < std::ssize(x) / m; ++run)
            gain[static_cast<std::size_t>(run)] = gain[static_cast<std::size_t>(run * m)];
        gain.resize(x.size() / static_cast<std::size_t>(m));
        result->gain = held(at.on, gain, m);
    } else {
        result->gain = held(at.on, gain);
    }
    result->centre = op.centre && !keeps_mean;
    if (taylor)
        result->h = held(at.on, h).numbers;
    if (offset)
        result->offset = held(at.on, shift);
    result->recorded =
        (std::ssize(x) / m * (keeps_mean ? 2 : 1) + (taylor ? std::ssize(x) : 0)) * static_cast<Index>(sizeof(T));
    at.set(y);
    return result;
}

// d = k + alpha / size sum x_j^2 over the channels around. frozen: x / d^beta; taylor: the derivative, as sparse rows.
template <class T>
Frozen<T> freeze(const LocalNormalise& op, Freezing<T>& at) {
    const std::vector<double> x = at.primal(0);
    std::vector<double> y(x.size()), a(x.size());
    std::vector<std::uint32_t> starts{0}, index;
    std::vector<double> weight;
    std::vector<double> offset(x.size());
    const bool taylor = at.options.rule == FreezeRule::taylor;
    std::vector<double> d(x.size(), op.k);
    const Index plane = op.channels * op.run;
    const auto neighbours = [&](Index i, const auto& body) {
        const Index channel = i % plane / op.run;
        const Index low = std::max<Index>(0, channel - (op.size - 1) / 2),
                    high = std::min(op.channels - 1, channel + op.size / 2);
        for (Index c = low; c <= high; ++c)
            body(i + (c - channel) * op.run);
    };
    for (Index i = 0; i < std::ssize(x); ++i) {
        const auto e = static_cast<std::size_t>(i);
        neighbours(i, [&](Index j) {
            d[e] += op.alpha / static_cast<double>(op.size) * std::pow(x[static_cast<std::size_t>(j)], 2);
        });
        a[e] = std::pow(d[e], -op.beta);
        y[e] = x[e] * std::pow(d[e], -op.beta);
    }
    at.set(y);
    if (!taylor) {
        auto result = std::make_unique<Diagonal<T>>();
        result->a.push_back(held(at.on, a));
        result->recorded = static_cast<Index>(x.size() * sizeof(T));
        return result;
    }
    for (Index i = 0; i < std::ssize(x); ++i) {
        const auto e = static_cast<std::size_t>(i);
        const double common =
            -2 * op.alpha * op.beta / static_cast<double>(op.size) * x[e] * std::pow(d[e], -op.beta - 1);
        double linear = 0;
        neighbours(i, [&](Index j) {
            const double entry = common * x[static_cast<std::size_t>(j)] + (i == j ? std::pow(d[e], -op.beta) : 0);
            index.push_back(static_cast<std::uint32_t>(j));
            weight.push_back(entry);
            linear += entry * x[static_cast<std::size_t>(j)];
        });
        starts.push_back(static_cast<std::uint32_t>(index.size()));
        offset[e] = x[e] * std::pow(d[e], -op.beta) - linear;
    }
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, starts, index, weight);
    result->offset = held(at.on, offset);
    result->recorded = static_cast<Index>(weight.size() * sizeof(T));
    return result;
}

// frozen: its value at x0, whole; taylor: its derivative.
template <class T>
Frozen<T> freeze(const Softmax& op, Freezing<T>& at) {
    const std::vector<double> x = at.primal(0);
    const Index m = op.run;
    std::vector<double> y(x.size()), share(x.size()), offset(x.size());
    for (Index first = 0; first < std::ssize(x); first += m) {
        const auto begin = x.begin() + first;
        const double largest = *std::max_element(begin, begin + m);
        double sum = 0, mean = 0;
        for (Index i = 0; i < m; ++i)
            sum += std::exp(begin[i] - largest);
        for (Index i = 0; i < m; ++i)
            mean += std::exp(begin[i] - largest) / sum * begin[i];
        for (Index i = 0; i < m; ++i) {
            const auto e = static_cast<std::size_t>(first + i);
            const double s = std::exp(begin[i] - largest) / sum;
            const double value = op.log ? begin[i] - largest - std::log(sum) : s;
            const double linear = op.log ? begin[i] - mean : s * (begin[i] - mean);
            share[e] = s;
            y[e] = value;
            offset[e] = at.options.rule == FreezeRule::taylor ? value - linear : value;
        }
    }
    at.set(y);
    if (at.options.rule == FreezeRule::frozen) {
        auto result = std::make_unique<Diagonal<T>>();
        result->a.push_back(held(at.on, std::vector<double>{0}, at.y.rows));
        result->offset = held(at.on, offset);
        result->recorded = static_cast<Index>(x.size() * sizeof(T));
        return result;
    }
    auto result = std::make_unique<SoftmaxMap<T>>();
    result->run = m;
    result->log = op.log;
    result->share = held(at.on, share).numbers;
    result->offset = held(at.on, offset);
    result->recorded = static_cast<Index>(x.size() * sizeof(T));
    return result;
}

template Frozen<float> freeze(const Normalise&, Freezing<float>&);
template Frozen<double> freeze(const Normalise&, Freezing<double>&);
template Frozen<float> freeze(const LocalNormalise&, Freezing<float>&);
template Frozen<double> freeze(const LocalNormalise&, Freezing<double>&);
template Frozen<float> freeze(const Softmax&, Freezing<float>&);
template Frozen<double> freeze(const Softmax&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

Operand in_runs(Import& import, const Operand& x, const std::vector<Index>& axes, std::vector<Index>& order) {
    order.clear();
    const auto reduced = [&](Index a) { return std::ranges::find(axes, a) != axes.end(); };
    for (Index a = 0; a < std::ssize(x.shape); ++a)
        if (!reduced(a))
            order.push_back(a);
    order.insert(order.end(), axes.begin(), axes.end());
    return transposed(import, x, order);
}

// A number a channel, [C], beside [N, C, ..].
Operand by_channel(Import& import, const Operand& numbers, const Shape& shape) {
    if (numbers.shape != Shape{shape.at(1)})
        import.refuse("shape " + to_string(numbers.shape) + ", expected " + std::to_string(shape.at(1)));
    Shape wide(shape.size(), 1);
    wide[1] = shape[1];
    return reshaped(numbers, wide);
}

// y scale + shift, where either may hang on the input.
Operand scaled(Import& import, Operand y, const Operand* scale, const Operand* shift) {
    if (scale != nullptr)
        y = multiplied(import, y, *scale);
    return shift != nullptr ? summed(import, y, *shift, 1) : y;
}

void lower_batch_normalization(Import& import) {
    const Operand x = import.in(0);
    const double epsilon = import.real("epsilon", 1e-5);
    (void)import.real("momentum", .9);
    if (import.integer("training_mode", 0) != 0 || (import.opset() < 7 && import.integer("is_test", 0) == 0))
        import.refuse("training mode is not served");
    if (import.integer("spatial", 1) != 1)
        import.refuse("attribute spatial: only 1 is served");
    if (x.shape.size() < 2)
        import.refuse("input of shape " + to_string(x.shape));
    std::vector<Operand> numbers;
    bool live = false;
    for (const std::size_t i : {1, 2, 3, 4}) {
        const auto kind = i == 1 ? Import::Learnt::scale : i == 4 ? Import::Learnt::variance : Import::Learnt::bias;
        numbers.push_back(by_channel(import, import.learnt(i, kind), x.shape));
        live = live || numbers.back().live();
    }
    if (live) {  // (x - mean) / sqrt(var + epsilon) scale + shift, whatever hangs on the input
        const Operand variance =
            import.add(Affine{{}, Pattern{{epsilon}, volume(numbers[3].shape)}}, {numbers[3]}, numbers[3].shape);
        const Operand inverse = import.add(Pointwise{Function::power, -.5, 0, {}}, {variance}, variance.shape);
        const Operand centred = summed(import, x, numbers[2], -1);
        const Operand factor = multiplied(import, inverse, numbers[0]);
        return import.out(summed(import, multiplied(import, centred, factor), numbers[1], 1));
    }
    Index run = 1;
    for (std::size_t i = 2; i < x.shape.size(); ++i)
        run *= x.shape[i];
    const std::vector<double> gamma = numbers[0].constant->as<double>(), beta = numbers[1].constant->as<double>();
    const std::vector<double> mean = numbers[2].constant->as<double>(), variance = numbers[3].constant->as<double>();
    Affine op{{{}, std::max<Index>(run, 1)}, {{}, std::max<Index>(run, 1)}};
    for (std::size_t c = 0; c < gamma.size(); ++c) {
        if (!(variance[c] + epsilon > 0))
            import.refuse("variance " + digits(variance[c]) + " of channel " + std::to_string(c) +
                          ", expected a positive one");
        const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
        op.scale.values.push_back(scale);
        op.offset.values.push_back(beta[c] - scale * mean[c]);
    }
    import.out(import.add(std::move(op), {x}, x.shape));
}

// The norm of runs that lie one after the other, with constant scale and shift inside, live ones behind.
Operand norm_of_runs(Import& import, const Operand& x, Index run, double epsilon, bool centre, const Operand* scale,
                     const Operand* shift) {
    Normalise op{run, epsilon, centre, {}, {}};
    const bool inside = (scale == nullptr || !scale->live()) && (shift == nullptr || !shift->live());
    if (inside && scale != nullptr)
        op.scale = pattern_of(*scale->constant, x.shape);
    if (inside && shift != nullptr)
        op.shift = pattern_of(*shift->constant, x.shape);
    const Operand y = import.add(std::move(op), {x}, x.shape);
    return inside ? y : scaled(import, y, scale, shift);
}

void lower_instance_normalization(Import& import) {
    const Operand x = import.in(0);
    if (x.shape.size() < 3)
        import.refuse("input of shape " + to_string(x.shape));
    const Operand scale = by_channel(import, import.in(1), x.shape), shift = by_channel(import, import.in(2), x.shape);
    const Index run = volume({x.shape.begin() + 2, x.shape.end()});
    import.out(norm_of_runs(import, x, run, import.real("epsilon", 1e-5), true, &scale, &shift));
}

void lower_group_normalization(Import& import) {
    const Operand x = import.in(0);
    const Index groups = import.integer("num_groups", 0);
    (void)import.integer("stash_type", 1);
    if (x.shape.size() < 2 || groups < 1 || x.shape[1] % groups != 0)
        import.refuse("attribute num_groups " + std::to_string(groups) + " for an input of shape " +
                      to_string(x.shape));
    const auto per_channel = [&](const Operand& numbers) {
        if (import.opset() >= 21)
            return numbers;
        std::vector<std::uint32_t> index;  // opset 18: a number a group
        for (Index c = 0; c < x.shape[1]; ++c)
            index.push_back(static_cast<std::uint32_t>(c / (x.shape[1] / groups)));
        if (numbers.shape != Shape{groups})
            import.refuse("shape " + to_string(numbers.shape) + ", expected " + std::to_string(groups));
        return moved(import, numbers, std::move(index), {x.shape[1]});
    };
    const Operand scale = by_channel(import, per_channel(import.in(1)), x.shape);
    const Operand shift = by_channel(import, per_channel(import.in(2)), x.shape);
    const Index run = volume({x.shape.begin() + 1, x.shape.end()}) / groups;
    import.out(norm_of_runs(import, x, run, import.real("epsilon", 1e-5), true, &scale, &shift));
}

// The further outputs of a layer norm: mean and inverse deviation.
void statistics(Import& import, const Operand& x, Index axis, double epsilon) {
    std::vector<Index> axes;
    for (Index a = axis; a < std::ssize(x.shape); ++a)
        axes.push_back(a);
    const Operand mean = mean_over(import, x, axes);
    const Operand centred = import.add(Sum{{1, -1}}, {x, broadcast_to(import, mean, x.shape)}, x.shape);
    const Operand squares = import.add(Pointwise{Function::power, 2, 0, {}}, {centred}, x.shape);
    const Operand variance = mean_over(import, squares, axes);
    const Operand sum = import.add(Affine{{}, {{epsilon}, volume(variance.shape)}}, {variance}, variance.shape);
    import.out(mean, 1);
    import.out(import.add(Pointwise{Function::power, -.5, 0, {}}, {sum}, sum.shape), 2);
}

void lower_last_axes(Import& import, bool centre) {
    const Operand x = import.in(0);
    const Index axis = import.axis(import.integer("axis", -1), std::ssize(x.shape));
    (void)import.integer("stash_type", 1);
    const Shape last(x.shape.begin() + axis, x.shape.end());
    const Operand scale = import.in(1);
    const Operand shift = import.has(2) ? import.in(2) : Operand{};
    for (const std::size_t i : {1, 2})
        if (import.has(i) && broadcast(import, last, import.in(i).shape) != last)
            import.refuse("shape " + to_string(import.in(i).shape) + " for axes of " + to_string(last));
    const double epsilon = import.real("epsilon", 1e-5);
    import.out(norm_of_runs(import, x, volume(last), epsilon, centre, &scale, import.has(2) ? &shift : nullptr));
    if (centre)
        statistics(import, x, axis, epsilon);
}
void lower_layer_normalization(Import& import) {
    lower_last_axes(import, true);
}
void lower_rms_normalization(Import& import) {
    lower_last_axes(import, false);
}

void lower_mean_variance(Import& import) {
    const Operand x = import.in(0);
    import.out(norm_over(import, x, import.list("axes").value_or(std::vector<Index>{0, 2, 3}), 1e-18, true));
}

void lower_lrn(Import& import) {
    const Operand x = import.in(0);
    LocalNormalise op;
    op.size = import.integer("size", 0);
    op.alpha = import.real("alpha", 1e-4);
    op.beta = import.real("beta", .75);
    op.k = import.real("bias", 1);
    if (op.size < 1 || x.shape.size() < 2)
        import.refuse("attribute size " + std::to_string(op.size) + " for an input of shape " + to_string(x.shape));
    op.channels = x.shape[1];
    op.run = volume({x.shape.begin() + 2, x.shape.end()});
    import.out(import.add(op, {x}, x.shape));
}

void lower_softmax(Import& import, bool log) {
    const Operand x = import.in(0);
    const auto rank = std::ssize(x.shape);
    if (import.opset() < 13) {  // the axes from `axis` on as one
        const Index axis = import.axis(import.integer("axis", 1), rank);
        const Operand y = import.add(Softmax{volume({x.shape.begin() + axis, x.shape.end()}), log}, {x}, x.shape);
        import.set_origin(y, {import.node().op, {x}, {}});
        return import.out(y);
    }
    const Index axis = import.axis(import.integer("axis", -1), rank);
    std::vector<Index> order;
    const Operand runs = in_runs(import, x, {axis}, order);
    Operand y =
        import.add(Softmax{x.shape.empty() ? 1 : x.shape[static_cast<std::size_t>(axis)], log}, {runs}, runs.shape);
    import.set_origin(y, {import.node().op, {x}, {}});
    y = back_in_order(import, y, order);
    import.set_origin(y, {import.node().op, {x}, {}});
    import.out(y);
}
void lower_plain_softmax(Import& import) {
    lower_softmax(import, false);
}
void lower_log_softmax(Import& import) {
    lower_softmax(import, true);
}

}  // namespace

Operand back_in_order(Import& import, const Operand& y, const std::vector<Index>& order) {
    std::vector<Index> back(order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        back[static_cast<std::size_t>(order[i])] = static_cast<Index>(i);
    return transposed(import, y, back);
}

Operand norm_over(Import& import, const Operand& x, const std::vector<Index>& axes, double epsilon, bool centre) {
    std::vector<Index> counted, order;
    for (const Index a : axes)
        counted.push_back(import.axis(a, std::ssize(x.shape)));
    std::ranges::sort(counted);
    counted.erase(std::unique(counted.begin(), counted.end()), counted.end());
    Index run = 1;
    for (const Index a : counted)
        run *= x.shape[static_cast<std::size_t>(a)];
    const Operand runs = in_runs(import, x, counted, order);
    const Operand y = import.add(Normalise{run, epsilon, centre, {}, {}}, {runs}, runs.shape);
    return back_in_order(import, y, order);
}

std::span<const OperatorEntry> normalise_operators() {
    static constexpr OperatorEntry table[] = {
        {"BatchNormalization", 6, lower_batch_normalization},
        {"InstanceNormalization", 6, lower_instance_normalization},
        {"GroupNormalization", 18, lower_group_normalization},
        {"LayerNormalization", 17, lower_layer_normalization},
        {"RMSNormalization", 23, lower_rms_normalization},
        {"MeanVarianceNormalization", 9, lower_mean_variance},
        {"LRN", 1, lower_lrn},
        {"Softmax", 1, lower_plain_softmax},
        {"LogSoftmax", 1, lower_log_softmax},
    };
    return table;
}

}  // namespace descrambler
