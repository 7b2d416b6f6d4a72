// The pieces of read_network_findings: each fills its own entries of a reading. Definitions: docs/findings.md.
// Index ranges are published for 256 times, 256 distances and a link of 80; `scaled` carries them to other sizes.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "analysis/deer/findings.hpp"

namespace descrambler::findings {

[[nodiscard]] constexpr Index scaled(Index published, Index size, Index published_size = 256) {
    return (published * size + published_size / 2) / published_size;
}
[[nodiscard]] double decibel(double amplitude_ratio);  // 20 log10, finite for any ratio >= 0
[[nodiscard]] double ratio(double a, double b);        // a / b, 0 where b is 0

struct Line {
    double slope = 0, r2 = 0;
};
[[nodiscard]] Line power_law(std::span<const double> x, std::span<const double> y);  // log y on log x, y > 0 only

[[nodiscard]] Matrix<double> without_row_means(Matrix<double> A);  // each row minus its mean over the columns
[[nodiscard]] Matrix<double> first_columns(const Matrix<double>& A, Index count);
[[nodiscard]] std::vector<double> smoothed(std::span<const double> u);  // Gaussian, sigma 2, edge values repeated
// Mean squared length of the projections of the orthonormal columns of `vectors` onto the span of `basis`.
[[nodiscard]] double overlap(Backend<double>& on, const Matrix<double>& vectors, const Matrix<double>& basis);

// The first six eigenvectors of a plain Gaussian covariance of length 0.4 nm, and the Chebyshev part of warped_fits.
[[nodiscard]] Matrix<double> covariance_vectors(Backend<double>& on, const std::vector<double>& distance_nm);
[[nodiscard]] double chebyshev_fit(const Matrix<double>& vectors);
// Mean R^2 of the Chebyshev fit at the map of these ten numbers, and its gradient.
[[nodiscard]] double chebyshev_r2(const Matrix<double>& vectors, const std::array<double, 10>& theta,
                                  std::array<double, 10>& gradient);

void set(NetworkReading& reading, const std::string& key, double raw, double descrambled);
void set(NetworkReading& reading, const std::string& key, double invariant);

// Layer 1 as a filter (P-invariant), and its 2-D spectrum before and after P1.
void read_filter(Backend<double>& on, const FindingsLibrary& library, const Matrix<double>& W1, NetworkReading& out);
void read_link_spectrum(Backend<double>& on, const DeerTables& tables, const ReadingInput& input, NetworkReading& out);
// DC16 with other libraries and the non-periodic stencil (extras).
void read_notch_controls(Backend<double>& on, const FindingsLibrary& library, const Network& network,
                         NetworkReading& out);
// The network as a transform of time into distance (P-invariant); any depth.
void read_jacobian(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                   const Network& network, NetworkReading& out);
// Layer 2 along the link, and its singular vectors.
void read_link_axis(Backend<double>& on, const DeerTables& tables, const ReadingInput& input, NetworkReading& out);
// Sturm6, DCT20 and rank12 of the last weight, ten singular vectors at least.
void read_output_order(const Svd& output, NetworkReading& out);
void read_output_vectors(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                         const ReadingInput& input, NetworkReading& out);

}  // namespace descrambler::findings
