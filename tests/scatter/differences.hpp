// Central differences of what depends on numbers. With a step of 1e-4 of numbers of order one, five points leave a truncation
// of h^4 f'''''/30 ~ 1e-16 and rounding of eps / h ~ 2e-12: 1e-10 of the largest derivative is safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace descrambler::test {

using Function = std::function<std::vector<double>(const std::vector<double>&)>;

// d f / d x_i at x
inline std::vector<double> difference(const Function& f, const std::vector<double>& x, std::size_t i, double h = 1e-4) {
    const auto at = [&](double by) {
        std::vector<double> moved = x;
        moved[i] += by;
        return f(moved);
    };
    const std::vector<double> a = at(-2 * h), b = at(-h), c = at(h), d = at(2 * h);
    std::vector<double> slopes(a.size());
    for (std::size_t k = 0; k < a.size(); ++k)
        slopes[k] = (8 * (c[k] - b[k]) - (d[k] - a[k])) / (12 * h);
    return slopes;
}

inline double largest(const std::vector<double>& values) {
    double most = 0;
    for (const double value : values)
        most = std::max(most, std::abs(value));
    return most;
}

// max |a - b| / max |b|
inline double off(const std::vector<double>& a, const std::vector<double>& b) {
    double most = 0;
    for (std::size_t k = 0; k < b.size(); ++k)
        most = std::max(most, std::abs(a[k] - b[k]));
    return most / largest(b);
}

}  // namespace descrambler::test
