// The checks of `verify`. To add one: write a function that returns its rows, declare it here, add it to the list in
// verify.cpp. Draws come from streams of the check's own number.
#pragma once

#include <memory>

#include "descrambler/random.hpp"
#include "descrambler/stencil.hpp"
#include "descrambler/theory.hpp"
#include "verify/verify.hpp"

namespace descrambler::checks {

[[nodiscard]] VerifyRow equal(std::string name, std::string statement, double predicted, double measured,
                              double tolerance);
[[nodiscard]] VerifyRow at_most(std::string name, std::string statement, double predicted, double measured,
                                double tolerance);
[[nodiscard]] VerifyRow at_least(std::string name, std::string statement, double predicted, double measured,
                                 double tolerance);
// The row for a printed statement that is known to be wrong.
[[nodiscard]] VerifyRow as_printed(VerifyRow row);

// Stream of repetition `repetition` of check number `check`.
[[nodiscard]] RandomStream draws(const VerifyOptions& options, std::uint64_t check, std::uint64_t repetition = 0);

// Where a check multiplies and factorises: the device asked for, or the CPU on one thread.
[[nodiscard]] std::shared_ptr<Backend<double>> algebra(const VerifyOptions& options);

// Traces [256, count] of the preset pnas, unscaled, with noise or without.
struct Traces {
    Matrix<double> noisy, clean;
};
[[nodiscard]] Traces traces(const VerifyOptions& options, std::uint64_t check, Index count);

// eta of P over its minimum, minus 1, for the Gram R^T R.
[[nodiscard]] double excess(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P,
                            const Matrix<double>& R);
[[nodiscard]] Matrix<double> difference(Matrix<double> A, const Matrix<double>& B);

// ---- the checks, each in the file of its name ----------------------------------------------------------------------
using Rows = std::vector<VerifyRow>;
[[nodiscard]] Rows minimum(const VerifyOptions& options);      // verify_minimum: eta* and all its minimisers
[[nodiscard]] Rows group(const VerifyOptions& options);        // verify_minimum: equivariance, O(n), SO(n), phi
[[nodiscard]] Rows stencils(const VerifyOptions& options);     // verify_minimum: only the order of mu
[[nodiscard]] Rows noise(const VerifyOptions& options);        // verify_noise: Theorem 1
[[nodiscard]] Rows signal(const VerifyOptions& options);       // verify_noise: Theorem 2
[[nodiscard]] Rows convolution(const VerifyOptions& options);  // verify_convolution: Corollary 1
[[nodiscard]] Rows diagonal(const VerifyOptions& options);     // verify_diagonal: MDS and MDN
[[nodiscard]] Rows chart(const VerifyOptions& options);        // verify_diagonal: pair flips
[[nodiscard]] Rows surrogate(const VerifyOptions& options);    // verify_surrogate: Jacobian in place of data
[[nodiscard]] Rows kernel(const VerifyOptions& options);       // verify_surrogate: the DEER kernel
// verify_optimisers: methods on trained networks, which it trains
[[nodiscard]] Rows optimisers(const VerifyOptions& options, const Progress& progress);
[[nodiscard]] Rows quartic(const VerifyOptions& options, const Progress& progress);  // verify_quartic: --full only

}  // namespace descrambler::checks
