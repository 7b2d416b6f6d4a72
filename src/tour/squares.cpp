#include "tour/squares.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace descrambler::tour {

namespace {

struct Point {
    double x = 0, y = 0;
};

// The part of a polygon where dot(normal, p) <= limit (Sutherland, Hodgman 1974).
std::vector<Point> clipped(const std::vector<Point>& polygon, Point normal, double limit) {
    std::vector<Point> kept;
    const auto beyond = [&](Point p) { return normal.x * p.x + normal.y * p.y - limit; };
    for (std::size_t i = 0; i < polygon.size(); ++i) {
        const Point a = polygon[i], b = polygon[(i + 1) % polygon.size()];
        const double da = beyond(a), db = beyond(b);
        if (da <= 0)
            kept.push_back(a);
        if ((da < 0 && db > 0) || (da > 0 && db < 0)) {
            const double t = da / (da - db);
            kept.push_back({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
        }
    }
    return kept;
}

double area(const std::vector<Point>& polygon) {
    double twice = 0;
    for (std::size_t i = 0; i < polygon.size(); ++i) {
        const Point a = polygon[i], b = polygon[(i + 1) % polygon.size()];
        twice += a.x * b.y - b.x * a.y;
    }
    return std::abs(twice) / 2;
}

// The middle of a pixel in the axes of the square, which lie along its sides.
Point in_square(Index size, Index row, Index column, double angle) {
    const double middle = static_cast<double>(size) / 2;
    const double x = static_cast<double>(column) + .5 - middle, y = middle - static_cast<double>(row) - .5;
    return {x * std::cos(angle) + y * std::sin(angle), y * std::cos(angle) - x * std::sin(angle)};
}

// Share of the pixel with this middle (in the axes of the square) that the square covers.
double covered(Point middle, double half, double angle) {
    const double out = std::max(std::abs(middle.x), std::abs(middle.y)) - half;
    if (out >= std::sqrt(.5))  // half a diagonal
        return 0;
    if (out <= -std::sqrt(.5))
        return 1;
    const double c = std::cos(angle) / 2, s = std::sin(angle) / 2;
    std::vector<Point> pixel;
    for (const auto& [x, y] : {std::array{-1., -1.}, {1., -1.}, {1., 1.}, {-1., 1.}})
        pixel.push_back({middle.x + x * c + y * s, middle.y + y * c - x * s});
    for (const Point normal : {Point{1, 0}, {-1, 0}, {0, 1}, {0, -1}})
        pixel = clipped(pixel, normal, half);
    return area(pixel);
}

}  // namespace

std::vector<double> rotated_square(Index size, double side, double angle) {
    std::vector<double> picture;
    picture.reserve(static_cast<std::size_t>(size * size));
    for (Index row = 0; row < size; ++row)
        for (Index column = 0; column < size; ++column)
            picture.push_back(covered(in_square(size, row, column, angle), side / 2, angle));
    return picture;
}

Matrix<double> rotated_square_pictures(Index size, double side, std::span<const double> angles) {
    Matrix<double> pictures(size * size, std::ssize(angles));
    for (Index k = 0; k < pictures.cols(); ++k)
        std::ranges::copy(rotated_square(size, side, angles[static_cast<std::size_t>(k)]), pictures.column(k).begin());
    return pictures;
}

std::vector<bool> near_outline(Index size, double side, double angle, double reach) {
    std::vector<bool> near;
    near.reserve(static_cast<std::size_t>(size * size));
    for (Index row = 0; row < size; ++row)
        for (Index column = 0; column < size; ++column) {
            const Point p = in_square(size, row, column, angle);
            const double dx = std::abs(p.x) - side / 2, dy = std::abs(p.y) - side / 2;
            const double distance =
                dx <= 0 && dy <= 0 ? -std::max(dx, dy) : std::hypot(std::max(dx, 0.), std::max(dy, 0.));
            near.push_back(distance <= reach);
        }
    return near;
}

}  // namespace descrambler::tour
