#include "linalg/basis.hpp"

#include <algorithm>
#include <utility>

#include "linalg/products.hpp"

namespace descrambler {

void Basis::reserve(Index count) {
    if (count <= capacity_)
        return;
    const Index larger = std::max(count, 2 * capacity_);
    Buffer<double> memory = on_.allocate(dimension_ * larger);
    if (size_ > 0)
        on_.axpby(1.0, at(0, size_), 0.0, memory.view(dimension_, larger).columns(0, size_));
    memory_ = std::move(memory);
    capacity_ = larger;
}

// The columns from `first` on, as many as H has, lose what they have along the `before` first vectors; H gains it.
void Basis::project(Index before, Index first, Matrix<double>& H) {
    if (before == 0)
        return;
    const Buffer<double> along = on_.allocate(before * H.cols());
    const Batch<double> a = along.view(before, H.cols());
    on_.gemm(Op::transpose, Op::none, 1.0, at(0, before), at(first, H.cols()), 0.0, a);
    on_.gemm(Op::none, Op::none, -1.0, at(0, before), a, 1.0, at(first, H.cols()));
    Matrix<double> found(before, H.cols());
    on_.download(a, found.data());
    for (Index j = 0; j < H.cols(); ++j)
        for (Index i = 0; i < before; ++i)
            H(i, j) += found(i, j);
}

// Column `column` is made orthogonal to the vectors of Q and of unit length; returns what was left of it, 0 if that is
// no more than `floor` or does not settle.
double Basis::clean(Index column, double floor, Matrix<double>& H, Index of) {
    Matrix<double> x(dimension_, 1), h(H.rows(), 1);
    on_.download(at(column, 1), x.data());
    double left = norm(x.values()), before = left;
    int pass = 0;
    do {
        before = left;
        project(size_, column, h);
        on_.download(at(column, 1), x.data());
        left = norm(x.values());
    } while (left > floor && left <= before / 2 && ++pass < 5);
    for (Index i = 0; i < size_; ++i)
        H(i, of) += h(i, 0);
    if (left <= floor || left <= before / 2)
        return 0;
    for (double& value : x.values())
        value /= left;
    on_.upload(x.data(), at(column, 1));
    return left;
}

void Basis::place_random(Index column) {
    Matrix<double> unused(column, 1);
    do {
        const Buffer<double> x = on_.allocate(dimension_);
        on_.random_normal(seed_, stream_ + drawn_++, 0, x.view(dimension_, 1));
        on_.axpby(1.0, x.view(dimension_, 1), 0.0, at(column, 1));
    } while (clean(column, 0.0, unused, 0) == 0);
}

Matrix<double> Basis::append(const Matrix<double>& W, double floor) {
    const Index old = size_, added = std::min(W.cols(), dimension_ - old);
    reserve(old + W.cols());
    on_.upload(W.data(), at(old, W.cols()));
    Matrix<double> H(old + W.cols(), W.cols());
    project(old, old, H);
    for (Index j = 0; j < W.cols(); ++j) {
        // in a whole space nothing but rounding is left
        const double left = clean(old + j, floor, H, j);
        if (j >= added)
            continue;
        if (left > 0)
            H(old + j, j) = left;
        else
            place_random(old + j);
        ++size_;
    }
    Matrix<double> result(size_, W.cols());
    for (Index j = 0; j < W.cols(); ++j)
        std::copy_n(H.column(j).begin(), size_, result.column(j).begin());
    return result;
}

void Basis::append_random(Index count) {
    reserve(size_ + count);
    for (Index j = 0; j < count && size_ < dimension_; ++j) {
        place_random(size_);
        ++size_;
    }
}

Matrix<double> Basis::columns(Index first, Index count) const {
    Matrix<double> result(dimension_, count);
    if (count > 0)
        on_.download(at(first, count), result.data());
    return result;
}

Matrix<double> Basis::times(const Matrix<double>& X) const {
    const Buffer<double> x = on_.allocate(X.size()), product = on_.allocate(dimension_ * X.cols());
    on_.upload(X.data(), x.view(X.rows(), X.cols()));
    on_.gemm(Op::none, Op::none, 1.0, at(0, X.rows()), x.view(X.rows(), X.cols()), 0.0,
             product.view(dimension_, X.cols()));
    Matrix<double> result(dimension_, X.cols());
    on_.download(product.view(dimension_, X.cols()), result.data());
    return result;
}

void Basis::rotate(const Matrix<double>& X, Index kept) {
    const Matrix<double> front = times(X), back = columns(size_ - kept, kept);
    size_ = X.cols() + kept;
    on_.upload(front.data(), at(0, front.cols()));
    if (kept > 0)
        on_.upload(back.data(), at(front.cols(), kept));
}

}  // namespace descrambler
