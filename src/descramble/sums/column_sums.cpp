#include "descramble/sums/column_sums.hpp"

#include <algorithm>

#include "core/finite.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

// The sums of `samples` columns from which `shift` (empty: 0) was subtracted while they were summed. With a factor,
// shift has to be the mean itself where centred sums are wanted.
ColumnSums unpack(const Keep& keep, std::span<const double> from, std::span<const double> shift, Index samples) {
    ColumnSums out;
    std::vector<double> offset(from.begin(), from.begin() + keep.n);  // mean - shift
    for (double& x : offset)
        x /= static_cast<double>(samples);
    out.mean = offset;
    if (!shift.empty())
        add_to(out.mean, shift);
    const bool factor = keep.also == Keep::Also::factor;
    Matrix<double>& A = factor ? out.factor : out.gram;
    A = Matrix<double>(keep.n, keep.n);
    const double* at = from.data() + keep.n;
    for (Index j = 0; j < keep.n; ++j)
        for (Index i = 0; i <= j; ++i, ++at) {
            A(i, j) = *at;
            if (!factor) {  // sum (s - c)(s - c)^T = sum (s - m)(s - m)^T + N (m - c)(m - c)^T
                if (!shift.empty())
                    A(i, j) -= static_cast<double>(samples) * offset[i] * offset[j];
                A(j, i) = A(i, j);
            }
        }
    return out;
}

// The mean of the columns, by a pass of its own.
std::vector<double> mean_of_library(const ColumnRequest& request, Accumulator& accumulator) {
    Streaming first = request.streaming;
    if (!first.checkpoints.empty())
        first.checkpoints /= "mean";
    first.fingerprint += "pass = mean\n";
    std::vector<double> mean = accumulator.pass({request.n, Keep::Also::nothing}, {}, first);
    for (double& x : mean)
        x /= static_cast<double>(request.library.samples);
    return mean;
}

std::vector<double> mean_of_first_block(const ColumnRequest& request, Accumulator& accumulator) {
    Matrix<double> X(request.library.features, std::min(library_block, request.library.samples));
    return together(*request.execution.ranks, [&] {
        request.library.read(0, X.view());
        std::vector<double> mean = accumulator.block_sums(X.view());
        for (double& x : mean)
            x /= static_cast<double>(X.cols());
        return mean;
    });
}

}  // namespace

void pack_triangle(const Keep& keep, Batch<const double> A, std::span<double> to) {
    double* at = to.data() + keep.n;
    for (Index j = 0; j < keep.n; at += j + 1, ++j)
        std::copy_n(A.data + j * keep.n, j + 1, at);
}

void merge(const Keep& keep, Backend<double>& on, std::span<double> left, std::span<const double> right) {
    if (keep.also != Keep::Also::factor) {
        add_to(left, right);
        return;
    }
    const auto n = static_cast<std::size_t>(keep.n);
    add_to(left.first(n), right.first(n));
    const auto triangle_of = [&](std::span<const double> from) {
        Matrix<double> R(keep.n, keep.n);
        const double* at = from.data() + keep.n;
        for (Index j = 0; j < keep.n; at += j + 1, ++j)
            std::copy_n(at, j + 1, R.column(j).begin());
        return R;
    };
    pack_triangle(keep, triangle(on, triangle_of(left), triangle_of(right)).view(), left);
}

Matrix<double> triangle(Backend<double>& on, const Matrix<double>& top, const Matrix<double>& below) {
    const Index n = top.cols(), rows = std::max(top.rows() + below.rows(), n);  // zero rows change nothing
    const Buffer<double> a = on.allocate(rows * n), r = on.allocate(n * n);
    Matrix<double> A(rows, n);
    for (Index j = 0; j < n; ++j) {
        std::ranges::copy(top.column(j), A.column(j).begin());
        std::ranges::copy(below.column(j), A.column(j).begin() + top.rows());
    }
    on.upload(A.data(), a.view(rows, n));
    on.triangularise(a.view(rows, n), r.view(n, n));
    Matrix<double> R(n, n);
    on.download(r.view(n, n), R.data());
    return R;
}

void check_finite(std::span<const double> part, Index item, const ColumnRequest& request) {
    if (!all_finite(part))
        throw InputError(request.not_finite(item));
}

std::vector<ColumnSums> column_sums(const ColumnRequest& request, Accumulator& accumulator) {
    const Keep keep{request.n, request.streaming.factor ? Keep::Also::factor : Keep::Also::gram};
    std::vector<double> shifts;
    if (request.centre)
        shifts = request.streaming.factor ? mean_of_library(request, accumulator)
                                          : mean_of_first_block(request, accumulator);
    const std::vector<double> total = accumulator.pass(keep, shifts, request.streaming);
    std::vector<ColumnSums> result;
    for (Index i = 0; i < request.items; ++i)
        result.push_back(unpack(keep, part_of(total, i, keep.size()),
                                request.centre ? part_of(shifts, i, keep.n) : std::span<const double>(),
                                request.library.samples));
    return result;
}

}  // namespace descrambler
