#include "descrambler/baselines.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "descrambler/backward_rules.hpp"
#include "descrambler/discussion.hpp"
#include "descrambler/error.hpp"
#include "descrambler/graph_cut.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {

namespace {

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

constexpr FreezeOptions tangents{FreezeRule::taylor, NormRule::std};

}  // namespace

PixelPlaces pixel_places(const Shape& shape, const std::vector<Index>& axes) {
    std::vector<Index> others;
    for (Index a = 0; a < std::ssize(shape); ++a)
        if (std::ranges::find(axes, a) == axes.end())
            others.push_back(a);
    PixelPlaces result{kept_places(shape, axes), kept_places(shape, others), 1, 1};
    for (const Index a : axes)
        result.pixels *= shape[at(a)];
    for (const Index a : others)
        result.channels *= shape[at(a)];
    return result;
}

std::vector<double> channel_means(std::span<const double> x, const PixelPlaces& places) {
    require(x.size() == places.channel.size(), "channel_means: a place for each number");
    std::vector<double> mean(at(places.channels)), result;
    for (std::size_t i = 0; i < x.size(); ++i)
        mean[at(places.channel[i])] += x[i] / static_cast<double>(places.pixels);
    for (const Index channel : places.channel)
        result.push_back(mean[at(channel)]);
    return result;
}

std::vector<double> over_channels(std::span<const double> pixels, const PixelPlaces& places) {
    require(std::ssize(pixels) == places.pixels, "over_channels: a number for each pixel");
    std::vector<double> result;
    for (const Index pixel : places.pixel)
        result.push_back(pixels[at(pixel)] / static_cast<double>(places.channels));
    return result;
}

double conservation_error(std::span<const double> map, double y) {
    double sum = 0, sizes = 0;
    for (const double number : map) {
        sum += number;
        sizes += std::abs(number);
    }
    const double scale = std::max(std::abs(y), sizes);
    return scale > 0 ? std::abs(sum - y) / scale : 0;
}

IntegratedGradients integrated_gradients(Backend<double>& on, const Graph& graph, std::span<const double> x,
                                         std::span<const double> start, Index output, Index points, int threads) {
    require(std::ssize(x) == graph.inputs() && x.size() == start.size() && points > 0,
            "integrated gradients: x and start must have the numbers of the input, and there must be a point");
    const auto point = [&](double t) {
        std::vector<double> result(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            result[i] = start[i] + t * (x[i] - start[i]);
        return result;
    };
    constexpr Index at_once = 16;  // rows that are held
    const auto in_turn = [&](Index count, const std::function<void(Index, Backend<double>&)>& body) {
        if (on.on_host())
            return parallel_items(count, threads, body);
        for (Index i = 0; i < count; ++i)
            body(i, on);
    };
    IntegratedGradients result;
    result.map.resize(x.size());
    const std::array<Index, 1> wanted{output};
    for (Index first = 0; first < points; first += at_once) {
        const Index count = std::min(at_once, points - first);
        std::vector<Matrix<double>> rows(at(count));
        in_turn(count, [&](Index i, Backend<double>& here) {
            const double t = (static_cast<double>(first + i) + .5) / static_cast<double>(points);
            rows[at(i)] = FrozenNetwork<double>(here, graph, point(t), tangents).rows(wanted);
        });
        for (const Matrix<double>& row : rows)
            for (std::size_t i = 0; i < x.size(); ++i)
                result.map[i] += row.values()[i] / static_cast<double>(points);
    }
    for (std::size_t i = 0; i < x.size(); ++i)
        result.map[i] *= x[i] - start[i];
    result.y = FrozenNetwork<double>(on, graph, x, tangents).output().at(at(output));
    result.y_start = FrozenNetwork<double>(on, graph, start, tangents).output().at(at(output));
    result.error = std::abs(std::accumulate(result.map.begin(), result.map.end(), 0.) - (result.y - result.y_start));
    return result;
}

// ---- Grad-CAM --------------------------------------------------------------------------------------------------------

namespace {

// The last convolution, and behind it what only acts on its numbers one by one.
std::size_t last_activations(const Graph& graph) {
    std::size_t place = graph.nodes.size();
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        if (std::holds_alternative<Convolve>(graph.nodes[n].op))
            place = n;
    if (place == graph.nodes.size())
        throw InputError("the network: no convolution, whose activations Grad-CAM needs");
    for (;;) {
        const int value = graph.nodes[place].output;
        std::vector<std::size_t> users;
        for (std::size_t n = 0; n < graph.nodes.size(); ++n)
            if (std::ranges::find(graph.nodes[n].inputs, value) != graph.nodes[n].inputs.end())
                users.push_back(n);
        if (users.size() != 1 || value == graph.output)
            return place;
        const Operator& op = graph.nodes[users[0]].op;
        if (!std::holds_alternative<Affine>(op) && !std::holds_alternative<Pointwise>(op))
            return place;
        place = users[0];
    }
}

}  // namespace

GradCam grad_cam(const FrozenNetwork<double>& tangent, const Graph& graph, Index output, Index height, Index width,
                 const std::string& node) {
    const std::size_t place = node.empty() ? last_activations(graph) : find_node(graph, node);
    GradCam result;
    result.node = graph.nodes[place].name;
    const Shape& shape = graph.values[at(graph.nodes[place].output)].shape;
    if ((shape.size() != 3 && shape.size() != 4) || shape[0] != 1 || volume(shape) == 0)
        throw InputError("the network: node \"" + result.node + "\" of shape " + to_string(shape) +
                         ", expected an image [1, channels, height, width] for Grad-CAM");
    result.height = shape.size() == 4 ? shape[2] : 1;
    result.width = shape.back();
    const Index pixels = result.height * result.width, channels = shape[1];
    const NodeGradient here = BackwardRules(tangent).at_node(place, output);
    result.maps.resize(at(pixels));
    for (Index k = 0; k < channels; ++k) {
        double alpha = 0;
        for (Index i = 0; i < pixels; ++i)
            alpha += here.gradient[at(k * pixels + i)] / static_cast<double>(pixels);
        for (Index i = 0; i < pixels; ++i)
            result.maps[at(i)] += alpha * here.value[at(k * pixels + i)];
    }
    for (double& number : result.maps)
        number = std::max(number, 0.);
    result.map = bilinear(result.maps, result.height, result.width, height, width);
    return result;
}

std::vector<double> bilinear(std::span<const double> map, Index height, Index width, Index to_height, Index to_width) {
    require(std::ssize(map) == height * width && height > 0 && width > 0 && to_height > 0 && to_width > 0,
            "bilinear: a number for each pixel");
    struct Between {
        Index low, high;
        double share;  // of `high`
    };
    const auto between = [](Index i, Index from, Index to) {
        const double place =
            std::max((static_cast<double>(i) + .5) * static_cast<double>(from) / static_cast<double>(to) - .5, 0.);
        const Index low = std::min(static_cast<Index>(place), from - 1);
        return Between{low, std::min(low + 1, from - 1), place - static_cast<double>(low)};
    };
    std::vector<double> result;
    for (Index i = 0; i < to_height; ++i) {
        const Between row = between(i, height, to_height);
        for (Index j = 0; j < to_width; ++j) {
            const Between column = between(j, width, to_width);
            const auto along = [&](Index r) {
                return (1 - column.share) * map[at(r * width + column.low)] +
                       column.share * map[at(r * width + column.high)];
            };
            result.push_back((1 - row.share) * along(row.low) + row.share * along(row.high));
        }
    }
    return result;
}

}  // namespace descrambler
