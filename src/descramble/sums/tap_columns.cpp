#include "descramble/sums/tap_columns.hpp"

#include <algorithm>

#include "descramble/sums/device_columns.hpp"
#include "descramble/sums/host_columns.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

// S of a network, layer by layer in the thread's memory.
Columns host_tap(HostThread& thread, const Network& network, const TapRequest& tap) {
    const auto executor =
        std::make_shared<const Executor>(thread.on(), std::span(&network, 1), tap.at, tap.include_bias);
    return [&thread, executor](Batch<const double> X) { return executor->run(X, thread.signals); };
}

// The inputs, and below them a row of ones.
Columns inputs_with_one(HostThread& thread) {
    return [&thread](Batch<const double> X) -> Batch<const double> {
        const Batch<double> with_one = thread.memory(HostThread::with_one, X.rows + 1, X.cols);
        for (Index j = 0; j < X.cols; ++j) {
            std::copy_n(X.data + j * X.rows, X.rows, with_one.data + j * with_one.rows);
            with_one(X.rows, j) = 1;
        }
        return with_one;
    };
}

// The networks of an ensemble up to a tap, and the memory of a block on the device.
class DeviceTap {
public:
    DeviceTap(Backend<double>& on, std::span<const Network> networks, const TapRequest& tap)
        : on_(on),
          executor_(on, networks, tap.at, tap.include_bias),
          input_(allocate(on, executor_.inputs(), library_block, 1)) {
        executor_.reserve(library_block, signals_);
    }
    // S [n, N] x networks of X [inputs, N] on the host.
    Batch<double> operator()(Batch<const double> X) {
        on_.upload(X.data, input_.columns(X.cols));
        (void)executor_.run(input_.columns(X.cols), signals_);
        return {signals_.layers.back().data(), executor_.outputs(), X.cols, executor_.count()};
    }

private:
    Backend<double>& on_;
    Executor executor_;
    LayerSignals signals_;
    Stack input_;
};

std::span<const Network> part_of(std::span<const Network> networks, Index first, Index count) {
    return networks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

// Checkpoints and fingerprint of a part of the networks, where they do not all fit at once.
Streaming streaming_of_part(const Streaming& all, Index first, Index count) {
    Streaming part = all;
    const std::string range = std::to_string(first) + "-" + std::to_string(first + count - 1);
    part.fingerprint += "networks = " + range + "\n";
    if (!part.checkpoints.empty())
        part.checkpoints /= range;
    return part;
}

std::vector<ColumnSums> device_taps(Backend<double>& on, std::span<const Network> networks, const TapRequest& tap,
                                    const ColumnRequest& request) {
    std::vector<ColumnSums> result;
    Communicator& ranks = *request.execution.ranks;
    in_common_parts(ranks, std::ssize(networks), [&](Index first, Index count) {
        const Streaming streaming =
            count < std::ssize(networks) ? streaming_of_part(request.streaming, first, count) : request.streaming;
        const ColumnRequest part{.library = request.library,
                                 .execution = request.execution,
                                 .streaming = streaming,
                                 .items = count,
                                 .n = request.n,
                                 .centre = request.centre,
                                 .not_finite = [&](Index i) { return request.not_finite(first + i); }};
        const auto sums = together(ranks, [&] {  // lack of memory on one rank is thrown on all
            const auto tapped = std::make_shared<DeviceTap>(on, part_of(networks, first, count), tap);
            return std::make_unique<DeviceColumns>(on, part, [tapped](Batch<const double> X) { return (*tapped)(X); });
        });
        for (ColumnSums& of_network : column_sums(part, *sums))
            result.push_back(std::move(of_network));
    });
    return result;
}

std::vector<std::vector<double>> host_third_moments(std::span<const Network> networks, const TapRequest& tap,
                                                    const MomentRequest& request) {
    const Index k = request.U.front().cols();
    HostSums sums;
    sums.items = std::ssize(networks);
    sums.size = k;
    sums.leaf = [&](HostThread& thread, Index i, Index blocks, const HostSums::Block& block, std::span<double> to) {
        const Columns columns = host_tap(thread, networks[i], tap);
        const std::vector<double>& mean = request.means[i];
        for (Index b = 0; b < blocks; ++b) {
            const Batch<const double> signal = columns(block(b));
            const Batch<double> S = thread.memory(HostThread::moved, signal.rows, signal.cols),
                                scores = thread.memory(HostThread::scores, k, signal.cols);
            require(std::ssize(mean) == S.rows && request.U[i].rows() == S.rows && request.U[i].cols() == k,
                    "third moments: mean [n], U [n, k]");
            for (Index j = 0; j < S.cols; ++j)
                for (Index row = 0; row < S.rows; ++row)
                    S(row, j) = signal(row, j) - mean[row];
            thread.on().gemm(Op::transpose, Op::none, 1.0, request.U[i].view(), S, 0.0, scores);
            for (Index column = 0; column < scores.cols; ++column)
                for (Index j = 0; j < k; ++j)
                    to[j] += scores(j, column) * scores(j, column) * scores(j, column);
        }
    };
    sums.merge = [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); };
    const std::vector<double> total = sum_on_host(request.library, sums, request.execution, {});
    std::vector<std::vector<double>> moments;
    for (Index i = 0; i < sums.items; ++i)
        moments.emplace_back(total.begin() + i * k, total.begin() + (i + 1) * k);
    return moments;
}

