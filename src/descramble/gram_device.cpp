#include "gram_device.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "descrambler/dense.hpp"

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
    [[nodiscard]] Batch<double> signals(const Matrix<double>& X) {
        on_.upload(X.data(), input_.columns(X.cols()));
        Batch<const double> x{input_.memory.data(), input_.rows, X.cols(), count(), 0};
        for (const Part& part : parts_) {
            const Batch<double> y = part.signal.columns(X.cols());
            on_.dense_forward(part.activation, part.weight.view(),
                              part.bias.batch > 0 ? Batch<const double>(part.bias.view()) : Batch<const double>(), x,
                              y);
            if (part.renorm)
                on_.renorm_forward(y, y);
            x = y;
        }
        return parts_.back().signal.columns(X.cols());
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

// Means and triangular factors of columns that come in blocks, for a batch of items.
class Accumulator {
public:
    Accumulator(Backend<double>& on, Index rows, Index batch)
        : on_(on),
          ones_(upload(on, library_block, 1, 1,
                       [](Index) { return std::vector<double>(static_cast<std::size_t>(library_block), 1.0); })),
          sum_(allocate(on, rows, 1, batch)),
          mean_(allocate(on, rows, 1, batch)),
          factor_(allocate(on, rows, rows, batch)),
          fresh_(allocate(on, rows, rows, batch)),
          stacked_(allocate(on, 2 * rows, rows, batch)),
          tall_(allocate(on, std::max(rows, library_block), rows, batch)),
          identity_(shifted_identity(on, rows, rows, 0)),
          top_(shifted_identity(on, 2 * rows, rows, 0)),
          bottom_(shifted_identity(on, 2 * rows, rows, rows)) {}

    void add_sum(Batch<const double> S) {
        on_.gemm(Op::none, Op::none, 1.0, S, ones(S.cols, S.batch), 1.0, sum_.view());
    }
    // The mean of what add_sum has seen is taken from the columns to come.
    void centre(Index samples) {
        on_.axpby(1.0 / static_cast<double>(samples), sum_.view(), 0.0, mean_.view());
        centred_ = true;
    }
    void add_columns(Batch<double> S) {
        if (centred_)
            on_.gemm(Op::none, Op::transpose, -1.0, mean_.view(), ones(S.cols, S.batch), 1.0, S);
        const Index rows = std::max(S.rows, S.cols);
        const Batch<double> A{tall_.memory.data(), rows, S.rows, S.batch};  // S^T, zero rows below where it is short
        if (S.cols >= S.rows) {
            on_.gemm(Op::transpose, Op::none, 1.0, S, identity_.shared(S.batch), 0.0, A);
        } else {
            const Stack E = shifted_identity(on_, rows, S.cols, 0);
            on_.gemm(Op::none, Op::transpose, 1.0, E.shared(S.batch), S, 0.0, A);
        }
        if (first_) {
            on_.qr(A, factor_.view());
            first_ = false;
            return;
        }
        on_.qr(A, fresh_.view());
        on_.gemm(Op::none, Op::none, 1.0, top_.shared(S.batch), factor_.view(), 0.0, stacked_.view());
        on_.gemm(Op::none, Op::none, 1.0, bottom_.shared(S.batch), fresh_.view(), 1.0, stacked_.view());
        on_.qr(stacked_.view(), factor_.view());
    }
    [[nodiscard]] std::vector<ColumnSums> result(Index samples) {
        if (!centred_)
            centre(samples);
        const Index n = mean_.rows, batch = mean_.batch;
        std::vector<double> mean(static_cast<std::size_t>(n * batch)), factor(static_cast<std::size_t>(n * n * batch));
        on_.download(mean_.view(), mean.data());
        on_.download(factor_.view(), factor.data());
        std::vector<ColumnSums> out(static_cast<std::size_t>(batch));
        for (Index i = 0; i < batch; ++i) {
            out[i].mean.assign(mean.begin() + i * n, mean.begin() + (i + 1) * n);
            out[i].factor = Matrix<double>(n, n);
            std::copy_n(factor.begin() + i * n * n, n * n, out[i].factor.data());
        }
        return out;
    }

private:
    [[nodiscard]] Batch<const double> ones(Index count, Index batch) const {
        return {ones_.memory.data(), count, 1, batch, 0};
    }

    Backend<double>& on_;
    Stack ones_, sum_, mean_, factor_, fresh_, stacked_, tall_, identity_, top_, bottom_;
    bool first_ = true, centred_ = false;
};

void each_block(const Library& library, const std::function<void(Index, const Matrix<double>&)>& body) {
    for (Index first = 0; first < library.samples; first += library_block) {
        Matrix<double> X(library.features, std::min(library_block, library.samples - first));
        library.read(first, X.view());
        body(first, X);
    }
}

// columns(X): the columns of a block, for every item.
template <class F>
std::vector<ColumnSums> stream(Backend<double>& on, const Library& library, Index rows, Index batch, bool centre,
                               const F& columns) {
    Accumulator sums(on, rows, batch);
    each_block(library, [&](Index, const Matrix<double>& X) {
        const Batch<double> S = columns(X);
        sums.add_sum(S);
        if (!centre)
            sums.add_columns(S);
    });
    if (centre) {
        sums.centre(library.samples);
        each_block(library, [&](Index, const Matrix<double>& X) { sums.add_columns(columns(X)); });
    }
    return sums.result(library.samples);
}

}  // namespace

