// A network frozen at an input x0: the affine map y = F x + r with F x0 + r = f(x0), as an operator. Affine nodes stay as
// they are; every other node becomes an affine map A x + c with A x0 + c = h(x0), by the rules of docs/interpreters.md.
// Navarrete Michelini et al., A Tour of Convolutional Networks Guided by Linear Interpreters (ICCV 2019).
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/graph.hpp"
#include "descrambler/linear_operator.hpp"

namespace descrambler {

// frozen: the decisions taken at x0 are kept (masks, selections, gates); taylor: tangents, F is the Jacobian.
enum class FreezeRule { frozen, taylor };
// What norms keep of x0 under `frozen`: deviation, mean and deviation, or nothing (their tangent).
enum class NormRule { std, mean_std, none };
struct FreezeOptions {
    FreezeRule rule = FreezeRule::frozen;
    NormRule norm = NormRule::std;
};
[[nodiscard]] std::string_view to_string(FreezeRule rule);
[[nodiscard]] std::string_view to_string(NormRule norm);
[[nodiscard]] FreezeRule freeze_rule_from(std::string_view name);  // throws InputError with the known names
[[nodiscard]] NormRule norm_rule_from(std::string_view name);

struct Contributions {
    std::vector<std::string> names;  // "input", then the nodes with an offset
    std::vector<Index> nodes;        // their places in the graph; -1: the input
    Matrix<double> values;           // [names, outputs asked for]: each column sums to y_j
    Matrix<double> rows;             // [inputs, outputs asked for]: rows of F, which the same pass gives
};

struct OffsetImages {
    std::vector<std::string> names;  // of the nodes with an offset
    std::vector<Index> nodes;        // their places in the graph
    Matrix<double> images;           // [outputs, names]: what each adds to y; rows sum to r
};

template <class T>
struct Parts {                        // of y: [outputs] each
    std::vector<T> linear, residual;  // F x0, r
};

// One call at a time: passes keep memory and windows from call to call.
template <class T>  // float, double
class FrozenNetwork {
public:
    // Runs the network at x0 [inputs] and records what its nodes decide there. The run is in double precision, by `exact`,
    // whatever T: near a kink single precision would take another decision, and F be another one by far more than
    // rounding. Probes run on `on`, which outlives this, as the graph does. Throws InputError where x0 has another size or
    // is not finite, and where a value of the network is not finite.
    FrozenNetwork(Backend<T>& on, Backend<double>& exact, const Graph& graph, std::span<const double> x0,
                  const FreezeOptions& options);
    template <std::same_as<double> U>  // for T = double: both are one
    FrozenNetwork(Backend<U>& on, const Graph& graph, std::span<const double> x0, const FreezeOptions& options)
        : FrozenNetwork(on, on, graph, x0, options) {}
    ~FrozenNetwork();
    FrozenNetwork(FrozenNetwork&&) noexcept;

    [[nodiscard]] Index inputs() const;
    [[nodiscard]] Index outputs() const;
    [[nodiscard]] const std::vector<double>& output() const;  // y = f(x0)
    [[nodiscard]] Index recorded_bytes() const;
    // F V, V [inputs, K], and F^T U, U [outputs, K]. In blocks of columns that fit into the memory; a column has the same
    // bits in any K.
    [[nodiscard]] Matrix<T> apply(const Matrix<T>& V) const;
    [[nodiscard]] Matrix<T> adjoint(const Matrix<T>& U) const;
    // r, by a probe of zeros through the offsets alone.
    [[nodiscard]] std::vector<T> residual() const;
    // F x0 and r, each by a probe of its own in one pass.
    [[nodiscard]] Parts<T> parts() const;
    // Rows and columns of F by unit vectors; indices are checked by the caller.
    [[nodiscard]] Matrix<T> rows(std::span<const Index> outputs) const;    // [inputs, count]
    [[nodiscard]] Matrix<T> columns(std::span<const Index> inputs) const;  // [outputs, count]
    // kappa_ij = <dy_j / dz_i, offset_i> for every node i with an offset, and <row j, x0>: one reverse pass for all i.
    [[nodiscard]] Contributions contributions(std::span<const Index> outputs) const;
    // What the offset of every node adds to all outputs, (dy / dz_i) offset_i: one pass forwards a node, in blocks.
    [[nodiscard]] OffsetImages offset_images() const;
    // Bytes that the intermediate values of a block of probes may take.
    void set_memory(Index bytes);

private:
    template <class U>
    friend class Discussion;     // discussion.hpp
    friend class BackwardRules;  // backward_rules.hpp
    struct State;
    std::unique_ptr<State> state_;
};

// The network and its interpreter in two batches of one run, node by node: nothing of a node is kept once it has passed,
// so the memory does not grow with the depth. Forwards alone; every block of probes, as many as fit into `memory` bytes
// with the values of the network, runs the network again.
template <class T>
struct TwoBatch {
    std::vector<double> output;  // y = f(x0)
    Matrix<T> image;             // [outputs, K]: F V, + r in the first `offsets` columns
    Index peak_bytes = 0;        // of values, probes and the node that was frozen, at most at once
};
// V [inputs, K]; the bits of FrozenNetwork::apply. Throws InputError as the constructor of FrozenNetwork, and where not
// one probe fits into the memory.
template <class T>
[[nodiscard]] TwoBatch<T> two_batch(Backend<T>& on, Backend<double>& exact, const Graph& graph,
                                    std::span<const double> x0, const FreezeOptions& options, const Matrix<T>& V,
                                    Index offsets, Index memory = Index{1} << 30);

// F as an operator in double precision, whatever the network is run in. The network outlives it.
template <class T>
[[nodiscard]] LinearOperator operator_of(const FrozenNetwork<T>& network);

}  // namespace descrambler
