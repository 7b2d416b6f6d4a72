#include "graph/frozen_node.hpp"
#include "core/finite.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace descrambler {

template <class T>
Held<T> held(Backend<T>& on, const std::vector<double>& numbers, Index run) {
    Held<T> result{on.allocate(std::ssize(numbers)), run};
    const std::vector<T> rounded(numbers.begin(), numbers.end());
    on.upload(rounded.data(), result.numbers.view(std::ssize(numbers), 1));
    return result;
}
template <class T>
Held<T> held(Backend<T>& on, const Pattern& pattern) {
    if (pattern.empty())
        return {};
    return held(on, pattern.values, pattern.run);
}

template <class T>
Buffer<T> absolute_matrix(Backend<T>& on, Batch<const T> A) {
    std::vector<T> host(static_cast<std::size_t>(A.size()));
    on.download(A, host.data());
    for (T& number : host)
        number = std::abs(number);
    Buffer<T> result = on.allocate(A.size());
    on.upload(host.data(), result.view(A.rows, A.cols));
    return result;
}
template <class T>
Buffer<T> absolute(Backend<T>& on, const Buffer<T>& numbers) {
    return numbers.size() == 0 ? Buffer<T>() : absolute_matrix<T>(on, numbers.view(numbers.size(), 1));
}

template <class T>
Batch<const T> Weights<T>::matrix(const Tensor& tensor, Index rows, Index cols) {
    require(tensor.size() == rows * cols, "weights: as many numbers as the matrix has");
    if (on_->on_host())
        if (const auto* there = std::get_if<std::vector<T>>(&tensor.values))
            return {there->data(), rows, cols};
    Buffer<T>& sent = sent_[&tensor];
    if (sent.size() > 0)
        return sent.view(rows, cols);
    sent = on_->allocate(tensor.size());
    if (on_->on_host())
        std::visit(
            [&](const auto& numbers) {
                std::ranges::transform(numbers, sent.data(), [](auto number) { return static_cast<T>(number); });
            },
            tensor.values);
    else
        on_->upload(tensor.as<T>().data(), sent.view(tensor.size(), 1));
    return sent.view(rows, cols);
}

template <class T>
std::vector<double> Freezing<T>::primal(std::size_t input) const {
    std::vector<double> numbers(static_cast<std::size_t>(x[input].rows));
    exact.download(x[input], numbers.data());
    return numbers;
}
template <class T>
std::vector<double> Freezing<T>::value() const {
    std::vector<double> numbers(static_cast<std::size_t>(y.rows));
    exact.download(y, numbers.data());
    return numbers;
}
template <class T>
void Freezing<T>::set(const std::vector<double>& y_host) const {
    require(std::ssize(y_host) == y.rows, "freeze: as many numbers as the output has");
    if constexpr (std::is_same_v<T, double>)
        exact.upload(y_host.data(), y);
}
template <class T>
void Freezing<T>::set_linear([[maybe_unused]] const FrozenNode<T>& frozen) const {
    if constexpr (std::is_same_v<T, double>)
        frozen.apply(exact, x, y);
}
template <class T>
void Freezing<T>::set_affine(FrozenNode<T>& frozen) const {
    frozen.affine = true;
    set_linear(frozen);
    if constexpr (std::is_same_v<T, double>)
        if (!frozen.offset.empty())
            exact.add_offset(frozen.offset.view(), y);
}

namespace {

template <class T>
void check_finite(Backend<T>& on, const GraphNode& node, Batch<const T> numbers, const char* what) {
    std::vector<T> host(static_cast<std::size_t>(numbers.rows));
    on.download(numbers, host.data());
    if (!all_finite(host))
        throw InputError("the network: node \"" + node.name + "\" (" + node.onnx + "): " + what +
                         " at this input is not finite" + (sizeof(T) == 4 ? " in single precision" : ""));
}
template <class T>
void check_offset(Backend<T>& on, const GraphNode& node, const FrozenNode<T>& frozen) {
    if (const Buffer<T>& offset = frozen.offset.numbers; offset.size() > 0)
        check_finite<T>(on, node, offset.view(offset.size(), 1), "its offset");
}

Frozen<double> freeze_exactly(Freezing<double>& at) {
    Frozen<double> result = std::visit([&](const auto& op) { return freeze<double>(op, at); }, at.node.op);
    check_finite<double>(at.on, at.node, at.y, "its value");
    check_offset(at.on, at.node, *result);
    if (result->affine)  // A x0 is in its value
        return result;
    const Buffer<double> image = at.on.allocate(at.y.rows);
    result->apply(at.on, at.x, image.view(at.y.rows, 1));
    check_finite<double>(at.on, at.node, image.view(at.y.rows, 1), "its linear part");
    return result;
}

}  // namespace

