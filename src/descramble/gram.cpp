#include "descrambler/gram.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "descrambler/dense.hpp"
#include "descrambler/jacobian.hpp"
#include "descrambler/library.hpp"
#include "gram_device.hpp"

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

std::vector<double> sum_of_columns(const Matrix<double>& A) {
    std::vector<double> sum(static_cast<std::size_t>(A.rows()));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            sum[i] += A(i, j);
    return sum;
}

void add(std::vector<double>& total, const std::vector<double>& part) {
    std::ranges::transform(total, part, total.begin(), std::plus<>());
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

// R [n, n] with R^T R = A^T A for A [m, n] of any m: zero rows change nothing.
Matrix<double> triangle(Backend<double>& on, const Matrix<double>& top, const Matrix<double>& below) {
    const Index n = top.cols(), rows = std::max(top.rows() + below.rows(), n);
    Matrix<double> A(rows, n);
    for (Index j = 0; j < n; ++j) {
        std::ranges::copy(top.column(j), A.column(j).begin());
        std::ranges::copy(below.column(j), A.column(j).begin() + top.rows());
    }
    const Buffer<double> a = on.allocate(A.size()), r = on.allocate(n * n);
    on.upload(A.data(), a.view(rows, n));
    on.qr(a.view(rows, n), r.view(n, n));
    Matrix<double> R(n, n);
    on.download(r.view(n, n), R.data());
    return R;
}

// Map and reduce over the library for `items` independent consumers. Each block is read once, in order, for all
// of them; the parts of an item are merged in the order of the blocks, so that nothing depends on the number of threads
// or on the other items. In memory: as many blocks as keep all threads busy (one, if there are items enough).
template <class Part, class Map, class Merge>
std::vector<Part> reduce_library(const Library& library, Index items, int threads, const Map& map, const Merge& merge) {
    const Index team = threads > 0 ? threads : omp_get_max_threads();
    const Index wave = (team + items - 1) / items;
    std::vector<Part> totals(static_cast<std::size_t>(items));
    for (Index first = 0; first < library.samples;) {
        const bool fresh = first == 0;
        std::vector<Matrix<double>> blocks;
        for (; first < library.samples && static_cast<Index>(blocks.size()) < wave; first += library_block) {
            blocks.emplace_back(library.features, std::min(library_block, library.samples - first));
            library.read(first, blocks.back().view());
        }
        const Index count = static_cast<Index>(blocks.size());
        std::vector<Part> parts(static_cast<std::size_t>(items * count));
        parallel_items(items * count, threads,
                       [&](Index i, Backend<double>& on) { parts[i] = map(on, i / count, blocks[i % count]); });
        parallel_items(items, threads, [&](Index item, Backend<double>& on) {
            for (Index b = 0; b < count; ++b) {
                Part& part = parts[item * count + b];
                if (fresh && b == 0)
                    totals[item] = std::move(part);
                else
                    merge(on, totals[item], part);
            }
        });
    }
    return totals;
}

// Mean and triangular factor of the columns that columns(on, item, X) makes of each block.
template <class Columns>
std::vector<ColumnSums> accumulate(const Library& library, Index items, bool centre, int threads,
                                   const Columns& columns) {
    const double samples = static_cast<double>(library.samples);
    std::vector<std::vector<double>> means;
    if (centre) {  // first pass
        means = reduce_library<std::vector<double>>(
            library, items, threads,
            [&](Backend<double>& on, Index item, const Matrix<double>& X) {
                return sum_of_columns(columns(on, item, X));
            },
            [](Backend<double>&, std::vector<double>& total, const std::vector<double>& part) { add(total, part); });
        for (std::vector<double>& mean : means)
            for (double& x : mean)
                x /= samples;
    }
    std::vector<ColumnSums> result = reduce_library<ColumnSums>(
        library, items, threads,
        [&](Backend<double>& on, Index item, const Matrix<double>& X) {
            Matrix<double> S = columns(on, item, X);
            if (centre)
                shift_columns(S, means[item], -1);
            return ColumnSums{sum_of_columns(S), triangle(on, transpose(S), Matrix<double>(0, S.rows()))};
        },
        [](Backend<double>& on, ColumnSums& total, const ColumnSums& part) {
            add(total.mean, part.mean);  // their sum as yet
            total.factor = triangle(on, total.factor, part.factor);
        });
    for (std::size_t i = 0; i < result.size(); ++i) {
        for (double& x : result[i].mean)
            x /= samples;
        if (centre)
            result[i].mean = means[i];
    }
    return result;
}

TapGram finish(Backend<double>& on, std::vector<double> mean, Matrix<double> factor, const std::string& where) {
    if (!all_finite(factor))
        throw InputError(where + ": the Gram matrix of the signals is not finite");
    TapGram out;
    out.gram = gram(on, transpose(factor));
    out.factor = std::move(factor);
    out.mean = std::move(mean);
    return out;
}

}  // namespace

