// What a network between equally long traces does to frequencies: the band-pass toy network read as a filter.
// Definitions and verdict: docs/findings.md.
//   e_f[t] = exp(-2 pi i f t / rate), t = 0 .. N - 1
//   gain of A at f = ||A e_f|| / sqrt N;   k = 0 .. N/2 for the bins f = k rate / N
//   J = mean over traces of the Jacobian of output over input
#pragma once

#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/mlp.hpp"

namespace descrambler {

struct BandRequest {
    double rate_hz = 1;
    double low_hz = 0, high_hz = 0;  // the band to be kept
    std::vector<double> tones_hz;    // some inside, some outside
};

inline constexpr Index response_vectors = 10;

struct ResponseReading {
    std::vector<double> weight_gain;    // [N/2 + 1] of W1: does not depend on P
    std::vector<double> jacobian_gain;  // [N/2 + 1] of J
    double weight_rejection_db = 0;     // least gain of a tone inside over the largest of one outside, of W1
    double jacobian_rejection_db = 0;   // the same of J
    // The first frequencies below and above the first tone inside where J has half the gain that it has at that tone.
    double low_edge_hz = 0, high_edge_hz = 0;
    std::vector<double> vector_share;  // [10] energy of right singular vector j of W1 inside the band
    Index band_vectors = 0;   // leading right singular vectors with more than half of their energy inside the band
    double weight_share = 0;  // energy of W1 inside the band
    double low_link_raw = 0, low_link = 0;  // share of |FFT2|^2 at link frequencies up to n/13: W1, P W1
    Matrix<double> spectrum_raw, spectrum;  // [n, N/2 + 1] |FFT along time| of the rows of W1, P W1
};
// Throws InputError unless the network has two layers of at least two units, without renormalisation, and traces fit
// it. traces [N, samples]: where the Jacobian is taken. P [n, n]: descrambler of layer 1 before the activation.
[[nodiscard]] ResponseReading read_response(Backend<double>& on, const Network& network, const BandRequest& band,
                                            const Matrix<double>& traces, const Matrix<double>& P);
// Share of the band in the bins 0 .. N/2, both signs of a frequency counted: the value of white noise.
[[nodiscard]] double band_share_of_noise(const BandRequest& band, Index points);

[[nodiscard]] Matrix<double> mean_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& traces);
[[nodiscard]] double tone_gain(const Matrix<double>& A, double frequency_hz, double rate_hz);

}  // namespace descrambler
