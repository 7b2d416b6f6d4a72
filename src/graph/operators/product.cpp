#include <algorithm>

#include "graph/frozen_node.hpp"
#include "graph/import.hpp"

namespace descrambler {
namespace {

template <class T>
class FrozenProduct final : public FrozenNode<T> {
public:
    explicit FrozenProduct(Batch<const T> M) : M_(M) {}  // [in, out]: W of the file, row-major
    FrozenProduct(Buffer<T> M, Index rows) : own_(std::move(M)), M_(own_.view(rows, own_.size() / rows)) {}
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool) const override {
        return std::make_unique<FrozenProduct<T>>(absolute_matrix(on, M_), M_.rows);
    }
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        on.matrix_product(Op::transpose, M_, split(x[0], M_.rows), 0, split(y, M_.cols));
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        on.matrix_product(Op::none, M_, split(y, M_.cols), x[0].beta, split(x[0].x, M_.rows));
    }

private:
    // The vectors of the last axis, of all probes, as columns.
    template <class U>
    static Batch<U> split(Batch<U> x, Index length) {
        require(x.packed(), "product: probes follow one another");
        return {x.data, length, x.size() / length, 1};
    }
    Buffer<T> own_;  // empty: the weights are the network's
    Batch<const T> M_;
};

}  // namespace

template <class T>
Frozen<T> freeze(const Product& op, Freezing<T>& at) {
    const Index outputs = op.weight.shape[0], inputs = op.weight.shape[1];
    auto result = std::make_unique<FrozenProduct<T>>(at.weights.matrix(op.weight, inputs, outputs));
    result->offset = held(at.on, op.bias);
    at.set_affine(*result);
    return result;
}
template Frozen<float> freeze(const Product&, Freezing<float>&);
template Frozen<double> freeze(const Product&, Freezing<double>&);

// ---- import ----------------------------------------------------------------------------------------------------------

