// What is kept of columns s that come in blocks, [n, any]: their mean, and their Gram matrix or its triangular factor.
// How the passes over a library follow each other is written here once; an Accumulator makes one of them, on the host
// (host_columns.hpp) or on a device (device_columns.hpp).
#pragma once

#include <memory>

#include "descramble/sums/library_sum.hpp"

namespace descrambler {

struct ColumnSums {
    std::vector<double> mean;  // [n]
    Matrix<double> gram;       // [n, n], around the mean if asked; empty where the factor is kept
    Matrix<double> factor;     // R [n, n] upper triangular, R^T R = Gram
};

// The layout of these sums while they are taken: sum of the columns [n], then the upper triangle of G or R, column by
// column.
struct Keep {
    enum class Also { nothing, gram, factor };
    Index n = 0;
    Also also = Also::factor;
    [[nodiscard]] Index size() const { return n + (also == Also::nothing ? 0 : n * (n + 1) / 2); }
};
// Writes the upper triangle of A [n, n] behind the sum.
void pack_triangle(const Keep& keep, Batch<const double> A, std::span<double> to);
// left becomes the sums over the columns of both.
void merge(const Keep& keep, Backend<double>& on, std::span<double> left, std::span<const double> right);

// R [n, n] with R^T R = top^T top + below^T below, any numbers of rows.
[[nodiscard]] Matrix<double> triangle(Backend<double>& on, const Matrix<double>& top, const Matrix<double>& below);

// The part of item i where every item has `size` numbers.
template <class Numbers>
[[nodiscard]] auto part_of(Numbers& all, Index i, Index size) {
    return std::span(all).subspan(static_cast<std::size_t>(i * size), static_cast<std::size_t>(size));
}

// Whose columns are summed and how.
struct ColumnRequest {
    const Library& library;
    const Execution& execution;
    const Streaming& streaming;
    Index items = 1, n = 0;  // items (networks) with n rows each
    bool centre = false;
    std::function<std::string(Index item)> not_finite;  // the message for an item whose sums are not finite
};
void check_finite(std::span<const double> part, Index item, const ColumnRequest& request);  // throws InputError

// Makes passes over the library. pass: the sums, in the layout of `keep`, of the columns minus `shifts` [n] x items
// (empty: 0), items one after the other. All ranks call.
class Accumulator {
public:
    virtual ~Accumulator() = default;
    [[nodiscard]] virtual std::vector<double> pass(const Keep& keep, const std::vector<double>& shifts,
                                                   const Streaming& streaming) = 0;
    // Sums of the columns of one block alone.
    [[nodiscard]] virtual std::vector<double> block_sums(Batch<const double> X) = 0;
};

// One for each item. With centring a factor needs the mean beforehand, in a pass of its own; for a Gram matrix the mean
// of the first block will do, since the difference is corrected at the end without loss.
[[nodiscard]] std::vector<ColumnSums> column_sums(const ColumnRequest& request, Accumulator& accumulator);

}  // namespace descrambler
