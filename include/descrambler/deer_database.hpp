// The DEER training database: distance distributions, dipolar modulation, background and noise, every number drawn
// fresh from a counter-based stream.
//
//   w(r) = 2 pi nu / r^3                     rad/us, nu = 52.041 MHz nm^3, r in nm
//   p    = sum over peaks of (U / sigma) exp(-(r - mu)^2 / (2 sigma^2)), then sum p = 1
//            mu   = r_min + (r_max - r_min) |U + U - 1|
//            FWHM = lo + (hi - lo) |U + U - 1|,  lo = fwhm_min mu,  hi = fwhm_max (r_max - r_min)
//   v    = (1 - m + m K p) B,   B = exp(-(k t)^(d/3))
//   x    = v + s g,             s = m U(0, noise_max),  g standard normal
// U is a fresh uniform number at every occurrence. Sources: Amey et al., PNAS 2021; Keeley et al., J. Magn.
// Reson. 338 (2022) 107186; DEERNet 2.9.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

enum class InputScaling { clean, boxed };    // clean: x as it is; boxed: (x - min x) / (max x - min x)
enum class TargetScaling { maximum, mean };  // p / max p  or  p * points (mean 1)

// Everything the generator draws from; presets "pnas" and "deernet2".
struct DeerDatabase {
    std::string preset = "pnas";
    Index times = 256;      // points of the trace
    Index distances = 256;  // points of the distribution
    double span_us = 2.0;   // length of the trace
    int peaks_min = 1, peaks_max = 3;
    double fwhm_min = 0.05;                           // of the peak's distance
    double fwhm_max = 0.5;                            // of r_max - r_min
    double depth_min = 0.1, depth_max = 0.9;          // modulation depth m
    double rate_min_mhz = 0.0, rate_max_mhz = 0.5;    // k, 1/us
    double dimension_min = 2.0, dimension_max = 3.5;  // d
    double noise_max = 0.05;                          // largest standard deviation over m
    InputScaling input = InputScaling::boxed;
    TargetScaling target = TargetScaling::maximum;

    bool operator==(const DeerDatabase&) const = default;
};

inline constexpr int deer_peaks_limit = 8;
inline constexpr Index deer_points_limit = 8192;

// Where the random numbers of sample i of a stream come from: it owns deer_blocks(times) Philox blocks, from block
// i * deer_blocks(times) on. The first deer_parameter_blocks hold its parameters, one word for a uniform number
// (uniform_f32, also in double precision):
//   0 number of peaks   1 m   2 k   3 d   4 noise over noise_max   5..7 unused
//   8 + 5 q ..          peak q: two for mu, two for FWHM, one for the weight
// The noise follows: normal numbers in the order of Backend::random_normal, in the precision of the backend.
inline constexpr Index deer_parameter_blocks = 12;
[[nodiscard]] constexpr Index deer_blocks(Index times) {
    return deer_parameter_blocks + (times + 1) / 2;
}

// Throws InputError for an unknown name.
[[nodiscard]] DeerDatabase deer_preset(std::string_view name);

// Throws InputError that names the field (as `data.FIELD`) for sizes outside 4 .. deer_points_limit, empty or negative
// ranges, and peaks narrower than an eighth of a grid step.
void validate(const DeerDatabase& database);

// Grids and kernel that belong to a database.
//   time_us [times], distance_nm [distances], kernel K [times, distances], K(0, r) = 1, no dr factor.
struct DeerTables {
    DeerDatabase database;
    std::vector<double> time_us;
    std::vector<double> distance_nm;
    Matrix<double> kernel;
};
// Throws InputError as validate.
[[nodiscard]] DeerTables make_deer_tables(const DeerDatabase& database);

// Where the generator writes; a view with data == nullptr is left out. Columns are samples, one item only. Numbers are
// dimensionless.
template <class T>
struct DeerSamples {
    Batch<T> input;         // [times, n]      network input: the noisy trace, scaled
    Batch<T> target;        // [distances, n]  network target
    Batch<T> trace;         // [times, n]      the noisy trace, unscaled
    Batch<T> clean;         // [times, n]      the noise-free trace on the scale of `input`
    Batch<T> form_factor;   // [times, n]      K p
    Batch<T> background;    // [times, n]      B, never scaled
    Batch<T> distribution;  // [distances, n]  p, sum 1
};

// Host matrices of one library of samples, shaped as above.
struct DeerLibrary {
    Matrix<float> input, target, trace, clean, form_factor, background, distribution;
};
template <class T>
class Backend;
// Samples first .. first + count - 1 of a stream, with all that belongs to them. Throws std::invalid_argument for
// negative numbers and tables that do not fit each other, OutOfMemory.
[[nodiscard]] DeerLibrary make_deer_library(Backend<float>& on, const DeerTables& tables, std::uint64_t seed,
                                            std::uint64_t stream, Index first, Index count);

}  // namespace descrambler
