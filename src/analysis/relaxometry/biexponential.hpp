// Are the singular vectors of a relaxometry network sums of two exponentials (Sule, Spencer, Czaja)? Fits, and the same
// fits of curves that no network has seen. Definitions and verdict: docs/findings.md.
//   v_i ~ c_1 exp(-k_1 s_i) + c_2 exp(-k_2 s_i),  s_i = i / (n - 1);  c and k of any sign, no constant
//   R^2 = 1 - |v - fit|^2 / |v - mean v|^2
// c by least squares; k from the best pair of a fixed grid by Nelder-Mead, a local method: a lower bound.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/mlp.hpp"

namespace descrambler {

struct BiexponentialFit {
    double r2 = 0;
    std::array<double, 2> c{}, k{};  // k per length of the curve
    std::vector<double> curve;       // [n]
};
[[nodiscard]] BiexponentialFit fit_biexponential(std::span<const double> v);  // at least 5 points

// Means over five points, fewer at the ends: noise in a misfit goes, a systematic one stays.
[[nodiscard]] std::vector<double> smoothed_5(std::span<const double> v);
// Sign changes of the smoothed curve; values below 5 % of its largest are left out.
[[nodiscard]] Index sign_changes(std::span<const double> v);

inline constexpr Index biexponential_vectors = 3;

// Right singular vectors of W1 [n, 2 N], each half of N by itself. None of it depends on a descrambler: P W1 has the
// same right singular vectors.
struct BiexponentialReading {
    Matrix<double> vectors;          // [2 N, 3], turned so that the first half has a positive sum
    Matrix<double> curves;           // [2 N, 3] the fits
    Matrix<double> r2, smoothed_r2;  // [2, 3] half, vector
    Matrix<double> sign_changes;     // [2, 3]
    double half_likeness = 0;        // |cosine| between the halves of the first vector
    std::vector<double> singular;    // [min(n, 2 N)]
};
// Throws InputError for an odd number of inputs, fewer than 10 or fewer than three rows.
[[nodiscard]] BiexponentialReading read_biexponential(Backend<double>& on, const Network& network);

struct CurveScore {
    std::string name;        // "DCT vector 1"
    std::vector<double> r2;  // one value a curve of that name
};
// DCT-II vectors 1-3, Legendre polynomials P1-P3 on a uniform grid, 20 random walks and 20 pieces of white noise.
[[nodiscard]] std::vector<CurveScore> generic_curve_scores(Index points, std::uint64_t seed);
// Principal components 1-3 of traces (columns [N, samples], minus their mean).
[[nodiscard]] std::vector<CurveScore> principal_component_scores(Backend<double>& on, const Matrix<double>& traces);

}  // namespace descrambler
