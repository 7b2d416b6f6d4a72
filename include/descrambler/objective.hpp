// What is minimised over O(n) where the Gram matrix alone does not decide: a value and its gradient with respect to P.
// Anything that fills `evaluate` can be descrambled with; the criteria below and shared objects of a user do. Throws
// std::invalid_argument where sizes do not fit.
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
    // The value at P [n, n], to be minimised; where gradient is not null, d value / d P_ij is assigned to it [n, n].
    // Must be a pure function: it is called from several threads, each with its own backend.
    std::function<double(Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient)> evaluate;
};

// tr(M P G P^T) = ||M^(1/2) P R^T||^2, G = R^T R, R [k, n]: what the closed form minimises.
[[nodiscard]] Objective smoothness_objective(const Stencil& stencil, const Matrix<double>& R);
// sum |D P S| / N over points and samples, D [m, n] the matrix of the stencil, S [n, N] the signals; |x| is smoothed to
// sqrt(x^2 + e^2) - e with e = smoothing rms(D S), so that there is a gradient. With a smoothing of 1 or more it tends
// to the smoothness itself, whose minimum is known and can be followed from there to small smoothings.
[[nodiscard]] Objective total_variation_objective(const Matrix<double>& D, const Matrix<double>& S,
                                                  double smoothing = 1e-3);
// -sum (P S)^4 / N, S [n, N]: the rows of P S become as sparse as they can (varimax; independent components without
// whitening). Permutations and signs of the rows change nothing.
[[nodiscard]] Objective fourth_moment_objective(const Matrix<double>& S);
// The published objective (Amey et al., PNAS 2021) in the chart P = cayley(q): eta and d eta / d q at q
// [n (n - 1) / 2], packed as in backend/orthogonal.hpp, in the basis of the neurons; where `normalised` both matrices
// are scaled as published, M n / ||M||_2 and G n / ||G||_2. R [k, n], G = R^T R.
struct ChartValue {
    double eta = 0;
    std::vector<double> gradient;  // [n (n - 1) / 2]
};
[[nodiscard]] ChartValue chart_value(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R,
                                     const std::vector<double>& q, bool normalised);

// A user's criterion from a shared object that exports descrambler_criterion (descrambler/criterion_plugin.h), called
// with the signals S [n, N]. Throws InputError if the object cannot be loaded or does not export it; so does `evaluate`
// where a value or gradient is not finite.
[[nodiscard]] Objective load_objective(const std::string& path, const Matrix<double>& S);

// max over `directions` skew X of |d - <gradient, dP>| / max(|d|, <|gradient|, |dP|>), dP = -2 X P and d the central
// difference of the value along t -> cayley(t X) P, extrapolated once (step 2e-5: well inside the smoothing of the
// total variation, and rounding stays below 1e-9). P and X are drawn from the seed.
[[nodiscard]] double gradient_error(Backend<double>& on, const Objective& objective, std::uint64_t seed,
                                    Index directions = 5);
// Throws InputError that names the objective and shows both numbers if the error is above the tolerance.
void check_gradient(Backend<double>& on, const Objective& objective, std::uint64_t seed, double tolerance = 1e-6);

// [n, n], Haar-random with det +1, from a stream of the seed: Q of the QR of normal numbers, its columns turned by the
// signs of R's diagonal, and the first once more where det Q = -1.
[[nodiscard]] Matrix<double> random_rotation(Backend<double>& on, Index n, std::uint64_t seed, std::uint64_t stream);

}  // namespace descrambler
