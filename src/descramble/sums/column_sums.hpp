// What is kept of columns s that come in blocks, [n, any]: their mean, and their Gram matrix or its triangular factor.
#pragma once

#include "descramble/sums/library_sum.hpp"

namespace descrambler {

struct ColumnSums {
    std::vector<double> mean;  // [n]
    Matrix<double> gram;       // [n, n], around the mean if asked; empty where the factor is kept
    Matrix<double> factor;     // R [n, n] upper triangular, R^T R = Gram
};

// How they are kept while they are summed: sum [n], then the upper triangle of G or R column by column.
struct Keep {
    Index n = 0;
    bool factor = true;
    [[nodiscard]] Index size() const { return n + n * (n + 1) / 2; }
};
void pack(const Keep& keep, std::span<const double> sum, const Matrix<double>& triangle, std::span<double> to);
void merge(const Keep& keep, Backend<double>& on, std::span<double> left, std::span<const double> right);
// Of `samples` columns that were taken around `shift` (empty: 0) while they were summed. centred: the Gram is wanted
// around the mean; with a factor the shift has to be that mean.
[[nodiscard]] ColumnSums unpack(const Keep& keep, std::span<const double> from, std::span<const double> shift,
                                bool centred, Index samples);

// R [n, n] with R^T R = top^T top + below^T below, any numbers of rows.
[[nodiscard]] Matrix<double> triangle(Backend<double>& on, const Matrix<double>& top, const Matrix<double>& below);

// S [n, count] of the inputs X of a block; valid until the next call.
using Columns = std::function<Batch<const double>(Batch<const double> X)>;
// of an item, in memory of the thread
using MakeColumns = std::function<Columns(HostThread& thread, Index item)>;
using Complaint = std::function<std::string(Index item)>;
[[nodiscard]] std::vector<ColumnSums> column_sums_on_host(const Library& library, Index items, Index n,
                                                          const MakeColumns& make, bool centre,
                                                          const Execution& execution, const Streaming& streaming,
                                                          const Complaint& not_finite);
// Throws InputError(not_finite(item)) where a part of an item is not finite.
void check_finite(std::span<const double> part, Index item, const Complaint& not_finite);

}  // namespace descrambler
