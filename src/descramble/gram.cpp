#include "descrambler/gram.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "descramble/sums/column_sums.hpp"
#include "descramble/sums/gram_device.hpp"
#include "descrambler/jacobian.hpp"
#include "descrambler/library.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

std::string name_of(const TapRequest& request) {
    return "layer " + std::to_string(request.layer) + (request.tap == Tap::before ? " (before)" : " (after)");
}

void check(std::span<const Network> networks, const TapRequest& request, const Library& library) {
    require(!networks.empty() && !networks.front().layers.empty(), "tap: no network");
    const Network& first = networks.front();
    const Index depth = static_cast<Index>(first.layers.size());
    if (request.layer < 1 || request.layer > depth)
        throw InputError("layer " + std::to_string(request.layer) + ": out of range, expected 1 to " +
                         std::to_string(depth));
    if (library.features != first.inputs())
        throw InputError("library: " + std::to_string(library.features) + " features, expected " +
                         std::to_string(first.inputs()) + ", the inputs of the network");
    if (library.samples < 1)
        throw InputError("library: no samples, expected at least 1");
    const std::vector<Layer> shape = shape_of(first);
    for (std::size_t i = 1; i < networks.size(); ++i)
        if (shape_of(networks[i]) != shape)
            throw InputError("network " + std::to_string(i) + ": another shape than network 0, expected one shape");
}

bool all_finite(const Matrix<double>& A) {
    return std::ranges::all_of(A.values(), [](double x) { return std::isfinite(x); });
}

void shift_columns(Matrix<double>& A, const std::vector<double>& by, double sign) {
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            A(i, j) += sign * by[i];
}

Matrix<double> signals(Backend<double>& on, const Network& network, Index number, const TapRequest& request,
                       const Matrix<double>& X) {
    Matrix<double> S;
    if (request.tap == Tap::after) {
        S = forward(on, network, X, request.layer);
    } else {
        const DenseLayer& layer = network.layers[static_cast<std::size_t>(request.layer - 1)];
        S = multiply(on, Op::none, Op::none, layer.weight, forward(on, network, X, request.layer - 1));
        if (request.include_bias && !layer.bias.empty())
            shift_columns(S, layer.bias, 1);
    }
    if (!all_finite(S))
        throw InputError(name_of(request) + ": the signals of network " + std::to_string(number) +
                         " are not finite (check the library and the weights for NaN and infinity)");
    return S;
}

// A network up to a tap, on the host: S of a block, layer by layer in the thread's memory.
Columns host_tap(HostThread& thread, const Network& network, const TapRequest& request) {
    return [&thread, &network, request](Batch<const double> X) {
        Batch<const double> x = X;
        for (Index k = 0; k < request.layer; ++k) {
            const DenseLayer& dense = network.layers[static_cast<std::size_t>(k)];
            const bool before = k + 1 == request.layer && request.tap == Tap::before;
            const bool bias = !dense.bias.empty() && (!before || request.include_bias);
            const Batch<double> y = thread.memory(HostThread::first_signal + k, dense.weight.rows(), X.cols);
            thread.on().dense_forward(before ? Activation::identity : dense.activation, dense.weight.view(),
                                      bias ? Batch<const double>(dense.bias.data(), y.rows, 1) : Batch<const double>(),
                                      x, y);
            if (dense.renorm && !before)
                thread.on().renorm_forward(y, y);
            x = y;
        }
        return x;
    };
}

// The inputs themselves, and below them a row of ones that stands in for the bias; centring removes it again.
Columns inputs_with_one(HostThread& thread) {
    return [&thread](Batch<const double> X) -> Batch<const double> {
        const Batch<double> with_one = thread.memory(HostThread::first_signal, X.rows + 1, X.cols);
        for (Index j = 0; j < X.cols; ++j) {
            std::copy_n(X.data + j * X.rows, X.rows, with_one.data + j * with_one.rows);
            with_one(X.rows, j) = 1;
        }
        return with_one;
    };
}

TapGram finish(Backend<double>& on, ColumnSums sums) {
    TapGram out;
    out.mean = std::move(sums.mean);
    if (sums.factor.size() > 0) {
        out.gram = gram(on, transpose(sums.factor));
        out.factor = std::move(sums.factor);
    } else {
        out.gram = std::move(sums.gram);
    }
    return out;
}

// W of the first layer, with the bias as a further column.
Matrix<double> first_weight(const Network& network, bool bias) {
    const DenseLayer& layer = network.layers.front();
    Matrix<double> W(layer.weight.rows(), layer.weight.cols() + (bias ? 1 : 0));
    std::ranges::copy(layer.weight.values(), W.values().begin());
    if (bias && !layer.bias.empty())
        std::ranges::copy(layer.bias, W.column(layer.weight.cols()).begin());
    return W;
}

