// What a node of a graph is at an input: an affine map of its live inputs, y = sum_i A_i x_i + offset.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

// A periodic vector where the backend computes.
template <class T>
struct Held {
    Buffer<T> numbers;
    Index run = 1;
    [[nodiscard]] bool empty() const { return numbers.size() == 0; }
    [[nodiscard]] Periodic<T> view() const { return {numbers.data(), numbers.size(), run}; }
};
template <class T>
[[nodiscard]] Held<T> held(Backend<T>& on, const std::vector<T>& numbers, Index run = 1);
template <class T>
[[nodiscard]] Held<T> held(Backend<T>& on, const Pattern& pattern);

template <class T>
struct Target {  // where an adjoint goes: x = A^T y + beta x; no data: not wanted
    Batch<T> x;
    T beta = 0;
};

template <class T>
class FrozenNode {
public:
    virtual ~FrozenNode() = default;
    virtual void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const = 0;
    virtual void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const = 0;
    Held<T> offset;       // empty: none
    Index recorded = 0;   // bytes of what was recorded at the input, offsets that are constants of the file aside
    bool affine = false;  // its value at x0 was computed as A x0 + offset
};

// Constants of the file where the backend computes, sent once for all nodes and inputs.
template <class T>
class Weights {
public:
    explicit Weights(Backend<T>& on) : on_(&on) {}
    [[nodiscard]] Batch<const T> matrix(const Tensor& tensor, Index rows, Index cols);

private:
    Backend<T>* on_;
    std::unordered_map<const Tensor*, Buffer<T>> sent_;
};

// What freezing an operator needs.
template <class T>
struct Freezing {
    Backend<T>& on;
    Weights<T>& weights;
    const FreezeOptions& options;
    const GraphNode& node;
    std::vector<Batch<const T>> x;                                 // primal values [n, 1]
    Batch<T> y;                                                    // primal output, to be filled
    [[nodiscard]] std::vector<T> primal(std::size_t input) const;  // on the host
    void set(const std::vector<T>& y_host) const;
    void set_affine(FrozenNode<T>& frozen) const;  // y = A x + offset
};

// One overload an operator, each in the file of its operator.
template <class T>
using Frozen = std::unique_ptr<FrozenNode<T>>;
template <class T>
Frozen<T> freeze(const Convolve& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Product& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Affine& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Fixed& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Sum& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Move& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Concat& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Sparse& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Pointwise& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Extreme& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Choose& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const MaxPool& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Multiply& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Divide& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const MatMul& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Normalise& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const LocalNormalise& op, Freezing<T>& at);
template <class T>
Frozen<T> freeze(const Softmax& op, Freezing<T>& at);

// ---- maps that several operators share -------------------------------------------------------------------------------

// y = sum_i a_i .* x_i; an empty a_i is 1.
template <class T>
class Diagonal final : public FrozenNode<T> {
public:
    std::vector<Held<T>> a;
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
};

// y = a .* x with a = 1 or `off`, a bit a number.
template <class T>
class Masked final : public FrozenNode<T> {
public:
    Buffer<std::uint32_t> bits;
    Held<T> off;
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
};

// y = sum_i S_i x_i with sparse S_i, held with their transposes.
template <class T>
class SparseMap final : public FrozenNode<T> {
public:
    struct Rows {
        Index rows = 0, cols = 0;
        Buffer<std::uint32_t> starts, index;
        Buffer<T> weight;
        [[nodiscard]] SparseRows<T> view() const;
    };
    std::vector<Rows> forward, backward;
    // One row for each number of the output: S in the form of Sparse; weights may be empty (ones), starts too (one entry
    // a row, none where the index is `nothing`).
    void add(Backend<T>& on, Index rows, Index cols, std::span<const std::uint32_t> starts,
             std::span<const std::uint32_t> index, std::span<const double> weight);
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
};

}  // namespace descrambler
