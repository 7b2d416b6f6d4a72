// The import of an ONNX graph, as the lowering of an operator sees it: the node, its operands and attributes, and the
// graph that is being built. What has only constant operands is computed at once and is a constant itself.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

// A value of the file: a constant, or a value of the graph (live). Reshaping gives the same value another shape.
struct Operand {
    std::shared_ptr<const Tensor> constant;
    int value = -1;
    Shape shape;
    ElementType type = ElementType::f32;
    [[nodiscard]] bool live() const { return constant == nullptr; }
};
[[nodiscard]] Operand constant_operand(Tensor tensor);

// What a live operand was made of, for the patterns that exporters write operators out in.
struct Origin {
    std::string op;
    std::vector<Operand> inputs;
    std::vector<Index> axes;  // of a reduction
};

class Import {
public:
    // Freezing keeps all of the value: it comes out of softmaxes alone, whose frozen maps are constants.
    [[nodiscard]] bool is_kept(const Operand& operand) const { return kept_.contains(operand.value); }
    Import(const OnnxModel& model, const ImportOptions& options);
    [[nodiscard]] Graph run();
    [[nodiscard]] std::map<std::string, Tensor> constants();  // all outputs, where every input is bound

    // ---- the node that is being lowered ----
    [[nodiscard]] const OnnxNode& node() const { return *node_; }
    [[nodiscard]] std::int64_t opset() const { return opset_; }
    [[noreturn]] void refuse(const std::string& what) const;  // InputError "PATH: node "NAME" (OP): what"
    void remark(const std::string& what);
    [[nodiscard]] std::size_t count() const { return node_->inputs.size(); }
    [[nodiscard]] bool has(std::size_t input) const;
    [[nodiscard]] const Operand& in(std::size_t input) const;           // refuses where it is left out
    [[nodiscard]] const Tensor& constant(std::size_t input) const;      // refuses what is live
    [[nodiscard]] std::vector<Index> numbers(std::size_t input) const;  // integers of a constant
    [[nodiscard]] std::int64_t integer(const char* attribute, std::int64_t otherwise);
    [[nodiscard]] double real(const char* attribute, double otherwise);
    [[nodiscard]] std::string text(const char* attribute, const char* otherwise);
    [[nodiscard]] std::optional<std::vector<Index>> list(const char* attribute);
    [[nodiscard]] const Tensor* tensor_attribute(const char* attribute);
    [[nodiscard]] const OnnxGraph* graph_attribute(const char* attribute);
    template <class Value>
    [[nodiscard]] const Value* attribute(const char* name);
    // Axes counted from the end are negative. Refuses what is no axis.
    [[nodiscard]] Index axis(Index given, Index rank) const;

    // A constant that is learnt: as the file has it, or with ImportOptions::random_weights from a random stream of its
    // own: weights N(0, 2 / fan_in), biases N(0, .01), scales and variances exp(N(0, .01)).
    enum class Learnt { weight, bias, scale, variance };
    [[nodiscard]] Operand learnt(std::size_t input, Learnt kind, Index fan_in = 1);

    // ---- what it becomes ----
    // One node of the graph under the name of the file's node, or a constant where no input is live. Constants beside live
    // ones become nodes of their own. gate as in GraphNode.
    [[nodiscard]] Operand add(Operator op, std::vector<Operand> inputs, Shape shape, int gate = -1);
    void out(Operand operand, std::size_t output = 0);
    [[nodiscard]] const Origin* origin(const Operand& operand) const;
    void set_origin(const Operand& operand, Origin origin);
    [[nodiscard]] bool same(const Operand& a, const Operand& b) const;
    [[nodiscard]] const ImportOptions& options() const { return options_; }

    // If: the nodes of a branch, here.
    void inline_graph(const OnnxGraph& graph);

private:
    void bind_inputs();
    [[nodiscard]] Tensor as_declared(const OnnxValue& input, Tensor value) const;
    void choose_input(const std::vector<const OnnxValue*>& free);
    void lower(const OnnxNode& node);
    [[nodiscard]] Graph finish();
    [[nodiscard]] int append(Operator op, std::vector<int> inputs, Shape shape, int gate);
    [[nodiscard]] Operand fold(const Operator& op, const std::vector<Operand>& inputs, Shape shape, int gate);

