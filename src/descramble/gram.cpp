#include "descrambler/gram.hpp"

#include <algorithm>
#include <string>

#include "core/finite.hpp"
#include "descramble/sums/tap_columns.hpp"
#include "descrambler/jacobian.hpp"
#include "descrambler/library.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

std::string name_of(const TapRequest& request) {
    return "layer " + std::to_string(request.at.layer) + (request.at.side == Tap::before ? " (before)" : " (after)");
}

void check(std::span<const Network> networks, const TapRequest& request, const Library& library) {
    require(!networks.empty() && !networks.front().layers.empty(), "tap: no network");
    const Network& first = networks.front();
    const Index depth = static_cast<Index>(first.layers.size());
    if (request.at.layer < 1 || request.at.layer > depth)
        throw InputError("layer " + std::to_string(request.at.layer) + ": out of range, expected 1 to " +
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

std::string not_finite(const TapRequest& request, Index network) {
    return name_of(request) + ": the signals of network " + std::to_string(network) +
           " are not finite (check the library and the weights for NaN and infinity)";
}

TapGram finish(Backend<double>& on, ColumnSums sums, Index samples) {
    TapGram out;
    out.samples = samples;
    out.mean = std::move(sums.mean);
    if (sums.factor.size() > 0) {
        out.gram = gram(on, transpose(sums.factor));
        out.factor = std::move(sums.factor);
    } else {
        out.gram = std::move(sums.gram);
    }
    return out;
}

// The request, checked on every rank alike, and the backend of the execution.
Backend<double>* checked(std::span<const Network> networks, const TapRequest& request, const Library& library,
                         const Execution& execution) {
    return together(*execution.ranks, [&] {
        check_tap(networks, request, library);
        return &execution.backend<double>();
    });
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
ColumnSums through(Backend<double>& on, const TapGram& input, const Matrix<double>& W) {
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

// Before the first activation S = W1 X (+ b1): X^T = Q R gives S^T = Q (R W1^T), and only n columns are left to
// triangulate; G = W1 (X X^T) W1^T. The rule looks at shapes only: a network gets the same bits alone and in an
// ensemble.
bool served_by_inputs(std::span<const Network> networks, const TapRequest& request) {
    const Matrix<double>& W = networks.front().layers.front().weight;
    return request.at == TapPoint{1, Tap::before} && W.cols() <= 4 * W.rows();
}

TapRequest of_inputs(const TapRequest& request) {
    return {.at = inputs_of_network, .include_bias = request.include_bias, .centre = request.centre};
}

// Of the inputs, with a row of ones below them for the bias.
TapGram sum_inputs(Backend<double>& device, const TapRequest& request, const Library& library,
                   const Execution& execution, const Streaming& streaming) {
    const ColumnRequest columns{.library = library,
                                .execution = execution,
                                .streaming = streaming,
                                .n = library.features + (request.include_bias ? 1 : 0),
                                .centre = request.centre,
                                .not_finite = [](Index) { return "library: a value is not finite, expected numbers"; }};
    ColumnSums sums = input_columns(device, columns);
    return {std::move(sums.gram), std::move(sums.factor), std::move(sums.mean), library.samples};
}

std::vector<TapGram> through_first_layer(Backend<double>& device, std::span<const Network> networks,
                                         const TapRequest& request, const TapGram& input, const Execution& execution) {
    std::vector<TapGram> result(networks.size());
    together(*execution.ranks, [&] {  // every rank for itself
        std::vector<Matrix<double>> factors;
        if (!device.on_host() && input.factor.size() > 0) {
            std::vector<Matrix<double>> weights;
            for (const Network& network : networks)
                weights.push_back(first_weight(network, request.include_bias));
            factors = device_factors(device, input.factor, weights);
        }
        parallel_items(std::ssize(networks), execution.threads, [&](Index i, Backend<double>& on) {
            ColumnSums sums = through(on, input, first_weight(networks[i], request.include_bias));
            if (!factors.empty())
                sums.factor = std::move(factors[i]);
            if (!all_finite((input.factor.size() > 0 ? sums.factor : sums.gram).values()))
                throw InputError(name_of(request) + " of network " + std::to_string(i) +
                                 ": the Gram matrix of the signals is not finite");
            result[i] = finish(on, std::move(sums), input.samples);
        });
    });
    return result;
}

std::vector<TapGram> sum_signals(Backend<double>& device, std::span<const Network> networks, const TapRequest& request,
                                 const Library& library, const Execution& execution, const Streaming& streaming) {
    const DenseLayer& tapped = networks.front().layers[static_cast<std::size_t>(request.at.layer - 1)];
    const ColumnRequest columns{.library = library,
                                .execution = execution,
                                .streaming = streaming,
                                .items = std::ssize(networks),
                                .n = tapped.weight.rows(),
                                .centre = request.centre,
                                .not_finite = [&](Index i) { return not_finite(request, i); }};
    std::vector<ColumnSums> sums = tap_columns(device, networks, request, columns);
    std::vector<TapGram> result(networks.size());
    together(*execution.ranks, [&] {
        parallel_items(std::ssize(networks), execution.threads, [&](Index i, Backend<double>& on) {
            result[i] = finish(on, std::move(sums[i]), library.samples);
        });
    });
    return result;
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
    Matrix<double> S = Executor(on, std::span(&network, 1), request.at, request.include_bias).run(X);
    if (!all_finite(S.values()))
        throw InputError(not_finite(request, 0));
    return S;
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
        const DenseLayer& tapped = networks[i].layers[static_cast<std::size_t>(request.at.layer - 1)];
        const Jacobian J = jacobian_at(on, networks[i], request.at, base);
        // formed here, row by row: one product with J serves all samples
        DenseLayer surrogate{.weight = transpose(adjoint(on, J, identity(J.rows()))), .bias = J.value};
        if (request.at.side == Tap::before && request.include_bias && !tapped.bias.empty())
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
    return {.at = {1, Tap::before}, .include_bias = true, .centre = request.centre};
}

std::vector<TapSums> sums_of_inputs(std::span<const Network> networks, const TapRequest& request,
                                    const Library& library, const Execution& execution) {
    std::vector<TapSums> sums;
    if (!networks.empty() && !request.linearised && served_by_inputs(networks, request)) {
        Backend<double>* const device = checked(networks, request, library, execution);
        sums.push_back({of_inputs(request), {sum_inputs(*device, request, library, execution, {})}});
    }
    return sums;
}

std::vector<TapGram> tap_grams(std::span<const Network> networks, const TapRequest& request, const Library& library,
                               const Execution& execution, const Streaming& streaming) {
    if (request.linearised)
        return tap_grams(linearised_at_mean(networks, request, library, execution), linearised_request(request),
                         library, execution, streaming);
    Backend<double>* const device = checked(networks, request, library, execution);
    return served_by_inputs(networks, request)
               ? through_first_layer(*device, networks, request,
                                     sum_inputs(*device, request, library, execution, streaming), execution)
               : sum_signals(*device, networks, request, library, execution, streaming);
}

TapSums tap_sums(std::span<const Network> networks, const TapRequest& request, const Library& library,
                 const Execution& execution, std::span<const TapSums> known) {
    if (const auto found = std::ranges::find(known, request, &TapSums::tap); found != known.end()) {
        require(found->networks.size() == networks.size(), "sums of a tap: of other networks");
        return *found;
    }
    const auto inputs = std::ranges::find(known, of_inputs(request), &TapSums::tap);
    if (inputs == known.end() || request.linearised || !served_by_inputs(networks, request))
        return {request, tap_grams(networks, request, library, execution)};
    Backend<double>* const device = checked(networks, request, library, execution);
    return {request, through_first_layer(*device, networks, request, inputs->networks.front(), execution)};
}

std::vector<std::vector<double>> tap_third_moments(std::span<const Network> networks, const TapRequest& request,
                                                   const Library& library,
                                                   const std::vector<std::vector<double>>& means,
                                                   const std::vector<Matrix<double>>& U, const Execution& execution) {
    if (request.linearised)
        return tap_third_moments(linearised_at_mean(networks, request, library, execution), linearised_request(request),
                                 library, means, U, execution);
    require(means.size() == networks.size() && U.size() == networks.size(), "third moments: one mean and U a network");
    Backend<double>* const device = checked(networks, request, library, execution);
    return third_moments(*device, networks, request, {library, execution, means, U});
}

std::vector<double> tap_third_moments(Backend<double>& on, const Network& network, const TapRequest& request,
                                      const Library& library, const std::vector<double>& mean,
                                      const Matrix<double>& U) {
    return tap_third_moments(std::span(&network, 1), request, library, {mean}, {U}, Execution::on(on)).front();
}

}  // namespace descrambler
