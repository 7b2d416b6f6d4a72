// A growing orthonormal basis Q [dimension, size] where the backend computes, fully reorthogonalised: every vector that
// joins is projected off all before it, and again as long as it shrinks to less than half (twice is enough but for
// vectors of the span: Giraud, Langou, Rozloznik, Comput. Math. Appl. 50 (2005) 1069).
#pragma once

#include <cstdint>

#include "descrambler/backend.hpp"

namespace descrambler {

class Basis {
public:
    Basis(Backend<double>& on, Index dimension, std::uint64_t seed, std::uint64_t stream)
        : on_(on), dimension_(dimension), seed_(seed), stream_(stream) {}
    [[nodiscard]] Index size() const { return size_; }
    [[nodiscard]] Index dimension() const { return dimension_; }

    // Q gains what the columns of W add: W = Q H to rounding, H [size afterwards, W.cols]. A column of which no more
    // than `floor` is left is one of the span: a random direction joins in its place, with a row of zeros in H. So
    // every column adds one vector, until Q is the whole space.
    Matrix<double> append(const Matrix<double>& W, double floor);
    void append_random(Index count);
    [[nodiscard]] Matrix<double> columns(Index first, Index count) const;
    [[nodiscard]] Matrix<double> times(const Matrix<double>& X) const;  // the first X.rows vectors times X
    void truncate(Index size) { size_ = size; }                         // the last vectors are forgotten
    void rotate(const Matrix<double>& X, Index kept);                   // Q = [Q X, q], q the last `kept` vectors of Q

private:
    [[nodiscard]] Batch<double> at(Index first, Index count) const {
        return memory_.view(dimension_, capacity_).columns(first, count);
    }
    void reserve(Index count);
    void project(Index before, Index first, Matrix<double>& H);
    double clean(Index column, double floor, Matrix<double>& H, Index of);
    void place_random(Index column);

    Backend<double>& on_;
    Index dimension_;
    std::uint64_t seed_, stream_, drawn_ = 0;
    Index size_ = 0, capacity_ = 0;
    Buffer<double> memory_;
};

}  // namespace descrambler
