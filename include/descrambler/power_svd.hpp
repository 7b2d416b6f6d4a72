// Leading singular triplets of a linear operator by the power method with momentum and deflation, the published method
// beside `lanczos_svd`, in a form that converges to what it says, and as it was printed.
//   u = A v,   s^2 = <u, u>,   w = A^T u - m v_previous,   v_previous = v / ||w||,   v = w / ||w||
// for unit v, u and w projected off the triplets that were found before (both sides: off one side alone, pairs that are
// not exact lose their orthogonality). Stops when ||A^T u / ||u|| - ||u|| v|| <= tolerance ||u||.
//
// Momentum. With m <= s_2^4 / 4 an error falls by g_2 / g_1 a step, g_i = (s_i^2 + sqrt(s_i^4 - 4 m)) / 2: fastest at
// m = s_2^4 / 4; from m = s_1^4 / 4 on the leading vector no longer grows faster than others and nothing converges.
// A given m is used once ||A v||^4 / 4 is above it, which s_1^4 / 4 is never below, and refused if that never comes.
// Without one, m follows the fall of the residual: a fall by f means g_2 = f g_1 and s_2^2 = g_2 + m / g_2. It only
// rises; what it may rise too far, below s_1^4 / 4, costs steps and nothing else. For s = 1, .97, .9 .. and a tolerance
// of 1e-7: 204 to 238 pairs without momentum, 48 to 56 with the best one, 63 to 65 adapted (three start vectors).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "descrambler/linear_operator.hpp"

namespace descrambler {

struct PowerOptions {
    int wanted = 1;
    std::optional<double> momentum;  // m, in units of s^4, for every triplet; none: adapted
    double tolerance = 1e-6;         // residual of each triplet over its own value
    Index most_pairs = 4000;         // of all triplets together
    std::uint64_t seed = 1;
};

struct PowerSvd {
    Matrix<double> U;               // [rows, found]
    std::vector<double> s;          // [found] as they were found: nearly equal values may change places
    Matrix<double> V;               // [cols, found]; the entry of a column with the largest magnitude is positive
    std::vector<double> residuals;  // [found] ||A^T u - s v||
    std::vector<double> momentum;   // [found] m at the end
    bool converged = false;         // found = wanted, each to tolerance; otherwise the last one is not
    Index pairs = 0;
};

// Throws InputError for a count above the rank, options that do not fit and a momentum that is not below s^4 / 4 of
// every triplet wanted, Error where a product is not finite.
[[nodiscard]] PowerSvd power_svd(Backend<double>& on, const LinearOperator& A, const PowerOptions& options);

// The algorithm as printed, but for its first line, which sets the momentum to 0: v starts as it is given, its length
// included; `square` = <v, w> with w = A^T A v - m v_previous, from which the momentum is already subtracted. So it
// converges to nu = (l + sqrt(l^2 - 4 m)) / 2 and not to l = s_1^2 = nu + m / nu; u belongs to the v before the last.
struct PublishedPower {
    std::vector<double> u, v;
    double square = 0;  // printed as sigma
};
[[nodiscard]] PublishedPower published_power(Backend<double>& on, const LinearOperator& A, double momentum, int steps,
                                             const std::vector<double>& start);

}  // namespace descrambler