template <class T>
Frozen<T> freeze_node(Backend<T>& on, Weights<T>& weights, Backend<double>& exact,
                      [[maybe_unused]] Weights<double>& exact_weights, const FreezeOptions& options,
                      const GraphNode& node, const std::vector<Batch<const double>>& x, Batch<double> y) {
    if constexpr (std::is_same_v<T, double>) {
        Freezing<double> at{on, weights, options, node, on, x, y};
        return freeze_exactly(at);
    } else {
        Freezing<double> reference{exact, exact_weights, options, node, exact, x, y};
        (void)freeze_exactly(reference);
        Freezing<T> at{on, weights, options, node, exact, x, y};
        Frozen<T> result = std::visit([&](const auto& op) { return freeze<T>(op, at); }, node.op);
        check_offset(on, node, *result);
        return result;
    }
}

void check_input(const Graph& graph, std::span<const double> x0) {
    const Shape& shape = graph.values[static_cast<std::size_t>(graph.input)].shape;
    if (std::ssize(x0) != volume(shape))
        throw InputError("--input: " + std::to_string(x0.size()) + " numbers, expected " +
                         std::to_string(volume(shape)) + " (" + to_string(shape) + ")");
    if (!all_finite(x0))
        throw InputError("--input: a number that is not finite");
}

template <class T>
void FrozenNode<T>::apply_masked(Backend<T>&, std::span<const Batch<const T>>, Batch<T>, const Mask<T>&) const {
    require(false, "a node that takes no mask");
}
template <class T>
void FrozenNode<T>::adjoint_masked(Backend<T>&, Batch<const T>, const Target<T>&, const Mask<T>&) const {
    require(false, "a node that takes no mask");
}
template <class T>
std::vector<Reach> FrozenNode<T>::reach(std::span<const Planes>, const Planes&) const {
    return {};
}
template <class T>
void FrozenNode<T>::apply_windows(Backend<T>&, std::span<const Windowed<const T>>, const Windowed<T>&) const {
    require(false, "a node that couples everything has no windows");
}
template <class T>
void FrozenNode<T>::adjoint_windows(Backend<T>&, const Windowed<const T>&, std::span<const WindowedTarget<T>>) const {
    require(false, "a node that couples everything has no windows");
}

namespace {

std::vector<Reach> reach_of_numbers(std::span<const Planes> in, const Planes& out) {
    if (!std::ranges::all_of(in, [&](const Planes& planes) { return planes == out; }))
        return {};
    return std::vector<Reach>(in.size(), reach_of_itself(out));
}

}  // namespace

template <class T>
void Diagonal<T>::apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (a[i].empty())
            on.axpby(1, x[i], i == 0 ? T{0} : T{1}, y);
        else
            on.diagonal_product(a[i].view(), x[i], i == 0 ? T{0} : T{1}, y);
}
template <class T>
void Diagonal<T>::adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i].x.data == nullptr)
            continue;
        else if (a[i].empty())
            on.axpby(1, y, x[i].beta, x[i].x);
        else
            on.diagonal_product(a[i].view(), y, x[i].beta, x[i].x);
}

template <class T>
Frozen<T> Diagonal<T>::absolute(Backend<T>& on, bool) const {
    auto result = std::make_unique<Diagonal<T>>();
    for (const Held<T>& numbers : a)
        result->a.push_back(descrambler::absolute(on, numbers));
    return result;
}
template <class T>
std::vector<Reach> Diagonal<T>::reach(std::span<const Planes> in, const Planes& out) const {
    return reach_of_numbers(in, out);
}
template <class T>
void Diagonal<T>::apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        on.diagonal_windows(a[i].empty() ? Periodic<T>{} : a[i].view(), *x[i].at, x[i].numbers, i == 0 ? T{0} : T{1},
                            *y.at, y.numbers);
}
template <class T>
void Diagonal<T>::adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                                  std::span<const WindowedTarget<T>> x) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i].to.x.data != nullptr)
            on.diagonal_windows(a[i].empty() ? Periodic<T>{} : a[i].view(), *y.at, y.numbers, x[i].to.beta, *x[i].at,
                                x[i].to.x);
}

