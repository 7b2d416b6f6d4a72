// Norms over runs, over channels around a channel, and softmax.
#include <algorithm>
#include <cmath>

#include "graph/frozen_node.hpp"

namespace descrambler {
namespace {

// y = scale .* inverse .* P x,  P = I, I - 1 1^T / m, or that and - h h^T / m, in every run
template <class T>
class NormMap final : public FrozenNode<T> {
public:
    Held<T> gain;  // scale .* inverse deviation
    Index run = 1;
    bool centre = false;
    Buffer<T> h;
    [[nodiscard]] Batch<const T> along(Index n) const {
        return h.size() == 0 ? Batch<const T>() : Batch<const T>(h.view(n, 1));
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        if (!centre && h.size() == 0)
            return on.diagonal_product(gain.view(), x[0], 0, y);
        on.project_runs(run, centre, along(y.rows), x[0], 0, y);
        on.diagonal_product(gain.view(), y, 0, y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        if (!centre && h.size() == 0)
            return on.diagonal_product(gain.view(), y, x[0].beta, x[0].x);
        const Buffer<T> scaled = on.allocate(y.size());
        on.diagonal_product(gain.view(), y, 0, scaled.view(y.rows, y.cols));
        on.project_runs(run, centre, along(y.rows), scaled.view(y.rows, y.cols), x[0].beta, x[0].x);
    }
};

template <class T>
class SoftmaxMap final : public FrozenNode<T> {
public:
    Index run = 1;
    bool log = false;
    Buffer<T> share;
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        multiply(on, x[0], 0, y, false);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        multiply(on, y, x[0].beta, x[0].x, true);
    }

private:
    // softmax: S = diag(s) - s s^T. log: L = I - 1 s^T, L^T = I - s 1^T, both by S with one side divided by s.
    void multiply(Backend<T>& on, Batch<const T> from, T beta, Batch<T> to, bool transposed) const {
        const Batch<const T> s = share.view(from.rows, 1);
        if (!log)
            return on.softmax_runs(run, s, from, beta, to);
        const Held<T> inverse = inverse_share(on, from.rows);
        const Buffer<T> between = on.allocate(from.size());
        const Batch<T> half = between.view(from.rows, from.cols);
        if (transposed) {
            on.diagonal_product(inverse.view(), from, 0, half);
            on.softmax_runs(run, s, half, beta, to);
        } else {
            on.softmax_runs(run, s, from, 0, half);
            on.diagonal_product(inverse.view(), half, beta, to);
        }
    }
    Held<T> inverse_share(Backend<T>& on, Index n) const {
        std::vector<T> numbers(static_cast<std::size_t>(n));
        on.download(share.view(n, 1), numbers.data());
        for (T& number : numbers)
            number = 1 / number;
        return held(on, numbers);
    }
};

}  // namespace

template <class T>
Frozen<T> freeze(const Normalise& op, Freezing<T>& at) {
    const std::vector<T> x = at.primal(0);
    const Index m = op.run;
    std::vector<T> y(x.size()), gain(x.size()), shift(x.size()), h(x.size());
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
            gain[e] = static_cast<T>(scale * inverse);
            h[e] = static_cast<T>(value);
            y[e] = static_cast<T>(scale * value + beta);
            // what the linear part makes of x0 itself: all of it, or, of a tangent, nearly nothing
            const double linear =
                keeps_mean ? x[e] * inverse : taylor ? value * (1 - squares * inverse * inverse / static_cast<double>(m)) : value;
            shift[e] = static_cast<T>(beta + scale * (value - linear));
            offset = offset || shift[e] != 0;
        }
    }
    auto result = std::make_unique<NormMap<T>>();
    result->gain = held(at.on, gain);
    result->run = m;
    result->centre = op.centre && !keeps_mean;
    if (taylor) {
        result->h = at.on.allocate(std::ssize(h));
        at.on.upload(h.data(), result->h.view(std::ssize(h), 1));
    }
    if (offset)
        result->offset = held(at.on, shift);
    result->recorded = (std::ssize(x) / m * (keeps_mean ? 2 : 1) + (taylor ? std::ssize(x) : 0)) *
                       static_cast<Index>(sizeof(T));
    result->decides = true;
    at.set(y);
    return result;
}

