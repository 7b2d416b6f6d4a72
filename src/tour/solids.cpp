#include "tour/solids.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "descrambler/random.hpp"

namespace descrambler::tour {

namespace {

constexpr double pi = std::numbers::pi;

// Streams of the shapes: those of an analysis that nothing else of the tour draws from.
constexpr std::uint64_t car_stream = stream::analysis + (1ull << 16), turbine_stream = car_stream + 1;

double between(RandomStream& random, double low, double high) {
    return low + (high - low) * random.uniform();
}

double middle_of(Index i, Index n) {
    return (2 * static_cast<double>(i) + 1) / static_cast<double>(n) - 1;
}

// From 1 inside (r < 1) to 0 outside (r > 1), r a gauge of the body: about a voxel wide where the half-axis is `axis`.
double occupied(double r, double axis, Index n) {
    return 1 / (1 + std::exp((r - 1) * axis * static_cast<double>(n) * 1.5));
}

double superellipsoid(double x, double y, double z, double p) {
    return std::pow(std::pow(std::abs(x), p) + std::pow(std::abs(y), p) + std::pow(std::abs(z), p), 1 / p);
}

template <class Occupancy>
std::vector<double> fill(Index n, const Occupancy& at) {
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>(n * n * n));
    for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
            for (Index z = 0; z < n; ++z)
                result.push_back(at(middle_of(x, n), middle_of(y, n), middle_of(z, n)));
    return result;
}

std::size_t voxel(Index n, Index x, Index y, Index z) {
    return static_cast<std::size_t>((x * n + y) * n + z);
}

double cosine(double product, double first, double second) {
    return first > 0 && second > 0 ? product / std::sqrt(first * second) : 0;
}

// Twist and chord at a radius.
double twist_at(const Turbine& t, double r) {
    return t.twist * (1 - .75 * r / t.radius);
}
double chord_at(const Turbine& t, double r) {
    return t.chord * (1 - t.taper * r / t.radius);
}

}  // namespace

Car random_car(std::uint64_t seed, Index number) {
    RandomStream random(seed, car_stream, static_cast<std::uint64_t>(number) << 8);
    Car car;
    car.length = between(random, .65, .95);
    car.width = between(random, .3, .5);
    car.height = between(random, .14, .28);
    car.exponent = between(random, 2.5, 8);
    car.cabin_length = between(random, .25, .5);
    car.cabin_height = between(random, .14, .36);
    car.cabin_place = between(random, -.1, .25);
    car.wheel = between(random, .12, .2);
    return car;
}

std::vector<double> voxels(const Car& c, Index n) {
    const double floor = -.35, top = floor + c.height;  // the middle of the body and its top
    return fill(n, [&](double x, double y, double z) {
        const double across = std::abs(y);  // the same bits on both sides
        const double body = superellipsoid(x / c.length, across / c.width, (z - floor) / c.height, c.exponent);
        const double cabin = superellipsoid((x - c.cabin_place) / c.cabin_length, across / (.8 * c.width),
                                            (z - top) / c.cabin_height, 3);
        double most = std::max(occupied(body, c.height, n), occupied(cabin, c.cabin_height, n));
        for (const double axle : {-.6 * c.length, .6 * c.length}) {
            const double round = std::hypot(x - axle, z - (floor - c.height)) / c.wheel;
            const double flat = std::abs(across - .85 * c.width) / .08;
            most = std::max(most, occupied(std::max(round, flat), .08, n));
        }
        return most;
    });
}

double drag(const Car& car, std::span<const double> voxels, Index n) {
    double area = 0;
    for (Index y = 0; y < n; ++y)
        for (Index z = 0; z < n; ++z) {
            double most = 0;
            for (Index x = 0; x < n; ++x)
                most = std::max(most, voxels[voxel(n, x, y, z)]);
            area += most / static_cast<double>(n * n);
        }
    return area * (.2 + .2 * std::tanh(car.cabin_height / car.cabin_length) + .2 * (1 - 2 / car.exponent));
}

Turbine random_turbine(std::uint64_t seed, Index number) {
    RandomStream random(seed, turbine_stream, static_cast<std::uint64_t>(number) << 8);
    Turbine turbine;
    turbine.azimuth = between(random, 0, 2 * pi / 3);
    turbine.radius = between(random, .75, .95);
    turbine.chord = between(random, .3, .5);
    turbine.taper = between(random, .3, .7);
    turbine.twist = between(random, .2, 1);
    turbine.thickness = between(random, .25, .4);
    return turbine;
}

std::vector<double> voxels(const Turbine& t, Index n) {
    return fill(n, [&](double x, double y, double z) {
        double most =
            occupied(std::max(std::hypot(y, z) / Turbine::hub, std::abs(x) / (1.5 * Turbine::hub)), Turbine::hub, n);
        for (int k = 0; k < 3; ++k) {
            const double angle = t.azimuth + 2 * pi * k / 3;
            const double along = y * std::cos(angle) + z * std::sin(angle);
            const double across = z * std::cos(angle) - y * std::sin(angle);
            if (along <= 0)
                continue;
            const double chord = chord_at(t, std::min(along, t.radius)), theta = twist_at(t, std::min(along, t.radius));
            const double u = (across * std::cos(theta) + x * std::sin(theta)) / (chord / 2);
            const double v = (x * std::cos(theta) - across * std::sin(theta)) / (t.thickness * t.chord / 2);
            most = std::max(most, occupied(std::max(std::hypot(u, v), along / t.radius), t.thickness * t.chord / 2, n));
        }
        return most;
    });
}

