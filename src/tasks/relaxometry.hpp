// The relaxometry task: two relaxation times of a biexponential decay from a noisy trace (Sule, Spencer, Czaja;
// recipe and numbers in docs/findings.md), every number drawn fresh from a counter-based stream.
//   t_j = span j / (points - 1)                                             ms
//   T1, T2 uniform (time_min, time_max), sorted T1 <= T2                    ms
//   y   = weight exp(-t / T1) + (1 - weight) exp(-t / T2)
//   x   = y + g / snr,  g standard normal
// The network sees 2 points numbers: x twice (nd_nd), or x and y at the fitted times (nd_reg), fitted by search over
// all pairs a <= b of a uniform grid of time_min .. time_max: least of ||x - y(a, b)||^2 + penalty (a^2 + b^2) /
// time_max^2. target = (T1, T2) / time_max
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/backend.hpp"
#include "tasks/field.hpp"

namespace descrambler {

enum class Track { nd_nd, nd_reg };
[[nodiscard]] std::string_view to_string(Track track);
[[nodiscard]] Track track_from(std::string_view name);  // throws InputError with the known names

// Every pair of a track and an SNR is a condition of its own; tracks run slowest.
struct Relaxometry {
    static constexpr std::string_view task = "relaxometry", section = "relaxometry";

    std::vector<Track> tracks = {Track::nd_nd, Track::nd_reg};
    std::vector<double> snr = {100, 30};
    Index points = 64;  // of the trace; the network takes twice as many
    double span_ms = 800;
    double time_min_ms = 50, time_max_ms = 500;
    double weight = 0.6;
    Index grid = 40;          // times of the fit's grid
    double penalty = 1.6e-4;  // of the fit

    bool operator==(const Relaxometry&) const = default;
};

struct RelaxometryCondition {
    Track track = Track::nd_nd;
    double snr = 100;
};
[[nodiscard]] Index input_count(const Relaxometry& data);   // 2 points
[[nodiscard]] Index output_count(const Relaxometry& data);  // 2
[[nodiscard]] Index condition_count(const Relaxometry& data);
[[nodiscard]] RelaxometryCondition condition_of(const Relaxometry& data, Index condition);
[[nodiscard]] std::string condition_name(const Relaxometry& data, Index condition);   // "nd_reg_snr30"
[[nodiscard]] std::string condition_words(const Relaxometry& data, Index condition);  // "(ND,Reg), SNR 30"
[[nodiscard]] Relaxometry with_condition(const Relaxometry& data, Index condition);   // of this one alone

[[nodiscard]] Fields fields(Relaxometry& data);
// Throws InputError that names the field (as `relaxometry.FIELD`): outside its limits, no or repeated conditions, empty
// ranges.
void validate(const Relaxometry& data);

template <class T>
struct RelaxometryTables {
    Relaxometry data;
    std::vector<double> time_ms;  // [points]
    Matrix<T> model;              // [pairs, points] y at the pairs of the grid, a <= b, a slowest
    std::vector<T> offset;        // [pairs] ||y||^2 + penalty of the pair
};
template <class T>  // float, double
[[nodiscard]] RelaxometryTables<T> make_relaxometry_tables(const Relaxometry& data);

// Samples first, first + 1, ... of a stream into input [2 points, n] and target [2, n]; either may have no data.
// Sample i owns 1 + ceil(points / 2) Philox blocks: words 0 and 1 of the first are the times (uniform_f32, also in
// double precision), the others the noise in the order of Backend::random_normal. So all conditions of one stream
// share times and noise. `on` computes on the host. It is computed in a fixed order, the same bits wherever the sample stands in a call.
template <class T>
void relaxometry_samples(Backend<T>& on, const RelaxometryTables<T>& tables, const RelaxometryCondition& condition,
                         std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input, Batch<T> target);

// Those samples under one condition, drawn on the host.
template <class T>  // float, double
[[nodiscard]] std::unique_ptr<SampleSource<T>> sample_source(const Relaxometry& data, Index condition);

}  // namespace descrambler