// Sums of S = W X from those of X.
ColumnSums through(Backend<double>& on, const ColumnSums& input, const Matrix<double>& W) {
    ColumnSums out;
    Matrix<double> mean(W.cols(), 1);
    std::ranges::copy(input.mean, mean.values().begin());
    mean = multiply(on, Op::none, Op::none, W, mean);
    out.mean.assign(mean.values().begin(), mean.values().end());
    if (input.factor.size() > 0) {
        out.factor = triangle(on, Matrix<double>(0, W.rows()), multiply(on, Op::none, Op::transpose, input.factor, W));
        return out;
    }
    out.gram = multiply(on, Op::none, Op::none, W, multiply(on, Op::none, Op::transpose, input.gram, W));
    for (Index j = 0; j < out.gram.cols(); ++j)
        for (Index i = 0; i < j; ++i)
            out.gram(i, j) = out.gram(j, i) = (out.gram(i, j) + out.gram(j, i)) / 2;
    return out;
}

}  // namespace

Library library_of(const Matrix<double>& X) {
    return {X.rows(), X.cols(),
            [&X](Index first, Batch<double> block) {
                require(block.rows == X.rows() && first >= 0 && first + block.cols <= X.cols(),
                        "library block beyond its matrix");
                std::copy_n(X.data() + first * X.rows(), block.size(), block.data);
            },
            Reading::at_once, X.data()};
}

Matrix<double> tap_signals(Backend<double>& on, const Network& network, const TapRequest& request,
                           const Matrix<double>& X) {
    return signals(on, network, 0, request, X);
}

void check_tap(std::span<const Network> networks, const TapRequest& request, const Library& library) {
    check(networks, request, library);
}

std::vector<Network> linearised_at_mean(std::span<const Network> networks, const TapRequest& request,
                                        const Library& library, const Execution& execution) {
    Communicator& ranks = *execution.ranks;
    together(ranks, [&] { check(networks, request, library); });
    const std::vector<double> base = library_mean(library, execution);
    Matrix<double> xbar(library.features, 1);
    std::ranges::copy(base, xbar.data());
    std::vector<Network> result(networks.size());
    const auto linearise = [&](Index i, Backend<double>& on) {
        const DenseLayer& tapped = networks[i].layers[static_cast<std::size_t>(request.layer - 1)];
        const Jacobian J = jacobian_at(on, networks[i], request.layer, request.tap == Tap::after, base);
        // formed here, row by row: one product with J serves all samples
        DenseLayer surrogate{.weight = transpose(adjoint(on, J, identity(J.rows()))), .bias = J.value};
        if (request.tap == Tap::before && request.include_bias && !tapped.bias.empty())
            add_to(surrogate.bias, tapped.bias);
        const Matrix<double> Jx = multiply(on, Op::none, Op::none, surrogate.weight, xbar);
        for (Index j = 0; j < Jx.rows(); ++j)
            surrogate.bias[j] -= Jx(j, 0);
        result[i].layers.push_back(std::move(surrogate));
    };
    together(ranks, [&] { parallel_items(std::ssize(networks), execution.threads, linearise); });
    return result;
}

TapRequest linearised_request(const TapRequest& request) {
    return {.layer = 1, .tap = Tap::before, .include_bias = true, .centre = request.centre};
}

