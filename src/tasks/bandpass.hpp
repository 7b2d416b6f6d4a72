// The band-pass toy task: three tones in noise, of which the middle one lies in the band to be kept (Sule, Spencer,
// Czaja), every number drawn fresh from a counter-based stream.
//   t_j = j / rate, j = 0 .. points - 1                  s, rate in Hz
//   y   = sum_k amplitude_k sin(2 pi f_k t + phi_k),  phi_k = 2 pi U
//   x   = y + noise g,  g standard normal
// The source leaves the phases open; fresh ones keep the network from learning a table. Of the target it says no more
// than "band-pass 100-200 Hz":
//   filtered  x after an ideal filter: the bins k rate / points with low <= f <= high, the others 0
//   clean     the tones of y inside low .. high
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/backend.hpp"
#include "tasks/field.hpp"

namespace descrambler {

enum class BandpassTarget { filtered, clean };
[[nodiscard]] std::string_view to_string(BandpassTarget target);
[[nodiscard]] BandpassTarget bandpass_target_from(std::string_view name);  // throws InputError with the known names

struct Bandpass {
    static constexpr std::string_view task = "bandpass", section = "bandpass";

    std::vector<BandpassTarget> targets = {BandpassTarget::filtered, BandpassTarget::clean};  // one condition each
    Index points = 1025;
    double rate_hz = 1024;
    double low_hz = 100, high_hz = 200;
    std::vector<double> tones_hz = {50, 150, 250};
    std::vector<double> amplitudes = {0.4, 0.2, 0.4};
    double noise = 1.1;

    bool operator==(const Bandpass&) const = default;
};
inline constexpr std::size_t bandpass_tones_limit = 16;

[[nodiscard]] Index input_count(const Bandpass& data);   // points
[[nodiscard]] Index output_count(const Bandpass& data);  // points
[[nodiscard]] Index condition_count(const Bandpass& data);
[[nodiscard]] std::string condition_name(const Bandpass& data, Index condition);   // "filtered"
[[nodiscard]] std::string condition_words(const Bandpass& data, Index condition);  // "target filtered"
[[nodiscard]] Bandpass with_condition(const Bandpass& data, Index condition);      // of this one alone

[[nodiscard]] Fields fields(Bandpass& data);
// Throws InputError that names the field (as `bandpass.FIELD`).
void validate(const Bandpass& data);

template <class T>
struct BandpassTables {
    Bandpass data;
    std::vector<double> time_s;  // [points]
    Matrix<T> sine, cosine;      // [points, tones] at phase 0
    Matrix<T> band;              // [points, bins] orthonormal cosines and sines of the band: filtered = B B^T x
};
template <class T>  // float, double
[[nodiscard]] BandpassTables<T> make_bandpass_tables(const Bandpass& data);

// Samples first, first + 1, ... of a stream into input and target [points, n]; either may have no data. Sample i owns
// 4 + ceil(points / 2) Philox blocks: words 0, 1, ... are the phases (uniform_f32, also in double precision), from the
// fifth block on the noise in the order of Backend::random_normal. `on` computes on the host. The filter is a product over fixed tiles of samples:
// the same bits wherever a call begins and ends.
template <class T>
void bandpass_samples(Backend<T>& on, const BandpassTables<T>& tables, BandpassTarget kind, std::uint64_t seed,
                      std::uint64_t stream, Index first, Batch<T> input, Batch<T> target);

// Those samples under one condition, drawn on the host.
template <class T>  // float, double
[[nodiscard]] std::unique_ptr<SampleSource<T>> sample_source(const Bandpass& data, Index condition);

}  // namespace descrambler