namespace {

Tensor matrix(const Operand& operand, bool transpose, double factor) {  // of a constant [rows, cols]
    const Index rows = operand.shape[0], cols = operand.shape[1];
    if (!transpose && factor == 1)
        return *operand.constant;
    const std::vector<double> numbers = operand.constant->as<double>();
    std::vector<double> result(numbers.size());
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
            result[static_cast<std::size_t>(transpose ? j * rows + i : i * cols + j)] =
                factor * numbers[static_cast<std::size_t>(i * cols + j)];
    return tensor(transpose ? Shape{cols, rows} : Shape{rows, cols}, std::move(result));
}

// x [.., in] times a constant [in, out].
Operand times_constant(Import& import, const Operand& x, const Operand& w, bool transposed, double factor,
                       Pattern bias = {}) {
    Shape shape = x.shape;
    shape.back() = w.shape[transposed ? 0 : 1];
    if (volume(w.shape) == 0)
        import.refuse("weights of shape " + to_string(w.shape));
    return import.add(Product{matrix(w, !transposed, factor), std::move(bias)}, {x}, shape);
}

// The gate of a product of two live values: the one with fewer numbers; of two alike one that comes from a gating
// function, else the second.
bool is_gating(const Import& import, const Operand& operand) {
    const Origin* from = import.origin(operand);
    return from != nullptr && (from->op == "Sigmoid" || from->op == "HardSigmoid" || from->op == "Softmax" ||
                               from->op == "Tanh" || from->op == "Clip");
}

Operand two_live(Import& import, const Operand& a, const Operand& b, const Shape& batch) {
    const std::size_t ra = a.shape.size(), rb = b.shape.size();
    MatMul op;
    op.m = a.shape[ra - 2];
    op.k = a.shape[ra - 1];
    op.n = b.shape[rb - 1];
    op.batch = volume(batch);
    const auto stack = [&](const Operand& x, bool& share) {
        Shape full = batch;
        full.insert(full.end(), x.shape.end() - 2, x.shape.end());
        share = op.batch > 1 && volume(x.shape) == x.shape[x.shape.size() - 2] * x.shape.back();
        return share || volume(x.shape) == volume(full) ? x : broadcast_to(import, x, full);
    };
    const Operand left = stack(a, op.share_a), right = stack(b, op.share_b);
    Shape shape = batch;
    shape.insert(shape.end(), {op.m, op.n});
    return import.add(op, {left, right}, shape, choose_gate(import, a, b));
}

void lower_matmul(Import& import) {
    Operand a = import.in(0), b = import.in(1);
    if (!a.shape.empty() && b.shape.size() == 2)
        b = import.learnt(1, Import::Learnt::weight, b.shape[0]);
    if (a.shape.empty() || b.shape.empty())
        import.refuse("a scalar, expected vectors or matrices");
    const bool row = a.shape.size() == 1, column = b.shape.size() == 1;
    if (row)
        a = reshaped(a, {1, a.shape[0]});
    if (column)
        b = reshaped(b, {b.shape[0], 1});
    const std::size_t ra = a.shape.size(), rb = b.shape.size();
    if (a.shape[ra - 1] != b.shape[rb - 2])
        import.refuse("shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " do not chain");
    const Shape batch = broadcast(import, {a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2});
    Operand y;
    if (!b.live() && rb == 2) {
        y = times_constant(import, a, b, false, 1);
    } else if (!a.live() && ra == 2 && volume(batch) == 1) {  // y^T = b^T a^T
        const Index k = b.shape[rb - 2], n = b.shape[rb - 1];
        const Operand turned = transposed(import, reshaped(b, {k, n}), {1, 0});
        y = transposed(import, times_constant(import, turned, a, true, 1), {1, 0});
    } else {
        y = a.live() && b.live() ? two_live(import, a, b, batch) : one_constant(import, a, b, batch);
    }
    Shape shape = batch;
    if (!row)
        shape.push_back(a.shape[ra - 2]);
    if (!column)
        shape.push_back(b.shape[rb - 1]);
    import.out(reshaped(y, shape));
}

void lower_gemm(Import& import) {
    const double alpha = import.real("alpha", 1), beta = import.real("beta", 1);
    const bool turn_a = import.integer("transA", 0) != 0, turn_b = import.integer("transB", 0) != 0;
    (void)import.integer("broadcast", 0);  // of opset 6: what later ones always do
    Operand a = import.in(0);
    const Operand b = import.learnt(1, Import::Learnt::weight, a.shape.empty() ? 1 : a.shape.back());
    if (a.shape.size() != 2 || b.shape.size() != 2)
        import.refuse("shapes " + to_string(a.shape) + " and " + to_string(b.shape) + ", expected matrices");
    if (turn_a)
        a = transposed(import, a, {1, 0});
    if (a.shape[1] != b.shape[turn_b ? 1 : 0])
        import.refuse("shapes " + to_string(a.shape) + " and " + to_string(b.shape) + " do not chain");
    const Shape shape{a.shape[0], b.shape[turn_b ? 0 : 1]};
    if (import.has(2) && broadcast(import, shape, import.in(2).shape) != shape)
        import.refuse("C of shape " + to_string(import.in(2).shape) + ", expected " + to_string(shape));
    const bool constant_bias = import.has(2) && !import.in(2).live();
    Pattern bias;
    if (constant_bias) {
        bias = pattern_of(*import.learnt(2, Import::Learnt::bias).constant, shape);
        for (double& number : bias.values)
            number *= beta;
    }
    Operand y;
    if (!b.live()) {
        y = times_constant(import, a, b, turn_b, alpha, bias);
    } else {
        const Operand right = turn_b ? transposed(import, b, {1, 0}) : b;
        y = a.live() ? two_live(import, a, right, {}) : one_constant(import, a, right, {});
        if (alpha != 1 || !bias.empty())
            y = import.add(Affine{Pattern{{alpha}, volume(shape)}, bias}, {y}, shape);
    }
    if (import.has(2) && !constant_bias)
        y = import.add(Sum{{1, beta}}, {y, broadcast_to(import, import.in(2), shape)}, shape);
    import.out(y);
}

}  // namespace

int choose_gate(Import& import, const Operand& a, const Operand& b) {
    const Index na = volume(a.shape), nb = volume(b.shape);
    if (import.is_kept(a) != import.is_kept(b))  // frozen, the other one is all there is
        return import.is_kept(a) ? 0 : 1;
    int gate = na < nb ? 0 : 1;
    if (na == nb) {
        gate = is_gating(import, a) && !is_gating(import, b) ? 0 : 1;
        if (!is_gating(import, a) && !is_gating(import, b))
            import.remark("of two values alike the second is the gate");
    }
    return gate;
}

// One of the two is a constant, with batch axes or on the left: linear with the numbers of the constant as entries.
Operand one_constant(Import& import, const Operand& a, const Operand& b, const Shape& batch) {
    const bool a_live = a.live();
    const std::size_t ra = a.shape.size(), rb = b.shape.size();
    const Index m = a.shape[ra - 2], k = a.shape[ra - 1], n = b.shape[rb - 1];
    Shape shape = batch;
    shape.insert(shape.end(), {m, n});
    limit_entries(import, {volume(batch), m, n, k});
    const auto stacks = [&](const Operand& x) {  // which matrix of x each of the batch takes
        return broadcast_index({x.shape.begin(), x.shape.end() - 2}, batch);
    };
    const std::vector<std::uint32_t> of_a = stacks(a), of_b = stacks(b);
    const std::vector<double> numbers = (a_live ? b : a).constant->as<double>();
    Sparse map;
    map.starts.push_back(0);
    for (Index s = 0; s < volume(batch); ++s)
        for (Index i = 0; i < m; ++i)
            for (Index j = 0; j < n; ++j) {
                for (Index t = 0; t < k; ++t) {
                    const auto at_a = static_cast<std::uint32_t>((of_a[static_cast<std::size_t>(s)] * m + i) * k + t);
                    const auto at_b = static_cast<std::uint32_t>((of_b[static_cast<std::size_t>(s)] * k + t) * n + j);
                    map.index.push_back(a_live ? at_a : at_b);
                    map.weight.push_back(numbers[a_live ? at_b : at_a]);
                }
                map.starts.push_back(static_cast<std::uint32_t>(map.index.size()));
            }
    return import.add(std::move(map), {a_live ? a : b}, shape);
}

std::span<const OperatorEntry> product_operators() {
    static constexpr OperatorEntry table[] = {{"Gemm", 6, lower_gemm}, {"MatMul", 1, lower_matmul}};
    return table;
}

}  // namespace descrambler
