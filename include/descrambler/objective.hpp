// What is minimised over O(n) where the Gram matrix alone does not decide: a value and its gradient with respect to P.
// Anything that fills `evaluate` can be descrambled with; the criteria below and shared objects of a user do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "descrambler/stencil.hpp"

namespace descrambler {

struct Objective {
    std::string name;
    Index n = 0;
    // The value at P [n, n], to be minimised; where gradient is not null, d value / d P_ij goes there [n, n]. Must be a
    // pure function: it is called from several threads, each with its own backend.
    std::function<double(Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient)> evaluate;
};

// tr(M P G P^T) = ||M^(1/2) P R^T||^2, G = R^T R, R [k, n]: what the closed form minimises.
[[nodiscard]] Objective smoothness_objective(const Stencil& stencil, const Matrix<double>& R);
// sum |D P S| over points and samples, D the matrix of the stencil, S [n, N] the signals; |x| is smoothed to
// sqrt(x^2 + e^2) - e with e = smoothing rms(D S), so that there is a gradient. Divided by N. With a smoothing of 1 and
// more it tends to the smoothness itself, whose minimum is known: from there it is followed down.
[[nodiscard]] Objective total_variation_objective(const Matrix<double>& D, const Matrix<double>& S,
                                                  double smoothing = 1e-3);
// - sum (P S)^4 / N: rows of P S become as rare and as large as they can (varimax, independent components without
// whitening). Permuting and turning rows changes nothing.
[[nodiscard]] Objective fourth_moment_objective(const Matrix<double>& S);
// The published objective in the chart P = cayley(q): eta and d eta / d q at the packed q, in the neurons' basis; where
// `normalised` both matrices are scaled as published, M n / ||M||_2 and G n / ||G||_2. R [k, n], G = R^T R.
struct ChartValue {
    double eta = 0;
    std::vector<double> gradient;  // [n (n - 1) / 2]
};
[[nodiscard]] ChartValue chart_value(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R,
                                     const std::vector<double>& q, bool normalised);

// A user's criterion from a shared object that exports descrambler_criterion (descrambler/criterion_plugin.h), called
// with the signals S [n, N]. Throws InputError if the object cannot be loaded or does not export it.
[[nodiscard]] Objective load_objective(const std::string& path, const Matrix<double>& S);

// max over `directions` skew X of |d - <gradient, dP>| / max(|d|, <|gradient|, |dP|>), dP = -2 X P and d the central
// difference of the value along P -> cayley(t X) P, extrapolated once (step 2e-5: well inside
// the smoothing of the total variation, and rounding stays below 1e-9).
// P and X are drawn from the seed.
[[nodiscard]] double gradient_error(Backend<double>& on, const Objective& objective, std::uint64_t seed,
                                    Index directions = 5);
// Throws InputError that names the objective and shows both numbers if the error is above the tolerance.
void check_gradient(Backend<double>& on, const Objective& objective, std::uint64_t seed, double tolerance = 1e-6);

// Haar-random, det +1, from a stream of the seed: QR of normal numbers with the signs of R's diagonal.
[[nodiscard]] Matrix<double> random_rotation(Backend<double>& on, Index n, std::uint64_t seed, std::uint64_t stream);

}  // namespace descrambler
