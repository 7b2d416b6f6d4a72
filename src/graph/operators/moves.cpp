// Operators that carry numbers from place to place or sum them with fixed weights: linear as they are.
#include <algorithm>
#include <numeric>

#include "graph/frozen_node.hpp"

namespace descrambler {
namespace {

template <class T>
Held<T> fill_of_empty(Backend<T>& on, double fill, const std::vector<bool>& empty) {
    if (fill == 0 || std::ranges::none_of(empty, [](bool e) { return e; }))
        return {};
    std::vector<T> numbers(empty.size());
    for (std::size_t i = 0; i < empty.size(); ++i)
        numbers[i] = empty[i] ? static_cast<T>(fill) : T{0};
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

}  // namespace descrambler
