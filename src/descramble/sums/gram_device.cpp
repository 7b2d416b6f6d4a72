#include "descramble/sums/gram_device.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>

#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

// Items of one shape in the memory of the device.
struct Stack {
    Buffer<double> memory;
    Index rows = 0, cols = 0, batch = 0;
    [[nodiscard]] Batch<double> view() const { return {memory.data(), rows, cols, batch}; }
    [[nodiscard]] Batch<double> columns(Index count) const { return {memory.data(), rows, count, batch}; }  // packed
    [[nodiscard]] Batch<const double> shared(Index by) const { return {memory.data(), rows, cols, by, 0}; }
};

Stack allocate(Backend<double>& on, Index rows, Index cols, Index batch) {
    return {on.allocate(rows * cols * batch), rows, cols, batch};
}

// value_of(i): something with data() and size() for every item.
template <class F>
Stack upload(Backend<double>& on, Index rows, Index cols, Index batch, const F& value_of) {
    Stack stack = allocate(on, rows, cols, batch);
    std::vector<double> host;
    host.reserve(static_cast<std::size_t>(rows * cols * batch));
    for (Index i = 0; i < batch; ++i) {
        const auto& value = value_of(i);
        require(static_cast<Index>(value.size()) == rows * cols, "ensemble on a device: another shape");
        host.insert(host.end(), value.data(), value.data() + value.size());
    }
    on.upload(host.data(), stack.view());
    return stack;
}

// [rows, cols] with ones on the diagonal that starts at row `down`.
Stack shifted_identity(Backend<double>& on, Index rows, Index cols, Index down) {
    Matrix<double> E(rows, cols);
    for (Index j = 0; j < cols && down + j < rows; ++j)
        E(down + j, j) = 1;
    return upload(on, rows, cols, 1, [&](Index) -> const Matrix<double>& { return E; });
}

// The networks of an ensemble up to a tap.
class TappedNetworks {
public:
    TappedNetworks(Backend<double>& on, std::span<const Network> networks, const TapRequest& request) : on_(on) {
        const Index count = static_cast<Index>(networks.size());
        for (Index k = 0; k < request.layer; ++k) {
            const bool last = k + 1 == request.layer && request.tap == Tap::before;
            const auto layer = [&](Index i) -> const DenseLayer& {
                return networks[static_cast<std::size_t>(i)].layers[static_cast<std::size_t>(k)];
            };
            const DenseLayer& shape = layer(0);
            const Index rows = shape.weight.rows(), cols = shape.weight.cols();
            Part& part = parts_.emplace_back();
            part.weight =
                upload(on, rows, cols, count, [&](Index i) -> const Matrix<double>& { return layer(i).weight; });
            if (!last || request.include_bias)
                part.bias = upload(on, rows, 1, count, [&](Index i) {
                    return layer(i).bias.empty() ? std::vector<double>(static_cast<std::size_t>(rows)) : layer(i).bias;
                });
            part.activation = last ? Activation::identity : shape.activation;
            part.renorm = !last && shape.renorm;
            part.signal = allocate(on, rows, library_block, count);
        }
        input_ = allocate(on, networks.front().inputs(), library_block, 1);
    }

    [[nodiscard]] Index rows() const { return parts_.back().weight.rows; }
    [[nodiscard]] Index count() const { return parts_.back().weight.batch; }

    // S [n, columns of X] for every network.
    [[nodiscard]] Batch<double> signals(Batch<const double> X) {
        on_.upload(X.data, input_.columns(X.cols));
        Batch<const double> x{input_.memory.data(), input_.rows, X.cols, count(), 0};
        for (const Part& part : parts_) {
            const Batch<double> y = part.signal.columns(X.cols);
            on_.dense_forward(part.activation, part.weight.view(),
                              part.bias.batch > 0 ? Batch<const double>(part.bias.view()) : Batch<const double>(), x,
                              y);
            if (part.renorm)
                on_.renorm_forward(y, y);
            x = y;
        }
        return parts_.back().signal.columns(X.cols);
    }

private:
    struct Part {
        Stack weight, bias, signal;
        Activation activation = Activation::identity;
        bool renorm = false;
    };
    Backend<double>& on_;
    std::vector<Part> parts_;
    Stack input_;
};

