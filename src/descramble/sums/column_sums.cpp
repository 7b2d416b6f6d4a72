#include "descramble/sums/column_sums.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

void pack_triangle(const Keep& keep, Batch<const double> A, std::span<double> to) {
    double* at = to.data() + keep.n;
    for (Index j = 0; j < keep.n; at += j + 1, ++j)
        std::copy_n(A.data + j * keep.n, j + 1, at);
}

void add_columns(Batch<const double> S, std::span<double> sum) {
    for (Index j = 0; j < S.cols; ++j) {
        const double* column = S.data + j * S.rows;
        for (Index i = 0; i < S.rows; ++i)
            sum[i] += column[i];
    }
}

Matrix<double> transposed_less(Batch<const double> S, std::span<const double> shift) {
    Matrix<double> out(S.cols, S.rows);
    for (Index j = 0; j < S.cols; ++j)
        for (Index i = 0; i < S.rows; ++i)
            out(j, i) = S(i, j) - (shift.empty() ? 0.0 : shift[i]);
    return out;
}

// Sum and Gram matrix of a leaf.
void leaf_gram(HostThread& thread, const Columns& columns, Index blocks, const HostSums::Block& block,
               std::span<const double> shift, const Keep& keep, std::span<double> to) {
    const Batch<double> G = thread.memory(HostThread::gram, keep.n, keep.n);
    const auto sum = to.first(static_cast<std::size_t>(keep.n));
    for (Index k = 0; k < blocks; ++k) {
        Batch<const double> S = columns(block(k));
        if (!shift.empty()) {
            const Batch<double> moved = thread.memory(HostThread::moved, S.rows, S.cols);
            for (Index j = 0; j < S.cols; ++j)
                for (Index i = 0; i < S.rows; ++i)
                    moved(i, j) = S(i, j) - shift[i];
            S = moved;
        }
        add_columns(S, sum);
        thread.on().gram(S, k == 0 ? 0.0 : 1.0, G);
    }
    pack_triangle(keep, G, to);
}

// Sum and triangular factor of a leaf.
void leaf_factor(HostThread& thread, const Columns& columns, Index blocks, const HostSums::Block& block,
                 std::span<const double> shift, const Keep& keep, std::span<double> to) {
    Matrix<double> R(0, keep.n);
    const auto sum = to.first(static_cast<std::size_t>(keep.n));
    for (Index k = 0; k < blocks; ++k) {
        const Batch<const double> S = columns(block(k));
        if (shift.empty())  // otherwise the mean is known
            add_columns(S, sum);
        R = triangle(thread.on(), R, transposed_less(S, shift));
    }
    pack_triangle(keep, R.view(), to);
}

}  // namespace

void pack(const Keep& keep, std::span<const double> sum, const Matrix<double>& triangle, std::span<double> to) {
    std::ranges::copy(sum, to.begin());
    pack_triangle(keep, triangle.view(), to);
}

void merge(const Keep& keep, Backend<double>& on, std::span<double> left, std::span<const double> right) {
    if (!keep.factor) {
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
    const std::vector<double> sum(left.begin(), left.begin() + keep.n);
    pack(keep, sum, triangle(on, triangle_of(left), triangle_of(right)), left);
}

ColumnSums unpack(const Keep& keep, std::span<const double> from, std::span<const double> shift, bool centred,
                  Index samples) {
    ColumnSums out;
    std::vector<double> offset(from.begin(), from.begin() + keep.n);  // mean - shift
    for (double& x : offset)
        x /= static_cast<double>(samples);
    out.mean = offset;
    if (!shift.empty())
        add_to(out.mean, shift);
    Matrix<double>& A = keep.factor ? out.factor : out.gram;
    A = Matrix<double>(keep.n, keep.n);
    const double* at = from.data() + keep.n;
    for (Index j = 0; j < keep.n; ++j)
        for (Index i = 0; i <= j; ++i, ++at) {
            A(i, j) = *at;
            if (!keep.factor) {  // sum (s - c)(s - c)^T = sum (s - m)(s - m)^T + N (m - c)(m - c)^T
                if (centred)
                    A(i, j) -= static_cast<double>(samples) * offset[i] * offset[j];
                A(j, i) = A(i, j);
            }
        }
    return out;
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
    on.qr(a.view(rows, n), r.view(n, n));
    Matrix<double> R(n, n);
    on.download(r.view(n, n), R.data());
    return R;
}

void check_finite(std::span<const double> part, Index item, const Complaint& not_finite) {
    if (!std::ranges::all_of(part, [](double x) { return std::isfinite(x); }))
        throw InputError(not_finite(item));
}

std::vector<ColumnSums> column_sums_on_host(const Library& library, Index items, Index n, const MakeColumns& make,
                                            bool centre, const Execution& execution, const Streaming& streaming,
                                            const Complaint& not_finite) {
    const Keep keep{n, streaming.factor};
    const auto item_of = [](const std::vector<double>& all, Index item, Index size) {
        return std::span(all).subspan(static_cast<std::size_t>(item * size), static_cast<std::size_t>(size));
    };
    // Around what: the mean, known from a pass of its own where a factor is kept; for a Gram matrix the mean of the
    // first block does, since what it lacks is put right at the end without loss.
    std::vector<double> shifts;
    HostSums sums;
    sums.items = items;
    if (centre && keep.factor) {
        sums.size = n;
        sums.leaf = [&](HostThread& thread, Index item, Index blocks, const HostSums::Block& block,
                        std::span<double> to) {
            const Columns columns = make(thread, item);
            for (Index k = 0; k < blocks; ++k)
                add_columns(columns(block(k)), to);
            check_finite(to, item, not_finite);
        };
        sums.merge = [](Backend<double>&, std::span<double> left, std::span<const double> right) {
            add_to(left, right);
        };
        Streaming first = streaming;
        if (!first.checkpoints.empty())
            first.checkpoints /= "mean";
        first.fingerprint += "pass = mean\n";
        shifts = sum_on_host(library, sums, execution, first);
        for (double& x : shifts)
            x /= static_cast<double>(library.samples);
    } else if (centre) {
        shifts.resize(static_cast<std::size_t>(items * n));
        Matrix<double> X(library.features, std::min(library_block, library.samples));
        together(*execution.ranks, [&] {
            library.read(0, X.view());
            parallel_items(items, execution.threads, [&](Index item, Backend<double>&) {
                HostThread thread;
                const auto shift =
                    std::span(shifts).subspan(static_cast<std::size_t>(item * n), static_cast<std::size_t>(n));
                add_columns(make(thread, item)(X.view()), shift);
                for (double& x : shift)
                    x /= static_cast<double>(X.cols());
            });
        });
    }
    sums.size = keep.size();
    sums.leaf = [&](HostThread& thread, Index item, Index blocks, const HostSums::Block& block, std::span<double> to) {
        const auto shift = centre ? item_of(shifts, item, n) : std::span<const double>();
        (keep.factor ? leaf_factor : leaf_gram)(thread, make(thread, item), blocks, block, shift, keep, to);
        check_finite(to, item, not_finite);
    };
    sums.merge = [&](Backend<double>& on, std::span<double> left, std::span<const double> right) {
        merge(keep, on, left, right);
    };
    const std::vector<double> total = sum_on_host(library, sums, execution, streaming);
    std::vector<ColumnSums> result;
    for (Index item = 0; item < items; ++item)
        result.push_back(unpack(keep, item_of(total, item, keep.size()),
                                centre ? item_of(shifts, item, n) : std::span<const double>(), centre,
                                library.samples));
    return result;
}

}  // namespace descrambler
