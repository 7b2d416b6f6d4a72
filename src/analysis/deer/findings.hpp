// The published findings as numbers, by the definitions of docs/findings.md. Nothing here gates on a picture.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/finding.hpp"
#include "descrambler/deer_database.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/stencil.hpp"

namespace descrambler {

// The analysis library in fp64, made with the same input scaling as the networks; columns are samples.
struct FindingsLibrary {
    Matrix<double> input;        // [times, N]
    Matrix<double> clean;        // [times, N]
    Matrix<double> form_factor;  // [times, N]
    Matrix<double> background;   // [times, N]
    Matrix<double> target;       // [distances, N]
};

struct RawAndDescrambled {
    double raw = 0;
    double descrambled = 0;  // = raw for numbers that do not depend on P
};

// What the figures of a report show of one two-layer network (n = link width, N = times, M = distances).
struct NetworkReading {
    std::map<std::string, RawAndDescrambled> values;  // keys as in summary.json `findings`, one network each
    std::map<std::string, double> extras;             // controls of single findings: DC16 by library and stencil, ...
    std::vector<double> gain;                         // [N/2 + 1] H(k)
    Matrix<double> spectrum_raw;                      // [n, N] folded |FFT2| of W1
    Matrix<double> spectrum_descrambled;              // [n, N] of P W1
    std::vector<double> centroid;                     // [32] c(k), k = 1 .. 32
    Matrix<double> jacobian_response;                 // [M, M] R = J Kc: output distance against input distance
    std::vector<double> jacobian_peak_nm;        // [M] r_hat for each input distance (NaN outside the indices used)
    Matrix<double> left_vectors;                 // [M, 8] of W2
    Matrix<double> right_vectors;                // [n, 8] of W2 P^T (joint)
    std::vector<double> singular_1, singular_2;  // [n] of W1, W2
    Matrix<double> link_gram_raw, link_gram_descrambled;  // [n, n] cosines between link columns of W2, W2 P^T
};

struct ReadingInput {
    const Network* network = nullptr;
    const Matrix<double>* P1 = nullptr;          // [n, n] layer 1 before, smoothness
    const Matrix<double>* P2_joint = nullptr;    // [n, n] layer 1 after, joint lambda = 1
    const Matrix<double>* P2_signals = nullptr;  // [n, n] layer 1 after, smoothness (lambda = 0)
    double eta_raw = 0, eta = 0;                 // of P1
    bool controls = true;                        // the extras too (they cost more)
};

// Throws InputError for a network that is not two-layered or does not fit the tables.
[[nodiscard]] NetworkReading read_network_findings(Backend<double>& on, const DeerTables& tables,
                                                   const FindingsLibrary& library, const ReadingInput& input);

// Best monotone-map fits of the first six left vectors: u_j ~ alpha_j f_j(phi(s)); mean R^2 over j.
struct WarpedFit {
    double chebyshev = 0, legendre = 0, covariance = 0;  // covariance: eigenvectors of a Gaussian covariance, 0.4 nm
};
[[nodiscard]] WarpedFit warped_fits(Backend<double>& on, const Matrix<double>& left_vectors,
                                    const std::vector<double>& distance_nm);

// ---- verdicts ------------------------------------------------------------------------------------------------------

// values of the groups, one NetworkReading per network; fills unit, claim, verdict and reading by the thresholds of
// docs/findings.md ("reproduced" = figure passes; "discriminating" = untrained and shuffled controls pass too).
[[nodiscard]] std::vector<FindingRow> findings_table(const std::vector<NetworkReading>& trained,
                                                     const std::vector<NetworkReading>& untrained,
                                                     const std::vector<NetworkReading>& shuffled,
                                                     const std::vector<NetworkReading>& no_decay);

}  // namespace descrambler