    const OnnxModel& model_;
    ImportOptions options_;
    std::int64_t opset_;
    const OnnxNode* node_ = nullptr;
    std::vector<std::pair<std::string, std::string>> remarks_;  // node, text
    std::uint64_t drawn_ = 0;                                   // learnt constants so far
    std::set<std::string> known_;                               // attributes that the lowering has asked for
    std::map<std::string, Operand> values_;
    std::map<int, Origin> origins_;
    Graph graph_;
    std::set<int> kept_;  // values that freezing keeps whole
    std::unique_ptr<Backend<double>> host_;
};

// Number of elements of what is made here. Throws InputError above 2^28: indices and values of a hostile file would fill
// the memory.
[[nodiscard]] Index limited(const Shape& shape);
// The same for the entries of a map: a product of counts.
void limit_entries(const Import& import, std::initializer_list<Index> counts);

// ---- shapes ----------------------------------------------------------------------------------------------------------
[[nodiscard]] Shape broadcast(const Import& import, const Shape& a, const Shape& b);
// Place in a tensor of shape `from` of every number of the broadcast shape `to`.
[[nodiscard]] std::vector<std::uint32_t> broadcast_index(const Shape& from, const Shape& to);
[[nodiscard]] Pattern pattern_of(const Tensor& constant, const Shape& to);  // broadcast
[[nodiscard]] Operand broadcast_to(Import& import, const Operand& operand, const Shape& to);
[[nodiscard]] std::vector<Index> strides_of(const Shape& shape);  // row-major
// visit(number of the place, coordinates) in row-major order
void for_places(const Shape& shape, const std::function<void(Index place, const std::vector<Index>& at)>& visit);
[[nodiscard]] Operand reshaped(Operand operand, Shape shape);
// The numbers of an operand at other places, of any type. `nothing` takes fill.
[[nodiscard]] Operand moved(Import& import, const Operand& operand, std::vector<std::uint32_t> index, Shape shape,
                            double fill = 0);
[[nodiscard]] Operand transposed(Import& import, const Operand& operand, const std::vector<Index>& order);

// Which of two live factors freezing keeps, by rule C7 (docs/interpreters.md).
[[nodiscard]] int choose_gate(Import& import, const Operand& a, const Operand& b);
// a b and a + sign b, broadcast, of constants and live values.
[[nodiscard]] Operand multiplied(Import& import, const Operand& a, const Operand& b);
[[nodiscard]] Operand summed(Import& import, const Operand& a, const Operand& b, double sign);
[[nodiscard]] Operand one_constant(Import& import, const Operand& a, const Operand& b, const Shape& batch);

// (x - mean) / sqrt(variance + epsilon) over some axes.
[[nodiscard]] Operand norm_over(Import& import, const Operand& x, const std::vector<Index>& axes, double epsilon,
                                bool centre);
// The axes become 1.
[[nodiscard]] Operand mean_over(Import& import, const Operand& x, const std::vector<Index>& axes);
[[nodiscard]] Operand back_in_order(Import& import, const Operand& y, const std::vector<Index>& order);

// Whole numbers and truth values, as shapes are computed with. False: the node is not of that kind.
[[nodiscard]] bool whole_numbers(Import& import);

// ---- patterns: operators that exporters write out, at their last node; nothing where there is none ------------------
[[nodiscard]] std::optional<Operand> pattern_of_mul(Import& import);
[[nodiscard]] std::optional<Operand> pattern_of_div(Import& import);

// ---- lowering: one function an ONNX operator, in the file of what it becomes -----------------------------------------
using Lower = void (*)(Import&);
struct OperatorEntry {
    const char* onnx;
    int since;  // opsets that the function reads
    Lower lower;
};
// nullptr where there is none
[[nodiscard]] const OperatorEntry* operator_entry(const std::string& onnx);
// Why an operator that is known is not served, or empty.
[[nodiscard]] std::string reason_against(const std::string& onnx);
inline constexpr int newest_opset = 26;

[[nodiscard]] std::span<const OperatorEntry> convolve_operators();
[[nodiscard]] std::span<const OperatorEntry> product_operators();
[[nodiscard]] std::span<const OperatorEntry> pointwise_operators();
[[nodiscard]] std::span<const OperatorEntry> arithmetic_operators();
[[nodiscard]] std::span<const OperatorEntry> move_operators();
[[nodiscard]] std::span<const OperatorEntry> pool_operators();
[[nodiscard]] std::span<const OperatorEntry> resize_operators();
[[nodiscard]] std::span<const OperatorEntry> normalise_operators();
[[nodiscard]] std::span<const OperatorEntry> constant_operators();

}  // namespace descrambler