std::vector<ColumnSums> device_taps(Backend<double>& on, std::span<const Network> networks, const TapRequest& request,
                                    const Library& library) {
    std::vector<ColumnSums> result;
    in_parts(static_cast<Index>(networks.size()), [&](Index first, Index count) {
        TappedNetworks tapped(on, networks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                              request);
        for (ColumnSums& sums : stream(on, library, tapped.rows(), tapped.count(), request.centre,
                                       [&](const Matrix<double>& X) { return tapped.signals(X); }))
            result.push_back(std::move(sums));
    });
    return result;
}

ColumnSums device_inputs(Backend<double>& on, const Library& library, Index rows, bool centre,
                         const std::function<Matrix<double>(const Matrix<double>& X)>& columns) {
    const Stack block = allocate(on, rows, library_block, 1);
    return stream(on, library, rows, 1, centre,
                  [&](const Matrix<double>& X) {
                      const Matrix<double> S = columns(X);
                      on.upload(S.data(), block.columns(S.cols()));
                      return block.columns(S.cols());
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
                                                      const std::vector<Matrix<double>>& U) {
    std::vector<std::vector<double>> moments;
    const Index n = U.front().rows(), k = U.front().cols();
    in_parts(static_cast<Index>(networks.size()), [&](Index first, Index count) {
        TappedNetworks tapped(on, networks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                              request);
        const Stack axes = upload(on, n, k, count, [&](Index i) -> const Matrix<double>& { return U[first + i]; });
        const Stack scores = allocate(on, k, library_block, count);
        std::vector<std::vector<double>> part(static_cast<std::size_t>(count),
                                              std::vector<double>(static_cast<std::size_t>(k))),
            offset = part;  // U^T mean
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < k; ++j)
                for (Index row = 0; row < n; ++row)
                    offset[i][j] += U[first + i](row, j) * means[first + i][row];
        std::vector<double> host(static_cast<std::size_t>(k * library_block * count));
        each_block(library, [&](Index, const Matrix<double>& X) {
            const Batch<double> block = scores.columns(X.cols());
            on.gemm(Op::transpose, Op::none, 1.0, axes.view(), tapped.signals(X), 0.0, block);
            on.download(block, host.data());
            for (Index i = 0; i < count; ++i)
                for (Index column = 0; column < X.cols(); ++column)
                    for (Index j = 0; j < k; ++j) {
                        const double score = host[(i * X.cols() + column) * k + j] - offset[i][j];
                        part[i][j] += score * score * score;
                    }
        });
        for (std::vector<double>& item : part)
            moments.push_back(std::move(item));
    });
    return moments;
}

}  // namespace descrambler
