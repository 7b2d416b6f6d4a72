#include "descrambler/lime.hpp"

#include <algorithm>
#include <cmath>

#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

namespace {

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

// [draws, segments]: 1 where a segment is on.
Matrix<double> drawn(Index draws, Index segments, std::uint64_t seed) {
    Matrix<double> on(draws, segments);
    for (Index d = 0; d < draws; ++d) {
        RandomStream random(seed, stream::lime + static_cast<std::uint64_t>(d));
        for (Index s = 0; s < segments; ++s)
            on(d, s) = d == 0 ? 1 : static_cast<double>(random.word() >> 31);
    }
    return on;
}

// In place of each number the mean of its channel in its segment.
std::vector<double> means(std::span<const double> x, const PixelPlaces& places, std::span<const Index> segment,
                          Index segments) {
    Matrix<double> sum(places.channels, segments);
    std::vector<double> count(at(segments)), result;
    for (const Index s : segment)
        ++count[at(s)];
    for (std::size_t i = 0; i < x.size(); ++i)
        sum(places.channel[i], segment[at(places.pixel[i])]) += x[i];
    for (std::size_t i = 0; i < x.size(); ++i) {
        const Index s = segment[at(places.pixel[i])];
        result.push_back(sum(places.channel[i], s) / count[at(s)]);
    }
    return result;
}

// Ridge regression with weights; what is constant is left free, by centring. Z loses its means.
void fit(Backend<double>& on, Matrix<double>& Z, const std::vector<double>& y, const std::vector<double>& pi,
         double ridge, Lime& result) {
    double sum = 0, mean_y = 0;
    for (std::size_t d = 0; d < y.size(); ++d) {
        sum += pi[d];
        mean_y += pi[d] * y[d];
    }
    mean_y /= sum;
    const Index draws = Z.rows(), segments = Z.cols();
    std::vector<double> mean(at(segments));
    Matrix<double> scaled(segments, draws), right(segments, 1);  // rows of the regression times sqrt(pi)
    for (Index s = 0; s < segments; ++s) {
        for (Index d = 0; d < draws; ++d)
            mean[at(s)] += pi[at(d)] * Z(d, s) / sum;
        for (Index d = 0; d < draws; ++d) {
            Z(d, s) -= mean[at(s)];
            scaled(s, d) = std::sqrt(pi[at(d)]) * Z(d, s);
            right(s, 0) += pi[at(d)] * Z(d, s) * (y[at(d)] - mean_y);
        }
    }
    Matrix<double> normal = gram(on, scaled);
    for (Index s = 0; s < segments; ++s)
        normal(s, s) += ridge;
    const Matrix<double> weights = cholesky_solve(on, normal, right);
    result.weights.assign(weights.values().begin(), weights.values().end());
    result.intercept = mean_y;
    for (Index s = 0; s < segments; ++s)
        result.intercept -= mean[at(s)] * result.weights[at(s)];
    double left = 0, all = 0;
    for (Index d = 0; d < draws; ++d) {
        double missed = y[at(d)] - mean_y;
        all += pi[at(d)] * missed * missed;
        for (Index s = 0; s < segments; ++s)
            missed -= Z(d, s) * result.weights[at(s)];
        left += pi[at(d)] * missed * missed;
    }
    result.fitted = all > 0 ? 1 - left / all : 1;
}

}  // namespace

Lime lime(Backend<double>& on, const Evaluator& network, std::span<const double> x, const PixelPlaces& places,
          std::span<const Index> segment, Index output, const LimeOptions& options) {
    require(std::ssize(segment) == places.pixels && x.size() == places.pixel.size() && options.draws > 0 &&
                options.width > 0 && options.ridge > 0,
            "lime: a segment for each pixel, a draw, and numbers above 0");
    const Index segments = *std::ranges::max_element(segment) + 1, inputs = std::ssize(x);
    const std::vector<double> off = means(x, places, segment, segments);
    Matrix<double> Z = drawn(options.draws, segments, options.seed);
    std::vector<double> y, pi;
    constexpr Index numbers = Index{1} << 23;  // of inputs that are held at once
    const Index at_once = std::clamp<Index>(numbers / std::max<Index>(inputs, 1), 16, options.draws + 15);
    for (Index first = 0; first < options.draws; first += at_once) {
        Matrix<double> X(inputs, std::min(at_once, options.draws - first));
        for (Index d = 0; d < X.cols(); ++d)
            for (Index i = 0; i < inputs; ++i)
                X(i, d) = Z(first + d, segment[at(places.pixel[at(i)])]) > 0 ? x[at(i)] : off[at(i)];
        const Matrix<double> answers = network.run(X.view());
        for (Index d = 0; d < X.cols(); ++d)
            y.push_back(answers(output, d));
    }
    if (!all_finite(y))
        throw InputError("the network: an output with segments switched off is not finite");
    for (Index d = 0; d < options.draws; ++d) {
        double share = 0;
        for (Index s = 0; s < segments; ++s)
            share += Z(d, s) / static_cast<double>(segments);
        const double distance = (1 - std::sqrt(share)) / options.width;
        pi.push_back(std::exp(-distance * distance));
    }
    Lime result;
    fit(on, Z, y, pi, options.ridge, result);
    double sum = result.intercept, sizes = std::abs(result.intercept);
    for (const double weight : result.weights) {
        sum += weight;
        sizes += std::abs(weight);
    }
    const double scale = std::max(std::abs(y.front()), sizes);
    result.at_x = scale > 0 ? std::abs(sum - y.front()) / scale : 0;
    for (const Index s : segment)
        result.map.push_back(result.weights[at(s)]);
    return result;
}

}  // namespace descrambler
