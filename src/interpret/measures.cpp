#include "descrambler/measures.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

#include "descrambler/statistics.hpp"

namespace descrambler {
namespace {

// The numbers over a power of two, so that the largest size is 1 to 2 and no square overflows. All measures are ratios;
// the division is exact, so they keep their bits.
std::vector<double> scaled(std::span<const double> numbers) {
    double largest = 0;
    for (const double number : numbers)
        largest = std::max(largest, std::abs(number));
    const double unit = largest > 0 ? std::ldexp(1.0, std::ilogb(largest)) : 1;
    std::vector<double> result(numbers.begin(), numbers.end());
    for (double& number : result)
        number /= unit;
    return result;
}

// Of a map that is scaled.
std::vector<double> energies(std::span<const double> map, const ImageShape& shape) {
    require(std::ssize(map) == shape.size(), "measures: as many numbers as the image has");
    std::vector<double> result(static_cast<std::size_t>(shape.height * shape.width));
    for (Index c = 0; c < shape.channels; ++c)
        for (Index i = 0; i < shape.height; ++i)
            for (Index j = 0; j < shape.width; ++j) {
                const double number = map[static_cast<std::size_t>(shape.at(c, i, j))];
                result[static_cast<std::size_t>(i * shape.width + j)] += number * number;
            }
    return result;
}

// |DFT|^2 of the sum of the channels, [height, width] row-major.
std::vector<double> power(Backend<double>& on, std::span<const double> map, const ImageShape& shape) {
    const Index h = shape.height, w = shape.width;
    std::vector<std::complex<double>> rows(static_cast<std::size_t>(h * w)), turned(rows.size());
    for (Index c = 0; c < shape.channels; ++c)
        for (Index i = 0; i < h; ++i)
            for (Index j = 0; j < w; ++j)
                rows[static_cast<std::size_t>(i * w + j)] += map[static_cast<std::size_t>(shape.at(c, i, j))];
    const Buffer<std::complex<double>> from = on.allocate_complex(h * w), to = on.allocate_complex(h * w);
    const auto transform = [&](std::vector<std::complex<double>>& lines, Index length) {  // lines one after another
        const Index count = h * w / length;
        on.upload(lines.data(), from.view(length, count));
        on.fft(from.view(length, count), to.view(length, count));
        on.download(to.view(length, count), lines.data());
    };
    transform(rows, w);
    for (Index i = 0; i < h; ++i)
        for (Index j = 0; j < w; ++j)
            turned[static_cast<std::size_t>(j * h + i)] = rows[static_cast<std::size_t>(i * w + j)];
    transform(turned, h);
    std::vector<double> result(rows.size());
    for (Index i = 0; i < h; ++i)
        for (Index j = 0; j < w; ++j)
            result[static_cast<std::size_t>(i * w + j)] = std::norm(turned[static_cast<std::size_t>(j * h + i)]);
    return result;
}

double cycles(Index k, Index n) {  // a pixel, from -1/2 to 1/2
    return static_cast<double>(2 * k < n ? k : k - n) / static_cast<double>(n);
}

void measure_spectrum(Backend<double>& on, std::span<const double> map, const ImageShape& shape, MapMeasures& m) {
    const std::vector<double> P = power(on, map, shape);
    const double total = std::accumulate(P.begin(), P.end(), 0.0);
    if (total == 0)
        return;
    double mean = 0, square = 0;
    std::complex<double> direction = 0;
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j) {
            const double share = P[static_cast<std::size_t>(i * shape.width + j)] / total;
            const double fy = cycles(i, shape.height), fx = cycles(j, shape.width), f = std::hypot(fx, fy);
            mean += share * f;
            square += share * f * f;
            // at the edge of the spectrum f and -f are one
            if (f > 0)
                direction += share * std::polar(1.0, 2 * std::atan2(fy, fx));
        }
    m.frequency = mean;
    m.bandwidth = std::sqrt(std::max(0.0, square - mean * mean));
    m.orientation = std::abs(direction);
    m.constant = P[0] / total;
}

}  // namespace

