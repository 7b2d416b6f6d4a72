// Limited-memory BFGS: the two-loop recursion, and a minimiser with a weak Wolfe line search.
// Sources: Nocedal, Math. Comput. 35 (1980) 773; Lewis, Overton, Math. Program. 141 (2013) 135 (the bisection).
#pragma once

#include <cmath>
#include <deque>
#include <span>
#include <vector>

#include "core/descent.hpp"
#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
[[nodiscard]] double inner(std::span<const T> x, std::span<const T> y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sum;
}

// The last pairs s = x' - x, y = g' - g of an optimisation.
template <class T>
class LbfgsMemory {
public:
    explicit LbfgsMemory(Index pairs) : pairs_(static_cast<std::size_t>(pairs)) {}

    // A pair without positive curvature would spoil the matrix and is left out.
    void add(std::vector<T> s, std::vector<T> y) {
        const double curvature = inner<T>(s, y);
        if (pairs_ == 0 || !(curvature > descent::least_curvature * std::sqrt(inner<T>(s, s) * inner<T>(y, y))))
            return;
        if (memory_.size() == pairs_)
            memory_.pop_front();
        memory_.push_back({std::move(s), std::move(y), curvature});
    }
    void clear() { memory_.clear(); }
    [[nodiscard]] bool empty() const { return memory_.empty(); }

    // d = -H g
    [[nodiscard]] std::vector<T> direction(std::span<const T> g) const {
        std::vector<T> d(g.begin(), g.end());
        std::vector<double> alpha(memory_.size());
        for (std::size_t i = memory_.size(); i-- > 0;) {
            alpha[i] = inner<T>(memory_[i].s, d) / memory_[i].curvature;
            accumulate(d, -alpha[i], memory_[i].y);
        }
        if (!memory_.empty()) {
            const Pair& last = memory_.back();
            const double scale = last.curvature / inner<T>(last.y, last.y);
            for (T& x : d)
                x = static_cast<T>(scale * static_cast<double>(x));
        }
        for (std::size_t i = 0; i < memory_.size(); ++i)
            accumulate(d, alpha[i] - inner<T>(memory_[i].y, d) / memory_[i].curvature, memory_[i].s);
        for (T& x : d)
            x = -x;
        return d;
    }

private:
    struct Pair {
        std::vector<T> s, y;
        double curvature;
    };
    static void accumulate(std::vector<T>& d, double factor, const std::vector<T>& x) {
        for (std::size_t i = 0; i < d.size(); ++i)
            d[i] += static_cast<T>(factor * static_cast<double>(x[i]));
    }
    std::size_t pairs_;
    std::deque<Pair> memory_;
};

struct LbfgsOptions {
    Index iterations = 1000, evaluations = 10000;
    Index memory = 20;
    double gradient = 0;  // stop at ||g|| <= gradient ||g_0||
};

// Minimises evaluate(x, g) -> value (g is written) from x and into x. after(evaluations, value, ||g||) is called after
// the start and after every iteration and stops the run by returning true. Returns whether it was stopped by that or by
// the gradient, not by a budget or for want of progress.
template <class T, class Evaluate, class After>
bool lbfgs(std::vector<T>& x, const LbfgsOptions& options, Evaluate&& evaluate, After&& after) {
    std::vector<T> g(x.size()), next(x.size()), next_g(x.size());
    LbfgsMemory<T> memory(options.memory);
    double value = evaluate(x, g);
    Index evaluations = 1;
    const double first = std::sqrt(inner<T>(g, g));
    if (after(evaluations, value, first) || first == 0)
        return true;
    for (Index iteration = 0; iteration < options.iterations; ++iteration) {
        std::vector<T> d = memory.direction(g);
        double slope = inner<T>(d, g);
        if (!(slope < 0)) {  // rounding: start again from the gradient
            memory.clear();
            d = memory.direction(g);
            slope = inner<T>(d, g);
        }
        double low = 0, high = 0, t = memory.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1.0, next_value = 0;
        bool found = false;
        for (Index trial = 0; trial < descent::lbfgs_trials && evaluations < options.evaluations; ++trial) {
            for (std::size_t i = 0; i < x.size(); ++i)
                next[i] = x[i] + static_cast<T>(t * static_cast<double>(d[i]));
            next_value = evaluate(next, next_g);
            ++evaluations;
            if (!(next_value <= value + descent::sufficient * t * slope))
                high = t;
            else if (inner<T>(d, next_g) < descent::wolfe_curvature * slope)
                low = t;
            else
                found = true;
            if (found)
                break;
            t = high > 0 ? (low + high) / 2 : 2 * t;
        }
        if (!found)
            return false;
        std::vector<T> s(x.size()), y(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
            s[i] = next[i] - x[i];
            y[i] = next_g[i] - g[i];
        }
        memory.add(std::move(s), std::move(y));
        x.swap(next);
        g.swap(next_g);
        value = next_value;
        const double norm = std::sqrt(inner<T>(g, g));
        if (after(evaluations, value, norm) || norm <= options.gradient * first)
            return true;
    }
    return false;
}

}  // namespace descrambler