Library library_of(const Matrix<double>& X) {
    return {X.rows(), X.cols(), [&X](Index first, Batch<double> block) {
                require(block.rows == X.rows() && first >= 0 && first + block.cols <= X.cols(),
                        "library block beyond its matrix");
                std::copy_n(X.data() + first * X.rows(), block.size(), block.data);
            }};
}

Matrix<double> tap_signals(Backend<double>& on, const Network& network, const TapRequest& request,
                           const Matrix<double>& X) {
    return signals(on, network, 0, request, X);
}

void check_tap(std::span<const Network> networks, const TapRequest& request, const Library& library) {
    check(networks, request, library);
}

std::vector<Network> linearised_at_mean(std::span<const Network> networks, const TapRequest& request,
                                        const Library& library, int threads) {
    check(networks, request, library);
    const std::vector<double> base = library_mean(library);
    Matrix<double> xbar(library.features, 1);
    std::ranges::copy(base, xbar.data());
    std::vector<Network> result(networks.size());
    parallel_items(static_cast<Index>(networks.size()), threads, [&](Index i, Backend<double>& on) {
        const DenseLayer& tapped = networks[i].layers[static_cast<std::size_t>(request.layer - 1)];
        const Jacobian J = jacobian_at(on, networks[i], request.layer, request.tap == Tap::after, base);
        // formed here, row by row: one product with J serves all samples
        DenseLayer surrogate{.weight = transpose(adjoint(on, J, identity(J.rows()))), .bias = J.value};
        if (request.tap == Tap::before && request.include_bias && !tapped.bias.empty())
            add(surrogate.bias, tapped.bias);
        const Matrix<double> Jx = multiply(on, Op::none, Op::none, surrogate.weight, xbar);
        for (Index j = 0; j < Jx.rows(); ++j)
            surrogate.bias[j] -= Jx(j, 0);
        result[i].layers.push_back(std::move(surrogate));
    });
    return result;
}

TapRequest linearised_request(const TapRequest& request) {
    return {.layer = 1, .tap = Tap::before, .include_bias = true, .centre = request.centre};
}

