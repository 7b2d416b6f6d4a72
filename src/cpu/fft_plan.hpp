// Fast Fourier transforms of our own, for sizes whose prime factors are at most 13. A plan transforms as many sequences at
// once as a vector has lanes. It allocates nothing when it runs, and threads may share it. Nothing is normalised:
// forward   y[k] = sum_j x[j] exp(-2 pi i j k/n)        inverse   y[k] = sum_j x[j] exp(+2 pi i j k/n)
// A block [n] is n pairs of vectors: of number j of sequence l the real part lies at (2 j) lanes + l, the imaginary one
// at (2 j + 1) lanes + l. Every lane has the same arithmetic, so a result does not depend on the lane.
#pragma once

#include <algorithm>
#include <array>
#include <complex>
#include <vector>

#include "cpu/vectors.hpp"

namespace descrambler::cpu {

enum class Direction { forward, inverse };

// exp(-2 pi i k/n), correct to a unit in the last place of double; equal up to signs and order in all octants
[[nodiscard]] std::complex<double> unit_root(Index k, Index n);

// The largest divisor of n that is not above its root: a long sequence is a matrix of that many rows.
[[nodiscard]] Index divisor_near_root(Index n);

template <class T>
class FftPlan {
public:
    static constexpr Index lanes = vector_lanes<T>;

    [[nodiscard]] static bool takes(Index n);  // fast: n > 0, prime factors of 2, 3, 5, 7, 11 and 13 alone
    explicit FftPlan(Index n);                 // other prime factors p cost p^2; std::invalid_argument for n < 1
    [[nodiscard]] Index size() const { return n_; }
    [[nodiscard]] Index numbers() const { return 2 * n_ * lanes; }  // of T in a block

    // Of the block a; b is a block too. The result lies in the one that is returned, the contents of the other are lost.
    T* transform(Direction direction, T* a, T* b) const;
    // Of the columns of a row-major matrix: number j of sequence l is from[j * stride + l]. a and b as above.
    T* transform_columns(Direction direction, const std::complex<T>* from, Index stride, T* a, T* b) const;

private:
    struct Stage {
        int radix = 1;
        Index before = 1, after = 1;  // product of the radices of the stages before it, of those behind it
        std::size_t twiddles = 0;     // [before][radix - 1] complex numbers
        std::size_t roots = 0;        // [radix] cosines and sines, of radices beyond 13
    };
    void prime(const Stage& stage, bool reversed, const T* from, T* to) const;
    T* others(T* a, T* b) const;

    Index n_;
    std::vector<Stage> stages_;
    std::vector<T> twiddles_;
};

// Of matrices [n1, n2], row-major: columns first, `lanes` of them at a time, then rows. The blocks of columns and of rows
// may go to any thread, all of the first before all of the second. twiddled: between the two the number (k, j) is multiplied
// by exp(-+2 pi i k j/(n1 n2)), which makes of it a transform of one sequence of n1 n2 numbers.
template <class T>
class FftPlan2 {
public:
    static constexpr Index lanes = vector_lanes<T>;

    FftPlan2(Index n1, Index n2, bool twiddled = false);
    [[nodiscard]] Index rows() const { return first_.size(); }
    [[nodiscard]] Index cols() const { return second_.size(); }
    [[nodiscard]] Index column_blocks() const { return blocks(cols()); }
    [[nodiscard]] Index row_blocks() const { return blocks(rows()); }
    // numbers of T: what lies between columns and rows, and the working memory of a thread
    [[nodiscard]] Index between() const { return row_blocks() * second_.numbers(); }
    [[nodiscard]] Index work() const { return 2 * std::max(first_.numbers(), second_.numbers()); }
    // First column, or row, of a block. The last block overlaps the one before it where n is no multiple of the lanes, and
    // has empty lanes where n is smaller.
    [[nodiscard]] static Index first_of(Index block, Index n) {
        return std::max<Index>(std::min(block * lanes, n - lanes), 0);
    }

    // columns of `from` [n1, n2]; rows to `to` [n1, n2]; twiddled: to [n2, n1], which is the sequence in order
    void columns(Direction direction, const std::complex<T>* from, Index block, T* between, T* work) const;
    void rows(Direction direction, Index block, T* between, std::complex<T>* to, T* work) const;
    // The same for users with blocks of their own. columns: of the block [n1] in `work` (its first half), which holds the
    // columns first_of(block, n2) and following. rows: gives the block [n2] of the rows first_of(block, n1) and following.
    void columns(Direction direction, Index block, T* between, T* work) const;
    [[nodiscard]] const T* rows(Direction direction, Index block, T* between, T* work) const;
    // All of it on one thread. from and to may be the same.
    void transform(Direction direction, const std::complex<T>* from, std::complex<T>* to, T* between, T* work) const;

private:
    [[nodiscard]] static Index blocks(Index n) { return (n + lanes - 1) / lanes; }
    template <bool twiddled>
    void turn_square(T sign, const T* block, Index count, const T* twiddles, T* between) const;
    void turn(Direction direction, const T* block, Index first, T* between) const;

    FftPlan<T> first_, second_;
    std::vector<T> twiddles_;  // as `between`
};

// Blocks of n numbers from sequences that lie one after another in memory, and back; `count` <= lanes of them.
template <class T>
void gather_sequences(const std::array<const std::complex<T>*, vector_lanes<T>>& from, Index n, T* block);
template <class T>
void scatter_sequences(const T* block, Index n, Index count, const std::array<std::complex<T>*, vector_lanes<T>>& to);

}  // namespace descrambler::cpu