template <class T>
void Masked<T>::apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const {
    on.masked_product(bits.data(), off.view(), x[0], 0, y);
}
template <class T>
void Masked<T>::adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const {
    on.masked_product(bits.data(), off.view(), y, x[0].beta, x[0].x);
}

namespace {

// Nobody asks for the sizes of sizes.
template <class T>
class Sizes : public FrozenNode<T> {
public:
    [[nodiscard]] Frozen<T> absolute(Backend<T>&, bool) const final {
        require(false, "sizes of sizes");
        return nullptr;
    }
};

template <class T>
class MaskSizes final : public Sizes<T> {
public:
    MaskSizes(Backend<T>& on, const Masked<T>& of) : of_(&of), off_(descrambler::absolute(on, of.off)) {}
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        on.masked_product(of_->bits.data(), off_.view(), x[0], 0, y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        on.masked_product(of_->bits.data(), off_.view(), y, x[0].beta, x[0].x);
    }

private:
    const Masked<T>* of_;
    Held<T> off_;
};

}  // namespace

template <class T>
Frozen<T> Masked<T>::absolute(Backend<T>& on, bool open) const {
    if (!open)
        return std::make_unique<MaskSizes<T>>(on, *this);
    auto all = std::make_unique<Diagonal<T>>();
    all->a.resize(1);
    return all;
}
template <class T>
std::vector<Reach> Masked<T>::reach(std::span<const Planes> in, const Planes& out) const {
    return reach_of_numbers(in, out);
}
template <class T>
void Masked<T>::apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const {
    on.masked_windows(bits.data(), off.view(), *x[0].at, x[0].numbers, 0, *y.at, y.numbers);
}
template <class T>
void Masked<T>::adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                                std::span<const WindowedTarget<T>> x) const {
    on.masked_windows(bits.data(), off.view(), *y.at, y.numbers, x[0].to.beta, *x[0].at, x[0].to.x);
}

template <class T>
SparseRows<T> SparseMap<T>::Rows::view() const {
    return {rows, cols, starts.size() > 0 ? starts.data() : nullptr, index.data(),
            weight.size() > 0 ? weight.data() : nullptr};
}

namespace {

template <class T>
Buffer<std::uint32_t> sent(Backend<T>& on, std::span<const std::uint32_t> words) {
    Buffer<std::uint32_t> result = on.allocate_words(std::ssize(words));
    on.upload(words.data(), Batch<std::uint32_t>(result.data(), std::ssize(words), 1));
    return result;
}

template <class T>
typename SparseMap<T>::Rows rows_of(Backend<T>& on, Index rows, Index cols, std::span<const std::uint32_t> starts,
                                    std::span<const std::uint32_t> index, std::span<const double> weight) {
    typename SparseMap<T>::Rows result{rows, cols, {}, sent<T>(on, index), {}};
    if (!starts.empty())
        result.starts = sent<T>(on, starts);
    if (!weight.empty()) {
        const std::vector<T> numbers(weight.begin(), weight.end());
        result.weight = on.allocate(std::ssize(numbers));
        on.upload(numbers.data(), result.weight.view(std::ssize(numbers), 1));
    }
    return result;
}

}  // namespace

// The transpose has the entries of a row in the order of their columns, so its sums have one order.
template <class T>
void SparseMap<T>::add(Backend<T>& on, Index rows, Index cols, std::span<const std::uint32_t> starts,
                       std::span<const std::uint32_t> index, std::span<const double> weight) {
    constexpr std::uint32_t nothing = SparseRows<T>::nothing;
    require(rows < nothing && cols < nothing && std::ssize(index) < nothing, "sparse map: more than 2^32 entries");
    std::vector<std::uint32_t> counts(static_cast<std::size_t>(cols) + 1);
    for (const std::uint32_t at : index)
        if (at != nothing)
            ++counts[at + 1];
    const bool one_each = std::ranges::all_of(counts, [](std::uint32_t count) { return count <= 1; });
    std::vector<std::uint32_t> first = counts;
    for (std::size_t i = 1; i < first.size(); ++i)
        first[i] += first[i - 1];
    const std::size_t entries = one_each ? static_cast<std::size_t>(cols) : first.back();
    std::vector<std::uint32_t> back(entries, nothing), place = first;
    std::vector<double> back_weight(weight.empty() ? 0 : entries);
    const auto put = [&](std::uint32_t row, std::size_t e) {
        if (index[e] == nothing)
            return;
        const std::size_t to = one_each ? index[e] : place[index[e]]++;
        back[to] = row;
        if (!weight.empty())
            back_weight[to] = weight[e];
    };
    for (std::uint32_t row = 0; row < rows; ++row)
        if (starts.empty())
            put(row, row);
        else
            for (std::size_t e = starts[row]; e < starts[row + 1]; ++e)
                put(row, e);
    forward.push_back(rows_of<T>(on, rows, cols, starts, index, weight));
    backward.push_back(
        rows_of<T>(on, cols, rows, one_each ? std::span<const std::uint32_t>() : first, back, back_weight));
}
template <class T>
void SparseMap<T>::apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        on.sparse_product(forward[i].view(), x[i], i == 0 ? T{0} : T{1}, y);
}
template <class T>
void SparseMap<T>::adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i].x.data != nullptr)
            on.sparse_product(backward[i].view(), y, x[i].beta, x[i].x);
}

