#include "descramble/sums/device_columns.hpp"

#include <algorithm>
#include <exception>

#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

// [rows, cols] with ones on the diagonal that starts at row `down`.
Stack shifted_identity(Backend<double>& on, Index rows, Index cols, Index down) {
    Matrix<double> E(rows, cols);
    for (Index j = 0; j < cols && down + j < rows; ++j)
        E(down + j, j) = 1;
    return upload(on, rows, cols, 1, E.values());
}

// body(X) for the blocks of a leaf. Where ranks read together, all of them read equally often, if need be nothing.
void each_block(const Library& library, Index leaf, const std::function<void(Batch<const double>)>& body) {
    std::exception_ptr failure;  // of this rank alone: it still takes part in what the others read
    for (Index first = leaf * device_leaf; first < (leaf + 1) * device_leaf; first += library_block) {
        const Index count = failure ? 0 : std::clamp<Index>(library.samples - first, 0, library_block);
        if (count == 0 && library.reading != Reading::together)
            break;
        try {
            Matrix<double> X(library.features, count);
            library.read(std::min(first, library.samples), X.view());
            if (count > 0)
                body(X.view());
        } catch (const std::bad_alloc&) {
            throw;  // it may not have read with the others: nothing can be agreed on any more
        } catch (...) {
            failure = failure ? failure : std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
}

}  // namespace

Stack allocate(Backend<double>& on, Index rows, Index cols, Index batch) {
    return {on.allocate(rows * cols * batch), rows, cols, batch};
}

Stack upload(Backend<double>& on, Index rows, Index cols, Index batch, std::span<const double> values) {
    require(std::ssize(values) == rows * cols * batch, "ensemble on a device: another shape");
    Stack stack = allocate(on, rows, cols, batch);
    on.upload(values.data(), stack.view());
    return stack;
}

DeviceColumns::DeviceColumns(Backend<double>& on, const ColumnRequest& request, Columns columns)
    : on_(on),
      request_(request),
      columns_(std::move(columns)),
      ones_(upload(on, library_block, 1, 1, std::vector<double>(static_cast<std::size_t>(library_block), 1.0))),
      sum_(allocate(on, request.n, 1, request.items)),
      before_(allocate(on, request.n, 1, request.items)),
      triangle_(allocate(on, request.n, request.n, request.items)) {
    if (!request.streaming.factor)
        return;
    const Index n = request.n;
    fresh_ = allocate(on, n, n, request.items);
    stacked_ = allocate(on, 2 * n, n, request.items);
    tall_ = allocate(on, std::max(n, library_block), n, request.items);
    identity_ = shifted_identity(on, n, n, 0);
    top_ = shifted_identity(on, 2 * n, n, 0);
    bottom_ = shifted_identity(on, 2 * n, n, n);
}

void DeviceColumns::add(const Keep& keep, Batch<double> S) {
    if (shift_.batch > 0)
        on_.gemm(Op::none, Op::transpose, -1.0, shift_.view(), ones(S.cols), 1.0, S);
    // sum + S 1, by dense_forward: the order of summation in a vendor's gemm may depend on the batch and on the device
    std::swap(sum_, before_);
    on_.dense_forward(Activation::identity, S, first_ ? Batch<const double>() : Batch<const double>(before_.view()),
                      ones(S.cols), sum_.view());
    if (keep.also == Keep::Also::factor)
        add_factor(S);
    else if (keep.also == Keep::Also::gram)
        on_.gram(S, first_ ? 0.0 : 1.0, triangle_.view());
    first_ = false;
}

void DeviceColumns::add_factor(Batch<const double> S) {
    const Index rows = std::max(S.rows, S.cols);
    const Batch<double> A{tall_.memory.data(), rows, S.rows, S.batch};  // S^T, zero rows below where it is short
    if (S.cols >= S.rows) {
        on_.gemm(Op::transpose, Op::none, 1.0, S, identity_.shared(S.batch), 0.0, A);
    } else {
        const Stack E = shifted_identity(on_, rows, S.cols, 0);
        on_.gemm(Op::none, Op::transpose, 1.0, E.shared(S.batch), S, 0.0, A);
    }
    if (first_) {
        on_.triangularise(A, triangle_.view());
        return;
    }
    on_.triangularise(A, fresh_.view());
    on_.gemm(Op::none, Op::none, 1.0, top_.shared(S.batch), triangle_.view(), 0.0, stacked_.view());
    on_.gemm(Op::none, Op::none, 1.0, bottom_.shared(S.batch), fresh_.view(), 1.0, stacked_.view());
    on_.triangularise(stacked_.view(), triangle_.view());
}

// The sums of the leaf, in the layout of column_sums.hpp.
std::vector<double> DeviceColumns::take(const Keep& keep) {
    const Index n = keep.n, items = request_.items;
    std::vector<double> sums(static_cast<std::size_t>(n * items));
    on_.download(sum_.view(), sums.data());
    first_ = true;
    if (keep.also == Keep::Also::nothing)
        return sums;
    std::vector<double> triangles(static_cast<std::size_t>(n * n * items)),
        out(static_cast<std::size_t>(keep.size() * items));
    on_.download(triangle_.view(), triangles.data());
    for (Index i = 0; i < items; ++i) {
        const auto to = part_of(out, i, keep.size());
        if (keep.also == Keep::Also::gram || shift_.batch == 0)  // a factor is kept around the mean itself
            std::ranges::copy(part_of(sums, i, n), to.begin());
        pack_triangle(keep, Batch<const double>(triangles.data() + i * n * n, n, n), to);
    }
    return out;
}

std::vector<double> DeviceColumns::pass(const Keep& keep, const std::vector<double>& shifts,
                                        const Streaming& streaming) {
    together(*request_.execution.ranks, [&] {
        if (!shifts.empty())
            shift_ = upload(on_, request_.n, 1, request_.items, shifts);
    });
    DeviceSums sums;
    sums.items = request_.items;
    sums.size = keep.size();
    sums.block = [&](Batch<const double> X) { add(keep, columns_(X)); };
    sums.leaf = [&] {
        std::vector<double> taken = take(keep);
        for (Index i = 0; i < request_.items; ++i)
            check_finite(part_of(taken, i, keep.size()), i, request_);
        return taken;
    };
    sums.merge = [&](Backend<double>& host, std::span<double> left, std::span<const double> right) {
        merge(keep, host, left, right);
    };
    return sum_on_device(request_.library, sums, request_.execution, streaming);
}

std::vector<double> DeviceColumns::block_sums(Batch<const double> X) {
    const Keep keep{request_.n, Keep::Also::nothing};
    add(keep, columns_(X));
    return take(keep);
}

std::vector<double> sum_on_device(const Library& library, const DeviceSums& sums, const Execution& execution,
                                  const Streaming& streaming) {
    LeafSums leaves;
    leaves.size = sums.items * sums.size;
    leaves.samples = device_leaf;
    leaves.leaves = [&](Index first, Index count) {
        std::vector<std::vector<double>> parts;
        if (count > 0) {
            each_block(library, first, sums.block);
            parts.push_back(sums.leaf());
        } else if (library.reading == Reading::together) {  // as often as the others
            each_block(library, (library.samples + device_leaf - 1) / device_leaf, [](Batch<const double>) {});
        }
        return parts;
    };
    leaves.merge = [&](std::vector<double>& left, const std::vector<double>& right) {
        parallel_items(sums.items, execution.threads, [&](Index i, Backend<double>& host) {
            sums.merge(host, part_of(left, i, sums.size), part_of(right, i, sums.size));
        });
    };
    return sum_library(library, leaves, *execution.ranks, streaming);
}

void in_common_parts(Communicator& ranks, Index items, const std::function<void(Index first, Index count)>& body) {
    in_parts(items, [&](Index first, Index count) {
        try {
            body(first, count);
        } catch (const OutOfMemory& error) {
            if (ranks.size() > 1 && !ranks.agreed())
                throw Error(error.what());  // the others go on without this rank: not to be tried again
            throw;
        }
    });
}

}  // namespace descrambler