// Sums, and Gram matrices or triangular factors, of the columns of a leaf, for a batch of items.
class Accumulator {
public:
    Accumulator(Backend<double>& on, const Keep& keep, Index batch)
        : on_(on),
          keep_(keep),
          ones_(upload(on, library_block, 1, 1,
                       [](Index) { return std::vector<double>(static_cast<std::size_t>(library_block), 1.0); })),
          sum_(allocate(on, keep.n, 1, batch)),
          before_(allocate(on, keep.n, 1, batch)),
          triangle_(allocate(on, keep.n, keep.n, batch)) {
        if (!keep.factor)
            return;
        const Index n = keep.n;
        fresh_ = allocate(on, n, n, batch);
        stacked_ = allocate(on, 2 * n, n, batch);
        tall_ = allocate(on, std::max(n, library_block), n, batch);
        identity_ = shifted_identity(on, n, n, 0);
        top_ = shifted_identity(on, 2 * n, n, 0);
        bottom_ = shifted_identity(on, 2 * n, n, n);
    }

    // From now on this is taken from the columns that come; one vector after the other.
    void shift(const std::vector<double>& by) {
        shift_ = upload(on_, keep_.n, 1, sum_.batch, [&](Index i) {
            return std::vector<double>(by.begin() + i * keep_.n, by.begin() + (i + 1) * keep_.n);
        });
    }
    // sum + S 1, by the product of our own: the order of a library's gemm may depend on the batch and on the device.
    void add_sum(Batch<const double> S) {
        std::swap(sum_, before_);
        on_.dense_forward(Activation::identity, S, first_ ? Batch<const double>() : Batch<const double>(before_.view()),
                          ones(S.cols, S.batch), sum_.view());
    }
    void add(Batch<double> S) {
        if (shift_.batch > 0)
            on_.gemm(Op::none, Op::transpose, -1.0, shift_.view(), ones(S.cols, S.batch), 1.0, S);
        add_sum(S);
        if (keep_.factor)
            add_factor(S);
        else
            on_.gram(S, first_ ? 0.0 : 1.0, triangle_.view());
        first_ = false;
    }
    void end_block() { first_ = false; }

    [[nodiscard]] std::vector<double> take_sums() {
        std::vector<double> sums(static_cast<std::size_t>(keep_.n * sum_.batch));
        on_.download(sum_.view(), sums.data());
        first_ = true;
        return sums;
    }
    // As column_sums.hpp keeps them, one item after the other.
    [[nodiscard]] std::vector<double> take() {
        const Index n = keep_.n, batch = sum_.batch;
        const std::vector<double> sums = take_sums();
        std::vector<double> triangles(static_cast<std::size_t>(n * n * batch)),
            out(static_cast<std::size_t>(keep_.size() * batch));
        on_.download(triangle_.view(), triangles.data());
        const std::vector<double> known(static_cast<std::size_t>(n));  // a factor is kept around the mean itself
        for (Index i = 0; i < batch; ++i) {
            Matrix<double> A(n, n);
            std::copy_n(triangles.begin() + i * n * n, n * n, A.data());
            const auto sum = std::span(sums).subspan(static_cast<std::size_t>(i * n), static_cast<std::size_t>(n));
            pack(keep_, keep_.factor && shift_.batch > 0 ? std::span<const double>(known) : sum, A,
                 std::span(out).subspan(static_cast<std::size_t>(i * keep_.size()),
                                        static_cast<std::size_t>(keep_.size())));
        }
        return out;
    }

private:
    void add_factor(Batch<const double> S) {
        const Index rows = std::max(S.rows, S.cols);
        const Batch<double> A{tall_.memory.data(), rows, S.rows, S.batch};  // S^T, zero rows below where it is short
        if (S.cols >= S.rows) {
            on_.gemm(Op::transpose, Op::none, 1.0, S, identity_.shared(S.batch), 0.0, A);
        } else {
            const Stack E = shifted_identity(on_, rows, S.cols, 0);
            on_.gemm(Op::none, Op::transpose, 1.0, E.shared(S.batch), S, 0.0, A);
        }
        if (first_) {
            on_.qr(A, triangle_.view());
            return;
        }
        on_.qr(A, fresh_.view());
        on_.gemm(Op::none, Op::none, 1.0, top_.shared(S.batch), triangle_.view(), 0.0, stacked_.view());
        on_.gemm(Op::none, Op::none, 1.0, bottom_.shared(S.batch), fresh_.view(), 1.0, stacked_.view());
        on_.qr(stacked_.view(), triangle_.view());
    }
    [[nodiscard]] Batch<const double> ones(Index count, Index batch) const {
        return {ones_.memory.data(), count, 1, batch, 0};
    }

    Backend<double>& on_;
    Keep keep_;
    Stack ones_, sum_, before_, triangle_, shift_, fresh_, stacked_, tall_, identity_, top_, bottom_;
    bool first_ = true;
};

Index leaves_of(const Library& library) {
    return (library.samples + device_leaf - 1) / device_leaf;
}

// body(X) for the blocks of a leaf. Where ranks read together, each leaf takes as many reads, some of nothing.
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

