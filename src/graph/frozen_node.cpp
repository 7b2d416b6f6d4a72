#include "graph/frozen_node.hpp"

#include <algorithm>

namespace descrambler {

template <class T>
Held<T> held(Backend<T>& on, const std::vector<T>& numbers, Index run) {
    Held<T> result{on.allocate(std::ssize(numbers)), run};
    on.upload(numbers.data(), result.numbers.view(std::ssize(numbers), 1));
    return result;
}
template <class T>
Held<T> held(Backend<T>& on, const Pattern& pattern) {
    if (pattern.empty())
        return {};
    return held(on, std::vector<T>(pattern.values.begin(), pattern.values.end()), pattern.run);
}

template <class T>
Batch<const T> Weights<T>::matrix(const Tensor& tensor, Index rows, Index cols) {
    require(tensor.size() == rows * cols, "weights: as many numbers as the matrix has");
    if (on_->on_host())
        if (const auto* there = std::get_if<std::vector<T>>(&tensor.values))
            return {there->data(), rows, cols};
    Buffer<T>& sent = sent_[&tensor];
    if (sent.size() == 0) {
        const std::vector<T> numbers = tensor.as<T>();
        sent = on_->allocate(std::ssize(numbers));
        on_->upload(numbers.data(), sent.view(std::ssize(numbers), 1));
    }
    return sent.view(rows, cols);
}

template <class T>
std::vector<T> Freezing<T>::primal(std::size_t input) const {
    std::vector<T> numbers(static_cast<std::size_t>(x[input].rows));
    on.download(x[input], numbers.data());
    return numbers;
}
template <class T>
void Freezing<T>::set(const std::vector<T>& y_host) const {
    require(std::ssize(y_host) == y.rows, "freeze: as many numbers as the output has");
    on.upload(y_host.data(), y);
}
template <class T>
void Freezing<T>::set_affine(FrozenNode<T>& frozen) const {
    frozen.affine = true;
    frozen.apply(on, x, y);
    if (!frozen.offset.empty())
        on.add_offset(frozen.offset.view(), y);
}

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
void Masked<T>::apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const {
    on.masked_product(bits.data(), off.view(), x[0], 0, y);
}
template <class T>
void Masked<T>::adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const {
    on.masked_product(bits.data(), off.view(), y, x[0].beta, x[0].x);
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

template Held<float> held(Backend<float>&, const std::vector<float>&, Index);
template Held<double> held(Backend<double>&, const std::vector<double>&, Index);
template Held<float> held(Backend<float>&, const Pattern&);
template Held<double> held(Backend<double>&, const Pattern&);
template class Weights<float>;
template class Weights<double>;
template struct Freezing<float>;
template struct Freezing<double>;
template class Diagonal<float>;
template class Diagonal<double>;
template class Masked<float>;
template class Masked<double>;
template class SparseMap<float>;
template class SparseMap<double>;

}  // namespace descrambler