// d = k + alpha / size sum x_j^2 over the channels around. frozen: x / d^beta; taylor: the derivative, as sparse rows.
template <class T>
Frozen<T> freeze(const LocalNormalise& op, Freezing<T>& at) {
    const std::vector<T> x = at.primal(0);
    std::vector<T> y(x.size()), a(x.size());
    std::vector<std::uint32_t> starts{0}, index;
    std::vector<double> weight;
    std::vector<T> offset(x.size());
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
        a[e] = static_cast<T>(std::pow(d[e], -op.beta));
        y[e] = static_cast<T>(x[e] * std::pow(d[e], -op.beta));
    }
    at.set(y);
    if (!taylor) {
        auto result = std::make_unique<Diagonal<T>>();
        result->a.push_back(held(at.on, a));
        result->recorded = static_cast<Index>(x.size() * sizeof(T));
        result->decides = true;
        return result;
    }
    for (Index i = 0; i < std::ssize(x); ++i) {
        const auto e = static_cast<std::size_t>(i);
        const double common = -2 * op.alpha * op.beta / static_cast<double>(op.size) * x[e] * std::pow(d[e], -op.beta - 1);
        double linear = 0;
        neighbours(i, [&](Index j) {
            const double entry = common * x[static_cast<std::size_t>(j)] + (i == j ? std::pow(d[e], -op.beta) : 0);
            index.push_back(static_cast<std::uint32_t>(j));
            weight.push_back(entry);
            linear += entry * x[static_cast<std::size_t>(j)];
        });
        starts.push_back(static_cast<std::uint32_t>(index.size()));
        offset[e] = static_cast<T>(x[e] * std::pow(d[e], -op.beta) - linear);
    }
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, starts, index, weight);
    result->offset = held(at.on, offset);
    result->recorded = static_cast<Index>(weight.size() * sizeof(T));
    result->decides = true;
    return result;
}

// frozen: its value at x0, whole; taylor: its derivative.
template <class T>
Frozen<T> freeze(const Softmax& op, Freezing<T>& at) {
    const std::vector<T> x = at.primal(0);
    const Index m = op.run;
    std::vector<T> y(x.size()), share(x.size()), offset(x.size());
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
            share[e] = static_cast<T>(s);
            y[e] = static_cast<T>(value);
            offset[e] = static_cast<T>(at.options.rule == FreezeRule::taylor ? value - linear : value);
        }
    }
    at.set(y);
    if (at.options.rule == FreezeRule::frozen) {
        auto result = std::make_unique<Diagonal<T>>();
        result->a.push_back(held(at.on, std::vector<T>{0}, at.y.rows));
        result->offset = held(at.on, offset);
        result->recorded = static_cast<Index>(x.size() * sizeof(T));
        result->decides = true;
        return result;
    }
    auto result = std::make_unique<SoftmaxMap<T>>();
    result->run = m;
    result->log = op.log;
    result->share = at.on.allocate(std::ssize(share));
    at.on.upload(share.data(), result->share.view(std::ssize(share), 1));
    result->offset = held(at.on, offset);
    result->recorded = static_cast<Index>(x.size() * sizeof(T));
    result->decides = true;
    return result;
}

template Frozen<float> freeze(const Normalise&, Freezing<float>&);
template Frozen<double> freeze(const Normalise&, Freezing<double>&);
template Frozen<float> freeze(const LocalNormalise&, Freezing<float>&);
template Frozen<double> freeze(const LocalNormalise&, Freezing<double>&);
template Frozen<float> freeze(const Softmax&, Freezing<float>&);
template Frozen<double> freeze(const Softmax&, Freezing<double>&);

}  // namespace descrambler
