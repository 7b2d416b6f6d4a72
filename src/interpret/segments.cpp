#include "descrambler/segments.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "descrambler/error.hpp"

namespace descrambler {

namespace {

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

// [channels, height, width], smoothed along both axes, the border repeated.
std::vector<double> smoothed(std::span<const double> image, const ImageShape& shape, double sigma) {
    std::vector<double> result;
    for (Index c = 0; c < shape.channels; ++c)
        for (Index i = 0; i < shape.height; ++i)
            for (Index j = 0; j < shape.width; ++j)
                result.push_back(image[at(shape.at(c, i, j))]);
    if (!(sigma > 0))
        return result;
    const auto reach = static_cast<Index>(std::ceil(4 * sigma));  // what is beyond is below exp(-8)
    std::vector<double> weights;
    for (Index k = -reach; k <= reach; ++k)
        weights.push_back(std::exp(-.5 * static_cast<double>(k * k) / (sigma * sigma)));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.);
    for (const bool down : {true, false}) {
        const std::vector<double> before = result;
        for (Index c = 0; c < shape.channels; ++c)
            for (Index i = 0; i < shape.height; ++i)
                for (Index j = 0; j < shape.width; ++j) {
                    double mean = 0;
                    for (Index k = -reach; k <= reach; ++k) {
                        const Index row = down ? std::clamp<Index>(i + k, 0, shape.height - 1) : i;
                        const Index column = down ? j : std::clamp<Index>(j + k, 0, shape.width - 1);
                        mean +=
                            weights[at(k + reach)] / sum * before[at((c * shape.height + row) * shape.width + column)];
                    }
                    result[at((c * shape.height + i) * shape.width + j)] = mean;
                }
    }
    return result;
}

struct Edge {
    double weight = 0;
    Index a = 0, b = 0;
};
std::vector<Edge> edges_of(const std::vector<double>& image, const ImageShape& shape) {
    std::vector<Edge> edges;
    constexpr Index steps[4][2] = {{0, 1}, {1, 0}, {1, 1}, {1, -1}};  // each pair of neighbours once
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j)
            for (const auto& step : steps) {
                const Index row = i + step[0], column = j + step[1];
                if (row >= shape.height || column < 0 || column >= shape.width)
                    continue;
                Edge edge{0, i * shape.width + j, row * shape.width + column};
                for (Index c = 0; c < shape.channels; ++c) {
                    const Index plane = c * shape.height * shape.width;
                    const double difference = image[at(plane + edge.a)] - image[at(plane + edge.b)];
                    edge.weight += difference * difference;
                }
                edge.weight = std::sqrt(edge.weight);
                edges.push_back(edge);
            }
    return edges;
}

// Disjoint sets of pixels.
class Sets {
public:
    explicit Sets(Index pixels) : parent_(at(pixels)), size_(at(pixels), 1), inside_(at(pixels)) {
        std::iota(parent_.begin(), parent_.end(), 0);
    }
    Index of(Index pixel) {
        while (parent_[at(pixel)] != pixel)
            pixel = parent_[at(pixel)] = parent_[at(parent_[at(pixel)])];
        return pixel;
    }
    void unite(Index a, Index b, double weight) {
        if (size_[at(a)] < size_[at(b)])
            std::swap(a, b);
        parent_[at(b)] = a;
        size_[at(a)] += size_[at(b)];
        inside_[at(a)] = weight;  // edges come from the lightest on
    }
    [[nodiscard]] Index size(Index set) const { return size_[at(set)]; }
    [[nodiscard]] double inside(Index set) const { return inside_[at(set)]; }

private:
    std::vector<Index> parent_, size_;
    std::vector<double> inside_;  // the heaviest edge
};

}  // namespace

std::vector<Index> segments(std::span<const double> image, const ImageShape& shape, const SegmentOptions& options) {
    require(std::ssize(image) == shape.size() && shape.size() > 0, "segments: an image");
    std::vector<Edge> edges = edges_of(smoothed(image, shape, options.sigma), shape);
    std::ranges::stable_sort(edges, {}, &Edge::weight);
    const Index pixels = shape.height * shape.width;
    Sets sets(pixels);
    for (const Edge& edge : edges) {
        const Index a = sets.of(edge.a), b = sets.of(edge.b);
        const auto allowed = [&](Index set) {
            return sets.inside(set) + options.scale / static_cast<double>(sets.size(set));
        };
        if (a != b && edge.weight <= std::min(allowed(a), allowed(b)))
            sets.unite(a, b, edge.weight);
    }
    for (const Edge& edge : edges) {
        const Index a = sets.of(edge.a), b = sets.of(edge.b);
        if (a != b && std::min(sets.size(a), sets.size(b)) < options.smallest)
            sets.unite(a, b, edge.weight);
    }
    std::vector<Index> label(at(pixels), -1), result;
    Index count = 0;
    for (Index pixel = 0; pixel < pixels; ++pixel) {
        Index& of_set = label[at(sets.of(pixel))];
        if (of_set < 0)
            of_set = count++;
        result.push_back(of_set);
    }
    return result;
}

}  // namespace descrambler