std::vector<TapGram> tap_grams(std::span<const Network> networks, const TapRequest& request, const Library& library,
                               const Execution& execution, const Streaming& streaming) {
    if (request.linearised)
        return tap_grams(linearised_at_mean(networks, request, library, execution), linearised_request(request),
                         library, execution, streaming);
    Communicator& ranks = *execution.ranks;
    Backend<double>* const device = together(ranks, [&] {
        check(networks, request, library);
        return &execution.backend<double>();
    });
    const Index count = static_cast<Index>(networks.size());
    std::vector<TapGram> result(networks.size());

    // Before the first activation S = W1 X (+ b1), so the sums over the inputs serve every network: X^T = Q R gives
    // S^T = Q (R W1^T), and only n columns are left to triangulate; G = W1 (X X^T) W1^T. For inputs much wider than the
    // layer it would cost more than it saves. The rule looks at shapes only: a network gets the same bits alone and in
    // an ensemble.
    const DenseLayer& tapped = networks.front().layers[static_cast<std::size_t>(request.layer - 1)];
    const bool shared =
        request.tap == Tap::before && request.layer == 1 && tapped.weight.cols() <= 4 * tapped.weight.rows();
    if (shared) {
        const Index rows = library.features + (request.include_bias ? 1 : 0);
        const MakeColumns make = [&](HostThread& thread, Index) {
            return request.include_bias ? inputs_with_one(thread) : [](Batch<const double> X) { return X; };
        };
        const Complaint complaint = [](Index) { return "library: a value is not finite, expected numbers"; };
        const ColumnSums input =
            device->on_host()
                ? column_sums_on_host(library, 1, rows, make, request.centre, execution, streaming, complaint).front()
                : device_inputs(*device, library, rows, make, request.centre, execution, streaming, complaint);
        together(ranks, [&] {  // every rank for itself
            std::vector<Matrix<double>> factors;
            if (!device->on_host() && streaming.factor) {
                std::vector<Matrix<double>> weights;
                for (const Network& network : networks)
                    weights.push_back(first_weight(network, request.include_bias));
                factors = device_factors(*device, input.factor, weights);
            }
            parallel_items(count, execution.threads, [&](Index i, Backend<double>& on) {
                const Matrix<double> W = first_weight(networks[i], request.include_bias);
                const Complaint own = [&](Index) {
                    return name_of(request) + " of network " + std::to_string(i) +
                           ": the Gram matrix of the signals is not finite";
                };
                ColumnSums sums = through(on, input, W);
                if (!factors.empty())
                    sums.factor = std::move(factors[i]);
                check_finite((streaming.factor ? sums.factor : sums.gram).values(), i, own);
                result[i] = finish(on, std::move(sums));
            });
        });
    } else {
        const Complaint complaint = [&](Index i) {
            return name_of(request) + ": the signals of network " + std::to_string(i) +
                   " are not finite (check the library and the weights for NaN and infinity)";
        };
        std::vector<ColumnSums> sums =
            device->on_host() ? column_sums_on_host(
                                    library, count, tapped.weight.rows(),
                                    [&](HostThread& thread, Index i) { return host_tap(thread, networks[i], request); },
                                    request.centre, execution, streaming, complaint)
                              : device_taps(*device, networks, request, library, execution, streaming, complaint);
        together(ranks, [&] {
            parallel_items(count, execution.threads,
                           [&](Index i, Backend<double>& on) { result[i] = finish(on, std::move(sums[i])); });
        });
    }
    for (TapGram& out : result)
        out.samples = library.samples;
    return result;
}

std::vector<std::vector<double>> tap_third_moments(std::span<const Network> networks, const TapRequest& request,
                                                   const Library& library,
                                                   const std::vector<std::vector<double>>& means,
                                                   const std::vector<Matrix<double>>& U, const Execution& execution) {
    if (request.linearised)
        return tap_third_moments(linearised_at_mean(networks, request, library, execution), linearised_request(request),
                                 library, means, U, execution);
    Backend<double>* const device = together(*execution.ranks, [&] {
        check(networks, request, library);
        require(means.size() == networks.size() && U.size() == networks.size(),
                "third moments: one mean and U a network");
        return &execution.backend<double>();
    });
    if (!device->on_host())
        return device_third_moments(*device, networks, request, library, means, U, execution);
    const Index k = U.front().cols();
    HostSums sums;
    sums.items = static_cast<Index>(networks.size());
    sums.size = k;
    sums.leaf = [&](HostThread& thread, Index i, Index blocks, const HostSums::Block& block, std::span<double> to) {
        const Columns columns = host_tap(thread, networks[i], request);
        for (Index b = 0; b < blocks; ++b) {
            const Batch<const double> signal = columns(block(b));
            Matrix<double> S(signal.rows, signal.cols);
            std::copy_n(signal.data, signal.size(), S.data());
            require(static_cast<Index>(means[i].size()) == S.rows() && U[i].rows() == S.rows() && U[i].cols() == k,
                    "third moments: mean [n], U [n, k]");
            shift_columns(S, means[i], -1);
            const Matrix<double> scores = multiply(thread.on(), Op::transpose, Op::none, U[i], S);
            for (Index column = 0; column < scores.cols(); ++column)
                for (Index j = 0; j < k; ++j)
                    to[j] += scores(j, column) * scores(j, column) * scores(j, column);
        }
    };
    sums.merge = [](Backend<double>&, std::span<double> left, std::span<const double> right) { add_to(left, right); };
    const std::vector<double> total = sum_on_host(library, sums, execution, {});
    std::vector<std::vector<double>> moments;
    for (Index i = 0; i < sums.items; ++i)
        moments.emplace_back(total.begin() + i * k, total.begin() + (i + 1) * k);
    return moments;
}

std::vector<double> tap_third_moments(Backend<double>& on, const Network& network, const TapRequest& request,
                                      const Library& library, const std::vector<double>& mean,
                                      const Matrix<double>& U) {
    return tap_third_moments(std::span(&network, 1), request, library, {mean}, {U}, Execution::on(on)).front();
}

}  // namespace descrambler