std::vector<TapGram> tap_grams(std::span<const Network> networks, const TapRequest& request, const Library& library,
                               const Execution& execution) {
    const int threads = execution.threads;
    if (request.linearised)
        return tap_grams(linearised_at_mean(networks, request, library, threads), linearised_request(request), library,
                         execution);
    check(networks, request, library);
    const std::unique_ptr<Backend<double>> device = make_backend<double>(execution);
    const Index count = static_cast<Index>(networks.size());
    std::vector<TapGram> result(networks.size());
    const auto where = [&](Index i) { return name_of(request) + " of network " + std::to_string(i); };

    // Before the first activation S = W1 X (+ b1), so the factor of the inputs serves every network: X^T = Q R gives
    // S^T = Q (R W1^T), and only n columns are left to triangulate. For inputs much wider than the layer it would cost
    // more than it saves. The rule looks at shapes only: a network gets the same bits alone and in an ensemble.
    const DenseLayer& tapped = networks.front().layers[static_cast<std::size_t>(request.layer - 1)];
    const bool shared =
        request.tap == Tap::before && request.layer == 1 && tapped.weight.cols() <= 4 * tapped.weight.rows();
    if (shared) {
        // With a bias a feature that is always 1 stands in for it; centring removes it again.
        const bool bias = request.include_bias;
        const auto columns = [&](const Matrix<double>& X) {
            if (!all_finite(X))
                throw InputError("library: a value is not finite, expected numbers");
            if (!bias)
                return X;
            Matrix<double> with_one(X.rows() + 1, X.cols());
            for (Index j = 0; j < X.cols(); ++j) {
                std::ranges::copy(X.column(j), with_one.column(j).begin());
                with_one(X.rows(), j) = 1;
            }
            return with_one;
        };
        const ColumnSums input =
            device->on_host()
                ? accumulate(library, 1, request.centre, threads,
                             [&](Backend<double>&, Index, const Matrix<double>& X) { return columns(X); })
                      .front()
                : device_inputs(*device, library, library.features + (bias ? 1 : 0), request.centre, columns);
        std::vector<Matrix<double>> weights, factors;
        for (const Network& network : networks) {
            const DenseLayer& layer = network.layers.front();
            Matrix<double>& W = weights.emplace_back(layer.weight.rows(), layer.weight.cols() + (bias ? 1 : 0));
            std::ranges::copy(layer.weight.values(), W.values().begin());
            if (bias && !layer.bias.empty())
                std::ranges::copy(layer.bias, W.column(layer.weight.cols()).begin());
        }
        if (!device->on_host())
            factors = device_factors(*device, input.factor, weights);
        parallel_items(count, threads, [&](Index i, Backend<double>& on) {
            const Matrix<double>& W = weights[i];
            Matrix<double> mean(W.cols(), 1);
            std::ranges::copy(input.mean, mean.values().begin());
            mean = multiply(on, Op::none, Op::none, W, mean);
            Matrix<double> factor =
                device->on_host()
                    ? triangle(on, multiply(on, Op::none, Op::transpose, input.factor, W), Matrix<double>(0, W.rows()))
                    : std::move(factors[i]);
            result[i] = finish(on, {mean.values().begin(), mean.values().end()}, std::move(factor), where(i));
        });
    } else {
        std::vector<ColumnSums> sums = device->on_host()
                                           ? accumulate(library, count, request.centre, threads,
                                                        [&](Backend<double>& on, Index i, const Matrix<double>& X) {
                                                            return signals(on, networks[i], i, request, X);
                                                        })
                                           : device_taps(*device, networks, request, library);
        parallel_items(count, threads, [&](Index i, Backend<double>& on) {
            result[i] = finish(on, std::move(sums[i].mean), std::move(sums[i].factor), where(i));
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
    const int threads = execution.threads;
    if (request.linearised)
        return tap_third_moments(linearised_at_mean(networks, request, library, threads), linearised_request(request),
                                 library, means, U, execution);
    check(networks, request, library);
    require(means.size() == networks.size() && U.size() == networks.size(), "third moments: one mean and U a network");
    if (const std::unique_ptr<Backend<double>> device = make_backend<double>(execution); !device->on_host())
        return device_third_moments(*device, networks, request, library, means, U);
    return reduce_library<std::vector<double>>(
        library, static_cast<Index>(networks.size()), threads,
        [&](Backend<double>& on, Index i, const Matrix<double>& X) {
            Matrix<double> S = signals(on, networks[i], i, request, X);
            require(static_cast<Index>(means[i].size()) == S.rows() && U[i].rows() == S.rows(),
                    "third moments: mean [n], U [n, k]");
            shift_columns(S, means[i], -1);
            Matrix<double> scores = multiply(on, Op::transpose, Op::none, U[i], S);
            for (double& x : scores.values())
                x = x * x * x;
            return sum_of_columns(scores);
        },
        [](Backend<double>&, std::vector<double>& total, const std::vector<double>& part) { add(total, part); });
}

std::vector<double> tap_third_moments(Backend<double>& on, const Network& network, const TapRequest& request,
                                      const Library& library, const std::vector<double>& mean,
                                      const Matrix<double>& U) {
    return tap_third_moments(std::span(&network, 1), request, library, {mean}, {U}, on.threads()).front();
}

}  // namespace descrambler
