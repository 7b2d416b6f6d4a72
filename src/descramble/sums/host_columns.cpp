#include "descramble/sums/host_columns.hpp"

#include <algorithm>

#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

void add_columns(Batch<const double> S, std::span<double> sum) {
    for (Index j = 0; j < S.cols; ++j) {
        const double* column = S.data + j * S.rows;
        for (Index i = 0; i < S.rows; ++i)
            sum[i] += column[i];
    }
}

// A leaf of an item as it is summed, block by block.
class Leaf {
public:
    Leaf(HostThread& thread, const Keep& keep, std::span<const double> shift, std::span<double> to)
        : thread_(thread), keep_(keep), shift_(shift), to_(to), sum_(to.first(static_cast<std::size_t>(keep.n))) {
        if (keep.also != Keep::Also::nothing)
            triangle_ = thread.memory(HostThread::triangle, keep.n, keep.n);
    }

    void add(Batch<const double> S) {
        if (keep_.also == Keep::Also::factor)
            add_factor(S);
        else if (keep_.also == Keep::Also::gram)
            add_gram(S);
        else
            add_columns(S, sum_);
        first_ = false;
    }
    void end() {
        if (keep_.also != Keep::Also::nothing)
            pack_triangle(keep_, triangle_, to_);
    }

private:
    void add_gram(Batch<const double> S) {
        if (!shift_.empty()) {
            const Batch<double> moved = thread_.memory(HostThread::moved, S.rows, S.cols);
            for (Index j = 0; j < S.cols; ++j)
                for (Index i = 0; i < S.rows; ++i)
                    moved(i, j) = S(i, j) - shift_[i];
            S = moved;
        }
        add_columns(S, sum_);
        thread_.on().gram(S, first_ ? 0.0 : 1.0, triangle_);
    }

    // [R; (S - shift)^T] = Q R', R' in place of R; zero rows below where there are few columns.
    void add_factor(Batch<const double> S) {
        if (shift_.empty())  // otherwise shift_ is the mean itself
            add_columns(S, sum_);
        const Index n = keep_.n, top = first_ ? 0 : n, rows = std::max(top + S.cols, n);
        const Batch<double> A = thread_.memory(HostThread::moved, rows, n);
        for (Index j = 0; j < n; ++j) {
            std::copy_n(triangle_.data + j * n, top, A.data + j * rows);
            std::fill(A.data + j * rows + top + S.cols, A.data + (j + 1) * rows, 0.0);
        }
        constexpr Index strip = 16;  // columns of S at a time, so that what is written stays in the cache
        for (Index from = 0; from < S.cols; from += strip)
            for (Index i = 0; i < n; ++i) {
                const double shift = shift_.empty() ? 0.0 : shift_[i];
                double* to = A.data + i * rows + top;
                for (Index j = from; j < std::min(from + strip, S.cols); ++j)
                    to[j] = S(i, j) - shift;
            }
        thread_.on().triangularise(A, triangle_);
    }

    HostThread& thread_;
    const Keep& keep_;
    std::span<const double> shift_;
    std::span<double> to_, sum_;
    Batch<double> triangle_;
    bool first_ = true;
};

}  // namespace

std::vector<double> HostColumns::pass(const Keep& keep, const std::vector<double>& shifts, const Streaming& streaming) {
    HostSums sums;
    sums.items = request_.items;
    sums.size = keep.size();
    sums.leaf = [&](HostThread& thread, Index item, Index blocks, const HostSums::Block& block, std::span<double> to) {
        const Columns columns = make_(thread, item);
        Leaf leaf(thread, keep, shifts.empty() ? std::span<const double>() : part_of(shifts, item, keep.n), to);
        for (Index k = 0; k < blocks; ++k)
            leaf.add(columns(block(k)));
        leaf.end();
        check_finite(to, item, request_);
    };
    sums.merge = [&](Backend<double>& on, std::span<double> left, std::span<const double> right) {
        merge(keep, on, left, right);
    };
    return sum_on_host(request_.library, sums, request_.execution, streaming);
}

std::vector<double> HostColumns::block_sums(Batch<const double> X) {
    std::vector<double> sums(static_cast<std::size_t>(request_.items * request_.n));
    parallel_items(request_.items, request_.execution.threads, [&](Index item, Backend<double>&) {
        HostThread thread;
        add_columns(make_(thread, item)(X), part_of(sums, item, request_.n));
    });
    return sums;
}

}  // namespace descrambler