// What a device needs for the moments of a part of the networks.
struct DeviceMoments {
    DeviceTap tapped;
    Stack axes, scores;
};

void device_third_moments(Backend<double>& on, std::span<const Network> networks, const TapRequest& tap,
                          const MomentRequest& request, Index first, std::vector<std::vector<double>>& moments) {
    const Index n = request.U.front().rows(), k = request.U.front().cols(), count = std::ssize(networks);
    const auto held = together(*request.execution.ranks, [&] {
        std::vector<double> U;
        for (Index i = 0; i < count; ++i)
            U.insert(U.end(), request.U[first + i].values().begin(), request.U[first + i].values().end());
        return std::unique_ptr<DeviceMoments>(new DeviceMoments{
            DeviceTap(on, networks, tap), upload(on, n, k, count, U), allocate(on, k, library_block, count)});
    });
    std::vector<double> offset(static_cast<std::size_t>(k * count));  // U^T mean
    for (Index i = 0; i < count; ++i)
        for (Index j = 0; j < k; ++j)
            for (Index row = 0; row < n; ++row)
                offset[i * k + j] += request.U[first + i](row, j) * request.means[first + i][row];
    std::vector<double> host(static_cast<std::size_t>(k * library_block * count)), part(offset.size());
    DeviceSums sums;
    sums.items = count;
    sums.size = k;
    sums.block = [&](Batch<const double> X) {
        const Batch<double> block = held->scores.columns(X.cols);
        on.gemm(Op::transpose, Op::none, 1.0, held->axes.view(), held->tapped(X), 0.0, block);
        on.download(block, host.data());
        for (Index i = 0; i < count; ++i)
            for (Index column = 0; column < X.cols; ++column)
                for (Index j = 0; j < k; ++j) {
                    const double score = host[(i * X.cols + column) * k + j] - offset[i * k + j];
                    part[i * k + j] += score * score * score;
                }
    };
    sums.leaf = [&] { return std::exchange(part, std::vector<double>(offset.size())); };
    sums.merge = [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); };
    const std::vector<double> total = sum_on_device(request.library, sums, request.execution, {});
    for (Index i = 0; i < count; ++i)
        moments.emplace_back(total.begin() + i * k, total.begin() + (i + 1) * k);
}

}  // namespace

std::vector<ColumnSums> tap_columns(Backend<double>& device, std::span<const Network> networks, const TapRequest& tap,
                                    const ColumnRequest& request) {
    if (!device.on_host())
        return device_taps(device, networks, tap, request);
    HostColumns sums(request, [&](HostThread& thread, Index i) { return host_tap(thread, networks[i], tap); });
    return column_sums(request, sums);
}

ColumnSums input_columns(Backend<double>& device, const ColumnRequest& request) {
    const auto columns_on = [&](HostThread& thread) -> Columns {
        if (request.n > request.library.features)
            return inputs_with_one(thread);
        return [](Batch<const double> X) { return X; };
    };
    if (device.on_host()) {
        HostColumns sums(request, [&](HostThread& thread, Index) { return columns_on(thread); });
        return column_sums(request, sums).front();
    }
    HostThread host;
    const Columns columns = columns_on(host);
    const auto sums = together(*request.execution.ranks, [&] {
        const auto block = std::make_shared<Stack>(allocate(device, request.n, library_block, 1));
        return std::make_unique<DeviceColumns>(device, request, [&, block](Batch<const double> X) {
            const Batch<const double> S = columns(X);
            device.upload(S.data, block->columns(S.cols));
            return block->columns(S.cols);
        });
    });
    return column_sums(request, *sums).front();
}

std::vector<Matrix<double>> device_factors(Backend<double>& on, const Matrix<double>& factor,
                                           const std::vector<Matrix<double>>& weights) {
    const Index n = weights.front().rows(), d = factor.cols(), rows = std::max(n, d);
    Matrix<double> padded(rows, d);  // zero rows change nothing
    for (Index j = 0; j < d; ++j)
        std::ranges::copy(factor.column(j), padded.column(j).begin());
    const Stack R = upload(on, rows, d, 1, padded.values());
    std::vector<Matrix<double>> result;
    in_parts(std::ssize(weights), [&](Index first, Index count) {
        std::vector<double> values;
        for (Index i = 0; i < count; ++i)
            values.insert(values.end(), weights[first + i].values().begin(), weights[first + i].values().end());
        const Stack W = upload(on, n, d, count, values), S = allocate(on, rows, n, count),
                    T = allocate(on, n, n, count);
        on.gemm(Op::none, Op::transpose, 1.0, R.shared(count), W.view(), 0.0, S.view());
        on.triangularise(S.view(), T.view());
        std::vector<double> host(static_cast<std::size_t>(n * n * count));
        on.download(T.view(), host.data());
        for (Index i = 0; i < count; ++i)
            std::copy_n(host.begin() + i * n * n, n * n, result.emplace_back(n, n).data());
    });
    return result;
}

std::vector<std::vector<double>> third_moments(Backend<double>& device, std::span<const Network> networks,
                                               const TapRequest& tap, const MomentRequest& request) {
    if (device.on_host())
        return host_third_moments(networks, tap, request);
    std::vector<std::vector<double>> moments;
    in_common_parts(*request.execution.ranks, std::ssize(networks), [&](Index first, Index count) {
        device_third_moments(device, part_of(networks, first, count), tap, request, first, moments);
    });
    return moments;
}

}  // namespace descrambler
