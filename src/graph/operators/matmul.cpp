// Products of two values that both hang on the input.
#include "graph/frozen_node.hpp"

namespace descrambler {
namespace {

// Probes are many and the factors small: one call of gemm a probe, all its products as a batch.
template <class T>
class MatMulMap final : public FrozenNode<T> {
public:
    MatMul shape;
    Buffer<T> a, b;  // primal factors; empty: that side is frozen to nothing
    [[nodiscard]] Frozen<T> absolute(Backend<T>& on, bool) const override {
        auto result = std::make_unique<MatMulMap<T>>();
        result->shape = shape;
        result->a = descrambler::absolute(on, a);
        result->b = descrambler::absolute(on, b);
        return result;
    }
    // Row-major c = a b is column-major c^T = b^T a^T: sides change places.
    void apply(Backend<T>& on, std::span<const Batch<const T>> x, Batch<T> y) const override {
        for (Index p = 0; p < y.cols; ++p) {
            T beta = 0;
            if (b.size() > 0) {
                on.gemm(Op::none, Op::none, 1, right(b.data()), left(&x[0](0, p)), 0, out(&y(0, p)));
                beta = 1;
            }
            if (a.size() > 0)
                on.gemm(Op::none, Op::none, 1, right(&x[1](0, p)), left(a.data()), beta, out(&y(0, p)));
        }
    }
    void adjoint(Backend<T>& on, Batch<const T> y, std::span<const Target<T>> x) const override {
        for (const Target<T>& target : x)  // both may be one value
            if (target.x.data != nullptr && target.beta == 0)
                on.axpby(0, target.x, 0, target.x);
        for (Index p = 0; p < y.cols; ++p)
            for (Index i = 0; i < shape.batch; ++i) {  // one after the other: they may share a factor
                const Batch<const T> u = out(&y(0, p)).item(i);
                if (x[0].x.data != nullptr && b.size() > 0)
                    on.gemm(Op::transpose, Op::none, 1, right(b.data()).item(i), u, 1, left(&x[0].x(0, p)).item(i));
                if (x[1].x.data != nullptr && a.size() > 0)
                    on.gemm(Op::none, Op::transpose, 1, u, left(a.data()).item(i), 1, right(&x[1].x(0, p)).item(i));
            }
    }

    template <class U>
    [[nodiscard]] Batch<U> left(U* data) const {  // a^T
        return {data, shape.k, shape.m, shape.batch, shape.share_a ? 0 : shape.m * shape.k};
    }
    template <class U>
    [[nodiscard]] Batch<U> right(U* data) const {  // b^T
        return {data, shape.n, shape.k, shape.batch, shape.share_b ? 0 : shape.k * shape.n};
    }
    template <class U>
    [[nodiscard]] Batch<U> out(U* data) const {
        return {data, shape.n, shape.m, shape.batch};
    }
};

}  // namespace

template <class T>
Frozen<T> freeze(const MatMul& op, Freezing<T>& at) {
    auto result = std::make_unique<MatMulMap<T>>();
    result->shape = op;
    const bool taylor = at.options.rule == FreezeRule::taylor;
    result->b = held(at.on, at.primal(1)).numbers;
    at.set_linear(*result);  // b alone: the product itself
    if (taylor || at.node.gate == 0)
        result->a = held(at.on, at.primal(0)).numbers;
    if (!taylor && at.node.gate == 0)
        result->b = {};
    if (taylor) {
        std::vector<double> y = at.value();
        for (double& number : y)
            number = -number;
        result->offset = held(at.on, y);
    }
    result->recorded = (result->a.size() + result->b.size()) * static_cast<Index>(sizeof(T));
    return result;
}
template Frozen<float> freeze(const MatMul&, Freezing<float>&);
template Frozen<double> freeze(const MatMul&, Freezing<double>&);

}  // namespace descrambler