// The sums of a pass over the library on the device: of_leaf(leaf) of `batch` items of `size` numbers each.
std::vector<double> sum_on_device(
    const Library& library, Index batch, Index size, const Execution& execution, const Streaming& streaming,
    const std::function<std::vector<double>(Index leaf)>& of_leaf,
    const std::function<void(Backend<double>&, std::span<double>, std::span<const double>)>& merge) {
    LeafSums sums;
    sums.size = batch * size;
    sums.samples = device_leaf;
    sums.leaves = [&](Index first, Index count) {
        if (count > 0)
            return std::vector<std::vector<double>>{of_leaf(first)};
        if (library.reading == Reading::together)  // as often as the others
            each_block(library, leaves_of(library), [](Batch<const double>) {});
        return std::vector<std::vector<double>>();
    };
    sums.merge = [&](std::vector<double>& left, const std::vector<double>& right) {
        parallel_items(batch, execution.threads, [&](Index i, Backend<double>& host) {
            const auto at = static_cast<std::size_t>(i * size), length = static_cast<std::size_t>(size);
            merge(host, std::span(left).subspan(at, length), std::span(right).subspan(at, length));
        });
    };
    return sum_library(library, sums, *execution.ranks, streaming);
}

// columns(X): the columns of a block on the device, for every item. All ranks call; whatever has no room on the device
// of one of them is told to all.
template <class F>
std::vector<ColumnSums> stream(Backend<double>& on, const Library& library, Index rows, Index batch, bool centre,
                               const Execution& execution, const Streaming& streaming, const Complaint& not_finite,
                               const F& columns) {
    Communicator& ranks = *execution.ranks;
    const Keep keep{rows, streaming.factor};
    const auto held = together(ranks, [&] { return std::make_unique<Accumulator>(on, keep, batch); });
    Accumulator& sums = *held;
    const auto part = [](const std::vector<double>& all, Index i, Index size) {
        return std::span(all).subspan(static_cast<std::size_t>(i * size), static_cast<std::size_t>(size));
    };
    std::vector<double> shifts;
    if (centre && keep.factor) {  // the mean, in a pass of its own
        Streaming first = streaming;
        if (!first.checkpoints.empty())
            first.checkpoints /= "mean";
        first.fingerprint += "pass = mean\n";
        shifts = sum_on_device(
            library, batch, rows, execution, first,
            [&](Index leaf) {
                each_block(library, leaf, [&](Batch<const double> X) {
                    sums.add_sum(columns(X));
                    sums.end_block();
                });
                std::vector<double> taken = sums.take_sums();
                for (Index i = 0; i < batch; ++i)
                    check_finite(part(taken, i, rows), i, not_finite);
                return taken;
            },
            [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); });
        for (double& x : shifts)
            x /= static_cast<double>(library.samples);
    } else if (centre) {
        Matrix<double> X(library.features, std::min(library_block, library.samples));
        together(ranks, [&] {
            library.read(0, X.view());
            sums.add_sum(columns(X.view()));
            shifts = sums.take_sums();
        });
        for (double& x : shifts)
            x /= static_cast<double>(X.cols());
    }
    if (centre)
        together(ranks, [&] { sums.shift(shifts); });
    const std::vector<double> total = sum_on_device(
        library, batch, keep.size(), execution, streaming,
        [&](Index leaf) {
            each_block(library, leaf, [&](Batch<const double> X) { sums.add(columns(X)); });
            std::vector<double> taken = sums.take();
            for (Index i = 0; i < batch; ++i)
                check_finite(part(taken, i, keep.size()), i, not_finite);
            return taken;
        },
        [&](Backend<double>& host, std::span<double> left, std::span<const double> right) {
            merge(keep, host, left, right);
        });
    std::vector<ColumnSums> result;
    for (Index i = 0; i < batch; ++i)
        result.push_back(unpack(keep, part(total, i, keep.size()),
                                centre ? part(shifts, i, rows) : std::span<const double>(), centre, library.samples));
    return result;
}

// As in_parts, with one opinion of all ranks on what fits: body throws OutOfMemory on all of them or on none.
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

}  // namespace

std::vector<ColumnSums> device_taps(Backend<double>& on, std::span<const Network> networks, const TapRequest& request,
                                    const Library& library, const Execution& execution, const Streaming& streaming,
                                    const Complaint& not_finite) {
    std::vector<ColumnSums> result;
    in_common_parts(*execution.ranks, static_cast<Index>(networks.size()), [&](Index first, Index count) {
        Streaming own = streaming;
        if (count < static_cast<Index>(networks.size())) {
            const std::string range = std::to_string(first) + "-" + std::to_string(first + count - 1);
            own.fingerprint += "networks = " + range + "\n";
            if (!own.checkpoints.empty())
                own.checkpoints /= range;
        }
        const auto held = together(*execution.ranks, [&] {
            return std::make_unique<TappedNetworks>(
                on, networks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)), request);
        });
        TappedNetworks& tapped = *held;
        const Complaint complaint = [&](Index i) { return not_finite(first + i); };
        for (ColumnSums& sums : stream(on, library, tapped.rows(), tapped.count(), request.centre, execution, own,
                                       complaint, [&](Batch<const double> X) { return tapped.signals(X); }))
            result.push_back(std::move(sums));
    });
    return result;
}

