// What a node of a graph is at an input: an affine map of its live inputs, y = sum_i A_i x_i + offset.
#pragma once

#include <memory>
#include <span>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"
#include "graph/reach.hpp"

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
[[nodiscard]] Held<T> held(Backend<T>& on, const std::vector<double>& numbers, Index run = 1);
template <class T>
[[nodiscard]] Held<T> held(Backend<T>& on, const Pattern& pattern);

// |numbers|
template <class T>
[[nodiscard]] Buffer<T> absolute(Backend<T>& on, const Buffer<T>& numbers);
template <class T>
[[nodiscard]] Buffer<T> absolute_matrix(Backend<T>& on, Batch<const T> A);  // packed, of any size
template <class T>
[[nodiscard]] Held<T> absolute(Backend<T>& on, const Held<T>& numbers) {
    return {absolute(on, numbers.numbers), numbers.run};
}

template <class T>
struct Target {  // where an adjoint goes: x = A^T y + beta x; no data: not wanted
    Batch<T> x;
    T beta = 0;
};

// The same of windows of probes.
template <class T>
struct Windowed {
    const Windows* at = nullptr;
    Batch<T> numbers;
};
template <class T>
struct WindowedTarget {
    const Windows* at = nullptr;
    Target<T> to;
};

template <class T>
class FrozenNode {
public:
    virtual ~FrozenNode() = default;
    virtual void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const = 0;
    virtual void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const = 0;
    // Whether probes may be overwritten where shapes agree: in apply the first input by y, in adjoint y by the last one.
    [[nodiscard]] virtual bool in_place() const { return false; }
    // The mask, if the node is y = m .* x and nothing else; whether another node can multiply its result by it on the way.
    [[nodiscard]] virtual Mask<T> mask() const { return {}; }
    [[nodiscard]] virtual bool takes_mask() const { return false; }
    virtual void apply_masked(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y, const Mask<T>& m) const;
    virtual void adjoint_masked(Backend<T>& on, Batch<const T> y, const Target<T>& x, const Mask<T>& m) const;
    // How far the node carries windows, one Reach an input; none: it couples everything, and is asked for whole values
    // alone. Known on the host.
    [[nodiscard]] virtual std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const;
    virtual void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const;
    virtual void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                                 std::span<const WindowedTarget<T>> x) const;
    // The offset: y += c in every column, and r [1, K] = c^T y.
    [[nodiscard]] virtual bool shifts() const { return !offset.empty(); }
    virtual void add_offset(Backend<T>& on, Batch<T> y) const { on.add_offset(offset.view(), y); }
    virtual void offset_dot(Backend<T>& on, Batch<const T> y, Batch<T> r) const { on.offset_dot(offset.view(), y, r); }
    // The node with the sizes of the entries of A_i in their place, or with numbers at least as large where these are not
    // held one by one (norms, softmax); `open`: what is switched off by the input passes as well. No offset; it may hold
    // on to this one.
    [[nodiscard]] virtual std::unique_ptr<FrozenNode<T>> absolute(Backend<T>& on, bool open) const = 0;
    // Whether y_i hangs on the number i of the only input alone.
    [[nodiscard]] virtual bool pointwise() const { return false; }
    Held<T> offset;       // empty: none, or recorded in another form by whoever overrides these
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

// What freezing an operator needs. Primal values are in double precision whatever the node computes in: a decision near
// a kink would be another one in single precision.
template <class T>
struct Freezing {
    Backend<T>& on;
    Weights<T>& weights;
    const FreezeOptions& options;
    const GraphNode& node;
    Backend<double>& exact;              // where the primal values are; in double precision `on` itself
    std::vector<Batch<const double>> x;  // [n, 1]
    Batch<double> y;                     // output: filled by the node of double precision, read by the other
    [[nodiscard]] std::vector<double> primal(std::size_t input) const;  // on the host
    [[nodiscard]] std::vector<double> value() const;                    // of y
    void set(const std::vector<double>& y_host) const;
    void set_linear(const FrozenNode<T>& frozen) const;  // y = A x
    void set_affine(FrozenNode<T>& frozen) const;        // y = A x + offset
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

// Throws InputError where x0 has another size than the input of the graph or is not finite.
void check_input(const Graph& graph, std::span<const double> x0);
// Where primal values are: a node in double precision is made there and stays.
template <class T>
[[nodiscard]] Backend<double>& exact_backend(Backend<T>& on, Backend<double>& exact) {
    if constexpr (std::is_same_v<T, double>)
        return on;
    else
        return exact;
}
// The overload for the node, and its primal value y from x, in double precision where `exact` computes. Throws InputError
// where its value, its offset or its linear part at the input is not finite: a slope that is infinite shows in A x0 or,
// where x0 is 0, as what is no number.
template <class T>
[[nodiscard]] Frozen<T> freeze_node(Backend<T>& on, Weights<T>& weights, Backend<double>& exact,
                                    Weights<double>& exact_weights, const FreezeOptions& options, const GraphNode& node,
                                    const std::vector<Batch<const double>>& x, Batch<double> y);

// Numbers that are recorded for each number of a function's value: 1 for a slope, 1 for an offset that is not of the
// file, none for what is a bit.
[[nodiscard]] Index recorded_numbers(const Pointwise& op, FreezeRule rule);

// ---- maps that several operators share -------------------------------------------------------------------------------

// y = sum_i a_i .* x_i; an empty a_i is 1.
template <class T>
class Diagonal final : public FrozenNode<T> {
public:
    std::vector<Held<T>> a;
    [[nodiscard]] bool in_place() const override { return true; }
    [[nodiscard]] bool pointwise() const override { return a.size() == 1; }
    [[nodiscard]] std::unique_ptr<FrozenNode<T>> absolute(Backend<T>& on, bool open) const override;
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
    [[nodiscard]] std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const override;
    void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const override;
    void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                         std::span<const WindowedTarget<T>> x) const override;
};

// y = a .* x with a = 1 or `off`, a bit a number.
template <class T>
class Masked final : public FrozenNode<T> {
public:
    Buffer<std::uint32_t> bits;
    Held<T> off;
    [[nodiscard]] bool in_place() const override { return true; }
    [[nodiscard]] bool pointwise() const override { return true; }
    [[nodiscard]] std::unique_ptr<FrozenNode<T>> absolute(Backend<T>& on, bool open) const override;
    [[nodiscard]] Mask<T> mask() const override { return {bits.data(), off.view()}; }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
    [[nodiscard]] std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const override;
    void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const override;
    void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                         std::span<const WindowedTarget<T>> x) const override;
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
    [[nodiscard]] std::unique_ptr<FrozenNode<T>> absolute(Backend<T>& on, bool open) const override;
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override;
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override;
    [[nodiscard]] std::vector<Reach> reach(std::span<const Planes> in, const Planes& out) const override;
    void apply_windows(Backend<T>& on, std::span<const Windowed<const T>> x, const Windowed<T>& y) const override;
    void adjoint_windows(Backend<T>& on, const Windowed<const T>& y,
                         std::span<const WindowedTarget<T>> x) const override;
};

}  // namespace descrambler