MapMeasures measure(Backend<double>& on, std::span<const double> map, const ImageShape& shape) {
    const std::vector<double> numbers = scaled(map), e = energies(numbers, shape);
    const auto reached = [&](Index i, Index j) {  // the square of a small number may be 0
        for (Index c = 0; c < shape.channels; ++c)
            if (map[static_cast<std::size_t>(shape.at(c, i, j))] != 0)
                return true;
        return false;
    };
    MapMeasures m;
    double sum = 0, squares = 0;
    Index some = 0, bottom = -1, right = -1;
    m.top = shape.height;
    m.left = shape.width;
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j) {
            if (!reached(i, j))
                continue;
            const double energy = e[static_cast<std::size_t>(i * shape.width + j)];
            ++some;
            sum += energy;
            squares += energy * energy;
            m.top = std::min(m.top, i);
            m.left = std::min(m.left, j);
            bottom = std::max(bottom, i);
            right = std::max(right, j);
        }
    if (some == 0)
        return {};
    m.height = bottom - m.top + 1;
    m.width = right - m.left + 1;
    m.nonzero = static_cast<double>(some) / static_cast<double>(std::ssize(e));
    m.participation = sum / (static_cast<double>(std::ssize(e)) * (squares / sum));
    measure_spectrum(on, numbers, shape, m);
    return m;
}

double energy_within(std::span<const double> map, const ImageShape& shape, double row, double column, double radius) {
    const std::vector<double> e = energies(scaled(map), shape);
    double inside = 0, all = 0;
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j) {
            const double energy = e[static_cast<std::size_t>(i * shape.width + j)];
            all += energy;
            if (std::hypot(static_cast<double>(i) - row, static_cast<double>(j) - column) <= radius)
                inside += energy;
        }
    return all > 0 ? inside / all : 0;
}

double energy_radius(std::span<const double> map, const ImageShape& shape, double row, double column, double share) {
    const std::vector<double> e = energies(scaled(map), shape);
    std::vector<std::pair<double, double>> rings;  // distance, energy
    double all = 0, inside = 0;
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j) {
            const double energy = e[static_cast<std::size_t>(i * shape.width + j)];
            all += energy;
            rings.emplace_back(std::hypot(static_cast<double>(i) - row, static_cast<double>(j) - column), energy);
        }
    std::ranges::sort(rings);
    // the last ones may round away: what is left of them is no energy
    constexpr double rounding = 1e-14;
    for (const auto& [distance, energy] : rings)
        if (inside += energy; all > 0 && inside >= (share - rounding) * all)
            return distance;
    return 0;
}

Adaptivity adaptivity(const Matrix<double>& columns, const ImageShape& shape, std::span<const PixelPlace> centres,
                      Index reach) {
    require(columns.rows() == shape.size() && columns.cols() == std::ssize(centres) && columns.cols() > 0,
            "adaptivity: a centre for each column");
    const Index side = 2 * reach + 1, size = shape.channels * side * side;
    Matrix<double> patches(size, columns.cols());
    for (Index k = 0; k < columns.cols(); ++k) {
        const PixelPlace& centre = centres[static_cast<std::size_t>(k)];
        require(centre.row >= reach && centre.column >= reach && centre.row + reach < shape.height &&
                    centre.column + reach < shape.width,
                "adaptivity: a square leaves the image");
        Index to = 0;
        for (Index c = 0; c < shape.channels; ++c)
            for (Index i = -reach; i <= reach; ++i)
                for (Index j = -reach; j <= reach; ++j)
                    patches(to++, k) = columns(shape.at(c, centre.row + i, centre.column + j), k);
    }
    std::ranges::copy(scaled(patches.values()), patches.values().begin());
    std::vector<double> off(centres.size()), all(centres.size());
    for (Index i = 0; i < size; ++i) {
        double mean = 0;
        for (Index k = 0; k < patches.cols(); ++k)
            mean += patches(i, k) / static_cast<double>(patches.cols());
        for (std::size_t k = 0; k < centres.size(); ++k) {
            const double value = patches(i, static_cast<Index>(k));
            off[k] += (value - mean) * (value - mean);
            all[k] += value * value;
        }
    }
    const auto share = [](double part, double whole) { return whole > 0 ? std::sqrt(part / whole) : 0; };
    Adaptivity result;
    for (std::size_t k = 0; k < centres.size(); ++k)
        result.each.push_back(share(off[k], all[k]));
    result.overall = share(std::accumulate(off.begin(), off.end(), 0.0), std::accumulate(all.begin(), all.end(), 0.0));
    return result;
}

