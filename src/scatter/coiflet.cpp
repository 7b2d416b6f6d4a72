#include "descrambler/coiflet.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "descrambler/matrix.hpp"
#include "scatter/small_system.hpp"

namespace descrambler {

namespace {

using Taps = std::array<double, 6>;

struct Equations {
    std::vector<double> values;                              // [6]
    Matrix<double> jacobian;                                 // [6, 6]
    std::vector<double> by_centre = std::vector<double>(6);  // d values / d tbar
};

Equations equations(const Taps& h, double centre) {
    Equations e{std::vector<double>(6), Matrix<double>(6, 6)};
    for (Index k = 0; k < 3; ++k) {
        e.values[k] = k == 0 ? -1 : 0;
        for (Index n = 0; n + 2 * k < 6; ++n) {
            e.values[k] += h[n] * h[n + 2 * k];
            e.jacobian(k, n) += h[n + 2 * k];
            e.jacobian(k, n + 2 * k) += h[n];
        }
    }
    for (Index n = 0; n < 6; ++n) {
        const double place = static_cast<double>(n), sign = n % 2 == 0 ? 1 : -1;
        const std::array<double, 3> weights{sign, sign * place, place - centre};
        for (Index k = 0; k < 3; ++k) {
            e.values[3 + k] += weights[k] * h[n];
            e.jacobian(3 + k, n) = weights[k];
        }
        e.by_centre[5] -= h[n];
    }
    return e;
}

double largest(const std::vector<double>& values) {
    double most = 0;
    for (const double value : values)
        most = std::max(most, std::abs(value));
    return most;
}

std::vector<double> slope(const Equations& e) {
    std::vector<double> step = scatter::solve_small(e.jacobian, e.by_centre);
    for (double& number : step)
        number = -number;
    return step;
}

void newton(Taps& h, double centre) {
    const Taps start = h;
    double last = 1;
    for (int i = 0; i < 30; ++i) {
        const Equations e = equations(h, centre);
        const double residual = largest(e.values);
        if (residual <= 2e-16 || (residual < 1e-14 && residual >= last))
            break;
        last = residual;
        const std::vector<double> step = scatter::solve_small(e.jacobian, e.values);
        for (Index n = 0; n < 6; ++n)
            h[n] -= step[n];
    }
    double moved = 0;
    for (Index n = 0; n < 6; ++n)
        moved = std::max(moved, std::abs(h[n] - start[n]));
    // the tangent is wrong by less than .01 all along the branch
    if (!(largest(equations(h, centre).values) <= 1e-13) || moved > .05)
        throw Error("Coiflet: Newton's method left the branch at tbar = " + digits(centre));
}

}  // namespace

Coiflet coiflet_filter(double centre) {
    if (!(centre >= least_coiflet_centre && centre <= most_coiflet_centre))
        throw InputError("Coiflet: expected a centre within .565 .. 4.435 (length 6), found " + digits(centre));
    const double root = std::sqrt(7.), unit = 16 * std::sqrt(2.);
    Taps h{(1 - root) / unit,      (5 + root) / unit, (14 + 2 * root) / unit,
           (14 - 2 * root) / unit, (1 - root) / unit, (root - 3) / unit};  // coif1
    const double way = centre < 2 ? -1 : 1;
    for (double at = 2; at != centre;) {
        const bool fold_near = at < .7 || at > 4.3;
        const double stride = fold_near ? .002 : .02;
        const double next = std::abs(centre - at) <= stride ? centre : at + way * stride;
        const std::vector<double> tangent = slope(equations(h, at));
        for (Index n = 0; n < 6; ++n)
            h[n] += (next - at) * tangent[n];
        newton(h, next);
        at = next;
    }
    const Equations e = equations(h, centre);
    Coiflet coiflet{h};
    const std::vector<double> tangent = slope(e);
    std::copy(tangent.begin(), tangent.end(), coiflet.derivative.begin());
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> s = singular_values(*on, e.jacobian);
    coiflet.condition = s.front() / s.back();
    coiflet.residual = largest(e.values);
    return coiflet;
}

}  // namespace descrambler
