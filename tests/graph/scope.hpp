// What every frozen network must show at its input.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "descrambler/facts.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/receptive.hpp"

namespace descrambler::test {

inline double largest(const std::vector<double>& numbers) {
    double result = 0;
    for (const double number : numbers)
        result = std::max(result, std::abs(number));
    return result;
}

// Numbers between -1 and 1 that look random and are the same everywhere.
inline Matrix<double> wave(Index rows, Index cols, double phase) {
    Matrix<double> result(rows, cols);
    for (Index i = 0; i < result.size(); ++i)
        result.values()[static_cast<std::size_t>(i)] = std::sin(static_cast<double>(i * i % 9973) * .37 + phase);
    return result;
}

struct ScopeErrors {
    double identity = 0;      // |F x0 + r - y| over the sum of the parts
    double adjoint = 0;       // |<F u, w> - <u, F^T w>| / (||F u|| ||w||)
    double conservation = 0;  // |y_j - sum of contributions| over the sum of their sizes
    double windows = 0;       // of rows and columns through windows against whole probes: the same numbers
};

inline double window_error(const FrozenNetwork<double>& frozen) {
    const auto some = [](Index n) {
        std::vector<Index> places;
        for (Index i = 0; i < std::min<Index>(n, 5); ++i)
            places.push_back(i * (n - 1) / std::max<Index>(std::min<Index>(n, 5) - 1, 1));
        return places;
    };
    const auto units = [](Index n, const std::vector<Index>& places) {
        Matrix<double> result(n, std::ssize(places));
        for (Index k = 0; k < result.cols(); ++k)
            result(places[static_cast<std::size_t>(k)], k) = 1;
        return result;
    };
    double worst = 0;
    const auto compare = [&](const Matrix<double>& a, const Matrix<double>& b) {
        for (std::size_t i = 0; i < a.values().size(); ++i)
            if (const double error = std::abs(a.values()[i] - b.values()[i]); !(error <= worst))  // NaN too
                worst = error;
    };
    const std::vector<Index> rows = some(frozen.outputs()), columns = some(frozen.inputs());
    compare(frozen.rows(rows), frozen.adjoint(units(frozen.outputs(), rows)));
    compare(frozen.columns(columns), frozen.apply(units(frozen.inputs(), columns)));
    return worst;
}

// Whether what a pass has left in memory, NaN everywhere, shows in the next one.
inline bool remembers(const FrozenNetwork<double>& frozen, const Matrix<double>& u, const Matrix<double>& Fu,
                      const Matrix<double>& w, const Matrix<double>& Ftw) {
    const auto spoil = [&] {
        Matrix<double> probes(frozen.inputs(), u.cols()), back(frozen.outputs(), w.cols());
        std::ranges::fill(probes.values(), std::nan(""));
        std::ranges::fill(back.values(), std::nan(""));
        (void)frozen.apply(probes);
        (void)frozen.adjoint(back);
    };
    spoil();
    if (!std::ranges::equal(frozen.apply(u).values(), Fu.values()))
        return true;
    spoil();
    return !std::ranges::equal(frozen.adjoint(w).values(), Ftw.values());
}

inline ScopeErrors scope_errors(const FrozenNetwork<double>& frozen, const std::vector<double>& x0) {
    ScopeErrors errors;
    Matrix<double> x(frozen.inputs(), 1);
    std::copy(x0.begin(), x0.end(), x.data());
    const Matrix<double> Fx = frozen.apply(x);
    const std::vector<double> r = frozen.residual();
    const Parts<double> parts_of_y = frozen.parts();
    if (parts_of_y.residual != r || !std::ranges::equal(parts_of_y.linear, Fx.values()))
        errors.identity = 1;  // the same bits, whatever probe is beside
    double scale = 1e-300, worst = 0;
    for (Index i = 0; i < frozen.outputs(); ++i) {
        const auto e = static_cast<std::size_t>(i);
        scale = std::max(scale, std::abs(Fx(i, 0)) + std::abs(r[e]));
        worst = std::max(worst, std::abs(Fx(i, 0) + r[e] - frozen.output()[e]));
    }
    errors.identity = std::max(errors.identity, worst / scale);

    const Matrix<double> u = wave(frozen.inputs(), 2, .3), w = wave(frozen.outputs(), 2, 1.1);
    const Matrix<double> Fu = frozen.apply(u), Ftw = frozen.adjoint(w);
    if (remembers(frozen, u, Fu, w, Ftw))
        errors.identity = 1;
    for (Index k = 0; k < 2; ++k) {
        double a = 0, b = 0, size_a = 1e-300, size_b = 1e-300, of_w = 0, of_u = 0;
        for (Index i = 0; i < frozen.outputs(); ++i) {
            a += Fu(i, k) * w(i, k);
            size_a += Fu(i, k) * Fu(i, k);
            of_w += w(i, k) * w(i, k);
        }
        for (Index i = 0; i < frozen.inputs(); ++i) {
            b += Ftw(i, k) * u(i, k);
            size_b += Ftw(i, k) * Ftw(i, k);
            of_u += u(i, k) * u(i, k);
        }
        errors.adjoint =
            std::max(errors.adjoint, std::abs(a - b) / std::max(std::sqrt(size_a * of_w), std::sqrt(size_b * of_u)));
    }

    if (frozen.outputs() == 0)
        return errors;
    errors.windows = window_error(frozen);
    std::vector<Index> some{0};
    if (frozen.outputs() > 1)
        some.push_back(frozen.outputs() - 1);
    const Contributions parts = frozen.contributions(some);
    const Matrix<double> rows = frozen.rows(some);
    for (Index k = 0; k < std::ssize(some); ++k) {
        double sum = 0, sizes = 1e-300;
        for (const double part : parts.values.column(k)) {
            sum += part;
            sizes += std::abs(part);
        }
        for (Index i = 0; i < rows.rows(); ++i)  // the input's part is a sum itself
            sizes += std::abs(rows(i, k) * x0[static_cast<std::size_t>(i)]);
        const double y = frozen.output()[static_cast<std::size_t>(some[static_cast<std::size_t>(k)])];
        errors.conservation = std::max(errors.conservation, std::abs(sum - y) / sizes);
    }
    return errors;
}

// What is told of the nodes without an input, against what is recorded there and where rows of F are not 0.
inline std::string facts_error(const Graph& graph, const FreezeOptions& options, const FrozenNetwork<double>& frozen) {
    Index bytes = 0;
    for (const NodeFacts& node : node_facts(graph, options, sizeof(double)))
        bytes += node.record_bytes;
    if (bytes != frozen.recorded_bytes())
        return std::to_string(bytes) + " bytes are told, " + std::to_string(frozen.recorded_bytes()) + " recorded";
    const Shape& input = graph.values[static_cast<std::size_t>(graph.input)].shape;
    if (frozen.outputs() == 0 || frozen.inputs() == 0 || graph.nodes.empty())
        return "";
    std::vector<Index> axes(input.size());
    std::iota(axes.begin(), axes.end(), Index{0});
    const std::vector<ReceptiveField> fields = receptive_fields(graph, options, axes).back();
    const std::vector<Index> some{0, frozen.outputs() / 2, frozen.outputs() - 1};
    const Matrix<double> rows = frozen.rows(some);
    for (Index k = 0; k < rows.cols(); ++k) {
        Index behind = 1;
        for (std::size_t a = input.size(); a-- > 0; behind *= input[a]) {
            Index first = input[a], last = -1;
            for (Index i = 0; i < rows.rows(); ++i)
                if (rows(i, k) != 0) {
                    first = std::min(first, i / behind % input[a]);
                    last = std::max(last, i / behind % input[a]);
                }
            if (last - first + 1 > fields[a].size)
                return "row " + std::to_string(some[static_cast<std::size_t>(k)]) + " reaches over " +
                       std::to_string(last - first + 1) + " on axis " + std::to_string(a) + ", told are " +
                       std::to_string(fields[a].size);
        }
    }
    return "";
}

}  // namespace descrambler::test