Concentration concentration(std::vector<double> numbers) {
    numbers = scaled(numbers);
    std::ranges::sort(numbers);
    const double total = std::accumulate(numbers.begin(), numbers.end(), 0.0), n = static_cast<double>(numbers.size());
    if (total == 0)
        return {};
    Concentration result;
    const std::size_t top = std::max<std::size_t>(1, numbers.size() / 100);
    result.top_hundredth =
        std::accumulate(numbers.end() - static_cast<std::ptrdiff_t>(top), numbers.end(), 0.0) / total;
    for (std::size_t i = 0; i < numbers.size(); ++i)
        result.gini += (2 * static_cast<double>(i + 1) - n - 1) * numbers[i] / (n * total);
    return result;
}

NeighbourSigns neighbour_signs(std::span<const double> map, Index width) {
    const std::vector<double> pixels = scaled(map);
    double pairs = 0, opposite = 0, mean = 0, product = 0, square = 0;
    for (const double pixel : pixels)
        mean += pixel / static_cast<double>(pixels.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        square += (pixels[i] - mean) * (pixels[i] - mean);
        if ((static_cast<Index>(i) + 1) % width == 0)
            continue;
        product += (pixels[i] - mean) * (pixels[i + 1] - mean);
        if (pixels[i] == 0 || pixels[i + 1] == 0)
            continue;
        ++pairs;
        opposite += (pixels[i] > 0) != (pixels[i + 1] > 0) ? 1 : 0;
    }
    return {pairs > 0 ? opposite / pairs : 0, square > 0 ? product / square : 0};
}

double normalised_entropy(std::span<const Index> counts) {
    double all = 0, sum = 0;
    for (const Index count : counts)
        all += static_cast<double>(count);
    for (const Index count : counts)
        if (count > 0)
            sum -= static_cast<double>(count) / all * std::log(static_cast<double>(count) / all);
    return counts.size() > 1 ? sum / std::log(static_cast<double>(counts.size())) : 0;
}

std::vector<double> shuffled_pixels(Backend<double>& on, std::span<const double> x, std::span<const Index> place,
                                    std::uint64_t seed) {
    require(x.size() == place.size() && !x.empty(), "shuffled_pixels: a place for every number");
    const Index count = *std::ranges::max_element(place) + 1;
    const Buffer<double> keys = on.allocate(count);
    on.random_uniform(seed, 0, 0, keys.view(count, 1));
    std::vector<double> key(static_cast<std::size_t>(count));
    on.download(keys.view(count, 1), key.data());
    std::vector<Index> order(key.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](Index i) { return key[static_cast<std::size_t>(i)]; });
    std::vector<double> result(x.size());
    std::vector<std::vector<std::size_t>> numbers(key.size());  // of a pixel, channel after channel
    for (std::size_t i = 0; i < place.size(); ++i)
        numbers[static_cast<std::size_t>(place[i])].push_back(i);
    for (std::size_t p = 0; p < order.size(); ++p)
        for (std::size_t c = 0; c < numbers[p].size(); ++c)
            result[numbers[p][c]] = x[numbers[static_cast<std::size_t>(order[p])][c]];
    return result;
}

namespace {

double cosine_about(std::span<const double> a, double mean_a, std::span<const double> b, double mean_b) {
    require(a.size() == b.size(), "cosine: vectors of one size");
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return aa > 0 && bb > 0 ? ab / (std::sqrt(aa) * std::sqrt(bb)) : 0;
}

}  // namespace

double cosine(std::span<const double> a, std::span<const double> b) {
    return cosine_about(scaled(a), 0, scaled(b), 0);
}
double cross_correlation(std::span<const double> a, std::span<const double> b) {
    const std::vector<double> p = scaled(a), q = scaled(b);
    return cosine_about(p, p.empty() ? 0 : mean_of(p), q, q.empty() ? 0 : mean_of(q));
}

}  // namespace descrambler