ColumnSums device_inputs(Backend<double>& on, const Library& library, Index rows, const MakeColumns& make, bool centre,
                         const Execution& execution, const Streaming& streaming, const Complaint& not_finite) {
    const Stack block = together(*execution.ranks, [&] { return allocate(on, rows, library_block, 1); });
    HostThread host;
    const Columns columns = make(host, 0);
    return stream(on, library, rows, 1, centre, execution, streaming, not_finite,
                  [&](Batch<const double> X) {
                      const Batch<const double> S = columns(X);
                      on.upload(S.data, block.columns(S.cols));
                      return block.columns(S.cols);
                  })
        .front();
}

std::vector<Matrix<double>> device_factors(Backend<double>& on, const Matrix<double>& factor,
                                           const std::vector<Matrix<double>>& weights) {
    const Index n = weights.front().rows(), d = factor.cols(), rows = std::max(n, d);
    Matrix<double> padded(rows, d);  // zero rows change nothing
    for (Index j = 0; j < d; ++j)
        std::ranges::copy(factor.column(j), padded.column(j).begin());
    const Stack R = upload(on, rows, d, 1, [&](Index) -> const Matrix<double>& { return padded; });
    std::vector<Matrix<double>> result;
    in_parts(std::ssize(weights), [&](Index first, Index count) {
        const Stack W = upload(on, n, d, count, [&](Index i) -> const Matrix<double>& { return weights[first + i]; });
        const Stack S = allocate(on, rows, n, count), T = allocate(on, n, n, count);
        on.gemm(Op::none, Op::transpose, 1.0, R.shared(count), W.view(), 0.0, S.view());
        on.qr(S.view(), T.view());
        std::vector<double> host(static_cast<std::size_t>(n * n * count));
        on.download(T.view(), host.data());
        for (Index i = 0; i < count; ++i)
            std::copy_n(host.begin() + i * n * n, n * n, result.emplace_back(n, n).data());
    });
    return result;
}

std::vector<std::vector<double>> device_third_moments(Backend<double>& on, std::span<const Network> networks,
                                                      const TapRequest& request, const Library& library,
                                                      const std::vector<std::vector<double>>& means,
                                                      const std::vector<Matrix<double>>& U,
                                                      const Execution& execution) {
    std::vector<std::vector<double>> moments;
    const Index n = U.front().rows(), k = U.front().cols();
    in_common_parts(*execution.ranks, static_cast<Index>(networks.size()), [&](Index first, Index count) {
        std::unique_ptr<TappedNetworks> held;
        Stack axes, scores;
        together(*execution.ranks, [&] {
            held = std::make_unique<TappedNetworks>(
                on, networks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)), request);
            axes = upload(on, n, k, count, [&](Index i) -> const Matrix<double>& { return U[first + i]; });
            scores = allocate(on, k, library_block, count);
        });
        TappedNetworks& tapped = *held;
        std::vector<double> offset(static_cast<std::size_t>(k * count));  // U^T mean
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < k; ++j)
                for (Index row = 0; row < n; ++row)
                    offset[i * k + j] += U[first + i](row, j) * means[first + i][row];
        std::vector<double> host(static_cast<std::size_t>(k * library_block * count));
        const std::vector<double> total = sum_on_device(
            library, count, k, execution, {},
            [&](Index leaf) {
                std::vector<double> part(offset.size());
                each_block(library, leaf, [&](Batch<const double> X) {
                    const Batch<double> block = scores.columns(X.cols);
                    on.gemm(Op::transpose, Op::none, 1.0, axes.view(), tapped.signals(X), 0.0, block);
                    on.download(block, host.data());
                    for (Index i = 0; i < count; ++i)
                        for (Index column = 0; column < X.cols; ++column)
                            for (Index j = 0; j < k; ++j) {
                                const double score = host[(i * X.cols + column) * k + j] - offset[i * k + j];
                                part[i * k + j] += score * score * score;
                            }
                });
                return part;
            },
            [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); });
        for (Index i = 0; i < count; ++i)
            moments.emplace_back(total.begin() + i * k, total.begin() + (i + 1) * k);
    });
    return moments;
}

}  // namespace descrambler