double peak_stress(const Turbine& t, Index blade) {
    constexpr int steps = 64;
    const double weight = std::abs(std::cos(t.azimuth + 2 * pi * static_cast<double>(blade) / 3));
    const double step = (t.radius - Turbine::hub) / steps;
    double largest = 0;
    for (int i = 0; i < steps; ++i) {
        const double r = Turbine::hub + i * step;
        double moment = 0;
        for (int j = i; j < steps; ++j) {  // midpoints
            const double s = Turbine::hub + (j + .5) * step, chord = chord_at(t, s), cos = std::cos(twist_at(t, s));
            moment += (chord * s * s * cos * cos + weight * 4 * chord * chord * t.thickness) * (s - r) * step;
        }
        const double chord = chord_at(t, r), thick = chord * t.thickness;
        largest = std::max(largest, moment / (chord * thick * thick / 6));
    }
    return largest;
}

double peak_stress(const Turbine& turbine) {
    return std::max({peak_stress(turbine, 0), peak_stress(turbine, 1), peak_stress(turbine, 2)});
}

double mirror_symmetry(std::span<const double> map, Index n) {
    double product = 0, energy = 0;
    for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
            for (Index z = 0; z < n; ++z) {
                const double a = map[voxel(n, x, y, z)];
                product += a * map[voxel(n, x, n - 1 - y, z)];
                energy += a * a;
            }
    return cosine(product, energy, energy);
}

double turn_symmetry(std::span<const double> map, Index n) {
    const double c = std::cos(2 * pi / 3), s = std::sin(2 * pi / 3);
    double product = 0, first = 0, second = 0;
    for (Index y = 0; y < n; ++y)
        for (Index z = 0; z < n; ++z) {
            const double v = middle_of(y, n), w = middle_of(z, n);
            // place in voxels of what is turned here
            const double from_y = ((c * v + s * w + 1) * static_cast<double>(n) - 1) / 2;
            const double from_z = ((c * w - s * v + 1) * static_cast<double>(n) - 1) / 2;
            const auto j = static_cast<Index>(std::floor(from_y)), k = static_cast<Index>(std::floor(from_z));
            if (std::hypot(v, w) > 1 || j < 0 || k < 0 || j + 1 >= n || k + 1 >= n)
                continue;
            const double p = from_y - static_cast<double>(j), q = from_z - static_cast<double>(k);
            for (Index x = 0; x < n; ++x) {
                const double turned = (1 - p) * ((1 - q) * map[voxel(n, x, j, k)] + q * map[voxel(n, x, j, k + 1)]) +
                                      p * ((1 - q) * map[voxel(n, x, j + 1, k)] + q * map[voxel(n, x, j + 1, k + 1)]);
                const double here = map[voxel(n, x, y, z)];
                product += turned * here;
                first += here * here;
                second += turned * turned;
            }
        }
    return cosine(product, first, second);
}

std::vector<double> blade_shares(std::span<const double> map, Index n, double azimuth) {
    std::vector<double> shares(3);
    double all = 0;
    for (Index y = 0; y < n; ++y)
        for (Index z = 0; z < n; ++z) {
            const double turn = (std::atan2(middle_of(z, n), middle_of(y, n)) - azimuth) * 3 / (2 * pi);
            const auto nearest = static_cast<std::size_t>((static_cast<Index>(std::lround(turn)) % 3 + 3) % 3);
            for (Index x = 0; x < n; ++x) {
                const double energy = map[voxel(n, x, y, z)] * map[voxel(n, x, y, z)];
                shares[nearest] += energy;
                all += energy;
            }
        }
    for (double& share : shares)
        share = all > 0 ? share / all : 0;
    return shares;
}

double roughness(std::span<const double> map, Index n) {
    double variation = 0, size = 0;
    for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
            for (Index z = 0; z < n; ++z) {
                const double here = map[voxel(n, x, y, z)];
                size += std::abs(here);
                variation += x + 1 < n ? std::abs(map[voxel(n, x + 1, y, z)] - here) : 0;
                variation += y + 1 < n ? std::abs(map[voxel(n, x, y + 1, z)] - here) : 0;
                variation += z + 1 < n ? std::abs(map[voxel(n, x, y, z + 1)] - here) : 0;
            }
    return size > 0 ? variation / size : 0;
}

std::vector<double> projection(std::span<const double> map, Index n, int axis) {
    std::vector<double> picture(static_cast<std::size_t>(n * n));
    for (Index x = 0; x < n; ++x)
        for (Index y = 0; y < n; ++y)
            for (Index z = 0; z < n; ++z) {
                const Index row = axis == 2 ? n - 1 - y : n - 1 - z, column = axis == 0 ? y : x;
                picture[static_cast<std::size_t>(row * n + column)] += map[voxel(n, x, y, z)];
            }
    return picture;
}

}  // namespace descrambler::tour