namespace {

template <class T>
class SparseSizes final : public Sizes<T> {
public:
    SparseSizes(Backend<T>& on, const SparseMap<T>& of) : of_(&of) {
        for (const auto& [rows, weights] : {std::pair{&of.forward, &forward_}, {&of.backward, &backward_}})
            for (const auto& one : *rows)
                weights->push_back(descrambler::absolute(on, one.weight));
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        for (std::size_t i = 0; i < x.size(); ++i)
            on.sparse_product(with(of_->forward[i], forward_[i]), x[i], i == 0 ? T{0} : T{1}, y);
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        for (std::size_t i = 0; i < x.size(); ++i)
            if (x[i].x.data != nullptr)
                on.sparse_product(with(of_->backward[i], backward_[i]), y, x[i].beta, x[i].x);
    }

private:
    static SparseRows<T> with(const typename SparseMap<T>::Rows& rows, const Buffer<T>& weight) {
        SparseRows<T> result = rows.view();
        result.weight = weight.size() > 0 ? weight.data() : nullptr;
        return result;
    }
    const SparseMap<T>* of_;
    std::vector<Buffer<T>> forward_, backward_;
};

}  // namespace

template <class T>
Frozen<T> SparseMap<T>::absolute(Backend<T>& on, bool) const {
    return std::make_unique<SparseSizes<T>>(on, *this);
}
template <class T>
std::vector<Reach> SparseMap<T>::reach(std::span<const Planes> in, const Planes& out) const {
    std::vector<Reach> result;
    for (std::size_t i = 0; i < in.size(); ++i) {
        const SparseRows<T> entries = forward[i].view();
        result.push_back(reach_of_entries(in[i], out, entries.starts, entries.index));
    }
    return result;
}
template <class T>
void SparseMap<T>::apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        on.sparse_windows(forward[i].view(), *x[i].at, x[i].numbers, i == 0 ? T{0} : T{1}, *y.at, y.numbers);
}
template <class T>
void SparseMap<T>::adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                                   std::span<const WindowedTarget<T>> x) const {
    for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i].to.x.data != nullptr)
            on.sparse_windows(backward[i].view(), *y.at, y.numbers, x[i].to.beta, *x[i].at, x[i].to.x);
}

template Held<float> held(Backend<float>&, const std::vector<double>&, Index);
template Held<double> held(Backend<double>&, const std::vector<double>&, Index);
template Buffer<float> absolute_matrix(Backend<float>&, Batch<const float>);
template Buffer<double> absolute_matrix(Backend<double>&, Batch<const double>);
template Buffer<float> absolute(Backend<float>&, const Buffer<float>&);
template Buffer<double> absolute(Backend<double>&, const Buffer<double>&);
template Held<float> held(Backend<float>&, const Pattern&);
template Held<double> held(Backend<double>&, const Pattern&);
template class Weights<float>;
template class Weights<double>;
template struct Freezing<float>;
template struct Freezing<double>;
template Frozen<float> freeze_node(Backend<float>&, Weights<float>&, Backend<double>&, Weights<double>&,
                                   const FreezeOptions&, const GraphNode&, const std::vector<Batch<const double>>&,
                                   Batch<double>);
template Frozen<double> freeze_node(Backend<double>&, Weights<double>&, Backend<double>&, Weights<double>&,
                                    const FreezeOptions&, const GraphNode&, const std::vector<Batch<const double>>&,
                                    Batch<double>);
template class FrozenNode<float>;
template class FrozenNode<double>;
template class Diagonal<float>;
template class Diagonal<double>;
template class Masked<float>;
template class Masked<double>;
template class SparseMap<float>;
template class SparseMap<double>;

}  // namespace descrambler
